"""People sign in at the company's identity provider, a real one on this machine, and act with rights of their own."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from werkzeug.test import TestResponse

from app.auth.id_tokens import OidcUser
from app.auth.oidc_views import is_admitted
from app.config import Settings
from app.core.secret import Secret
from tests.conftest import FORM, Client, Clock, Sandbox, new_client, sandbox_in
from tests.identity_providers import RunningProvider, running_provider
from tests.pages import PageUnderTest, read_page

CALLBACK = "http://localhost/sign-in/callback"
ADA = {"sub": "ada", "email": "ada@example.com", "email_verified": True, "groups": ["platform"]}
NOT_SAID = {"sub": "not-said", "email": "grace@example.com"}
EVE = {"sub": "eve", "email": "ada@example.com", "email_verified": False, "groups": ["guests"]}


@pytest.fixture(scope="module")
def provider() -> Iterator[RunningProvider]:
    with running_provider(ADA, EVE, NOT_SAID) as running:
        yield running


@pytest.fixture
def oidc(provider: RunningProvider, tmp_path: Path) -> Iterator[Callable[..., Sandbox]]:
    """The wizard on the sandbox, where people come in through the provider; the time is the real one, as there."""
    made: list[Sandbox] = []

    def make(callback: str = CALLBACK, **environ: str) -> Sandbox:
        client_id, client_secret = provider.registers(callback)
        sandbox = sandbox_in(
            tmp_path,
            Clock(now=datetime.now(UTC)),
            CONNECT_ACCESS="oidc",
            CONNECT_OIDC_ISSUER=provider.issuer,
            CONNECT_OIDC_CLIENT_ID=client_id,
            CONNECT_OIDC_CLIENT_SECRET=client_secret,
            **environ,
        )
        made.append(sandbox)
        return sandbox

    yield make
    for sandbox in made:
        close(sandbox)


def close(sandbox: Sandbox) -> None:
    """Gives the network connections to the provider back."""
    backend = sandbox.app.extensions["infisical_connect"].backend
    backend.provider.close()


def begin(client: Client, *, to: str = "/projects") -> str:
    """The provider's address that the link on the sign-in page leads to."""
    link = client.page(to).links()["Sign in with your company’s account"]
    answer = client.get(link)
    assert answer.status_code == 303
    return answer.location


def come_back(client: Client, arguments: dict[str, str]) -> TestResponse:
    return client.get(f"/sign-in/callback?{urlencode(arguments)}")


def sign_on(
    client: Client, provider: RunningProvider, who: str = "ada", *, to: str = "/projects"
) -> TestResponse:
    return come_back(client, provider.lets_in(begin(client, to=to), who))


def test_who_signs_on_comes_to_the_page_they_asked_for(
    oidc: Callable[..., Sandbox], provider: RunningProvider
) -> None:
    client = new_client(oidc().app)
    answer = sign_on(client, provider, to=f"{FORM}?project=organization&name=kept")
    assert answer.status_code == 303
    form = client.page(answer.location)
    assert form.field("name") == "kept"
    assert "ada@example.com" in form.text


def test_below_a_path_the_provider_leads_back_there(
    oidc: Callable[..., Sandbox], provider: RunningProvider
) -> None:
    below = oidc("http://localhost/team/sign-in/callback", CONNECT_PATH_PREFIX="/team")
    client = new_client(below.app)
    there = begin(client, to="/team/projects?q=a")
    assert parse_qs(urlsplit(there).query)["redirect_uri"] == ["http://localhost/team/sign-in/callback"]
    answer = client.get(f"/team/sign-in/callback?{urlencode(provider.lets_in(there, 'ada'))}")
    assert answer.location == "/team/projects?q=a"
    assert "ada@example.com" in client.page(answer.location).text


