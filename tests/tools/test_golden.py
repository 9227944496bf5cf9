"""What a model sees: calls and their answers, one after another, as they stand in ``golden.txt``.

``python tests/tools/test_golden.py`` writes them anew, for a reader to look at the difference.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import everstore
import everstore.tools.answers
from everstore import InitialFile
from everstore.errors import BackendUnavailableError
from everstore.middleware import Middleware
from everstore.tools import Toolbox

GOLDEN = Path(__file__).with_name("golden.txt")
APP = """\
import os


def main(arguments):
    print("hello", arguments)
    return 0


def other(arguments):
    print("bye", arguments)
    return 0
"""


class Broken(Middleware):
    """A storage that is away, or fails, for some paths."""

    def wrap(self, verb, call):
        async def broken(*args, **kwargs):
            if "/away" in args:
                raise BackendUnavailableError("EVERSTORE_X: driver 10.0.0.1:5432", happened=False)
            if "/perhaps" in args:
                raise BackendUnavailableError("driver 10.0.0.1:5432", happened=None)
            if "/failed" in args:
                raise OSError("driver 10.0.0.1:5432")
            return await call(*args, **kwargs)

        return broken


async def seed(work) -> None:
    for path, content, readonly in (
        ("/src/app.py", APP, False),
        ("/src/lib/deep/er/x.py", "x = 1\n", False),
        ("/docs/my notes.md", "one\ntwo\n", False),
        ("/docs/odd\u2028name.md", "odd\n", False),
        ("/dos.txt", "one\r\ntwo\r\nthree\r\n", False),
        ("/given.txt", "given\n", True),
        ("/list.txt", "one\ntwo\nthree\n", False),
        ("/long.json", "[" + "1234567890" * 500 + "]\nsecond\n", False),
        ("/empty.txt", "", False),
    ):
        await work.files.seed_initial_file(InitialFile(path, content, is_readonly=readonly))
    await work.files.write_bytes("/logo.png", b"\x89PNG\0" * 400)
    await work.files.write_bytes("/data.csv", b"a,b\n1,2\n")
    await work.storage.set_value("of the host", "no model's affair")
    await work.storage.set_secret("token", "no model's affair")


UNIFIED = """\
--- a/src/app.py
+++ b/src/app.py
@@ -3,4 +3,4 @@

 def main(arguments):
-    print("hello", arguments)
+    print("good morning", arguments)
     return 0
--- /dev/null
+++ b/src/new.py
@@ -0,0 +1 @@
+new = True
"""

V4A = """\
*** Begin Patch
*** Update File: src/app.py
*** Move to: src/main.py
@@ def other(arguments):
-    print("bye", arguments)
+    print("good night", arguments)
     return 0
*** Delete File: src/new.py
*** Add File: src/added.py
+added = True
*** End Patch
"""

MISFIT = """\
*** Begin Patch
*** Update File: src/main.py
 def main(args):
