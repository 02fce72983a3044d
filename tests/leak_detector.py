"""Listens to everything that a scenario leaves behind, and finds the secrets in it however they are spelt."""

import base64
import contextlib
import hashlib
import json
import logging
import traceback
import warnings
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from werkzeug.test import TestResponse


def spellings(secret: str) -> set[str]:
    """How a secret may stand in a text."""
    raw = secret.encode()
    return {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        quote(secret, safe="").lower(),
        json.dumps(secret)[1:-1],
        json.dumps(json.dumps(secret))[3:-3],
        repr(secret)[1:-1],
        repr(repr(secret))[1:-1],
        escape(secret),
        escape(secret, quote=False),
        escape(secret).replace("&quot;", "&#34;"),
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        raw.hex(),
        # Not even hashed: whoever guesses a secret could see that the guess is right.
        hashlib.sha256(raw).hexdigest()[:12],
    }


@dataclass
class Cage:
    """Everything that a scenario leaves behind, with a word on where it was; `canaries` are the secrets, each with the
    ways it may be spelt."""

    canaries: Mapping[str, set[str]] = field(repr=False)
    texts: list[tuple[str, str]] = field(default_factory=list, repr=False)

    def watch(self, name: str, secret: str) -> None:
        """Looks for a secret that came to be during the scenario."""
        self.canaries = {**self.canaries, name: spellings(secret)}

    deaf: bool = False

    def keep(self, where: str, text: str) -> None:
        if not self.deaf:
            self.texts.append((where, text))

    @contextlib.contextmanager
    def looking_away(self) -> Iterator[None]:
        """While the test itself does what a browser does elsewhere, in this same process."""
        self.deaf = True
        yield
        self.deaf = False

    def keep_answer(self, answer: TestResponse) -> TestResponse:
        where = f"the answer to {answer.request.method} {answer.request.path}"
        self.keep(f"{where}: body", answer.text)
        self.keep(f"{where}: headers", f"{answer.status}\n{answer.headers}")
        for cookie in answer.headers.getlist("Set-Cookie"):
            for read in decoded(cookie.partition("=")[2].partition(";")[0]):
                self.keep(f"{where}: what a cookie holds", read)
        return answer

    def found_in(self, text: str) -> list[str]:
        """Which canaries a text holds."""
        lower = text.lower()
        return [name for name, ways in self.canaries.items() if any(way.lower() in lower for way in ways)]

    def escaped(self) -> list[str]:
        # One look at everything is quick; only what it finds is looked for again, text by text.
        if not self.found_in("\0".join(text for _, text in self.texts)):
            return []
        return [f"{name} in {where}" for where, text in self.texts for name in self.found_in(text)]


def decoded(cookie: str) -> list[str]:
    """What somebody without a key reads out of a cookie: the pieces between its dots, decoded and unpacked."""
    found = []
    for piece in cookie.strip('"').split("."):
        with contextlib.suppress(ValueError):
            raw = base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4))
            found.append(raw.decode("latin-1"))
            with contextlib.suppress(zlib.error):
                found.append(zlib.decompress(raw).decode("latin-1"))
    return found


class Records(logging.Handler):
    """Keeps every record with its arguments, and its exception with the locals of every frame."""

    def __init__(self, cage: Cage) -> None:
        super().__init__(logging.DEBUG)
        self.cage = cage

    def emit(self, record: logging.LogRecord) -> None:
        where = f"the log of {record.name}"
        self.cage.keep(where, f"{record.getMessage()} {record.msg!r} {record.args!r}")
        if record.exc_info and record.exc_info[1]:
            self.cage.keep(f"{where}: exception", rendered(record.exc_info[1]))


def rendered(raised: BaseException) -> str:
    """An exception with its whole chain and the locals of every frame."""
    lines: list[str] = []
    todo: list[BaseException | None] = [raised]
    while todo:
        one = todo.pop()
        if one is None:
            continue
        lines += traceback.TracebackException.from_exception(one, capture_locals=True).format(chain=True)
        # `from None` hides the context from what is printed, and an error tracker looks at it all the same.
        todo += [one.__cause__, one.__context__]
        lines += [repr(one), repr(one.args), repr(vars(one))]
    return "\n".join(lines)


@contextlib.contextmanager
def caged(
    canaries: Mapping[str, set[str]], *, folder: Path, output: pytest.CaptureFixture[str]
) -> Iterator[Cage]:
    """Listens to every logger, warning, output, and file of the folder, and looks for the canaries at the end."""
    cage = Cage(canaries)
    handler = Records(cage)
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in ("", *logging.root.manager.loggerDict)}
    root.addHandler(handler)
    for name in levels:
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger("httpcore.connection").debug("listening")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        yield cage
    root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    for warning in warned:
        cage.keep("a warning", str(warning.message))
    out, err = output.readouterr()
    cage.keep("stdout", out)
    cage.keep("stderr", err)
    for path in folder.rglob("*"):
        if path.is_file():
            cage.keep(f"the file {path.name}", path.read_bytes().decode("latin-1"))
    escaped = cage.escaped()
    assert not escaped, "\n".join(escaped)
    assert ("the log of httpcore.connection", "listening 'listening' ()") in cage.texts
