"""Weighs what a wizard sends to a browser: every answer, as many bytes as its body has before anybody compresses it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it left. What a browser takes from its cache never comes here."""

    method: str
    path: str
    body: bytes = field(repr=False)
    headers: dict[str, str]

    @property
    def size(self) -> int:
        return len(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Scales:
    """Stands between the server and the wizard."""

    answers: list[Answer] = field(default_factory=list)

    @property
    def weight(self) -> int:
        """Bytes of all bodies."""
        return sum(answer.size for answer in self.answers)

    @property
    def statics(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.path.startswith("/static/")]

    @property
    def documents(self) -> list[Answer]:
        """Whole pages; what a script asked for alone is none."""
        return [answer for answer in self.answers if answer.body.lower().startswith(b"<!doctype html")]

    def __str__(self) -> str:
        lines = (f"{answer.size:7,} {answer.method:4} {answer.path}" for answer in self.answers)
        return "\n".join((*lines, f"{self.weight:7,} in {len(self.answers)} requests"))

    def behind(self, app: "WSGIApplication") -> "WSGIApplication":
        def weighed(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            headers: dict[str, str] = {}

            def start(status: str, given: list[tuple[str, str]], *rest: Any) -> Any:
                headers.update(given)
                return start_response(status, given, *rest)

            answered = app(environ, start)
            try:
                body = b"".join(answered)
            finally:
                if hasattr(answered, "close"):
                    answered.close()
            told = Answer(environ["REQUEST_METHOD"], environ["PATH_INFO"], body, headers)
            self.answers.append(told)
            return [body]

        return weighed
