"""The ways in where nobody signs in here: whoever is admitted acts with the server's own credential at Infisical."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from flask import g, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from ..config import Settings
from ..infisical.client import Infisical
from ..web.render import deny
from ..web.services import AuthContext, Page, Principal, record
from .middleware import peer_is_trusted

Guard = Callable[[], Principal | Page]
"""Called before each page that is not open to everybody: the person who asks, or the response they get instead."""

LONGEST_NAME = 200

_log = logging.getLogger(__name__)


def host_name(host: str) -> str:
    """The host of an address, with a port that is not the usual one."""
    return urlsplit(host).netloc


@dataclass(frozen=True, eq=False)
class LocalBackend:
    """The way in on a loopback address. That a request comes from this machine is judged before (see `middleware`).
    `connect` gives the client with the server's own credential at Infisical, whose address is `address`."""

    address: str
    connect: Callable[[], Infisical]
    blueprint: ClassVar[None] = None

    @property
    def host(self) -> str:
        return host_name(self.address)

    def authenticate(self) -> AuthContext | Page:
        return self.context_of(Principal(subject="this-machine", name="This machine", way_in="this-machine"))

    def challenge(self) -> Page | None:
        return None

    def check(self) -> None:
        """Infisical answers and accepts the credential."""
        self.connect().status()
        self.connect().projects()

    def context_of(self, person: Principal) -> AuthContext:
        return AuthContext(person=person, host=host_name(self.address), connect=self.connect)


@dataclass(frozen=True, eq=False)
class ProxyBackend(LocalBackend):
    """The way in behind oauth2-proxy, Pomerium, Cloudflare Access, Authelia and their like. The header is believed from
    the peers that CONNECT_PROXY_TRUSTED names, judged by the socket's own address. With CONNECT_PROXY_ALLOWED_GROUPS
    one of the person's groups must be among them."""

    settings: Settings

    def authenticate(self) -> AuthContext | Page:
        user_header, allowed = self.settings.proxy_user_header, self.settings.proxy_allowed_groups
        # Other peers were refused before (see `middleware`). Without the proxy's word there is no name, whatever is sent.
        name = _header(user_header).strip() if peer_is_trusted() else ""
        if not name.isprintable() or "\N{REPLACEMENT CHARACTER}" in name or not 0 < len(name) <= LONGEST_NAME:
            return deny("nobody-named")
        # Two headers, which arrive as one with a comma in it, name nobody: one of them may have come from outside.
        if "," in name:
            return deny("nobody-named/comma", header=user_header)
        entries = map(str.strip, _header(self.settings.proxy_groups_header).split(","))
        groups = tuple(filter(None, entries))
        person = Principal(subject=name, name=name, way_in="proxy", groups=groups)
        if allowed and not set(allowed).intersection(groups):
            return deny("not-allowed", person=person, who=name)
        return self.context_of(person)


def _header(name: str) -> str:
    """WSGI hands headers on as Latin-1; proxies write names in UTF-8."""
    return request.headers.get(name, "").encode("latin-1", "replace").decode("utf-8", "replace")


@dataclass(frozen=True, eq=False)
class EmbeddedBackend(LocalBackend):
    """The way in of a mounted wizard: the host's guard. Only a Principal is let in. A response is handed on as the host
    made it; whatever else the guard returns is refused, and what it raises is the host's to handle."""

    guard: Guard

    host = ""
    """Nobody who was not let in learns which Infisical it is."""

    def authenticate(self) -> AuthContext | Page:
        g.connect_answers = False
        try:
            # Its type promises less than a guard may return.
            answer: object = self.guard()
        except HTTPException:
            record("refusal", "not-let-in")
            raise
        if isinstance(answer, Response):
            record("refusal", "not-let-in")
            return answer
        g.connect_answers = True
        if isinstance(answer, Principal):
            # A number from the host's database, or no text at all, tells nobody apart.
            texts: tuple[object, ...] = (answer.subject, answer.name, answer.way_in)
            if answer.subject and all(isinstance(text, str) for text in texts):
                return self.context_of(answer)
        _log.error(
            "The guard must return a Principal with texts in it, or a response; it returned %s.", type(answer)
        )
        return deny("nobody-named/embedded")
