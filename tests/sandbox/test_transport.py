"""The transport raises what httpx raises on a real socket, after the time that it would take."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import httpx
import pytest

from app.sandbox import SANDBOX_HOST, SandboxTransport
from tests.sandbox.running import RunningSandbox, new_connection

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CREATE = "/api/v1/app-connections/supabase"


def slow_app(wait: str) -> "WSGIApplication":
    def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        start_response("200 OK", [("X-Sandbox-Wait", wait), ("Content-Type", "text/plain")])
        return [environ["PATH_INFO"].encode("latin-1")]

    return app


def send(wait: str, *, read_timeout: float | None, slept: list[float], path: str = "/") -> httpx.Response:
    transport = SandboxTransport(slow_app(wait), sleep=slept.append)
    with httpx.Client(transport=transport, base_url=SANDBOX_HOST) as client:
        return client.get(path, timeout=httpx.Timeout(5, read=read_timeout))


def test_a_slow_answer_comes_when_its_time_has_passed() -> None:
    slept: list[float] = []

    answer = send("3", read_timeout=10, slept=slept)

    assert answer.status_code == 200
    assert slept == [3]


def test_the_private_header_never_leaves_the_transport() -> None:
    assert "x-sandbox-wait" not in send("3", read_timeout=10, slept=[]).headers


@pytest.mark.parametrize("wait", ["30", "inf"])
def test_a_client_that_is_less_patient_than_the_answer_gets_a_read_timeout(wait: str) -> None:
    slept: list[float] = []

    with pytest.raises(httpx.ReadTimeout, match="timed out") as raised:
        send(wait, read_timeout=3, slept=slept)

    assert slept == [3]
    assert raised.value.request.url.host == "infisical.sandbox"


@pytest.mark.parametrize("patience", [None, 101])
def test_a_more_patient_client_sees_the_socket_close_after_100_seconds(patience: float | None) -> None:
    slept: list[float] = []

    with pytest.raises(
        httpx.RemoteProtocolError, match=r"^Server disconnected without sending a response\.$"
    ):
        send("inf", read_timeout=patience, slept=slept)

    assert slept == [100]


def test_an_answer_that_takes_no_time_is_not_waited_for(sandbox: RunningSandbox) -> None:
    with sandbox.client() as client:
        assert client.get("/api/status", timeout=0.001).status_code == 200

    assert sandbox.waited == []


def test_a_host_the_sandbox_does_not_know_is_a_name_that_does_not_resolve(sandbox: RunningSandbox) -> None:
    for url in ("https://app.infisical.com/api/status", "http://127.0.0.1:8000/", "https://supabase.com"):
        with sandbox.client() as client, pytest.raises(httpx.ConnectError, match="Name or service not known"):
            client.get(url)

    assert sandbox.waited == []


def test_a_path_beyond_latin_1_arrives_whole() -> None:
    answer = send("0.5", read_timeout=1, slept=[], path="/日本→ü")

    assert answer.content.decode() == "/日本→ü"


def test_a_create_that_never_answers_is_timed_out_and_stored_later_all_the_same(
    sandbox: RunningSandbox,
) -> None:
    by_name = f"{CREATE}/connection-name/ghost"
    with sandbox.admin() as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post(CREATE, json=new_connection("ghost", digits="0504", project_id=None), timeout=45)
        assert client.get(by_name).status_code == 404

        sandbox.clock.advance(90)

        assert client.get(by_name).status_code == 200
    assert sandbox.waited == [45]
