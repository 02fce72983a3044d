"""The addresses, names and ids that programs rely on, held to what docs/automation.md promises."""

import re
import tomllib
from pathlib import Path

import httpx

from app.sandbox import sandbox_token
from app.web.plan import EFFECTS
from app.web.problems import PROBLEMS
from tests.conftest import FORM, Client, Clock, Sandbox, new_client, sandbox_in
from tests.pages import PageUnderTest, read_page
from tests.sandbox.world import PAYMENTS_ID

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/automation.md").read_text()


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_page_is_promised_and_no_other(own_sandbox: Sandbox, tmp_path: Path, clock: Clock) -> None:
    single_sign_on = sandbox_in(
        tmp_path,
        clock,
        CONNECT_ACCESS="oidc",
        CONNECT_OIDC_ISSUER="https://id.example",
        CONNECT_OIDC_CLIENT_ID="made-up",
        CONNECT_OIDC_CLIENT_SECRET="made-up-secret",
    )
    addresses = {address.partition("?")[0] for address in re.findall(r"\| `(/[^`]*)`", section("Pages"))}
    routes = {
        re.sub(r"<uuid:(\w+)>", lambda id_: id_[1].upper(), re.sub(r"<any[^>]+>", action, rule.rule)).replace(
            "<connected_app:app>", "supabase"
        )
        for app in (own_sandbox.app, single_sign_on.app)
        for rule in app.url_map.iter_rules()
        if rule.endpoint != "connect.static_file"
        for action in ("edit", "token", "delete")
    }
    assert addresses == routes


def test_the_fields_have_the_promised_names_and_ids(client: Client) -> None:
    page = client.page(FORM)
    fields = ("project_id", "name", "description", "instance_url", "access_token", "expires_on", "submit")
    for field in (*fields, "expires_in_description"):
        element = page.by_id(field)
        assert element is not None, field
        assert element.get("name") == field
    assert page.field("instance_url") == "https://api.supabase.com"
    asked = client.page(f"{FORM}?purpose=connect-only")
    assert asked.hidden_fields()["purpose"] == ["connect-only"]


def test_a_warning_brings_the_promised_checkbox(client: Client) -> None:
    answer = client.fill_in(name="x", instance_url="https://other.example", access_token=sandbox_token())
    box = read_page(answer.text).by_id("use_anyway")
    assert box is not None
    assert (box.get("name"), box.get("type"), box.get("value")) == ("use_anyway", "checkbox", "1")


def test_the_page_of_a_connection_has_every_promised_id_just_after_it_was_created_and_later(
    client: Client,
) -> None:
    location = client.fill_in(name="x", access_token=sandbox_token()).location
    promised = set(re.findall(r"`#((?:connection|as|used)-[a-z-]+)`", section("Answers")))
    later_alone = {"connection-expiry", "used-by"}
    assert len(promised) == 15
    for page, ids in ((location, promised - later_alone), (location.partition("?")[0], promised)):
        for element_id in ids:
            assert client.page(page).text_of(element_id), element_id


SYNC = "/syncs/supabase/5c11d7a2-0000-4000-8000-000000000001"
"""The one that the sandbox has from the start."""


def promised_of_syncs(shape: str, after: str) -> set[str]:
    """What stands in quotation marks in the sentence that begins so."""
    return set(re.findall(shape, re.split(r"\.\s", PAGE.partition(after)[2])[0]))


def reviewed(client: Client, **typed: str) -> PageUnderTest:
    address = f"/syncs/new/supabase?project={PAYMENTS_ID}&supabase_project=webshopstagingabcdef"
    form = client.page(address)
    (connection,) = (one for one in form.all("option") if len(one.get("value", "")) == 36)
    given = {"environment": "dev", "connection_id": connection.get("value", ""), "review": "1", **typed}
    fields = ("supabase_project", "name", "key_schema", "secret_path")
    shown = {name: form.field(name) for name in fields}
    data = {**form.hidden_fields("sync-form"), **shown, **given}
    return read_page(client.post(address, data=data).text)


