"""Which texts are instance URLs, how they are written down, and that the host is never quietly another."""

import re
import unicodedata

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.connectors.instance_urls import SUPABASE_CLOUD, InstanceUrl, InstanceUrlError, read_instance_url


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("", SUPABASE_CLOUD),
        ("  ", SUPABASE_CLOUD),
        ("https://api.supabase.com", SUPABASE_CLOUD),
        (" https://api.supabase.com/ ", SUPABASE_CLOUD),
        ("HTTPS://API.Supabase.COM", SUPABASE_CLOUD),
        ("https://api.supabase.com:443", SUPABASE_CLOUD),
        ("https://api.supabase.com/v1", SUPABASE_CLOUD),
        ("https://api.supabase.com/v1/", SUPABASE_CLOUD),
        ("https://api.supabase.com//", SUPABASE_CLOUD),
        ("https://api.supabase.com/v1/v1", SUPABASE_CLOUD),
        ("http://api.supabase.com:80/", "http://api.supabase.com"),
        ("https://proxy.example:8443/supabase/v1", "https://proxy.example:8443/supabase"),
        ("https://proxy.example/apiv1", "https://proxy.example/apiv1"),
        ("https://192.0.2.7:8000", "https://192.0.2.7:8000"),
        ("https://[2001:DB8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
        ("https://аpi.supabase.com", "https://xn--pi-6kc.supabase.com"),
        ("https://api.supabase.com.", "https://api.supabase.com."),
    ],
)
def test_it_is_written_in_one_way(typed: str, read: str) -> None:
    assert read_instance_url(typed).text == read


@pytest.mark.parametrize(
    ("typed", "cloud"),
    [
        ("https://api.supabase.com", True),
        ("http://api.supabase.com", False),
        ("https://api.supabase.com:8443", False),
        ("https://api.supabase.com.evil.example", False),
        ("https://api.supabase.com/elsewhere", False),
        ("https://api.supabase.com.", False),
    ],
)
def test_only_supabase_cloud_is_supabase_cloud(typed: str, cloud: bool) -> None:  # noqa: FBT001
    assert (read_instance_url(typed).text == SUPABASE_CLOUD) is cloud


@pytest.mark.parametrize(
    "typed",
    [
        "https://[fe80::1%25eth0]/",
        "https://[::1%evil.example]/",
        "https://[::1",
        "https://[v1.x]/",
        "https://a_b@host/",
        "https://:443",
        "https:///path",
        "https:/api.supabase.com",
        "https:api.supabase.com",
        "javascript:alert(1)",
        "https://exa mple.com",
        "https://example.com/%0d%0a\r\nx",
        "https://example.com/\u200b",
        "https://example.com/\u2028x",
        "https://example.com/<script>",
        'https://example.com/"',
        "https://℀.example/",
        "https://-a.example/",
        "https://a..example/",
        "https://example.com:٨٠/",
        "https://example.com:-1/",
        "x" * 5000,
        "https://example.com/" + "x" * 255,
    ],
)
def test_what_cannot_be_one_is_refused_in_a_sentence(typed: str) -> None:
    with pytest.raises(InstanceUrlError, match=r"^The instance URL (must|has) [^\n]+\.$"):
        read_instance_url(typed)


PIECES = st.sampled_from(
    (
        "https://", "http://", "HTTPS://", "//", "/", "\\", "@", ":", "?", "#", "[", "]", "::1", "%25", "%", "..", ".",
        "api.supabase.com", "evil.example", "xn--", "localhost", "127.0.0.1", "443", "/v1", "。", "／", "＠", "ß", "İ",
        "\u200b", "\u202e", "\t", "\n", "\x00", "\u00ad", "user:pw", "℀", "½",
    )
)  # fmt: skip


def urls() -> st.SearchStrategy[str]:
    rest = st.lists(PIECES | st.text(max_size=3), max_size=7).map("".join)
    return st.sampled_from(("https://", "http://", "")).flatmap(
        lambda scheme: rest.map(lambda text: scheme + text)
    )


def read_or_none(typed: str) -> InstanceUrl | None:
    try:
        return read_instance_url(typed)
    except InstanceUrlError:
        return None


@settings(deadline=None, derandomize=True, max_examples=15 * settings().max_examples)
@given(typed=urls())
@example(typed="https://a/v1/v1")
def test_reading_twice_changes_nothing(typed: str) -> None:
    read = read_or_none(typed)
    if read:
        assert read_instance_url(read.text) == read


@settings(deadline=None, derandomize=True, max_examples=15 * settings().max_examples)
@given(typed=urls())
def test_what_is_read_holds_no_credentials_query_or_invisible_characters(typed: str) -> None:
    read = read_or_none(typed)
    if read is None:
        return
    assert len(read.text) <= 255
    assert read.text.isascii()
    assert read.text.isprintable()
    assert not re.search(r"[\s?#\\<>\"]", read.text)
    assert re.fullmatch(r"https?://([a-z0-9._-]+|\[[0-9a-f.:]+\])(:[0-9]+)?(/.*)?", read.text)
    assert read.encrypted == read.text.startswith("https://")


@settings(deadline=None, derandomize=True, max_examples=15 * settings().max_examples)
@given(typed=urls())
def test_the_host_is_the_one_that_was_typed(typed: str) -> None:
    read = read_or_none(typed)
    if read is None or not typed.strip():
        return
    authority = re.split(r"[/?#]", typed.strip().partition("://")[2])[0]
    # Compatibility forms (full-width letters, ½) are one name in two spellings, as browsers read them as well.
    plain = unicodedata.normalize("NFKC", authority).lower()
    if plain.isascii():
        assert (
            plain.removesuffix(":").removesuffix(":443").removesuffix(":80")
            in (
                read.host,
                read.host.removesuffix(":443").removesuffix(":80"),
            )
            or "[" in plain
        )
    if re.search(r"(^|\.)(\d+|0x[0-9a-f]*)\.?(:|$)", read.host):
        return  # URL parsers read 127.1 and its like each in their own way; those are told as addresses.
    sent_to = httpx.URL(read.text)
    assert read.text.removeprefix(f"{sent_to.scheme}://").startswith(read.host)
    assert httpx.URL(f"{sent_to.scheme}://{read.host}").raw_host == sent_to.raw_host
