"""Which requests may have come from this machine."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.auth.middleware import is_loopback_name, reason_to_refuse

HERE = "127.0.0.1:8000"


def refused(
    *,
    peer: str = "127.0.0.1",
    protocol: str = "HTTP/1.1",
    host: str = HERE,
    headers: Mapping[str, str] | None = None,
) -> str | None:
    environ = {"REMOTE_ADDR": peer, "SERVER_PROTOCOL": protocol, "HTTP_HOST": host}
    return reason_to_refuse(environ, headers=headers or {})


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
def test_a_loopback_peer_is_let_in(peer: str) -> None:
    assert refused(peer=peer) is None


@pytest.mark.parametrize(
    "peer", ["203.0.113.9", "10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1", "", "unix:", "localhost"]
)
def test_another_peer_is_refused_whatever_it_names_as_host(peer: str) -> None:
    assert refused(peer=peer) == "The request came from another machine."


def test_the_version_of_http_that_proxies_speak_by_themselves_is_refused() -> None:
    reason = refused(protocol="HTTP/1.0")
    assert reason == "The request came through a proxy: it is of HTTP/1.0, which browsers no longer speak."


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8000",
        "LocalHost:8000",
        "localhost.",
        "wizard.localhost:8000",
        "127.0.0.1",
        "127.0.0.1:8000",
        "127.8.9.10:80",
        "[::1]",
        "[::1]:8000",
    ],
)
def test_a_loopback_host_is_let_in(host: str) -> None:
    assert refused(host=host, headers={"Host": host, "Accept": "*/*"}) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "notlocalhost",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "0.0.0.0:8000",
        "10.0.0.1",
        "192.168.1.20:8000",
        "[::]",
        "[2001:db8::1]:8000",
        "127.1",
        "2130706433",
        "①②⑦.0.0.1",
    ],
)
def test_another_host_is_refused_by_name(host: str) -> None:
    reason = refused(host=host)
    assert reason is not None
    assert "which is not this machine" in reason


@pytest.mark.parametrize(
    "name",
    [
        "Forwarded",
        "Via",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "x-forwarded-anything",
        "VIA",
    ],
)
def test_a_header_of_a_proxy_is_refused_by_name(name: str) -> None:
    reason = refused(headers={name: ""})
    assert reason == f"The request came through a proxy: it has the header {name.title()}."


@settings(derandomize=True, deadline=None)
@given(name=st.text(max_size=30) | st.ip_addresses().map(str))
def test_no_text_is_taken_for_this_machine_but_a_loopback_name(name: str) -> None:
    plain = name.strip("[]").lower().removesuffix(".")
    local = plain == "localhost" or plain.endswith(".localhost") or plain.startswith("127.") or plain == "::1"
    assert local or not is_loopback_name(name) or plain.startswith("::ffff:127.")
