"""The pages of secret syncs in every state, as rows of the table in states.py."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
from playwright.sync_api import expect

from app.sandbox import sandbox_token
from app.web.fields import expiry_sentence
from tests.sandbox.world import PAYMENTS_ID

from .pages import NOT_ACCEPTED, CreatedPage
from .stage import LONGEST_NAME, Say, Stage, State, Way, problem, told

PRODUCTION, STAGING = "webshopproductionabc", "webshopstagingabcdef"
"""The projects that every made-up token reaches; the sandbox has a sync to the first."""

SYNC_ID = "5c11d7a2-0000-4000-8000-000000000001"
"""That of the sync which the sandbox has."""
OF_THE_SYNC = f"/syncs/supabase/{SYNC_ID}"

NAMES = (
    "ALGOLIA_ADMIN_KEY", "DATABASE_URL", "JWT_SIGNING_KEY", "OPENAI_API_KEY", "REDIS_URL", "RESEND_API_KEY",
    "SENTRY_DSN", "SHIPPING_API_TOKEN", "STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET",
)  # fmt: skip
THERE = (
    "SHOP_DATABASE_URL", "SHOP_STRIPE_API_KEY", "SHOP_LEGACY_COUPONS", "SHOP_MAILGUN_KEY", "SHOP_TEST_MODE",
    "CRON_SECRET", "PING_TOKEN",
)  # fmt: skip
TREE = ("/", "/edge", "/edge/jobs", "/shared", "/web")
LONG_SECRET = "THE_KEY_OF_THE_PAYMENT_PROVIDER_THAT_NOBODY_REMEMBERS_" + "N" * 100
LONG_FOLDER = "/the-folder-of-the-whole-platform-team-" + "n" * 80
MANY = 2_000


def a_sync(name: str, connection_id: str, run: Mapping[str, Any]) -> dict[str, Any]:
    """A sync as Infisical answers it."""
    return {
        "id": SYNC_ID,
        "name": name,
        "projectId": PAYMENTS_ID,
        "connectionId": connection_id,
        "connection": {"id": connection_id, "name": "webshop-supabase"},
        "environment": {"slug": "prod", "name": "Production"},
        "folder": {"path": "/edge"},
        "destinationConfig": {"projectId": "qwertyuiopasdfghjklz", "projectName": "shop"},
        **run,
    }


def the_syncs(rows: int = 9, **query: str) -> Way:
    """The list of syncs, so many of which stand in every way that a sync can."""

    def way(stage: Stage) -> None:
        at = f"{stage.wizard.clock.now - timedelta(minutes=4):%Y-%m-%dT%H:%M:%SZ}"
        ran = {"syncStatus": "succeeded", "lastSyncedAt": at}
        runs: tuple[Mapping[str, Any], ...] = (
            {**ran, "environment": None, "folder": None},
            {"syncStatus": "running"},
            {"syncStatus": "pending"},
            FAILED,
            {**ran, "isAutoSyncEnabled": False},
            {**ran, "connection": {"id": "a-connection", "name": LONGEST_NAME}},
            {"syncStatus": None},
            {**ran, "removeStatus": "pending"},
            {**ran, "removeStatus": "failed", "lastRemoveMessage": "Unauthorized"},
        )
        names = ("analytics", "shop-jobs", "shop-preview", LONGEST_NAME)
        syncs = [
            a_sync(names[number] if number < len(names) else f"to-shop-{number}", "a-connection", run)
            for number, run in enumerate((runs * 9)[:rows])
        ]
        stage.answers("/secret-syncs/supabase", 200, {"secretSyncs": syncs})
        stage.go("/syncs", **{"project": PAYMENTS_ID, **query})
        expect(stage.page.get_by_role("heading", level=1)).to_have_text("Secret Syncs")

    return way


FAILED = {"syncStatus": "failed", "lastSyncMessage": '{"message":"Unauthorized"}'}


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """What Infisical and Supabase answer otherwise than the sandbox: None is as the sandbox has it."""

    names: Sequence[str] | None = None
    """Those in /edge."""
    imported: Sequence[str] = ()
    folders: Sequence[str] | None = None
    there: Sequence[str] | None = None
    sync: Mapping[str, Any] | None = None
    """What is otherwise of the sync that the sandbox has."""
    others: Sequence[Mapping[str, Any]] = ()
    """Syncs of the project beside it."""
    expires_in: int | None = None
    """Days until the token of every connection expires."""

    def shown_to(self, stage: Stage) -> None:
        stage.upstream.say = self.at(stage)

    def at(self, stage: Stage) -> Say:
        """These answers; where the sandbox's are only otherwise in part, it is asked."""

        def say(request: httpx.Request) -> httpx.Response | None:
            path = request.url.path
            if (
                path.endswith("/v4/secrets")
                and self.names is not None
                and request.url.params["secretPath"] == "/edge"
            ):
                imports = [{"secretPath": "/shared", "environment": "dev", "secrets": _keys(self.imported)}]
                return httpx.Response(200, json={"secrets": _keys(self.names), "imports": imports})
            if path.endswith("/secrets") and "/v1/projects/" in path and self.there is not None:
                return httpx.Response(200, json=[{"name": name, "value": "0" * 64} for name in self.there])
            if path.endswith("/environment-folder-tree") and self.folders is not None:
                return _otherwise(stage, request, dev={"folders": [{"path": one} for one in self.folders]})
            if request.method == "GET" and path.endswith("/secret-syncs/supabase") and self.others:
                answer = stage.upstream.inner.handle_request(request)
                syncs = [*json.loads(answer.read())["secretSyncs"], *self.others]
                return httpx.Response(200, json={"secretSyncs": syncs})
            if request.method == "GET" and path.endswith(SYNC_ID) and self.sync is not None:
                return _otherwise(stage, request, secretSync=self.sync)
            if "/app-connections/supabase/" in path and path.count("-") > 4 and self.expires_in is not None:
                day = stage.wizard.clock.now.date() + timedelta(days=self.expires_in)
                return _otherwise(stage, request, appConnection={"description": expiry_sentence(day)})
            return None

        return say


