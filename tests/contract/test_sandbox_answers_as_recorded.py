"""Replays what a real Infisical was recorded with and holds the sandbox's answers against it."""

import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.sandbox import prepare_database, sandbox_token
from app.sandbox.store import DATA
from tests.every import holds_for_every
from tests.sandbox.running import RunningSandbox
from tests.sandbox.world import IDENTITIES, PAYMENTS_ID, WEBSHOP_ID, identity_named

EXCHANGES: dict[str, dict[str, Any]] = {
    exchange["case"]: exchange
    for name in ("exchanges.json", "changes.json", "syncs.json", "native.json")
    for exchange in json.loads(Path(__file__).with_name(name).read_text("utf-8"))
}

# What stands in the sandbox for what was recorded. Longer texts come before those that begin like them.
STAND_INS = {
    "95813247-fdcb-456c-9f72-8066918072c8": PAYMENTS_ID,
    "539825a6-3d30-4f6f-801f-6ec588d89099": WEBSHOP_ID,
    "3bc4fffc-2fab-471d-adba-3b2ad1717d0d": DATA["organization"]["id"],
    "supabase-spare": "payments-reports",
    "12735bda-1105-498c-bb98-028029b9c592": PAYMENTS_ID,
    "41b8281e-0243-4a74-a13c-a6303e52601c": WEBSHOP_ID,
    "payments-demo": "no-id-but-a-slug",
    "5a9ae95f-6a76-43ca-8661-0e01154a218e": DATA["organization"]["id"],
    "d9950800-44e2-4165-85bc-979ac13828af": identity_named("wizard-admin").client_id,
    "7b9edeb0-d882-4e37-b5a9-dbf103f5ab27": identity_named("lockout").client_id,
    "6c643f75-be9b-470f-9d73-7c5c48891902": identity_named("short-ttl").client_id,
    "fc250009-2584-45d7-b405-2b40c8d2dc30": identity_named("expired-secret").client_id,
    "http://user:pw@supabase.test:8090": "https://user:pw@api.supabase.com",
    "http://supabase.test:8090": "https://api.supabase.com",
    "sbp_bad": sandbox_token("0401"),
    "sbp_forbidden": sandbox_token("0403"),
    "sbp_500": sandbox_token("0500"),
    "sbp_limited": sandbox_token("0429"),
    "sbp_hang": sandbox_token("0504"),
    "sbp_slow_2": sandbox_token("0504"),
    "sbp_ok_pad": sandbox_token(),
    "sbp_ok_new": sandbox_token("8910"),
    "sbp_ok_1": sandbox_token(),
    "4238af2d-d4c2-48fb-b0f2-c1f722bd3443": PAYMENTS_ID,
    "2eaff0b9-1980-40c1-a846-c00309603433": PAYMENTS_ID,
    "%2Fapp": "%2F",
    "%2Fempty": "%2Fedge%2Fnew",
    '"/app"': '"/shared"',
    '"/app/"': '"/shared/"',
    "abcdefghijklmnopqrst": "webshopproductionabc",
    "qrstuvwxyzabcdefghij": "webshopstagingabcdef",
    "b22ad0c8-a45e-4503-8231-dd36a3b2e786": PAYMENTS_ID,
    "1fbf1448-39f4-4239-8d4f-7fa9f1637870": "0b11d7a2-0000-4000-8000-000000000001",
    "5e3e121d-7712-44b8-bb5f-536dacaf0e77": "0a11d7a2-0000-4000-8000-000000000002",
    **dict.fromkeys(
        (
            "81b0e0e2-7491-4c10-ab39-6996ce31b5c6",
            "d8b03397-8541-4f7d-bdd1-de929fd6adb6",
            "9f34c6ff-69cd-4406-9c6e-048ddc247da8",
            "4ae338a6-bdc3-4f69-8364-e1c6f13f04cd",
            "5eb6573d-63df-4d0f-953b-08c2ef497eed",
        ),
        "0a11d7a2-0000-4000-8000-000000000001",
    ),
}

