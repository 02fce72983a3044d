"""What each setting may be, what may start, and that every fault is told at once and shows no secret."""

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings import SETTINGS, Bind, Settings, SettingsError

ROOT = Path(__file__).parent.parent

TOKEN = {"INFISICAL_HOST": "https://infisical.example", "INFISICAL_TOKEN": "made-up-token"}
PAIR = {
    "INFISICAL_HOST": "https://infisical.example",
    "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID": "made-up-id",
    "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET": "made-up-secret",
}
KEY = {"CONNECT_SECRET_KEY": "made-up-key-of-thirty-two-letters"}
OUTSIDE = {"CONNECT_BIND": "0.0.0.0:8000"}
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
    assert settings.host is None
    assert settings.bind == Bind("127.0.0.1", 8000)
    assert settings.submit_timeout == 45
    assert settings.secret_key is None


def test_a_host_with_a_machine_identity_is_that_infisical() -> None:
    settings = load(PAIR)
    assert not settings.sandbox
    assert settings.host == "https://infisical.example"
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
    assert load({setting.name: " " for setting in SETTINGS}) == load()


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("eu.infisical.com", "https://eu.infisical.com"),
        ("https://eu.infisical.com/", "https://eu.infisical.com"),
        ("https://eu.infisical.com/api", "https://eu.infisical.com"),
        ("https://eu.infisical.com/api/", "https://eu.infisical.com"),
        ("HTTPS://EU.Infisical.com", "https://eu.infisical.com"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080/api", "http://[::1]:8080"),
        ("example.com/secrets/api/", "https://example.com/secrets"),
        ("example.com/myapi", "https://example.com/myapi"),
    ],
)
def test_a_host_is_brought_to_one_form(text: str, host: str) -> None:
    assert load(TOKEN, {"INFISICAL_HOST": text}).host == host


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("https://made-up-name:made-up-word@example.com", "user name"),
        ("https://example.com/?made-up", "query"),
        ("https://example.com/#", "fragment"),
        ("https://exa mple.com", "spaces"),
        ("https://example.com\nx", "line breaks"),
        ("https://exa\u202emple.com", "control characters"),
        ("ftp://example.com", "must begin with https:// or http://"),
        ("https://", "must be an address"),
        ("https:/example.com", "must be an address"),
        ("https//example.com", "must be an address"),
        ("https://example.com:99999", "must be an address"),
        ("https://example.com:", "must be an address"),
        ("https://<script>", "must be an address"),
        ("https://[::1", "must be an address"),
    ],
)
def test_a_host_that_is_no_address_is_a_fault(text: str, reason: str) -> None:
    (fault,) = faults(TOKEN, {"INFISICAL_HOST": text})
    assert fault.startswith("INFISICAL_HOST must ")
    assert reason in fault
    assert "made-up" not in fault


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("127.0.0.1:8000", "127.0.0.1", 8000, True),
        ("127.8.9.1:1", "127.8.9.1", 1, True),
        ("localhost:0", "localhost", 0, True),
        ("[::1]:8000", "::1", 8000, True),
        ("0.0.0.0:8000", "0.0.0.0", 8000, False),  # noqa: S104  # read, not listened on
        ("[::]:8000", "::", 8000, False),
        ("192.168.1.2:80", "192.168.1.2", 80, False),
        ("portal.internal:65535", "portal.internal", 65535, False),
        ("127.0.0.1.example.com:80", "127.0.0.1.example.com", 80, False),
    ],
)
def test_an_address_to_listen_on(text: str, host: str, port: int, loopback: bool) -> None:  # noqa: FBT001
    bind = load(KEY, {"CONNECT_BIND": text, "CONNECT_SANDBOX": "on"}).bind
    assert bind == Bind(host, port)
    assert str(bind) == text
    assert bind.loopback is loopback


@pytest.mark.parametrize(
    "text", ["8000", ":8000", "127.0.0.1", "::1:8000", "[1.2:3", "[::g]:1", "a:65536", "*:80"]
)
def test_an_address_to_listen_on_must_be_host_and_port(text: str) -> None:
    (fault,) = faults({"CONNECT_BIND": text})
    assert fault.startswith("CONNECT_BIND must ")


