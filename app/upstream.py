"""What stands behind the pages: a real Infisical and Supabase over the network, or the sandbox in this process."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import httpx

from .config import Settings
from .connectors import TokenChecks
from .core.network import NetworkTransport, certificates
from .core.secret import Secret
from .infisical import Infisical, OAuthApplication, UniversalAuth
from .web import SandboxInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class Upstream:
    """How the clients are made, each once per process, and what the pages tell of a sandbox; None on a real one.

    `hosts` are the addresses of Infisical. `reach` makes the client of one of them, which proves nothing by itself;
    `connect` the one that acts with the server's own credential. `application` exchanges sign-ins, None where none is
    set.
    """

    hosts: tuple[str, ...]
    reach: Callable[[str], Infisical]
    connect: Callable[[], Infisical]
    make_checks: Callable[[], TokenChecks]
    application: OAuthApplication | None
    sandbox_info: SandboxInfo | None = None


def over_network(settings: Settings, *, transport: httpx.BaseTransport | None) -> Upstream:
    """The Infisical that the settings name, and Supabase; `transport` replaces the network below both."""

    def make_checks() -> TokenChecks:
        network = transport or NetworkTransport(certificates())
        return TokenChecks(transport=network, extra_hosts=settings.supabase_hosts)

    def reach_one(host: str) -> Infisical:
        network = transport or NetworkTransport(certificates(ca_bundle=settings.ca_bundle))
        return Infisical(host, auth=None, transport=network)

    return Upstream(
        hosts=settings.hosts,
        reach=reach_one,
        connect=partial(Infisical.from_settings, settings, transport=transport),
        make_checks=make_checks,
        application=_application(settings.oauth_client_id, settings.oauth_client_secret),
    )


def _application(client_id: str | None, client_secret: Secret | None) -> OAuthApplication | None:
    return (
        OAuthApplication(client_id=client_id, client_secret=client_secret)
        if client_id and client_secret
        else None
    )


def prepare_sandbox(data: Path | None) -> None:
    """Makes the sandbox's database where the file `data` has none. Raises ValueError without a file, OSError when it
    cannot be written."""
    if data is None:
        raise ValueError("the sandbox keeps its data in a file; name one with data=")
    from .sandbox import prepare_database  # noqa: PLC0415  # as below

    try:
        prepare_database(data)
    except sqlite3.Error as error:
        raise OSError(f"{data} cannot be used for the sandbox's data: {error}") from None


def in_sandbox(
    settings: Settings,
    *,
    data: Path | None,
    transport: httpx.BaseTransport | None,
    clock: Callable[[], datetime],
) -> Upstream:
    """The sandbox on its database `data`, which was prepared before."""
    # Imported here: a server that talks to a real Infisical never loads the stand-in.
    from . import sandbox  # noqa: PLC0415

    def make_transport() -> httpx.BaseTransport:
        if data is None:
            raise ValueError("the sandbox needs a database")
        return transport or sandbox.SandboxTransport(sandbox.create_sandbox(data, clock=clock))

    def connect() -> Infisical:
        auth = UniversalAuth(
            client_id=sandbox.SANDBOX_CLIENT_ID,
            client_secret=Secret(sandbox.SANDBOX_CLIENT_SECRET),
        )
        return Infisical(sandbox.SANDBOX_HOST, auth=auth, transport=make_transport())

    def reach_one(host: str) -> Infisical:
        return Infisical(host, auth=None, transport=make_transport())

    def make_checks() -> TokenChecks:
        return TokenChecks(transport=make_transport(), extra_hosts=settings.supabase_hosts)

    accepted = "Supabase accepts the token, as it does with any four digits that are not below."
    scenarios = {
        sandbox.sandbox_token(): accepted,
        **{sandbox.sandbox_token(scenario.digits): scenario.sentence for scenario in sandbox.SCENARIOS},
    }
    sandbox_info = SandboxInfo(
        token=sandbox.sandbox_token(),
        credential=(sandbox.SANDBOX_CLIENT_ID, sandbox.SANDBOX_CLIENT_SECRET),
        scenarios=tuple(
            {"digits": token[-4:], "sentence": sentence, "token": token}
            for token, sentence in scenarios.items()
        ),
        projects_note="Two made-up projects, Payments and Webshop. What you create is gone when the server stops, "
        "unless it was started with a file to keep it in (--data FILE).",
        what_leaves=settings.what_leaves,
    )
    return Upstream(
        hosts=(sandbox.SANDBOX_HOST,),
        reach=reach_one,
        connect=connect,
        make_checks=make_checks,
        application=_application(
            sandbox.SANDBOX_OAUTH_CLIENT_ID, Secret(sandbox.SANDBOX_OAUTH_CLIENT_SECRET)
        ),
        sandbox_info=sandbox_info,
    )
