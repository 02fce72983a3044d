"""The secrets of every way in go through every scenario, and afterwards stand nowhere but where they were sent."""

import contextlib
import json
import pickle
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlencode

import httpx
import pytest
from flask import Flask, Request, Response, got_request_exception
from flask.sessions import SessionInterface, SessionMixin
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import Principal, create_app, mount
from app.auth.id_tokens import OidcError
from app.auth.session import LONGEST_SESSION, Session
from app.config import Settings
from app.core.http import client_secret_basic
from app.core.limits import Limits
from app.core.secret import Encryption, Secret
from app.core.templating import STATIC, TEMPLATES, Pages
from app.infisical.auth import OAuthApplication, UniversalAuth
from app.infisical.client import Infisical
from app.infisical.models import AccessGrant
from app.web.services import EXTENSION
from tests.auth.played_provider import CLIENT_SECRET as PROVIDERS_SECRET
from tests.auth.played_provider import CODE, PlayedProvider
from tests.conftest import FORM, HOST, PROJECT, Clock, Sandbox, new_client, sandbox_in
from tests.identity_providers import RunningProvider, running_provider
from tests.infisical.answers import connection, error, grant, new_connection
from tests.leak_detector import Cage, caged, rendered, spellings
from tests.pages import read_page
from tests.processes import serving
from tests.test_canary import FAULTS, NO_SUCH, Step, echoes, refusals

SUPABASE = 'sbp_canary"A<&>+/=%25\\one'
CRASHES: tuple[Exception, ...] = (httpx.ReadTimeout("x"), RuntimeError("a fault of ours"))
PERSONS_SECRET = 'canary-of-a-person"B<&>+/=%25\\two'
OBTAINED = 'canary.obtained"C<&>+/=%25\\three'
RENEWED = 'canary.renewed"D<&>+/=%25\\four'
PASTED = 'canary.pasted"E<&>+/=%25\\five'
SERVERS_SECRET = 'canary-of-the-server"F<&>+/=%25\\six'
FIRST_KEY = 'canary-of-the-first-key"G<&>+/=%25\\seven-long-enough'
SECOND_KEY = 'canary-of-the-second-key"H<&>+/=%25\\eight-long-enough'
OIDC_SECRET = 'canary-of-oidc"I<&>+/=%25\\nine'
APPLICATIONS_SECRET = 'canary-of-the-application"J<&>+/=%25\\ten'
REDIS_PASSWORD = "canary-of-redis-eleven"

FEW_FAULTS = [
    fault
    if fault in ("timeout after sending", "a crash below the client", "a good token in another shape")
    else pytest.param(fault, marks=pytest.mark.full)
    for fault in FAULTS
]
"""One of each kind: of the network, of ours, and of what is answered. The others belong to the full product."""

CANARIES = {
    name: spellings(secret)
    for name, secret in {
        "the Supabase token": SUPABASE,
        "a person's client secret": PERSONS_SECRET,
        "an obtained access token": OBTAINED,
        "a renewed access token": RENEWED,
        "a pasted access token": PASTED,
        "the server's client secret": SERVERS_SECRET,
        "the first key": FIRST_KEY,
        "the second key": SECOND_KEY,
        "the client secret of single sign-on": OIDC_SECRET,
        "the OAuth application's secret": APPLICATIONS_SECRET,
        "the password of Redis": REDIS_PASSWORD,
        "the secret of the played provider's client": PROVIDERS_SECRET,
    }.items()
}
KEPT_BY_THE_SERVER = {
    "INFISICAL_HOST": HOST,
    "CONNECT_SECRET_KEY": f"{FIRST_KEY},{SECOND_KEY}",
    # Nothing answers there: what is counted is counted in memory, and the log says why.
    "CONNECT_RATE_STORAGE": f"redis://:{REDIS_PASSWORD}@127.0.0.1:9/0",
}
SIGN_IN = {**KEPT_BY_THE_SERVER, "CONNECT_ACCESS": "sign-in"}
PROXY = {
    **KEPT_BY_THE_SERVER,
    "CONNECT_ACCESS": "proxy",
    "CONNECT_PROXY_TRUSTED": "127.0.0.1",
    "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID": "made-up-id",
    "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET": SERVERS_SECRET,
}


@pytest.fixture
def cage(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cage]:
    monkeypatch.chdir(tmp_path)
    with caged(CANARIES, folder=tmp_path, output=capfd) as cage:
        yield cage


