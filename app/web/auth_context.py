"""Who is asking for a page, with whose rights the wizard then acts, and what decides it: the gate."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from flask import Response, g
from werkzeug.wrappers import Response as WerkzeugResponse

from ..infisical import Infisical

Page = Response | WerkzeugResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who came in, by which way. `subject` tells people apart in logs and limits, `name` is for the page."""

    subject: str
    name: str
    way_in: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthContext:
    """A person who may come in, and the Infisical that is asked for them.

    `connect` gives the client that acts with their rights, or with the server's where `own_rights` is false. `host` is
    what people know that Infisical by. `may_sign_out` tells whether there is something to sign out of here. `sign_in`
    stands for the sign-in that let them in, and for no other.
    """

    person: Principal
    host: str
    connect: Callable[[], Infisical]
    own_rights: bool = False
    may_sign_out: bool = False
    sign_in: str | None = None


class AuthBackend(Protocol):
    """One way in. Asked before each page that is not open to everybody."""

    @property
    def host(self) -> str:
        """The host of Infisical for pages that nobody has come in to; "" where that is not known yet."""

    def authenticate(self) -> AuthContext | Page:
        """The visit of whoever asks, or the page they get instead."""

    def challenge(self) -> Page | None:
        """The page for somebody whose own access token no longer counts; None where it is the server's."""

    def check(self) -> None:
        """Returns when Infisical can be used; raises an InfisicalError otherwise."""


def current_auth() -> AuthContext | None:
    """The visit of the current request; None before anybody was let in."""
    held: AuthContext | None = g.get("connect_visit")
    return held


def login_context(newcomer: AuthContext) -> None:
    """Makes it the visit of the current request."""
    g.connect_visit = newcomer