def test_the_person_creates_with_their_own_token_and_infisical_sees_them(
    oidc: Callable[..., Sandbox], provider: RunningProvider, good_token: str
) -> None:
    sandbox = oidc()
    client = new_client(sandbox.app)
    sign_on(client, provider)
    assert client.fill_in(name="mine", access_token=good_token).status_code == 303
    paths = [request.url.path for request in sandbox.sent]
    assert paths.count("/api/v1/oauth/token") == 1
    assert "/api/v1/auth/universal-auth/login" not in paths


def test_the_address_that_the_browser_is_sent_to_holds_no_secret(oidc: Callable[..., Sandbox]) -> None:
    client = new_client(oidc().app)
    query = parse_qs(urlsplit(begin(client)).query)
    assert query["response_type"] == ["code"]
    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == [CALLBACK]
    assert {"state", "nonce", "code_challenge"} <= set(query)
    assert "client_secret" not in query
    assert "code_verifier" not in query


def test_an_answer_counts_once(oidc: Callable[..., Sandbox], provider: RunningProvider) -> None:
    client = new_client(oidc().app)
    arguments = provider.lets_in(begin(client), "ada")
    assert come_back(client, arguments).status_code == 303
    again = come_back(new_client(client.application), arguments)
    assert (again.status_code, read_page(again.text).problem) == (400, "sign-in-again")
    replayed = come_back(client, arguments)
    assert read_page(replayed.text).problem == "sign-in-again"


def test_an_answer_in_another_browser_signs_nobody_in(
    oidc: Callable[..., Sandbox], provider: RunningProvider
) -> None:
    sandbox = oidc()
    thief, victim = new_client(sandbox.app), new_client(sandbox.app)
    arguments = provider.lets_in(begin(thief), "eve")
    begin(victim)
    answer = come_back(victim, arguments)
    assert read_page(answer.text).problem == "sign-in-again"
    assert victim.get("/projects").status_code == 303


def test_who_turns_back_at_the_provider_is_not_signed_in(
    oidc: Callable[..., Sandbox], provider: RunningProvider
) -> None:
    client = new_client(oidc().app)
    answer = come_back(client, provider.turns_away(begin(client)))
    assert (answer.status_code, read_page(answer.text).problem) == (403, "not-let-in")


FILLED_IN = f"{FORM}?name=kept&project=organization"


def go_on(client: Client, provider: RunningProvider, answer: TestResponse, *, link: str) -> PageUnderTest:
    """Follows the link of a page on which a sign-in ended, and signs in after all."""
    return client.page(sign_on(client, provider, to=read_page(answer.text).links()[link]).location)


def test_after_a_sign_in_that_the_provider_refused_the_next_one_leads_where_it_would_have_led(
    oidc: Callable[..., Sandbox], provider: RunningProvider
) -> None:
    client = new_client(oidc().app)
    refused = come_back(client, provider.turns_away(begin(client, to=FILLED_IN)))
    assert refused.status_code == 403
    assert go_on(client, provider, refused, link="Sign in").field("name") == "kept"


def test_who_takes_too_long_at_the_provider_signs_in_anew_and_finds_the_form_again(
    oidc: Callable[..., Sandbox], provider: RunningProvider
) -> None:
    sandbox = oidc()
    client = new_client(sandbox.app)
    arguments = provider.lets_in(begin(client, to=FILLED_IN), "ada")
    sandbox.clock.passes(601)
    late = come_back(client, arguments)
    assert (late.status_code, read_page(late.text).problem) == (400, "sign-in-again")
    assert go_on(client, provider, late, link="Sign in").field("name") == "kept"


def test_the_way_back_has_no_query_where_there_was_none(
    oidc: Callable[..., Sandbox], provider: RunningProvider
) -> None:
    assert sign_on(new_client(oidc().app), provider, to="/projects").location == "/projects"


def test_after_too_many_sign_ins_as_well(oidc: Callable[..., Sandbox], provider: RunningProvider) -> None:
    sandbox = oidc()
    for _ in range(10):
        sign_on(new_client(sandbox.app), provider)
    client = new_client(sandbox.app)
    refused = sign_on(client, provider, to=FILLED_IN)
    assert refused.status_code == 429
    client.environ_base["REMOTE_ADDR"] = "127.0.0.9"
    assert go_on(client, provider, refused, link="Sign in").field("name") == "kept"


