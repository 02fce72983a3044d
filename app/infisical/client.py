"""The client of Infisical's API: one method per endpoint, each answer a frozen model or an InfisicalError."""

import contextlib
import copy
import socket
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from ..config import Settings
from ..core.http import Deadline, masked, network_transport, private_client, read_json
from ..core.secret import Secret
from .auth import (
    EXCHANGE_PATH,
    LOGIN_PATH,
    RENEW_PATH,
    OAuthApplication,
    TokenAuth,
    UniversalAuth,
    as_login_refusal,
    exchange_form,
    timeouts,
)
from .errors import (
    InfisicalError,
    Missing,
    NoAnswer,
    NotFound,
    NotInfisical,
    Reach,
    Unreachable,
    error_from_answer,
    error_from_exchange,
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

THREADS = 16
"""Connections kept per client: at least as many as a worker has threads, so that none waits for another's."""

_READING = 10.0
_LOGGING_IN = 15.0
_REVOKE_PATH = "/api/v1/auth/token/revoke"
_CONNECTIONS = "/api/v1/app-connections"

_Model = TypeVar("_Model", bound=BaseModel)


class Infisical:
    """Speaks to one Infisical as one identity. Safe to share between threads, made once per process.

    Without `auth` it may only log in, and `acting_with` makes of it one that acts for somebody. Every method raises
    an InfisicalError. Times are seconds: a read takes at most 10, a log-in 15, a create as long as its deadline
    allows. Nothing is sent twice, save the one call that Infisical refused for a token that had run out (see
    UniversalAuth).
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: httpx.Auth | None,
        transport: httpx.BaseTransport,
        redact: tuple[Secret, ...] = (),
    ) -> None:
        self.base_url = base_url
        self._auth = auth
        self._hidden = redact
        self._http = private_client(transport)

    @classmethod
    def from_settings(cls, settings: Settings, *, transport: httpx.BaseTransport | None = None) -> Self:
        """The client that acts with the server's own credential, over the network unless another transport is given.

        It logs in with Universal Auth, or sends the Infisical access token that was given.
        """
        base_url = settings.host
        if base_url is None:
            raise ValueError("INFISICAL_HOST is not set")
        transport = transport or reach(base_url, ca_bundle=settings.ca_bundle)
        if settings.client_id is not None and settings.client_secret is not None:
            auth = UniversalAuth(
                base_url=base_url, client_id=settings.client_id, client_secret=settings.client_secret
            )
            return cls(base_url, auth=auth, transport=transport, redact=(settings.client_secret,))
        if settings.token is not None:
            return cls(
                base_url, auth=TokenAuth(settings.token), transport=transport, redact=(settings.token,)
            )
        raise ValueError("no credential is set")

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
        told = self._call("GET", "/api/status", anonymous=True)
        if not isinstance(told, dict) or "message" not in told:
            raise NotInfisical("Its status is of another shape.")

    def log_in(self, *, client_id: str, client_secret: Secret) -> AccessGrant:
        """What Infisical gives a machine identity for its credential (Universal Auth). LoginRefused says why not."""
        failure: InfisicalError
        try:
            grant = _grant(
                self._call(
                    "POST",
                    LOGIN_PATH,
                    body=lambda: {"clientId": client_id, "clientSecret": client_secret.reveal()},
                    longest=_LOGGING_IN,
                    redact=(client_secret,),
                    anonymous=True,
                )
            )
        except InfisicalError as error:
            failure = as_login_refusal(error)
        else:
            return _known(grant, answer_to="log-in")
        raise failure

    def renew(self, token: Secret) -> AccessGrant:
        """A fresh access token of the same log-in, up to its maximum life (recorded exchange token-renew-ok)."""
        body = lambda: {"accessToken": token.reveal()}  # noqa: E731  # made inside the call, see `_call`
        grant = _grant(
            self._call("POST", RENEW_PATH, body=body, redact=(token,), longest=_LOGGING_IN, anonymous=True)
        )
        return _known(grant, answer_to="log-in")

    def revoke(self, token: Secret) -> None:
        """Ends the log-in that the access token comes from (recorded exchange token-revoke)."""
        body = lambda: {"accessToken": token.reveal()}  # noqa: E731  # likewise
        self._call(
            "POST", _REVOKE_PATH, body=body, deadline=Deadline.after(5.0), redact=(token,), anonymous=True
        )

    def exchange(self, id_token: Secret, *, application: OAuthApplication) -> AccessGrant:
        """An access token with the rights of the person whose ID token this is; it cannot be renewed.

        SignOnRefused where Infisical does not take the person, LoginRefused where it does not take the application.
        From its documentation; none was recorded.
        """
        grant = _exchanged(
            self._call(
                "POST",
                EXCHANGE_PATH,
                form=lambda: exchange_form(id_token),
                longest=_LOGGING_IN,
                redact=(id_token, application.client_secret),
                auth=application.auth(),
                refused=error_from_exchange,
            )
        )
        return _known(grant, answer_to="exchange")

    def user(self) -> User:
        """The person whose token this is. From Infisical's source; identities are refused, with 401 or 403."""
        return _one(User, self._call("GET", "/api/v1/user"), "user")

    def projects(self) -> tuple[Project, ...]:
        """The secret-management projects that the caller is a member of, by name."""
        told = self._call("GET", "/api/v1/projects", params={"type": "secret-manager"})
        return tuple(sorted(_each(Project, told, "projects"), key=lambda project: project.name.casefold()))

    def project(self, project_id: str, *, deadline: Deadline | None = None) -> Project:
        """One project. NotFound where there is none, NotAMember where the caller is not in it."""
        told = self._call("GET", f"/api/v1/projects/{_segment(project_id)}", deadline=deadline)
        return _one(Project, told, "project")

    def organization(self) -> Organization:
        """The caller's organization. Infisical answers this to machine identities only."""
        told = self._call("GET", "/api/v1/identities/details")
        details = told.get("identityDetails") if isinstance(told, dict) else None
        return _one(Organization, details, "organization")

    def connections(
        self, project_id: str | None, *, deadline: Deadline | None = None
    ) -> tuple[Connection, ...]:
        """The connections of a project, or with None the organization's own, of every app, by name.

        Without a project Infisical lists every project's as well (recorded exchange list-supabase-no-projectid);
        those are left out.
        """
        told = self._call("GET", _CONNECTIONS, params=_scope(project_id), deadline=deadline)
        rows = _each(Connection, told, "appConnections")
        return tuple(
            sorted((row for row in rows if row.project_id == project_id), key=lambda row: row.name.casefold())
        )

    def options(self, project_id: str | None) -> tuple[AppOption, ...]:
        """The apps that Infisical can connect to, in a project or in the organization."""
        params = {} if project_id is None else {"projectType": "secret-manager"}
        return _each(
            AppOption, self._call("GET", f"{_CONNECTIONS}/options", params=params), "appConnectionOptions"
        )

    def connection(self, app: str, connection_id: str) -> Connection:
        """One connection by its app and its id."""
        path = f"{_CONNECTIONS}/{_segment(app)}/{_segment(connection_id)}"
        return _one(Connection, self._call("GET", path), "appConnection")

    def connection_named(
        self, app: str, name: str, *, project_id: str | None, deadline: Deadline | None = None
    ) -> Connection | None:
        """The connection of that app and name in that scope, or None.

        None just after a create without an answer proves nothing: Infisical may still be at work.
        """
        path = f"{_CONNECTIONS}/{_segment(app)}/connection-name/{_segment(name)}"
        try:
            told = self._call("GET", path, params=_scope(project_id), deadline=deadline)
        except NotFound as missing:
            if missing.missing is not Missing.CONNECTION:
                raise
            return None
        return _one(Connection, told, "appConnection")

    def create(self, new: NewConnection, *, deadline: Deadline) -> Connection:
        """Creates a connection, after Infisical has tried its credentials with the app.

        NoAnswer means that the outcome is unknown, never that it failed: Infisical closes the socket at 100 s, goes
        on, and may store the connection minutes later (recorded exchanges slow-429-forever, ghost-lookup-later).
        """
        path = f"{_CONNECTIONS}/{_segment(new.app)}"
        told = self._call(
            "POST", path, body=new.to_json, deadline=deadline, longest=3600.0, redact=new.secrets
        )
        return _one(Connection, told, "appConnection")

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
        params: Mapping[str, str] | None = None,
        body: Callable[[], dict[str, Any]] | None = None,
        deadline: Deadline | None = None,
        longest: float = _READING,
        redact: tuple[Secret, ...] = (),
        anonymous: bool = False,
        form: Callable[[], dict[str, str]] | None = None,
        auth: httpx.Auth | None = None,
        refused: Callable[[int, Mapping[str, str], object], InfisicalError] = error_from_answer,
    ) -> object:
        deadline = deadline or Deadline.after(3 * _READING)
        request = self._http.build_request(
            method,
            self.base_url + path,
            params=params,
            json=body() if body else None,
            data=form() if form else None,
            extensions={
                "timeout": timeouts(deadline, longest=longest),
                "deadline": deadline,
                "longest": longest,
            },
        )
        response = self._send(request, auth=auth or (None if anonymous else self._auth))
        redact = (*self._hidden, *redact)
        told = read_json(response, redact=redact)
        if response.is_success:
            if told is None:
                raise NotInfisical(
                    "It answered with something that is not JSON.", status=response.status_code
                )
            return told
        if response.status_code < 400:
            raise NotInfisical(masked(_redirect(response), redact), status=response.status_code)
        raise refused(response.status_code, response.headers, told)

    def _send(self, request: httpx.Request, *, auth: httpx.Auth | None) -> httpx.Response:
        failure: InfisicalError
        try:
            return self._http.send(request, auth=auth)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            failure = Unreachable(_reach(error))
        except (httpx.DecodingError, httpx.UnsupportedProtocol) as error:
            failure = NotInfisical(f"Its answer could not be read: {error}.")
        except httpx.TransportError:
            failure = NoAnswer("Infisical did not answer.")
        if isinstance(failure, NoAnswer) and auth is not None and not request.extensions.get("sent"):
            failure = Unreachable(Reach.LOGIN)
        # Raised outside the except block, so that __context__ is empty: the frames below httpx hold the request's
        # body, and with it the access token, in their locals.
        raise failure


