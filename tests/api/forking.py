"""Commands in processes of their own, forked from one that has loaded them: most of what a short
command costs is loading.

Run as a program it reads a command a line from standard input, and answers each with its exit
status. Tests of what a command loads, and of what serves, start the real script.
"""

import gc
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from select import select
from typing import Any, Self

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60


class Forks:
    """The process that forks; it lasts as long as the block."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.api.forking"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_failure: object) -> None:
        # It ends with its input.
        self._process.communicate(timeout=PATIENCE_SECONDS)

    def run(
        self, words: Sequence[str], directory: Path, environ: Mapping[str, str], outputs: Path
    ) -> subprocess.CompletedProcess[str]:
        """Run `loyalty` with the words; `outputs` is a directory for what it prints."""
        out, err = outputs / "stdout", outputs / "stderr"
        asked = {"words": words, "directory": str(directory), "environ": environ}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({**asked, "out": str(out), "err": str(err)}) + "\n")
        self._process.stdin.flush()
        readable, _, _ = select([self._process.stdout], [], [], PATIENCE_SECONDS)
        assert readable, f"no end of {words}"
        status = int(self._process.stdout.readline())
        return subprocess.CompletedProcess(words, status, out.read_text(), err.read_text())


def serve() -> None:
    import_module("cli")
    commands = import_module("commands")
    for module in iter_modules(commands.__path__):
        import_module(f"commands.{module.name}")
    # The children need not look at it either.
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            status = 70
            try:
                status = become(asked)
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(ended)}\n")
        sys.stdout.flush()


def become(asked: Mapping[str, Any]) -> int:
    """Be the command; its exit status, as the interpreter would have it."""
    os.chdir(asked["directory"])
    os.environ.clear()
    os.environ.update(asked["environ"])
    for descriptor, path in ((0, os.devnull), (1, asked["out"]), (2, asked["err"])):
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, descriptor)
    sys.argv = ["loyalty", *asked["words"]]
    try:
        status = import_module("cli").main(asked["words"])
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does with what nobody caught
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return int(status)


if __name__ == "__main__":
    serve()
