"""Nobody signs in: whoever sits at this machine acts with the server's own credential."""

from ..web import AuthContext, Page, Principal
from .service_account import ServiceAccount

_OWNER = Principal(subject="this-machine", name="This machine", way_in="this-machine")


class LocalBackend:
    """The way in on a loopback address. That a request comes from this machine is judged before (see `edges`)."""

    def __init__(self, server: ServiceAccount) -> None:
        self._server = server

    @property
    def host(self) -> str:
        return self._server.host

    def authenticate(self) -> AuthContext:
        return self._server.visit_of(_OWNER)

    def challenge(self) -> Page | None:
        return None

    def check(self) -> None:
        self._server.check()
