"""The client of Infisical's API: one method per endpoint, each answer a frozen model or an InfisicalError."""

import contextlib
import copy
from collections.abc import Callable, Mapping
from functools import partial, reduce
from operator import getitem
from types import TracebackType
from typing import Any, Self, TypedDict, TypeVar, Unpack
from urllib.parse import quote, urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from ..config import Settings
from ..core.http import (
    Answer,
    Authorization,
    Deadline,
    Fault,
    HttpClient,
    HttpError,
    NetworkTransport,
    certificates,
    client_secret_basic,
)
from ..core.secret import Secret
from .auth import OAuthApplication, TokenAuth, UniversalAuth
from .errors import (
    InfisicalError,
    LoginRefused,
    NoAnswer,
    NotFound,
    NotInfisical,
    Unreachable,
    error_from_answer,
    error_from_exchange,
    error_from_login,
)
from .models import (
    AccessGrant,
    AppOption,
    Connection,
    ExchangedToken,
    NewConnection,
    Organization,
    Project,
    User,
)

LOGIN_PATH = "/api/v1/auth/universal-auth/login"
RENEW_PATH = "/api/v1/auth/token/renew"
_REVOKE_PATH = "/api/v1/auth/token/revoke"
_EXCHANGE_PATH = "/api/v1/oauth/token"
_CONNECTIONS = "/api/v1/app-connections"

_READING = 10.0
_LOGGING_IN = 15.0
_ALL_TOGETHER = 30.0
"""Seconds, where the caller names no deadline."""

_KINDS: dict[Fault, type[NoAnswer | NotInfisical]] = {
    Fault.LATE: NoAnswer,
    Fault.CLOSED: NoAnswer,
    Fault.COMPRESSED: NotInfisical,
    Fault.TOO_LONG: NotInfisical,
}
"""What a fault means once the request was sent; before that nothing was."""

_Model = TypeVar("_Model", bound=BaseModel)


class _Request(TypedDict, total=False):
    """What a request is made of, as `HttpClient.send` takes it."""

    params: Mapping[str, str]
    json: Callable[[], dict[str, Any]]
    form: Callable[[], dict[str, str]]
    longest: float
    auth: Authorization