def test_after_somebody_who_may_not_come_in_as_well(
    oidc: Callable[..., Sandbox], provider: RunningProvider
) -> None:
    client = new_client(oidc(CONNECT_OIDC_EXCHANGE="off", CONNECT_OIDC_ALLOWED_GROUPS="platform").app)
    refused = sign_on(client, provider, "eve", to=FILLED_IN)
    assert refused.status_code == 403
    assert go_on(client, provider, refused, link="Sign in as somebody else").field("name") == "kept"


def test_a_provider_that_is_not_there_is_told(tmp_path: Path, clock: Clock) -> None:
    sandbox = sandbox_in(
        tmp_path,
        clock,
        CONNECT_ACCESS="oidc",
        CONNECT_OIDC_ISSUER="http://127.0.0.1:9",
        CONNECT_OIDC_CLIENT_ID="made-up",
        CONNECT_OIDC_CLIENT_SECRET="made-up-secret",
    )
    answer = new_client(sandbox.app).get("/sign-in/company", query_string={"next": FILLED_IN})
    close(sandbox)
    assert (answer.status_code, read_page(answer.text).problem) == (502, "provider-fault")
    assert "/sign-in/callback" in answer.text
    again = read_page(answer.text).links()["Try again"]
    assert parse_qs(urlsplit(again).query)["next"] == [FILLED_IN]


def test_signing_out_ends_it_and_the_page_does_not_sign_in_by_itself(
    oidc: Callable[..., Sandbox], provider: RunningProvider
) -> None:
    client = new_client(oidc().app)
    sign_on(client, provider)
    token = client.page("/projects").hidden_fields()["csrf_token"][0]
    page = client.page(client.post("/sign-out", data={"csrf_token": token}).location)
    assert "You are signed out" in page.text
    assert "you may still be signed in" in page.text
    assert client.get("/projects").status_code == 303


def test_signing_out_forgets_where_another_tab_was_going(
    oidc: Callable[..., Sandbox], provider: RunningProvider
) -> None:
    client = new_client(oidc().app)
    sign_on(client, provider)
    client.get("/sign-in/company", query_string={"next": FILLED_IN})
    assert client.get_cookie("connect-authorization") is not None
    token = client.page("/projects").hidden_fields()["csrf_token"][0]
    client.post("/sign-out", data={"csrf_token": token})
    assert client.get_cookie("connect-authorization") is None
    assert "kept" not in client.get("/sign-in/callback?state=x&code=y").text


def test_a_secret_in_the_address_to_come_back_to_is_not_kept(
    oidc: Callable[..., Sandbox], provider: RunningProvider, good_token: str
) -> None:
    client = new_client(oidc().app)
    leads_to = f"{FORM}?name=kept&description={good_token}"
    asked = client.get("/sign-in/company", query_string={"next": leads_to})
    answer = come_back(client, provider.lets_in(asked.location, "ada"))
    assert answer.location == f"{FORM}?name=kept"


def test_the_audit_log_tells_who_signed_on_who_did_not_and_whose_token_goes_on(
    oidc: Callable[..., Sandbox], provider: RunningProvider, tmp_path: Path
) -> None:
    client = new_client(oidc(CONNECT_AUDIT_LOG=str(tmp_path / "audit.jsonl")).app)
    come_back(client, provider.turns_away(begin(client)))
    come_back(client, {**provider.lets_in(begin(client), "ada"), "state": "made-up"})
    sign_on(client, provider)
    token = client.page("/projects").hidden_fields()["csrf_token"][0]
    client.post("/sign-out", data={"csrf_token": token})
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    told = [(line["action"], line["result"], line.get("way_in")) for line in lines]
    assert told == [
        ("sign-in", "not-let-in", None),
        ("refusal", "no-attempt", None),
        ("sign-in", "ok", "oidc"),
        # The sandbox, like the Infisical it stands in for, revokes machine identities' tokens alone.
        ("sign-out", "not-revoked", "oidc"),
    ]