def raise_as_network(request: httpx.Request, step: Exception) -> NoReturn:
    """A network's own fault has what was to be sent in the locals of its frames; a fault of ours comes from above it."""
    sending = (request.headers.get("authorization"), request.content.decode())
    if isinstance(step, httpx.TransportError):
        raise type(step)(*step.args)
    del sending
    raise type(step)(*step.args)


def raised_by(call: Callable[[], object]) -> BaseException:
    """What a call raises, without the frames of the test, which knows every secret."""
    try:
        call()
    except (OidcError, RuntimeError) as raised:
        return raised
    raise AssertionError("nothing was raised")


class Played:
    """An Infisical that works, but for what a test puts in the place of one kind of call."""

    KINDS = (
        ("login", "/login$"),
        ("renew", "/renew$"),
        ("revoke", "/revoke$"),
        ("user", "/user$"),
        ("projects", "/api/v1/projects$"),
        ("create", "supabase$"),
    )

    def __init__(self, **steps: httpx.Response | Exception) -> None:
        self.steps = steps
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        kind = next((kind for kind, shape in self.KINDS if re.search(shape, path)), "read")
        self.asked.append(kind)
        step = self.steps.get(kind)
        if isinstance(step, Exception):
            raise_as_network(request, step)
        return step or self._usual(kind, request)

    def _usual(self, kind: str, request: httpx.Request) -> httpx.Response:
        project = {"id": PROJECT, "name": "Payments", "slug": "payments", "orgId": "an-organization"}
        usual: dict[str, Any] = {
            "revoke": {"message": "ok"},
            "user": {"user": {"id": "made-up", "email": "ada@example.com"}},
            "projects": {"projects": [project]},
            "create": {"appConnection": connection()},
        }
        if kind in ("login", "renew"):
            return grant(OBTAINED if kind == "login" else RENEWED, expires_in=600)
        if kind in usual:
            return httpx.Response(200, json=usual[kind])
        if "/projects/" in request.url.path:
            return httpx.Response(200, json={"project": project})
        if "connection-name" in request.url.path:
            return NO_SUCH
        if request.url.path == "/api/status":
            return httpx.Response(200, json={"message": "Ok"})
        options = [{"name": "Supabase", "app": "supabase"}]
        return httpx.Response(200, json={"appConnections": [connection()], "appConnectionOptions": options})


ADDRESSES = (f"127.1.{number // 250}.{number % 250 + 1}" for number in count())
CLIENT_IDS = (str(uuid.UUID(int=number)) for number in count(1))


@contextlib.contextmanager
def faults_of(app: Flask) -> Iterator[list[str]]:
    """The tracebacks, with locals, of what an app meanwhile answers with 500."""
    faults: list[str] = []

    def keep(_app: Flask, exception: Exception) -> None:
        faults.append(rendered(exception))

    with got_request_exception.connected_to(keep, app):
        yield faults


class Walker:
    """A browser that walks the pages, and keeps every answer. It has an address of its own, for sign-ins are counted."""

    def __init__(self, app: Flask, cage: Cage, *, address: str | None = None) -> None:
        self.app = app
        self.client = new_client(app)
        self.client.environ_base["REMOTE_ADDR"] = address or next(ADDRESSES)
        self.cage = cage

    def get(self, url: str, **kwargs: Any) -> TestResponse:
        # Past the rules of pages, which other tests hold and which take long to look at.
        return self.cage.keep_answer(FlaskClient.open(self.client, url, method="GET", **kwargs))

    def post(self, url: str, **data: Any) -> TestResponse:
        headers = {"Sec-Fetch-Site": "same-origin"}
        answer = FlaskClient.open(self.client, url, method="POST", data=data, headers=headers)
        return self.cage.keep_answer(answer)

    def hidden_fields(self, url: str) -> dict[str, str]:
        found = re.findall(r'name="(csrf_token|served|project_id)"[^>]*value="([^"]*)"', self.get(url).text)
        return dict(found)

    def sign_in(self, typed: dict[str, str]) -> TestResponse:
        way = "token" if "infisical_token" in typed else "identity"
        typed = {"client_id": next(CLIENT_IDS), **typed}
        return self.post("/sign-in", way=way, **self.hidden_fields("/sign-in"), **typed)

    def create(self, **typed: str) -> TestResponse:
        filled = {"name": "mine", "description": "", "instance_url": "https://api.supabase.com", **typed}
        hidden = self.hidden_fields(f"{FORM}?project={PROJECT}")
        return self.post(FORM, **hidden, **filled, access_token=SUPABASE, use_anyway="1")

    def look_round(self) -> None:
        for path in ("/", "/connections", "/projects", FORM, "/sign-in", "/readyz", "/no-such-page"):
            self.get(path)

    def sign_out(self) -> None:
        self.post("/sign-out", **self.hidden_fields("/projects"))


