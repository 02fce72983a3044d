"""The command line: serve the wizard, or check what is configured."""

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from .auth import identity_provider
from .config import Access, Settings, SettingsError
from .connectors import APPS
from .connectors.instance_urls import CLOUD_HOST
from .connectors.token_kinds import secret_in
from .core.audit import reason_against
from .core.http import HttpError
from .core.limits import Limits
from .core.network import authorities_fault, proxy_for
from .core.text import counted, toml_beside
from .infisical.client import Infisical, network
from .infisical.errors import InfisicalError, NotAMember, PermissionDenied, ServerFailed, TooOld
from .infisical.models import Project
from .infisical.syncs import SecretSyncs
from .server import CannotServe, audit_log_fault, serve
from .web.services import utc_now

FAILED = 1
MISUSED = 2
"""Exit statuses: it did not work out; it cannot be done as asked."""

_REDIS = re.compile(r"rediss?://(?:[^/?#@]*@)?([A-Za-z0-9.-]+(?::[0-9]+)?)(?:[/?][^@]*)?\Z")
"""The server in a Redis address. A password with a / in it ends its part too early: then nothing is shown."""
_CLIENT_SECRET = re.compile(r"(?<![\w/])[0-9a-f]{64}(?!\w)", re.IGNORECASE)
"""Infisical's; within an address, such as an issuer of Cloudflare's, it is none."""

