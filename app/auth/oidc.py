"""Signing in at an identity provider: OpenID Connect, authorization code with PKCE. Needs the extra `oidc`.

Of Authlib this uses what knows the protocol and sends nothing: its httpx client is deprecated. Signatures are
joserfc's, on which Authlib stands.
"""

import hmac
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from authlib.common.security import generate_token
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.discovery import get_well_known_url
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet
from pydantic import ConfigDict, Field

from ..core.http import Answer, Deadline, Fault, HttpClient, HttpError, client_secret_basic
from ..core.secret import Secret, StoredSecret
from ..core.text import one_line
from .id_tokens import OidcError, OidcUser, Reason, read_id_token
from .middleware import is_loopback_name

LONGEST = 10.0
"""Seconds that making a request or reading an answer may take as a whole."""

LONGEST_ATTEMPT = timedelta(minutes=10)
"""How long somebody may take at the identity provider."""

LARGEST_ANSWER = 512 * 1024
"""Bytes. Discovery documents and key lists are a few KiB; an ID token with a thousand groups stays below this."""

KEPT = timedelta(hours=1)
"""How long a document is used before it is fetched anew."""

PAUSE = timedelta(minutes=1)
"""How long keys are used at least, also when an ID token names one that is not among them."""

PAUSE_AFTER_FAILURE = timedelta(seconds=10)
"""How long a provider that did not answer is left alone: whoever signs in meanwhile learns it at once."""

_LONGEST_CODE = 8192
_RANDOM = 48
"""Letters of a state, a nonce and a verifier: 285 bits. A verifier has 43 to 128 (RFC 7636, section 4.1)."""

_MOST_KEYS = 100
_SHORTEST_RSA_KEY = 2048
_Document = TypeVar("_Document")

# RFC 6749, section 4.1.2.1; OpenID Connect Core 1.0, section 3.1.2.6. Any other error is a refusal.
_ERRORS = {
    "access_denied": Reason.DENIED,
    **dict.fromkeys(("server_error", "temporarily_unavailable"), Reason.FAILED),
    **dict.fromkeys(
        ("invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope"),
        Reason.REQUEST,
    ),
}
_FAULTS = {
    Fault.LATE: Reason.NO_ANSWER,
    Fault.CLOSED: Reason.NO_ANSWER,
    Fault.COMPRESSED: Reason.NOT_UNDERSTOOD,
    Fault.TOO_LONG: Reason.NOT_UNDERSTOOD,
}
"""Any other means that the provider could not be reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What the wizard needs of a discovery document (OpenID Connect Discovery 1.0, section 3). `scope` is what to ask
    for. `names_itself` is true where every answer carries the issuer (RFC 9207). `secret_in_form` is true where the
    token endpoint takes the client secret in the form only."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    scope: str
    names_itself: bool
    secret_in_form: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuthorizationRequest:
    """The address that the browser is sent to, what to hold its answer against, once, and where the sign-in leads.

    The verifier stands nowhere but in the browser's encrypted cookie, and without it a stolen code opens nothing (RFC
    7636). `path` and `query` of where it leads are apart: three letters of an address may be one byte of that cookie.
    """

    __pydantic_config__ = ConfigDict(hide_input_in_errors=True)

    url: Annotated[str, Field(exclude=True)] = field(default="", repr=False)
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: StoredSecret
    redirect_uri: str
    made_at: datetime
    path: str = ""
    query: tuple[tuple[str, str], ...] = ()

    def leading_to(self, url: str | None) -> "AuthorizationRequest":
        """The same request, which leads to a page of ours."""
        path, _, query = (url or "").partition("?")
        return replace(self, path=path, query=tuple(parse_qsl(query)))

    @property
    def next_url(self) -> str | None:
        """The page of ours that it leads to."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path or None

    def is_answered_by(self, state: str, *, now: datetime) -> bool:
        """Whether an answer with that state belongs to this request, and came within ten minutes."""
        same = hmac.compare_digest(state.encode(errors="replace"), self.state.encode(errors="replace"))
        return same and now - self.made_at <= LONGEST_ATTEMPT


