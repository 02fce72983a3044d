"""What stands round the stand-alone portal: who is refused at the door, pages for every address, the session's cookie."""

from collections.abc import Iterable

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer
from werkzeug.exceptions import HTTPException

from ..config import CREDENTIAL_HEADERS
from ..core.secret import Secret, derived
from ..core.templating import BLUEPRINT
from ..web import (
    Page,
    Problem,
    deny,
    explain_http,
    take_cookies_in,
    with_headers,
    with_https_alone,
)
from . import is_loopback_name, peer_is_trusted, peer_is_unheard, reason_to_refuse, without_port

_PROBES = frozenset({f"{BLUEPRINT}.healthz", f"{BLUEPRINT}.readyz"})
"""Asked by machines from wherever they are, over plain http as well; they tell nothing that is secret."""


def answer_every_address(app: Flask, *, keys: tuple[Secret, ...]) -> None:
    """Gives every answer of the app our headers, each of HTTP's refusals a designed page, and sessions our keys."""
    app.session_interface = HostBoundSession(keys)
    app.register_error_handler(HTTPException, explain_http)
    app.before_request(_take_credentials_out)
    app.after_request(with_headers)
    app.after_request(with_https_alone)


def answer_only_this_machine(app: Flask) -> None:
    """Refuses every request that may not have come from this machine."""
    app.before_request(_refuse_strangers)


def answer_only_named_hosts(app: Flask, hosts: frozenset[str]) -> None:
    """Refuses every request for another host; without any, for another than this machine's loopback names."""

    def refuse_other_hosts() -> Page | None:
        host = request.headers.get("Host", "").lower()
        known = (
            host in hosts or without_port(host) in hosts if hosts else is_loopback_name(without_port(host))
        )
        return None if known else deny(_OTHER_HOST)

    app.before_request(refuse_other_hosts)


def answer_only_https(app: Flask) -> None:
    """Refuses plain http, but from this machine: what people type here must not be read on the way."""

    def refuse_plain_http() -> Page | None:
        if request.is_secure or request.endpoint in _PROBES:
            return None
        # A trusted proxy has told who asks. Another one told in vain, and whoever stands behind it is not from here.
        elsewhere = peer_is_unheard() or _why_from_elsewhere(
            () if peer_is_trusted() else request.headers.keys()
        )
        return deny(_PLAIN_HTTP) if elsewhere else None

    app.before_request(refuse_plain_http)


def answer_only_the_proxy(app: Flask) -> None:
    """Refuses every request that does not come from the trusted proxy."""

    def refuse_other_peers() -> Page | None:
        if peer_is_trusted() or request.endpoint in _PROBES:
            return None
        return deny(_NOT_THE_PROXY)

    app.before_request(refuse_other_peers)


def _take_credentials_out() -> None:
    """What opens a door is nowhere in WSGI's environment from here on, which every traceback with locals shows."""
    take_cookies_in()
    for name in CREDENTIAL_HEADERS:
        request.environ.pop(f"HTTP_{name.upper().replace('-', '_')}", None)


class HostBoundSession(SecureCookieSessionInterface):
    """Flask's signed session, in a cookie that browsers take from this very host over https alone.

    Only plain http from this machine, where browsers would refuse such a cookie, gets it without.
    """

    def __init__(self, keys: tuple[Secret, ...]) -> None:
        self._keys = keys

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer:  # noqa: ARG002  # Flask's signature
        """Signs with keys of its own: what stands in Flask's configuration is printed with it."""
        # itsdangerous signs with its last key, and all of them open.
        return URLSafeTimedSerializer(
            [derived(key, purpose="session").reveal() for key in reversed(self._keys)],
            salt=self.salt,
            serializer=self.serializer,
            signer_kwargs={"key_derivation": self.key_derivation, "digest_method": self.digest_method},
        )

    def get_cookie_name(self, app: Flask) -> str:
        name = super().get_cookie_name(app)
        return f"__Host-{name}" if request.is_secure else name

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002  # Flask's signature
        return request.is_secure


def _why_from_elsewhere(headers: Iterable[str]) -> str | None:
    """Why the request may not have come from this machine, of which the headers may tell; None where nothing does."""
    return reason_to_refuse(
        peer=request.remote_addr or "",
        protocol=request.environ.get("SERVER_PROTOCOL", ""),
        host=request.headers.get("Host", ""),
        headers=headers,
    )


def _refuse_strangers() -> Page | None:
    reason = _why_from_elsewhere(request.headers.keys())
    if reason is None:
        return None
    return deny(
        Problem(
            slug="not-this-machine",
            status=403,
            title="This server answers only to its own machine",
            lede=f"{reason} Whoever opens this page acts with the server’s own credential, so it is refused.",
            icon="lock",
            steps=(
                "Open it on the machine it runs on, at http://127.0.0.1 and its port.",
                "From another machine, use an SSH tunnel to that address.",
                "To let other people in, set CONNECT_ACCESS.",
            ),
        )
    )


_OTHER_HOST = Problem(
    slug="other-host",
    status=421,
    title="This server does not answer to that name",
    lede="The address names a host that is not one of this server’s.",
    icon="lock",
    steps=(
        "Check the address. If it is right, add its host to CONNECT_HOSTS.",
        "A proxy must hand the host on, as Host or as X-Forwarded-Host.",
    ),
)
_PLAIN_HTTP = Problem(
    slug="plain-http",
    status=403,
    title="This page needs https",
    lede="What is typed here must not be read on the way, and this address begins with http://.",
    icon="lock",
    steps=(
        "Open the same address with https://.",
        "If a proxy ends https before this server, add its address to CONNECT_PROXY_TRUSTED and have it send "
        "X-Forwarded-Proto.",
    ),
)
_NOT_THE_PROXY = Problem(
    slug="not-the-proxy",
    status=403,
    title="This page is behind a sign-in",
    lede="The request did not come through the proxy where people sign in, so it is refused.",
    icon="lock",
    steps=(
        "Open the address of the proxy, not that of this server.",
        "If it did come through the proxy, add the proxy’s address to CONNECT_PROXY_TRUSTED.",
    ),
)
