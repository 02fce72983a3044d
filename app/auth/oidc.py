"""Signing in at the company's identity provider: OpenID Connect, authorization code with PKCE. Needs the extra `oidc`.

Of Authlib this uses what knows the protocol and sends nothing: its httpx client is deprecated. Signatures are
joserfc's, on which Authlib stands.
"""

import hmac
import re
from collections.abc import Callable, Mapping
from datetime import datetime

import httpx
from authlib.common.security import generate_token
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.discovery import get_well_known_url
from joserfc.jwk import KeySet

from ..core.http import Answer, Authorization, Deadline, Fault, HttpClient, HttpError, client_secret_basic
from ..core.secret import Secret
from .id_tokens import UnknownKey, read_id_token
from .oidc_documents import Kept, Metadata, is_address, read_keys, read_metadata
from .oidc_errors import (
    Attempt,
    AuthorizationRequest,
    NotLetIn,
    ProviderFault,
    Reason,
    SignedOn,
    SignOnError,
    StartAgain,
    in_short,
)

LONGEST = 10.0
"""Seconds that a departure or an arrival may take as a whole."""

LARGEST_ANSWER = 512 * 1024
"""Bytes. Discovery documents and key lists are a few KiB; an ID token with a thousand groups stays below this."""

_LONGEST_CODE = 8192
_RANDOM = 48
"""Letters of a state, a nonce and a verifier: 285 bits. A verifier has 43 to 128 (RFC 7636, section 4.1)."""

_DENIED = frozenset({"access_denied"})
_FAILED = frozenset({"server_error", "temporarily_unavailable"})
_ASKED_WRONGLY = frozenset(
    {"invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope"}
)


class IdentityProvider:
    """One identity provider, as one client registered there. Made once per process, safe to share between threads.

    `transport` is the network below; `clock` is the wall clock, with a zone. Both methods take 10 seconds at most
    and raise a SignOnError. Raises ValueError for an issuer that is no https address (http is for loopback).
    """

    def __init__(
        self,
        *,
        issuer: str,
        client_id: str,
        client_secret: Secret,
        transport: httpx.BaseTransport,
        clock: Callable[[], datetime],
    ) -> None:
        if not is_address(issuer, plain_on_loopback=True) or "?" in issuer:
            raise ValueError("the issuer must be an https address without a query")
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._metadata = Kept(self._fetch_metadata, clock=clock)
        self._keys = Kept(self._fetch_keys, clock=clock)
        self._http = HttpClient(transport, largest=LARGEST_ANSWER)

    def departure(self, *, redirect_uri: str) -> AuthorizationRequest:
        """Where to send the browser; it comes back to `redirect_uri`, the same at every step."""
        metadata = self._metadata.current(Deadline.after(LONGEST))
        attempt = Attempt(
            state=generate_token(_RANDOM),
            nonce=generate_token(_RANDOM),
            verifier=Secret(generate_token(_RANDOM)),
            redirect_uri=redirect_uri,
        )
        url = prepare_grant_uri(
            metadata.authorization_endpoint,
            self._client_id,
            "code",
            redirect_uri=redirect_uri,
            scope=metadata.scope,
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier.reveal()),
            code_challenge_method="S256",
        )
        return AuthorizationRequest(url=url, attempt=attempt)

    def arrival(self, arguments: Mapping[str, str], *, attempt: Attempt) -> SignedOn:
        """The person who came back with these arguments of the address, to the sign-in that `attempt` began."""
        if not _same(arguments.get("state", ""), attempt.state):
            raise StartAgain(Reason.OTHER_STATE)
        deadline = Deadline.after(LONGEST)
        metadata = self._metadata.current(deadline)
        self._check_issuer(arguments.get("iss"), metadata)
        if "error" in arguments:
            raise _refusal(arguments)
        code = _code(arguments)
        id_token = self._exchange(code, attempt=attempt, metadata=metadata, deadline=deadline)
        return self._believe(id_token, attempt=attempt, deadline=deadline)

    def close(self) -> None:
        self._http.close()

    def _check_issuer(self, told: str | None, metadata: Metadata) -> None:
        """RFC 9207: whoever answers in another provider's place gives its own name, or leaves it out."""
        if told != self._issuer and (told is not None or metadata.names_itself):
            raise StartAgain(Reason.OTHER_STATE)

    def _exchange(self, code: Secret, *, attempt: Attempt, metadata: Metadata, deadline: Deadline) -> Secret:
        in_form, secrets = metadata.secret_in_form, (code, attempt.verifier, self._client_secret)
        answer = self._send(
            "POST",
            metadata.token_endpoint,
            deadline=deadline,
            form=lambda: {
                "grant_type": "authorization_code",
                "redirect_uri": attempt.redirect_uri,
                "code": code.reveal(),
                "code_verifier": attempt.verifier.reveal(),
                **(self._credential() if in_form else {}),
            },
            auth=None if in_form else client_secret_basic(self._client_id, self._client_secret),
            redact=secrets,
        )
        if answer.status != 200:
            raise _refused_code(answer)
        id_token = _id_token(answer)
        if id_token is None:
            raise ProviderFault(Reason.TOKEN)
        return id_token

    def _credential(self) -> dict[str, str]:
        return {"client_id": self._client_id, "client_secret": self._client_secret.reveal()}

    def _believe(self, id_token: Secret, *, attempt: Attempt, deadline: Deadline) -> SignedOn:
        keys = self._keys.current(deadline)
        try:
            return self._read(id_token, keys=keys, nonce=attempt.nonce)
        except UnknownKey:
            newer = self._keys.newer_than(keys, deadline)
            if newer is keys:
                raise
        return self._read(id_token, keys=newer, nonce=attempt.nonce)

    def _read(self, id_token: Secret, *, keys: KeySet, nonce: str) -> SignedOn:
        return read_id_token(
            id_token,
            keys=keys,
            issuer=self._issuer,
            client_id=self._client_id,
            nonce=nonce,
            now=self._clock(),
        )

    def _fetch_metadata(self, deadline: Deadline) -> Metadata:
        url = get_well_known_url(self._issuer, external=True)
        return read_metadata(self._get(url, deadline), issuer=self._issuer)

    def _fetch_keys(self, deadline: Deadline) -> KeySet:
        return read_keys(self._get(self._metadata.current(deadline).jwks_uri, deadline))

    def _get(self, url: str, deadline: Deadline) -> object:
        answer = self._send("GET", url, deadline=deadline)
        if answer.status != 200:
            raise ProviderFault(Reason.FAILED if answer.status >= 500 else Reason.NOT_UNDERSTOOD)
        return answer.payload

    def _send(
        self,
        method: str,
        url: str,
        *,
        deadline: Deadline,
        form: Callable[[], dict[str, str]] | None = None,
        auth: Authorization | None = None,
        redact: tuple[Secret, ...] = (),
    ) -> Answer:
        try:
            return self._http.send(method, url, deadline=deadline, form=form, auth=auth, redact=redact)
        except HttpError as error:
            reason = _REASONS.get(error.fault, Reason.UNREACHABLE)
        raise ProviderFault(reason)


