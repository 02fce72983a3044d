"""Holds a claim against many rows in one test, which then lists every row that it does not hold for."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest

Row = TypeVar("Row")


def holds_for_every(rows: Iterable[Row], claim: Callable[[Row], None]) -> None:
    """Fails with all rows of which the claim, a function that asserts, does not hold. There must be rows."""
    count, faults = 0, []
    for row in rows:
        count += 1
        try:
            claim(row)
        except (AssertionError, pytest.fail.Exception) as fault:
            faults.append(f"{row}: {fault}")
        except Exception as error:
            error.add_note(f"with {row}")
            raise
    assert count, "there are no rows"
    assert not faults, f"{len(faults)} of {count}:\n\n" + "\n\n".join(faults)
