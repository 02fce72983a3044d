"""A text that cannot be printed, logged, pickled, copied or compared by accident, and keys made from one."""

import base64
from typing import Any, NoReturn, final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


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

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return repr(self)

    def _refuse(self, *_: Any) -> NoReturn:
        raise TypeError("a Secret cannot be copied, pickled, compared or hashed")

    __reduce__ = _refuse
    __reduce_ex__ = _refuse
    __copy__ = _refuse
    __deepcopy__ = _refuse
    __eq__ = _refuse
    __ne__ = _refuse
    __lt__ = _refuse
    __hash__ = _refuse


def derived(key: Secret, *, purpose: str) -> Secret:
    """A key of its own for one purpose, by HKDF (RFC 5869): 32 bytes in base64, as Fernet takes them.

    Libraries keep keys in their objects and in their frames' locals, where a crash report finds them. What is found
    there then opens that one purpose alone, and no sealed sign-in.
    """
    info = f"infisical-connect {purpose}".encode()
    made = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key.reveal().encode())
    return Secret(base64.urlsafe_b64encode(made).decode())
