"""What a page of a sync signed, changed or carried elsewhere: nothing is sent, and no page says what is not so."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.sandbox import sandbox_token
from tests.conftest import Client, Sandbox, new_client
from tests.every import holds_for_every
from tests.pages import read_page
from tests.sandbox.world import PAYMENTS_ID, WEBSHOP_ID, identity_named

NEW = f"/syncs/new/supabase?project={PAYMENTS_ID}"
SYNC = "/syncs/supabase/5c11d7a2-0000-4000-8000-000000000001"
OTHER = "/syncs/supabase/5c11d7a2-0000-4000-8000-000000000002"
STAGING = "webshopstagingabcdef"

Fields = dict[str, Any]


class Person(NamedTuple):
    """Somebody who is signed in, in a browser of their own."""

    sandbox: Sandbox
    client: Client

    def fields(self, url: str, **typed: str) -> Fields:
        return {**self.client.page(url).hidden_fields("sync-form"), **typed}

    def post(self, url: str, fields: Fields) -> TestResponse:
        same = {"Sec-Fetch-Site": "same-origin"}
        return FlaskClient.open(
            self.client, url, method="POST", data=fields, headers=same, base_url="http://localhost"
        )

    def review(self, url: str = NEW, **typed: str) -> Fields:
        """What the review of a sync posts, once it is confirmed whole."""
        given = {"supabase_project": STAGING, "auto_sync": "1", "review": "1", **typed}
        answer = self.post(url, {**self.fields(url), **given})
        hidden = read_page(answer.text).hidden_fields("sync-form")
        return {**hidden, "submit": "1", "use_anyway": "1", "confirm_removal": "all"}

    @property
    def sent(self) -> list[str]:
        """What was sent that makes, changes or starts something."""
        return [
            f"{one.method} {one.url.path}"
            for one in self.sandbox.sent
            if "/secret-syncs/" in one.url.path
            and one.method != "GET"
            and "check-destination" not in one.url.path
        ]


def signed_in(sandbox: Sandbox, name: str) -> Person:
    person, identity = Person(sandbox, new_client(sandbox.app)), identity_named(name)
    answer = person.client.sign_in(client_id=identity.client_id, client_secret=identity.client_secret)
    assert answer.status_code == 303
    return person


@pytest.fixture
def ada(own_sandbox: Sandbox) -> Person:
    return signed_in(own_sandbox, "wizard-admin")


@pytest.fixture
def bob(own_sandbox: Sandbox) -> Person:
    return signed_in(own_sandbox, "project-only-admin")


def altered(signed: str, at: int = 20) -> str:
    return signed[:at] + ("A" if signed[at] != "A" else "B") + signed[at + 1 :]


def test_a_plan_that_is_not_that_of_this_form_confirms_nothing(ada: Person) -> None:
    everywhere = "/connections/new/supabase?project=organization"
    made_for_all = ada.client.fill_in(everywhere, name="everywhere", access_token=sandbox_token()).location
    typed = {"delete_others": "1", "name": "mine"}
    typed["connection_id"] = made_for_all.partition("?")[0].rpartition("/")[2]
    mine = ada.review(**typed)
    (plan,) = mine["plan"]
    made = {
        "none": "",
        "made up": "made-up",
        "a letter changed": altered(plan),
        "without its signature": plan.rpartition(".")[0],
        "of another folder": ada.review(**typed, secret_path="/shared")["plan"][0],
        "of one that removes nothing": ada.review(**{**typed, "delete_others": "0"})["plan"][0],
        "of another project of Supabase's": ada.review(**typed, supabase_project="webshopproductionabc")[
            "plan"
        ][0],
        "of another project": ada.review(f"/syncs/new/supabase?project={WEBSHOP_ID}", **typed)["plan"][0],
        "of a change": ada.review(f"{SYNC}/edit", **typed)["plan"][0],
        "another signed text": ada.fields(f"{SYNC}/edit")["seen"][0],
    }

    def confirms_nothing(case: str) -> None:
        ada.sandbox.clock.passes(30)
        answer = ada.post(NEW, {**mine, "plan": made[case]})
        assert answer.status_code in (200, 422)
        assert 'id="plan"' in answer.text
        assert ada.sent == []

    holds_for_every(made, confirms_nothing)
    assert ada.post(NEW, mine).status_code == 303
    assert ada.sent == ["POST /api/v1/secret-syncs/supabase"]


def test_a_plan_of_somebody_else_confirms_nothing(ada: Person, bob: Person) -> None:
    mine, theirs = (person.review(delete_others="1", name="mine") for person in (ada, bob))
    same = mine.keys() - {"csrf_token", "plan"}
    assert {name: mine[name] for name in same} == {name: theirs[name] for name in same}
    answer = ada.post(NEW, {**mine, "plan": theirs["plan"]})
    assert (answer.status_code, ada.sent) == (422, [])


def test_a_plan_lets_no_field_be_changed_after_it(ada: Person) -> None:
    mine = ada.review(delete_others="1", name="mine")
    changes = {
        "secret_path": "/shared",
        "environment": "prod",
        "supabase_project": "webshopproductionabc",
        "key_schema": "SHOP_{{secretKey}}",
        "auto_sync": "0",
        "name": "other",
        "description": "another",
        "supabase_project_name": "another",
    }

    def is_reviewed_anew(name: str) -> None:
        ada.sandbox.clock.passes(30)
        answer = ada.post(NEW, {**mine, name: changes[name]})
        assert answer.status_code == 422
        assert "Nothing was sent" in answer.text
        assert ada.sent == []

    holds_for_every(changes, is_reviewed_anew)


WAYS: dict[str, tuple[str, Fields]] = {
    "a change": (f"{SYNC}/edit", {"name": "renamed", "supabase_project": STAGING, "submit": "1"}),
    "a run": (SYNC, {"run": "1"}),
    "a pause": (SYNC, {"pause": "1"}),
    "a deletion": (f"{SYNC}/delete", {"remove_secrets": "1", "confirm_name": "reports-to-webshop"}),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_page_that_was_not_seen_of_this_sync_does_nothing_to_it(ada: Person, way: str) -> None:
    address, fields = WAYS[way]
    token = ada.fields(f"{SYNC}/edit")
    (seen,) = token["seen"]
    made = {
        "none": "",
        "made up": "made-up",
        "a letter changed": altered(seen),
        "of another sync": ada.fields(f"{OTHER}/edit")["seen"],
        "a plan": ada.review()["plan"],
    }

    def does_nothing(case: str) -> None:
        answer = ada.post(address, {"csrf_token": token["csrf_token"], **fields, "seen": made[case]})
        assert answer.status_code == 400
        assert read_page(answer.text).problem == "page-too-old"
        assert ada.sent == []

    holds_for_every(made, does_nothing)


def test_what_a_token_was_seen_to_reach_is_offered_to_nobody_else_and_for_nothing_else(
    ada: Person, bob: Person
) -> None:
    there = f"/connections/new/supabase?project={PAYMENTS_ID}"
    made = ada.client.fill_in(there, name="mine", access_token=sandbox_token()).location
    link = ada.client.page(made).links()["Sync secrets"]
    connection = re.findall(r"connection=([\w-]+)", link)[0]

    def offers(person: Person, address: str) -> bool:
        form = person.client.page(address)
        return STAGING in {option.get("value") for option in form.all("option")}

    assert offers(ada, link)
    carried = re.findall(r"projects=([\w=-]+)", link)[0]
    for wrong in (
        link.replace(carried, altered(carried)),
        link.replace(carried, ada.fields(f"{SYNC}/edit")["seen"][0]),
        link.replace(f"connection={connection}", ""),
    ):
        assert not offers(ada, wrong)
    assert not offers(bob, link)
    ada.sandbox.clock.passes(61 * 60)
    assert not offers(ada, link)


LINKS: dict[str, Callable[[str], str]] = {
    "that it was created": lambda done: f"{SYNC}?done={done}",
    "that it was deleted": lambda done: f"/syncs?project={PAYMENTS_ID}&done={done}",
    "that no answer came": lambda done: (
        f"{SYNC}/outcome?action=delete&since=2026-11-23T11:42:07Z&state={done}"
    ),
}


@pytest.mark.parametrize("claim", LINKS)
def test_a_made_up_link_claims_nothing_of_a_sync(ada: Person, claim: str) -> None:
    ran = ada.post(OTHER, {**ada.fields(f"{OTHER}/edit"), "pause": "1"})
    of_another = ran.location.partition("done=")[2]
    plain = read_page(ada.client.get(LINKS[claim]("")).text)
    for done in ("made-up", of_another, altered(of_another), ada.fields(f"{OTHER}/edit")["seen"][0]):
        page = read_page(ada.client.get(LINKS[claim](done)).text)
        assert page.heading == plain.heading
        assert page.by_id("done") is None
        assert page.problem == plain.problem
