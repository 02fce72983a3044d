"""The server's own credential at Infisical, for the ways in where people bring none."""

from collections.abc import Callable
from functools import cached_property

from ..infisical import Infisical
from ..web import AuthContext, Principal


class ServiceAccount:
    """The server's own credential at Infisical. `connect` is called once per process, when it is first needed."""

    def __init__(self, *, host: str, connect: Callable[[], Infisical]) -> None:
        self.host = host
        self._connect = connect

    @cached_property
    def infisical(self) -> Infisical:
        return self._connect()

    def visit_of(self, person: Principal) -> AuthContext:
        return AuthContext(person=person, host=self.host, connect=lambda: self.infisical)

    def check(self) -> None:
        """Infisical answers and accepts the credential."""
        self.infisical.status()
        self.infisical.projects()