def test_the_forms_of_syncs_have_the_promised_fields_ids_and_buttons(client: Client) -> None:
    promised = promised_of_syncs(r"`([a-z_]+)`", "## Forms of syncs\n\n") - {"connection"}
    assert len(promised) == 10
    for address in (f"/syncs/new/supabase?project={PAYMENTS_ID}", f"{SYNC}/edit"):
        form = client.page(address)
        for field in (*promised, "access_token", "review"):
            element = form.by_id(field)
            assert element is not None, field
            assert element.get("name") == field
        folders = form.by_id("source-list")
        assert folders is not None
        assert "/" in {one.get("value") for one in folders.iter() if one.get("name") == "use_secret_path"}
    opened = client.page(SYNC)
    assert {"run", "pause"} <= {one.get("name") for one in opened.all("button")}
    deletion = client.page(f"{SYNC}/delete")
    for page in (opened, deletion, client.page(f"{SYNC}/edit")):
        assert page.hidden_fields()["seen"]
    assert deletion.by_id("confirm_name") is not None
    assert deletion.values("remove_secrets") == ["0", "1"]


def test_the_review_of_a_sync_has_the_promised_ids_and_data(client: Client) -> None:
    page = reviewed(client, secret_path="/edge", access_token=sandbox_token("9876"))
    effects = promised_of_syncs(r"`([a-z]+)`", "`data-effect` one of") - {"data-effect"}
    rows = [row for row in page.all("tr") if row.get("data-effect")]
    assert page.all("main")[0].get("data-step") == "review"
    assert page.by_id("plan") is not None
    assert {row.get("data-effect") for row in rows} <= effects == {*EFFECTS}
    assert {"data-name", "data-from"} <= rows[0].attrib.keys()
    found = page.by_id("findings")
    assert found is not None
    assert "reserved-name" in {one.get("data-finding") for one in found.iter()}
    keys = {
        key.partition(":")[0] for key in tomllib.loads((ROOT / "app/web/plan.toml").read_text())["findings"]
    }
    promised = promised_of_syncs(r"`([a-z-]+)`", "to be known:")
    assert promised == keys
    page = reviewed(client, delete_others="1")
    for name in ("confirm_removal", "use_anyway", "submit"):
        element = page.by_id(name)
        assert element is not None, name
        assert element.get("name") == name
    assert page.hidden_fields("sync-form").keys() >= {"plan", "connection_id", "delete_others", "auto_sync"}


def test_the_page_of_a_sync_has_the_promised_ids_and_statuses(client: Client) -> None:
    words = tomllib.loads((ROOT / "app/web/sync_list.toml").read_text())
    statuses = promised_of_syncs(r"`([a-z-]+)`", "`#sync-status` has `data-status`:")
    assert statuses == words.keys() - {"paused", "folder-gone"}
    page = client.page(SYNC)
    status = page.by_id("sync-status")
    assert status is not None
    assert status.get("data-status") == "succeeded"
    for element_id in ("sync-id", "sync-last", "as-curl", "as-terraform"):
        assert f"`#{element_id}`" in section("Answers")
        assert page.text_of(element_id), element_id


def test_a_deleted_sync_leads_to_the_list_that_says_so(client: Client) -> None:
    form = client.page(f"{SYNC}/delete")
    data = {**form.hidden_fields("sync-form"), "remove_secrets": "0", "confirm_name": "reports-to-webshop"}
    answer = client.post(f"{SYNC}/delete", data={**data, "submit": "1"})
    assert answer.status_code == 303
    assert "reports-to-webshop" in client.page(answer.location).text_of("done")


def test_native_integrations_and_their_moves_have_the_promised_ids_steps_and_buttons(client: Client) -> None:
    text = section("Moving native integrations")
    steps = promised_of_syncs(r"`([a-z]+)`", "of its move that is due:")
    buttons = promised_of_syncs(r"`([a-z]+)`", "`#move-form` posts one of") - {"seen"}
    assert steps == tomllib.loads((ROOT / "app/web/native.toml").read_text()).keys() - {"doubts"}
    listed = {
        one.get("id", ""): one.get("data-step")
        for one in client.page(f"/native?project={PAYMENTS_ID}").all("section")
    }
    assert len(listed) == 2
    shown = set()
    for element_id, step in listed.items():
        assert re.fullmatch("native-[0-9a-f-]{36}", element_id)
        address = f"/native/{element_id.removeprefix('native-')}/move?project={PAYMENTS_ID}"
        for query in ("", "&first=off"):
            page = client.page(f"{address}{query}")
            (main,) = page.all("main")
            assert main.get("data-step") in ({step} if not query else steps)
            assert page.hidden_fields("move-form")["seen"]
            shown |= {one.get("name") for one in page.all("button")}
    assert shown & buttons == {"off", "on"}
    form = {**page.hidden_fields("move-form"), "off": "1"}
    assert all(f"`{name}`" in text for name in ("confirm_name", "confirm_removal", "all"))
    answer = client.post(address, data=form)
    assert answer.status_code == 303
    assert client.page(answer.location).text_of("done")
    answer = client.post(address, data=form)
    assert answer.status_code == 409
    assert read_page(answer.text).text_of("changed")