_REASONS = {
    Fault.BAD_PROXY: Reason.PROXY,
    Fault.LATE: Reason.NO_ANSWER,
    Fault.CLOSED: Reason.NO_ANSWER,
    Fault.COMPRESSED: Reason.NOT_UNDERSTOOD,
    Fault.TOO_LONG: Reason.NOT_UNDERSTOOD,
}


def _same(told: str, expected: str) -> bool:
    return hmac.compare_digest(told.encode(errors="replace"), expected.encode(errors="replace"))


def _refusal(arguments: Mapping[str, str]) -> SignOnError:
    """What an error in the address stands for (RFC 6749, section 4.1.2.1; OpenID Connect Core 1.0, 3.1.2.6)."""
    error = arguments["error"]
    said = in_short(arguments.get("error_description"))
    if error in _DENIED:
        return NotLetIn(Reason.DENIED, said=said)
    if error in _FAILED:
        return ProviderFault(Reason.FAILED, said=said)
    if error in _ASKED_WRONGLY:
        return ProviderFault(Reason.REQUEST, said=said)
    return NotLetIn(Reason.REFUSED, said=said)


def _code(arguments: Mapping[str, str]) -> Secret:
    code = Secret(arguments.get("code", ""))
    if not re.fullmatch("[ -~]+", code.reveal()) or len(code.reveal()) > _LONGEST_CODE:
        raise StartAgain(Reason.NO_CODE)
    return code


def _refused_code(answer: Answer) -> SignOnError:
    """What a refusal of the token endpoint stands for (RFC 6749, section 5.2)."""
    told = answer.payload if isinstance(answer.payload, dict) else {}
    error, said = told.get("error"), in_short(told.get("error_description"))
    if error == "invalid_grant":
        return StartAgain(Reason.CODE_SPENT, said=said)
    if answer.status == 401 or error in ("invalid_client", "unauthorized_client"):
        return ProviderFault(Reason.CLIENT, said=said)
    if answer.status >= 500:
        return ProviderFault(Reason.FAILED, said=said)
    return ProviderFault(Reason.NOT_UNDERSTOOD if error is None else Reason.REQUEST, said=said)


def _id_token(answer: Answer) -> Secret | None:
    """It raises nothing, for its frame has a token in its locals."""
    text = answer.payload.get("id_token") if isinstance(answer.payload, dict) else None
    if not isinstance(text, str) or not re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]*", text, re.ASCII):
        return None
    return Secret(text)
