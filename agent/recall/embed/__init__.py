"""Embedding models, one file per suffix of model file. The contract stands in `agent/recall/__init__.py`."""
