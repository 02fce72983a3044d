"""Who is asking for a page, with whose rights the wizard then acts, and what decides it: the gate."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from flask import Response, g
from werkzeug.wrappers import Response as WerkzeugResponse

from ..infisical import Infisical

Page = Response | WerkzeugResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who came in, by which way. `subject` tells people apart in logs and limits, `name` is for the page."""

    subject: str
    name: str
    way_in: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A person who may come in, and the Infisical that is asked for them.

    `connect` gives the client that acts with their rights, or with the server's where `own_rights` is false. `host` is
    what people know that Infisical by. `may_sign_out` tells whether there is something to sign out of here. `sign_in`
    stands for the sign-in that let them in, and for no other.
    """

    person: Person
    host: str
    connect: Callable[[], Infisical]
    own_rights: bool = False
    may_sign_out: bool = False
    sign_in: str | None = None


class Gate(Protocol):
    """One way in. Asked before each page that is not open to everybody."""

    @property
    def host(self) -> str:
        """The host of Infisical for pages that nobody has come in to; "" where that is not known yet."""

    def admit(self) -> Visit | Page:
        """The visit of whoever asks, or the page they get instead."""

    def turned_away(self) -> Page | None:
        """The page for somebody whose own access token no longer counts; None where it is the server's."""

    def ready(self) -> None:
        """Returns when Infisical can be used; raises an InfisicalError otherwise."""


def visit() -> Visit | None:
    """The visit of the current request; None before anybody was let in."""
    held: Visit | None = g.get("connect_visit")
    return held


def let_in(newcomer: Visit) -> None:
    """Makes it the visit of the current request."""
    g.connect_visit = newcomer
