"""What stands behind the pages: a real Infisical and Supabase over the network, or the sandbox in this process."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from .connections import StandIn
from .infisical import Infisical, UniversalAuth
from .secret import Secret
from .settings import Settings
from .supabase import TokenChecks


@dataclass(frozen=True, kw_only=True, slots=True)
class Upstream:
    """How the clients are made, each once per process, and what the pages tell of a sandbox; None on a real one."""

    connect: Callable[[], Infisical]
    make_checks: Callable[[], TokenChecks]
    host: str
    stand_in: StandIn | None = None


def over_network(settings: Settings, *, transport: httpx.BaseTransport | None) -> Upstream:
    """The Infisical that the settings name, and Supabase; `transport` replaces the network below both."""

    def make_checks() -> TokenChecks:
        if transport is not None:
            return TokenChecks(transport=transport, extra_hosts=settings.supabase_hosts)
        return TokenChecks.over_network(extra_hosts=settings.supabase_hosts)

    return Upstream(
        connect=partial(Infisical.from_settings, settings, transport=transport),
        make_checks=make_checks,
        host=urlsplit(settings.host or "").netloc,
    )


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
            base_url=sandbox.SANDBOX_HOST,
            client_id=sandbox.SANDBOX_CLIENT_ID,
            client_secret=Secret(sandbox.SANDBOX_CLIENT_SECRET),
        )
        return Infisical(sandbox.SANDBOX_HOST, auth=auth, transport=make_transport())

    def make_checks() -> TokenChecks:
        return TokenChecks(transport=make_transport(), extra_hosts=settings.supabase_hosts)

    accepted = "Supabase accepts the token, as it does with any four digits that are not below."
    fates = {
        sandbox.sandbox_token(): accepted,
        **{sandbox.sandbox_token(fate.digits): fate.sentence for fate in sandbox.FATES},
    }
    stand_in = StandIn(
        token=sandbox.sandbox_token(),
        fates=tuple(
            {"digits": token[-4:], "sentence": sentence, "token": token} for token, sentence in fates.items()
        ),
        projects_note="Two made-up projects, Payments and Webshop. What you create is gone when the server stops, "
        "unless it was started with a file to keep it in (--data FILE).",
    )
    host = urlsplit(sandbox.SANDBOX_HOST).netloc
    return Upstream(connect=connect, make_checks=make_checks, host=host, stand_in=stand_in)