def _keys(names: Sequence[str]) -> list[dict[str, str]]:
    return [{"secretKey": name} for name in names]


def _otherwise(stage: Stage, request: httpx.Request, **parts: Mapping[str, Any]) -> httpx.Response:
    answer = stage.upstream.inner.handle_request(request)
    body = json.loads(answer.read())
    if answer.status_code == 200:
        body |= {key: {**body[key], **part} for key, part in parts.items()}
    return httpx.Response(answer.status_code, json=body)


SHOP = World(names=NAMES, imported=("FEATURE_FLAGS", "LOG_LEVEL"), folders=TREE, there=THERE)


# ── Step 1 ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def form(world: World = SHOP, **typed: str) -> Way:
    """Step 1 as a link fills it in."""

    def way(stage: Stage) -> None:
        world.shown_to(stage)
        stage.go("/syncs/new/supabase", project=PAYMENTS_ID, **typed)
        expect(stage.page.locator("main[data-step=form]")).to_be_visible()

    return way


def form_after_creating(stage: Stage) -> None:
    """Step 1 as a created connection leads to it, which was just seen to reach projects."""
    stage.create()
    CreatedPage(stage.page).sync_secrets.click()
    expect(stage.page.locator("select#supabase_project")).to_be_visible()


def prefix_typed(stage: Stage) -> None:
    form(replace(SHOP, names=("DATABASE_URL", "SUPABASE_URL")), secret_path="/edge", delete_others="1")(stage)
    stage.page.locator("#key_schema").fill("SUPABASE_{{secretKey}}")
    expect(stage.page.locator("#names")).to_contain_text("Supabase refuses SUPABASE_SUPABASE_URL")


def form_refused(stage: Stage) -> None:
    form(
        environment="dev",
        secret_path="/there-is-no-such-folder",
        supabase_project="shop",
        key_schema="SHOP_",
        name="My Sync",
        description="d" * 256,
    )(stage)
    stage.page.locator("#review").click()
    expect(stage.page.locator("#error-summary")).to_be_visible()


def token_refused(stage: Stage) -> None:
    compare(stage, NOT_ACCEPTED)
    expect(stage.page.locator("#error-summary")).to_be_visible()


def compare(stage: Stage, token: str | None = None, **typed: str) -> None:
    """Fills in the fold that compares, and asks for the review."""
    form_with_fold_open(stage, SHOP, **typed)
    stage.page.locator("#access_token").fill(token or sandbox_token())
    stage.page.locator("#review").click()


def form_with_fold_open(stage: Stage, world: World = SHOP, **typed: str) -> None:
    form(world, **{"environment": "dev", "secret_path": "/edge", "supabase_project": STAGING, **typed})(stage)
    stage.page.get_by_text("Compare with what is in Supabase now").click()