# The connection that was read, changed and deleted in the recording was made by an exchange that was not kept.
CREATED_ID = "adb321fa-eccb-491a-98b9-d58994355946"
SAME_CONNECTION = {
    "2b2bb38c-c163-48f1-9714-b9dda8f52b7e": CREATED_ID,
    "2d084d0d-21c4-4bf6-8322-8ef581158872": CREATED_ID,
    "a2c9803a-ec20-4815-b831-40f466bf2aad": CREATED_ID,
    "7f98dc93-e7d9-40a1-bbc3-223f9540a5bc": CREATED_ID,
    "e9c5c1a6-b60f-4f2f-9a8a-3bbae885115a": EXCHANGES["create-same-name-other-project"]["response"]["body"][
        "appConnection"
    ]["id"],
    "51b9532b-20f1-4e55-a16e-b1a56f2a9a20": CREATED_ID,
    "f3dda85b-e3f0-4580-ae37-038cb5236103": CREATED_ID,
}


@dataclass(frozen=True, kw_only=True)
class Replay:
    """One recorded exchange: what went before it, and what the recording leaves out.

    `after` are exchanges that are sent first. `wait` is how many seconds pass before this one. `secret` and
    `bearer` stand for a client secret and an Authorization header that were not written down. `token_of` is the
    identity whose access token a body carries. `stand_ins` are more stand-ins for this one alone.
    """

    case: str
    after: tuple[str, ...] = ()
    wait: float = 0
    secret: str | None = None
    bearer: str | None = None
    token_of: str = "wizard-admin"
    stand_ins: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.case


def replays(*cases: str) -> tuple[Replay, ...]:
    return tuple(Replay(case=case) for case in cases)


MALFORMED_PARTS = "eyJhbGciOiJub25lIn0.eyJleHAiOjF9."
CREATED = ("create-ok",)
LOCKED = ("ua-lockout-bad-1", "ua-lockout-bad-2", "ua-lockout-bad-3")
WRONG = "a made-up wrong secret"

LOGIN = (
    *replays("ua-login-ok", "ua-login-unknown-client-id-uuid", "ua-login-client-id-not-uuid"),
    *replays(
        "ua-login-empty-strings", "ua-login-missing-secret", "ua-login-empty-object", "ua-login-wrong-types"
    ),
    *replays("ua-login-malformed-json", "ua-login-empty-body-json-ct"),
    *replays("ua-login-json-array", "ua-login-whitespace-trimmed", "ua-login-trailing-slash"),
    *replays("ua-login-get-method", "ua-login-short-ttl", "ua-login-second", "secretttl-login-expired"),
    Replay(case="ua-login-bad-secret", secret=WRONG),
    Replay(case="ua-lockout-bad-1", secret=WRONG),
    Replay(case="ua-lockout-bad-2", secret=WRONG, after=LOCKED[:1]),
    Replay(case="ua-lockout-bad-3", secret=WRONG, after=LOCKED[:2]),
    Replay(case="ua-lockout-bad-4", secret=WRONG, after=LOCKED),
    Replay(case="ua-lockout-good-while-locked", after=LOCKED),
    Replay(case="ua-lockout-good-after-duration", after=LOCKED, wait=301),
    Replay(case="login-after-identity-deleted"),
)

