"""`schema.baseline.graphql`, the schema that was released last: what it promises stays.

`python -m schema.printed --check` lists what is broken of it; `--release` makes the schema of today
the baseline, which is for releases alone.
"""

from pathlib import Path

from graphql import build_schema
from graphql.utilities import find_breaking_changes

BASELINE = Path(__file__).parent.parent / "schema.baseline.graphql"


def broken(before: str, now: str) -> list[str]:
    """A line for each change from one printed schema to another that may break a client."""
    changes = find_breaking_changes(build_schema(before), build_schema(now))
    return [f"{change.type.name}: {change.description}" for change in changes]
