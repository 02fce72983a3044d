"""What the sandbox's page promises of each token, met through the wizard's own pages."""

import re
from pathlib import Path

import pytest

from app.sandbox import SCENARIOS, sandbox_token
from app.sandbox.supabase import Scenario
from tests.conftest import FORM, Clock, Sandbox, new_client, sandbox_in
from tests.every import holds_for_every

ANSWERED = {
    "4567": 303,
    "1403": 303,
    "0401": 422,
    "0403": 422,
    "0404": 422,
    "0429": 422,
    "0500": 502,
    "0504": 303,
}


@pytest.fixture
def wizard(tmp_path: Path, clock: Clock) -> Sandbox:
    return sandbox_in(tmp_path, clock)


def names(sandbox: Sandbox) -> str:
    return new_client(sandbox.app).page("/connections").text


def test_what_the_sandbox_says_of_a_token_is_what_happens(wizard: Sandbox, clock: Clock) -> None:
    client = new_client(wizard.app)
    help_page, form = client.page("/sandbox").text, client.page(FORM)

    def it_happens(scenario: Scenario) -> None:
        assert scenario.sentence in help_page
        name, begun = f"promised-{scenario.digits}", clock()
        answer = client.submit(form, name=name, access_token=sandbox_token(scenario.digits))

        assert answer.status_code == ANSWERED[scenario.digits]
        if "accepts the token" in scenario.sentence:
            assert name in names(wizard)
            return
        promised = re.search(r"appears after (\d+) seconds", scenario.sentence)
        if promised is None:
            assert scenario.sentence.endswith("Nothing is created.")
            clock.passes(600)
            assert name not in names(wizard)
            return
        seconds = int(promised[1])
        clock.passes(seconds - 1 - (clock() - begun).total_seconds())
        assert client.get(answer.location).status_code == 200
        assert name not in names(wizard)
        # The connection is counted from when Infisical was asked, after the check of the token.
        clock.passes(11)
        assert client.get(answer.location).status_code == 303
        assert name in names(wizard)

    holds_for_every(SCENARIOS, it_happens)


def test_any_other_four_digits_are_accepted(wizard: Sandbox) -> None:
    client = new_client(wizard.app)

    assert client.fill_in(name="any-other", access_token=sandbox_token("0000")).status_code == 303
    assert "any-other" in names(wizard)
