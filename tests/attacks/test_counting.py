"""However many try at once: no machine identity is tried more than twice, in one process, in two, and over Redis."""

import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from app import create_app
from app.config import Settings
from tests.conftest import Sandbox, new_client
from tests.infisical.answers import error
from tests.processes import serving
from tests.redis_server import PASSWORD, running

AT_ONCE = 20
VICTIM = {"client_id": "5a4db0c5-0000-4000-8000-00000000ffff", "client_secret": "made-up-and-wrong"}


def test_threads_of_one_process(own_sandbox: Sandbox) -> None:
    strangers = [new_client(own_sandbox.app) for _ in range(AT_ONCE)]
    forms = [stranger.page("/sign-in") for stranger in strangers]
    for number, stranger in enumerate(strangers):
        stranger.environ_base["REMOTE_ADDR"] = f"127.0.0.{number + 1}"

    def tried(number: int) -> int:
        answer = strangers[number].sign_in(forms[number], client_secret="made-up-and-wrong")
        return answer.status_code

    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = Counter(pool.map(tried, range(AT_ONCE)))
    assert told == {422: 2, 429: AT_ONCE - 2}
    assert len(own_sandbox.sent) == 2


def tries_of(url: str) -> Counter[int]:
    """How a real server answers to so many tries at once, each over a connection of its own."""
    with httpx.Client(base_url=url, trust_env=False) as browser:
        page = browser.get("/sign-in")
        token = re.findall(r'name="csrf_token" value="([^"]*)"', page.text)[0]
        headers = {
            "Cookie": "; ".join(f"{name}={text}" for name, text in browser.cookies.items()),
            "Content-Type": "application/x-www-form-urlencoded",
        }
    body = urlencode({"csrf_token": token, **VICTIM})

    def tried(_: int) -> int:
        connected = HTTPConnection(url.removeprefix("http://"), timeout=60)
        connected.request("POST", "/sign-in", body=body, headers=headers)
        status = connected.getresponse().status
        connected.close()
        return status

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return Counter(pool.map(tried, range(AT_ONCE)))


SETTINGS = {
    "CONNECT_SANDBOX": "on",
    "CONNECT_ACCESS": "sign-in",
    "CONNECT_SECRET_KEY": "a-made-up-key-that-is-long-enough-for-it",
}


def test_a_real_server_without_redis(tmp_path: Path) -> None:
    with serving(folder=tmp_path, settings=SETTINGS) as served:
        assert tries_of(served.url) == {422: 2, 429: AT_ONCE - 2}


@pytest.mark.full
def test_two_processes_and_then_two_servers_that_share_a_redis(tmp_path: Path) -> None:
    with running() as redis:
        settings = {**SETTINGS, "CONNECT_RATE_STORAGE": redis.address.reveal()}
        with serving(folder=tmp_path, settings=settings) as served:
            assert tries_of(served.url) == {422: 2, 429: AT_ONCE - 2}
            left = served.stop()
        with serving(folder=tmp_path, settings=settings) as other:
            assert tries_of(other.url) == {429: AT_ONCE}
    assert PASSWORD not in left.stdout + left.stderr


@pytest.mark.full
def test_two_processes_whose_redis_is_stopped_try_no_more_often_together(tmp_path: Path) -> None:
    with running() as redis:
        settings = {**SETTINGS, "CONNECT_RATE_STORAGE": redis.address.reveal()}
        with serving(folder=tmp_path, settings=settings) as served:
            redis.stop()
            told = tries_of(served.url)
            left = served.stop()
    assert 1 <= told[422] <= 2
    assert told == {422: told[422], 429: AT_ONCE - told[422]}
    assert "Redis cannot be used" in left.stdout + left.stderr


@pytest.mark.parametrize(
    "client_id", ["{}", " {} ", "{}\n", "\t{}", "\u00a0{}", "\ufeff{}", "\u2003{}", "{}\u200b", "\x1c{}"]
)
@pytest.mark.parametrize("letters", [str.lower, str.upper])
def test_one_identity_counts_as_one_however_its_client_id_is_spelt(
    own_sandbox: Sandbox, client_id: str, letters: Callable[[str], str]
) -> None:
    """Infisical trims client IDs as JavaScript does, which takes more away than Python does."""
    spelt = client_id.format(letters(VICTIM["client_id"]))
    stranger = new_client(own_sandbox.app)
    for _ in range(2):
        assert stranger.sign_in(client_id=VICTIM["client_id"], client_secret="wrong").status_code == 422
    answer = stranger.sign_in(client_id=spelt, client_secret="made-up-and-wrong")
    assert answer.status_code in (422, 429)
    assert len(own_sandbox.sent) == 2


def test_one_infisical_counts_as_one_under_both_of_its_addresses() -> None:
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.host)
        return error(401, "UnauthorizedError", "Invalid credentials")

    environ = {"INFISICAL_HOST": "https://us.infisical.com,https://app.infisical.com"}
    app = create_app(Settings.load(environ, None), transport=httpx.MockTransport(answer))
    for host in ("us.infisical.com", "app.infisical.com") * 2:
        stranger = new_client(app)
        form = stranger.page(f"/sign-in?host={host}").hidden_fields("identity-form")
        stranger.post("/sign-in", data={**form, **VICTIM})
    assert sent == ["us.infisical.com", "app.infisical.com"]
