"""The command line: `loyalty serve`, `apply`, `plan`, `keys` and so on; `loyalty --help` lists all.

Settings come from the environment. A command that fails says why on standard error and exits
with 1; `plan` exits with 2 where something would change.
"""

import gc
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from importlib import import_module
from io import TextIOWrapper

from commands.outcomes import FAILED, INTERRUPTED, CommandFailed, refusal_lines
from commands.parser import command_parser
from execution.logs import Mask, configure_logs
from rules.errors import LoyaltyError, Refused
from settings import Settings, SettingsInvalid, read_settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    _write_anything()
    try:
        given = command_parser().parse_args(argv)
        settings = read_settings(os.environ)
        configure_logs(settings.log_format, "warning", settings.log_card_formats)
        run = command(given.run)
        # What is loaded by now stays: the collector need not look at it again and again.
        gc.freeze()
        return run(settings, given)
    except (CommandFailed, SettingsInvalid, LoyaltyError, Refused) as error:
        mask = Mask(())
        sys.stderr.writelines(f"loyalty: {mask(line)}\n" for line in refusal_lines(error))
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _write_anything() -> None:
    """A terminal that lacks a letter shows its number: what was done is told all the same."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def command(name: str) -> Callable[[Settings, Namespace], int]:
    """The function that `module:function` names in `commands`; nothing else of it is loaded."""
    module, _, function = name.partition(":")
    found: Callable[[Settings, Namespace], int] = getattr(
        import_module(f"commands.{module}"), function
    )
    return found
