"""sqlite-utils as the house has it: without numpy, which it imports wherever it is installed.

Owns: how that library is loaded; whoever names its `Database` or `Migrations` takes them from here.
Does not know: files (`store`), nor any table.

sqlite-utils knows numpy only to translate column types of numpy, which nobody here has. Loaded with every database, it would cost each
process 8 MB and a quarter of its start.
"""

from __future__ import annotations

import sys

_wanted = sys.modules.get("numpy")  # whoever has loaded it keeps it
sys.modules["numpy"] = _wanted  # type: ignore[assignment]  # None: an import of it fails
try:
    from sqlite_utils import Database, Migrations
finally:
    if _wanted is None:
        del sys.modules["numpy"]

__all__ = ["Database", "Migrations"]
