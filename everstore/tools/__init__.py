"""The functions that an agent calls to work in a session, told to a model in its own terms.

::

    toolbox = Toolbox(store.session(session_id))
    tools = toolbox.openai()  # or toolbox.anthropic(), or toolbox.functions()
    answer = await toolbox.call("read", '{"path": "/notes.md"}')  # answer.text, answer.is_error
"""

from __future__ import annotations

from everstore.tools.answers import Answer
from everstore.tools.declaring import Tool
from everstore.tools.toolbox import Toolbox

__all__ = ["Answer", "Tool", "Toolbox"]