IDENTITY = {"client_secret": PERSONS_SECRET}
TOKEN = {"infisical_token": PASTED}


@dataclass
class Wizard:
    """One wizard for many tests: what Infisical answers is changed in `upstream`, the time on `clock`."""

    environ: dict[str, str]
    upstream: Played = field(default_factory=Played)
    clock: Clock = field(default_factory=Clock)

    @cached_property
    def app(self) -> Flask:
        settings = Settings.load({**self.environ, "CONNECT_PREFLIGHT": "off"}, None)
        return create_app(settings, transport=httpx.MockTransport(self.upstream), clock=self.clock)


@pytest.fixture(scope="module")
def with_sign_in() -> Wizard:
    return Wizard(SIGN_IN)


@pytest.fixture
def wizard(with_sign_in: Wizard) -> Wizard:
    with_sign_in.upstream.steps = {}
    with_sign_in.upstream.asked = []
    return with_sign_in


def walk(wizard: Wizard, cage: Cage, typed: dict[str, str]) -> TestResponse:
    """In, round, create, on until the token is renewed, and out, in a new browser."""
    walker = Walker(wizard.app, cage)
    answer = walker.sign_in(typed)
    walker.look_round()
    walker.create()
    wizard.clock.passes(400)
    walker.get("/projects")
    walker.sign_out()
    walker.get("/projects")
    return answer


# ── Signing in ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("typed", [IDENTITY, TOKEN], ids=["identity", "token"])
def test_who_signs_in_works_and_signs_out(wizard: Wizard, cage: Cage, typed: dict[str, str]) -> None:
    assert walk(wizard, cage, typed).status_code == 303
    expected = {"login", "renew", "revoke", "create"} if typed is IDENTITY else {"user", "create"}
    assert expected <= set(wizard.upstream.asked)


@pytest.mark.parametrize(
    ("way", "call"),
    [
        *(("identity", call) for call in ("login", "renew", "revoke", "projects", "create")),
        *(("token", call) for call in ("user", "projects")),
    ],
)
@pytest.mark.parametrize("fault", FEW_FAULTS)
def test_every_fault_of_every_call(wizard: Wizard, cage: Cage, way: str, call: str, fault: str) -> None:
    wizard.upstream.steps = {call: FAULTS[fault]}
    walk(wizard, cage, IDENTITY if way == "identity" else TOKEN)
    assert call in wizard.upstream.asked


@pytest.mark.parametrize("way", list(echoes("x")))
@pytest.mark.parametrize("secret", [PERSONS_SECRET, PASTED], ids=["identity", "token"])
def test_an_infisical_that_says_again_what_somebody_signs_in_with(
    wizard: Wizard, cage: Cage, secret: str, way: str
) -> None:
    for refusal in refusals(echoes(secret)[way]).values():
        wizard.upstream.steps = {"login": refusal, "projects": refusal}
        answer = Walker(wizard.app, cage).sign_in(IDENTITY if secret == PERSONS_SECRET else TOKEN)
        assert answer.status_code >= 400


@pytest.mark.parametrize(
    ("call", "said"),
    [("renew", OBTAINED), ("revoke", OBTAINED), ("projects", OBTAINED), ("create", SUPABASE), ("create", OBTAINED)],
    ids=["renew", "revoke", "projects", "create", "create as whom"],
)  # fmt: skip
@pytest.mark.parametrize("way", ["as it is", "in a URL"])
def test_an_infisical_that_says_the_tokens_again(
    wizard: Wizard, cage: Cage, call: str, said: str, way: str
) -> None:
    for refusal in refusals(echoes(said)[way]).values():
        wizard.upstream.steps = {call: refusal}
        walker = Walker(wizard.app, cage)
        assert walker.sign_in(IDENTITY).status_code == 303
        if call == "renew":
            wizard.clock.passes(400)
        walker.create()
        walker.get("/")
        walker.sign_out()


@pytest.mark.parametrize("way", ["as it is", "in a URL"])
def test_a_secret_in_names_that_infisical_gives(wizard: Wizard, cage: Cage, way: str) -> None:
    said = echoes(PASTED)[way]
    project = {"id": PROJECT, "name": said, "slug": said, "orgId": "an-organization"}
    wizard.upstream.steps = {
        "projects": httpx.Response(200, json={"projects": [project]}),
        "user": httpx.Response(200, json={"user": {"id": "made-up", "email": said}}),
        "read": httpx.Response(200, json={"project": project, "appConnections": [connection(name=said)]}),
    }
    assert walk(wizard, cage, TOKEN).status_code == 303


