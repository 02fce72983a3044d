"""Which peers are believed about the client, and what of their word counts."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.auth.middleware import TrustedProxyMiddleware, is_within

PROXY = "10.0.0.7"
TRUSTED = (ip_network("10.0.0.7"), ip_network("2001:db8::/64"))
FORWARDING = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "Forwarded")


def seen(*, peer: str = PROXY, **headers: str) -> dict[str, Any]:
    """What the application behind sees of a request with these headers (`_` stands for `-`)."""
    caught: dict[str, Any] = {}

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        caught.update(environ)
        return []

    given_headers = {f"HTTP_{name.upper()}": text for name, text in headers.items()}
    environ = {"REMOTE_ADDR": peer, "wsgi.url_scheme": "http", "HTTP_HOST": "inside:8000", **given_headers}
    TrustedProxyMiddleware(application, trusted=TRUSTED)(environ, lambda *_: lambda _: None)
    return caught


def client(**headers: str) -> tuple[str, str, str]:
    found = seen(**headers)
    return found["REMOTE_ADDR"], found["wsgi.url_scheme"], found["HTTP_HOST"]


def test_a_trusted_proxy_is_believed_about_its_client() -> None:
    told = client(
        x_forwarded_for="203.0.113.9", x_forwarded_proto="https", x_forwarded_host="connect.example.com"
    )
    assert told == ("203.0.113.9", "https", "connect.example.com")


def test_a_trusted_proxy_that_says_nothing_leaves_what_the_socket_says() -> None:
    assert client() == (PROXY, "http", "inside:8000")


@pytest.mark.parametrize("peer", ["203.0.113.9", "127.0.0.1", "10.0.0.70", "2001:db9::1", "", "x", "unix:"])
def test_nobody_else_is_believed(peer: str) -> None:
    found = seen(
        peer=peer, **{name.replace("-", "_"): "https" for name in FORWARDING}, x_forwarded_user="mallory"
    )
    assert (found["REMOTE_ADDR"], found["wsgi.url_scheme"], found["HTTP_HOST"]) == (
        peer,
        "http",
        "inside:8000",
    )
    assert [name for name in found if "FORWARDED" in name] == []


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ("203.0.113.66, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.66,203.0.113.9", "203.0.113.9"),
        ("127.0.0.1, 10.0.0.7, 203.0.113.9", "203.0.113.9"),
        # A quotation mark from outside must not take the proxy's entry into its own.
        ('"203.0.113.66, 203.0.113.9', "203.0.113.9"),
        ('"a\\", 203.0.113.9', "203.0.113.9"),
        ("203.0.113.9:51234", "203.0.113.9"),
        ("[2001:db8::9]:51234", "2001:db8::9"),
        ("[2001:db8::9]", "2001:db8::9"),
        ("2001:DB8:0::9", "2001:db8::9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
    ],
)
def test_of_several_hops_the_last_alone_names_the_client(told: str, address: str) -> None:
    assert client(x_forwarded_for=told)[0] == address


@pytest.mark.parametrize(
    "told",
    ["", "unknown", "203.0.113.9,", "203.0.113.9, unknown", "_hidden", "for=203.0.113.9", "1.2.3", "::g"],
)
def test_what_is_no_address_leaves_the_proxys_own(told: str) -> None:
    assert client(x_forwarded_for=told)[0] == PROXY


@pytest.mark.parametrize(
    ("told", "scheme"),
    [
        ("https", "https"),
        ("HTTPS", "https"),
        ("http, https", "https"),
        ("https, http", "http"),
        ("https,http", "http"),
        ('"https, http', "http"),
        ('"https"', "http"),
        ("javascript", "http"),
        ("https,", "http"),
        ("wss", "http"),
        ("", "http"),
    ],
)
def test_the_last_hop_alone_names_the_scheme_and_only_http_and_https_are_one(told: str, scheme: str) -> None:
    assert client(x_forwarded_proto=told)[1] == scheme


@pytest.mark.parametrize(
    ("told", "host"),
    [
        ("evil.example, connect.example.com", "connect.example.com"),
        ('"evil.example, connect.example.com', "connect.example.com"),
        ("connect.example.com, evil.example", "evil.example"),
        ("", "inside:8000"),
    ],
)
def test_the_last_hop_alone_names_the_host(told: str, host: str) -> None:
    assert client(x_forwarded_host=told)[2] == host


@pytest.mark.parametrize(
    "header", ["forwarded", "x_forwarded_port", "x_forwarded_prefix", "x_script_name", "x_real_ip"]
)
def test_no_other_header_says_anything_of_the_client(header: str) -> None:
    found = seen(**{header: "for=203.0.113.66;proto=https;host=evil.example"})
    assert (found["REMOTE_ADDR"], found["wsgi.url_scheme"], found["HTTP_HOST"]) == (
        PROXY,
        "http",
        "inside:8000",
    )
    assert "SCRIPT_NAME" not in found


def test_the_peer_is_judged_before_its_headers() -> None:
    found = seen(peer="203.0.113.66", x_forwarded_for=PROXY)
    assert found["REMOTE_ADDR"] == "203.0.113.66"
    assert found["connect.peer_is_trusted"] is False


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("10.0.0.7", True),
        ("::ffff:10.0.0.7", True),
        ("2001:db8::1", True),
        ("2001:db8::1%eth0", True),
        ("::ffff:10.0.0.8", False),
        ("::10.0.0.7", False),
        ("10.0.0.7.evil.example", False),
        ("10.0.0.07", False),
        ("167772167", False),
    ],
)
def test_an_address_is_compared_as_an_address(address: str, trusted: bool) -> None:  # noqa: FBT001
    assert is_within(address, TRUSTED) is trusted


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=60), st.ip_addresses())
def test_whatever_came_from_outside_the_proxys_own_entry_counts(outside: str, address: Any) -> None:
    mapped = getattr(address, "ipv4_mapped", None)
    assert client(x_forwarded_for=f"{outside}, {address}")[0] == str(mapped or ip_address(str(address)))


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=60))
def test_no_text_makes_another_scheme_or_an_address_that_is_none(told: str) -> None:
    address, scheme, _ = client(x_forwarded_for=told, x_forwarded_proto=told)
    assert scheme in ("http", "https")
    ip_address(address)
