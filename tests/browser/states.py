"""Every page and every state of a page, by name, with the way there: what must hold everywhere is held on this table."""

import base64
import json
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import expect

from app.sandbox import SANDBOX_CLIENT_ID, SANDBOX_CLIENT_SECRET, SANDBOX_HOST, sandbox_token
from app.web.fields import expiry_sentence
from tests.sandbox.world import IDENTITIES, PAYMENTS_ID, WEBSHOP_ID

from .native_states import NATIVE_WAYS
from .pages import (
    NEVER_ANSWERED,
    NOT_ACCEPTED,
    ChoosePage,
    CreatedPage,
    FormPage,
    LateCreatedPage,
    ListPage,
    OutcomePage,
    ProjectsPage,
    SignInPage,
    TokenPage,
)
from .stage import DESCRIPTION, LONGEST_NAME, NAME, Say, Stage, State, Way, problem, told
from .sync_states import SYNC_WAYS, a_sync

LACKS_A_PERMISSION = sandbox_token("0403")
READS_NO_SECRETS = sandbox_token("1403")
TOO_MANY_REQUESTS = sandbox_token("0429")
SERVICE_ROLE_KEY = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
    ".eyJpc3MiOiJzdXBhYmFzZSIsInJlZiI6ImFiY2RlZmdoaWprbG1ub3BxcnN0Iiwicm9sZSI6InNlcnZpY2Vfcm9sZSJ9"
    ".bWFkZS11cC1zaWduYXR1cmUtbWFkZS11cC1zaWduYXR1cmU"
)
"""A made-up key of the project abcdefghijklmnopqrst."""

INFISICAL = {
    "INFISICAL_HOST": SANDBOX_HOST,
    "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID": SANDBOX_CLIENT_ID,
    "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET": SANDBOX_CLIENT_SECRET,
}
"""The settings of a wizard that takes the sandbox for a real Infisical: no badge, links into its dashboard."""

OWN_CREDENTIAL = {"CONNECT_ACCESS": "sign-in"}
"""The settings of a sandbox where each person signs in."""

AT_THE_COMPANY = {
    "CONNECT_ACCESS": "oidc",
    "CONNECT_OIDC_ISSUER": "https://login.example.com",
    "CONNECT_OIDC_CLIENT_ID": "made-up",
    "CONNECT_OIDC_CLIENT_SECRET": "made-up-secret",
}
"""The settings of a sandbox where people sign in at an identity provider, which no page of ours asks by itself."""

ONE_INFISICAL = {"INFISICAL_HOST": SANDBOX_HOST}
SEVERAL_INFISICALS = {
    "INFISICAL_HOST": "https://us.infisical.com, https://eu.infisical.com, https://secrets.example.com"
}
SHORT_LIVED = next(identity for identity in IDENTITIES if identity.name == "short-ttl")
LONG_PERSON = "the-machine-identity-of-the-whole-platform-team-" + "n" * 52

# ── Signing in ─────────────────────────────────────────────────────────────────────────────────────────────────────


def sign_in_page(stage: Stage) -> None:
    stage.go("/sign-in", next="/projects")
    SignInPage(stage.page)


def company_page(**query: str) -> Way:
    def way(stage: Stage) -> None:
        stage.go("/sign-in", **query)
        expect(stage.page.get_by_role("link", name="Sign in with your company’s account")).to_be_visible()

    return way


def refused_to_sign_in(stage: Stage, *, tries: int = 1) -> None:
    sign_in_page(stage)
    for _ in range(tries):
        SignInPage(stage.page).fill_in(client_secret="made-up-and-wrong").sign_in.click()
        expect(SignInPage(stage.page).summary).to_be_visible()


def to_wait_before_signing_in(stage: Stage) -> None:
    refused_to_sign_in(stage, tries=3)
    expect(SignInPage(stage.page).summary).to_contain_text("before the next try")


def nothing_typed_to_sign_in(stage: Stage) -> None:
    sign_in_page(stage)
    SignInPage(stage.page).sign_in.click()
    expect(SignInPage(stage.page).summary.get_by_role("link")).to_have_count(2)


