"""fsspec over everstore: ``everstore://session/path`` for pandas, pyarrow and whoever else speaks fsspec.

::

    import pandas as pd

    pd.DataFrame({"n": [1, 2]}).to_csv("everstore://my session/data.csv", index=False)
    pd.read_csv("everstore://my session/data.csv")

``EverstoreFileSystem`` is found by its protocol once everstore is installed.
"""

from everstore.installing import extra

with extra("fsspec"):
    from everstore.adapters.fsspec.filesystem import EverstoreFileSystem

__all__ = ["EverstoreFileSystem"]
