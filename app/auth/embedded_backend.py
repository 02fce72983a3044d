"""Inside another Flask app: its guard says who asks."""

import logging
from collections.abc import Callable

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from ..web import (
    AuthContext,
    Page,
    Principal,
    Problem,
    deny,
    host_answers,
    record,
    we_answer,
)
from .service_account import ServiceAccount

Guard = Callable[[], Principal | Page]
"""Called before each page that is not open to everybody: the person who asks, or the response they get instead."""

PUBLIC_ENDPOINTS = frozenset({"static_file", "healthz", "readyz"})
"""The pages that answer without asking the guard."""

_log = logging.getLogger(__name__)


class EmbeddedBackend:
    """The way in of a mounted wizard: the host's guard, and the server's own credential.

    Only a Person is let in. A response is handed on as the host made it; whatever else the guard returns is refused,
    and what it raises is the host's to handle.
    """

    def __init__(self, server: ServiceAccount, *, guard: Guard) -> None:
        self._server = server
        self._guard = guard

    @property
    def host(self) -> str:
        """Nobody who was not let in is told which Infisical it is."""
        return ""

    def authenticate(self) -> AuthContext | Page:
        host_answers()
        answer = self._asked()
        if isinstance(answer, Response):
            record("refusal", _NOT_LET_IN)
            return answer
        we_answer()
        if isinstance(answer, Principal) and _is_whole(answer):
            return self._server.visit_of(answer)
        _log.error(
            "The guard must return a Person with texts in it, or a response; it returned %s.", type(answer)
        )
        return deny(_NOBODY_NAMED)

    def challenge(self) -> Page | None:
        return None

    def check(self) -> None:
        self._server.check()

    def _asked(self) -> object:
        """What the guard returns, be it what its type promises or not."""
        try:
            return self._guard()
        except HTTPException:
            record("refusal", _NOT_LET_IN)
            raise


def _is_whole(person: Principal) -> bool:
    """Whether a person can be told apart: a number from the host's database, or no text at all, tells nobody apart."""
    texts: tuple[object, ...] = (person.subject, person.name, person.way_in)
    return all(isinstance(text, str) for text in texts) and bool(person.subject)


_NOT_LET_IN = "not-let-in"
_NOBODY_NAMED = Problem(
    slug="nobody-named",
    status=403,
    title="Nobody said who you are",
    lede="The app that these pages are part of must name the person who asks, and it named none.",
    icon="lock",
    note="It is logged. Whoever runs the app can mend it: its guard returned neither a person nor a response.",
)