# ── The review ─────────────────────────────────────────────────────────────────────────────────────────────────────


def review(world: World = SHOP, *, compared: bool = False, **typed: str) -> Way:
    """Step 2 of a new sync."""

    def way(stage: Stage) -> None:
        form_with_fold_open(stage, world, **typed)
        if compared:
            stage.page.locator("#access_token").fill(sandbox_token())
        stage.page.locator("#review").click()
        expect(stage.page.locator("main[data-step=review]")).to_be_visible()

    return way


def not_confirmed(stage: Stage) -> None:
    removing = {"key_schema": "SHOP_{{secretKey}}", "delete_others": "1"}
    review(replace(SHOP, expires_in=9), compared=True, **removing)(stage)
    stage.page.locator("#confirm_removal").fill("2")
    stage.page.locator("#submit").click()
    expect(stage.page.locator("#error-summary")).to_be_visible()


def _numbered(many: int) -> tuple[str, ...]:
    return tuple(f"SETTING_{number:04}" for number in range(many))


def changed_since(stage: Stage) -> None:
    """The review once more: names came and went before it was confirmed."""
    review(replace(SHOP, expires_in=9), key_schema="SHOP_{{secretKey}}")(stage)
    replace(SHOP, expires_in=9, names=("NEW_ONE", LONG_SECRET, *NAMES[2:])).shown_to(stage)
    stage.page.locator("#use_anyway").check()
    stage.page.locator("#submit").click()
    expect(stage.page.locator("#changed")).to_be_visible()


# ── A sync's own page ──────────────────────────────────────────────────────────────────────────────────────────────


def created(*seconds: float) -> Way:
    """Step 3, so long after the sync was created; it is looked at in between."""

    def way(stage: Stage) -> None:
        review(environment="dev", secret_path="/", supabase_project=STAGING)(stage)
        if stage.page.locator("#use_anyway").count():
            stage.page.locator("#use_anyway").check()
        stage.page.locator("#submit").click()
        for passed in seconds:
            later(stage, passed)

    return way


def later(stage: Stage, seconds: float) -> None:
    """The sync's page, which is opened just now, so long after."""
    expect(stage.page.locator("#sync-status")).to_be_visible()
    stage.wizard.clock.passes(seconds)
    stage.page.reload()
    expect(stage.page.locator("#sync-status")).to_be_visible()


def own_page(status: str = "", *, names: Sequence[str] | None = None, **otherwise: Any) -> Way:
    """The page of the sync that the sandbox has, where it is otherwise."""

    def way(stage: Stage) -> None:
        World(sync=otherwise, names=names).shown_to(stage)
        stage.go(OF_THE_SYNC)
        expect(
            stage.page.locator(f"#sync-status{f'[data-status={status}]' if status else ''}")
        ).to_be_visible()

    return way


REFUSED = {
    "syncStatus": "failed",
    "lastSyncMessage": json.dumps(
        {
            "secretKey": "GEOIP_KEY",
            "error": {"message": "Env name cannot start with SUPABASE_, skipping: SUPABASE_URL"},
        }
    ),
}


TO_STAGING = {"destinationConfig": {"projectId": STAGING, "projectName": "webshop-staging"}}
REMOVING_ON = {
    "syncOptions": {"initialSyncBehavior": "overwrite-destination", "disableSecretDeletion": False}
}


def pressed(button: str, world: World, *, seconds: float = 0) -> Way:
    """What comes of pressing this on the sync's page, so many seconds later."""

    def way(stage: Stage) -> None:
        world.shown_to(stage)
        stage.go(OF_THE_SYNC)
        with stage.page.expect_navigation():
            stage.page.get_by_role("button", name=button).click()
        if seconds:
            later(stage, seconds)

    return way


def run_compared_in_vain(stage: Stage) -> None:
    """The review of a run with a token that Supabase does not take."""
    pressed("Sync now", World(sync={**REMOVING_ON, **TO_STAGING}))(stage)
    stage.page.locator("#comparing summary").click()
    stage.page.locator("#access_token").fill(NOT_ACCEPTED)
    with stage.page.expect_navigation():
        stage.page.get_by_role("button", name="Compare").click()
    expect(stage.page.locator("#access_token-error")).to_be_visible()


