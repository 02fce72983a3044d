"""What `infisical-connect check` tries besides Infisical: the identity provider, Redis, and where the audit log goes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from .identity_providers import RunningProvider, running_provider
from .processes import free_port, run, run_here, told
from .redis_server import running as running_redis

CREDENTIAL = {"CONNECT_OIDC_CLIENT_ID": "made-up", "CONNECT_OIDC_CLIENT_SECRET": "made-up-secret"}


@pytest.fixture(scope="module")
def provider() -> Iterator[RunningProvider]:
    with running_provider({"sub": "ada"}) as running:
        yield running


def oidc(issuer: str, **more: str) -> dict[str, str]:
    return {"CONNECT_ACCESS": "oidc", "CONNECT_OIDC_ISSUER": issuer, **CREDENTIAL, **more}


def test_a_provider_that_answers_is_told_and_whose_rights_act(
    provider: RunningProvider, tmp_path: Path
) -> None:
    done = run_here("check", folder=tmp_path, settings=oidc(provider.issuer))
    assert (done.status, done.stderr) == (0, "")
    assert told(done.stdout)["Who may come in"] == (
        f"whoever signs in at {provider.issuer}, with rights of their own"
    )
    assert done.stdout.splitlines()[-2:] == [
        f"{provider.issuer} answers, and can sign people in.",
        "This is the sandbox: nothing but the sign-in leaves this machine, and there is nothing else to check.",
    ]
    assert "made-up-secret" not in done.stdout


def test_that_the_servers_credential_acts_is_told_too(provider: RunningProvider, tmp_path: Path) -> None:
    alike = {"CONNECT_OIDC_EXCHANGE": "off", "CONNECT_OIDC_ALLOWED_GROUPS": "platform"}
    done = run_here("check", folder=tmp_path, settings=oidc(provider.issuer, **alike))
    assert done.status == 0
    assert told(done.stdout)["Who may come in"] == (
        f"whoever signs in at {provider.issuer}, of platform, with the server's credential"
    )


def test_with_the_exchange_it_says_what_only_a_person_can_try(
    provider: RunningProvider, httpserver: HTTPServer, tmp_path: Path
) -> None:
    httpserver.expect_request("/api/status").respond_with_json({"message": "Ok", "emailConfigured": False})
    real = {
        "INFISICAL_HOST": httpserver.url_for("").rstrip("/"),
        "INFISICAL_OAUTH_CLIENT_ID": "made-up",
        "INFISICAL_OAUTH_CLIENT_SECRET": "made-up-secret",
    }
    done = run_here("check", folder=tmp_path, settings=oidc(provider.issuer, **real))
    assert done.status == 0
    assert done.stdout.splitlines()[-1] == (
        "Infisical exchanges each person's sign-in for rights of their own, which only a person can try."
    )


def test_a_provider_that_does_not_answer_is_a_fault(tmp_path: Path) -> None:
    issuer = f"http://127.0.0.1:{free_port()}"
    done = run_here("check", folder=tmp_path, settings=oidc(issuer))
    assert done.status == 1
    assert done.stderr.startswith(f"{issuer}: ")
    assert "could not be reached" in done.stderr
    assert "made-up" not in done.stderr


def test_the_wrong_issuer_is_a_fault(provider: RunningProvider, tmp_path: Path) -> None:
    done = run_here("check", folder=tmp_path, settings=oidc(f"{provider.issuer}/typo"))
    assert done.status == 1
    assert done.stderr.startswith(f"{provider.issuer}/typo: ")


@pytest.mark.full
def test_without_the_extra_it_says_how_to_get_it(provider: RunningProvider, tmp_path: Path) -> None:
    (tmp_path / "joserfc.py").write_text("raise ImportError('not installed')")
    settings = oidc(provider.issuer, PYTHONPATH=str(tmp_path))
    for command in ("check", "serve"):
        done = run(command, folder=tmp_path, settings=settings)
        assert done.status == 1
        assert done.stderr == (
            "CONNECT_ACCESS=oidc needs the extra oidc: install the wheel with [oidc] at the end of its name, or run "
            "uv sync --extra oidc in a checkout.\n"
        )


def test_an_audit_log_that_cannot_be_kept_is_a_fault_and_nothing_is_made(tmp_path: Path) -> None:
    done = run_here("check", folder=tmp_path, settings={"CONNECT_AUDIT_LOG": "nowhere/audit.log"})
    assert done.status == 1
    assert done.stderr == (
        "nowhere/audit.log cannot be used for the audit log: no such file or directory. "
        "Set CONNECT_AUDIT_LOG to another file.\n"
    )
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_is_no_audit_log(tmp_path: Path) -> None:
    done = run_here("check", folder=tmp_path, settings={"CONNECT_AUDIT_LOG": str(tmp_path)})
    assert (done.status, "is a directory" in done.stderr) == (1, True)


def test_a_redis_that_does_not_answer_is_a_fault(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    storage = {"CONNECT_RATE_STORAGE": f"redis://:made-up@{address}/0"}
    done = run_here("check", folder=tmp_path, settings=storage)
    assert done.status == 1
    assert done.stderr == (
        f"Redis at {address} does not answer. Until it does, each process counts for itself.\n"
    )


@pytest.mark.full
def test_a_redis_that_answers_is_none(tmp_path: Path) -> None:
    with running_redis() as server:
        done = run_here("check", folder=tmp_path, settings={"CONNECT_RATE_STORAGE": server.address.reveal()})
    assert (done.status, done.stderr) == (0, "")
