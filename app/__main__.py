"""The command line: serve the wizard, or check what is configured."""

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from importlib.metadata import version
from pathlib import Path

from .auth import SignOnError, oidc_policy
from .config import Access, Network, Settings, SettingsError
from .connectors import CLOUD_HOST
from .core.audit import reason_against
from .core.limits import Limits
from .core.network import NetworkTransport, certificates
from .infisical import Infisical, InfisicalError, Project
from .server import CannotServe, audit_log_fault, serve
from .web import utc_now

FAILED = 1
MISUSED = 2
"""Exit statuses: it did not work out; it cannot be done as asked."""

_REDIS = re.compile(r"rediss?://(?:[^/?#@]*@)?([A-Za-z0-9.-]+(?::[0-9]+)?)(?:[/?][^@]*)?\Z")
"""The server in a Redis address. A password with a / in it ends its part too early: then nothing is shown."""


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
    faults = (_fault_of_audit_log(settings), _fault_of_redis(settings), _fault_of_sign_on(settings))
    if any(faults):
        return _tell(*filter(None, faults), status=FAILED)
    if settings.sandbox:
        print(f"This is the sandbox: {settings.what_leaves}, and there is nothing else to check.")
        return 0
    if _credential(settings) is None:
        return _check_without_credential(settings)
    try:
        projects = _reach(settings)
    except InfisicalError as error:
        return _tell(_fault(error), status=FAILED)
    return _judge(projects, settings=settings)


def _fault_of_audit_log(settings: Settings) -> str | None:
    reason = reason_against(settings.audit_log) if settings.audit_log else None
    return audit_log_fault(settings.audit_log, reason) if reason else None


def _fault_of_redis(settings: Settings) -> str | None:
    if Limits(storage=settings.rate_storage).reached():
        return None
    return f"{_rate_storage(settings)} does not answer. Until it does, each process counts for itself."


def _fault_of_sign_on(settings: Settings) -> str | None:
    """What keeps people from signing in at the identity provider; None where it answers as one, or is not used."""
    if settings.access is not Access.OIDC:
        return None
    try:
        with closing(oidc_policy(settings, None, clock=utc_now).provider) as provider:
            # Nobody departs: this reads what the provider publishes of itself.
            provider.departure(redirect_uri=settings.bind.url)
    except SettingsError as error:
        return "\n".join(error.faults)
    except SignOnError as error:
        return f"{settings.oidc_issuer}: {error.reason.value}"
    print(f"{settings.oidc_issuer} answers, and can sign people in.")
    return None


def _check_without_credential(settings: Settings) -> int:
    """Each Infisical that people may sign in to: whether it answers."""
    faults = [fault for host in settings.hosts if (fault := _fault_at(host, settings=settings))]
    if faults:
        return _tell(*faults, status=FAILED)
    if settings.access is Access.OIDC:
        print(
            "Infisical exchanges each person's sign-in for rights of their own, which only a person can try."
        )
    else:
        print("People bring their own credential; the server has none that could be tried.")
    return 0


def _fault_at(host: str, *, settings: Settings) -> str | None:
    transport = NetworkTransport(certificates(ca_bundle=settings.ca_bundle))
    try:
        with Infisical(host, auth=None, transport=transport) as infisical:
            infisical.status()
    except InfisicalError as error:
        return f"{host}: {_fault(error)}"
    print(f"{host} answers.")
    return None


def _fault(error: InfisicalError) -> str:
    reference = f" (Infisical's request ID: {error.request_id})" if error.request_id else ""
    return f"{error.sentence}{reference}"


def _configured(settings: Settings) -> list[str]:
    told = {
        "Infisical": "the sandbox" if settings.sandbox else ", ".join(settings.hosts),
        "Credential": _credential(settings),
        "Who may come in": _who(settings),
        "Preselected project": settings.project_id,
        "Trusted certificates": settings.ca_bundle,
        "Pages": settings.bind.url,
        "Served hosts": ", ".join(settings.served_hosts) or "this machine's loopback names",
        "Trusted proxies": ", ".join(_network(network) for network in settings.proxy_trusted) or "none",
        "Secret keys": str(len(settings.secret_keys) or "one that is made up at each start"),
        "Counts are kept in": _rate_storage(settings),
        "Audit log": settings.audit_log or "standard output",
        "Submit timeout": f"{settings.submit_timeout:g} s",
        "Supabase hosts": ", ".join((CLOUD_HOST, *settings.supabase_hosts)),
        "Check before saving": "on" if settings.preflight else "off",
        "Not used": ", ".join(settings.ignored),
    }
    lines = [f"{name + ':':<22}{value}" for name, value in told.items() if value]
    if any(host.startswith("http://") for host in settings.hosts):
        lines.append("INFISICAL_HOST begins with http://, so everything sent there can be read on the way.")
    return lines


def _who(settings: Settings) -> str:
    if settings.access is Access.PROXY:
        groups = ", ".join(settings.proxy_allowed_groups)
        of = f", of the groups {groups} in {settings.proxy_groups_header}" if groups else ""
        return f"whoever the proxy names in {settings.proxy_user_header}{of}"
    if settings.access is Access.OIDC:
        allowed = ", ".join((*settings.oidc_allowed_emails, *settings.oidc_allowed_groups))
        rights = "rights of their own" if settings.oidc_exchange else "the server's credential"
        return (
            f"whoever signs in at {settings.oidc_issuer}{f', of {allowed}' if allowed else ''}, with {rights}"
        )
    if settings.access is Access.SIGN_IN:
        return "each person with an Infisical credential of their own"
    return "this machine alone"


def _network(network: Network) -> str:
    """A network of one address is written as that address."""
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _rate_storage(settings: Settings) -> str:
    """Where is counted, without the user and the password that the address may hold."""
    if settings.rate_storage is None:
        return "memory"
    found = _REDIS.match(settings.rate_storage.reveal())
    return f"Redis at {found[1]}" if found else "Redis"


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
