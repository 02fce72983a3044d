"""Which way in the settings choose."""

from collections.abc import Callable
from datetime import datetime

from ..config import Access, Settings, SettingsError
from ..core.network import NetworkTransport, certificates
from ..core.secret import Secret
from ..infisical import Infisical, OAuthApplication
from ..web import AuthBackend
from .embedded_backend import EmbeddedBackend, Guard
from .hosts import Hosts, host_name
from .local_backend import LocalBackend
from .oidc_policy import OidcPolicy
from .proxy_backend import ProxyBackend
from .service_account import ServiceAccount
from .session_backend import SessionBackend


def backend_for(
    settings: Settings,
    *,
    hosts: tuple[str, ...],
    reach: Callable[[str], Infisical],
    connect: Callable[[], Infisical],
    application: OAuthApplication | None,
    secret_keys: tuple[Secret, ...],
    clock: Callable[[], datetime],
) -> AuthBackend:
    """The gate of the way in that CONNECT_ACCESS names.

    `reach` makes the client of one of the `hosts`, `connect` the one with the server's own credential. `application`
    exchanges sign-ins at Infisical.
    """
    server = ServiceAccount(host=host_name(hosts[0]), connect=connect)
    if settings.access is Access.PROXY:
        return ProxyBackend(
            server,
            user_header=settings.proxy_user_header,
            groups_header=settings.proxy_groups_header,
            allowed_groups=settings.proxy_allowed_groups,
        )
    if settings.access is Access.THIS_MACHINE:
        return LocalBackend(server)
    oidc = oidc_policy(settings, application, clock=clock) if settings.access is Access.OIDC else None
    return SessionBackend(
        Hosts(hosts, reach=reach),
        secret_keys=secret_keys,
        clock=clock,
        oidc=oidc,
        server=server if oidc and oidc.application is None else None,
    )


def oidc_policy(
    settings: Settings, application: OAuthApplication | None, *, clock: Callable[[], datetime]
) -> OidcPolicy:
    """The single sign-on that CONNECT_OIDC_* name. Raises SettingsError without the extra that it needs."""
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
    issuer, client_id, client_secret = (
        settings.oidc_issuer,
        settings.oidc_client_id,
        settings.oidc_client_secret,
    )
    if issuer is None or client_id is None or client_secret is None:
        raise SettingsError(("CONNECT_OIDC_ISSUER, its client ID and its client secret are not set.",))

    def make_provider() -> IdentityProvider:
        return IdentityProvider(
            issuer=issuer,
            client_id=client_id,
            client_secret=client_secret,
            # An Infisical behind a private authority may go with a provider behind a public one, or behind the same.
            transport=NetworkTransport(certificates(besides=settings.ca_bundle)),
            clock=clock,
        )

    return OidcPolicy(
        make_provider=make_provider,
        application=application if settings.oidc_exchange else None,
        emails=frozenset(settings.oidc_allowed_emails),
        groups=frozenset(settings.oidc_allowed_groups),
        named_by=(issuer, client_id),
    )


def embedded_backend_for(
    guard: Guard, *, hosts: tuple[str, ...], connect: Callable[[], Infisical]
) -> AuthBackend:
    """The gate of a mounted wizard. `connect` makes the client with the server's own credential at the first host."""
    return EmbeddedBackend(ServiceAccount(host=host_name(hosts[0]), connect=connect), guard=guard)