# ── Behind a proxy ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("user", ["ada@example.com", ""])
def test_behind_a_proxy(cage: Cage, user: str) -> None:
    for step in (None, *FAULTS.values()) if user else (None,):
        walker = behind_a_proxy(cage, Played(**({"login": step} if step else {})), user=user)
        walker.get("/projects")
        walker.create()


@pytest.mark.parametrize("way", ["as it is", "in a URL"])
def test_an_infisical_that_says_the_servers_secret_again_behind_a_proxy(cage: Cage, way: str) -> None:
    for refusal in refusals(echoes(SERVERS_SECRET)[way]).values():
        behind_a_proxy(cage, Played(login=refusal), user="ada").get("/projects")


def behind_a_proxy(cage: Cage, upstream: Played, *, user: str) -> Walker:
    walker = Walker(Wizard(PROXY, upstream).app, cage, address="127.0.0.1")
    walker.client.environ_base["HTTP_X_FORWARDED_USER"] = user
    return walker


# ── Inside another app ─────────────────────────────────────────────────────────────────────────────────────────────


class FullStore(SessionInterface):
    """A host's session that no longer takes a text of this name, as where its store is full."""

    class Held(dict[str, Any], SessionMixin):
        def __init__(self, full: str) -> None:
            self._full = full

        def __setitem__(self, name: str, value: Any) -> None:
            if name == self._full:
                raise RuntimeError("the store of sessions is full")
            super().__setitem__(name, value)

    def __init__(self, full: str) -> None:
        self._full = full

    def open_session(self, app: Flask, request: Request) -> "FullStore.Held":  # noqa: ARG002  # Flask's signature
        return self.Held(self._full)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Nothing is kept beyond the request."""


def mounted(cage: Cage, upstream: Played, *, session: SessionInterface | None = None) -> Walker:
    portal = Flask("portal")
    portal.secret_key = FIRST_KEY
    portal.session_interface = session or portal.session_interface
    server = {name: text for name, text in PROXY.items() if name.startswith("INFISICAL")}
    ada = Principal(subject="ada", name="Ada", way_in="portal")
    mount(
        portal,
        url_prefix="/connect",
        guard=lambda: ada,
        settings=Settings.load_mounted({**server, "CONNECT_PREFLIGHT": "off"}, None),
        transport=httpx.MockTransport(upstream),
    )
    return Walker(portal, cage)


@pytest.mark.parametrize("fault", ["none", *FEW_FAULTS])
def test_inside_another_app(cage: Cage, fault: str) -> None:
    walker = mounted(cage, Played(**({"create": FAULTS[fault]} if fault in FAULTS else {})))
    hidden = walker.hidden_fields(f"/connect{FORM}?project={PROJECT}")
    walker.get("/connect/projects")
    answer = walker.post(f"/connect{FORM}", **hidden, name="mine", access_token=SUPABASE, use_anyway="1")
    assert answer.status_code != 400


def test_inside_another_app_the_traceback_of_a_page_of_ours_holds_no_cookie_of_the_apps(cage: Cage) -> None:
    walker = mounted(cage, Played())
    walker.client.set_cookie("portal", "made-up-session-of-the-app")
    with_broken_pages(walker.app)
    with faults_of(walker.app) as faults:
        assert walker.get("/connect/projects").status_code == 500
    assert "HTTP_HOST" in faults[0]
    assert "made-up-session-of-the-app" not in faults[0]


@pytest.mark.parametrize("full", ["connect.project", "connect_csrf"])
def test_inside_another_app_whose_session_cannot_be_written(cage: Cage, full: str) -> None:
    walker = mounted(cage, Played(), session=FullStore(full))
    with faults_of(walker.app) as faults:
        answer = walker.get(f"/connect{FORM}?project={PROJECT}")
    assert "Something is broken in Infisical Connect" in answer.text
    (fault,) = faults
    cage.keep("an exception", fault)
    assert "the store of sessions is full" in fault


# ── Single sign-on ─────────────────────────────────────────────────────────────────────────────────────────────────

CALLBACK = "http://localhost/sign-in/callback"
ADA = {"sub": "ada", "email": "ada@example.com", "email_verified": True, "groups": ["platform"]}


@pytest.fixture(scope="module")
def provider() -> Iterator[RunningProvider]:
    with running_provider(ADA) as running:
        yield running


@pytest.fixture
def oidc(cage: Cage, provider: RunningProvider, tmp_path: Path) -> Iterator[Callable[..., Sandbox]]:
    made: list[Sandbox] = []

    def make(**environ: str) -> Sandbox:
        client_id, client_secret = registered(provider, cage)
        folder = tmp_path / str(len(made))
        folder.mkdir()
        clock = Clock(now=datetime.now(UTC))
        known = {
            "CONNECT_OIDC_ISSUER": provider.issuer,
            "CONNECT_OIDC_CLIENT_ID": client_id,
            "CONNECT_OIDC_CLIENT_SECRET": client_secret,
            "CONNECT_SECRET_KEY": f"{FIRST_KEY},{SECOND_KEY}",
        }
        made.append(sandbox_in(folder, clock, CONNECT_ACCESS="oidc", **{**known, **environ}))
        return made[-1]

    yield make
    for sandbox in made:
        sandbox.app.extensions[EXTENSION].backend.provider.close()


def begin(walker: Walker) -> str:
    answer = walker.get("/sign-in/company?next=/projects")
    # State and nonce stand in the address, and the verifier in the sealed cookie alone.
    cookie = walker.client.get_cookie("connect-authorization")
    assert cookie is not None
    seal = Encryption((Secret(FIRST_KEY),), purpose="authorization-request", life=LONGEST_SESSION)
    record = seal.loads(cookie.value, now=datetime.now(UTC))
    assert record is not None
    walker.cage.watch("the verifier", record["verifier"])
    return answer.location


def registered(provider: RunningProvider, cage: Cage) -> tuple[str, str]:
    with cage.looking_away():
        client_id, client_secret = provider.registers(CALLBACK)
    cage.watch("the secret of this client", client_secret)
    return client_id, client_secret


def brought_back(walker: Walker, provider: RunningProvider) -> dict[str, str]:
    """What the browser brings back from the provider."""
    url = begin(walker)
    with walker.cage.looking_away():
        return provider.lets_in(url, "ada")


def come_back(walker: Walker, arguments: dict[str, str]) -> TestResponse:
    return walker.get(f"/sign-in/callback?{urlencode(arguments)}")


def sent_to_exchange(sandbox: Sandbox, cage: Cage) -> None:
    """Looks for the ID tokens and access tokens that were sent on."""
    for number, request in enumerate(sandbox.sent):
        held = request.headers.get("authorization", "").partition(" ")[2]
        if held:
            cage.watch(f"what request {number} proved itself with", held)
        if request.url.path == "/api/v1/oauth/token":
            cage.watch(
                f"the ID token of request {number}", parse_qs(request.content.decode())["subject_token"][0]
            )
        cage.keep("a URL that was asked", str(request.url))


@pytest.mark.parametrize(
    "environ",
    [{}, {"CONNECT_OIDC_EXCHANGE": "off", "CONNECT_OIDC_ALLOWED_GROUPS": "platform"}],
    ids=["exchange", "server's own"],
)
def test_who_signs_on_works_and_signs_out(
    oidc: Callable[..., Sandbox], provider: RunningProvider, cage: Cage, environ: dict[str, str]
) -> None:
    sandbox = oidc(**environ)
    walker = Walker(sandbox.app, cage)
    arguments = brought_back(walker, provider)
    cage.watch("the code", arguments["code"])
    answer = come_back(walker, arguments)
    assert (answer.status_code, answer.location) == (303, "/projects")
    walker.look_round()
    walker.create()
    walker.sign_out()
    sent_to_exchange(sandbox, cage)
    assert sandbox.sent


@pytest.mark.parametrize("wrong", ["state", "code", "iss", "error", "nothing"])
def test_an_answer_that_is_refused(
    oidc: Callable[..., Sandbox], provider: RunningProvider, cage: Cage, wrong: str
) -> None:
    sandbox = oidc()
    walker = Walker(sandbox.app, cage)
    arguments = brought_back(walker, provider)
    cage.watch("the code", arguments["code"])
    answer = come_back(walker, {**arguments, wrong: "made-up-and-wrong"} if wrong != "nothing" else {})
    assert answer.status_code in (400, 403)
    assert sandbox.sent == []


def test_a_wrong_secret_at_the_provider(
    oidc: Callable[..., Sandbox], provider: RunningProvider, cage: Cage
) -> None:
    sandbox = oidc(CONNECT_OIDC_CLIENT_SECRET=OIDC_SECRET)
    walker = Walker(sandbox.app, cage)
    answer = come_back(walker, brought_back(walker, provider))
    assert answer.status_code == 502


class SaysAgain(httpx.BaseTransport):
    """An Infisical that answers an exchange with what it was sent, or fails as `step` says."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self.sent: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        token = parse_qs(request.content.decode())["subject_token"][0]
        self.sent += [request.headers["authorization"].partition(" ")[2], token]
        del token
        if isinstance(self._step, Exception):
            raise_as_network(request, self._step)
        said = f"cannot use {' '.join(self.sent)}"
        told = {"error": "invalid_request", "error_description": said, "message": said, "reqId": said}
        headers = {"location": f"https://login.example/?{said}"}
        return httpx.Response(self._step.status_code, json=told, headers=headers)


