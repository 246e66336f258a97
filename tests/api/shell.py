"""The `loyalty` command as an operator types it, in a directory of its own."""

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from tests.addresses import WITHOUT_TLS
from tests.api.forking import Forks

LOYALTY = Path(sys.executable).with_name("loyalty")


class Shell:
    """A directory of its own, an environment, and the `loyalty` command."""

    def __init__(self, forks: Forks, directory: Path, **environ: str) -> None:
        self.directory = directory
        self.environ = {"PATH": os.environ["PATH"], **environ}
        self._forks = forks

    def run(self, *words: object, **more: str) -> subprocess.CompletedProcess[str]:
        with TemporaryDirectory() as outputs:
            return self._forks.run(
                [*map(str, words)], self.directory, {**self.environ, **more}, Path(outputs)
            )

    def done(self, *words: object) -> list[str]:
        """The lines of a command that succeeds and complains of nothing."""
        run = self.run(*words)
        # On a machine that is busy a command may tell how far it is.
        said = [line for line in run.stderr.splitlines() if not line.endswith(" so far")]
        assert (run.returncode, said) == (0, [])
        return run.stdout.splitlines()

    def told(self, *words: object, **more: str) -> str:
        """The one line of a command that fails."""
        run = self.run(*words, **more)
        assert (run.returncode, run.stdout) == (1, "")
        (line,) = run.stderr.splitlines()
        assert line.startswith("loyalty: ")
        return line.removeprefix("loyalty: ")

    @contextlib.contextmanager
    def serving(self, *words: object, **more: str) -> Iterator["Served"]:
        with subprocess.Popen(  # noqa: S603 - the same
            [LOYALTY, *map(str, words), "--port", "0"],
            cwd=self.directory,
            env={**self.environ, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout
            first = process.stdout.readline()
            found = re.search(r"http://[^/]+", first)
            try:
                assert found, process.stderr and process.stderr.read()
                yield Served(process, found[0])
            finally:
                process.terminate()
                process.wait(20)

    def file(self, name: str, content: Any) -> Path:
        path = self.directory / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path


class Served:
    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url

    def answer(self, credential: str, query: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {credential}"}
        sent = httpx.post(
            f"{self.url}/graphql",
            json={"query": query},
            headers=headers,
            timeout=20,
            verify=WITHOUT_TLS,
        )
        body: dict[str, Any] = sent.json()
        return body

    def lines(self, count: int) -> list[str]:
        """The next lines on standard output."""
        assert self.process.stdout
        return [self.process.stdout.readline().rstrip("\n") for _ in range(count)]
