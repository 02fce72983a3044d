"""What the sandbox's page promises of each token, met through the wizard's own pages."""

import re
from pathlib import Path

import pytest

from app.sandbox import SCENARIOS, sandbox_token
from app.sandbox.supabase import Scenario
from tests.conftest import Clock, Sandbox, new_client, sandbox_in

ANSWERED = {"0401": 422, "0403": 422, "0404": 422, "0429": 422, "0500": 502, "0504": 303}


def names(sandbox: Sandbox) -> str:
    return new_client(sandbox.app).page("/connections").text


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.digits)
def test_what_the_sandbox_says_of_a_token_is_what_happens(
    tmp_path: Path, clock: Clock, scenario: Scenario
) -> None:
    sandbox = sandbox_in(tmp_path, clock)
    client = new_client(sandbox.app)
    assert scenario.sentence in client.page("/sandbox").text

    begun = clock()
    answer = client.fill_in(name="promised", access_token=sandbox_token(scenario.digits))

    assert answer.status_code == ANSWERED[scenario.digits]
    promised = re.search(r"appears after (\d+) seconds", scenario.sentence)
    if promised is None:
        assert scenario.sentence.endswith("Nothing is created.")
        clock.passes(600)
        assert "promised" not in names(sandbox)
        return
    seconds = int(promised[1])
    clock.passes(seconds - 1 - (clock() - begun).total_seconds())
    assert client.get(answer.location).status_code == 200
    assert "promised" not in names(sandbox)
    # The connection is counted from when Infisical was asked, after the check of the token.
    clock.passes(11)
    assert client.get(answer.location).status_code == 303
    assert "promised" in names(sandbox)


def test_any_other_four_digits_are_accepted(tmp_path: Path, clock: Clock) -> None:
    sandbox = sandbox_in(tmp_path, clock)
    client = new_client(sandbox.app)

    assert client.fill_in(name="any-other", access_token=sandbox_token("0000")).status_code == 303
    assert "any-other" in names(sandbox)
