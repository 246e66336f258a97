"""The schema's history, one revision after another; `models/schema_version.py` walks it."""
