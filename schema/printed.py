"""`schema.graphql`, the printed schema: `python -m schema.printed` writes it, `--check` compares it
with the code, and the code with what was released last; `--release` makes it that.
"""

import sys
from pathlib import Path

from schema.baseline import BASELINE, broken
from schema.schema import schema

FILE = Path(__file__).parent.parent / "schema.graphql"


def printed() -> str:
    return schema.as_str().rstrip() + "\n"


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
    FILE.write_text(now, encoding="utf-8")
    if "--release" in arguments:
        BASELINE.write_text(now, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
