"""A running sandbox for every test that asks for one."""

from pathlib import Path

import pytest

from tests.sandbox.running import RunningSandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> RunningSandbox:
    return RunningSandbox(tmp_path / "sandbox.sqlite")