@dataclass(kw_only=True, eq=False, repr=False)
class IdentityProvider:
    """One identity provider, as one client registered there. Made once per process, safe to share between threads.
    `transport` is the network below; `clock` is the wall clock, with a zone. Both methods take 10 seconds at most and
    raise an OidcError. `issuer` is an https address, or http on loopback (see `config_rules.issuer`)."""

    issuer: str
    client_id: str
    client_secret: Secret
    transport: httpx.BaseTransport
    clock: Callable[[], datetime]

    def __post_init__(self) -> None:
        discovery = get_well_known_url(self.issuer, external=True)
        self._metadata = Cached(
            lambda deadline: read_metadata(self._get_json(discovery, deadline), issuer=self.issuer),
            clock=self.clock,
        )
        self._keys = Cached(
            lambda deadline: read_keys(self._get_json(self._metadata.get(deadline).jwks_uri, deadline)),
            clock=self.clock,
        )
        self._http = HttpClient(self.transport, largest=LARGEST_ANSWER)

    def authorization_request(self, *, redirect_uri: str) -> AuthorizationRequest:
        """Where to send the browser; it comes back to `redirect_uri`, the same at every step."""
        metadata = self._metadata.get(Deadline.after(LONGEST))
        ours: dict[str, Any] = {name: generate_token(_RANDOM) for name in ("state", "nonce")}
        ours["redirect_uri"] = redirect_uri
        verifier = Secret(generate_token(_RANDOM))
        url = prepare_grant_uri(
            metadata.authorization_endpoint,
            self.client_id,
            "code",
            scope=metadata.scope,
            code_challenge=create_s256_code_challenge(verifier.reveal()),
            code_challenge_method="S256",
            **ours,
        )
        return AuthorizationRequest(url=url, verifier=verifier, made_at=self.clock(), **ours)

    def authenticate(self, answer: Mapping[str, str], *, request: AuthorizationRequest) -> OidcUser:
        """The person who came back with this answer, the query of the address, to the request that was made."""
        if not request.is_answered_by(answer.get("state", ""), now=self.clock()):
            raise OidcError(Reason.OTHER_STATE)
        deadline = Deadline.after(LONGEST)
        metadata = self._metadata.get(deadline)
        # RFC 9207: whoever answers in another provider's place gives its own name, or leaves it out.
        issuer = answer.get("iss")
        if issuer != self.issuer and (issuer is not None or metadata.names_itself):
            raise OidcError(Reason.OTHER_STATE)
        if "error" in answer:
            reason = _ERRORS.get(answer["error"], Reason.REFUSED)
            raise OidcError(reason, said=one_line(answer.get("error_description"), longest=200))
        code = Secret(answer.get("code", ""))
        if not re.fullmatch("[ -~]+", code.reveal()) or len(code.reveal()) > _LONGEST_CODE:
            raise OidcError(Reason.NO_CODE)
        id_token = self._redeem(code, request=request, metadata=metadata, deadline=deadline)
        believed = {"issuer": self.issuer, "client_id": self.client_id, "nonce": request.nonce}
        keys = self._keys.get(deadline)
        try:
            return read_id_token(id_token, keys=keys, now=self.clock(), **believed)
        except OidcError as error:
            # Newer keys may include the one that made the signature.
            newer = self._keys.get(deadline, newer_than=keys) if error.reason is Reason.SIGNATURE else keys
            if newer is keys:
                raise
        return read_id_token(id_token, keys=newer, now=self.clock(), **believed)

    def fault(self) -> str | None:
        """Why nobody could sign in there now, in a sentence; None where what it publishes of itself can be read."""
        try:
            self._metadata.get(Deadline.after(LONGEST))
        except OidcError as error:
            return str(error)
        return None

    def close(self) -> None:
        self._http.close()

    def _redeem(
        self, code: Secret, *, request: AuthorizationRequest, metadata: Metadata, deadline: Deadline
    ) -> Secret:
        answer = self._send(
            "POST",
            metadata.token_endpoint,
            deadline=deadline,
            form=lambda: {
                "grant_type": "authorization_code",
                "redirect_uri": request.redirect_uri,
                "code": code.reveal(),
                "code_verifier": request.verifier.reveal(),
                **(
                    {"client_id": self.client_id, "client_secret": self.client_secret.reveal()}
                    if metadata.secret_in_form
                    else {}
                ),
            },
            auth=None if metadata.secret_in_form else client_secret_basic(self.client_id, self.client_secret),
            redact=(code, request.verifier, self.client_secret),
        )
        if answer.status != 200:
            raise _refused_code(answer)
        id_token = Secret(str(_object_in(answer).get("id_token")))
        if not re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]*", id_token.reveal(), re.ASCII):
            raise OidcError(Reason.TOKEN)
        return id_token

    def _get_json(self, url: str, deadline: Deadline) -> object:
        answer = self._send("GET", url, deadline=deadline)
        if answer.status != 200:
            raise OidcError(Reason.FAILED if answer.status >= 500 else Reason.NOT_UNDERSTOOD)
        return answer.payload

    def _send(self, method: str, url: str, *, deadline: Deadline, **options: Any) -> Answer:
        try:
            return self._http.send(method, url, deadline=deadline, **options)
        except HttpError as error:
            reason = Reason.PROXY if error.proxy else _FAULTS.get(error.fault, Reason.UNREACHABLE)
            proxy = str(error) if error.proxy else ""
        raise OidcError(reason, proxy=proxy)


