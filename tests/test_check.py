"""What `infisical-connect check` says that the server's own credential may do at Infisical, and what it tries besides:
the identity provider, Redis, and where the audit log goes."""

import base64
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug.serving import make_server

from .every import holds_for_every
from .identity_providers import RunningProvider, running_provider
from .processes import Finished, free_port, run, run_here, told
from .redis_server import running as running_redis
from .sandbox.running import RunningSandbox
from .sandbox.world import identity_named

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

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


# ── What the server's own credential may do ──────────────────────────────────────────────────────────────────────────


class Listening:
    """An Infisical on a real port: the sandbox with all of its identities, and what it was asked."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.asked: list[str] = []
        self._play = sandbox.app
        self.server = make_server("127.0.0.1", 0, self._answer)

    def _answer(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        self.asked.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        return self._play(environ, start_response)

    def check(self, name: str, folder: Path, **settings: str) -> Finished:
        identity = identity_named(name)
        server = {
            "INFISICAL_HOST": f"http://127.0.0.1:{self.server.port}",
            "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID": identity.client_id,
            "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET": identity.client_secret,
        }
        return run_here("check", folder=folder, settings=server | settings)


@pytest.fixture(scope="module")
def infisical(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    listening = Listening(RunningSandbox(tmp_path_factory.mktemp("infisical") / "sandbox.sqlite"))
    serving = threading.Thread(target=listening.server.serve_forever)
    serving.start()
    yield listening
    listening.server.shutdown()
    serving.join()
    listening.server.server_close()


def after_the_login(done: Finished) -> list[str]:
    """What is printed once Infisical has accepted the credential."""
    return done.stdout.partition("It accepts the credential.\n")[2].splitlines()


NOT_KNOWN = (
    "A machine identity cannot ask what it may do. Creating is tried only by creating, so that it is told from the role, "
    "where that may be read; privileges that are given besides a role are not seen."
)


def test_a_viewer_is_told_what_it_lacks_and_that_nothing_can_be_created(
    infisical: Listening, tmp_path: Path
) -> None:
    done = infisical.check("wizard-lowpriv", tmp_path)
    assert done.status == 1
    assert after_the_login(done) == [
        "Project Payments (payments-demo, ID 11d7a2c4-5f0e-4b6a-9c3d-2e8f7a6b5c4d), as viewer",
        "  Lacks:              create-app-connections, read-app-connections, connect-app-connections",
        "Organization, for connections of every project",
        "  Lacks:              read",
        "  Not known:          create",
        NOT_KNOWN,
    ]
    assert done.stderr == (
        "Nothing can be created in any of these: that takes both create and read on app-connections. In Infisical, give "
        "its role in a project App Connections: Create and Read, and Connect too for secret syncs.\n"
    )


def test_who_may_create_somewhere_is_told_where(infisical: Listening, tmp_path: Path) -> None:
    done = infisical.check("project-only-admin", tmp_path)
    assert (done.status, done.stderr) == (0, "")
    assert after_the_login(done) == [
        "Project Payments (payments-demo, ID 11d7a2c4-5f0e-4b6a-9c3d-2e8f7a6b5c4d), as admin",
        "  May:                create-app-connections, read-app-connections, connect-app-connections",
        "Organization, for connections of every project",
        "  Lacks:              read",
        "  Not known:          create",
        NOT_KNOWN,
        "It works: it may create connections in 1 project.",
    ]


def test_of_the_organization_only_the_list_shows_anything(infisical: Listening, tmp_path: Path) -> None:
    done = infisical.check("wizard-admin", tmp_path)
    assert done.status == 0
    assert after_the_login(done)[-5:] == [
        "Organization, for connections of every project",
        "  May:                read",
        "  Not known:          create",
        NOT_KNOWN,
        "It works: it may create connections in 2 projects.",
    ]


def test_who_is_in_no_project_can_create_nothing(infisical: Listening, tmp_path: Path) -> None:
    done = infisical.check("no-project", tmp_path)
    assert done.status == 1
    assert done.stderr == "It may use no project: add the identity to one in Infisical.\n"


def test_nothing_is_ever_written_to_find_out(infisical: Listening, tmp_path: Path) -> None:
    infisical.asked.clear()
    for name in ("wizard-admin", "wizard-lowpriv", "no-project"):
        infisical.check(name, tmp_path)
    assert {asked for asked in infisical.asked if not asked.startswith("GET ")} == {
        "POST /api/v1/auth/universal-auth/login"
    }


def jwt(**claims: str) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{payload}.made-up"


def denied(action: str, subject: str = "app-connections") -> dict[str, Any]:
    """As recorded: available-lowpriv, get-by-id-lowpriv."""
    sentence = f"You are not allowed to {action} on {subject}"
    return {"reqId": "req-1", "statusCode": 403, "message": sentence, "error": "PermissionDenied"}


def rule(*actions: str, **more: Any) -> dict[str, Any]:
    return {
        "subject": "app-connections",
        "action": [f"{action}-app-connections" for action in actions],
        **more,
    }


CUSTOM = {"role": "custom", "customRoleSlug": "connector", "isTemporary": False}
READS: dict[str, Any] = {"appConnections": []}
FAILS = {"statusCode": 500, "message": "Something went wrong", "error": "InternalServerError"}
NO_ROUTE = {"message": "Route GET:/api/v1/... not found", "error": "Not Found", "statusCode": 404}

# What is listed, the roles of the membership, the rules of the custom role; what is said of creating, and the exit status.
ROLES: dict[str, tuple[dict[str, Any], Any, Any, str, int]] = {
    "a custom role that creates": (READS, [CUSTOM], [rule("create", "read")], "May", 0),
    "one action as a text": (READS, [CUSTOM], [rule("read"), rule() | {"action": "create-app-connections"}], "May", 0),
    "a custom role that only reads": (READS, [CUSTOM], [rule("read")], "Lacks", 1),
    "rules on something else": (READS, [CUSTOM], [rule("read"), rule("create", subject="secrets")], "Lacks", 1),
    "a custom role without what the list showed": (READS, [CUSTOM], [], "Not known", 0),
    "conditions": (READS, [CUSTOM], [rule("read", "create", conditions={"a": "b"})], "Not known", 0),
    "a rule that takes away": (READS, [CUSTOM], [rule("read", "create"), rule("create", inverted=True)], "Not known", 0),
    "a custom role that cannot be read": (READS, [CUSTOM], denied("read", "role"), "Not known", 0),
    "two roles": (READS, [CUSTOM, {"role": "viewer"}], [rule("create", "read")], "May", 0),
    "two roles, one not readable": (READS, [{"role": "admin"}, CUSTOM], denied("read", "role"), "May", 0),
    "a viewer with a privilege besides": (READS, [{"role": "viewer"}], [], "Not known", 0),
    "an admin for a time that is over": (denied("read-app-connections"), [{"role": "admin"}], [], "Not known", 1),
    "a role of a later Infisical": (READS, [{"role": "steward"}], [], "Not known", 0),
    "a membership that cannot be read": (READS, denied("read", "identity"), [], "Not known", 0),
    "an Infisical without memberships": (READS, NO_ROUTE, [], "Not known", 0),
    "a list that fails": (FAILS, [{"role": "admin"}], [], "Not known", 1),
    "roles of another shape": (READS, [{"role": 7}], [], "Not known", 0),
}  # fmt: skip

PROJECT = {"id": "made-up-id", "name": "Webshop", "slug": "webshop", "orgId": "made-up-organization"}


def answering(
    server: HTTPServer, *, organization: dict[str, Any] | None = None, **answers: Any
) -> dict[str, str]:
    """Settings with which the server is asked. It answers so by the end of the path, and with `organization` to who
    lists the organization's connections; without one it refuses that."""
    server.clear()
    listed = server.expect_request("/api/v1/app-connections", query_string={})
    listed.respond_with_json(organization or denied("read"), status=200 if organization else 403)
    token = jwt(identityId="made-up-identity")
    usual = {
        "status": {"message": "Ok"},
        "app-connections": READS,
        "available": READS,
        "projects": {"projects": [PROJECT]},
        "options": {"appConnectionOptions": [{"name": "Supabase", "app": "supabase", "methods": ["x"]}]},
    }
    login = {"accessToken": token, "expiresIn": 60, "accessTokenMaxTTL": 60, "tokenType": "Bearer"}
    for end, body in {"login": login, **usual, **answers}.items():
        path = re.compile(f"/api/(v1/)?(.*/)?{end}$")
        server.expect_request(path).respond_with_json(body, status=body.get("statusCode", 200))
    server.expect_request(re.compile(".*")).respond_with_json(NO_ROUTE, status=404)
    return {
        "INFISICAL_HOST": server.url_for("/").rstrip("/"),
        "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID": "made-up-id",
        "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET": "made-up-secret",
    }