def reach(base_url: str, *, ca_bundle: Path | None) -> httpx.BaseTransport:
    """The network towards an Infisical. Unreachable when the proxy that the environment names cannot be used."""
    with contextlib.suppress(ValueError, ImportError):
        return network_transport(base_url, ca_bundle=ca_bundle, connections=THREADS)
    raise Unreachable(Reach.PROXY)


def _grant(told: object) -> AccessGrant | None:
    with contextlib.suppress(ValidationError):
        return AccessGrant.model_validate(told)
    return None


def _exchanged(told: object) -> AccessGrant | None:
    with contextlib.suppress(ValidationError):
        return ExchangedToken.model_validate(told).to_grant()
    return None


def _known(grant: AccessGrant | None, *, answer_to: str) -> AccessGrant:
    """Raised where no frame has the answer in its locals, and with it a token that is good."""
    if grant is None:
        raise NotInfisical(f"The {answer_to} was answered, not in Infisical's way.")
    return grant


def _segment(text: str) -> str:
    """The text as one segment of a path; dots too, for "." and ".." would lead elsewhere."""
    return quote(text, safe="").replace(".", "%2E")


def _scope(project_id: str | None) -> dict[str, str]:
    return {} if project_id is None else {"projectId": project_id}


def _one(model: type[_Model], told: object, key: str) -> _Model:
    with contextlib.suppress(ValidationError, KeyError, TypeError):
        return model.model_validate(told[key])  # type: ignore[index]  # anything else is caught
    raise NotInfisical(f"Its answer holds no readable {key}.")


def _each(model: type[_Model], told: object, key: str) -> tuple[_Model, ...]:
    with contextlib.suppress(ValidationError, KeyError, TypeError):
        rows = told[key]  # type: ignore[index]  # likewise
        if isinstance(rows, list):
            return tuple(model.model_validate(row) for row in rows)
    raise NotInfisical(f"Its answer holds no readable {key}.")


def _reach(error: BaseException) -> Reach:
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return Reach.TIMEOUT
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return Reach.NAME
        if isinstance(cause, ssl.SSLError):
            return Reach.TLS
        if isinstance(cause, ConnectionRefusedError):
            return Reach.REFUSED
        cause = cause.__cause__ or cause.__context__
    return Reach.OTHER


def _redirect(response: httpx.Response) -> str:
    """Names the host that a redirect leads to, and nothing else of its address."""
    try:
        host = urlsplit(response.headers.get("location", "")).hostname
    except ValueError:
        host = None
    return f"It redirects to {host[:100]}." if host else "It redirects elsewhere."