-    print("hello", args)
+    print("hi", args)
*** Add File: never.txt
+never
*** End Patch
"""

DELETING = """\
--- a/list.txt
+++ /dev/null
@@ -1,3 +0,0 @@
-one
-two
-three
"""

TWICE = """\
diff --git a/list.txt b/copy.txt
copy from list.txt
copy to copy.txt
--- a/list.txt
+++ b/copy.txt
@@ -1 +1 @@
-one
+first
--- a/copy.txt
+++ b/copy.txt
@@ -2 +2 @@
-two
+second
diff --git a/list.txt b/moved.txt
rename from list.txt
rename to moved.txt
"""

CALLS = [
    "# Looking",
    ("ls", {}),
    ("ls", {"path": "/docs"}),
    ("tree", {}),
    ("tree", {"depth": 1}),
    ("glob", {"pattern": "*.py"}),
    ("glob", {"pattern": "*.rs"}),
    ("read", {"path": "src/app.py"}),
    ("read", {"path": "/src/app.py", "start": 4, "limit": 2}),
    ("read", {"path": "/src/app.py", "start": 40}),
    ("read", {"path": "/long.json"}),
    ("read", {"path": "/long.json", "start": 1, "limit": 1, "column": 4990}),
    ("read", {"path": "/empty.txt"}),
    ("read", {"path": "/data.csv"}),
    ("read", {"path": "/logo.png"}),
    ("tail", {"path": "/src/app.py", "lines": 2}),
    ("grep", {"pattern": "print("}),
    ("grep", {"pattern": "return", "path": "*.py", "context": 1}),
    ("grep", {"pattern": "def \\w+", "limit": 1, "regex": True}),
    ("grep", {"pattern": "def \\w+"}),
    ("grep", {"pattern": "90]", "path": "long"}),
    ("grep", {"pattern": "def", "skip": 9}),
    "# Looking at what is not there",
    ("read", {"path": "/src/ap.py"}),
    ("read", {"path": "/app.py"}),
    ("read", {"path": "/source/app.py"}),
    ("read", {"path": "/src"}),
    ("read", {"path": "/empty.txt/below"}),
    ("read", {"path": "../etc/passwd"}),
    ("ls", {"path": "/src/app.py"}),
    ("ls", {"path": "/nothing like it"}),
    ("grep", {"pattern": "(", "regex": True}),
    "# Writing",
    ("write", {"path": "/notes/todo.md", "content": "- one\n"}),
    ("write", {"path": "/notes/todo.md", "content": "- one\n- two\n"}),
    ("write", {"path": "/notes/todo.md", "content": "- three\n", "if_absent": True}),
    ("append", {"path": "/notes/todo.md", "content": "- three\n"}),
    ("write", {"path": "/notes/todo.md", "content": "- four\n"}),
    ("write", {"path": "/given.txt", "content": "mine\n"}),
    ("write", {"path": "/src", "content": "mine\n"}),
    ("write", {"path": "/notes/large.md", "content": "x" * 2000 * 1000}),
    ("append", {"path": "/logo.png", "content": "text"}),
    "# Editing",
    ("edit", {"path": "/src/app.py", "old": '"hello"', "new": '"hi"'}),
    ("edit", {"path": "/src/app.py", "old": '"hi"', "new": '"hello"'}),
    ("edit", {"path": "/dos.txt", "old": "one\ntwo\n", "new": "one\ntwo and a half\n"}),
    ("edit", {"path": "/src/app.py", "old": "    return 0", "new": "    return 1"}),
    ("edit", {"path": "/src/app.py", "old": "return 0", "new": "return 1", "replace_all": True}),
    ("edit", {"path": "/src/app.py", "old": "return 1", "new": "return 0", "replace_all": True}),
    ("edit", {"path": "/src/app.py", "old": "def main(args):\n    print(args)", "new": ""}),
    ("edit", {"path": "/src/app.py", "old": "def main(arguments):\n  print", "new": ""}),
    ("edit", {"path": "/src/app.py", "old": "zzz", "new": ""}),
    ("edit", {"path": "/data.csv", "old": "a", "new": "b"}),
    ("edit", {"path": "/nowhere.txt", "old": "a", "new": "b"}),
    (
        "multi_edit",
        {
            "edits": [
                {"path": "/src/app.py", "old": "main", "new": "run"},
                {"path": "/src/lib/deep/er/x.py", "old": "x = 1", "new": "x = 2"},
                {"path": "/src/app.py", "old": "def run", "new": "def main", "replace_all": None},
            ]
        },
    ),
    (
        "multi_edit",
        {
            "edits": [
                {"path": "/src/lib/deep/er/x.py", "old": "x = 2", "new": "x = 3"},
                {"path": "/src/app.py", "old": "def min", "new": "def max"},
            ]
        },
    ),
    "# Patching",
    ("apply_patch", {"patch": UNIFIED}),
    ("apply_patch", {"patch": UNIFIED}),
    ("apply_patch", {"patch": V4A}),
    ("apply_patch", {"patch": MISFIT}),
    ("apply_patch", {"patch": "please change it"}),
    ("apply_patch", {"patch": V4A.replace("*** End Patch\n", "")}),
    ("apply_patch", {"patch": V4A}),
    ("apply_patch", {"patch": DELETING.replace("-three\n", "")}),
    ("apply_patch", {"patch": TWICE}),
    ("apply_patch", {"patch": DELETING.replace("list", "moved")}),
    ("apply_patch", {"patch": DELETING}),
    ("apply_patch", {"patch": "--- /dev/null\n+++ b/dos.txt\n@@ -0,0 +1 @@\n+mine\n"}),
    ("apply_patch", {"patch": "--- a/given.txt\n+++ b/given.txt\n@@ -1 +1 @@\n-given\n+mine\n"}),
    ("apply_patch", {"patch": "--- a/logo.png\n+++ b/logo.png\n@@ -1 +1 @@\n-given\n+mine\n"}),
    "# Arranging",
    ("mkdir", {"path": "/made/here"}),
    ("copy", {"source": "/src/main.py", "destination": "/made/here/main.py"}),
    ("copy", {"source": "/src/main.py", "destination": "/made/here/main.py"}),
    ("move", {"source": "/made/here", "destination": "/made/there"}),
    ("move", {"source": "/made", "destination": "/made/there/made"}),
    ("delete", {"path": "/made"}),
    ("delete", {"path": "/made", "recursive": True}),
    ("delete", {"path": "/made"}),
    ("delete", {"path": "/given.txt"}),
    ("delete", {"path": "/", "recursive": True}),
    "# Remembering",
    ("memories", {}),
    ("remember", {"key": "plan", "value": "first read,\nthen write"}),
    ("remember", {"key": "user/name", "value": ""}),
    ("memories", {}),
    ("recall", {"key": "plan"}),
    ("recall", {"key": "user/name"}),
    ("recall", {"key": "plans"}),
    ("recall", {"key": "of the host"}),
    ("remember", {"key": "huge", "value": "x" * 2000 * 1000}),
    ("forget", {"key": "plan"}),
    ("forget", {"key": "plan"}),
    "# Wrong calls",
    ("raed", {}),
    ("read", '{"path": "/src'),
    ("read", '["/src"]'),
    ("read", {}),
    ("read", {"file_path": "/src"}),
    ("read", {"path": 7}),
    ("read", {"path": "/src", "start": "first"}),
    ("read", {"path": "/src", "start": 0}),
    ("multi_edit", {"edits": []}),
    ("multi_edit", {"edits": [{"path": "/src/main.py", "old": "a"}]}),
    ("multi_edit", {"edits": [{"path": "/src/main.py", "old": "a", "new": 1}]}),
    "# A storage that fails",
    ("read", {"path": "/away"}),
    ("write", {"path": "/perhaps", "content": "x"}),
    ("read", {"path": "/failed"}),
]


def written(arguments: object) -> str:
    text = arguments if isinstance(arguments, str) else everstore.tools.answers.in_json(arguments)
    return text if len(text) <= 500 else f"{text[:60]} ... {text[-30:]}"


async def told() -> str:
    lines = []
    limits = {"file_bytes": 1_000_000, "value_bytes": 1_000_000}
    async with everstore.open_store(backend="memory", limits=limits, middleware=[Broken()]) as store:
        work = store.session(everstore.new_session_id())
        await seed(work)
        toolbox = Toolbox(work)
        for call in CALLS:
            if isinstance(call, str):
                lines += [call, ""]
                continue
            name, arguments = call
            answer = await toolbox.call(name, arguments)
            told = (
                answer.text
                if len(answer.text) < 5200
                else answer.text[:2000] + "\n~~~\n" + answer.text[-200:]
            )
            lines += [f">>> {name} {written(arguments)}", "(error)" if answer.is_error else None, told, ""]
    return "\n".join(line for line in lines if line is not None)


async def test_what_a_model_sees_is_as_it_stands_here():
    assert await told() == GOLDEN.read_text(encoding="utf-8")


if __name__ == "__main__":
    GOLDEN.write_text(asyncio.run(told()), encoding="utf-8")
