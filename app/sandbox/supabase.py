"""Supabase as the sandbox plays it: what it makes of an access token, and what Infisical's call of it comes to."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from flask import Blueprint, Response, request

from ..connectors import SUPABASE, SUPABASE_CLOUD, App
from .answers import DATA, NEVER, answer, refusal

SUPABASE_HOSTS = frozenset({"api.supabase.com", "supabase-proxy.example.com"})
"""The Management API, and a made-up proxy of it for trying another instance URL."""

_SHAPE = re.compile(r"sbp_[0-9a-f]{40}")
_SECONDS_OF_RETRIES = 3
"""Infisical asks a failing Supabase three times more before it gives up (recorded: about 3 s)."""

routes = Blueprint("supabase", __name__)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens to a token that ends in `digits`.

    `status` is Supabase's answer, None where it never answers. `appears_after` is set where Infisical never answers
    either and goes on working: seconds from the request until the connection is there all the same.
    """

    digits: str
    status: int | None
    sentence: str
    appears_after: int | None = None


SCENARIOS = (
    Scenario("0401", 401, "Supabase does not accept the token. Nothing is created."),
    Scenario("0403", 403, "The token lacks a permission. Nothing is created."),
    Scenario("0404", 404, "The instance URL leads nowhere. Nothing is created."),
    Scenario("0429", 429, "Supabase is too busy to check the token. Nothing is created.", appears_after=240),
    Scenario("0500", 500, "Supabase fails. Nothing is created."),
    Scenario(
        "0504",
        None,
        "Supabase never answers: no answer comes, and the connection appears after 90 seconds.",
        appears_after=90,
    ),
)


def sandbox_token(digits: str = "4567") -> str:
    """A made-up access token of the right shape that ends in these four digits."""
    return f"sbp_0123456789abcdef0123456789abcdef0123{digits}"


def scenario_of(access_token: str) -> Scenario | None:
    """What happens to this token; None means that it is accepted. Another shape is no token of Supabase's: 0401."""
    return _scenario(access_token if _SHAPE.fullmatch(access_token) else "0401")


def _scenario(secret: str) -> Scenario | None:
    return next((scenario for scenario in SCENARIOS if secret.endswith(scenario.digits)), None)


@routes.get("/v1/projects")
def projects() -> Response:
    """What Supabase answers to the token in the request."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    scenario = scenario_of(token.strip() if scheme.lower() == "bearer" else "")
    status = scenario.status if scenario else 200
    if status is None:
        return answer(None, wait=NEVER)
    limits = {"X-RateLimit-Limit": "120", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"}
    body = DATA["supabase"][str(status)]
    return answer(body, status=status, headers=limits if status == 429 else {})


def try_credentials(app: App, credentials: dict[str, Any]) -> Scenario | None:
    """Infisical's check of new credentials: None is success, a scenario that never answers is handed back.

    Raises the recorded refusal of everything else (create-url-*, create-private-*, create-supabase-*). Of other apps the
    sandbox knows no address and no shape: the last four digits alone choose.
    """
    # A line break inside a token is dropped silently before it is sent.
    secret = credentials[app.secret.wire[-1]].strip().replace("\r", "").replace("\n", "")
    scenario = _scenario(secret)
    if app.slug == SUPABASE.slug:
        url = urlsplit(credentials.get("instanceUrl", SUPABASE_CLOUD).strip())
        _check_reachable(url)
        scenario = scenario_of(secret)
        if url.path.rstrip("/") or url.query or url.fragment:
            scenario = _scenario("0404")
    if scenario is None or scenario.appears_after is not None:
        return scenario
    raise refusal(
        400,
        f"Failed to validate credentials: Request failed with status code {scenario.status}",
        wait=_SECONDS_OF_RETRIES if scenario.status == 500 else 0,
    )


def _check_reachable(url: SplitResult) -> None:
    """What is neither Supabase nor refused by the machine itself ends in the sentence that blames the token."""
    if url.scheme not in ("http", "https"):
        raise refusal(400, f"Failed to validate credentials: Unsupported protocol {url.scheme}:")
    port = 443 if url.scheme == "https" else 80
    try:
        is_this_machine = ipaddress.IPv4Address(url.hostname or "").is_loopback
    except ValueError:
        is_this_machine = False
    if is_this_machine and url.username is None:
        refused = f"connect ECONNREFUSED {url.hostname}:{url.port or port}"
        raise refusal(400, f"Failed to validate credentials: {refused}")
    if url.username is not None or url.hostname not in SUPABASE_HOSTS or url.port not in (None, port):
        raise refusal(400, "Unable to validate connection - verify credentials")