def test_there_is_no_other_way_in_beside_it(oidc: Callable[..., Sandbox], provider: RunningProvider) -> None:
    client = new_client(oidc().app)
    sign_on(client, provider)
    token = client.page("/projects").hidden_fields()["csrf_token"][0]
    for typed in ({"client_id": "made-up", "client_secret": "made-up"}, {"way": "token"}):
        assert client.post("/sign-in", data={"csrf_token": token, **typed}).status_code == 405


def test_what_is_kept_while_somebody_is_at_the_provider_is_closed_to_scripts_and_bound_to_the_host(
    oidc: Callable[..., Sandbox],
) -> None:
    client = new_client(oidc().app)
    client.scheme = "https"
    cookies = client.get("/sign-in/company").headers.getlist("Set-Cookie")
    (cookie,) = cookies
    assert cookie.startswith("__Host-connect-authorization=")
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


# ── With the server's own credential ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("allowed", "who", "status"),
    [
        ({"CONNECT_OIDC_ALLOWED_EMAILS": "Ada@Example.com"}, "ada", 303),
        ({"CONNECT_OIDC_ALLOWED_EMAILS": "Ada@Example.com"}, "eve", 403),
        ({"CONNECT_OIDC_ALLOWED_GROUPS": "platform"}, "ada", 303),
        ({"CONNECT_OIDC_ALLOWED_GROUPS": "platform"}, "eve", 403),
    ],
)
def test_without_the_exchange_only_those_who_are_named_come_in(
    oidc: Callable[..., Sandbox],
    provider: RunningProvider,
    allowed: dict[str, str],
    who: str,
    status: int,
) -> None:
    sandbox = oidc(CONNECT_OIDC_EXCHANGE="off", **allowed)
    client = new_client(sandbox.app)
    answer = sign_on(client, provider, who)
    assert answer.status_code == status
    if status == 403:
        assert read_page(answer.text).problem == "not-allowed"
        assert client.get("/projects").status_code == 303
        assert sandbox.sent == []
    else:
        assert "ada@example.com" in client.page("/projects").text
        assert "/api/v1/oauth/token" not in [request.url.path for request in sandbox.sent]


def test_a_sign_in_without_a_token_does_not_count_once_everybody_brings_their_own(
    oidc: Callable[..., Sandbox], provider: RunningProvider
) -> None:
    before = oidc(CONNECT_OIDC_EXCHANGE="off", CONNECT_OIDC_ALLOWED_GROUPS="platform")
    client = new_client(before.app)
    sign_on(client, provider)
    cookie = client.get_cookie("connect-sign-in")
    assert cookie is not None
    after = new_client(oidc().app)
    after.set_cookie("connect-sign-in", cookie.value)
    assert after.get("/projects").status_code == 303


