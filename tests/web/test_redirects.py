"""Where somebody is led back to: a page of ours with what they typed, and never another site."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sandbox import SANDBOX_CLIENT_ID, SANDBOX_CLIENT_SECRET
from app.web.redirects import safe_next_url
from tests.conftest import FORM, Clock, Sandbox, new_client, sandbox_in

CONNECTION = "/connections/supabase/adb321fa-eccb-491a-98b9-d58994355946"

CREDENTIAL = {"client_id": SANDBOX_CLIENT_ID, "client_secret": SANDBOX_CLIENT_SECRET}

_MARKS = r"/ // \ http: https:// javascript: evil.example @ : ? # ; & = . .. %2f %5c %09 next= project= _external=1"
_WORDS = "connections projects sign-in sign-out new supabase static ／ é"
_GAPS = ("\t", "\n", "\r", "\0", " ", "\u202e", CONNECTION, FORM)
PIECES = st.sampled_from((*_MARKS.split(), *_WORDS.split(), *_GAPS))


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    wizard: Sandbox = sandbox_in(tmp_path_factory.mktemp("returning"), Clock(), CONNECT_ACCESS="sign-in")
    with wizard.app.test_request_context("/", base_url="https://connect.example.com"):
        yield wizard


@pytest.mark.parametrize(
    "page",
    [
        "/",
        "/connections",
        "/projects?q=pay",
        "/connections/new?project=organization",
        f"{FORM}?name=a",
        CONNECTION,
    ],
)
def test_a_page_of_ours_is_led_back_to(at_work: Sandbox, page: str) -> None:
    assert safe_next_url(page) == page


@pytest.mark.parametrize(
    "told",
    [
        "",
        "connections",
        "//evil.example",
        "///evil.example",
        "////evil.example/connections",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "https://evil.example/connections",
        "https:/connections",
        "https:connections",
        "javascript:alert(1)",
        "//connect.example.com@evil.example/connections",
        "https://connect.example.com/connections",
        "/connections\u202e",
        "/connections\r\nSet-Cookie: a=b",
        "/%2f/evil.example",
        "/connections/",
        "/connections/../../evil",
        "//[",
        "/nowhere",
        "/healthz",
        "/readyz",
        "/static/x/connect.css",
        "/sign-in",
        "/sign-in?next=/connections",
        "/sign-out",
        f"/{'x' * 5000}",
        f"/connections?q={'x' * 5000}",
    ],
)
def test_anything_else_is_not(at_work: Sandbox, told: str) -> None:
    assert safe_next_url(told) is None


@pytest.mark.parametrize(
    ("told", "page"),
    [
        ("/connections?_external=1&_scheme=javascript&_anchor=x&q=a", "/connections?q=a"),
        ("/projects?access_token=made-up-and-never-to-travel", "/projects"),
        ("/projects#access_token=made-up", "/projects"),
        ("/projects?next=https://evil.example", "/projects"),
        ("///projects", "/projects"),
    ],
)
def test_nothing_of_the_text_is_left_but_what_our_pages_know(at_work: Sandbox, told: str, page: str) -> None:
    assert safe_next_url(told) == page


@settings(derandomize=True, deadline=None)
@given(st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=60).map(lambda text: f"/{text}"))
def test_no_text_leads_to_another_site(at_work: Sandbox, told: str) -> None:
    page = safe_next_url(told)
    if page is None:
        return
    assert page.isascii()
    assert page.isprintable()
    assert page.startswith("/")
    assert page[1:2] not in ("/", "\\")
    assert urlsplit(urljoin("https://connect.example.com/sign-in", page)).netloc == "connect.example.com"


@pytest.mark.parametrize(
    "told", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_who_signs_in_is_never_led_to_another_site(own_sandbox: Sandbox, told: str) -> None:
    somebody = new_client(own_sandbox.app)
    kept = somebody.page(f"/sign-in?next={told}").hidden_fields("identity-form")
    assert "evil" not in str(kept)
    answer = somebody.post("/sign-in", data={**kept, **CREDENTIAL, "next": told})
    assert (answer.status_code, answer.location) == (303, "/")


def test_what_was_posted_is_given_back_after_signing_in_but_for_the_secrets(own_sandbox: Sandbox) -> None:
    token = f"sbp_{'0123456789abcdef' * 2}01234567"
    data = {"name": "typed", "description": token, "access_token": token, "project_id": "organization"}
    answer = new_client(own_sandbox.app).post(FORM, data=data)
    assert answer.status_code == 303
    back = parse_qs(urlsplit(answer.location).query)["next"][0]
    assert parse_qs(urlsplit(back).query) == {"name": ["typed"], "project": ["organization"]}


def test_a_page_below_a_prefix_is_led_back_to_below_it(tmp_path: Path) -> None:
    wizard = sandbox_in(tmp_path, Clock())
    with wizard.app.test_request_context("/projects", base_url="https://portal.example/wizard"):
        assert safe_next_url("/wizard/projects") == "/wizard/projects"
        assert safe_next_url("/wizard//evil.example") is None
