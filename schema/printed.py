"""`schema.graphql`, the printed schema: `python -m schema.printed` writes it, `--check` compares it
with the code, and the code with what was released last; `--release` makes it that.

It has no directives of Federation: tools of clients take them for mistakes. `--subgraph` writes the
schema with them to standard output, for composers.
"""

import re
import sys
from pathlib import Path

from schema.baseline import BASELINE, broken
from schema.federation import subgraph
from schema.schema import schema

_LINKS = re.compile(r"^schema @link.*?^\}\n\n", re.MULTILINE | re.DOTALL)
_DIRECTIVES = re.compile(r"^(type [^{@]*) @[^{]*\{$", re.MULTILINE)
FILE = Path(__file__).parent.parent / "schema.graphql"


def printed() -> str:
    return _DIRECTIVES.sub(r"\1 {", _LINKS.sub("", subgraph(schema)))


def faults(committed: str, baseline: str, now: str) -> list[str]:
    """What is wrong with the schema of the code, in lines."""
    found = [f"breaks what was released: {line}" for line in broken(baseline, now)]
    if committed != now:
        found.append("schema.graphql differs from the code: run python -m schema.printed")
    return found


def main(arguments: list[str]) -> int:
    now = printed()
    if "--check" in arguments:
        committed, baseline = (path.read_text(encoding="utf-8") for path in (FILE, BASELINE))
        found = faults(committed, baseline, now)
        sys.stderr.writelines(f"{line}\n" for line in found)
        return 1 if found else 0
    if "--subgraph" in arguments:
        sys.stdout.write(subgraph(schema))
        return 0
    FILE.write_text(now, encoding="utf-8")
    if "--release" in arguments:
        BASELINE.write_text(now, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
