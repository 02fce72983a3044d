"""The sandbox's answers: JSON with the recorded headers, and the private header that tells how long they take."""

import json
from collections.abc import Mapping
from typing import Any

from flask import Response

WAIT_HEADER = "X-Sandbox-Wait"
"""Seconds until the answer comes, or NEVER. It is for the transport alone, which takes it off."""

NEVER = "never"


def answer(
    body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None, wait: float | str = 0
) -> Response:
    """JSON as Infisical and Supabase send it. `wait` is seconds, or NEVER for a socket that closes without a word."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    response = Response(text, status=status, headers=dict(headers or {}))
    response.headers["Content-Type"] = "application/json; charset=utf-8"
    if wait:
        response.headers[WAIT_HEADER] = str(wait)
    return response
