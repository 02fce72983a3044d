"""A text that cannot be printed, logged, pickled, copied or compared by accident, keys made from one, and encryption."""

import base64
import hmac
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, NoReturn, final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import PlainSerializer, PlainValidator

LONGEST_ENCRYPTED = 3800
"""Characters. Browsers keep cookies of at least 4096 bytes, their name and attributes included (RFC 6265, 6.1)."""


@final
class Secret:
    """Holds one secret text; `reveal()` is the only way to it, so every use can be found by that word.

    `repr`, `str` and `format` show `Secret('…')`; pickling, copying, comparing and hashing raise TypeError.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """The text itself. Call it where the text leaves for its one destination, nowhere else."""
        return self.__text

    def __bool__(self) -> bool:
        return bool(self.__text)

    def __repr__(self) -> str:
        return "Secret('…')"

    def __format__(self, format_spec: str) -> str:
        return repr(self)

    def _refuse(self, *_: Any) -> NoReturn:
        raise TypeError("a Secret cannot be copied, pickled, compared or hashed")

    # Copying asks for the same as pickling, and nothing has an order by itself.
    __reduce_ex__ = _refuse
    __eq__ = _refuse
    __hash__ = _refuse


StoredSecret = Annotated[Secret, PlainValidator(Secret), PlainSerializer(Secret.reveal)]
"""A field of a record that is encrypted as a whole: within it the secret stands in clear."""


def derived(key: Secret, *, purpose: str) -> Secret:
    """A key of its own for one purpose, by HKDF (RFC 5869): 32 bytes in base64, as Fernet takes them.

    Libraries keep keys in their objects and in their frames' locals, where a crash report finds them. What is found
    there then opens that one purpose alone, and no session.
    """
    info = f"infisical-connect {purpose}".encode()
    made = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key.reveal().encode())
    return Secret(base64.urlsafe_b64encode(made).decode())


def pseudonym(secret: Secret, *, key: Secret) -> str:
    """16 hex digits that stand for a secret: always the same ones, and without the key nobody can tell whose."""
    own_key = derived(key, purpose="pseudonym")
    return hmac.new(own_key.reveal().encode(), secret.reveal().encode(), "sha256").hexdigest()[:16]


class TooLong(Exception):
    """The record does not fit into a cookie."""


class Encryption:
    """Encrypts records for one `purpose`; what was encrypted for another cannot be read.

    The first key encrypts, every key decrypts, so that a key can be replaced while sessions go on. A record ends by
    itself, `life` after it was made.
    """

    def __init__(self, keys: Sequence[Secret], *, purpose: str, life: timedelta) -> None:
        self._fernet = MultiFernet([Fernet(derived(key, purpose=purpose).reveal()) for key in keys])
        self._life = life

    def dumps(self, record: Callable[[], dict[str, Any]], *, now: datetime) -> str:
        """The record as text that fits into a cookie. Raises TooLong.

        The record is made inside the call, so that no traceback with locals shows it.
        """
        encrypted = self._fernet.encrypt_at_time(
            json.dumps(record(), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"),
            int(now.timestamp()),
        ).decode()
        if len(encrypted) > LONGEST_ENCRYPTED:
            raise TooLong
        return encrypted

    def loads(self, encrypted: str, *, now: datetime) -> dict[str, Any] | None:
        """The record; None for anything that was not encrypted with one of the keys, or longer ago than its life."""
        if len(encrypted) > LONGEST_ENCRYPTED:
            return None
        life, moment = int(self._life.total_seconds()), int(now.timestamp())
        try:
            record: dict[str, Any] = json.loads(
                self._fernet.decrypt_at_time(encrypted.encode(), life, moment)
            )
        except (InvalidToken, ValueError):
            return None
        return record
