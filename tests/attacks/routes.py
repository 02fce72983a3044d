"""What holds for every answer to somebody who was not let in."""

from urllib.parse import urlsplit

from werkzeug.test import TestResponse

from tests.conftest import Client

SIGN_IN_COOKIE = "connect-sign-in"


def is_refused(answer: TestResponse, *, typed: str = "") -> None:
    """A page in order or a way to the sign-in; nobody is signed in by it, and no secret comes back."""
    assert answer.status_code != 500
    if answer.status_code == 303:
        there = urlsplit(answer.location)
        assert there.netloc in ("", "localhost")
        assert there.path.startswith("/")
    cookies = answer.headers.getlist("Set-Cookie")
    assert not any(
        cookie.partition("=")[0].endswith(SIGN_IN_COOKIE) and "=;" not in cookie for cookie in cookies
    )
    assert not typed or typed not in f"{answer.text}{answer.headers}"
    assert "\n" not in "".join(text for _, text in answer.headers)


def is_outside(client: Client) -> bool:
    """Whether this browser is led to the sign-in instead of to a page."""
    answer = client.get("/projects")
    return answer.status_code == 303 and urlsplit(answer.location).path == "/sign-in"