def test_a_change_leads_to_the_page_that_says_so_in_the_promised_place(client: Client) -> None:
    own = client.fill_in(name="x", access_token=sandbox_token()).location.partition("?")[0]
    form = client.page(f"{own}/edit").hidden_fields("connection-form")
    answer = client.post(f"{own}/edit", data={**form, "name": "y", "description": "", "submit": "1"})
    assert re.fullmatch(rf"{own}\?done=[\w.-]+", answer.location)
    assert "`#done`" in section("Answers")
    assert client.page(answer.location).text_of("done")
    assert client.page(own).by_id("done") is None


def test_every_slug_of_the_catalogue_is_promised_and_no_other() -> None:
    slugs = {problem.slug for problem in PROBLEMS.values()}
    assert set(re.findall(r"`([a-z-]+)`", section("Problems"))) == slugs | {
        "outcome-unknown",
        "in-use",
        "changed-meanwhile",
    }


def test_the_start_leads_to_the_project_in_hand(client: Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 303
    assert re.fullmatch(r"/connections\?project=[0-9a-f-]{36}", answer.location)


def test_the_outcome_page_has_everything_in_its_address(client: Client) -> None:
    location = client.fill_in(name="late", description="why", access_token=sandbox_token("0504")).location
    given = httpx.URL(f"http://localhost{location}").params
    assert set(given) >= {"project", "name", "since", "description", "instance_url"}


def test_a_created_connection_is_a_redirect_to_its_page_that_says_so_the_first_time(client: Client) -> None:
    answer = client.fill_in(name="x", access_token=sandbox_token())
    assert answer.status_code == 303
    own = r"/connections/supabase/[0-9a-f-]{36}"
    assert re.fullmatch(rf"{own}\?created=[\w.-]+&projects=[\w%-]+", answer.location)
    assert "Step 3 of 3" in client.page(answer.location).title
    assert "Step 3 of 3" not in client.page(answer.location.partition("?")[0]).title


def test_a_refused_form_has_the_promised_summary_and_messages(client: Client) -> None:
    answer = client.fill_in(
        name="", access_token="", description="d" * 256, instance_url="ftp://x", expires_on="x"
    )
    assert answer.status_code == 422
    page = read_page(answer.text)
    for field in ("name", "description", "instance_url", "access_token", "expires_on"):
        assert page.error(field)
        assert f"#{field}" in [href for href, _ in page.summary]


def test_check_and_use_instance_url_create_nothing(client: Client, sandbox: Sandbox) -> None:
    for button in ({"check": "1"}, {"use_instance_url": "https://api.supabase.com"}):
        assert client.fill_in(name="x", access_token=sandbox_token(), **button).status_code == 200
    assert sandbox.creates == []


def test_a_refusal_of_infisicals_shows_its_request_id(client: Client) -> None:
    page = client.page("/connections/supabase/00000000-0000-4000-8000-000000000000", status=404)
    assert page.text_of("request-id").startswith("req-")


def test_the_sign_in_page_has_the_promised_forms_and_fields(own_sandbox: Sandbox) -> None:
    page = new_client(own_sandbox.app).page("/sign-in?next=/projects")
    for form, way in (("identity-form", "identity"), ("token-form", "token")):
        hidden = page.hidden_fields(form)
        assert set(hidden) == {"csrf_token", "host", "way", "next"}
        assert (hidden["way"], hidden["next"]) == ([way], ["/projects"])
    for field in ("client_id", "client_secret", "infisical_token"):
        element = page.by_id(field)
        assert element is not None
        assert element.get("name") == field


def test_every_answer_has_the_promised_request_id(client: Client) -> None:
    assert re.fullmatch("[0-9a-f]{16}", client.get("/healthz").headers["X-Request-ID"])
