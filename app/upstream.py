"""What stands behind the pages: a real Infisical and Supabase over the network, or the sandbox in this process."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from .config import Settings
from .connectors import TokenChecks
from .core.network import NetworkTransport, certificates
from .core.secret import Secret
from .infisical import Infisical
from .web.services import SandboxInfo

Transport = Callable[[Path | None], httpx.BaseTransport]
"""Makes what carries requests; it trusts the certificates in that file, or else those that the system trusts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Upstream:
    """Makes the clients, each once per process.

    `settings` name the Infisical, on the sandbox the made-up one. `sandbox_info` is what the pages tell of the sandbox,
    None on a real Infisical.
    """

    settings: Settings
    transport: Transport
    sandbox_info: SandboxInfo | None = None

    def reach(self, host: str) -> Infisical:
        """The client of one of the hosts, which proves nothing by itself."""
        return Infisical(host, auth=None, transport=self.transport(self.settings.ca_bundle))

    def connect(self) -> Infisical:
        """The client that acts with the server's own credential."""
        return Infisical.from_settings(self.settings, transport=self.transport(self.settings.ca_bundle))

    def make_checks(self) -> TokenChecks:
        """What asks Supabase about a token."""
        return TokenChecks(transport=self.transport(None), extra_hosts=self.settings.supabase_hosts)


def over_network(settings: Settings, *, transport: httpx.BaseTransport | None = None) -> Upstream:
    """The Infisical that the settings name, and Supabase; `transport` replaces the network below both."""
    return Upstream(
        settings=settings,
        transport=lambda ca_bundle: transport or NetworkTransport(certificates(ca_bundle=ca_bundle)),
    )


def prepare_sandbox(data: Path) -> None:
    """Makes the sandbox's database where the file has none. Raises OSError when it cannot be written."""
    # Imported here, as below: a server that talks to a real Infisical never loads the stand-in.
    from .sandbox import prepare_database  # noqa: PLC0415

    prepare_database(data)


def in_sandbox(
    settings: Settings,
    *,
    data: Path | None,
    transport: httpx.BaseTransport | None,
    clock: Callable[[], datetime],
) -> Upstream:
    """The sandbox on its database `data`, which was prepared before, as one more Infisical that settings name."""
    from . import sandbox  # noqa: PLC0415

    def make_transport(_: Path | None) -> httpx.BaseTransport:
        if data is None:
            raise ValueError("the sandbox needs a database")
        return transport or sandbox.SandboxTransport(sandbox.create_sandbox(data, clock=clock))

    made_up = {
        "hosts": (sandbox.SANDBOX_HOST,),
        "client_id": sandbox.SANDBOX_CLIENT_ID,
        "client_secret": Secret(sandbox.SANDBOX_CLIENT_SECRET),
        "oauth_client_id": sandbox.SANDBOX_OAUTH_CLIENT_ID,
        "oauth_client_secret": Secret(sandbox.SANDBOX_OAUTH_CLIENT_SECRET),
    }
    accepted = "Supabase accepts the token, as it does with any four digits that are not below."
    digits = {"4567": accepted, **{scenario.digits: scenario.sentence for scenario in sandbox.SCENARIOS}}
    info = SandboxInfo(
        token=sandbox.sandbox_token(),
        credential=(sandbox.SANDBOX_CLIENT_ID, sandbox.SANDBOX_CLIENT_SECRET),
        scenarios=tuple(
            {"digits": last, "sentence": sentence, "token": sandbox.sandbox_token(last)}
            for last, sentence in digits.items()
        ),
        what_leaves=settings.what_leaves,
    )
    return Upstream(settings=settings.model_copy(update=made_up), transport=make_transport, sandbox_info=info)