@pytest.mark.parametrize("text", ["4.9", "600.1", "nan", "inf", "-5", "45s", "a minute"])
def test_the_submit_timeout_must_be_seconds_within_its_bounds(text: str) -> None:
    assert faults({"CONNECT_SUBMIT_TIMEOUT": text}) == (
        "CONNECT_SUBMIT_TIMEOUT must be a number of seconds from 5 to 600.",
    )


@pytest.mark.parametrize(("text", "seconds"), [("5", 5), ("600", 600), ("12.5", 12.5)])
def test_the_submit_timeout_is_in_seconds(text: str, seconds: float) -> None:
    assert load({"CONNECT_SUBMIT_TIMEOUT": text}).submit_timeout == seconds


def test_a_secret_key_has_at_least_32_characters() -> None:
    assert faults({"CONNECT_SECRET_KEY": "x" * 31}) == (
        "CONNECT_SECRET_KEY must have at least 32 characters.",
    )
    assert load({"CONNECT_SECRET_KEY": "x" * 32}).secret_key


@pytest.mark.parametrize("name", [name for name in PAIR | TOKEN if name != "INFISICAL_HOST"])
@pytest.mark.parametrize("text", ["made up", "made-up\nline", "Bearer made-up", "made-üp"])
def test_a_credential_is_one_word(name: str, text: str) -> None:
    whole = TOKEN if name in TOKEN else PAIR
    (fault,) = faults(whole, {name: text})
    assert fault == f"{name} must be one word of plain characters, without spaces or line breaks."


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


@pytest.mark.parametrize(
    "name", ["INFISICAL_TOKEN", "INFISICAL_PROJECT_ID", "INFISICAL_API_URL", "INFISICAL_X"]
)
def test_any_variable_of_infisicals_keeps_the_sandbox_from_starting_by_itself(name: str) -> None:
    (fault,) = faults({name: "made-up"})
    assert fault.startswith(f"INFISICAL_HOST is not set, although {name} is; ")


def test_the_sandbox_can_be_asked_for_and_then_ignores_all_of_infisicals() -> None:
    settings = load(PAIR, {"CONNECT_SANDBOX": "ON", "INFISICAL_HOTS": "not an address"})
    assert settings.sandbox
    assert (settings.host, settings.client_id, settings.client_secret) == (None, None, None)
    assert settings.ignored == (
        "INFISICAL_HOST",
        "INFISICAL_HOTS",
        "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID",
        "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET",
    )


def test_the_sandbox_that_was_asked_for_starts_on_any_address_with_a_secret_key() -> None:
    assert load(OUTSIDE, KEY, {"CONNECT_SANDBOX": "on"}).sandbox
    (fault,) = faults(OUTSIDE, {"CONNECT_SANDBOX": "on"})
    assert fault.startswith("CONNECT_SECRET_KEY must be set, because CONNECT_BIND is 0.0.0.0:8000")


def test_the_sandbox_can_be_refused() -> None:
    (fault,) = faults({"CONNECT_SANDBOX": "off"})
    assert fault.startswith("INFISICAL_HOST is not set, and CONNECT_SANDBOX is off; ")
    assert not load(TOKEN, {"CONNECT_SANDBOX": "off"}).sandbox


def test_a_switch_is_on_or_off() -> None:
    assert faults({"CONNECT_SANDBOX": "yes"}) == ("CONNECT_SANDBOX must be on or off, or not be set.",)


def test_a_host_without_a_credential_is_a_fault() -> None:
    (fault,) = faults({"INFISICAL_HOST": "https://infisical.example"})
    assert fault.startswith("INFISICAL_HOST is set without a credential; ")


@pytest.mark.parametrize("missing", ["CLIENT_ID", "CLIENT_SECRET"])
def test_half_a_machine_identity_is_a_fault(missing: str) -> None:
    name = f"INFISICAL_UNIVERSAL_AUTH_{missing}"
    (fault,) = faults({key: text for key, text in PAIR.items() if key != name})
    assert fault.startswith(f"{name} is not set, although ")


@pytest.mark.parametrize("left_out", [(), ("INFISICAL_UNIVERSAL_AUTH_CLIENT_ID",)])
def test_two_credentials_are_a_fault(left_out: tuple[str, ...]) -> None:
    (fault,) = faults({name: text for name, text in (PAIR | TOKEN).items() if name not in left_out})
    assert fault.startswith("INFISICAL_TOKEN and INFISICAL_UNIVERSAL_AUTH_CLIENT_")
    assert fault.endswith("keep one.")


