"""A text that cannot be printed, logged, pickled, copied or compared by accident."""

from typing import Any, NoReturn, final


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
