"""A Secret gives its text to nobody who did not ask for it by name."""

import copy
import json
import logging
import pickle
import string
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from markupsafe import escape

from app.core.secret import Secret

TEXT = "made-up-secret"


@pytest.mark.parametrize(
    "printed",
    [
        repr,
        str,
        "{}".format,
        "{!r:>40}".format,
        lambda secret: f"{secret}{secret!s}{secret!r}{secret!a}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031  # an old way, and a way out all the same
        lambda secret: string.Template("$it").substitute(it=secret),
        lambda secret: repr([secret, {"it": secret}]),
        lambda secret: json.dumps({"it": secret}, default=str),
        lambda secret: str(escape(secret)),
        lambda secret: logging.makeLogRecord({"msg": "%s", "args": (secret,)}).getMessage(),
        dir,
        lambda secret: [getattr(secret, "__dict__", None), type(secret).__slots__],
    ],
)
def test_it_cannot_be_printed(printed: Callable[[Any], object]) -> None:
    assert TEXT not in str(printed(Secret(TEXT)))


@pytest.mark.parametrize(
    "use",
    [
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        hash,
        json.dumps,
        iter,
        len,
        sorted,
        bytes,
        lambda secret: secret == Secret(TEXT),
        lambda secret: secret != TEXT,
        lambda secret: secret < secret,
        lambda secret: secret + "x",
        "-".join,
        lambda secret: {secret},
        lambda secret: {secret: 1},
        lambda secret: setattr(secret, "text", "x"),
    ],
)
def test_it_cannot_be_used_by_accident(use: Callable[[Any], object]) -> None:
    with pytest.raises((TypeError, AttributeError)) as raised:
        use(Secret(TEXT))
    assert TEXT not in str(raised.value)


def test_it_gives_its_text_when_it_is_asked_by_name() -> None:
    assert Secret(TEXT).reveal() == TEXT


def test_an_empty_one_is_told_from_a_full_one() -> None:
    assert bool(Secret(TEXT))
    assert not Secret("")


def test_what_holds_it_prints_without_it() -> None:
    @dataclass(frozen=True)
    class Holder:
        secret: Secret

    assert TEXT not in repr(Holder(Secret(TEXT)))


def test_a_traceback_with_locals_shows_none_of_it() -> None:
    def falls_over(secret: Secret) -> None:
        raise RuntimeError("fell over")

    with pytest.raises(RuntimeError) as raised:
        falls_over(Secret(TEXT))
    told = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
    assert "Secret('…')" in told
    assert TEXT not in told
