"""Which requests may have come from this machine."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.access import reason_to_refuse
from app.access.loopback import is_loopback_name


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
    assert reason_to_refuse(host=host, headers={"Host": host, "Accept": "*/*"}) is None


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
    reason = reason_to_refuse(host=host, headers={})
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
    reason = reason_to_refuse(host="127.0.0.1:8000", headers={name: ""})
    assert reason == f"The request came through a proxy: it has the header {name.title()}."


@settings(derandomize=True, deadline=None)
@given(name=st.text(max_size=30) | st.ip_addresses().map(str))
def test_no_text_is_taken_for_this_machine_but_a_loopback_name(name: str) -> None:
    plain = name.strip("[]").lower().removesuffix(".")
    local = plain == "localhost" or plain.endswith(".localhost") or plain.startswith("127.") or plain == "::1"
    assert local or not is_loopback_name(name) or plain.startswith("::ffff:127.")
