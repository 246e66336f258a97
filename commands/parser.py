"""All commands and their words. A new one gets its line here, and its function in the file of its
noun.

Each line names its function as `module:function`, for a wrong word is told without loading what the
command would need.
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any, NoReturn

from commands.arguments import JOB_NAMES, end_of_day, job_name, number, text
from commands.outcomes import CommandFailed
from resolvers.callers import RIGHTS, Role

LONGEST_TOKEN_SECONDS = 366 * 86400


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, and no status that `plan` uses."""
        raise CommandFailed(f"{message} (see {self.prog} --help)")


def command_parser() -> ArgumentParser:
    """What it reads has the name of the command's function in `run`. Raises CommandFailed."""
    parser = _Parser(prog="loyalty", description="The loyalty service and what keeps it running.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_serving(commands)
    _add(commands, "migrate", "database:migrate", "Bring the database to the newest schema.")
    _add_program(commands)
    _add_import(commands)
    _add(commands, "seed", "demo:sow", "Fill an empty database with the demo program and members.")
    _add(commands, "verify", "books:check", "Check every invariant of the books, card by card.")
    job = _add(commands, "job", "jobs:run", "Run one of the jobs once, whoever else is at it.")
    job.add_argument("name", type=job_name, metavar="NAME", help=f"one of {', '.join(JOB_NAMES)}")
    told = "processes that share what a job posts; default: 1"
    job.add_argument("--workers", type=number(1, 64), default=1, help=told)
    _add_token(commands)
    keys = commands.add_parser("keys", help="Create, list and revoke API keys.")
    _add_keys(keys.add_subparsers(required=True, metavar="COMMAND"))
    documents = commands.add_parser("documents", help="Register, list and remove documents.")
    _add_documents(documents.add_subparsers(required=True, metavar="COMMAND"))
    return parser


def _add(commands: Any, name: str, run: str, help_text: str) -> ArgumentParser:
    made: ArgumentParser = commands.add_parser(name, help=help_text, description=help_text)
    made.set_defaults(run=run)
    return made


def _add_serving(commands: Any) -> None:
    serve = _add(commands, "serve", "serving:serve", "Serve until a signal ends it.")
    told = "Fill an empty database, show keys to try with, and serve."
    for command in (serve, _add(commands, "demo", "demo:serve_demo", told)):
        command.add_argument("--host", default="127.0.0.1", help="address to listen on")
        command.add_argument(
            "--port", type=number(0, 65535), default=8000, help="0: any that is free"
        )
        command.add_argument(
            "--workers", type=number(1, 64), default=1, help="processes; default: 1"
        )


def _add_program(commands: Any) -> None:
    told = "Print what a configuration document would change."
    plan = _add(commands, "plan", "program:plan", told)
    apply = _add(commands, "apply", "program:apply", "Check and store a configuration document.")
    for command in (plan, apply):
        command.add_argument("file", type=Path, metavar="FILE", help="YAML or JSON")
    apply.add_argument("--process", action="store_true", help="make it effective at once")
    apply.add_argument("--comment", type=text, help="why; kept with the version")
    told = "Make the newest stored configuration effective."
    _add(commands, "process", "program:process", told)


def _add_import(commands: Any) -> None:
    told = "Bring lines into the journal of activities; the same file again changes nothing."
    command = _add(commands, "import-activities", "activities:import_file", told)
    command.add_argument("file", type=Path, metavar="FILE", help="CSV with a header, or JSON lines")
    told = "where the name does not end in .csv, .jsonl or .ndjson"
    command.add_argument("--format", choices=["csv", "jsonl"], help=told)
    told = "import the lines without fault; else one fault means that nothing is"
    command.add_argument("--partial", action="store_true", help=told)
    command.add_argument("--post", action="store_true", help="and post the file's lines")


def _add_token(commands: Any) -> None:
    told = "Print a customer token; in development mode only."
    token = _add(commands, "token", "tokens:issue", told)
    token.add_argument("--customer", type=text, required=True, metavar="ID", help="whose it is")
    token.add_argument(
        "--ttl",
        type=number(1, LONGEST_TOKEN_SECONDS),
        default=3600,
        metavar="SECONDS",
        help="default: 3600",
    )


def _add_keys(commands: Any) -> None:
    create = _add(commands, "create", "keys:create", "Print a new key, once.")
    roles = [role.value for role in Role if role is not Role.CUSTOMER]
    create.add_argument("--role", required=True, choices=roles)
    create.add_argument("--name", type=text, required=True, help="no other key's, past or present")
    for option, rest in (
        ("--channel", "a channel it is for; without any: all (a partner's needs one)"),
        ("--activity-type", "an activity type it is for, as with --channel"),
        ("--right", f"one of {', '.join(sorted(RIGHTS))}"),
    ):
        create.add_argument(option, type=text, action="append", help=f"{rest}; repeat for more")
    told = "last day it works, in UTC"
    create.add_argument("--expires", type=end_of_day, metavar="DATE", help=told)
    _add(commands, "list", "keys:show", "List all keys, past ones too.")
    revoke = _add(commands, "revoke", "keys:revoke", "End a key for ever.")
    revoke.add_argument("prefix", type=text, metavar="PREFIX", help="as `keys list` shows it")


def _add_documents(commands: Any) -> None:
    told = "Trust the documents of a manifest, all or none."
    register = _add(commands, "register", "documents:register", told)
    register.add_argument("file", type=Path, metavar="FILE", help="JSON: SHA-256 to document")
    _add(commands, "list", "documents:show", "List the trusted documents.")
    remove = _add(commands, "remove", "documents:remove", "Trust documents no more.")
    told = "as `documents list` shows it"
    remove.add_argument("hash", type=text, nargs="+", metavar="HASH", help=told)
