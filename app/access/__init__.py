"""Who may come in, and by which way."""

# Importing the pages is what adds their routes to the blueprint.
from . import company_page, sign_in_page
from .forwarding import Forwarding, peer_is_trusted, peer_is_unheard
from .gates import company_sign_on, gate_for, gate_with
from .guarded import STILL_OPEN, Guard, Guarded
from .loopback import is_loopback_name, reason_to_refuse, without_port
from .servers_identity import ServersIdentity
from .single_sign_on import SignOnError

__all__ = [
    "STILL_OPEN",
    "Forwarding",
    "Guard",
    "Guarded",
    "ServersIdentity",
    "SignOnError",
    "company_page",
    "company_sign_on",
    "gate_for",
    "gate_with",
    "is_loopback_name",
    "peer_is_trusted",
    "peer_is_unheard",
    "reason_to_refuse",
    "sign_in_page",
    "without_port",
]