@pytest.mark.parametrize("credential", [TOKEN, PAIR])
@pytest.mark.parametrize("address", ["0.0.0.0:8000", "[::]:8000", "10.0.0.1:80", "portal.internal:80"])
def test_a_credential_of_the_servers_own_is_for_loopback_alone(
    credential: dict[str, str], address: str
) -> None:
    (fault,) = faults(credential, KEY, {"CONNECT_BIND": address})
    assert fault.startswith(f"CONNECT_BIND is {address}, which other machines can reach")


# Names.


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("INFISICAL_HOTS", "INFISICAL_HOST"),
        ("INFISICAL_HOSTS", "INFISICAL_HOST"),
        ("infisical_host", "INFISICAL_HOST"),
        ("INFISICAL_TOKN", "INFISICAL_TOKEN"),
        ("INFISICAL_PROJECT", "INFISICAL_PROJECT_ID"),
        ("INFISICAL_CLIENT_ID", "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID"),
        ("INFISICAL_UNIVERSAL_AUTH_CLIENT_SECERT", "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET"),
        ("CONNECT_BIMD", "CONNECT_BIND"),
        ("connect_bind", "CONNECT_BIND"),
        ("CONNECT_SUBMIT_TIME_OUT", "CONNECT_SUBMIT_TIMEOUT"),
        ("CONNECT_SECRET", "CONNECT_SECRET_KEY"),
    ],
)
def test_a_misspelt_name_is_a_fault_that_offers_the_right_one(name: str, meant: str) -> None:
    assert faults(TOKEN, {name: "made-up"})[0] == f"{name} is not a setting; did you mean {meant}?"


def test_every_name_of_ours_must_be_a_setting() -> None:
    (fault,) = faults({"CONNECT_COLOUR": "green"})
    assert fault.startswith("CONNECT_COLOUR is not a setting; the settings are INFISICAL_HOST, ")


@pytest.mark.parametrize(
    "name", ["INFISICAL_DISABLE_UPDATE_CHECK", "INFISICAL_VAULT_FILE_PASSPHRASE", "HOST"]
)
def test_names_that_resemble_none_are_left_alone(name: str) -> None:
    assert load(TOKEN, {name: "made-up"}).host


def test_what_kubernetes_sets_for_a_service_of_our_name_is_left_alone() -> None:
    service = {
        "CONNECT_SERVICE_HOST": "10.0.0.1",
        "CONNECT_SERVICE_PORT": "8000",
        "CONNECT_SERVICE_PORT_HTTP": "8000",
        "CONNECT_PORT": "tcp://10.0.0.1:8000",
        "CONNECT_PORT_8000_TCP": "tcp://10.0.0.1:8000",
        "CONNECT_PORT_8000_TCP_ADDR": "10.0.0.1",
    }
    assert load(service).sandbox
    assert load(TOKEN, {name.replace("CONNECT", "INFISICAL"): text for name, text in service.items()}).host


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


_ANYTHING = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)


@given(st.dictionaries(st.sampled_from([setting.name for setting in SETTINGS]), _ANYTHING))
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
    assert settings.host == "https://file.example"
    assert settings.token is not None
    assert settings.token.reveal() == "made-up-token"
    assert settings.submit_timeout == 50


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


def test_a_file_that_is_no_text_is_a_fault(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_bytes(b"\xff\xfe\x00")
    assert faults(env_file=env_file) == (f"{env_file} must be a text in UTF-8.",)


# What the documents say.


def test_the_readme_lists_exactly_these_settings() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.split("<!-- settings -->\n")[1].split("<!-- /settings -->")[0]
    rows = [
        f"| `{setting.name}` | {f'`{setting.default}`' if setting.default else '–'} | {setting.meaning} |"
        for setting in SETTINGS
    ]
    assert table.splitlines() == ["| Name | Default | Meaning |", "|---|---|---|", *rows]


def test_the_example_file_has_every_setting_with_its_default() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == [
        f"{setting.name}={setting.default}" for setting in SETTINGS
    ]


def test_every_setting_fills_a_field() -> None:
    assert {setting.field for setting in SETTINGS} == set(Settings.model_fields) - {"ignored"}