TOKENS = (
    *replays("get-no-auth-header", "projects-list-no-auth", "create-no-auth", "create-no-auth-invalid-body"),
    Replay(case="get-garbage-token", bearer="Bearer garbage"),
    Replay(case="create-garbage-token", bearer="Bearer garbage"),
    Replay(case="get-garbage-three-part-token", bearer="Bearer a.b.c"),
    Replay(case="get-alg-none-token", bearer=f"Bearer {MALFORMED_PARTS}"),
    Replay(case="get-bad-signature-token", bearer=f"Bearer {MALFORMED_PARTS}AAAA"),
    Replay(case="get-basic-auth", bearer="Basic bWFkZTp1cA=="),
    Replay(case="get-bearer-empty", bearer="Bearer "),
    Replay(case="get-service-token-form", bearer="Bearer st.aaaa.bbbb.cccc"),
    Replay(case="get-short-ttl-fresh"),
    Replay(case="get-expired-token", after=("get-short-ttl-fresh",), wait=6),
    Replay(case="post-expired-token", after=("get-short-ttl-fresh",), wait=6),
    Replay(case="token-renew-ok", token_of="short-ttl"),
    Replay(case="token-renew-expired", after=("get-short-ttl-fresh",), wait=6, token_of="short-ttl"),
    Replay(case="token-renew-30d"),
    Replay(case="token-renew-garbage"),
    Replay(case="token-renew-empty"),
    Replay(case="token-revoke"),
    Replay(case="get-revoked-token", after=("token-revoke",)),
    Replay(case="token-renew-revoked", after=("token-revoke",)),
)

ELSEWHERE = (
    *replays("status", "not-found-route", "wrong-base-post", "double-api", "create-app-unknown"),
    *replays("projects-v1-projects", "projects-v1-projects-type", "projects-v1-projects-lowpriv"),
    *replays("projects-v1-projects-projonly", "projects-v1-projects-noproj", "projects-v1-project-by-id"),
    *replays("projects-v1-project-unknown", "projects-v1-project-by-id-noproj", "projects-identity-details"),
    *replays("options", "options-project"),
)

CREATE = (
    *replays("create-ok", "create-ok-minimal-no-description", "create-doc-field-accesstoken-only"),
    *replays(
        "create-both-accesskey-and-accesstoken", "create-both-accesskey-bad", "create-url-trailing-slash"
    ),
    *replays("create-url-with-path", "create-url-not-url", "create-url-no-scheme", "create-url-empty"),
    *replays("create-url-null", "create-url-userinfo", "create-url-localhost", "create-url-dns-fail"),
    *replays("create-conn-refused", "create-private-ip-10-blocked", "create-metadata-ip-blocked"),
    *replays("create-localhost-blocked", "create-ipv6-loopback-blocked"),
    Replay(
        case="create-private-ip-blocked", stand_ins={"http://supabase.test:8090": "http://192.168.7.20:8090"}
    ),
    *replays("create-name-empty", "create-name-spaces", "create-name-uppercase", "create-name-underscore"),
    *replays("create-name-leading-hyphen", "create-name-double-hyphen", "create-name-padded"),
    *replays("create-name-one-char", "create-name-digits", "create-name-digit-then-letters"),
    *replays("create-name-unicode", "create-name-64", "create-name-65", "create-name-missing"),
    *replays(
        "create-name-number", "create-name-null", "create-desc-255", "create-desc-256", "create-desc-257"
    ),
    *replays("create-desc-256-padded", "create-desc-null", "create-desc-empty", "create-desc-multiline-html"),
    *replays("create-no-projectid-org-scope", "create-projectid-unknown-uuid", "create-projectid-non-uuid"),
    *replays("create-projectid-null", "create-projectid-number", "create-key-empty", "create-key-spaces"),
    *replays("create-key-256", "create-key-padded", "create-key-missing", "create-credentials-missing"),
    *replays("create-credentials-string", "create-credentials-null", "create-method-wrong"),
    *replays("create-method-missing", "create-app-in-body", "create-unknown-extra-field"),
    *replays("create-isplatformmanaged-false", "create-gatewayid-null"),
    *replays("create-empty-object", "create-invalid-json", "create-empty-body", "create-xml-content-type"),
    *replays(
        "create-lowpriv-project-viewer", "create-lowpriv-org-scope", "create-lowpriv-not-member-project"
    ),
    *replays("create-lowpriv-bad-body", "create-projonly-own-project", "create-projonly-other-project"),
    *replays("create-projonly-org-scope", "create-noproj-unknown-project", "create-supabase-sbp-bad"),
    *replays("create-supabase-sbp-forbidden", "create-supabase-sbp-500"),
    *replays("slow-429-forever", "slow-hang-300s", "create-client-timeout-3s"),
    Replay(case="create-dup-same-project", after=CREATED),
    Replay(case="create-dup-same-project-bad-key", after=CREATED),
    Replay(case="create-same-name-other-project", after=CREATED),
    Replay(case="create-same-name-org-scope", after=CREATED),
    Replay(case="race-same-name-0", after=("race-same-name-2",)),
    Replay(case="ghost-retry-create", after=("create-client-timeout-3s",), wait=91),
)