def wrong_token_to_sign_in(stage: Stage) -> None:
    sign_in_page(stage)
    opened = SignInPage(stage.page)
    opened.infisical_token.fill(sandbox_token())
    opened.with_token.click()
    expect(opened.summary).to_contain_text("access token of the app")


def sign_in_ended(stage: Stage) -> None:
    sign_in_page(stage)
    credential = {"client_id": SHORT_LIVED.client_id, "client_secret": SHORT_LIVED.client_secret}
    SignInPage(stage.page).fill_in(**credential).sign_in.click()
    ProjectsPage(stage.page)
    stage.wizard.clock.passes(60)
    stage.go("/projects")
    SignInPage(stage.page)
    expect(stage.page.get_by_text("Your sign-in has ended")).to_be_visible()


def signed_out(stage: Stage) -> None:
    signed_in(projects())(stage)
    stage.page.get_by_role("button", name="Sign out").click()
    expect(stage.page.get_by_text("You are signed out")).to_be_visible()


def signed_in(way: Way) -> Way:
    def signed(stage: Stage) -> None:
        sign_in_page(stage)
        SignInPage(stage.page).fill_in().sign_in.click()
        ProjectsPage(stage.page)
        way(stage)

    return signed


def signed_in_with_a_long_name(way: Way) -> Way:
    def signed(stage: Stage) -> None:
        stage.upstream.say = _calling_itself(LONG_PERSON, stage.upstream.inner)
        signed_in(way)(stage)
        expect(stage.page.get_by_text(LONG_PERSON)).to_be_visible()

    return signed


