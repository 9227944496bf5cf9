"""Branches of sessions: forks, checkpoints and rewinding; what is different in two, and merging.

All of it is made, once, of what each role of a backend can do: ``fork_session`` and ``diff_sessions``. Each
role is of one moment, files first, then values, records last.
"""