STORED = (
    *replays("list-supabase-project", "list-supabase-no-projectid", "list-supabase-unknown-project"),
    *replays("list-supabase-nonuuid-project", "list-supabase-empty-project", "list-supabase-lowpriv-org"),
    *replays("list-supabase-noproj", "get-by-id-unknown", "get-by-id-nonuuid"),
    *replays("get-by-name-unknown", "get-by-name-unknown-org", "patch-unknown-id", "delete-nonuuid"),
    *replays("available", "available-lowpriv"),
    Replay(case="available-org", after=("create-same-name-org-scope",)),
    Replay(case="get-by-id", after=("create-name-digits",)),
    Replay(case="get-by-id-lowpriv", after=("create-name-digits",)),
    Replay(case="get-by-name-project", after=CREATED),
    Replay(case="get-by-name-org", after=("create-same-name-org-scope",)),
    Replay(case="ghost-lookup-right-after-timeout", after=("create-client-timeout-3s",)),
    Replay(case="ghost-lookup-later", after=("create-client-timeout-3s",), wait=91),
    Replay(case="patch-rename", after=CREATED),
    Replay(case="patch-description", after=CREATED),
    Replay(case="patch-description-null", after=CREATED),
    Replay(case="patch-description-256", after=CREATED),
    Replay(case="patch-credentials-ok", after=CREATED),
    Replay(case="patch-credentials-bad", after=CREATED),
    Replay(case="patch-name-taken", after=("create-ok", "patch-rename", "create-ok")),
    Replay(case="patch-name-bad", after=CREATED),
    Replay(case="patch-with-method-and-projectid", after=CREATED),
    Replay(case="patch-lowpriv", after=CREATED),
    Replay(case="delete-lowpriv", after=CREATED),
    Replay(case="delete-ok", after=CREATED),
)

CHANGED = (
    *(
        Replay(case=f"patch connection: {what}", after=CREATED)
        for what in (
            "name only",
            "empty body",
            "description only",
            "description null",
            "description 257 chars",
            "rename to taken name",
            "rename to the name of an org-level connection",
            "name not a slug",
            "credentials, supabase answers 401",
            "credentials without accessKey (only instanceUrl)",
            "credentials {}",
            "credentials accessToken instead of accessKey",
            "method and projectId (ignored?)",
            "unknown id",
            "malformed id",
        )
    ),
    Replay(case="patch connection (lowpriv)", after=CREATED),
    *replays("delete connection: unknown id", "delete connection: malformed id"),
    Replay(case="delete connection (lowpriv)", after=CREATED),
    Replay(case="delete connection: JSON content-type with an empty body", after=CREATED),
    Replay(case="delete connection ok", after=CREATED),
    Replay(case="delete connection twice", after=("create-ok", "delete connection ok")),
    Replay(case="delete connection in use", after=("list syncs of destination",)),
    Replay(case="delete connection once no sync is left", after=CREATED),
    *replays("list syncs of destination", "list syncs (lowpriv)", "list syncs, no projectId"),
    Replay(case="list syncs of project 2 (lowpriv, not a member)"),
)