class Infisical:
    """Speaks to one Infisical as one identity. Safe to share between threads, made once per process.

    Without `auth` it may only log in, and `acting_with` makes of it one that acts for somebody. Every method raises
    an InfisicalError. Times are seconds: a read takes at most 10, a log-in 15, a create as long as its deadline
    allows. Nothing is sent twice, save the one call that Infisical refused for a token that had run out: it
    authenticates before it does anything else (recorded exchange create-no-auth-invalid-body), so that the first one
    did nothing.
    """

    def __init__(
        self, base_url: str, *, auth: TokenAuth | UniversalAuth | None, transport: httpx.BaseTransport
    ) -> None:
        self.base_url = base_url
        self._auth = auth
        self._hidden = auth.secrets if auth else ()
        self._http = HttpClient(transport)

    @classmethod
    def from_settings(cls, settings: Settings, *, transport: httpx.BaseTransport | None = None) -> Self:
        """The client that acts with the server's own credential, over the network unless another transport is given.

        It logs in with Universal Auth, or sends the Infisical access token that was given.
        """
        if settings.host is None:
            raise ValueError("INFISICAL_HOST is not set")
        auth: TokenAuth | UniversalAuth
        if settings.client_id is not None and settings.client_secret is not None:
            auth = UniversalAuth(client_id=settings.client_id, client_secret=settings.client_secret)
        elif settings.token is not None:
            auth = TokenAuth(settings.token)
        else:
            raise ValueError("no credential is set")
        network = transport or NetworkTransport(certificates(ca_bundle=settings.ca_bundle))
        return cls(settings.host, auth=auth, transport=network)

    def acting_with(self, token: Secret) -> Self:
        """The same client with somebody's Infisical access token: its own rights, the same network connections."""
        acting = copy.copy(self)
        acting._auth = TokenAuth(token)  # noqa: SLF001  # it is this very class
        return acting

    @property
    def host(self) -> str:
        """The host name of Infisical, with a port that is not the usual one: what people know it by."""
        return urlsplit(self.base_url).netloc

    def status(self) -> None:
        """Returns when Infisical answers as Infisical does; needs no credential."""
        answer = self._ask("GET", "/api/status")
        if not isinstance(answer.payload, dict) or "message" not in answer.payload:
            raise NotInfisical("Its status is of another shape.")

    def log_in(
        self, *, client_id: str, client_secret: Secret, deadline: Deadline | None = None
    ) -> AccessGrant:
        """What Infisical gives a machine identity for its credential (Universal Auth). LoginRefused says why not."""
        answer = self._ask(
            "POST",
            LOGIN_PATH,
            json=lambda: {"clientId": client_id, "clientSecret": client_secret.reveal()},
            deadline=deadline,
            longest=_LOGGING_IN,
            redact=(client_secret,),
            read_error=error_from_login,
        )
        return _model(AccessGrant, answer)

    def renew(self, token: Secret, *, deadline: Deadline | None = None) -> AccessGrant:
        """A fresh access token of the same log-in, up to its maximum life (recorded exchange token-renew-ok)."""
        answer = self._ask(
            "POST",
            RENEW_PATH,
            json=lambda: {"accessToken": token.reveal()},
            deadline=deadline,
            longest=_LOGGING_IN,
            redact=(token,),
        )
        return _model(AccessGrant, answer)

    def revoke(self, token: Secret) -> None:
        """Ends the log-in that the access token comes from (recorded exchange token-revoke)."""
        self._ask(
            "POST",
            _REVOKE_PATH,
            json=lambda: {"accessToken": token.reveal()},
            deadline=Deadline.after(5.0),
            redact=(token,),
        )

    def exchange(self, id_token: Secret, *, application: OAuthApplication) -> AccessGrant:
        """An access token with the rights of the person whose ID token this is (RFC 8693); it cannot be renewed.

        SignOnRefused where Infisical does not take the person, LoginRefused where it does not take the application.
        From its documentation; none was recorded. It says that `scope`, `audience`, `resource` and `actor_token` are
        each answered with an error.
        """
        answer = self._ask(
            "POST",
            _EXCHANGE_PATH,
            form=lambda: {
                "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                "subject_token": id_token.reveal(),
                "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
            },
            longest=_LOGGING_IN,
            auth=client_secret_basic(application.client_id, application.client_secret),
            redact=(id_token, application.client_secret),
            read_error=error_from_exchange,
        )
        return _model(ExchangedToken, answer).to_grant()

    def user(self) -> User:
        """The person whose token this is. From Infisical's source; identities are refused, with 401 or 403."""
        return _model(User, self._call("GET", "/api/v1/user"), "user")

    def projects(self) -> tuple[Project, ...]:
        """The secret-management projects that the caller is a member of, by name."""
        answer = self._call("GET", "/api/v1/projects", params={"type": "secret-manager"})
        return tuple(
            sorted(_models(Project, answer, "projects"), key=lambda project: project.name.casefold())
        )

    def project(self, project_id: str, *, deadline: Deadline | None = None) -> Project:
        """One project. NotFound where there is none, NotAMember where the caller is not in it."""
        answer = self._call("GET", f"/api/v1/projects/{_segment(project_id)}", deadline=deadline)
        return _model(Project, answer, "project")

    def organization(self) -> Organization:
        """The caller's organization. Infisical answers this to machine identities only."""
        answer = self._call("GET", "/api/v1/identities/details")
        return _model(Organization, answer, "identityDetails", "organization")

    def connections(
        self, project_id: str | None, *, deadline: Deadline | None = None
    ) -> tuple[Connection, ...]:
        """The connections of a project, or with None the organization's own, of every app, by name.

        Without a project Infisical lists every project's as well, as was recorded; those are left out.
        """
        answer = self._call("GET", _CONNECTIONS, params=_scope(project_id), deadline=deadline)
        found = _models(Connection, answer, "appConnections")
        here = (connection for connection in found if connection.project_id == project_id)
        return tuple(sorted(here, key=lambda connection: connection.name.casefold()))

    def options(self, project_id: str | None) -> tuple[AppOption, ...]:
        """The apps that Infisical can connect to, in a project or in the organization."""
        params = {} if project_id is None else {"projectType": "secret-manager"}
        answer = self._call("GET", f"{_CONNECTIONS}/options", params=params)
        return _models(AppOption, answer, "appConnectionOptions")

    def connection(self, app: str, connection_id: str) -> Connection:
        """One connection by its app and its id."""
        answer = self._call("GET", f"{_CONNECTIONS}/{_segment(app)}/{_segment(connection_id)}")
        return _model(Connection, answer, "appConnection")

    def connection_named(
        self, app: str, name: str, *, project_id: str | None, deadline: Deadline | None = None
    ) -> Connection | None:
        """The connection of that app and name in that scope, or None.

        None just after a create without an answer proves nothing: Infisical may still be at work.
        """
        path = f"{_CONNECTIONS}/{_segment(app)}/connection-name/{_segment(name)}"
        try:
            answer = self._call("GET", path, params=_scope(project_id), deadline=deadline)
        except NotFound as missing:
            if missing.missing != "connection":
                raise
            return None
        return _model(Connection, answer, "appConnection")

    def create(self, new: NewConnection, *, deadline: Deadline) -> Connection:
        """Creates a connection, after Infisical has tried its credentials with the app.

        NoAnswer means that the outcome is unknown, never that it failed: Infisical closes the socket at 100 s, goes
        on, and may store the connection minutes later (recorded exchanges slow-429-forever, ghost-lookup-later).
        """
        answer = self._call(
            "POST",
            f"{_CONNECTIONS}/{_segment(new.app)}",
            json=new.to_json,
            deadline=deadline,
            longest=3600.0,
            redact=new.secrets,
        )
        return _model(Connection, answer, "appConnection")

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def _call(
        self,
        method: str,
        path: str,
        *,
        deadline: Deadline | None = None,
        redact: tuple[Secret, ...] = (),
        **request: Unpack[_Request],
    ) -> Answer:
        """Asks as whom this client acts for."""
        deadline = deadline or Deadline.after(_ALL_TOGETHER)
        ask = partial(self._ask, method, path, deadline=deadline, redact=redact, **request)
        if self._auth is None:
            return ask()
        token = self._auth.token(self, deadline=deadline)
        try:
            return ask(auth=Authorization("Bearer", token))
        except LoginRefused as refused:
            # A token that has expired, was revoked or is used up (get-expired-token, get-revoked-token, numuses-call-3).
            if refused.status not in (401, 403) or not self._auth.replaces(token, deadline=deadline):
                raise
        return ask(auth=Authorization("Bearer", self._auth.token(self, deadline=deadline)))

    def _ask(
        self,
        method: str,
        path: str,
        *,
        deadline: Deadline | None = None,
        redact: tuple[Secret, ...] = (),
        read_error: Callable[[Answer], InfisicalError] = error_from_answer,
        **request: Unpack[_Request],
    ) -> Answer:
        failure: InfisicalError
        request.setdefault("longest", _READING)
        try:
            answer = self._http.send(
                method,
                self.base_url + path,
                deadline=deadline or Deadline.after(_ALL_TOGETHER),
                redact=(*self._hidden, *redact),
                **request,
            )
        except HttpError as error:
            kind = _KINDS.get(error.fault, Unreachable)
            failure = kind("Infisical did not answer." if kind is NoAnswer else error.fault.value)
        else:
            if 200 <= answer.status < 300 and answer.payload is not None:
                return answer
            failure = read_error(answer)
        raise failure


def _segment(text: str) -> str:
    """The text as one segment of a path; dots too, for "." and ".." would lead elsewhere."""
    return quote(text, safe="").replace(".", "%2E")


def _scope(project_id: str | None) -> dict[str, str]:
    return {} if project_id is None else {"projectId": project_id}


def _model(model: type[_Model], answer: Answer, *keys: str) -> _Model:
    """What stands in the answer under these keys. Raised outside the block: a ValidationError's frames hold it."""
    with contextlib.suppress(ValidationError, KeyError, TypeError):
        return model.model_validate(reduce(getitem, keys, answer.payload))
    raise NotInfisical(f"Its answer holds no readable {keys[-1] if keys else 'grant'}.")


def _models(model: type[_Model], answer: Answer, key: str) -> tuple[_Model, ...]:
    with contextlib.suppress(ValidationError, KeyError, TypeError):
        if isinstance(answer.payload[key], list):
            return tuple(model.model_validate(row) for row in answer.payload[key])
    raise NotInfisical(f"Its answer holds no readable {key}.")