def _object_in(answer: Answer) -> dict[str, Any]:
    return answer.payload if isinstance(answer.payload, dict) else {}


def _refused_code(answer: Answer) -> OidcError:
    """What a refusal of the token endpoint stands for (RFC 6749, section 5.2)."""
    refusal = _object_in(answer)
    error = refusal.get("error")
    if error == "invalid_grant":
        reason = Reason.CODE_SPENT
    elif answer.status == 401 or error in ("invalid_client", "unauthorized_client"):
        reason = Reason.CLIENT
    elif answer.status >= 500:
        reason = Reason.FAILED
    else:
        reason = Reason.NOT_UNDERSTOOD if error is None else Reason.REQUEST
    return OidcError(reason, said=one_line(refusal.get("error_description"), longest=200))


def read_metadata(document: object, *, issuer: str) -> Metadata:
    """The metadata in a discovery document of this issuer. Raises OidcError."""
    if not isinstance(document, dict) or "issuer" not in document:
        raise OidcError(Reason.NOT_UNDERSTOOD)
    if document["issuer"] != issuer:
        raise OidcError(Reason.OTHER_ISSUER)
    endpoints: dict[str, Any] = {
        name: document.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
    }
    if not all(is_address(url, plain_on_loopback=issuer.startswith("http:")) for url in endpoints.values()):
        raise OidcError(Reason.NOT_UNDERSTOOD)
    scopes: Any = document.get("scopes_supported")
    methods: Any = document.get("token_endpoint_auth_methods_supported")
    # HTTP Basic is what a provider takes that does not say (Discovery 1.0, section 3).
    secret_in_form = isinstance(methods, list) and "client_secret_basic" not in methods
    if secret_in_form and "client_secret_post" not in methods:
        raise OidcError(Reason.NO_METHOD)
    # A provider that does not offer this scope either sends groups anyway or refuses a scope it does not know.
    groups = " groups" if isinstance(scopes, list) and "groups" in scopes else ""
    return Metadata(
        **endpoints,
        scope=f"openid profile email{groups}",
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        secret_in_form=secret_in_form,
    )


def is_address(text: object, *, plain_on_loopback: bool) -> bool:
    """Whether a text is an https address without a user or a fragment; http too, if allowed, on loopback."""
    if not isinstance(text, str) or not re.fullmatch("[!-~]{,2000}", text):
        return False
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or "#" in text:
        return False
    plain = plain_on_loopback and is_loopback_name(host)
    return parts.scheme == "https" or (parts.scheme == "http" and plain)


def read_keys(document: object) -> KeySet:
    """The keys of a JWKS that can verify a signature; those of other kinds are left out. Raises OidcError."""
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise OidcError(Reason.NOT_UNDERSTOOD)
    return KeySet([key for key in map(_key, listed[:_MOST_KEYS]) if key is not None])


def _key(jwk: object) -> Key | None:
    # A symmetric key in a public list would be one that everybody can sign with.
    if not isinstance(jwk, dict) or jwk.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    try:
        # In base64url each letter of the modulus holds six bits.
        if jwk["kty"] == "RSA" and len(jwk["n"].rstrip("=")) * 6 < _SHORTEST_RSA_KEY:
            return None
        key = JWKRegistry.import_key(jwk)
        key.ensure_kid()
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return key


class Cached(Generic[_Document]):
    """A document that is fetched when it is first needed and kept for an hour. Safe to share between threads. One fetch
    serves all threads that wait for it. `fetch` raises OidcError, and so does `get`."""

    def __init__(self, fetch: Callable[[Deadline], _Document], *, clock: Callable[[], datetime]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._known: _Document | OidcError = OidcError(Reason.NO_ANSWER)
        self._since = datetime.min.replace(tzinfo=UTC)

    def get(self, deadline: Deadline, *, newer_than: _Document | None = None) -> _Document:
        """The document, at most an hour old; with `newer_than` another than that, unless it is less than a minute old."""
        if not self._lock.acquire(timeout=deadline.remaining()):
            raise OidcError(Reason.NO_ANSWER)
        try:
            usual = PAUSE_AFTER_FAILURE if isinstance(self._known, OidcError) else KEPT
            span = PAUSE if self._known is newer_than else usual
            # A clock that was set back must not keep a document for ever.
            if not timedelta(0) <= self._clock() - self._since < span:
                try:
                    self._known = self._fetch(deadline)
                except OidcError as error:
                    # What is known still serves where a newer one was only hoped for.
                    if self._known is not newer_than:
                        self._known = OidcError(error.reason, proxy=error.proxy)
                self._since = self._clock()
            if isinstance(self._known, OidcError):
                raise OidcError(self._known.reason, proxy=self._known.proxy)
            return self._known
        finally:
            self._lock.release()
