"""Sessions on their way: into an archive and out of it, and from one store to another.

What an archive is, and what is kept of a session, stands in docs/transfer.md.
"""

from everstore.transfer.copying import Copied, copy_session, copy_sessions
from everstore.transfer.exporting import export_session
from everstore.transfer.importing import Imported, import_session
from everstore.transfer.items import Counts

__all__ = [
    "Copied",
    "Counts",
    "Imported",
    "copy_session",
    "copy_sessions",
    "export_session",
    "import_session",
]