def _calling_itself(name: str, infisical: httpx.BaseTransport) -> Say:
    """An Infisical that gives out tokens which say this name, and takes them for the ones that it would have given."""
    given: dict[str, str] = {}

    def say(request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith("/login"):
            grant = json.loads(infisical.handle_request(request).read())
            token = _token_that_says(identityId="made-up", identityName=name)
            given[f"Bearer {token}"] = f"Bearer {grant['accessToken']}"
            return httpx.Response(200, json={**grant, "accessToken": token})
        authorization = request.headers.get("Authorization", "")
        request.headers["Authorization"] = given.get(authorization, authorization)
        return None

    return say


def _token_that_says(**claims: str) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{payload}.bWFkZS11cC1zaWduYXR1cmU"


# ── Pages that only read ───────────────────────────────────────────────────────────────────────────────────────────


def the_list(**query: str) -> Way:
    def way(stage: Stage) -> None:
        stage.go("/connections", **{"project": PAYMENTS_ID, **query})
        ListPage(stage.page)

    return way


def many_connections(stage: Stage) -> None:
    stage.answers(
        "/app-connections", 200, {"appConnections": [_connection(number) for number in range(1, 51)]}
    )
    the_list(page="2")(stage)
    expect(stage.page.get_by_role("navigation", name="Pages").get_by_role("link")).to_have_count(2)


def dated_connections(**query: str) -> Way:
    """The list with tokens that have expired, expire soon, are good for long, and of which nothing is known."""

    def way(stage: Stage) -> None:
        today = stage.wizard.clock.now.date()
        rows = [
            {**_connection(number), **_OF_APPS[app], "name": name, "description": description}
            for number, (name, app, description) in enumerate(
                (
                    ("deploy-bot", "github", None),
                    ("edge-functions", "supabase", "Jobs and webhooks"),
                    ("orders-queue", "aws", None),
                    ("shop-staging", "supabase", f"Owner: platform team. {_expires(today, -12)}"),
                    (
                        LONGEST_NAME,
                        "supabase",
                        f"Read-only, for the quarterly report. {_expires(today, 346)}",
                    ),
                    ("webshop-supabase", "supabase", f"Edge Function secrets. {_expires(today, 9)}"),
                )
            )
        ]
        stage.answers("/app-connections", 200, {"appConnections": rows})
        the_list(**query)(stage)

    return way


_OF_APPS = {
    "supabase": {"app": "supabase", "method": "access-token"},
    "github": {"app": "github", "method": "pat"},
    "aws": {"app": "aws", "method": "assume-role"},
}


def _expires(today: date, days: int) -> str:
    return expiry_sentence(today + timedelta(days=days))


def deleted(stage: Stage) -> None:
    stage.create()
    CreatedPage(stage.page)
    stage.go(f"{urlsplit(stage.page.url).path}/delete")
    stage.page.locator("#confirm_name").fill(NAME)
    stage.page.locator("#submit").click()
    expect(ListPage(stage.page).page.locator("#done")).to_have_text(f"{NAME} was deleted.")


def many_projects(stage: Stage) -> None:
    projects = [_project(number) for number in range(1, 58)]
    stage.answers("/projects", 200, {"projects": projects})
    stage.go("/projects")
    ProjectsPage(stage.page)


def _connection(number: int) -> dict[str, Any]:
    return {
        "id": f"33f9c4e6-7b2a-4d8c-9e5f-{number:012d}",
        "name": LONGEST_NAME if number == 21 else f"payments-supabase-{number:02d}",
        "description": "d" * 255 if number == 22 else None,
        "version": 2,
        "orgId": "0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b",
        "createdAt": "2026-11-20T10:23:29.545Z",
        "updatedAt": "2026-11-20T10:23:29.545Z",
        "projectId": PAYMENTS_ID,
        "app": "supabase" if number % 3 else "github",
        "method": "access-token" if number % 3 else "pat",
        "credentials": {},
    }


def _project(number: int) -> dict[str, str]:
    return {
        "id": PAYMENTS_ID if number == 1 else f"11d7a2c4-0000-4000-8000-{number:012d}",
        "name": f"Project {number:02d}",
        "slug": f"project-{number:02d}",
        "orgId": "0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b",
    }


def projects(**query: str) -> Way:
    def way(stage: Stage) -> None:
        stage.go("/projects", **{"project": PAYMENTS_ID, **query})
        ProjectsPage(stage.page)

    return way


def projects_to_sync_from(stage: Stage) -> None:
    stage.go("/syncs", project="organization")
    expect(stage.page.get_by_role("heading", level=1)).to_have_text("Choose a project")


def apps(**query: str) -> Way:
    def way(stage: Stage) -> None:
        stage.go("/connections/new", **{"project": PAYMENTS_ID, **query})
        ChoosePage(stage.page)

    return way


# ── Step 1 ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def token_steps(purpose: str) -> Way:
    def way(stage: Stage) -> None:
        stage.go("/connections/new/supabase/token", project=PAYMENTS_ID)
        TokenPage(stage.page)
        stage.page.get_by_role("radio", name=purpose).check()

    return way


def token_steps_folded(stage: Stage) -> None:
    token_steps("Connect and sync secrets")(stage)
    stage.page.get_by_text("What Supabase’s dialog asks today").click()


# ── Step 2 ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def form(stage: Stage) -> None:
    stage.form()


def form_of_the_organization(stage: Stage) -> None:
    stage.form("organization")


def form_with_every_help(stage: Stage) -> None:
    stage.form()
    folded = stage.page.locator("details:not([open]) > summary")
    while folded.count():
        folded.first.click()


def form_with_a_shown_token(stage: Stage) -> None:
    filled = stage.form().fill_in(name=NAME)
    filled.show.click()
    expect(filled.hide).to_be_visible()


def refused(stage: Stage, **fields: str) -> FormPage:
    stage.create(**fields)
    shown = FormPage(stage.page)
    expect(shown.summary).to_be_visible()
    return shown


def empty_form_refused(stage: Stage) -> None:
    stage.form().submit.click()
    expect(FormPage(stage.page).summary).to_be_visible()


def refused_with_errors(stage: Stage) -> None:
    refused(
        stage, name="My Connection", access_token=SERVICE_ROLE_KEY, instance_url="https://your-domain.com"
    )


def refused_with_warnings(stage: Stage) -> None:
    shown = refused(
        stage, access_token="made-up-token", instance_url="https://your-domain.com/" + "path/" * 30
    )
    expect(shown.use_anyway).to_be_visible()


def refused_for_its_url(stage: Stage) -> None:
    refused(stage, instance_url="https://abcdefghijklmnopqrst.supabase.co")


def refused_by_supabase(token: str) -> Way:
    return lambda stage: refused(stage, access_token=token)


def refused_by_infisical(stage: Stage) -> None:
    issue = {"path": ["somethingNew"], "message": "Required"}
    stage.answers(
        "/app-connections/supabase",
        422,
        {"reqId": "req-made-up", "statusCode": 422, "error": "ValidationFailure", "message": [issue]},
    )
    refused(stage)


def name_taken(stage: Stage) -> None:
    refused(stage, name="payments-reports")


def checked(token: str | None = None, instance_url: str = "https://api.supabase.com") -> Way:
    def way(stage: Stage) -> None:
        filled = stage.form().fill_in(name=NAME, access_token=token)
        filled.instance_url.fill(instance_url)
        stage.page.get_by_role("button", name="Check this token").click()
        expect(stage.page.get_by_role("button", name="Check again")).to_be_visible()

    return way


def many_supabase_projects(stage: Stage) -> None:
    supabase = [{"id": f"{number:020d}", "name": f"webshop-{number}"} for number in range(1, 33)]
    stage.answers("api.supabase.com/v1/projects", 200, supabase)
    checked()(stage)


def creating(stage: Stage) -> None:
    stage.wizard.backend.shut()
    stage.create()
    expect(stage.page.locator("#submit[aria-disabled=true]")).to_be_visible()


# ── No answer yet ──────────────────────────────────────────────────────────────────────────────────────────────────


def unanswered(stage: Stage) -> OutcomePage:
    stage.create(access_token=NEVER_ANSWERED)
    return OutcomePage(stage.page)


def stopped(stage: Stage) -> None:
    unanswered(stage).stop_checking.click()
    expect(OutcomePage(stage.page).form_again).to_be_visible()


def given_up(stage: Stage) -> None:
    _outcome(stage, since=stage.wizard.clock.now - timedelta(minutes=11), name=LONGEST_NAME)


def name_was_there_before(stage: Stage) -> None:
    stage.create()
    CreatedPage(stage.page)
    stage.wizard.clock.passes(300)
    _outcome(stage, since=stage.wizard.clock.now)


def somebody_elses(stage: Stage) -> None:
    since = stage.wizard.clock.now
    stage.create()
    CreatedPage(stage.page)
    _outcome(stage, since=since, description="Another one")


def look_did_not_work(stage: Stage) -> None:
    unanswered(stage)
    stage.upstream.say = _failing_to_look
    OutcomePage(stage.page).check_now.click()
    expect(OutcomePage(stage.page).announced).to_contain_text("The look did not work")


def _failing_to_look(request: httpx.Request) -> httpx.Response | None:
    if "connection-name" not in request.url.path:
        return None
    return httpx.Response(500, json=told(500, "InternalServerError", "Something went wrong"))


def _outcome(stage: Stage, *, since: datetime, name: str = NAME, description: str = DESCRIPTION) -> None:
    stage.go(
        "/connections/new/supabase/outcome",
        project=PAYMENTS_ID,
        name=name,
        since=f"{since:%Y-%m-%dT%H:%M:%SZ}",
        description=description,
        instance_url="https://api.supabase.com",
        waited="45",
    )
    OutcomePage(stage.page)


# ── Step 3 ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def created(**fields: str) -> Way:
    def way(stage: Stage) -> None:
        stage.create(**fields)
        CreatedPage(stage.page)

    return way


def created_and_copied(stage: Stage) -> None:
    created()(stage)
    stage.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    stage.page.get_by_role("button", name="Copy Connection ID").click()
    expect(stage.page.get_by_role("button", name="Copied Connection ID")).to_be_visible()


def created_late(stage: Stage) -> None:
    shown = unanswered(stage)
    stage.wizard.clock.passes(100)
    shown.check_now.click()
    LateCreatedPage(stage.page)


def own_page(stage: Stage) -> None:
    the_list()(stage)
    ListPage(stage.page).connection("payments-reports").get_by_role("link").click()
    expect(stage.page.get_by_role("heading", level=1)).to_have_text("payments-reports")


def used_by_two_syncs(stage: Stage) -> None:
    own_page(stage)
    connection_id = stage.page.locator("#connection-id").inner_text()
    at = f"{stage.wizard.clock.now - timedelta(minutes=4):%Y-%m-%dT%H:%M:%SZ}"
    failed = {"syncStatus": "failed", "lastSyncMessage": '{"message":"Unauthorized"}', "lastSyncedAt": None}
    synced = {"syncStatus": "succeeded", "lastSyncedAt": at}
    syncs = [a_sync("shop-production", connection_id, failed), a_sync(LONGEST_NAME, connection_id, synced)]
    stage.answers("/secret-syncs/supabase", 200, {"secretSyncs": syncs})
    stage.page.reload()
    expect(stage.page.get_by_role("heading", name="Used by 2 syncs")).to_be_visible()
    stage.page.locator("summary").filter(has_text="Terraform").click()


def expiring(stage: Stage) -> None:
    filled = stage.form().fill_in(name=LONGEST_NAME, description=DESCRIPTION)
    stage.page.locator("#expires_on").fill("2026-12-02")
    stage.page.locator("#expires_in_description").check()
    filled.submit.click()
    CreatedPage(stage.page)
    stage.page.goto(stage.page.url.partition("?")[0])
    expect(stage.page.get_by_text("Expires in 9 days")).to_be_visible()


def expired(stage: Stage) -> None:
    expiring(stage)
    stage.wizard.clock.passes(21 * 24 * 3600)
    stage.page.reload()
    expect(stage.page.get_by_text("Expired 12 days ago")).to_be_visible()


def details_changed(stage: Stage) -> None:
    own_page(stage)
    stage.page.get_by_role("link", name="Edit details").click()
    stage.page.get_by_label("Description (optional)").fill("For the reports. Ask the platform team.")
    stage.page.get_by_role("button", name="Save changes").click()
    expect(stage.page.locator("#done")).to_be_focused()


def token_replaced(stage: Stage) -> None:
    own_page(stage)
    stage.page.get_by_role("link", name="Replace token").click()
    stage.page.get_by_label("New access token").fill(sandbox_token())
    stage.page.get_by_role("button", name="Replace token").click()
    expect(stage.page.locator("#done")).to_be_focused()


def ways_on(action: str) -> Way:
    """The form that this way on from a connection's own page leads to; the connection is a new one."""

    def way(stage: Stage) -> None:
        stage.create()
        CreatedPage(stage.page)
        stage.go(f"{urlsplit(stage.page.url).path}/{action}")
        expect(stage.page.locator("#submit")).to_be_visible()

    return way


def replacing_refused(stage: Stage) -> None:
    ways_on("token")(stage)
    stage.page.locator("#access_token").fill(NOT_ACCEPTED)
    stage.page.locator("#expires_on").fill("2028-12-21")
    stage.page.locator("#submit").click()
    expect(stage.page.locator("#error-summary")).to_be_visible()


def replacing_with_one_that_syncs_cannot_use(stage: Stage) -> None:
    own_page(stage)
    connection_id = stage.page.locator("#connection-id").inner_text()
    sync = a_sync("shop-production", connection_id, {"syncStatus": "succeeded"})
    stage.answers("/secret-syncs/supabase", 200, {"secretSyncs": [sync]})
    stage.page.get_by_role("link", name="Replace token").click()
    stage.page.locator("#access_token").fill(sandbox_token("8910"))
    stage.page.locator("#submit").click()
    expect(stage.page.locator("#use_anyway")).to_be_visible()


def details_refused(stage: Stage) -> None:
    ways_on("edit")(stage)
    stage.page.locator("#name").fill("payments-reports")
    stage.page.locator("#description").fill("d" * 256)
    stage.page.locator("#submit").click()
    expect(stage.page.locator("#error-summary")).to_be_visible()


def deleting_refused(stage: Stage) -> None:
    ways_on("delete")(stage)
    stage.page.locator("#confirm_name").fill("another")
    stage.page.locator("#submit").click()
    expect(stage.page.locator("#error-summary")).to_be_visible()


def deleting_refused_and_opened_anew(stage: Stage) -> None:
    deleting_refused(stage)
    stage.page.reload()
    expect(stage.page.locator("#confirm_name")).to_have_value("")


def in_use(stage: Stage) -> None:
    own_page(stage)
    stage.page.get_by_role("link", name="Delete", exact=True).click()
    problem("in-use")(stage.page)


def in_use_unseen(stage: Stage) -> None:
    """Syncs use it that nobody may see here."""
    ways_on("delete")(stage)
    at = stage.page.url.rpartition("/")[0].rpartition("/")[2]
    words = "Cannot delete App Connection with existing connections. Remove all existing connections and try again."

    def say(request: httpx.Request) -> httpx.Response | None:
        if "/secret-syncs/" in request.url.path:
            denied = told(403, "PermissionDenied", "You are not allowed to read on secret-syncs")
            return httpx.Response(403, json=denied)
        if request.method == "DELETE" and request.url.path.endswith(at):
            return httpx.Response(400, json=told(400, "BadRequest", words))
        return None

    stage.upstream.say = say
    stage.page.locator("#confirm_name").fill(NAME)
    stage.page.locator("#submit").click()
    problem("in-use")(stage.page)


def changed_meanwhile(action: str, **mine: str) -> Way:
    """The page after somebody else described the connection and replaced its token."""

    def way(stage: Stage) -> None:
        ways_on(action)(stage)
        connection_id = urlsplit(stage.page.url).path.split("/")[-2]

        def say(request: httpx.Request) -> httpx.Response | None:
            if request.method != "GET" or not request.url.path.endswith(connection_id):
                return None
            told = json.loads(stage.upstream.inner.handle_request(request).read())
            theirs = {"description": "Owner: Grace, payments. " * 8, "credentialsHash": "another"}
            return httpx.Response(200, json={"appConnection": {**told["appConnection"], **theirs}})

        stage.upstream.say = say
        for name, text in mine.items():
            stage.page.locator(f"#{name}").fill(text)
        stage.page.locator("#submit").click()
        problem("changed-meanwhile")(stage.page)

    return way


def no_answer_to(action: str, *, then: Say | None = None, stops: bool = False, **mine: str) -> Way:
    """The page that looks whether something was changed, which no answer tells; `then` answers its next look."""

    def way(stage: Stage) -> None:
        ways_on(action)(stage)

        def say(request: httpx.Request) -> httpx.Response | None:
            if request.method in ("PATCH", "DELETE"):
                raise httpx.ReadTimeout("no answer", request=request)
            return None

        stage.upstream.say = say
        for name, text in mine.items():
            stage.page.locator(f"#{name}").fill(text)
        stage.page.locator("#submit").click()
        problem("outcome-unknown")(stage.page)
        if then or stops:
            stage.upstream.say = then or say
            stage.page.get_by_role("link", name="Stop checking" if stops else "Check now").click()
            stage.page.wait_for_load_state()
            problem("outcome-unknown")(stage.page)

    return way


def gone(request: httpx.Request) -> httpx.Response | None:
    if "/app-connections/supabase/" not in request.url.path:
        return None
    return httpx.Response(404, json=told(404, "NotFound", "Could not find App Connection"))


def failing(request: httpx.Request) -> httpx.Response | None:
    if "/app-connections/supabase/" not in request.url.path:
        return None
    return httpx.Response(500, json=told(500, "InternalServerError", "Something went wrong"))


# ── Problems ───────────────────────────────────────────────────────────────────────────────────────────────────────


def list_answered(status: int, error: str, message: str, *, slug: str) -> Way:
    """The page that the list becomes when Infisical answers like this."""

    def way(stage: Stage) -> None:
        stage.answers("/app-connections", status, told(status, error, message))
        stage.go("/connections", project=PAYMENTS_ID)
        problem(slug)(stage.page)

    return way


def submission_answered(status: int, error: str, message: str, *, slug: str) -> Way:
    """What the form becomes when Infisical answers its submission like this."""

    def way(stage: Stage) -> None:
        stage.answers("/app-connections/supabase", status, told(status, error, message))
        stage.create()
        problem(slug)(stage.page)

    return way


def login_refused(stage: Stage) -> None:
    stage.answers("/universal-auth/login", 401, told(401, "UnauthorizedError", "Invalid credentials"))
    stage.go("/connections", project=PAYMENTS_ID)
    problem("login-refused")(stage.page)


def unreachable(stage: Stage) -> None:
    def broken(request: httpx.Request) -> httpx.Response | None:
        raise httpx.ConnectError("[Errno 111] Connection refused", request=request)

    stage.upstream.say = broken
    stage.go("/connections", project=PAYMENTS_ID)
    problem("unreachable")(stage.page)


def no_project(stage: Stage) -> None:
    stage.answers("/projects", 200, {"projects": []})
    stage.go("/")
    problem("no-project")(stage.page)


def no_such_page(stage: Stage) -> None:
    stage.go("/there-is-no-such-page")
    problem("page-not-found")(stage.page)


def no_such_connection(stage: Stage) -> None:
    stage.go("/connections/supabase/44a0d5f7-0000-4e9d-8f6a-5b1c0d9e8f70")
    problem("not-found")(stage.page)


def page_too_old(stage: Stage) -> None:
    filled = stage.form().fill_in(name=NAME)
    stage.page.context.clear_cookies()
    filled.submit.click()
    problem("page-too-old")(stage.page)


def incomplete_address(stage: Stage) -> None:
    stage.go("/connections/new/supabase/outcome")
    problem("incomplete-address")(stage.page)


def sandbox_help(stage: Stage) -> None:
    stage.go("/sandbox")
    expect(stage.page.get_by_role("heading", level=1)).to_have_text("The sandbox")


_DENIED = "You are not allowed to create-app-connections on app-connections"
_BUSY = "Rate limit exceeded. Please try again in 42 seconds"

_WAYS: dict[str, Way | State] = {
    "sign in": State(sign_in_page, ONE_INFISICAL),
    "sign in to one of several": State(sign_in_page, SEVERAL_INFISICALS),
    "sign in to the sandbox": State(sign_in_page, OWN_CREDENTIAL),
    "nothing typed to sign in": State(nothing_typed_to_sign_in, SEVERAL_INFISICALS),
    "refused to sign in": State(refused_to_sign_in, OWN_CREDENTIAL),
    "refused for a token of Supabase": State(wrong_token_to_sign_in, SEVERAL_INFISICALS),
    "to wait before signing in": State(to_wait_before_signing_in, OWN_CREDENTIAL),
    "sign-in ended": State(sign_in_ended, OWN_CREDENTIAL),
    "signed out": State(signed_out, ONE_INFISICAL),
    "sign in at the company": State(company_page(ended="1"), AT_THE_COMPANY),
    "signed out of the company": State(company_page(out="1"), AT_THE_COMPANY),
    "list, signed in": State(signed_in(the_list()), OWN_CREDENTIAL),
    "list, signed in with a long name": State(signed_in_with_a_long_name(the_list()), ONE_INFISICAL),
    "form, signed in with a long name": State(signed_in_with_a_long_name(form), OWN_CREDENTIAL),
    "projects, signed in with a long name": State(signed_in_with_a_long_name(projects()), ONE_INFISICAL),
    "list": the_list(),
    "list on Infisical": State(the_list(), INFISICAL),
    "empty list": the_list(project=WEBSHOP_ID),
    "list of many pages": many_connections,
    "list without a match": the_list(q="there-is-no-such-connection"),
    "list with two tokens marked": dated_connections(),
    "list with two tokens marked, on Infisical": State(dated_connections(), INFISICAL),
    "list filtered and sorted": dated_connections(app="supabase", sort="created", order="desc"),
    "list of what expires": dated_connections(expiring="1"),
    "list without a token that expires": the_list(expiring="1"),
    "list after a deletion": deleted,
    "projects": projects(),
    "projects to sync from": projects_to_sync_from,
    "projects without a match": projects(q="there-is-no-such-project"),
    "more projects than fit": many_projects,
    "apps": apps(),
    "every app": apps(all="1"),
    "every app on Infisical": State(apps(all="1"), INFISICAL),
    "apps without a match": apps(q="there-is-no-such-app"),
    "token steps to connect": token_steps("Connect only"),
    "token steps to sync": token_steps("Connect and sync secrets"),
    "token steps folded": token_steps_folded,
    "form": State(form, INFISICAL),
    "form in the sandbox": form,
    "form of the organization": form_of_the_organization,
    "form with every help open": form_with_every_help,
    "form with a shown token": form_with_a_shown_token,
    "empty form refused": empty_form_refused,
    "refused with errors and a warning": refused_with_errors,
    "refused with warnings": refused_with_warnings,
    "refused for its URL": refused_for_its_url,
    "refused by Supabase": refused_by_supabase(NOT_ACCEPTED),
    "refused for a permission": refused_by_supabase(LACKS_A_PERMISSION),
    "refused for too many requests": refused_by_supabase(TOO_MANY_REQUESTS),
    "refused by Infisical": refused_by_infisical,
    "refused for a taken name": name_taken,
    "checks passed": checked(),
    "checks with more projects than fit": many_supabase_projects,
    "a check failed": checked(LACKS_A_PERMISSION),
    "secrets may not be read": checked(READS_NO_SECRETS),
    "not checked": checked(NEVER_ANSWERED),
    "creating": creating,
    "created": created(),
    "created, with its expiry": created(expires_on="2027-02-21"),
    "created, and syncs would fail": created(access_token=READS_NO_SECRETS),
    "created on Infisical": State(created(name=LONGEST_NAME, description="d" * 255), INFISICAL),
    "created and copied": created_and_copied,
    "created late": created_late,
    "a connection's own page": own_page,
    "a connection used by two syncs": used_by_two_syncs,
    "a connection whose token expires": State(expiring, INFISICAL),
    "a connection whose token has expired": expired,
    "a connection's details changed": details_changed,
    "a connection's token replaced": token_replaced,
    "editing the details": ways_on("edit"),
    "editing the details refused": details_refused,
    "replacing the token": ways_on("token"),
    "replacing the token, on Infisical": State(ways_on("token"), INFISICAL),
    "replacing the token refused": replacing_refused,
    "replacing the token with one that syncs cannot use": replacing_with_one_that_syncs_cannot_use,
    "deleting": ways_on("delete"),
    "deleting refused": deleting_refused,
    "deleting refused, and opened anew": deleting_refused_and_opened_anew,
    "deleting what is in use": in_use,
    "deleting what is in use, on Infisical": State(in_use, INFISICAL),
    "deleting what unseen syncs use": in_use_unseen,
    "edited by two people": changed_meanwhile("edit", name="shop-supabase"),
    "token replaced by two people": changed_meanwhile("token", access_token=sandbox_token()),
    "deleted and changed by two people": changed_meanwhile("delete", confirm_name=NAME),
    "no answer to an edit": no_answer_to("edit", name=LONGEST_NAME),
    "no answer to a new token": no_answer_to("token", access_token=sandbox_token()),
    "no answer to a deletion, stopped": no_answer_to("delete", stops=True, confirm_name=NAME),
    "no answer to an edit, and it is gone": no_answer_to("edit", then=gone, name="renamed"),
    "no answer to an edit, the look did not work": no_answer_to("edit", then=failing, name="renamed"),
    "no answer yet": unanswered,
    "no answer, stopped": stopped,
    "no answer in ten minutes": given_up,
    "no answer, the name was there before": name_was_there_before,
    "no answer, somebody else's": somebody_elses,
    "no answer, the look did not work": look_did_not_work,
    "permission denied": list_answered(403, "PermissionDenied", _DENIED, slug="permission-denied"),
    "permission denied to create": submission_answered(
        403, "PermissionDenied", _DENIED, slug="permission-denied"
    ),
    "not a member": list_answered(403, "ProjectMembershipNotFound", "No access", slug="not-a-member"),
    "login refused": login_refused,
    "rate limited": list_answered(429, "RateLimitExceeded", _BUSY, slug="rate-limited"),
    "unreachable": unreachable,
    "server failed": submission_answered(500, "InternalServerError", "Broken", slug="server-failed"),
    "no project": no_project,
    "no such connection": no_such_connection,
    "no such page": no_such_page,
    "page open too long": page_too_old,
    "incomplete address": incomplete_address,
    "sandbox": sandbox_help,
}

STATES = {
    name: way if isinstance(way, State) else State(way)
    for name, way in (_WAYS | SYNC_WAYS | NATIVE_WAYS).items()
}
"""Every page and state. What a page can look like and is not here is not tested: add it."""
