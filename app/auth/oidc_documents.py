"""What an identity provider publishes about itself: its discovery document, its keys, and how long both are kept."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet

from ..core.http import Deadline
from .loopback import is_loopback_name
from .oidc_errors import ProviderFault, Reason

KEPT = timedelta(hours=1)
"""How long a document is used before it is fetched anew."""

PAUSE = timedelta(minutes=1)
"""How long keys are used at least, also when an ID token names one that is not among them."""

PAUSE_AFTER_FAILURE = timedelta(seconds=10)
"""How long a provider that did not answer is left alone: whoever signs in meanwhile is told so at once."""

_MOST_KEYS = 100
_SHORTEST_RSA_KEY = 2048
_Document = TypeVar("_Document")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What the wizard needs of a discovery document (OpenID Connect Discovery 1.0, section 3).

    `scope` is what to ask for. `names_itself` tells whether every answer carries the issuer (RFC 9207).
    `secret_in_form` is true where the token endpoint takes the client secret in the form only.
    """

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    scope: str
    names_itself: bool
    secret_in_form: bool


def read_metadata(told: object, *, issuer: str) -> Metadata:
    """The metadata in a discovery document of this issuer. Raises ProviderFault."""
    if not isinstance(told, dict) or "issuer" not in told:
        raise ProviderFault(Reason.NOT_UNDERSTOOD)
    if told["issuer"] != issuer:
        raise ProviderFault(Reason.OTHER_ISSUER)
    return Metadata(
        authorization_endpoint=_address(told.get("authorization_endpoint"), issuer=issuer),
        token_endpoint=_address(told.get("token_endpoint"), issuer=issuer),
        jwks_uri=_address(told.get("jwks_uri"), issuer=issuer),
        scope=_scope(told.get("scopes_supported")),
        names_itself=told.get("authorization_response_iss_parameter_supported") is True,
        secret_in_form=_secret_in_form(told.get("token_endpoint_auth_methods_supported")),
    )


def is_address(text: object, *, plain_on_loopback: bool) -> bool:
    """Whether a text is an https address without a user or a fragment; http too, if allowed, on loopback."""
    if not isinstance(text, str) or len(text) > 2000 or not all("!" <= letter <= "~" for letter in text):
        return False
    try:
        parts = urlsplit(text)
        named, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not named or "@" in parts.netloc or "#" in text:
        return False
    return parts.scheme == "https" or (
        parts.scheme == "http" and plain_on_loopback and is_loopback_name(named)
    )


def _address(told: object, *, issuer: str) -> str:
    if not isinstance(told, str) or not is_address(told, plain_on_loopback=issuer.startswith("http:")):
        raise ProviderFault(Reason.NOT_UNDERSTOOD)
    return told


def _scope(told: object) -> str:
    """Providers that do not offer `groups` as a scope either send groups anyway or refuse a scope they do not know."""
    offers_groups = isinstance(told, list) and "groups" in told
    return "openid profile email groups" if offers_groups else "openid profile email"


def _secret_in_form(told: object) -> bool:
    """HTTP Basic is what a provider takes that does not say (Discovery 1.0, section 3)."""
    if not isinstance(told, list) or "client_secret_basic" in told:
        return False
    if "client_secret_post" in told:
        return True
    raise ProviderFault(Reason.NO_METHOD)


def read_keys(told: object) -> KeySet:
    """The keys of a JWKS that can verify a signature; those of other kinds are left out. Raises ProviderFault."""
    listed = told.get("keys") if isinstance(told, dict) else None
    if not isinstance(listed, list):
        raise ProviderFault(Reason.NOT_UNDERSTOOD)
    keys = [key for key in map(_key, listed[:_MOST_KEYS]) if key is not None]
    return KeySet(keys)


def _key(told: object) -> Key | None:
    # A symmetric key in a public list would be one that everybody can sign with.
    if not isinstance(told, dict) or told.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    if told.get("kty") == "RSA" and _bits(told.get("n")) < _SHORTEST_RSA_KEY:
        return None
    try:
        key = JWKRegistry.import_key(told)
        key.ensure_kid()
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return key


def _bits(modulus: object) -> int:
    """About how long a number in base64url is: each letter holds six bits."""
    return len(modulus.rstrip("=")) * 6 if isinstance(modulus, str) else 0


class Kept(Generic[_Document]):
    """A document that is fetched when it is first needed and kept for an hour. Safe to share between threads.

    One fetch serves all threads that wait for it. `fetch` raises ProviderFault, and so do the methods.
    """

    def __init__(self, fetch: Callable[[Deadline], _Document], *, clock: Callable[[], datetime]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._held: tuple[_Document, datetime] | None = None
        self._failed: tuple[Reason, datetime] | None = None

    def current(self, deadline: Deadline) -> _Document:
        """The document, at most an hour old."""
        with self._alone(deadline):
            if self._held is not None and self._within(KEPT, self._held[1]):
                return self._held[0]
            return self._anew(deadline)

    def newer_than(self, document: _Document, deadline: Deadline) -> _Document:
        """The document fetched anew; the one in hand if it is less than a minute old."""
        with self._alone(deadline):
            if self._held is not None and (
                self._held[0] is not document or self._within(PAUSE, self._held[1])
            ):
                return self._held[0]
            return self._anew(deadline)

    def _anew(self, deadline: Deadline) -> _Document:
        if self._failed is not None and self._within(PAUSE_AFTER_FAILURE, self._failed[1]):
            raise ProviderFault(self._failed[0])
        try:
            document = self._fetch(deadline)
        except ProviderFault as fault:
            self._failed = (fault.reason, self._clock())
            raise
        self._held, self._failed = (document, self._clock()), None
        return document

    def _within(self, span: timedelta, since: datetime) -> bool:
        # A clock that was set back must not keep a document for ever.
        return timedelta(0) <= self._clock() - since < span

    @contextmanager
    def _alone(self, deadline: Deadline) -> Generator[None, None, None]:
        if not self._lock.acquire(timeout=deadline.remaining()):
            raise ProviderFault(Reason.NO_ANSWER)
        try:
            yield
        finally:
            self._lock.release()
