"""The command line: serve the wizard, or check what is configured."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

from .infisical import Infisical, InfisicalError, Project
from .serving import CannotServe, serve
from .settings import Settings, SettingsError

FAILED = 1
MISUSED = 2
"""Exit statuses: it did not work out; it cannot be done as asked."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status; every fault goes to stderr."""
    asked = _parser().parse_args(arguments)
    try:
        settings = Settings.load(_environ(bind=getattr(asked, "bind", None)))
    except SettingsError as error:
        return _tell(*error.faults, status=MISUSED)
    return _serve(settings, data=asked.data) if asked.command == "serve" else _check(settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="infisical-connect",
        description="A web wizard that connects Supabase to Infisical.",
        epilog="Settings come from the environment and from a .env file in the current folder; see the README.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('infisical-connect')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serving = commands.add_parser(
        "serve", help="serve the pages until Ctrl-C", description="Serves the pages."
    )
    serving.add_argument("--data", type=Path, metavar="FILE", help="keep the sandbox's data in this file")
    serving.add_argument("--bind", metavar="HOST:PORT", help="listen here, instead of CONNECT_BIND")
    commands.add_parser(
        "check",
        help="tell what is configured and try it",
        description="Tells what is configured, reaches Infisical, logs in, and lists the projects it may use.",
    )
    return parser


def _environ(*, bind: str | None) -> Mapping[str, str]:
    return os.environ if bind is None else {**os.environ, "CONNECT_BIND": bind}


def _tell(*sentences: str, status: int) -> int:
    for sentence in sentences:
        print(sentence, file=sys.stderr)
    return status


def _serve(settings: Settings, *, data: Path | None) -> int:
    if data is not None and not settings.sandbox:
        return _tell(
            "--data keeps the sandbox's data, and this is not the sandbox; leave it out.", status=MISUSED
        )
    try:
        serve(settings, announce=partial(print, flush=True), data=data)
    except CannotServe as error:
        return _tell(str(error), status=FAILED)


def _check(settings: Settings) -> int:
    for line in _configured(settings):
        print(line)
    if settings.sandbox:
        print("This is the sandbox: nothing leaves this machine, and there is nothing else to check.")
        return 0
    try:
        projects = _reach(settings)
    except InfisicalError as error:
        reference = f" (Infisical's request ID: {error.request_id})" if error.request_id else ""
        return _tell(f"{error.sentence}{reference}", status=FAILED)
    return _judge(projects, settings=settings)


def _configured(settings: Settings) -> list[str]:
    told = {
        "Infisical": "the sandbox" if settings.sandbox else settings.host,
        "Credential": _credential(settings),
        "Preselected project": settings.project_id,
        "Trusted certificates": settings.ca_bundle,
        "Pages": settings.bind.url,
        "Secret key": "set" if settings.secret_key else "made up at each start",
        "Submit timeout": f"{settings.submit_timeout:g} s",
        "Not used": ", ".join(settings.ignored),
    }
    lines = [f"{name + ':':<22}{value}" for name, value in told.items() if value]
    if settings.host and settings.host.startswith("http://"):
        lines.append("INFISICAL_HOST begins with http://, so everything sent there can be read on the way.")
    return lines


def _credential(settings: Settings) -> str | None:
    if settings.client_id:
        return f"machine identity with client ID {settings.client_id}"
    return "an Infisical access token (INFISICAL_TOKEN)" if settings.token else None


def _reach(settings: Settings) -> tuple[Project, ...]:
    with Infisical.from_settings(settings) as infisical:
        infisical.status()
        print("Infisical answers.")
        projects = infisical.projects()
        print("It accepts the credential.")
        return projects


def _judge(projects: tuple[Project, ...], *, settings: Settings) -> int:
    for project in projects:
        print(f"Project {_visible(project.name)} ({_visible(project.slug)}, ID {_visible(project.id)})")
    if settings.project_id and settings.project_id not in {project.id for project in projects}:
        return _tell(
            "INFISICAL_PROJECT_ID names none of the projects it may use; set it to one of their IDs.",
            status=FAILED,
        )
    if not projects:
        print("It works, but it may use no project: add the identity to one in Infisical.")
        return 0
    print(f"It works: it may use {len(projects)} project{'' if len(projects) == 1 else 's'}.")
    return 0


def _visible(text: str) -> str:
    """The text without what would move a terminal's cursor: the names are other people's."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )


if __name__ == "__main__":
    sys.exit(main())
