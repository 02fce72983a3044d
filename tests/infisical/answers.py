"""Answers of an Infisical that a test writes, in the shapes of the recorded exchanges."""

from collections.abc import Callable
from typing import Any

import httpx

from app.core.http import Deadline
from app.core.secret import Secret
from app.infisical.auth import UniversalAuth
from app.infisical.client import Infisical
from app.infisical.models import NewConnection

BASE = "https://infisical.test"
PROJECT = "12735bda-1105-498c-bb98-028029b9c592"
TOKEN = "sbp_0123456789abcdef0123456789abcdef01234567"

Answer = Callable[[httpx.Request], httpx.Response]


def error(status: int, kind: str, message: Any, **headers: str) -> httpx.Response:
    body = {"reqId": "req-made-up", "statusCode": status, "message": message, "error": kind}
    return httpx.Response(status, json=body, headers=headers)


def connection(**changes: Any) -> dict[str, Any]:
    return {
        "id": "adb321fa-eccb-491a-98b9-d58994355946",
        "name": "my-supabase-connection",
        "description": None,
        "version": 2,
        "orgId": "5a9ae95f-6a76-43ca-8661-0e01154a218e",
        "createdAt": "2026-11-23T10:23:29.545Z",
        "updatedAt": "2026-11-23T10:23:29.545Z",
        "projectId": PROJECT,
        "app": "supabase",
        "method": "access-token",
        "credentials": {"instanceUrl": "https://api.supabase.com"},
        "somethingNew": {"unknown": True},
        **changes,
    }


def grant(token: str = "made-up-infisical-token", *, expires_in: int = 2592000) -> httpx.Response:
    body = {
        "accessToken": token,
        "expiresIn": expires_in,
        "accessTokenMaxTTL": 2592000,
        "tokenType": "Bearer",
    }
    return httpx.Response(200, json=body)


def client(answer: Answer) -> Infisical:
    """A client with an Infisical access token that was given."""
    return Infisical(BASE, auth=Secret("made-up"), transport=httpx.MockTransport(answer))


def logging_in(answer: Answer, *, clock: Callable[[], float]) -> Infisical:
    """A client that logs in with Universal Auth."""
    secret = Secret("made-up-client-secret")
    auth = UniversalAuth(client_id="made-up-id", client_secret=secret, clock=clock)
    return Infisical(BASE, auth=auth, transport=httpx.MockTransport(answer))


def new_connection(*, access_token: Secret | None = None, **changes: Any) -> NewConnection:
    token = access_token or Secret(TOKEN)
    given: dict[str, Any] = {
        "app": "supabase",
        "method": "access-token",
        "name": "my-connection",
        "project_id": PROJECT,
        "credentials": {"accessKey": token, "accessToken": token, "instanceUrl": "https://api.supabase.com"},
    }
    return NewConnection(**{**given, **changes})


def soon() -> Deadline:
    return Deadline.after(10)