def test_a_person_is_told_apart_by_the_providers_subject_and_not_by_the_address(
    oidc: Callable[..., Sandbox], provider: RunningProvider, tmp_path: Path
) -> None:
    log = tmp_path / "audit.jsonl"
    wizard = oidc(
        CONNECT_OIDC_EXCHANGE="off", CONNECT_OIDC_ALLOWED_GROUPS="platform", CONNECT_AUDIT_LOG=str(log)
    )
    sign_on(new_client(wizard.app), provider)
    (line,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert (line["subject"], line["name"]) == ("oidc:ada", "ada@example.com")


# ── What attackers and long forms try ──────────────────────────────────────────────────────────────────────────────


def test_a_long_form_comes_back_as_a_whole(oidc: Callable[..., Sandbox], provider: RunningProvider) -> None:
    client = new_client(oidc().app)
    described = "\N{ROCKET}" * 255
    answer = sign_on(client, provider, to=f"{FORM}?project=organization&name=kept&description={described}")
    assert client.page(answer.location).field("description") == described


def test_a_form_that_no_cookie_can_hold_keeps_nobody_from_signing_in(
    oidc: Callable[..., Sandbox], provider: RunningProvider
) -> None:
    client = new_client(oidc().app)
    said = ("name", "description", "instance_url", "expires_on", "q", "then", "since")
    long = f"{FORM}?{urlencode(dict.fromkeys(said, 'x' * 500))}"
    asked = client.get("/sign-in/company", query_string={"next": long})
    answer = come_back(client, provider.lets_in(asked.location, "ada"))
    assert (answer.status_code, answer.location) == (303, "/")


def test_a_picture_on_another_site_neither_ends_a_sign_in_under_way_nor_uses_up_the_offices(
    oidc: Callable[..., Sandbox], provider: RunningProvider
) -> None:
    client = new_client(oidc().app)
    arguments = provider.lets_in(begin(client), "ada")
    for _ in range(12):
        assert come_back(client, {"state": "made-up", "code": "made-up"}).status_code == 400
    assert come_back(client, arguments).status_code == 303


def test_who_is_taken_off_the_list_is_out(oidc: Callable[..., Sandbox], provider: RunningProvider) -> None:
    before = oidc(CONNECT_OIDC_EXCHANGE="off", CONNECT_OIDC_ALLOWED_EMAILS="ada@example.com")
    client = new_client(before.app)
    sign_on(client, provider)
    assert client.get("/projects").status_code == 200
    backend = before.app.extensions["infisical_connect"].backend
    kept = client.get_cookie("connect-sign-in")
    assert kept is not None
    backend.settings = backend.settings.model_copy(update={"oidc_allowed_emails": ("grace@example.com",)})
    assert client.get("/projects").status_code == 303


def test_who_is_named_by_an_email_that_nobody_says_is_verified_comes_in_where_its_domain_is_named(
    oidc: Callable[..., Sandbox], provider: RunningProvider
) -> None:
    settings = {
        "CONNECT_OIDC_EXCHANGE": "off",
        "CONNECT_OIDC_ALLOWED_EMAILS": "grace@example.com, ada@example.com",
    }
    by_default = sign_on(new_client(oidc(**settings).app), provider, "not-said")
    assert (by_default.status_code, read_page(by_default.text).problem) == (403, "not-allowed")
    assert "CONNECT_OIDC_ALLOWED_GROUPS" in read_page(by_default.text).text_of("ask")
    client = new_client(oidc(**settings, CONNECT_OIDC_UNVERIFIED_DOMAINS="example.com").app)
    assert sign_on(client, provider, "not-said").status_code == 303
    assert "grace@example.com" in client.page("/projects").text
    # Eve has Ada's address, and the provider says that it is not verified.
    assert sign_on(new_client(client.application), provider, "eve").status_code == 403
    backend = client.application.extensions["infisical_connect"].backend
    backend.settings = backend.settings.model_copy(update={"oidc_unverified_domains": ()})
    assert client.get("/projects").status_code == 303


def somebody(email: str) -> OidcUser:
    return OidcUser(
        subject="ada",
        name="Ada",
        email=email,
        groups=("platform",),
        id_token=Secret("made-up"),
    )


def test_where_nobody_is_named_the_servers_own_credential_acts_for_nobody() -> None:
    settings = Settings.model_construct(oidc_exchange=False)
    assert not is_admitted(somebody("ada@example.com"), settings=settings)


def test_an_address_that_only_looks_like_one_that_is_named_is_another() -> None:
    settings = Settings.model_construct(oidc_allowed_emails=("mike@example.com", "jürgen@example.com"))
    assert is_admitted(somebody("Mike@Example.com"), settings=settings)
    assert is_admitted(somebody("jürgen@example.com"), settings=settings)
    assert not is_admitted(somebody("mi\N{KELVIN SIGN}e@example.com"), settings=settings)