_MOST_PROJECTS = 20
_WORDS = toml_beside(__file__, "__main__.toml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status; every fault goes to stderr."""
    if isinstance(sys.stdout, TextIOWrapper):
        # A terminal or a log may know fewer letters than are told.
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(prog="infisical-connect", **_WORDS["program"])
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('infisical-connect')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serving = commands.add_parser("serve", **_WORDS["serve"])
    serving.add_argument("--data", type=Path, metavar="FILE", help="keep the sandbox's data in this file")
    serving.add_argument("--bind", metavar="HOST:PORT", help="listen here, instead of CONNECT_BIND")
    commands.add_parser("check", **_WORDS["check"])
    asked = parser.parse_args(arguments)
    bind = {"CONNECT_BIND": asked.bind} if getattr(asked, "bind", None) is not None else {}
    try:
        settings = Settings.load(os.environ | bind)
    except SettingsError as error:
        return _fail(*error.faults, status=MISUSED)
    if asked.command == "check":
        return _check(settings)
    if asked.data is not None and not settings.sandbox:
        fault = "--data keeps the sandbox's data, and this is not the sandbox; leave it out."
        return _fail(fault, status=MISUSED)
    try:
        serve(settings, announce=partial(print, flush=True), data=asked.data)
    except CannotServe as error:
        return _fail(str(error))


def _fail(*faults: str, status: int = FAILED) -> int:
    print(*faults, sep="\n", file=sys.stderr)
    return status


def _check(settings: Settings) -> int:
    print(*_configured(settings), sep="\n")
    if faults := [*_faults_around(settings)]:
        return _fail(*faults)
    if settings.sandbox:
        print(f"This is the sandbox: {settings.what_leaves}, and there is nothing else to check.")
        return 0
    if not settings.own_rights:
        return _check_credential(settings)
    if faults := [*_faults_of_hosts(settings)]:
        return _fail(*faults)
    print(_WORDS["own_rights"][settings.access])
    return 0


def _configured(settings: Settings) -> Iterator[str]:
    credential = "an Infisical access token (INFISICAL_TOKEN)" if settings.token else None
    if settings.client_id:
        credential = f"machine identity with client ID {settings.client_id}"
    # A network of one address is written as that address.
    proxies = (str(peers).removesuffix(f"/{peers.max_prefixlen}") for peers in settings.proxy_trusted)
    told = {
        "Infisical": "the sandbox" if settings.sandbox else ", ".join(settings.hosts),
        "Credential": credential,
        "Who may come in": _who(settings),
        "Preselected project": settings.project_id,
        "Proxies in use": ", ".join(
            f"{proxy} to {host}" for host, proxy in _ways(settings) if isinstance(proxy, str)
        ),
        "Trusted certificates": settings.ca_bundle,
        "Pages": settings.url,
        "Served hosts": ", ".join(settings.served_hosts) or "this machine's loopback names",
        "Trusted proxies": ", ".join(proxies) or "none",
        "Secret keys": len(settings.secret_keys) or "one that is made up at each start",
        "Counts are kept in": _rate_storage(settings),
        "Audit log": settings.audit_log or "standard output",
        "Submit timeout": f"{settings.submit_timeout:g} s",
        "Supabase hosts": ", ".join((CLOUD_HOST, *settings.trusted_hosts)),
        "Check before saving": "on" if settings.preflight else "off",
        "Not used": ", ".join(settings.ignored),
    }
    for name, value in told.items():
        if value:
            is_secret = secret_in(str(value)) or _CLIENT_SECRET.search(str(value))
            shown = "not shown, for it has the shape of a secret" if is_secret else value
            yield f"{name + ':':<22}{shown}"
    if any(host.startswith("http://") for host in settings.hosts):
        yield "INFISICAL_HOST begins with http://, so everything sent there can be read on the way."


def _who(settings: Settings) -> str:
    # What another way in has does not count, and is a fault where it is set.
    allowed = ", ".join((*settings.oidc_allowed_emails, *settings.oidc_allowed_groups))
    of = f", of {allowed}" if allowed else ""
    if groups := ", ".join(settings.proxy_allowed_groups):
        of = f", of the groups {groups} in {settings.proxy_groups_header}"
    rights = "rights of their own" if settings.own_rights else "the server's credential"
    words: str = _WORDS["who"][settings.access]
    return words.format(settings=settings, of=of, rights=rights)


def _rate_storage(settings: Settings) -> str:
    """Where is counted, without the user and the password that the address may hold."""
    if settings.rate_storage is None:
        return "memory"
    found = _REDIS.match(settings.rate_storage.reveal())
    return f"Redis at {found[1]}" if found else "Redis"


def _ways(settings: Settings) -> Iterator[tuple[str, str | HttpError]]:
    """Each host that this server speaks to, and the proxy to it without its password, or why it cannot be used."""
    supabase = [f"https://{host}" for host in (CLOUD_HOST, *settings.trusted_hosts) if settings.preflight]
    provider = [settings.oidc_issuer] if settings.access is Access.OIDC and settings.oidc_issuer else []
    for address in (*(() if settings.sandbox else (*settings.hosts, *supabase)), *provider):
        try:
            _, proxy = proxy_for(httpx.URL(address))
        except HttpError as error:
            yield urlsplit(address).netloc, error
        else:
            yield urlsplit(address).netloc, proxy or "no proxy"


def _faults_around(settings: Settings) -> Iterator[str]:
    """What is wrong with all but Infisical: proxies, authorities, the audit log, Redis, the identity provider."""
    if [*_ways(settings)] and (fault := authorities_fault()):
        yield fault
        return
    yield from (f"{host}: {error}" for host, error in _ways(settings) if isinstance(error, HttpError))
    if settings.audit_log and (reason := reason_against(settings.audit_log)):
        yield audit_log_fault(settings.audit_log, reason)
    if not Limits(storage=settings.rate_storage, authorities=settings.authorities).reached():
        yield f"{_rate_storage(settings)} does not answer. Until it does, each process counts for itself."
    if settings.access is not Access.OIDC:
        return
    try:
        with closing(identity_provider(settings, clock=utc_now)) as provider:
            if fault := provider.fault():
                yield f"{settings.oidc_issuer}: {fault}"
            else:
                print(f"{settings.oidc_issuer} answers, and can sign people in.")
    except SettingsError as error:
        yield from error.faults


def _faults_of_hosts(settings: Settings) -> Iterator[str]:
    """A fault for each Infisical that people may sign in to and that does not answer."""
    for host in settings.hosts:
        try:
            with closing(Infisical(host, auth=None, transport=network(settings))) as infisical:
                infisical.status()
            print(f"{host} answers.")
        except InfisicalError as error:
            yield f"{host}: {_sentence(error)}"


def _sentence(error: InfisicalError) -> str:
    reference = f" (Infisical's request ID: {error.request_id})" if error.request_id else ""
    return f"{error}{reference}"


def _check_credential(settings: Settings) -> int:
    """Tries the server's own credential, and tells what it may do in each project and in the organization."""
    try:
        with closing(Infisical.from_settings(settings)) as infisical:
            infisical.status()
            print("Infisical answers.")
            projects = infisical.projects()
            print("It accepts the credential.")
            # Where it does not tell, this is no hindrance, as on the pages.
            with suppress(PermissionDenied, ServerFailed):
                if all(option.app != APPS[0].slug for option in infisical.options(None)):
                    raise TooOld("", missing=f"{APPS[0].name} connections")
            # The preselected one is asked about in any case.
            asked = sorted(projects, key=lambda project: project.id != settings.project_id)[:_MOST_PROJECTS]
            rights = [_tell_rights(infisical, project) for project in (*asked, None)]
    except InfisicalError as error:
        return _fail(_visible(_sentence(error)))
    if left := len(projects) - len(asked):
        print(f"Not asked about: {counted(left, 'more project')}.")
    print(_WORDS["rights"]["not_known"])
    if settings.project_id and settings.project_id not in {project.id for project in projects}:
        return _fail(_WORDS["rights"]["not_preselected"])
    if not any(may["read"] and may["create"] is not False for may in rights):
        return _fail(_WORDS["rights"]["nowhere" if projects else "no_project"])
    sure = sum(bool(may["read"] and may["create"]) for may in rights)
    may_create = f"It works: it may create connections in {counted(sure, 'project')}."
    print(may_create if sure else _WORDS["rights"]["may_work"])
    return 0


def _tell_rights(infisical: Infisical, project: Project | None) -> dict[str, bool | None]:
    """Prints what may be done with connections in a project, or with None in the organization, and returns it; None is
    what cannot be known beforehand."""
    place, suffix = "Organization, for connections of every project", ""
    may: dict[str, bool | None] = {"create": None}
    may["read"] = _may(infisical.connections, project.id if project else None)
    if project:
        may["connect"] = _may(SecretSyncs(infisical, APPS[0].slug).connections, project.id)
        roles = infisical.roles(project.id)
        granted = frozenset[str]().union(*(actions or () for actions in roles.values()))
        # Rights are given besides roles too: they count only where they account for what was listed.
        if roles and may["read"] is ("read" in granted):
            may["create"] = "create" in granted or (None if None in roles.values() else False)
        place, suffix = f"Project {project.name} ({project.slug}, ID {project.id})", "-app-connections"
        place += f", as {', '.join(roles)}" if roles else ""
    print(_visible(place))
    for label, verdict in (("May", True), ("Lacks", False), ("Not known", None)):
        if actions := [f"{action}{suffix}" for action, known in may.items() if known is verdict]:
            print(f"  {label + ':':<20}{', '.join(actions)}")
    return may


def _may(ask: Callable[..., object], *what: str | None) -> bool | None:
    """Whether Infisical answers what is asked; None where it fails, and does not refuse it."""
    try:
        ask(*what)
    except (PermissionDenied, NotAMember):
        return False
    except ServerFailed:
        return None
    return True


def _visible(line: str) -> str:
    """Texts from elsewhere could move a terminal's cursor."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)


if __name__ == "__main__":
    sys.exit(main())