# The syncs that were read, changed, run and deleted in the recording, by how they were made.
S1 = ("create-ok", "create sync (auto, disableSecretDeletion true)")
S1_CHANGED = (
    *S1,
    "patch sync: disableSecretDeletion false",
    "patch sync: rename + description null",
)
MANUAL = ("create-ok", "create sync, auto off")
GHOST = ("create-ok", "create sync, unknown project ref (accepted; job fails)")
OF_TMPF = ("create-ok", "create folder /tmpf", "create sync of /tmpf")
FOLDER_GONE = (*OF_TMPF, "delete folder /tmpf")

SYNCS = (
    *replays("environment-folder-tree", "environment-folder-tree not a member (lowpriv, project 2)"),
    Replay(
        case="secret names at a path (v4, no values)", stand_ins={"secretPath=%2F&": "secretPath=%2Fshared&"}
    ),
    *replays("names at /app with includeImports=true"),
    *replays("names at /app with includeImports=false", "names at /app (outsider)", "names at unknown path"),
    *replays("names at an empty folder"),
    Replay(case="supabase projects of connection (identity token)", after=CREATED),
    Replay(case="supabase projects of an org-level connection (user JWT)", after=CREATED),
    Replay(case="supabase projects, unknown connection (user JWT)"),
    *(
        Replay(case=case, after=CREATED)
        for case in EXCHANGES
        if re.match(r"create sync(?!.*(/tmpf|no token|of project 2|leading slash|import-prio))", case)
    ),
    Replay(
        case="create sync, secret path without leading slash",
        after=CREATED,
        stand_ins={'"secretPath": "app"': '"secretPath": "shared"'},
    ),
    Replay(
        case="create sync, connection of project 2",
        after=("create-ok", "create-same-name-other-project"),
    ),
    *replays("create sync, no token", "sync-create-missing-all"),
    Replay(case="get sync after success", after=S1, wait=5),
    Replay(case="get sync (lowpriv)", after=S1, wait=5),
    Replay(case="get sync by name", after=S1, wait=5),
    *replays("get sync unknown id", "get sync malformed id"),
    Replay(case="get sync after failure (unknown ref)", after=GHOST, wait=50),
    Replay(case="get sync whose folder is gone", after=FOLDER_GONE),
    Replay(case="check-destination, same destination", after=S1),
    Replay(case="check-destination, other projectName", after=S1),
    Replay(case="sync-create-dup-name", after=("create-ok", "sync-create-dup-name")),
    Replay(case="patch sync: disableSecretDeletion false", after=S1, wait=5),
    Replay(case="patch sync: rename + description null", after=S1_CHANGED[:-1], wait=10),
    Replay(case="patch sync: empty body", after=S1_CHANGED, wait=10),
    Replay(case="patch sync: syncOptions without initialSyncBehavior", after=S1),
    Replay(case="patch sync: unknown path", after=S1),
    Replay(case="patch sync (lowpriv)", after=S1),
    *replays("sync-secrets unknown id"),
    Replay(case="patch sync: environment only, path absent there", after=FOLDER_GONE),
    Replay(case="patch sync: unknown environment", after=FOLDER_GONE),
    Replay(case="patch sync: destinationConfig without projectName", after=OF_TMPF),
    Replay(case="patch sync: keySchema bad", after=OF_TMPF),
    Replay(
        case="patch sync: rename to taken name",
        after=(*OF_TMPF, "create sync auto on, /app to payments-staging"),
    ),
    Replay(case="sync-secrets (lowpriv)", after=S1),
    Replay(case="sync-secrets", after=S1_CHANGED, wait=10),
    Replay(case="sync-secrets again at once", after=(*S1_CHANGED, "sync-secrets"), wait=10),
    Replay(case="sync-secrets of the manual sync", after=MANUAL),
    Replay(case="sync-secrets, folder is gone", after=FOLDER_GONE),
    Replay(case="sync-secrets, JSON content-type and no body", after=OF_TMPF),
    Replay(case="sync-secrets, JSON content-type and {}", after=OF_TMPF),
    Replay(case="delete sync (lowpriv)", after=MANUAL),
    Replay(case="delete sync removeSecrets=true", after=MANUAL),
    Replay(case="get sync after removal", after=(*MANUAL, "delete sync removeSecrets=true"), wait=2),
    Replay(
        case="delete sync plain",
        after=("create-ok", "create sync without isAutoSyncEnabled (default?)"),
        wait=5,
    ),
)