def test_only_what_a_role_shows_is_said_of_creating(httpserver: HTTPServer, tmp_path: Path) -> None:
    def it_does(case: str) -> None:
        listed, roles, rules, verdict, status = ROLES[case]
        membership = {"identityMembership": {"roles": roles}} if isinstance(roles, list) else roles
        role = {"role": {"slug": "connector", "permissions": rules}} if isinstance(rules, list) else rules
        own = {"admin": rule("create", "read", "connect"), "viewer": rule(subject="secrets")}
        answers: dict[str, Any] = {
            name: {"role": {"slug": name, "permissions": [allowed]}} for name, allowed in own.items()
        }
        answers |= {"app-connections": listed, "made-up-identity": membership, "connector": role}
        done = run_here("check", folder=tmp_path, settings=answering(httpserver, **answers))
        project = done.stdout.partition("Project Webshop")[2].partition("Organization")[0]
        lines = [line for line in project.splitlines() if "create-app-connections" in line]
        assert [line.partition(":")[0].strip() for line in lines] == [verdict]
        assert done.status == status

    holds_for_every(ROLES, it_does)


def test_an_infisical_without_connections_of_the_app_is_told_as_too_old(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    options = {"appConnectionOptions": [{"name": "GitHub", "app": "github", "methods": ["x"]}]}
    done = run_here("check", folder=tmp_path, settings=answering(httpserver, options=options))
    sentence = "This Infisical is too old: it has no Supabase connections.\n"
    assert (done.status, done.stderr) == (1, sentence)
    # One that does not tell is no worse for it.
    done = run_here("check", folder=tmp_path, settings=answering(httpserver, options=FAILS))
    assert done.status == 0


def test_many_projects_are_bounded_the_preselected_one_comes_first_and_names_move_no_cursor(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    many = [PROJECT | {"id": f"id-{number:02}", "name": f"P{number:02}\x1b[2J\u202e"} for number in range(25)]
    roles = {"identityMembership": {"roles": [CUSTOM | {"customRoleSlug": "con\x1b]0;nector"}]}}
    settings = answering(httpserver, projects={"projects": many}, **{"made-up-identity": roles})
    done = run_here("check", folder=tmp_path, settings=settings | {"INFISICAL_PROJECT_ID": "id-24"})
    named = [line.split()[1][:3] for line in done.stdout.splitlines() if line.startswith("Project P")]
    assert named == ["P24", *(f"P{number:02}" for number in range(19))]
    assert "Not asked about: 5 more projects.\n" in done.stdout
    assert done.stdout.replace("\n", "").isprintable()
    assert done.status == 0


def test_a_persons_token_shows_no_role(httpserver: HTTPServer, tmp_path: Path) -> None:
    host = answering(httpserver)["INFISICAL_HOST"]
    settings = {"INFISICAL_HOST": host, "INFISICAL_TOKEN": jwt(userId="made-up-person")}
    done = run_here("check", folder=tmp_path, settings=settings)
    assert done.status == 0
    assert ", as " not in done.stdout
    assert "  Not known:          create-app-connections\n" in done.stdout
    assert not [request.path for request, _ in httpserver.log if "memberships" in request.path]


def test_an_infisical_that_stops_answering_on_the_way_is_one_sentence(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    slow = {
        "statusCode": 429,
        "error": "RateLimitExceeded",
        "message": "Rate limit exceeded. Try again in 9 seconds",
    }
    done = run_here("check", folder=tmp_path, settings=answering(httpserver, available=slow))
    assert done.status == 1
    assert done.stderr == "Rate limit exceeded. Try again in 9 seconds\n"


# ── The way there ────────────────────────────────────────────────────────────────────────────────────────────────────

PROXY = "http://made-up-user:made-up-password@proxy.example:3128"


def ways(folder: Path, **settings: str) -> tuple[str, str]:
    """What is said of proxies, and what is wrong. Nobody listens where Infisical is looked for."""
    there = {
        "INFISICAL_HOST": f"http://127.0.0.1:{free_port()}",
        "CONNECT_SUPABASE_HOSTS": "two.example:8443",
    }
    done = run_here("check", folder=folder, settings=there | settings)
    assert "made-up" not in done.stdout + done.stderr
    return re.sub("127.0.0.1:[0-9]+", "here", told(done.stdout)["Proxies in use"]), done.stderr


def test_for_each_host_the_proxy_is_told_without_its_password(tmp_path: Path) -> None:
    assert ways(tmp_path)[0] == "no proxy to here, no proxy to api.supabase.com, no proxy to two.example:8443"
    settings = {"HTTPS_PROXY": PROXY, "NO_PROXY": "two.example"}
    assert ways(tmp_path, **settings)[0] == (
        "no proxy to here, http://proxy.example:3128 to api.supabase.com, no proxy to two.example:8443"
    )
    assert "supabase" not in ways(tmp_path, CONNECT_PREFLIGHT="off", **settings)[0]


def test_a_proxy_that_cannot_be_used_is_a_fault_for_whom_it_stands_before(tmp_path: Path) -> None:
    told_ways, faults = ways(
        tmp_path, HTTPS_PROXY="gopher://made-up-user:made-up-password@proxy.example", NO_PROXY="two.example"
    )
    assert told_ways == "no proxy to here, no proxy to two.example:8443"
    assert faults.startswith("api.supabase.com: ")
    assert "proxy" in faults


def test_the_sandbox_reaches_the_identity_provider_alone(tmp_path: Path) -> None:
    assert "Proxies in use" not in told(run_here("check", folder=tmp_path).stdout)
    issuer = f"http://127.0.0.1:{free_port()}"
    done = run_here("check", folder=tmp_path, settings=oidc(issuer, HTTP_PROXY=PROXY, NO_PROXY="127.0.0.1"))
    assert told(done.stdout)["Proxies in use"] == f"no proxy to {issuer.removeprefix('http://')}"


def test_an_infisical_that_is_too_old_or_moved_to_https_is_told_in_a_sentence(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    def it_is_told(row: tuple[str, int, dict[str, str], dict[str, str], str]) -> None:
        path, status, headers, body, sentence = row
        httpserver.clear()
        httpserver.expect_request(path).respond_with_json(body, status=status, headers=headers)
        httpserver.expect_request("/api/status").respond_with_json({"message": "Ok"})
        real = {"INFISICAL_HOST": httpserver.url_for("").rstrip("/"), "INFISICAL_TOKEN": "made-up"}
        done = run_here("check", folder=tmp_path, settings=real)
        assert (done.status, done.stderr) == (1, f"{sentence}\n")

    no_route = {"error": "Not Found", "message": "Route GET:/api/v1/projects?type=secret-manager not found"}
    https = {"Location": "https://localhost/api/status"}
    rows: tuple[tuple[str, int, dict[str, str], dict[str, str], str], ...] = (
        (
            "/api/v1/projects",
            404,
            {},
            no_route,
            "This Infisical is too old: it has no GET /api/v1/projects.",
        ),
        ("/api/status", 301, https, {}, "It redirects to https. Set INFISICAL_HOST=https://localhost."),
    )
    holds_for_every(rows, it_is_told)


@pytest.mark.parametrize("command", ["check", "serve"])
def test_authorities_that_are_not_there_are_one_sentence_at_the_start(tmp_path: Path, command: str) -> None:
    missing = {"SSL_CERT_FILE": str(tmp_path / "missing.pem")}
    here = {"INFISICAL_HOST": "https://infisical.test", "INFISICAL_TOKEN": "made-up-token"}
    done = run_here(command, folder=tmp_path, settings={**here, **missing, "CONNECT_BIND": "127.0.0.1:0"})
    assert done.status == 1
    assert done.stderr == (
        f"SSL_CERT_FILE={tmp_path}/missing.pem has no certificates that can be read; "
        "set it to what has, or leave it out.\n"
    )
    # The sandbox reads none.
    assert run_here("check", folder=tmp_path, settings=missing).status == 0
