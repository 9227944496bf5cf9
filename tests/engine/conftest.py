"""The engine over a map in memory, installed as any plugin is; the suite opens it while it is collected."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from pathlib import Path

_folder = Path(tempfile.mkdtemp())
atexit.register(shutil.rmtree, _folder)
shutil.copy(Path(__file__).with_name("sorted_map.py"), _folder / "everstore_sorted_map.py")
_info = _folder / "everstore_sorted_map-1.0.dist-info"
_info.mkdir()
(_info / "METADATA").write_text("Metadata-Version: 2.1\nName: everstore-sorted-map\nVersion: 1.0\n")
(_info / "entry_points.txt").write_text("[everstore]\nsorted = everstore_sorted_map\n")
sys.path.insert(0, str(_folder))
