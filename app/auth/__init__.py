"""Who may come in: each way in is a backend, and the settings choose one."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from ..config import Access, Settings, SettingsError
from ..core.network import NetworkTransport, certificates
from ..core.secret import Secret
from ..infisical.client import Infisical
from ..web.services import AuthBackend
from .backends import LocalBackend, ProxyBackend
from .login import LoginBackend

if TYPE_CHECKING:
    from .oidc import IdentityProvider


def backend_for(
    settings: Settings,
    *,
    reach: Callable[[str], Infisical],
    connect: Callable[[], Infisical],
    secret_keys: tuple[Secret, ...],
    clock: Callable[[], datetime],
) -> AuthBackend:
    """The backend of the way in that CONNECT_ACCESS names. `reach` gives the client of one of the hosts, `connect` the
    one with the server's own credential, each the same one every time. Raises SettingsError without the extra that
    single sign-on needs."""
    if settings.access is Access.THIS_MACHINE:
        return LocalBackend(settings.hosts[0], connect)
    if settings.access is Access.PROXY:
        return ProxyBackend(settings.hosts[0], connect, settings)
    if settings.access is Access.SIGN_IN:
        return LoginBackend(settings, reach, secret_keys, clock)
    provider = identity_provider(settings, clock=clock)
    from .oidc_views import OidcBackend  # noqa: PLC0415  # the extra, without which this is not reached

    server = None if settings.oidc_exchange else connect
    return OidcBackend(settings, reach, secret_keys, clock, server=server, provider=provider)


def identity_provider(settings: Settings, *, clock: Callable[[], datetime]) -> "IdentityProvider":
    """The client of the identity provider that CONNECT_OIDC_* name, which asks nothing before it is used. Raises
    SettingsError without the extra that it needs."""
    try:
        # Imported here: nobody else needs the extra, nor waits for it.
        from .oidc import IdentityProvider  # noqa: PLC0415
    except ImportError:
        raise SettingsError(
            (
                "CONNECT_ACCESS=oidc needs the extra oidc: install the wheel with [oidc] at the end of its name, or run "
                "uv sync --extra oidc in a checkout.",
            )
        ) from None
    # An Infisical behind a private authority may go with a provider behind a public one, or behind the same.
    return IdentityProvider(
        issuer=settings.oidc_issuer or "",
        client_id=settings.oidc_client_id or "",
        client_secret=settings.oidc_client_secret or Secret(""),
        transport=NetworkTransport(certificates(besides=[settings.ca_bundle, settings.authorities])),
        clock=clock,
    )
