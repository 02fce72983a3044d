"""Seals a record so that nobody can read, change or make one without the key, and so that it ends by itself."""

import hmac
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn, SupportsIndex

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from ..core.secret import Secret, derived

LONGEST_SEALED = 3800
"""Characters. Browsers keep cookies of at least 4096 bytes, their name and attributes included (RFC 6265, 6.1)."""


class TooLong(Exception):
    """The record does not fit into a cookie."""


class Seal:
    """Seals records for one `purpose`; what was sealed for another cannot be opened.

    The first key seals, every key opens, so that a key can be replaced while sign-ins go on.
    """

    def __init__(self, keys: Sequence[Secret], *, purpose: str, life: timedelta) -> None:
        self._fernet = MultiFernet([Fernet(derived(key, purpose=purpose).reveal()) for key in keys])
        self._life = life

    def close(self, record: Callable[[], dict[str, Any]], *, now: datetime) -> str:
        """The sealed record, as text that fits into a cookie. Raises TooLong.

        The record is made inside the call, so that no traceback with locals shows it.
        """
        sealed = self._fernet.encrypt_at_time(_spelt(record()), _seconds(now)).decode()
        if len(sealed) > LONGEST_SEALED:
            raise TooLong
        return sealed

    def open(self, sealed: str, *, now: datetime) -> dict[str, Any] | None:
        """The record; None for anything that was not sealed by one of the keys, or longer ago than its life."""
        if len(sealed) > LONGEST_SEALED:
            return None
        try:
            text = self._fernet.decrypt_at_time(
                sealed.encode(), int(self._life.total_seconds()), _seconds(now)
            )
            record = json.loads(text)
        except (InvalidToken, ValueError):
            return None
        return record if isinstance(record, dict) else None

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        # cryptography's own objects let themselves be pickled, keys and all.
        raise TypeError("a Seal cannot be copied or pickled")


def pseudonym(secret: Secret, *, key: Secret) -> str:
    """16 hex digits that stand for a secret: always the same ones, and without the key nobody can tell whose."""
    own_key = derived(key, purpose="pseudonym")
    return hmac.new(own_key.reveal().encode(), secret.reveal().encode(), "sha256").hexdigest()[:16]


def _spelt(record: dict[str, Any]) -> bytes:
    """As short as JSON can be, for a cookie is small."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