def changing(world: World = World(), **typed: str) -> Way:
    """The form that changes the sync, as a link fills it in."""

    def way(stage: Stage) -> None:
        world.shown_to(stage)
        stage.go(f"{OF_THE_SYNC}/edit", **typed)
        expect(stage.page.locator("main[data-step=form]")).to_be_visible()

    return way


def change_reviewed(stage: Stage) -> None:
    world = replace(SHOP, expires_in=9)
    typed = {"environment": "dev", "secret_path": "/edge", "name": LONGEST_NAME, "description": "d" * 255}
    changing(world, **typed, delete_others="1", key_schema="SHOP_{{secretKey}}")(stage)
    stage.page.locator("#review").click()
    expect(stage.page.locator("main[data-step=review]")).to_be_visible()


def changing_refused(stage: Stage) -> None:
    changing(name="My Sync", supabase_project="shop")(stage)
    stage.page.locator("#submit").click()
    expect(stage.page.locator("#error-summary")).to_be_visible()


def saved(stage: Stage) -> None:
    """The page of the sync once it was changed and has run."""
    changing(description="For the shop.")(stage)
    stage.page.locator("#submit").click()
    later(stage, 60)
    expect(stage.page.locator("#done")).to_be_visible()


def changed_meanwhile(stage: Stage) -> None:
    changing(key_schema="SHOP_{{secretKey}}")(stage)
    World(sync={"description": "Owner: Grace, payments. " * 8, **REMOVING_ON}).shown_to(stage)
    stage.page.locator("#submit").click()
    problem("changed-meanwhile")(stage.page)


SHOP_JOBS = {
    **a_sync("shop-jobs", "a-connection", {"syncStatus": "succeeded"}),
    "id": "5c11d7a2-0000-4000-8000-000000000002",
    "environment": {"slug": "dev", "name": "Development"},
    "folder": {"path": "/shared"},
    "destinationConfig": {"projectId": PRODUCTION, "projectName": "webshop-production"},
    "syncOptions": {"disableSecretDeletion": True},
}


def deleting(world: World = World(), **typed: str) -> Way:
    """The page that deletes the sync, with what is typed there."""

    def way(stage: Stage) -> None:
        world.shown_to(stage)
        stage.go(f"{OF_THE_SYNC}/delete")
        expect(stage.page.locator("#confirm_name")).to_be_visible()
        if typed:
            stage.page.locator("#remove_secrets").check()
            stage.page.locator("#confirm_name").fill(typed["confirm_name"])
            with stage.page.expect_navigation():
                stage.page.locator("#submit").click()

    return way


def no_answer(way_there: Way, *, method: str) -> Way:
    """The page that looks whether it was done, which no answer tells."""

    def way(stage: Stage) -> None:
        way_there(stage)
        before = stage.upstream.say

        def say(request: httpx.Request) -> httpx.Response | None:
            if (
                request.method == method
                and "check-destination" not in request.url.path
                and "/secret-syncs/" in request.url.path + "/"
            ):
                raise httpx.ReadTimeout("no answer", request=request)
            return before(request)

        stage.upstream.say = say
        for tick in stage.page.locator("#use_anyway").all():
            tick.check()
        stage.page.locator("#submit").click()
        problem("outcome-unknown")(stage.page)

    return way


def may_not_connect(stage: Stage) -> None:
    denied = told(403, "PermissionDenied", "You are not allowed to connect on app-connections")
    stage.answers("/app-connections/supabase/available", 403, denied)
    stage.go("/syncs/new/supabase", project=PAYMENTS_ID)
    problem("permission-denied")(stage.page)


_SHOP_PREFIX = {"key_schema": "SHOP_{{secretKey}}", "delete_others": "1"}
_TO_JOBS = {"supabase_project": PRODUCTION, "delete_others": "1"}

_LONG = 150_000
"""Bytes of a page with a row for each name, up to 200 of them, or for each folder; or of one behind other pages."""

