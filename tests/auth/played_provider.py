"""An identity provider that a test writes: what it publishes, which token it gives for a code, and how it is signed."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwk, jwt

from app.auth.id_tokens import OidcError, OidcUser
from app.auth.oidc import AuthorizationRequest, IdentityProvider
from app.core.secret import Secret
from tests.conftest import Clock

ISSUER = "https://login.company.test"
CLIENT_ID = "infisical-connect"
CLIENT_SECRET = "made-up-client-secret-of-the-wizard"
CODE = "made-up-code-that-the-provider-gave"
DISCOVERY = "/.well-known/openid-configuration"
BACK = "https://connect.company.test/sign-in/back"


@cache
def rsa_key(kid: str = "first") -> jwk.RSAKey:
    return jwk.RSAKey.generate_key(2048, {"kid": kid})


@dataclass
class PlayedProvider:
    """Plays the provider behind a client. Its parts can be changed at any time; `asked` is each request's path."""

    clock: Clock = field(default_factory=Clock)
    metadata: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "first"})
    signing_key: Any = field(default_factory=rsa_key)
    published: list[Any] = field(default_factory=lambda: [rsa_key()])
    token: str | None = None
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    exchanges: list[httpx.Request] = field(default_factory=list)
    nonce: str = ""

    def __post_init__(self) -> None:
        self.client = IdentityProvider(
            issuer=ISSUER,
            client_id=CLIENT_ID,
            client_secret=Secret(CLIENT_SECRET),
            transport=httpx.MockTransport(self.answer),
            clock=self.clock,
        )

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(path)
        if path == "/token":
            self.exchanges.append(request)
        told = self.answers.get(path)
        if told is not None:
            given: httpx.Response = told(request) if callable(told) else told
            return given
        if path == "/keys":
            return httpx.Response(200, json={"keys": [key.as_dict(private=False) for key in self.published]})
        if path == "/token":
            token = {
                "access_token": "unused",
                "token_type": "Bearer",
                "id_token": self.token or self.signed(),
            }
            return httpx.Response(200, json=token)
        return httpx.Response(200, json=self.published_metadata())

    def published_metadata(self) -> dict[str, Any]:
        usual = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        return {name: value for name, value in (usual | self.metadata).items() if value is not None}

    def usual_claims(self) -> dict[str, Any]:
        now = int(self.clock().timestamp())
        usual = {"iss": ISSUER, "sub": "ada", "aud": CLIENT_ID, "iat": now, "exp": now + 300}
        return usual | {"nonce": self.nonce}

    def signed(self) -> str:
        claims = {name: value for name, value in (self.usual_claims() | self.claims).items() if value != ...}
        return jwt.encode(self.header, claims, self.signing_key, algorithms=[self.header["alg"]])

    def asks(self) -> AuthorizationRequest:
        request = self.client.authorization_request(redirect_uri=BACK)
        self.nonce = request.nonce
        return request

    def signs_in(self, **arguments: str) -> OidcUser:
        """Somebody goes there and comes back with a code, and with these arguments besides."""
        attempt = self.asks()
        return self.client.authenticate({"code": CODE, "state": attempt.state, **arguments}, request=attempt)


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def in_base64(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def refused(sign_in: Callable[[], object]) -> OidcError:
    """The error that this sign-in ends with."""
    with pytest.raises(OidcError) as raised:
        sign_in()
    return raised.value