NATIVE = (
    Replay(case="list integrations, none yet", stand_ins={PAYMENTS_ID: WEBSHOP_ID}),
    *replays("get integration-auth", "get integration-auth unknown id", "list integrations"),
    *replays("list integrations (wizard-lowpriv)", "list integrations (outsider)"),
    *replays("list integrations (anonymous)", "list integrations of an unknown project"),
    *replays("list integrations (permissions: secrets only)"),
    *replays("get integration (/app, prefix and suffix)", "get integration (lowpriv viewer)"),
    *replays("get integration (outsider)", "get integration unknown id"),
    *replays("get integration after its failed sync (60.7 s after creation: 5 attempts)"),
    *replays("update integration: isActive false with secretPath"),
    *replays("update integration: isActive false WITHOUT secretPath (secretPath falls back to /)"),
    Replay(
        case="update integration: metadata prefix changed (merged), secretPath given",
        stand_ins={'"/shared"': '"/reports"'},
    ),
    *replays("update integration (lowpriv viewer)", "update integration unknown id"),
    Replay(
        case="update integration, unknown path",
        stand_ins={"0a11d7a2-0000-4000-8000-000000000002": "0a11d7a2-0000-4000-8000-000000000001"},
    ),
    *replays("update integration (permissions: all on integrations, none on secrets)"),
    *replays("delete integration (lowpriv viewer)", "delete integration, no parameter"),
    *replays("delete integration, shouldDeleteIntegrationSecrets=false"),
    Replay(
        case="get integration after deletion",
        after=("delete integration, shouldDeleteIntegrationSecrets=false",),
    ),
    *replays("delete integration, JSON content-type with an empty body"),
    *replays("delete integration (only permission: integrations read)"),
    *replays("delete integration (permissions: all on integrations, none on secrets)"),
)


class Replayer:
    """Sends recorded requests to a sandbox, stand-ins for recorded values, and keeps what ids became.

    `tokens` are access tokens by the names of identities; those that are needed and not there are added.
    """

    def __init__(self, sandbox: RunningSandbox, tokens: dict[str, str]) -> None:
        self.sandbox = sandbox
        self._tokens = tokens
        self._ids: dict[str, str] = {}

    def send(self, replay: Replay) -> httpx.Response | None:
        """The answer; None where the socket closed without one."""
        exchange = EXCHANGES[replay.case]
        try:
            with self.sandbox.client() as client:
                answer = client.send(self._request(client, exchange["request"], replay))
        except httpx.RemoteProtocolError:
            return None
        self._learn(exchange["response"]["body"], answer)
        return answer

    def standing_in(self, text: str, replay: Replay) -> str:
        for recorded, ours in (SAME_CONNECTION | STAND_INS | self._ids | replay.stand_ins).items():
            text = text.replace(recorded, ours)
        return text

    def _request(self, client: httpx.Client, recorded: dict[str, Any], replay: Replay) -> httpx.Request:
        headers = {}
        if recorded["authorization"] == "bearer":
            headers["Authorization"] = replay.bearer or f"Bearer {self._token(recorded['as'])}"
        body = recorded["body"]
        content = None if body is None else body if isinstance(body, str) else json.dumps(body)
        if content is not None:
            headers["Content-Type"] = _content_type(replay.case)
            content = self._with_credential(self.standing_in(content, replay), replay)
        path = self.standing_in(recorded["path"], replay)
        return client.build_request(recorded["method"], path, content=content, headers=headers)

    def _with_credential(self, content: str, replay: Replay) -> str:
        logging_in = next((identity for identity in IDENTITIES if identity.client_id in content), None)
        secret = replay.secret or (logging_in.client_secret if logging_in else WRONG)
        content = content.replace("<client secret>", secret)
        if "<access token>" in content:
            content = content.replace("<access token>", self._token(replay.token_of))
        return content

    def _token(self, name: str) -> str:
        if name not in self._tokens:
            as_person = name == "user"
            self._tokens[name] = self.sandbox.sign_in() if as_person else self.sandbox.log_in(name)
        return self._tokens[name]

    def _learn(self, recorded: Any, answer: httpx.Response) -> None:
        if answer.is_success and isinstance(recorded, dict) and "secretSyncs" in recorded:
            given = answer.json()["secretSyncs"][0]["connectionId"]
            self._ids.setdefault(recorded["secretSyncs"][0]["connectionId"], given)
        for thing in ("appConnection", "secretSync", "folder"):
            if answer.is_success and isinstance(recorded, dict) and thing in recorded:
                self._ids.setdefault(recorded[thing]["id"], answer.json()[thing]["id"])


