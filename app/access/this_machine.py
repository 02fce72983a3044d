"""Nobody signs in: whoever sits at this machine acts with the server's own credential."""

from ..connections import Page, Person, Visit
from .servers_identity import ServersIdentity

_OWNER = Person(subject="this-machine", name="This machine", way_in="this-machine")


class ThisMachine:
    """The way in on a loopback address. That a request comes from this machine is judged before (see `edges`)."""

    def __init__(self, server: ServersIdentity) -> None:
        self._server = server

    @property
    def host(self) -> str:
        return self._server.host

    def admit(self) -> Visit:
        return self._server.visit_of(_OWNER)

    def turned_away(self) -> Page | None:
        return None

    def ready(self) -> None:
        self._server.ready()
