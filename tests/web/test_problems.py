"""The catalogue of problems: every row can be filled in with what its page knows."""

import pytest

from app.web.problems import PROBLEMS, problem_named

OF_INFISICAL = (
    "host reach refusal verb project place permission day reference app secret wait address missing"
)
OF_CALLERS = "reason who callback wait header"


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_row_asks_for_nothing_that_its_page_does_not_know(name: str) -> None:
    known = dict.fromkeys(f"{OF_INFISICAL} {OF_CALLERS}".split(), "made-up")
    shown = problem_named(name, own_rights=True, retry_after=5, **known)
    assert "{" not in f"{shown.title} {shown.lede} {shown.steps} {shown.ask} {shown.ask_lede} {shown.note}"


def test_whoever_is_asked_for_help_is_named_and_gets_a_message() -> None:
    assert [name for name, row in PROBLEMS.items() if bool(row.ask) != bool(row.ask_lede)] == []


def test_a_wait_is_told_in_words_and_in_seconds() -> None:
    shown = problem_named("too-many-sign-ins", retry_after=1)
    assert (shown.title, shown.retry_after) == ("Wait 1 second", 1)