@pytest.mark.parametrize(
    "step",
    [*(httpx.Response(status) for status in (200, 302, 400, 401, 404, 429, 500, 504)), *CRASHES],
    ids=repr,
)
def test_an_exchange_that_fails_or_says_again_what_it_was_sent(
    cage: Cage, provider: RunningProvider, step: Step
) -> None:
    client_id, client_secret = registered(provider, cage)
    environ = {
        "INFISICAL_HOST": HOST,
        "CONNECT_ACCESS": "oidc",
        "CONNECT_SECRET_KEY": FIRST_KEY,
        "CONNECT_OIDC_ISSUER": provider.issuer,
        "CONNECT_OIDC_CLIENT_ID": client_id,
        "CONNECT_OIDC_CLIENT_SECRET": client_secret,
        "INFISICAL_OAUTH_CLIENT_ID": "made-up-application",
        "INFISICAL_OAUTH_CLIENT_SECRET": APPLICATIONS_SECRET,
    }
    infisical = SaysAgain(step)
    app = create_app(Settings.load(environ, None), transport=infisical)
    walker = Walker(app, cage)
    answer = come_back(walker, brought_back(walker, provider))
    app.extensions[EXTENSION].backend.provider.close()
    assert answer.status_code >= 400
    # The Basic credential of the application is masked as well as the ID token.
    for number, sent in enumerate(infisical.sent):
        cage.watch(f"what was sent {number}", sent)
    assert len(infisical.sent) == 2


