"""Who may come in, and by which way."""

# Importing the pages is what adds their routes to the blueprint.
from . import login, oidc_views
from .backends import backend_for, embedded_backend_for, oidc_policy
from .embedded_backend import PUBLIC_ENDPOINTS, EmbeddedBackend, Guard
from .loopback import is_loopback_name, reason_to_refuse, without_port
from .oidc_errors import SignOnError
from .service_account import ServiceAccount
from .trusted_proxy import TrustedProxyMiddleware, peer_is_trusted, peer_is_unheard

__all__ = [
    "PUBLIC_ENDPOINTS",
    "EmbeddedBackend",
    "Guard",
    "ServiceAccount",
    "SignOnError",
    "TrustedProxyMiddleware",
    "backend_for",
    "embedded_backend_for",
    "is_loopback_name",
    "login",
    "oidc_policy",
    "oidc_views",
    "peer_is_trusted",
    "peer_is_unheard",
    "reason_to_refuse",
    "without_port",
]