def _content_type(case: str) -> str:
    return "application/xml" if case == "create-xml-content-type" else "application/json"


def keys_of(value: object) -> object:
    """The keys of every object in a JSON value; of a list, those of its first row."""
    if isinstance(value, dict):
        return {key: keys_of(inner) for key, inner in value.items()}
    if isinstance(value, list) and value:
        return [keys_of(value[0])]
    return None


BY_CASE = {
    replay.case: replay
    for replay in (*LOGIN, *TOKENS, *ELSEWHERE, *CREATE, *STORED, *CHANGED, *SYNCS, *NATIVE)
}


@pytest.fixture
def replayer(tmp_path: Path) -> Replayer:
    return Replayer(RunningSandbox(tmp_path / "sandbox.sqlite"), {})


def test_the_sandbox_answers_as_infisical_was_recorded(tmp_path: Path) -> None:
    prepared, tokens = tmp_path / "prepared.sqlite", dict[str, str]()
    prepare_database(prepared)

    def it_does(replay: Replay) -> None:
        # Each begins anew. What is a copy of one file takes the tokens that another copy has given out.
        database = Path(shutil.copy(prepared, tmp_path / f"{replay.case.replace('/', ' ')}.sqlite"))
        replayer = Replayer(RunningSandbox(database), tokens)
        for earlier in replay.after:
            replayer.send(BY_CASE.get(earlier, Replay(case=earlier)))
        replayer.sandbox.clock.advance(replay.wait)

        answer = replayer.send(replay)

        recorded = EXCHANGES[replay.case]["response"]
        if recorded["status"] is None:
            assert answer is None
            return
        assert answer is not None
        assert answer.status_code == recorded["status"]
        assert answer.headers["content-type"] == recorded["headers"]["content-type"]
        if isinstance(recorded["body"], dict):
            expected = json.loads(replayer.standing_in(json.dumps(recorded["body"]), replay))
            assert keys_of(answer.json()) == keys_of(expected)
            given = answer.json()
            if "secretSync" in expected and replay.case != "delete sync removeSecrets=true":
                told = ("syncStatus", "lastSyncMessage", "removeStatus", "isAutoSyncEnabled", "syncOptions")
                for name in told:
                    assert given["secretSync"][name] == expected["secretSync"][name], name
            if not answer.is_success:
                assert (given["error"], given["message"]) == (expected["error"], expected["message"])
                assert ("reqId" in expected) == bool(re.fullmatch(r"req-\w{14}", given.get("reqId", "")))

    holds_for_every(BY_CASE.values(), it_does)


def test_the_apps_on_offer_are_the_recorded_ones_in_the_recorded_order(replayer: Replayer) -> None:
    for case, count in (("options", 73), ("options-project", 62)):
        answer = replayer.send(Replay(case=case))

        assert answer is not None
        assert len(answer.json()["appConnectionOptions"]) == count
        assert answer.json() == EXCHANGES[case]["response"]["body"]


