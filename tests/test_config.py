"""What each setting may be, what may start, and that every fault is told at once and shows no secret."""

import contextlib
import os
import re
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import FILES, SETTINGS, Access, Bind, Settings, SettingsError, read_env_file

from .every import holds_for_every

ROOT = Path(__file__).parent.parent

TOKEN = {"INFISICAL_HOST": "https://infisical.example", "INFISICAL_TOKEN": "made-up-token"}
PAIR = {
    "INFISICAL_HOST": "https://infisical.example",
    "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID": "made-up-id",
    "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET": "made-up-secret",
}
KEY = {"CONNECT_SECRET_KEY": "made-up-key-of-thirty-two-letters"}
OUTSIDE = {"CONNECT_BIND": "0.0.0.0:8000"}
OPEN = {**KEY, "CONNECT_ACCESS": "sign-in", "CONNECT_HOSTS": "connect.example.com"}
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBejCCASGgAwIBAgIUNcHnIs3D3YKEdZyBSzpKTPpYxT0wCgYIKoZIzj0EAwIw
-----END CERTIFICATE-----
"""


def load(*parts: dict[str, str], env_file: Path | None = None) -> Settings:
    return Settings.load({name: text for part in parts for name, text in part.items()}, env_file)


def faults(*parts: dict[str, str], env_file: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(*parts, env_file=env_file)
    return caught.value.faults


def test_nothing_configured_is_the_sandbox_on_loopback() -> None:
    settings = load()
    assert settings.sandbox
    assert settings.hosts == ()
    assert settings.bind == Bind("127.0.0.1", 8000)
    assert settings.submit_timeout == 45
    assert settings.secret_keys == ()


def test_a_host_with_a_machine_identity_is_that_infisical() -> None:
    settings = load(PAIR)
    assert not settings.sandbox
    assert settings.hosts == ("https://infisical.example",)
    assert settings.client_id == "made-up-id"
    assert settings.client_secret is not None
    assert settings.client_secret.reveal() == "made-up-secret"
    assert settings.token is None


def test_a_host_with_a_token_is_that_infisical() -> None:
    settings = load(TOKEN)
    assert not settings.sandbox
    assert settings.token is not None
    assert settings.token.reveal() == "made-up-token"


def test_empty_values_count_as_not_set() -> None:
    assert load(dict.fromkeys(SETTINGS, " ")) == load()


def test_a_host_is_brought_to_one_form() -> None:
    forms = {
        "eu.infisical.com": "https://eu.infisical.com",
        "https://eu.infisical.com/": "https://eu.infisical.com",
        "https://eu.infisical.com/api": "https://eu.infisical.com",
        "https://eu.infisical.com/api/": "https://eu.infisical.com",
        "HTTPS://EU.Infisical.com": "https://eu.infisical.com",
        "http://localhost:8080": "http://localhost:8080",
        "http://[::1]:8080/api": "http://[::1]:8080",
        "example.com/secrets/api/": "https://example.com/secrets",
        "example.com/myapi": "https://example.com/myapi",
    }
    assert {text: load(TOKEN, {"INFISICAL_HOST": text}).hosts[0] for text in forms} == forms


def test_a_host_that_is_no_address_is_a_fault() -> None:
    reasons = {
        "https://made-up-name:made-up-word@example.com": "user name",
        "https://example.com/?made-up": "query",
        "https://example.com/#": "fragment",
        "https://exa mple.com": "spaces",
        "https://example.com\nx": "line breaks",
        "https://exa\u202emple.com": "control characters",
        "ftp://example.com": "must begin with https:// or http://",
        "https://": "must be an address",
        "https:/example.com": "must be an address",
        "https//example.com": "must be an address",
        "https://example.com:99999": "must be an address",
        "https://example.com:": "must be an address",
        "https://<script>": "must be an address",
        "https://[::1": "must be an address",
        "https://[::1]x": "must be an address",
        # A token, as short as one can be.
        "eyJhbGciOi.eyJtYWRlLXVw.made-up": "must be an address",
    }
    told = {text: faults(TOKEN, {"INFISICAL_HOST": text}) for text in reasons}
    assert [text for text, (fault, *more) in told.items() if more or reasons[text] not in fault] == []
    assert "made-up" not in str([*told.values()])


def test_an_address_to_listen_on() -> None:
    addresses = {
        "127.0.0.1:8000": ("127.0.0.1", 8000, True),
        "127.8.9.1:1": ("127.8.9.1", 1, True),
        "localhost:0": ("localhost", 0, True),
        "[::1]:8000": ("::1", 8000, True),
        "0.0.0.0:8000": ("0.0.0.0", 8000, False),  # noqa: S104  # read, not listened on
        "[::]:8000": ("::", 8000, False),
        "192.168.1.2:80": ("192.168.1.2", 80, False),
        "portal.internal:65535": ("portal.internal", 65535, False),
        "127.0.0.1.example.com:80": ("127.0.0.1.example.com", 80, False),
    }
    binds = {text: load(OPEN, {"CONNECT_BIND": text, "CONNECT_SANDBOX": "on"}).bind for text in addresses}
    assert {text: (bind.host, bind.port, bind.loopback) for text, bind in binds.items()} == addresses
    assert [str(bind) for bind in binds.values()] == [*addresses]


def test_an_address_to_listen_on_must_be_host_and_port() -> None:
    for text in ("8000", ":8000", "127.0.0.1", "::1:8000", "[1.2:3", "[::g]:1", "[:::]:1", "a:65536", "*:80"):
        assert faults({"CONNECT_BIND": text}) == (
            "CONNECT_BIND must be HOST:PORT, such as 127.0.0.1:8000 or [::1]:8000.",
        )


def test_the_submit_timeout_is_in_seconds_within_its_bounds() -> None:
    for text in ("4.9", "600.1", "nan", "inf", "-5", "45s", "a minute"):
        assert faults({"CONNECT_SUBMIT_TIMEOUT": text}) == (
            "CONNECT_SUBMIT_TIMEOUT must be a number of seconds from 5 to 600.",
        )
    for text in ("5", "600", "12.5"):
        assert load({"CONNECT_SUBMIT_TIMEOUT": text}).submit_timeout == float(text)


def test_a_secret_key_has_at_least_32_characters() -> None:
    assert faults({"CONNECT_SECRET_KEY": "0123456789abcdef"[:15] + "x" * 16}) == (
        "CONNECT_SECRET_KEY must have at least 32 characters.",
    )
    assert load({"CONNECT_SECRET_KEY": "0123456789abcdef" * 2}).secret_keys


def test_a_secret_key_that_repeats_a_few_characters_is_no_key() -> None:
    assert faults({"CONNECT_SECRET_KEY": "abcdefg" * 5}) == (
        "CONNECT_SECRET_KEY must be made at random, and repeats the same few characters.",
    )
    assert load({"CONNECT_SECRET_KEY": "abcdefgh" * 4}).secret_keys


def test_no_document_has_a_secret_key_that_somebody_could_copy() -> None:
    for document in ("docs/authentication.md", ".env.example"):
        lines = (ROOT / document).read_text(encoding="utf-8").splitlines()
        examples = [line for line in lines if line.startswith("CONNECT_SECRET_KEY=")]
        assert examples
        assert {line.partition("=")[2] for line in examples} == {""}


def test_a_credential_is_one_word() -> None:
    for name in (PAIR | TOKEN).keys() - {"INFISICAL_HOST"}:
        for text in ("made up", "made-up\nline", "Bearer made-up", "made-üp"):
            assert faults(TOKEN if name in TOKEN else PAIR, {name: text}) == (
                f"{name} must be one word of plain characters, without spaces or line breaks.",
            )


def test_a_ca_bundle_must_be_a_readable_pem_file(tmp_path: Path) -> None:
    text = tmp_path / "text.pem"
    text.write_text("not a certificate")
    broken = tmp_path / "broken.pem"
    broken.write_text(CERTIFICATE)
    for path in (text, broken, tmp_path, tmp_path / "missing.pem"):
        (fault,) = faults(TOKEN, {"INFISICAL_CA_BUNDLE": str(path)})
        assert fault.startswith("INFISICAL_CA_BUNDLE must be a ")


def test_a_readable_ca_bundle_is_taken() -> None:
    import certifi

    assert load(TOKEN, {"INFISICAL_CA_BUNDLE": certifi.where()}).ca_bundle == Path(certifi.where())


# What may start.


def test_the_sandbox_starts_by_itself_on_loopback_alone() -> None:
    (fault,) = faults(OUTSIDE, KEY)
    assert fault.startswith(
        "INFISICAL_HOST is not set, and by itself the sandbox starts on a loopback address alone"
    )


def test_any_variable_of_infisicals_keeps_the_sandbox_from_starting_by_itself() -> None:
    for name in ("INFISICAL_TOKEN", "INFISICAL_PROJECT_ID", "INFISICAL_API_URL", "INFISICAL_X"):
        (fault,) = faults({name: "made-up"})
        assert fault.startswith(f"INFISICAL_HOST is not set, although {name} is; ")


def test_the_sandbox_can_be_asked_for_and_then_ignores_all_of_infisicals() -> None:
    settings = load(PAIR, {"CONNECT_SANDBOX": "ON", "INFISICAL_HOTS": "not an address"})
    assert settings.sandbox
    assert (settings.hosts, settings.client_id, settings.client_secret) == ((), None, None)
    assert settings.ignored == (
        "INFISICAL_HOST",
        "INFISICAL_HOTS",
        "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID",
        "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET",
    )


def test_the_sandbox_that_was_asked_for_starts_on_any_address_where_people_sign_in() -> None:
    assert load(OUTSIDE, OPEN, {"CONNECT_SANDBOX": "on"}).sandbox
    open_to_all, without_key = faults(OUTSIDE, {"CONNECT_SANDBOX": "on"})
    assert open_to_all.startswith(
        "CONNECT_BIND is 0.0.0.0:8000, which other machines can reach, and nothing says"
    )
    assert without_key.startswith("CONNECT_SECRET_KEY must be set, because CONNECT_BIND is 0.0.0.0:8000")


def test_the_sandbox_can_be_refused() -> None:
    (fault,) = faults({"CONNECT_SANDBOX": "off"})
    assert fault.startswith("INFISICAL_HOST is not set, and CONNECT_SANDBOX is off; ")
    assert not load(TOKEN, {"CONNECT_SANDBOX": "off"}).sandbox


def test_a_switch_is_on_or_off() -> None:
    assert faults({"CONNECT_SANDBOX": "yes"}) == ("CONNECT_SANDBOX must be on or off, or not be set.",)


def test_a_host_without_a_credential_is_one_where_each_person_signs_in() -> None:
    settings = load({"INFISICAL_HOST": "https://infisical.example"})
    assert settings.access is Access.SIGN_IN
    assert load(TOKEN).access is Access.THIS_MACHINE
    assert load().access is Access.THIS_MACHINE


def test_half_a_machine_identity_is_a_fault() -> None:
    for name in PAIR.keys() - {"INFISICAL_HOST"}:
        (fault,) = faults({key: text for key, text in PAIR.items() if key != name})
        assert fault.startswith(f"{name} is not set, although ")


def test_two_credentials_are_a_fault() -> None:
    for left_out in ("", "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID"):
        (fault,) = faults({name: text for name, text in (PAIR | TOKEN).items() if name != left_out})
        assert fault.startswith("INFISICAL_TOKEN and INFISICAL_UNIVERSAL_AUTH_CLIENT_")
        assert fault.endswith("keep one.")


def test_a_credential_of_the_servers_own_is_for_loopback_alone() -> None:
    for credential in (TOKEN, PAIR):
        for address in ("0.0.0.0:8000", "[::]:8000", "10.0.0.1:80", "portal.internal:80"):
            (fault,) = faults(credential, KEY, {"CONNECT_BIND": address})
            assert fault.startswith(f"CONNECT_BIND is {address}, which other machines can reach")


# Who may come in.

US_AND_EU = {"INFISICAL_HOST": "us.infisical.com, https://eu.infisical.com/api"}
PROXY = {"CONNECT_ACCESS": "proxy", "CONNECT_PROXY_TRUSTED": "10.0.0.7, 10.1.0.0/16, ::1"}
PROVIDER = {
    "CONNECT_ACCESS": "oidc",
    "CONNECT_OIDC_ISSUER": "https://id.example/realms/company",
    "CONNECT_OIDC_CLIENT_ID": "made-up-id",
    "CONNECT_OIDC_CLIENT_SECRET": "made-up-secret",
}
EXCHANGE = {
    "INFISICAL_HOST": "https://infisical.example",
    "INFISICAL_OAUTH_CLIENT_ID": "made-up-id",
    "INFISICAL_OAUTH_CLIENT_SECRET": "made-up-secret",
}
EVERYONES = {"CONNECT_OIDC_EXCHANGE": "off", "CONNECT_OIDC_ALLOWED_GROUPS": "platform, Webshop team"}


def test_people_may_choose_among_several_hosts() -> None:
    assert load(US_AND_EU).hosts == ("https://us.infisical.com", "https://eu.infisical.com")


def test_a_server_that_acts_itself_has_one_host() -> None:
    (fault,) = faults(TOKEN, US_AND_EU)
    assert fault.startswith("INFISICAL_HOST names several hosts")


def test_each_way_in_starts_with_what_it_needs() -> None:
    assert load(OUTSIDE, OPEN, US_AND_EU).access is Access.SIGN_IN
    proxied = load(OUTSIDE, OPEN, PAIR, PROXY)
    assert proxied.access is Access.PROXY
    assert [str(network) for network in proxied.proxy_trusted] == ["10.0.0.7/32", "10.1.0.0/16", "::1/128"]
    assert load(OUTSIDE, OPEN, PROVIDER, EXCHANGE).access is Access.OIDC
    assert load(OUTSIDE, OPEN, PROVIDER, PAIR, EVERYONES).oidc_allowed_groups == ("platform", "Webshop team")


HALF_SET: list[tuple[list[dict[str, str]], str]] = [
    (
        [TOKEN, {"CONNECT_ACCESS": "sign-in"}],
        "INFISICAL_TOKEN is set, and with CONNECT_ACCESS=sign-in each",
    ),
    (
        [PAIR, PROVIDER, EXCHANGE],
        "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID and INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET are",
    ),
    (
        [PROXY, {"INFISICAL_HOST": "https://infisical.example"}],
        "CONNECT_ACCESS=proxy lets the server act, and it has no",
    ),
    (
        [PAIR, {"CONNECT_ACCESS": "proxy"}],
        "CONNECT_PROXY_TRUSTED is not set, and with CONNECT_ACCESS=proxy whoever",
    ),
    (
        [PAIR, PROVIDER, {"CONNECT_OIDC_EXCHANGE": "off"}],
        "CONNECT_OIDC_EXCHANGE is off, so whoever signs in acts",
    ),
    (
        [PROVIDER, {"INFISICAL_HOST": "https://infisical.example"}],
        "INFISICAL_OAUTH_CLIENT_ID and INFISICAL_OAUTH_CLIENT_SECRET are not",
    ),
    (
        [EXCHANGE, {"CONNECT_ACCESS": "oidc"}],
        "CONNECT_OIDC_ISSUER, CONNECT_OIDC_CLIENT_ID and CONNECT_OIDC_CLIENT_SECRET are not",
    ),
    (
        [PAIR, PROVIDER, EVERYONES, EXCHANGE],
        "INFISICAL_OAUTH_CLIENT_ID and INFISICAL_OAUTH_CLIENT_SECRET are set, and",
    ),
    (
        [PAIR, {"CONNECT_OIDC_ISSUER": "https://id.example"}],
        "CONNECT_OIDC_ISSUER is set, and counts only with CONNECT_ACCESS=oidc",
    ),
    (
        [PAIR, {"CONNECT_PROXY_ALLOWED_GROUPS": "platform"}],
        "CONNECT_PROXY_ALLOWED_GROUPS is set, and counts only with",
    ),
    (
        [PAIR, {"CONNECT_PROXY_TRUSTED": "10.0.0.7"}],
        "CONNECT_PROXY_TRUSTED is set, and without CONNECT_ACCESS nobody",
    ),
    ([OUTSIDE, KEY, US_AND_EU], "CONNECT_HOSTS must be set, because CONNECT_BIND is 0.0.0.0:8000"),
]


def test_a_way_in_that_is_half_set_does_not_start() -> None:
    told = [(begins, faults(*parts)) for parts, begins in HALF_SET]
    assert [row for row in told if len(row[1]) != 1 or not row[1][0].startswith(row[0])] == []


NOT_MEANT = [
    ("CONNECT_ACCESS", "open", "must be sign-in, proxy or oidc"),
    ("CONNECT_PROXY_TRUSTED", "10.0.0.0/33", "must be addresses or networks"),
    ("CONNECT_PROXY_TRUSTED", "10.0.0.7/8", "must be addresses or networks"),
    ("CONNECT_PROXY_TRUSTED", "nginx", "must be addresses or networks"),
    ("CONNECT_PROXY_TRUSTED", "*", "must be addresses or networks"),
    ("CONNECT_PROXY_TRUSTED", ",", "must name at least one"),
    ("CONNECT_PROXY_ALLOWED_GROUPS", ",", "must name at least one"),
    ("CONNECT_OIDC_ALLOWED_EMAILS", ", ,", "must name at least one"),
    ("CONNECT_OIDC_ALLOWED_GROUPS", ",", "must name at least one"),
    ("INFISICAL_HOST", ",", "must name at least one"),
    ("CONNECT_HOSTS", ",", "must name at least one"),
    ("CONNECT_PROXY_TRUSTED", "0.0.0.0/0", "must not name every address"),
    ("CONNECT_PROXY_TRUSTED", "10.0.0.7, ::/0", "must not name every address"),
    ("CONNECT_PROXY_USER_HEADER", "X User", "must be the name of a header"),
    (
        "CONNECT_PROXY_USER_HEADER",
        "Authorization",
        "must be a header in which the proxy names the person",
    ),
    (
        "CONNECT_PROXY_USER_HEADER",
        "X-Pomerium-Jwt-Assertion",
        "must be a header in which the proxy names",
    ),
    ("CONNECT_PROXY_GROUPS_HEADER", "x-forwarded-for", "must be a header in which the proxy names"),
    ("CONNECT_OIDC_ISSUER", "http://id.example", "must begin with https://"),
    ("CONNECT_OIDC_ISSUER", "ftp://localhost", "must begin with https://"),
    ("CONNECT_OIDC_ISSUER", "https://id.example?a=b", "must be an address without a query"),
    ("CONNECT_OIDC_ISSUER", "id.example", "must be"),
    ("CONNECT_OIDC_ISSUER", "https://a:b@id.example", "must carry no user name and no password"),
    ("CONNECT_OIDC_ALLOWED_EMAILS", "ada", "must be e-mail addresses"),
    *(
        ("CONNECT_OIDC_UNVERIFIED_DOMAINS", text, "must be domains of e-mail addresses")
        for text in (
            "ada@example.com",
            "@example.com",
            "*.example.com",
            "https://example.com",
            "com",
            "a..b",
            "*",
        )
    ),
    ("CONNECT_OIDC_UNVERIFIED_DOMAINS", ",", "must name at least one"),
    *(
        ("CONNECT_FRAME_ANCESTORS", text, "must be https origins")
        for text in (
            "*",
            "self",
            "https:",
            "https://",
            "https://*",
            "https://*.example.com",
            "https://portal.example.com:*",
            "http://portal.example.com",
            "portal.example.com",
            "//portal.example.com",
            "https://portal.example.com/",
            "https://portal.example.com/app",
            "https://portal.example.com?a",
            "https://ada@portal.example.com",
            "https://portal.example.com; script-src *",
            "https://portal.example.com https://b.example.com",
            "https://b.example.com, data:",
        )
    ),
    ("CONNECT_FRAME_ANCESTORS", ",", "must name at least one"),
    ("CONNECT_RATE_STORAGE", "memcached://x", "must be memory, or an address that begins with redis://"),
    ("CONNECT_RATE_STORAGE", "redis://h:99999", "must be an address such as redis://:password@"),
    ("CONNECT_RATE_STORAGE", "redis://h:port", "must be an address such as redis://:password@"),
    ("CONNECT_RATE_STORAGE", "redis://:made-up-secret@h/?foo=1", "must be an address such as redis://"),
    ("CONNECT_HOSTS", "https://connect.example.com", "must be host names"),
    ("CONNECT_SECRET_KEY", "made-up-key-of-thirty-two-letters, short", "must have at least 32"),
]


def test_portals_are_named_by_their_exact_origins() -> None:
    named = load({"CONNECT_FRAME_ANCESTORS": "https://Portal.example.com,https://b.example:8443"})
    assert named.frame_ancestors == ("https://portal.example.com", "https://b.example:8443")
    assert load().frame_ancestors == ()


def test_what_cannot_be_meant_is_a_fault() -> None:
    told = [(f"{name} {begins}", faults({name: text})) for name, text, begins in NOT_MEANT]
    assert [row for row in told if not any(fault.startswith(row[0]) for fault in row[1])] == []


ENTRA = "https://login.microsoftonline.com"
TENANT = "5a4db0c5-0000-4000-8000-000000000001"
OF_MANY = (
    f"{ENTRA}/common/v2.0",
    f"{ENTRA}/organizations/v2.0",
    f"{ENTRA}/consumers/v2.0",
    f"{ENTRA}/Common/v2.0",
    "https://LOGIN.microsoftonline.com/common/v2.0",
    "https://login.microsoftonline.com:443/common/v2.0",
    f"{ENTRA}/{{tenantid}}/v2.0",
    f"{ENTRA}/v2.0",
    f"{ENTRA}",
    # Personal accounts, which anybody may make, are one tenant there.
    f"{ENTRA}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
    "https://login.microsoftonline.us/common/v2.0",
    "https://login.partner.microsoftonline.cn/common/v2.0",
    "https://sts.windows.net/{tenantid}/",
    "https://id.example/{tenant}",
    "https://accounts.google.com",
)
OF_ONE = (
    f"{ENTRA}/{TENANT}/v2.0",
    f"{ENTRA}/{TENANT.upper()}/v2.0",
    f"https://login.microsoftonline.com:443/{TENANT}/v2.0",
    f"https://sts.windows.net/{TENANT}/",
    f"https://login.microsoftonline.us/{TENANT}/v2.0",
    "https://id.example/realms/common",
    "https://company.okta.com",
)


def test_unverified_addresses_are_believed_of_an_issuer_of_one_tenant_alone() -> None:
    domains = {"CONNECT_OIDC_UNVERIFIED_DOMAINS": "Example.com, example.org"}
    told = {
        issuer: faults(PROVIDER, EXCHANGE, domains, {"CONNECT_OIDC_ISSUER": issuer}) for issuer in OF_MANY
    }
    assert [issuer for issuer, found in told.items() if len(found) != 1 or "one tenant" not in found[0]] == []
    for issuer in OF_ONE:
        settings = load(PROVIDER, EXCHANGE, domains, {"CONNECT_OIDC_ISSUER": issuer})
        assert settings.oidc_unverified_domains == ("example.com", "example.org")
    assert load(PROVIDER, EXCHANGE, {"CONNECT_OIDC_ISSUER": OF_MANY[0]}).oidc_unverified_domains == ()
    (fault,) = faults(PAIR, domains)
    assert fault.startswith(
        "CONNECT_OIDC_UNVERIFIED_DOMAINS is set, and counts only with CONNECT_ACCESS=oidc"
    )


def test_a_provider_on_this_machine_may_be_plain_http() -> None:
    issuer = {"CONNECT_OIDC_ISSUER": "http://127.0.0.1:9400"}
    assert load(PROVIDER, EXCHANGE, issuer).oidc_issuer == "http://127.0.0.1:9400"


def test_a_key_can_be_replaced_while_the_old_one_still_opens() -> None:
    new, old = "made-up-new-key-of-thirty-two-letters", "made-up-old-key-of-thirty-two-letters"
    keys = load({"CONNECT_SECRET_KEY": f"{new}, {old}"}).secret_keys
    assert [key.reveal() for key in keys] == [new, old]


# Names.


def test_a_misspelt_name_is_a_fault_that_offers_the_right_one(tmp_path: Path) -> None:
    meant = {
        "INFISICAL_HOTS": "INFISICAL_HOST",
        "INFISICAL_HOSTS": "INFISICAL_HOST",
        "infisical_host": "INFISICAL_HOST",
        "INFISICAL_TOKN": "INFISICAL_TOKEN",
        "INFISICAL_PROJECT": "INFISICAL_PROJECT_ID",
        "INFISICAL_CLIENT_ID": "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID",
        "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECERT": "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET",
        "CONNECT_BIMD": "CONNECT_BIND",
        "connect_bind": "CONNECT_BIND",
        "CONNECT_SUBMIT_TIME_OUT": "CONNECT_SUBMIT_TIMEOUT",
        "CONNECT_SECRET": "CONNECT_SECRET_KEY",
        # The prefix as well, whatever stands between it and the rest.
        "INFISCAL_HOST": "INFISICAL_HOST",
        "INSIFICAL_HOST": "INFISICAL_HOST",
        "infiscal_hots": "INFISICAL_HOST",
        "INFISICAL-HOST": "INFISICAL_HOST",
        "INFISICAL.HOST": "INFISICAL_HOST",
        "INFISICAL__HOST": "INFISICAL_HOST",
        "INFISICALHOST": "INFISICAL_HOST",
        "INFINISICAL_HOST": "INFISICAL_HOST",
        "_INFISICAL_HOST": "INFISICAL_HOST",
        "\N{ZERO WIDTH SPACE}INFISICAL_HOST": "INFISICAL_HOST",
        "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRT": "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET",
        "CONECT_HOSTS": "CONNECT_HOSTS",
        "CONNECTS_HOSTS": "CONNECT_HOSTS",
        "\N{CYRILLIC CAPITAL LETTER ES}ONNECT_HOSTS": "CONNECT_HOSTS",
        "CONNETC_PROXY_ALLOWED_GROUP": "CONNECT_PROXY_ALLOWED_GROUPS",
        "CONNECT_PROXY_ALLOWED_GROUPS+": "CONNECT_PROXY_ALLOWED_GROUPS",
        # One of ours under the other prefix, or under both.
        "INFISICAL_PROXY_ALLOWED_GROUPS": "CONNECT_PROXY_ALLOWED_GROUPS",
        "INFISICAL_CONNECT_ACCESS": "CONNECT_ACCESS",
        "CONNECT_INFISICAL_HOST": "INFISICAL_HOST",
        "CONNECT_OAUTH_CLIENT_ID": "INFISICAL_OAUTH_CLIENT_ID",
        "INFISICAL_OIDC_CLIENT_SECRET": "CONNECT_OIDC_CLIENT_SECRET",
        "CONNECT_CLIENT_ID": "CONNECT_OIDC_CLIENT_ID",
        # The names of files.
        "INFISICAL_TOKN_FILE": "INFISICAL_TOKEN_FILE",
        "INFISICAL_CLIENT_SECRET_FILE": "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET_FILE",
        # As Infisical's documentation names them.
        "INFISICAL_MACHINE_IDENTITY_CLIENT_ID": "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID",
        "INFISICAL_MACHINE_IDENTITY_CLIENT_SECRET": "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET",
        "INFISICAL_MACHINE_CLIENT_ID": "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID",
        "INFISICAL_IDENTITY_CLIENT_SECRET": "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET",
    }
    env_file = tmp_path / ".env"

    def offers_the_right_one(name: str) -> None:
        told = (f"{name} is not a setting; did you mean {meant[name]}?",)
        env_file.write_text(f"{name}=made-up\n")
        assert faults({name: "made-up"})[:1] == told
        assert faults(TOKEN, {name: "made-up"}) == told
        assert faults(TOKEN, env_file=env_file) == told

    holds_for_every(meant, offers_the_right_one)


def test_every_name_of_ours_must_be_a_setting() -> None:
    (fault,) = faults({"CONNECT_COLOUR": "green"})
    assert fault.startswith("CONNECT_COLOUR is not a setting; the settings are INFISICAL_HOST, ")


def test_names_that_resemble_none_are_left_alone() -> None:
    of_infisical = (
        *("INFISICAL_DISABLE_UPDATE_CHECK", "INFISICAL_VAULT_FILE_PASSPHRASE", "INFISICAL_API_URL"),
        *("INFISICAL_DOMAIN", "INFISICAL_AUTH_METHOD", "INFISICAL_MACHINE_IDENTITY_ID", "INFISICAL_JWT"),
        *("INFISICAL_PROJECT_SLUG", "INFISICAL_CUSTOM_HEADERS", "INFISICAL_LDAP_USERNAME"),
    )
    others = (
        *("HOST", "hosts", "ignored", "PATH", "HOSTNAME", "ACCESS", "SECRET_KEY", "_", "npm_config_connect"),
        *("OP_CONNECT_HOST", "OP_CONNECT_TOKEN", "MY_INFISICAL_HOST", "TF_VAR_INFISICAL_TOKEN"),
        *("CONNECTION_STRING", "CONNECTION_ACCESS", "CONNECTOR_ACCESS", "RECONNECT_HOSTS", "CONTENT_HOSTS"),
        "STAGING_INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET",
    )
    settings = load(TOKEN, dict.fromkeys((*of_infisical, *others), "made-up"))
    assert (settings.hosts, settings.ignored) == (("https://infisical.example",), ())
    assert load(dict.fromkeys(others, "made-up")).sandbox


def test_what_kubernetes_sets_for_a_service_of_our_name_is_left_alone() -> None:
    service = {
        "CONNECT_SERVICE_HOST": "10.0.0.1",
        "CONNECT_SERVICE_PORT": "8000",
        "CONNECT_SERVICE_PORT_HTTP": "8000",
        "CONNECT_PORT": "tcp://10.0.0.1:8000",
        "CONNECT_PORT_8000_TCP": "tcp://10.0.0.1:8000",
        "CONNECT_PORT_8000_TCP_ADDR": "10.0.0.1",
    }
    of_infisical = {name.replace("CONNECT", "INFISICAL"): text for name, text in service.items()}
    assert load(service, of_infisical).sandbox
    assert load(TOKEN, of_infisical).hosts
    assert load(PAIR, of_infisical, {"CONNECT_SANDBOX": "on"}).ignored == tuple(sorted(PAIR))
    # What only looks like it is not Kubernetes'.
    for port in ("8080", "https://infisical.example:8080"):
        (fault,) = faults({"INFISICAL_PORT": port})
        assert fault.startswith("INFISICAL_HOST is not set, although INFISICAL_PORT is; ")


# All faults, and no secret.


def test_all_faults_are_told_at_once() -> None:
    told = faults(
        OUTSIDE,
        {
            "INFISICAL_HOST": "ftp://example.com",
            "INFISICAL_TOKEN": "made-up token",
            "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID": "made-up-id",
            "INFISICAL_CA_BUNDLE": "missing.pem",
            "CONNECT_SUBMIT_TIMEOUT": "soon",
            "CONNECT_SANDBOX": "perhaps",
            "CONNECT_BIMD": "x",
        },
    )
    assert [fault.split()[0] for fault in told] == [
        "CONNECT_BIMD",
        "INFISICAL_HOST",
        "INFISICAL_TOKEN",
        "INFISICAL_CA_BUNDLE",
        "CONNECT_SUBMIT_TIMEOUT",
        "CONNECT_SANDBOX",
        "INFISICAL_TOKEN",
        "CONNECT_BIND",
        "CONNECT_SECRET_KEY",
    ]
    assert all(re.fullmatch(r"[^\n]+[.?]", fault) for fault in told)


def test_settings_show_no_secret() -> None:
    shown = repr(load(PAIR, KEY)) + str(load(TOKEN, KEY)) + f"{load(PAIR, KEY)}"
    for secret in ("made-up-secret", "made-up-token", KEY["CONNECT_SECRET_KEY"]):
        assert secret not in shown


_WAYS_IN = {
    "CONNECT_ACCESS": ("sign-in", "proxy", "oidc", "open"),
    "CONNECT_SANDBOX": ("on", "off"),
    "CONNECT_PROXY_TRUSTED": ("10.0.0.7", "0.0.0.0/0"),
    "CONNECT_HOSTS": ("connect.example.com",),
    "CONNECT_SECRET_KEY": ("made-up-key-of-thirty-two-letters",),
    "INFISICAL_HOST": ("https://infisical.example",),
    "INFISICAL_TOKEN": ("made-up-token",),
    "CONNECT_OIDC_EXCHANGE": ("on", "off"),
}


@hypothesis.settings(derandomize=True, deadline=None)
@given(
    st.fixed_dictionaries({}, optional={name: st.sampled_from(texts) for name, texts in _WAYS_IN.items()}),
    st.sampled_from(["0.0.0.0:8000", "[::]:8000", "10.0.0.1:80", "portal.internal:80"]),
)
def test_no_start_that_others_can_reach_leaves_open_who_may_come_in(
    texts: dict[str, str], address: str
) -> None:
    with contextlib.suppress(SettingsError):
        settings = load(texts, {"CONNECT_BIND": address})
        assert settings.access is not Access.THIS_MACHINE
        assert settings.served_hosts
        assert settings.secret_keys
        assert settings.access is not Access.PROXY or settings.proxy_trusted


def test_every_example_of_a_way_in_lacks_a_key_of_ones_own_and_nothing_else() -> None:
    page = (ROOT / "docs/authentication.md").read_text(encoding="utf-8")
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    examples = [text for language, text in fenced if not language]
    without_key = [dict(line.split("=", maxsplit=1) for line in example.splitlines()) for example in examples]
    ways_in = [load(texts, KEY if "CONNECT_SECRET_KEY" in texts else {}).access for texts in without_key]
    assert ways_in == [Access.THIS_MACHINE, Access.SIGN_IN, Access.PROXY, Access.OIDC]


_ANYTHING = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)


@given(st.dictionaries(st.sampled_from([*SETTINGS]), _ANYTHING))
def test_any_text_is_either_taken_or_a_fault_that_does_not_repeat_it(texts: dict[str, str]) -> None:
    secret = "made-up-secret-that-no-fault-may-show"
    for environ in (texts, {name: f"{text}{secret}" for name, text in texts.items()}):
        with contextlib.suppress(SettingsError):
            load(environ)
            continue
        assert secret not in "".join(faults(environ))


# The file.


def test_a_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text(
        "# a comment\nINFISICAL_HOST='https://file.example'\nexport INFISICAL_TOKEN=made-up-token # and another\n"
        "CONNECT_SUBMIT_TIMEOUT=30\nCONNECT_BIND=\nOTHER=left alone\n"
    )
    settings = load({"CONNECT_SUBMIT_TIMEOUT": "50", "INFISICAL_HOST": ""}, env_file=env_file)
    assert settings.hosts == ("https://file.example",)
    assert settings.token is not None
    assert settings.token.reveal() == "made-up-token"
    assert settings.submit_timeout == 50
    # A default that is written out in the environment wins as well.
    assert load({"CONNECT_SUBMIT_TIMEOUT": "45"}, env_file=env_file).submit_timeout == 45


def test_a_byte_order_mark_in_the_file_is_no_part_of_a_name(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_bytes(b"\xef\xbb\xbfCONNECT_SUBMIT_TIMEOUT=30\r\n")
    assert load(env_file=env_file).submit_timeout == 30


def test_a_misspelt_name_in_the_file_is_a_fault(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("CONNECT_BIMD=127.0.0.1:1\n")
    assert faults(env_file=env_file) == ("CONNECT_BIMD is not a setting; did you mean CONNECT_BIND?",)


def test_a_file_that_is_not_there_is_no_fault(tmp_path: Path) -> None:
    assert load(env_file=tmp_path / ".env").sandbox
    assert load(env_file=tmp_path).sandbox


def test_a_file_that_is_no_text_is_a_fault(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_bytes(b"\xff\xfe\x00")
    assert faults(env_file=env_file) == (f"{env_file} must be a text in UTF-8.",)


LINES = [
    ("NAME=a b", "a b"),
    ("NAME = a ", "a"),
    ("\texport NAME=a#b # c", "a#b"),
    ("NAME=#a", "#a"),
    ("NAME= # a", ""),
    ("NAME=", ""),
    ("NAME=it's", "it's"),
    ("NAME='a # b' # c", "a # b"),
    (r"""NAME='a\b\'c\\\"'""", "a\\b'c\\\\\""),
    ('NAME="a\\n\\"b\\\\"', 'a\\n"b\\'),
    ("NAME=${HOME}$(id)", "${HOME}$(id)"),
    ('NAME="${HOME}"', "${HOME}"),
    ("NAME='a\nb=c\n'", "a\nb=c\n"),
]
UNREADABLE = (
    "NAME",
    "NAME:x",
    "NAME:x=y",
    "CONNECT_PROXY_ALLOWED_GROUPS: platform",
    "=a",
    "NAME a=b",
    "NAME='a",
    'NAME="a',
    "NAME='a' b",
    "NAME='a'b",
    "NAME='a' 'b'",
    "NAME='a\nexport CONNECT_ACCESS=proxy\n'",
    "NA\0ME=a",
    "CONNECT_PROXY_ALLOWED_GROUPS",
    "export CONNECT_PROXY_ALLOWED_GROUPS",
    "set CONNECT_PROXY_ALLOWED_GROUPS=platform",
    "CONNECT_PROXY_ALLOWED_GROUPS='platform",
    'CONNECT_PROXY_ALLOWED_GROUPS="platform',
    "'CONNECT_PROXY_ALLOWED_GROUPS'=platform",
    '"CONNECT_PROXY_ALLOWED_GROUPS": "platform",',
    "$env:CONNECT_PROXY_ALLOWED_GROUPS = 'platform'",
)


def test_what_a_line_of_a_file_means(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    wrong = []
    for line, value in LINES:
        env_file.write_text(f"# a comment\n\nFIRST=1\n{line}\n  \nLAST='2'")
        read = read_env_file(env_file)
        if read != {"FIRST": "1", "NAME": value, "LAST": "2"}:
            wrong.append((line, read))
    assert wrong == []


def test_a_line_that_cannot_be_read_is_a_fault_that_does_not_repeat_it(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    told = {}
    for line in UNREADABLE:
        env_file.write_text(f"FIRST=1\n\n{line}\nCONNECT_PREFLIGHT=off\n")
        told[line] = faults(env_file=env_file)[0]
    sentence = f"Line 3 of {env_file} must be NAME=value, with every quote closed."
    assert told == dict.fromkeys(UNREADABLE, sentence)


def test_a_line_that_empties_what_another_sets_is_a_fault(tmp_path: Path) -> None:
    """As where somebody writes a setting above its empty line in a copy of the example."""
    env_file = tmp_path / ".env"
    name = "CONNECT_PROXY_ALLOWED_GROUPS"
    for emptied in (f"{name}=", f"export {name}=''", f'{name}=""', f"{name}=  # platform"):
        env_file.write_text(f"{name}=platform\n\n{emptied}\n")
        told = f"Line 3 of {env_file} empties {name}, which another line sets; keep one."
        assert faults(TOKEN, PROXY, env_file=env_file) == (told,)
    env_file.write_text(f"{name}=\n{name}=platform\nOTHER=1\nOTHER=\n")
    assert load(TOKEN, PROXY, env_file=env_file).proxy_allowed_groups == ("platform",)


def test_a_link_to_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.symlink_to(tmp_path / "not-mounted")
    assert faults(env_file=env_file) == (f"{env_file} cannot be read: No such file or directory.",)


def test_every_line_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("INFISICAL_HOST\nFIRST=1\nCONNECT_ACCESS: proxy\n")
    assert [fault.partition(" of ")[0] for fault in faults(env_file=env_file)] == ["Line 1", "Line 3"]


# Secrets in files of their own.

MADE_UP = {
    "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET": ("client_secret", "made-up-secret"),
    "INFISICAL_TOKEN": ("token", "made-up-token"),
    "CONNECT_SECRET_KEY": ("secret_keys", KEY["CONNECT_SECRET_KEY"]),
    "CONNECT_OIDC_CLIENT_SECRET": ("oidc_client_secret", "made-up-secret"),
    "INFISICAL_OAUTH_CLIENT_SECRET": ("oauth_client_secret", "made-up-secret"),
    "CONNECT_RATE_STORAGE": ("rate_storage", "redis://:made-up-password@redis.example"),
}
"""Every setting that is a secret: its field, and a text that it may be."""
NEEDED = {
    "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET": PAIR,
    "CONNECT_SECRET_KEY": TOKEN,
    "CONNECT_RATE_STORAGE": TOKEN,
}


def in_file(folder: Path, name: str, text: str | bytes) -> dict[str, str]:
    """The setting as the path of a file that holds this text."""
    path = folder / name.lower()
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return {f"{name}_FILE": str(path)}


def test_every_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    def is_read(name: str) -> None:
        field, text = MADE_UP[name]
        needed = NEEDED.get(name, {**PROVIDER, **EXCHANGE} if "_O" in name else TOKEN)
        others = {other: needed[other] for other in needed if other != name}
        found = getattr(load(others, in_file(tmp_path, name, text)), field)
        assert [secret.reveal() for secret in (found if isinstance(found, tuple) else (found,))] == [text]

    holds_for_every(MADE_UP, is_read)
    assert set(MADE_UP) == set(FILES)


def test_what_is_no_secret_stands_in_no_file(tmp_path: Path) -> None:
    for name in ("INFISICAL_UNIVERSAL_AUTH_CLIENT_ID", "CONNECT_PROXY_ALLOWED_GROUPS", "CONNECT_HOSTS"):
        told = faults(in_file(tmp_path, name, "made-up"))
        assert told[0].startswith(f"{name}_FILE is not a setting; ")


def test_one_line_break_is_taken_off_the_end_of_a_file_and_nothing_else(tmp_path: Path) -> None:
    token = {name: text for name, text in TOKEN.items() if name != "INFISICAL_TOKEN"}
    for text in ("made-up", "made-up\n", "made-up\r\n"):
        settings = load(token, in_file(tmp_path, "INFISICAL_TOKEN", text))
        assert settings.token is not None
        assert settings.token.reveal() == "made-up"
    for text in ("made-up\n\n", "\nmade-up", " made-up", "made-up ", "made-up\r", "made-up\n\r\n"):
        (fault,) = faults(token, in_file(tmp_path, "INFISICAL_TOKEN", text))
        place = f"INFISICAL_TOKEN_FILE names {tmp_path}/infisical_token, whose text"
        assert fault == f"{place} must be one word of plain characters, without spaces or line breaks."


def test_a_file_that_a_link_leads_to_is_read(tmp_path: Path) -> None:
    """As Kubernetes puts secrets into a folder."""
    (tmp_path / "..data").mkdir()
    in_file(tmp_path / "..data", "TOKEN", "made-up-token\n")
    (tmp_path / "token").symlink_to("..data/token")
    host = {"INFISICAL_HOST": "https://infisical.example"}
    assert load(host, {"INFISICAL_TOKEN_FILE": str(tmp_path / "token")}).access is Access.THIS_MACHINE


def test_a_file_that_holds_no_secret_is_a_fault_that_shows_nothing_of_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    contents = {
        "large": b"made-up-" * 8193,
        "binary": b"made-up-\xff",
        "empty": b"",
        "blank": b"\n",
        "quoted": b"'made-up'\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    reasons = {
        "missing": "cannot be read: no such file or directory",
        "missing/token": "cannot be read: no such file or directory",
        "pipe": "is no regular file",
        ".": "is no regular file",
        "large": "is larger than 64 kB",
        "binary": "is no text in UTF-8",
        "empty": "is empty",
        "blank": "is empty",
    }
    paths = {str(tmp_path / name): f"which {reason}" for name, reason in reasons.items()}
    paths["/dev/zero"] = "which is no regular file"
    paths[str(tmp_path / "quoted")] = "whose text must have no quotes round it"

    def is_a_fault(path: str) -> None:
        (fault,) = faults(KEY, {"INFISICAL_HOST": "eu.infisical.com", "INFISICAL_TOKEN_FILE": path})
        assert fault.startswith(f"INFISICAL_TOKEN_FILE names {path}, {paths[path]}")
        assert "made-up" not in fault.replace(str(tmp_path), "")

    holds_for_every(paths, is_a_fault)


def test_a_file_of_64_kb_is_not_too_large(tmp_path: Path) -> None:
    host = {"INFISICAL_HOST": "https://infisical.example"}
    assert load(host, in_file(tmp_path, "INFISICAL_TOKEN", "a" * 64 * 1024)).token


def test_what_stands_where_the_path_of_a_file_should_is_not_shown_where_it_may_be_the_secret() -> None:
    secrets = ("eyJhbGciOi.made-up-payload-of-a-token.made-up", "redis://:made-up@h", "made-up-" * 8)
    for secret in secrets:
        told = faults(TOKEN, {"CONNECT_RATE_STORAGE_FILE": secret})
        assert told[0].startswith("CONNECT_RATE_STORAGE_FILE names a file, which cannot be read: ")
        assert "made-up" not in str(told)
    (fault,) = faults(TOKEN, {"CONNECT_RATE_STORAGE_FILE": "missing.txt"})
    assert "_FILE names missing.txt, which cannot" in fault


def test_a_secret_and_its_file_are_a_fault(tmp_path: Path) -> None:
    text = MADE_UP["CONNECT_RATE_STORAGE"][1]
    (fault,) = faults({"CONNECT_RATE_STORAGE": text}, in_file(tmp_path, "CONNECT_RATE_STORAGE", text))
    assert fault == "CONNECT_RATE_STORAGE and CONNECT_RATE_STORAGE_FILE are set; keep one."
    # Empty, and as the example has it, it is not set.
    for unset in ("", "memory"):
        settings = load({"CONNECT_RATE_STORAGE": unset}, in_file(tmp_path, "CONNECT_RATE_STORAGE", text))
        assert settings.rate_storage


def test_a_secret_in_a_file_counts_as_set(tmp_path: Path) -> None:
    token = in_file(tmp_path, "INFISICAL_TOKEN", "made-up-token")
    host = {"INFISICAL_HOST": "https://infisical.example"}
    assert faults(token)[0].startswith("INFISICAL_HOST is not set, although INFISICAL_TOKEN_FILE is; ")
    assert load(token, {"CONNECT_SANDBOX": "on"}).ignored == ("INFISICAL_TOKEN_FILE",)
    assert load(host, token).access is Access.THIS_MACHINE
    secret = in_file(tmp_path, "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET", "made-up-secret")
    (fault,) = faults(host, secret)
    assert fault.startswith("INFISICAL_UNIVERSAL_AUTH_CLIENT_ID is not set, although INFISICAL_UNIVERSAL_")
    (fault,) = faults(PAIR, token)
    assert fault.startswith("INFISICAL_TOKEN_FILE and INFISICAL_UNIVERSAL_AUTH_CLIENT_ID")
    (fault,) = faults(host, token, {"CONNECT_ACCESS": "sign-in"})
    assert fault.startswith("INFISICAL_TOKEN_FILE is set, and with CONNECT_ACCESS=sign-in each person")
    # The sandbox reads no file of what it puts aside.
    assert load({"INFISICAL_TOKEN_FILE": "/missing", "CONNECT_SANDBOX": "on"}).sandbox
    key = in_file(tmp_path, "CONNECT_SECRET_KEY", "made-up-key-of-thirty-two-letters")
    assert load(OUTSIDE, {**OPEN, "CONNECT_SECRET_KEY": ""}, key, host).secret_keys


def test_quotes_that_arrive_with_a_value_are_named_whatever_the_setting(tmp_path: Path) -> None:
    texts = {**dict.fromkeys(SETTINGS, "made-up"), **TOKEN, "CONNECT_PREFLIGHT": "on"}
    quotes = ('"{}"', "'{}'", "`{}`", "“{}”", "‘{}’", "„{}“", "«{}»")
    rows = [(name, quoted.format(text)) for name, text in texts.items() for quoted in quotes]
    rows += [(f"{name}_FILE", f'"{tmp_path}"') for name in FILES]
    rows += [
        ("CONNECT_PROXY_ALLOWED_GROUPS", 'platform, "ops"'),
        ("CONNECT_HOSTS", "'a.example', 'b.example'"),
    ]

    def are_named(row: tuple[str, str]) -> None:
        name, text = row
        place = f"{name} names {text}, which" if name.endswith("_FILE") else name
        words = "must have no quotes round it: docker --env-file leaves them in a value."
        assert f"{place} {words}" in faults({name: text})

    holds_for_every(rows, are_named)


def test_a_secret_where_an_id_or_an_address_belongs_is_a_fault_that_does_not_show_it() -> None:
    secrets = ("5f" * 32, "sbp_" + "0a" * 20, "eyJhbGciOi.eyJtYWRlIjoidXAifQ.made-up")
    rows = [
        (name, secret)
        for name in ("INFISICAL_UNIVERSAL_AUTH_CLIENT_ID", "INFISICAL_PROJECT_ID", "INFISICAL_HOST")
        for secret in secrets[: 2 if name == "INFISICAL_HOST" else 3]
    ]

    def is_a_fault(row: tuple[str, str]) -> None:
        name, secret = row
        told = faults(PAIR, {name: secret})
        assert told[0].startswith(f"{name} must be ")
        assert secret not in str(told)

    holds_for_every(rows, is_a_fault)


# What the documents say.


def test_a_copy_of_the_example_file_changes_nothing() -> None:
    assert load(env_file=ROOT / ".env.example") == load()


# ── Mounted in another app ─────────────────────────────────────────────────────────────────────────────────────────


def mounted_faults(*parts: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        Settings.load_mounted({name: text for part in parts for name, text in part.items()}, None)
    return caught.value.faults


def test_mounted_in_another_app_the_address_to_listen_on_has_no_meaning() -> None:
    for credential in (TOKEN, PAIR, {"CONNECT_SANDBOX": "on"}):
        settings = Settings.load_mounted({**credential, **OUTSIDE}, None)
        assert settings.access is Access.THIS_MACHINE
        assert settings.sandbox == ("CONNECT_SANDBOX" in credential)


def test_mounted_in_another_app_the_sandbox_does_not_start_by_itself() -> None:
    (fault,) = mounted_faults({})
    assert fault.startswith("INFISICAL_HOST is not set, and CONNECT_SANDBOX is off")


def test_mounted_in_another_app_nothing_else_says_who_comes_in() -> None:
    about_access = {
        "CONNECT_ACCESS": "sign-in",
        "CONNECT_HOSTS": "connect.example.com",
        "CONNECT_PROXY_TRUSTED": "10.0.0.7",
        "CONNECT_PROXY_ALLOWED_GROUPS": "admins",
        "CONNECT_OIDC_ISSUER": "https://id.example.com",
        "CONNECT_OIDC_EXCHANGE": "off",
    }
    for name, text in about_access.items():
        assert mounted_faults(TOKEN, {name: text}) == (
            f"{name} is set, and inside another Flask app its guard says who may come in; leave it out.",
        )


def test_mounted_in_another_app_secrets_may_stand_in_files(tmp_path: Path) -> None:
    host = {"INFISICAL_HOST": "https://infisical.example"}
    token = in_file(tmp_path, "INFISICAL_TOKEN", "made-up-token\n")
    found = Settings.load_mounted({**host, **token}, None).token
    assert found is not None
    assert found.reveal() == "made-up-token"
    assert mounted_faults(TOKEN, in_file(tmp_path, "CONNECT_OIDC_CLIENT_SECRET", "made-up")) == (
        "CONNECT_OIDC_CLIENT_SECRET_FILE is set, and inside another Flask app its guard says who may come in; "
        "leave it out.",
    )


def test_mounted_in_another_app_every_fault_is_told_at_once() -> None:
    told = mounted_faults(TOKEN, OPEN, {"CONNECT_PREFLIGHT": "perhaps"})
    assert len(told) == 2
    assert told[0].startswith("CONNECT_ACCESS and CONNECT_HOSTS are set")


def test_mounted_in_another_app_a_copied_example_is_no_fault() -> None:
    assert not Settings.load_mounted(TOKEN, ROOT / ".env.example").sandbox
