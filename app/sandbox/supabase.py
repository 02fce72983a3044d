"""Supabase as the sandbox plays it: what it makes of an access token, and what Infisical's call of it comes to."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from flask import Response, request

from ..connectors.instance_urls import SUPABASE_CLOUD
from ..connectors.rows import App
from ..connectors.supabase import SUPABASE
from .app import NEVER, SUPABASE_HOSTS, answer, refusal, server
from .store import DATA, current_database


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens to a token that ends in `digits`.

    `status` is Supabase's answer when asked for projects, None where it never answers. `appears_after` is set where
    Infisical never answers either and goes on working: seconds from the request until the connection is there all the
    same.
    """

    digits: str
    status: int | None
    sentence: str
    appears_after: int | None = None


SCENARIOS = tuple(Scenario(**row) for row in DATA["scenarios"])
_ACCEPTED = SCENARIOS[0]
_BY_DIGITS = {scenario.digits: scenario for scenario in SCENARIOS}


def sandbox_token(digits: str = "4567") -> str:
    """A made-up access token of the right shape that ends in these four digits."""
    return f"sbp_0123456789abcdef0123456789abcdef0123{digits}"


def scenario_of(access_token: str) -> Scenario:
    """What happens to this token. Another shape is no token of Supabase's: 0401."""
    has_its_shape = re.fullmatch(r"sbp_[0-9a-f]{40}", access_token)
    return _BY_DIGITS.get(access_token[-4:] if has_its_shape else "0401", _ACCEPTED)


@server.get("/v1/projects")
@server.get("/v1/projects/<reference>/secrets")
def supabase_projects(reference: str | None = None) -> Response:
    """What Supabase answers to the token in the request: its projects, or the secrets of one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    scenario = scenario_of(token.strip() if scheme.lower() == "bearer" else "")
    status, body = scenario.status, DATA["supabase"][str(scenario.status)]
    if reference is not None:
        status, body = asked_for_secrets(scenario, reference)
    if status is None:
        return answer(None, wait=NEVER)
    if reference is not None and status == 200:
        # It hashes values, which nothing here has.
        body = [{"name": name, "value": hashlib.sha256(name.encode()).hexdigest()} for name in body]
    response = answer(body, status=status)
    response.headers.update(DATA["supabase_headers"].get(str(status), {}))
    return response


def asked_for_secrets(scenario: Scenario, reference: str) -> tuple[int | None, Any]:
    """Supabase's answer when it is asked for the secrets of a project: 200 and their names, or what it refuses with."""
    if scenario.status != 200:
        return scenario.status, DATA["supabase"][str(scenario.status)]
    names = current_database.kept("app").get(reference)
    status = 403 if scenario.digits == "1403" else 404 if names is None else 200
    return status, names if status == 200 else DATA["supabase_secrets"][str(status)]


def secret_in(app: App, credentials: dict[str, Any]) -> str:
    """The secret as Infisical sends it on: a line break inside is dropped silently."""
    text: str = credentials[app.secret.wire[-1]]
    return text.strip().replace("\r", "").replace("\n", "")


def scenario_by(digits: str | None) -> Scenario:
    """What happens to a token that ends in these four digits."""
    return _BY_DIGITS.get(digits or "", _ACCEPTED)


def try_credentials(app: App, credentials: dict[str, Any]) -> int | None:
    """Infisical's check of new credentials: None is success; where it never answers, `appears_after`. Raises the
    recorded refusal of everything else (create-url-*, create-private-*, create-supabase-*). Of other apps the sandbox
    knows no address and no shape: the last four digits alone choose."""
    secret = secret_in(app, credentials)
    scenario = scenario_by(secret[-4:])
    if app.slug == SUPABASE.slug:
        url = urlsplit(credentials.get("instanceUrl", SUPABASE_CLOUD).strip())
        _check_reachable(url)
        leads_nowhere = url.path.rstrip("/") or url.query or url.fragment
        scenario = _BY_DIGITS["0404"] if leads_nowhere else scenario_of(secret)
    if scenario.status == 200 or scenario.appears_after is not None:
        return scenario.appears_after
    # It asks a failing Supabase three times more before it gives up (recorded: about 3 s).
    raise refusal(
        400,
        f"Failed to validate credentials: Request failed with status code {scenario.status}",
        wait=3 if scenario.status == 500 else 0,
    )


def _check_reachable(url: SplitResult) -> None:
    """What is neither Supabase nor refused by the machine itself ends in the sentence that blames the token."""
    usual_port = {"http": 80, "https": 443}.get(url.scheme)
    if usual_port is None:
        raise refusal(400, f"Failed to validate credentials: Unsupported protocol {url.scheme}:")
    host, port, with_user = url.hostname or "", url.port or usual_port, url.username is not None
    if re.fullmatch(r"127(\.\d+){3}", host) and not with_user:
        raise refusal(400, f"Failed to validate credentials: connect ECONNREFUSED {host}:{port}")
    if with_user or host not in SUPABASE_HOSTS or port != usual_port:
        raise refusal(400, "Unable to validate connection - verify credentials")
