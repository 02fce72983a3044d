"""Supabase as the sandbox plays it: `GET /v1/projects`, and what Infisical's own call of it comes to."""

import ipaddress
from typing import Any
from urllib.parse import SplitResult, urlsplit

from flask import Blueprint, Response, request

from .answers import NEVER, answer
from .refusals import Refusal, bad_request
from .scenarios import Scenario, fate_of

SUPABASE_CLOUD = "https://api.supabase.com"
SUPABASE_HOSTS = frozenset({"api.supabase.com", "supabase-proxy.example.com"})
"""The Management API, and a made-up proxy of it for trying another instance URL."""

_UNABLE = "Unable to validate connection - verify credentials"
_SECONDS_OF_RETRIES = 3
"""Infisical asks a failing Supabase three times more before it gives up (recorded: about 3 s)."""

routes = Blueprint("supabase", __name__)


@routes.get("/v1/projects")
def projects() -> Response:
    """What Supabase answers to the token in the request."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    scenario = fate_of(token.strip()) if scheme.lower() == "bearer" else fate_of("")
    if scenario is None:
        return answer(
            [_project("webshop-production", "eu-central-1"), _project("webshop-staging", "eu-west-1")]
        )
    if scenario.status is None:
        return answer(None, wait=NEVER)
    limits = {"X-RateLimit-Limit": "120", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"}
    return answer(
        _FAILURES[scenario.status],
        status=scenario.status,
        headers=limits if scenario.digits == "0429" else {},
    )


_FAILURES: dict[int, dict[str, Any]] = {
    401: {"message": "Unauthorized"},
    403: {
        "message": "Your access token does not have the permissions that this endpoint needs",
        "missing_permissions": ["projects_read"],
    },
    404: {"message": "Cannot GET /v1/projects"},
    429: {"message": "ThrottlerException: Too Many Requests"},
    500: {"message": "Internal server error"},
}


def _project(name: str, region: str) -> dict[str, Any]:
    ref = (name.replace("-", "") + "abcdefghijklmnopqrst")[:20]
    return {
        "id": ref,
        "organization_id": "made-up-organization",
        "name": name,
        "region": region,
        "created_at": "2026-03-02T09:30:00.000000Z",
        "status": "ACTIVE_HEALTHY",
        "database": {"host": f"db.{ref}.supabase.co", "version": "15.8.1.060"},
    }


def call_supabase(*, instance_url: str, access_token: str) -> Scenario | None:
    """Infisical's check of new credentials: None is success, a fate that never answers is handed back.

    Raises the recorded refusal of everything else (create-url-*, create-private-*, create-supabase-*).
    """
    url = urlsplit(instance_url)
    _check_reachable(url)
    # A line break inside a token is dropped silently before it is sent.
    scenario = fate_of(access_token.strip().replace("\r", "").replace("\n", ""))
    if url.path.rstrip("/") or url.query or url.fragment:
        raise _failed(404)
    if scenario is None or scenario.appears_after is not None:
        return scenario
    raise _failed(scenario.status or 0)


def _failed(status: int) -> Refusal:
    return bad_request(
        f"Failed to validate credentials: Request failed with status code {status}",
        wait=_SECONDS_OF_RETRIES if status >= 500 else 0,
    )


def _check_reachable(url: SplitResult) -> None:
    """Everything that is neither Supabase nor refused by the machine itself ends in the sentence that blames the token."""
    if url.scheme not in ("http", "https"):
        raise bad_request(f"Failed to validate credentials: Unsupported protocol {url.scheme}:")
    usual_port = 443 if url.scheme == "https" else 80
    if url.username is None and url.password is None and _is_ipv4_loopback(url.hostname):
        raise bad_request(
            f"Failed to validate credentials: connect ECONNREFUSED {url.hostname}:{url.port or usual_port}"
        )
    if url.username is not None or url.hostname not in SUPABASE_HOSTS or url.port not in (None, usual_port):
        raise bad_request(_UNABLE)


def _is_ipv4_loopback(hostname: str | None) -> bool:
    try:
        return ipaddress.IPv4Address(hostname or "").is_loopback
    except ValueError:
        return False