@pytest.mark.parametrize("path", ["/token", "/keys"])
@pytest.mark.parametrize("fault", FEW_FAULTS)
def test_what_the_provider_raises_drags_no_secret_behind_it(cage: Cage, path: str, fault: str) -> None:
    played = PlayedProvider()
    attempt = played.client.authorization_request(redirect_uri=CALLBACK)
    played.nonce = attempt.nonce
    cage.watch("the verifier", attempt.verifier.reveal())
    cage.watch("the ID token", played.signed())
    step = FAULTS[fault]

    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(step, Exception):
            raise_as_network(request, step)
        return step

    played.answers[path] = answer
    arguments = {"state": attempt.state, "code": CODE}
    raised = raised_by(lambda: played.client.authenticate(arguments, request=attempt))
    cage.keep("an exception", rendered(raised))


@pytest.mark.parametrize("way", list(echoes("x")))
def test_a_provider_that_says_the_secrets_again(cage: Cage, way: str) -> None:
    played = PlayedProvider()
    attempt = played.client.authorization_request(redirect_uri=CALLBACK)
    verifier = attempt.verifier.reveal()
    cage.watch("the verifier", verifier)
    for secret in (CODE, verifier, PROVIDERS_SECRET):
        for status in (400, 401, 403, 500):
            said = {"error": "invalid_grant", "error_description": echoes(secret)[way]}
            played.answers["/token"] = httpx.Response(status, json=said)
            arguments = {"state": attempt.state, "code": CODE}
            raised = raised_by(lambda: played.client.authenticate(arguments, request=attempt))  # noqa: B023  # called at once
            cage.keep("an exception", rendered(raised))
            assert CODE not in str(vars(raised))


# ── A fault of ours, anywhere ──────────────────────────────────────────────────────────────────────────────────────


class BrokenPages(Pages):
    """Cannot render a page but that of a server error."""

    def render(self, template: str, **context: Any) -> str:
        if template == "problem.html" and context["problem"].status == 500:
            return super().render(template, **context)
        raise RuntimeError(f"{template} fell over")


def with_broken_pages(app: Flask) -> None:
    portal = app.extensions[EXTENSION]
    app.extensions[EXTENSION] = replace(portal, pages=BrokenPages(templates=TEMPLATES, static=STATIC))


