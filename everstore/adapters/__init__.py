"""Where agents already live: one framework a module, imported only there, with an extra of its name.

``pip install 'everstore[langgraph]'`` and ``everstore.adapters.langgraph``, for example. Each takes a store
that is open, so it runs on whatever backend the environment names; none has a state of its own.
"""