SYNC_WAYS: dict[str, Way | State] = {
    "syncs": the_syncs(),
    "no syncs": the_syncs(0),
    "syncs without a match": the_syncs(q="there-is-no-such-sync"),
    "syncs of many pages": the_syncs(45, page="2", sort="status", order="desc"),
    "syncs that need attention": the_syncs(attention="1"),
    "step 1 of a sync": form(World()),
    "step 1 of a sync after creating": State(form_after_creating, most=_LONG),
    "step 1 of a sync, its prefix typed": State(prefix_typed, like="step 1 of a sync"),
    "step 1 of a sync refused": form_refused,
    "step 1 of a sync refused for its token": token_refused,
    "step 1 of a sync, many folders": State(
        form(
            World(
                folders=(*TREE, *(f"/team-{number:02}{LONG_FOLDER}" for number in range(40))),
                names=[LONG_SECRET],
            )
        ),
        most=_LONG,
        like="step 1 of a sync",
    ),
    "a sync reviewed": State(review(World()), like="a sync reviewed and compared"),
    "a sync reviewed and compared": State(
        review(replace(SHOP, expires_in=9), compared=True, **_SHOP_PREFIX), most=_LONG
    ),
    "a sync reviewed, not confirmed": State(not_confirmed, most=_LONG, like="a sync reviewed and compared"),
    "a sync that would be refused": review(
        replace(
            SHOP,
            names=("SUPABASE_JWKS", "SUPABASE_URL", *NAMES),
            imported=(),
            there=("FEATURE_FLAGS_URL", "METRICS_TOKEN", "STRIPE_KEY"),
            others=[SHOP_JOBS],
        ),
        compared=True,
        **_TO_JOBS,
    ),
    "a sync that would empty the project": State(
        review(replace(SHOP, names=(), imported=()), compared=True, delete_others="1"),
        like="a sync that would be refused",
    ),
    "a sync that would remove what it does not know": State(
        review(World(), environment="dev", secret_path="/", delete_others="1"),
        like="changing a sync reviewed",
        most=_LONG,
    ),
    "a sync with warnings and notes": State(
        review(
            replace(SHOP, names=(LONG_SECRET[:80], *_numbered(80)), expires_in=-3, others=[SHOP_JOBS]),
            supabase_project="q" * 20,
            name=LONGEST_NAME,
        ),
        most=_LONG,
    ),
    "a sync of many names": State(
        review(World(names=_numbered(MANY), folders=TREE)), most=_LONG, like="a sync with warnings and notes"
    ),
    "a sync changed since its review": State(changed_since, most=_LONG),
    "a sync created, waiting": State(created(1), like="a sync created, running"),
    "a sync created, running": created(1, 2),
    "a sync created and synced": created(60),
    "a sync that has run": own_page("succeeded"),
    "a sync that never ran": State(
        own_page("not-run", syncStatus=None, lastSyncedAt=None, isAutoSyncEnabled=False),
        like="a sync that has run",
    ),
    "a sync that failed for a name": own_page(
        "failed", names=("GEOIP_KEY", "SUPABASE_URL", *NAMES), folder={"path": "/edge"}, **REFUSED
    ),
    "a sync that failed": own_page("failed", **FAILED),
    "a sync whose folder is gone": own_page(environment=None, folder=None),
    "a sync that is paused": State(pressed("Pause auto-sync", World()), like="a sync changed"),
    "a sync that is resumed": State(
        pressed("Resume auto-sync", World(sync={"isAutoSyncEnabled": False}), seconds=60),
        like="a sync changed",
    ),
    "a sync that is run": State(pressed("Sync now", World()), like="a sync created, running"),
    "a sync's run reviewed": State(
        pressed("Sync now", World(sync={**REMOVING_ON, **TO_STAGING})), like="changing a sync reviewed"
    ),
    "a sync's run reviewed and not compared": run_compared_in_vain,
    "a sync changed": saved,
    "changing a sync": State(changing(), like="changing a sync refused"),
    "changing a sync reviewed": State(change_reviewed, most=_LONG),
    "changing a sync refused": changing_refused,
    "a sync changed by two people": changed_meanwhile,
    "deleting a sync": deleting(
        World(
            sync={"environment": {"slug": "dev", "name": "Development"}, "folder": {"path": "/"}},
            others=[SHOP_JOBS],
        )
    ),
    "deleting a sync refused": State(deleting(confirm_name="another"), like="deleting a sync"),
    "a sync that is being deleted": State(
        deleting(confirm_name="reports-to-webshop"), like="a sync created, running"
    ),
    "a sync that could not be deleted": own_page(
        "removing-failed", removeStatus="failed", lastRemoveMessage=REFUSED["lastSyncMessage"]
    ),
    "no answer to a new sync": no_answer(review(SHOP), method="POST"),
    "no answer to a change of a sync": State(
        no_answer(changing(name=LONGEST_NAME), method="PATCH"), like="no answer to an edit"
    ),
    "permission denied to connect": State(may_not_connect, like="permission denied"),
}
"""What a page of a sync can look like and is not here is not tested: add it."""