@pytest.mark.parametrize("typed", [IDENTITY, TOKEN], ids=["identity", "token"])
def test_a_page_that_falls_over(cage: Cage, typed: dict[str, str]) -> None:
    refused = error(401, "UnauthorizedError", "Invalid credentials")
    wizard = Wizard(SIGN_IN, Played(login=refused, projects=refused))
    walker = Walker(wizard.app, cage)
    hidden = walker.hidden_fields("/sign-in")
    with_broken_pages(wizard.app)
    way = "token" if typed is TOKEN else "identity"
    assert walker.post("/sign-in", way=way, client_id="made-up", **hidden, **typed).status_code == 500


@pytest.mark.parametrize("typed", [IDENTITY, TOKEN], ids=["identity", "token"])
def test_a_page_that_falls_over_for_somebody_signed_in(cage: Cage, typed: dict[str, str]) -> None:
    wizard = Wizard(SIGN_IN)
    walker = Walker(wizard.app, cage)
    walker.sign_in(typed)
    hidden = walker.hidden_fields(f"{FORM}?project={PROJECT}")
    with_broken_pages(wizard.app)
    assert walker.get("/projects").status_code == 500
    assert walker.post(FORM, **hidden, name="No Slug", access_token=SUPABASE).status_code == 500


@pytest.mark.parametrize(
    "header",
    [
        "Authorization",
        "X-Forwarded-Access-Token",
        "Cf-Access-Jwt-Assertion",
        "X-Pomerium-Jwt-Assertion",
    ],
)
def test_what_a_proxy_hands_on_of_a_person_stands_in_no_traceback(cage: Cage, header: str) -> None:
    walker = behind_a_proxy(cage, Played(), user="ada")
    with_broken_pages(walker.app)
    assert walker.get("/projects", headers={header: f"_oauth2_proxy={PASTED}"}).status_code == 500


@pytest.mark.parametrize("path", ["/projects", "/nowhere"])
def test_the_traceback_of_a_page_that_falls_over_holds_nothing_that_opens_the_pages(
    cage: Cage, path: str
) -> None:
    wizard = Wizard(SIGN_IN)
    walker = Walker(wizard.app, cage)
    walker.sign_in(IDENTITY)
    walker.get(f"{FORM}?project={PROJECT}")
    with_broken_pages(wizard.app)
    with faults_of(wizard.app) as faults:
        assert walker.get(path).status_code == 500
    (fault,) = faults
    assert "HTTP_HOST" in fault
    for name in ("connect", "connect-sign-in"):
        cookie = walker.client.get_cookie(name)
        assert cookie is not None
        assert cookie.value not in fault


def test_a_page_that_falls_over_when_the_provider_answers(
    oidc: Callable[..., Sandbox], provider: RunningProvider, cage: Cage
) -> None:
    walker = Walker(oidc().app, cage)
    arguments = {**brought_back(walker, provider), "error": "access_denied"}
    with_broken_pages(walker.app)
    # The code, which is good once and with the verifier alone, stands in the address, and so in the traceback.
    assert walker.get(f"/sign-in/callback?{urlencode(arguments)}").status_code == 500


@pytest.mark.parametrize("typed", [IDENTITY, TOKEN], ids=["identity", "token"])
def test_an_audit_log_that_is_full(cage: Cage, typed: dict[str, str]) -> None:
    assert walk(Wizard({**SIGN_IN, "CONNECT_AUDIT_LOG": "/dev/full"}), cage, typed).status_code == 303


def test_tokens_that_no_cookie_can_hold(wizard: Wizard, cage: Cage) -> None:
    wizard.upstream.steps = {"login": grant(OBTAINED + "x" * 4000, expires_in=600)}
    assert walk(wizard, cage, IDENTITY).status_code == 502
    wizard.upstream.steps = {"renew": grant(RENEWED + "x" * 4000, expires_in=600)}
    assert walk(wizard, cage, IDENTITY).status_code == 303
    assert walk(wizard, cage, {"infisical_token": PASTED + "x" * 4000}).status_code == 422


# ── Objects ────────────────────────────────────────────────────────────────────────────────────────────────────────


def session_of(token: str) -> Session:
    now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    return Session(
        token=Secret(token),
        host=HOST,
        subject="s",
        name="n",
        way_in="sign-in",
        began_at=now,
        obtained_at=now,
        expires_at=now,
    )


