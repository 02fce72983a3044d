"""What the identity provider has the browser bring back: among it the code, which no log or traceback should show."""

from collections.abc import Iterator, Mapping
from typing import NoReturn, SupportsIndex

from flask import Request

_WHERE_A_QUERY_STANDS = ("QUERY_STRING", "RAW_URI", "REQUEST_URI")
"""In WSGI's environment; the last two are of servers' own making."""


class Arguments(Mapping[str, str]):
    """The arguments of an address. Printed it shows their names alone, and it cannot be pickled."""

    __slots__ = ("_texts",)

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = dict(texts)

    def __getitem__(self, name: str) -> str:
        return self._texts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __repr__(self) -> str:
        return f"Arguments({', '.join(map(repr, self._texts))})"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("Arguments cannot be copied or pickled")


def taken_from(request: Request) -> Arguments:
    """The arguments of this request, which has none from then on.

    A traceback with locals prints the request, with its address, and WSGI's environment.
    """
    arguments = Arguments(request.args)
    for name in _WHERE_A_QUERY_STANDS:
        if name in request.environ:
            request.environ[name] = request.environ[name].partition("?")[0] if name != "QUERY_STRING" else ""
    request.query_string = b""
    return arguments
