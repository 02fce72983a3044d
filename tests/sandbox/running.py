"""A sandbox as tests start it: a fresh database, a clock that is moved by hand, and clients that never really wait."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from joserfc import jwk, jwt

from app.core.secret import Secret
from app.infisical.auth import OAuthApplication
from app.infisical.client import Infisical
from app.infisical.models import AccessGrant
from app.sandbox import (
    SANDBOX_HOST,
    SANDBOX_OAUTH_CLIENT_ID,
    SANDBOX_OAUTH_CLIENT_SECRET,
    SandboxTransport,
    prepare_database,
    sandbox_token,
)
from tests.sandbox.world import PAYMENTS_ID, identity_named, peopled_sandbox

APPLICATION = OAuthApplication(
    client_id=SANDBOX_OAUTH_CLIENT_ID, client_secret=Secret(SANDBOX_OAUTH_CLIENT_SECRET)
)


@dataclass
class Clock:
    """Tells the time it was last set to."""

    now: datetime = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class RunningSandbox:
    """The sandbox on a file, and the seconds that its transport was asked to wait."""

    database: Path
    clock: Clock = field(default_factory=Clock)
    waited: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        prepare_database(self.database)
        self.app = peopled_sandbox(self.database, clock=self.clock)

    def client(self, token: str | None = None) -> httpx.Client:
        """A client of its Infisical, with this access token or none."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        transport = SandboxTransport(self.app, sleep=self.waited.append)
        return httpx.Client(base_url=SANDBOX_HOST, transport=transport, headers=headers, timeout=None)  # noqa: S113

    def log_in(self, name: str = "wizard-admin") -> str:
        """An access token of the identity of that name."""
        identity = identity_named(name)
        credential = {"clientId": identity.client_id, "clientSecret": identity.client_secret}
        with self.client() as client:
            answer = client.post("/api/v1/auth/universal-auth/login", json=credential)
        token: str = answer.raise_for_status().json()["accessToken"]
        return token

    def sign_in(self) -> str:
        """An access token of Ada's, a person."""
        infisical = Infisical(SANDBOX_HOST, auth=None, transport=SandboxTransport(self.app))
        return person_grant(infisical, self.clock()).access_token.reveal()

    def admin(self) -> httpx.Client:
        return self.client(self.log_in())


def new_connection(
    name: str = "my-connection", *, digits: str = "4567", project_id: str | None = PAYMENTS_ID, **more: Any
) -> dict[str, Any]:
    """The body of a create that the server accepts, unless the token's last digits say otherwise."""
    credentials = {"accessKey": sandbox_token(digits), "instanceUrl": "https://api.supabase.com"}
    body = {"name": name, "method": "access-token", "credentials": credentials, **more}
    return body if project_id is None else body | {"projectId": project_id}


def id_token(now: datetime, **claims: Any) -> Secret:
    """An ID token of somebody's, for a minute from now, signed by nobody whom the sandbox knows."""
    usual = {"sub": "made-up", "email": "ada@example.com", "exp": int(now.timestamp()) + 60}
    payload = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    return Secret(
        jwt.encode({"alg": "HS256"}, payload, jwk.OctKey.import_key("made-up-key-that-nobody-checks"))
    )


def person_grant(infisical: Infisical, now: datetime, **claims: Any) -> AccessGrant:
    """The access token that the sandbox exchanges for such an ID token."""
    return infisical.exchange(id_token(now, **claims), application=APPLICATION)