def holders() -> dict[str, Any]:
    """Every object that carries a secret."""
    played = PlayedProvider()
    asked = played.client.authorization_request(redirect_uri=CALLBACK)
    played.nonce = asked.nonce
    answer = {"state": asked.state, "code": CODE}
    secret = Secret(SERVERS_SECRET)
    application = OAuthApplication(client_id="a", client_secret=Secret(APPLICATIONS_SECRET))
    settings = Settings.load({**PROXY, "CONNECT_RATE_STORAGE": KEPT_BY_THE_SERVER["CONNECT_RATE_STORAGE"]}, None)  # fmt: skip
    app = create_app(Settings.load(SIGN_IN, None))
    return {
        "Settings": settings,
        "Encryption": Encryption((Secret(FIRST_KEY),), purpose="p", life=LONGEST_SESSION),
        "Session": session_of(OBTAINED),
        "AccessGrant": AccessGrant.model_validate(json.loads(grant(OBTAINED).content)),
        "NewConnection": new_connection(access_token=Secret(SUPABASE)),
        "UniversalAuth": UniversalAuth(client_id="c", client_secret=secret),
        "OAuthApplication": application,
        "Authorization": client_secret_basic(application.client_id, application.client_secret),
        "Infisical": Infisical(HOST, auth=Secret(OBTAINED), transport=httpx.MockTransport(Played())),
        "IdentityProvider": played.client,
        "AuthorizationRequest": asked,
        "OidcUser": played.client.authenticate(answer, request=asked),
        "Limits": Limits(storage=Secret(KEPT_BY_THE_SERVER["CONNECT_RATE_STORAGE"])),
        "LoginBackend": app.extensions[EXTENSION].backend,
        "EncryptedCookie": app.extensions[EXTENSION].backend.cookie,
        "Services": app.extensions[EXTENSION],
        "Secret": secret,
    }  # fmt: skip


PICKLABLE = ("Encryption", "EncryptedCookie", "LoginBackend", "Services")
"""What holds keys in the objects of libraries. None of it leaves the process, and nothing here pickles."""


def test_what_carries_a_secret_does_not_show_it(cage: Cage) -> None:
    for name, holder in holders().items():
        attributes = getattr(holder, "__dict__", {})
        for shown in (repr(holder), str(holder), format(holder), f"{holder!r:>9}", repr(attributes)):
            cage.keep(f"a {name} as it is printed", shown)


def test_what_carries_a_secret_is_neither_pickled_nor_written_as_json() -> None:
    for name, holder in holders().items():
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1) if name not in PICKLABLE else ():
            with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
                pickle.dumps(holder, protocol)
        with pytest.raises(TypeError):
            json.dumps(holder)
        if hasattr(holder, "model_dump_json"):
            with pytest.raises(ValueError, match="Unable to serialize"):
                holder.model_dump_json()


def test_what_signs_and_can_be_pickled_holds_none_of_the_servers_keys(cage: Cage) -> None:
    app = create_app(Settings.load(SIGN_IN, None))
    session = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]  # Flask's own has one
    signer = app.extensions[EXTENSION]._signer("served")
    assert not set(session.secret_keys) & set(signer.secret_keys)
    for held in (session, signer):
        cage.keep("a signer's keys", repr(held.secret_keys))


# ── A real server ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.full
def test_a_real_server_says_nothing_of_who_signs_in(cage: Cage, tmp_path: Path) -> None:
    settings = {
        "CONNECT_SANDBOX": "on",
        "CONNECT_ACCESS": "sign-in",
        "CONNECT_SECRET_KEY": f"{FIRST_KEY},{SECOND_KEY}",
        "CONNECT_AUDIT_LOG": "audit.log",
    }
    with serving("--data", str(tmp_path / "sandbox.sqlite"), folder=tmp_path, settings=settings) as served:
        with httpx.Client(base_url=served.url, trust_env=False) as browser:
            for typed in (
                IDENTITY,
                TOKEN,
                {"client_id": PERSONS_SECRET, "client_secret": PERSONS_SECRET},
            ):
                form = "token-form" if typed is TOKEN else "identity-form"
                hidden = read_page(browser.get("/sign-in").text).hidden_fields(form)
                answer = browser.post("/sign-in", data={**hidden, **typed})
                assert answer.status_code == 422
                if typed is not TOKEN:
                    cage.keep("an answer", f"{answer.text if typed is IDENTITY else ''}{answer.headers}")
        # httpx itself logs the URLs that it asks for, in this process.
        asking = HTTPConnection(served.url.removeprefix("http://"))
        asking.request("GET", f"/sign-in/callback?code={CODE}&state=x")
        answered = asking.getresponse()
        cage.keep("an answer to a code", f"{answered.read()!r}{answered.headers}")
        asking.close()
        left = served.stop()
    cage.keep("what the server printed", left.stdout + left.stderr)
    assert "/sign-in" in left.stdout
    assert '"action":"sign-in"' in (tmp_path / "audit.log").read_text()
