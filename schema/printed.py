"""`schema.graphql`, the printed schema: `python -m schema.printed` writes it, `--check` compares
it.
"""

import sys
from pathlib import Path

from schema.schema import schema

FILE = Path(__file__).parent.parent / "schema.graphql"


def printed() -> str:
    return schema.as_str().rstrip() + "\n"


def main(arguments: list[str]) -> int:
    if "--check" not in arguments:
        FILE.write_text(printed(), encoding="utf-8")
        return 0
    if FILE.read_text(encoding="utf-8") == printed():
        return 0
    sys.stderr.write("schema.graphql differs from the code: run python -m schema.printed\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
