"""Behind a signing-in proxy: the person it names acts with the server's credential, and nobody else is let in."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response

from app.web.services import services
from tests.conftest import FORM, Client, Clock, Sandbox, new_client, sandbox_in
from tests.pages import PageUnderTest, read_page

PROXY = "10.0.0.7"
HOST = "connect.example.com"
BEHIND = {"CONNECT_ACCESS": "proxy", "CONNECT_PROXY_TRUSTED": "10.0.0.7, 10.1.0.0/16", "CONNECT_HOSTS": HOST}
NAMED = {"X-Forwarded-User": "ada"}


class Proxied(Client):
    """A browser whose requests reach the server through the proxy, which ends https and names a person."""

    peer = PROXY
    told: dict[str, str] = NAMED

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        forwarded = {
            "Host": HOST,
            "X-Forwarded-For": "203.0.113.9",
            "X-Forwarded-Proto": "https",
            **self.told,
        }
        kwargs["headers"] = {**forwarded, **dict(kwargs.get("headers") or {})}
        kwargs["environ_overrides"] = {"REMOTE_ADDR": self.peer}
        kwargs.setdefault("base_url", f"http://{HOST}")
        return super().open(*args, **kwargs)

    def page(self, url: str, *, status: int = 200) -> PageUnderTest:
        """Follows redirects itself: the test client would repeat what the server made of the last request."""
        response = self.get(url)
        while response.status_code == 303:
            response = self.get(response.location)
        assert response.status_code == status, (url, response.status_code, response.text[:500])
        return read_page(response.text)


def proxied(wizard: Sandbox, *, peer: str = PROXY, **told: str) -> Proxied:
    """A browser behind the proxy, which sends these headers (`_` stands for `-`); without any, it names ada."""
    wizard.app.test_client_class = Proxied
    client = wizard.app.test_client()
    assert isinstance(client, Proxied)
    client.peer = peer
    client.told = {name.replace("_", "-"): text for name, text in told.items()} if told else NAMED
    return client


@pytest.fixture
def audit(tmp_path: Path) -> Callable[[], list[dict[str, str]]]:
    return lambda: [json.loads(line) for line in (tmp_path / "audit.log").read_text().splitlines()]


@pytest.fixture
def make(tmp_path: Path, clock: Clock) -> Callable[..., Sandbox]:
    log = {"CONNECT_AUDIT_LOG": str(tmp_path / "audit.log")}
    return lambda **environ: sandbox_in(tmp_path, clock, **{**BEHIND, **log, **environ})


@pytest.fixture
def wizard(make: Callable[..., Sandbox]) -> Sandbox:
    return make()


def refused(answer: TestResponse, slug: str, wizard: Sandbox) -> PageUnderTest:
    """The page of a refusal, for which nothing was asked of Infisical."""
    page = read_page(answer.text)
    assert (answer.status_code, page.problem) == (421 if slug == "other-host" else 403, slug)
    assert wizard.sent == []
    return page


# ── The person ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_person_whom_the_proxy_names_comes_in(wizard: Sandbox) -> None:
    page = proxied(wizard).page("/projects")
    assert "ada" in page.text
    assert page.by_id("sign-out") is None


def test_the_servers_own_credential_acts_and_a_connection_is_created(
    wizard: Sandbox, good_token: str
) -> None:
    ada = proxied(wizard)
    created = ada.fill_in(name="mine", access_token=good_token)
    assert created.location.startswith("/connections/supabase/")
    assert ada.page(created.location).text_of("connection-name") == "mine"
    logins = [request for request in wizard.sent if request.url.path.endswith("/login")]
    assert (len(logins), len(wizard.creates)) == (1, 1)


@pytest.mark.parametrize(
    "name",
    [
        "ada@example.com",
        "Ada Lovelace",
        "Zoë Ångström",
        "张伟",
        "O'Brien & <b>Söhne</b>",
        "x" * 200,
        "a;b",
        "a/b",
    ],
)
def test_a_name_may_be_in_any_script_and_of_usual_length(wizard: Sandbox, name: str) -> None:
    sent = name.encode().decode("latin-1")
    assert name in proxied(wizard, X_Forwarded_User=sent).page("/projects").text


@pytest.mark.parametrize("name", ["x-forwarded-user", "X-FORWARDED-USER", "X-Forwarded-USER"])
def test_the_headers_name_may_be_written_in_any_case(wizard: Sandbox, name: str) -> None:
    answer = proxied(wizard, **{name.replace("-", "_"): "ada"}).get("/projects")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "\u00a0",
        "ada,mallory",
        "ada,ada",
        ",",
        "ada\u0000",
        "ada\x1b[2J",
        "ada\u202eada",
        "ada\u200b",
        "ada\ttab",
        "x" * 201,
    ],
)
def test_a_header_that_does_not_name_one_person_names_nobody(wizard: Sandbox, name: str) -> None:
    sent = name.encode().decode("latin-1")
    page = refused(proxied(wizard, X_Forwarded_User=sent).get("/projects"), "nobody-named", wizard)
    assert "CONNECT_PROXY_USER_HEADER" in page.text


@pytest.mark.parametrize("name", ["Doe, Jane", "Doe,Jane", "CN=Jane Doe,OU=Platform", "ada,mallory", ","])
def test_a_name_with_a_comma_is_told_as_that(
    wizard: Sandbox, audit: Callable[[], list[dict[str, str]]], name: str
) -> None:
    page = refused(proxied(wizard, X_Forwarded_User=name).get("/projects"), "nobody-named", wizard)
    assert "comma" in page.text
    assert "X-Forwarded-User" in page.text
    # One of two names may have come from outside.
    assert "mallory" not in page.text
    (line,) = audit()
    assert line["result"] == "nobody-named"


def test_where_no_name_came_nothing_is_said_of_commas(wizard: Sandbox) -> None:
    for name in ("", "x" * 201, "ada\u0000"):
        page = refused(proxied(wizard, X_Forwarded_User=name).get("/projects"), "nobody-named", wizard)
        assert "comma" not in page.text


def test_bytes_that_are_no_utf8_name_nobody(wizard: Sandbox) -> None:
    refused(proxied(wizard, X_Forwarded_User="ad\xff").get("/projects"), "nobody-named", wizard)


@settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(name=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=250))
def test_any_bytes_in_the_header_are_a_person_or_a_refusal(wizard: Sandbox, name: str) -> None:
    assert proxied(wizard, X_Forwarded_User=name).get("/healthz").status_code == 200
    assert proxied(wizard, X_Forwarded_User=name).get("/sign-in").status_code == 404
    assert proxied(wizard, X_Forwarded_User=name).get("/projects").status_code in (200, 403)


def test_without_the_header_nobody_is_named(
    wizard: Sandbox, audit: Callable[[], list[dict[str, str]]]
) -> None:
    refused(proxied(wizard, X_Forwarded_Email="ada@example.com").get("/projects"), "nobody-named", wizard)
    (line,) = audit()
    assert (line["action"], line["result"], line["address"]) == ("refusal", "nobody-named", "203.0.113.9")
    assert "subject" not in line


def test_another_header_can_be_the_one(make: Callable[..., Sandbox]) -> None:
    wizard = make(CONNECT_PROXY_USER_HEADER="Cf-Access-Authenticated-User-Email")
    refused(proxied(wizard, X_Forwarded_User="ada").get("/projects"), "nobody-named", wizard)
    named = proxied(wizard, Cf_Access_Authenticated_User_Email="grace@example.com")
    assert "grace@example.com" in named.page("/projects").text


def test_the_server_has_no_sign_in_of_its_own(wizard: Sandbox) -> None:
    assert proxied(wizard).get("/sign-in").status_code == 404
    page = proxied(wizard).page("/projects")
    assert "Sign out" not in page.text


# ── Groups ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def for_two_groups(make: Callable[..., Sandbox]) -> Sandbox:
    return make(CONNECT_PROXY_ALLOWED_GROUPS="platform, Söhne & Co")


@pytest.mark.parametrize(
    "groups", ["platform", "a, platform", "platform,a", " platform ", "Söhne & Co", "a,,platform"]
)
def test_one_of_the_persons_groups_must_be_among_the_allowed(for_two_groups: Sandbox, groups: str) -> None:
    sent = groups.encode().decode("latin-1")
    somebody = proxied(for_two_groups, X_Forwarded_User="ada", X_Forwarded_Groups=sent)
    assert somebody.get("/projects").status_code == 200


@pytest.mark.parametrize(
    "groups", ["", "a", "Platform", "platforms", "plat,form", "platform;a", '"platform"']
)
def test_a_person_of_no_such_group_is_told_and_refused(
    for_two_groups: Sandbox, audit: Callable[[], list[dict[str, str]]], groups: str
) -> None:
    somebody = proxied(for_two_groups, X_Forwarded_User="<ada>", X_Forwarded_Groups=groups)
    page = refused(somebody.get("/projects"), "not-allowed", for_two_groups)
    assert "You are signed in as <ada>" in page.text
    (line,) = audit()
    assert (line["action"], line["result"]) == ("refusal", "not-allowed")
    assert (line["subject"], line["name"], line["way_in"]) == ("<ada>", "<ada>", "proxy")
    assert line["address"] == "203.0.113.9"


def test_without_a_header_of_groups_there_are_none(for_two_groups: Sandbox) -> None:
    refused(proxied(for_two_groups, X_Forwarded_User="ada").get("/projects"), "not-allowed", for_two_groups)


def test_groups_can_come_in_another_header(make: Callable[..., Sandbox]) -> None:
    wizard = make(CONNECT_PROXY_GROUPS_HEADER="Remote-Groups", CONNECT_PROXY_ALLOWED_GROUPS="platform")
    other = proxied(wizard, X_Forwarded_User="ada", X_Forwarded_Groups="platform")
    refused(other.get("/projects"), "not-allowed", wizard)
    member = proxied(wizard, X_Forwarded_User="ada", Remote_Groups="platform")
    assert member.get("/projects").status_code == 200


# ── The peer ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("peer", [PROXY, "10.1.2.3", f"::ffff:{PROXY}"])
def test_each_trusted_peer_is_believed(wizard: Sandbox, peer: str) -> None:
    assert proxied(wizard, peer=peer).get("/projects").status_code == 200


@pytest.mark.parametrize("peer", ["203.0.113.66", "127.0.0.1", "10.0.0.8", "::1", "::ffff:10.0.0.8", ""])
def test_any_other_peer_is_refused_whatever_it_says(
    wizard: Sandbox, audit: Callable[[], list[dict[str, str]]], peer: str
) -> None:
    forged = proxied(wizard, peer=peer, X_Forwarded_User="mallory", X_Forwarded_For=PROXY)
    refused(forged.get("/projects"), "not-the-proxy", wizard)
    assert {line.get("address", "") for line in audit()} == {peer}


@pytest.mark.parametrize("path", ["/", FORM, "/sandbox", "/static/x/y.css", "/sign-in", "/nowhere"])
def test_another_peer_gets_nothing_at_all_even_on_this_machine(
    make: Callable[..., Sandbox], path: str
) -> None:
    wizard = make(CONNECT_HOSTS="localhost")
    here = new_client(wizard.app)
    page = refused(here.get(path, headers=NAMED), "not-the-proxy", wizard)
    assert "mallory" not in page.text


def test_the_header_alone_opens_nothing_where_no_peer_was_judged(wizard: Sandbox) -> None:
    with wizard.app.test_request_context("/projects", headers=NAMED):
        answer = services().backend.authenticate()
    assert isinstance(answer, Response)
    assert answer.status_code == 403


def test_a_forged_post_is_refused_and_nothing_is_sent(make: Callable[..., Sandbox], good_token: str) -> None:
    wizard = make(CONNECT_HOSTS="localhost")
    answer = new_client(wizard.app).post(FORM, data={"name": "x", "access_token": good_token}, headers=NAMED)
    refused(answer, "not-the-proxy", wizard)


# ── The host and https ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("host", [HOST, HOST.upper(), f"{HOST}:443", f"{HOST}:8443"])
def test_the_named_host_is_served_on_any_port_in_any_case(wizard: Sandbox, host: str) -> None:
    assert proxied(wizard).get("/projects", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"{HOST}.evil.example",
        f"evil.{HOST}",
        f"{HOST}.",
        f"{HOST}@evil.example",
        f"{HOST}:80@evil.example",
        f"{HOST}:evil",
        f"{HOST}:443,evil.example",
        f"{HOST},evil.example",
        f"{HOST}/evil",
        f"{HOST}#",
        f"{HOST} evil.example",
        "",
        "localhost",
        "127.0.0.1",
    ],
)
def test_any_other_host_is_refused(wizard: Sandbox, host: str) -> None:
    refused(proxied(wizard).get("/projects", headers={"Host": host}), "other-host", wizard)
    handed_on = {"Host": HOST, "X-Forwarded-Host": host or "x"}
    refused(proxied(wizard).get("/projects", headers=handed_on), "other-host", wizard)


def test_a_host_with_a_port_in_the_settings_is_served_on_that_port_alone(
    make: Callable[..., Sandbox],
) -> None:
    wizard = make(CONNECT_HOSTS=f"{HOST}:8443")
    assert proxied(wizard).get("/projects", headers={"Host": f"{HOST}:8443"}).status_code == 200
    wizard.sent.clear()
    refused(proxied(wizard).get("/projects", headers={"Host": HOST}), "other-host", wizard)


@pytest.mark.parametrize("scheme", ["http", "https, http", "javascript", "wss", ""])
def test_plain_http_is_refused(wizard: Sandbox, scheme: str) -> None:
    answer = proxied(wizard).get("/projects", headers={"X-Forwarded-Proto": scheme})
    refused(answer, "plain-http", wizard)
    assert "Strict-Transport-Security" not in answer.headers


def test_over_https_the_cookies_are_bound_to_the_host_and_browsers_are_told_to_stay(wizard: Sandbox) -> None:
    answer = proxied(wizard).get(f"{FORM}?project=organization")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-connect=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
