"""A signing-in proxy names the person in a header, and is believed only where it is known to be the proxy."""

from flask import request

from ..web import AuthContext, Page, Principal, Problem, deny
from .not_allowed import not_allowed
from .service_account import ServiceAccount
from .trusted_proxy import peer_is_trusted

LONGEST_NAME = 200


class ProxyBackend:
    """The way in behind oauth2-proxy, Pomerium, Cloudflare Access, Authelia and their like.

    The header is believed from the peers that CONNECT_PROXY_TRUSTED names, judged by the socket's own address. With
    `allowed_groups` one of the person's groups must be among them.
    """

    def __init__(
        self,
        server: ServiceAccount,
        *,
        user_header: str,
        groups_header: str,
        allowed_groups: tuple[str, ...],
    ) -> None:
        self._server = server
        self._user_header = user_header
        self._groups_header = groups_header
        self._allowed_groups = frozenset(allowed_groups)

    @property
    def host(self) -> str:
        return self._server.host

    def authenticate(self) -> AuthContext | Page:
        # Other peers were refused before (see `edges`). Without the proxy's word there is no name, whatever is sent.
        name = _named(self._user_header) if peer_is_trusted() else None
        if name is None:
            return deny(_NOBODY_NAMED)
        person = Principal(subject=name, name=name, way_in="proxy", groups=self._groups())
        if self._allowed_groups and not self._allowed_groups.intersection(person.groups):
            lede = f"You are signed in as {name}, who is in none of the groups that may come in."
            return deny(not_allowed(name, lede=lede), person=person)
        return self._server.visit_of(person)

    def challenge(self) -> Page | None:
        return None

    def check(self) -> None:
        self._server.check()

    def _groups(self) -> tuple[str, ...]:
        told = _text(request.headers.get(self._groups_header, ""))
        return tuple(group.strip() for group in told.split(",") if group.strip())


def _named(header: str) -> str | None:
    """The one person that the header names. Two headers, which arrive as one with a comma in it, name nobody: one of
    them may have come from outside."""
    name = _text(request.headers.get(header, "")).strip()
    usable = name.isprintable() and "," not in name and "\N{REPLACEMENT CHARACTER}" not in name
    return name if name and usable and len(name) <= LONGEST_NAME else None


def _text(header: str) -> str:
    """WSGI hands headers on as Latin-1; proxies write names in UTF-8."""
    return header.encode("latin-1", "replace").decode("utf-8", "replace")


_NOBODY_NAMED = Problem(
    slug="nobody-named",
    status=403,
    title="The proxy did not say who you are",
    lede="The proxy where people sign in must name one person with each request, and it named none.",
    icon="lock",
    steps=(
        "Have the proxy send the header that CONNECT_PROXY_USER_HEADER names, in place of any that it was sent.",
    ),
)
