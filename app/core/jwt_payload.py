"""The payload of a JWT, read and never verified: enough to tell whose token somebody pasted, and never a proof."""

import base64
import json
from typing import Any

LARGEST_PAYLOAD = 4096
"""Bytes. The API keys of Supabase and the tokens of Infisical hold a few hundred."""


def read_payload(jwt: str) -> dict[str, Any]:
    """The claims of a text that looks like a JWT; empty where they cannot be read. Never raises."""
    parts = jwt.split(".", maxsplit=3)
    encoded = parts[1].rstrip("=") if len(parts) == 3 else ""
    if not encoded or len(encoded) * 3 // 4 > LARGEST_PAYLOAD:
        return {}
    try:
        payload = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}
