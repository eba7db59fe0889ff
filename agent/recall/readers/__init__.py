"""Document formats, one file each. The contract stands in `agent/recall/__init__.py`; `agent/recall/reading.py` chooses."""