def test_a_created_connection_has_the_recorded_values(replayer: Replayer) -> None:
    answer = replayer.send(Replay(case="create-ok"))

    recorded = EXCHANGES["create-ok"]["response"]["body"]
    expected = json.loads(replayer.standing_in(json.dumps(recorded), Replay(case="create-ok")))[
        "appConnection"
    ]
    assert answer is not None
    created = answer.json()["appConnection"]
    changing = {"id", "createdAt", "updatedAt", "credentialsHash"}
    assert {key: created[key] for key in created.keys() - changing} == {
        key: expected[key] for key in expected.keys() - changing
    }
    assert list(created) == list(expected)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", created["createdAt"])
    assert re.fullmatch(r"[0-9a-f]{64}", created["credentialsHash"])


def test_every_recorded_exchange_about_a_sync_is_replayed() -> None:
    recorded = {row["case"] for row in json.loads(Path(__file__).with_name("syncs.json").read_text("utf-8"))}
    left_out = {
        "check-destination, excluding itself": "in the sandbox another one is there",
        "create sync, initialSyncBehavior import-prioritize-source": "no client sends it",
        "delete sync bad removeSecrets": "likewise",
        "patch sync unknown id": "the sandbox puts an id in quotation marks everywhere",
        "create folder /tmpf": "it stands before others",
        "delete folder /tmpf": "likewise",
        "create sync of /tmpf": "likewise",
        "get sync after failure (token revoked: 401)": "no token of the sandbox is revoked once it was accepted",
        "supabase projects of an org-level connection (user JWT), supabase answers 401: 200 and an empty list": (
            "likewise"
        ),
        "delete sync (clean up 2) #2": "its message is that of a run before",
    }
    assert recorded - BY_CASE.keys() == left_out.keys()


def test_every_recorded_exchange_about_a_native_integration_is_replayed() -> None:
    recorded = {row["case"] for row in json.loads(Path(__file__).with_name("native.json").read_text("utf-8"))}
    left_out = {
        "get integration-auth malformed id": "no client sends it",
        "get integration malformed id": "likewise",
        "delete integration malformed id": "likewise",
        "delete integration, shouldDeleteIntegrationSecrets=maybe": "likewise",
        "delete integration, shouldDeleteIntegrationSecrets=true (not supported for supabase)": "likewise",
        "get integration after that refused delete (still there)": "it was not asked",
        "get integration that has synced (isSynced, syncMessage, lastUsed set in the database as secret-queue.ts does; "
        "api.supabase.com unreachable)": "the same as after the failed one",
        "list integrations after the auth was deleted (all gone)": "the sandbox deletes none",
    }
    assert recorded - BY_CASE.keys() == left_out.keys()


def test_every_recorded_refusal_of_a_create_is_replayed() -> None:
    recorded = {
        case
        for case, exchange in EXCHANGES.items()
        if exchange["request"]["method"] == "POST"
        and exchange["request"]["path"] == "/api/v1/app-connections/supabase"
        and exchange["response"]["status"] not in (200, None)
    }
    left_out = {
        "create-url-omitted-no-internet": "recorded without internet; the sandbox's Supabase Cloud is always there",
        "create-proto-pollution": "no client sends it",
        "create-isplatformmanaged-true": "likewise",
        "create-autorotation-true": "likewise",
        "create-no-content-type": "likewise: the wizard sends JSON and says so",
        "create-formencoded": "likewise",
        "create-ipv6-loopback-allowed-instance": "the sandbox is set up like the instance that refuses",
        "cloud-create-422": "the sandbox has no rate limits, else it is create-name-spaces",
        "cloud-write-429": "the sandbox has no rate limits",
        "race-same-name-1": "the same as race-same-name-0",
        "race-same-name-3": "the same as race-same-name-0",
    }
    assert recorded - BY_CASE.keys() == left_out.keys()
