"""The client of Infisical's API: one method per endpoint, each answer a frozen model or an InfisicalError."""

import copy
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial, reduce
from typing import Any, Self, TypeVar, cast
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError, create_model

from ..config import Settings
from ..core.http import Answer, Authorization, Deadline, Fault, HttpClient, HttpError, client_secret_basic
from ..core.network import NetworkTransport, certificates
from ..core.secret import Secret
from . import errors, models
from .auth import OAuthApplication, UniversalAuth

LOGIN_PATH = "/api/v1/auth/universal-auth/login"
RENEW_PATH = "/api/v1/auth/token/renew"
_CONNECTIONS = "/api/v1/app-connections"

_READING = 10.0
_LOGGING_IN = 15.0
_ALL_TOGETHER = 30.0
"""Seconds, where the caller names no deadline."""

_Model = TypeVar("_Model")


def network(settings: Settings) -> NetworkTransport:
    """The network to Infisical, with the authorities that the settings trust there."""
    return NetworkTransport(certificates(ca_bundle=settings.ca_bundle, besides=[settings.authorities]))


class Infisical:
    """Speaks to one Infisical as one identity. Safe to share between threads, made once per process.

    `auth` is an access token, or what logs in. Without it this may only log somebody in, and `acting_with` makes of it
    one that acts for them. Every method raises an InfisicalError. Times are seconds: a read takes at most 10, a log-in
    15, a create as long as its deadline allows. Nothing is sent twice, save the one call that Infisical refused for a
    token that had run out: it authenticates before it does anything else (recorded exchange
    create-no-auth-invalid-body), so that the first one did nothing.
    """

    def __init__(
        self, base_url: str, *, auth: Secret | UniversalAuth | None, transport: httpx.BaseTransport
    ) -> None:
        self.base_url = base_url
        self._auth = auth
        self._http = HttpClient(transport)

    @classmethod
    def from_settings(cls, settings: Settings, *, transport: httpx.BaseTransport | None = None) -> Self:
        """The client that acts with the server's own credential: it logs in with Universal Auth, or sends the Infisical
        access token that was given. Raises ValueError where the settings name neither."""
        auth: Secret | UniversalAuth | None = settings.token
        if settings.client_id and settings.client_secret:
            auth = UniversalAuth(client_id=settings.client_id, client_secret=settings.client_secret)
        if not settings.hosts or auth is None:
            raise ValueError("no host or no credential is set")
        return cls(settings.hosts[0], auth=auth, transport=transport or network(settings))

    def acting_with(self, token: Secret) -> Self:
        """The same client with somebody's Infisical access token: its own rights, the same network connections."""
        acting = copy.copy(self)
        acting._auth = token  # noqa: SLF001  # it is this very class
        return acting

    def status(self) -> None:
        """Returns when Infisical answers as Infisical does; needs no credential."""
        answer = self._ask("GET", "/api/status")
        if not isinstance(answer.payload, dict) or "message" not in answer.payload:
            raise errors.NotInfisical("Its status is of another shape.")

    def log_in(
        self, *, client_id: str, client_secret: Secret, deadline: Deadline | None = None
    ) -> models.AccessGrant:
        """What Infisical gives a machine identity for its credential (Universal Auth). LoginRefused says why not."""
        answer = self._ask(
            "POST",
            LOGIN_PATH,
            json=lambda: {"clientId": client_id, "clientSecret": client_secret.reveal()},
            deadline=deadline,
            longest=_LOGGING_IN,
            redact=(client_secret,),
            read_error=errors.error_from_login,
        )
        return read(models.AccessGrant, answer)

    def renew(self, token: Secret, *, deadline: Deadline | None = None) -> models.AccessGrant:
        """A fresh access token of the same log-in, up to its maximum life (recorded exchange token-renew-ok)."""
        return read(models.AccessGrant, self._post_token(RENEW_PATH, token, deadline=deadline))

    def revoke(self, token: Secret) -> None:
        """Ends the log-in that the access token comes from (recorded exchange token-revoke)."""
        self._post_token("/api/v1/auth/token/revoke", token, deadline=Deadline.after(5.0))

    def exchange(self, id_token: Secret, *, application: OAuthApplication) -> models.AccessGrant:
        """An access token with the rights of the person whose ID token this is (RFC 8693); it cannot be renewed.

        SignOnRefused where Infisical does not take the person, LoginRefused where it does not take the application.
        From its documentation; none was recorded. It says that `scope`, `audience`, `resource` and `actor_token` are
        each answered with an error.
        """
        answer = self._ask(
            "POST",
            "/api/v1/oauth/token",
            form=lambda: {
                "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                "subject_token": id_token.reveal(),
                "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
            },
            longest=_LOGGING_IN,
            auth=client_secret_basic(application.client_id, application.client_secret),
            redact=(id_token, application.client_secret),
            read_error=errors.error_from_exchange,
        )
        return read(models.ExchangedToken, answer)

    def user(self) -> models.User:
        """The person whose token this is. From Infisical's source; identities are refused, with 401 or 403."""
        return read(models.User, self.call("GET", "/api/v1/user"), "user")

    def projects(self) -> tuple[models.Project, ...]:
        """The secret-management projects that the caller is a member of, by name."""
        answer = self.call("GET", "/api/v1/projects", params={"type": "secret-manager"})
        found = read(tuple[models.Project, ...], answer, "projects")
        return tuple(sorted(found, key=lambda project: project.name.casefold()))

    def project(self, project_id: str, *, deadline: Deadline | None = None) -> models.Project:
        """One project. NotFound where there is none, NotAMember where the caller is not in it."""
        answer = self.call("GET", f"/api/v1/projects/{segment(project_id)}", deadline=deadline)
        return read(models.Project, answer, "project")

    def organization_id(self) -> str:
        """The ID of the caller's organization. Infisical answers this to machine identities only."""
        answer = self.call("GET", "/api/v1/identities/details")
        return read(models.Id, answer, "identityDetails", "organization", "id")

    def connections(
        self, project_id: str | None, *, deadline: Deadline | None = None
    ) -> tuple[models.Connection, ...]:
        """The connections of a project, or with None the organization's own, of every app, by name.

        Without a project Infisical lists every project's as well, as was recorded; those are left out.
        """
        answer = self.call("GET", _CONNECTIONS, params=_scope(project_id), deadline=deadline)
        found = read(tuple[models.Connection, ...], answer, "appConnections")
        here = (connection for connection in found if connection.project_id == project_id)
        return tuple(sorted(here, key=lambda connection: connection.name.casefold()))

    def roles(self, project_id: str, subject: str = "app-connections") -> dict[str, frozenset[str] | None]:
        """The machine identity's own roles in a project by their slugs, and what each lets it do to a subject, such as
        "create" App Connections: None where that cannot be read, or depends on conditions. A person's rights stand
        together under "own". Empty where nothing can be read. From Infisical's documentation and source; no exchange was
        recorded."""
        auth = self._auth
        if isinstance(auth, UniversalAuth):
            auth = auth.token(self, deadline=Deadline.after(_ALL_TOGETHER))
        caller, path = models.read_claims(auth or Secret("")), f"/api/v1/projects/{segment(project_id)}"
        found: dict[str, frozenset[str] | None] = {}
        if caller.kind == "person":
            with suppress(errors.InfisicalError):
                answer = self.call("GET", f"{path}/permissions")
                every = read(tuple[models.Rule, ...], answer, "data", "permissions")
                found["own"] = models.allowed(every, subject)
        if caller.kind != "identity" or caller.subject is None:
            return found
        with suppress(errors.InfisicalError):
            answer = self.call("GET", f"{path}/memberships/identities/{segment(caller.subject)}")
            roles = read(tuple[models.Role, ...], answer, "identityMembership", "roles")
            found |= dict.fromkeys(role.custom or role.role for role in roles)
        for slug in found:
            with suppress(errors.InfisicalError):
                answer = self.call("GET", f"{path}/roles/slug/{segment(slug)}")
                every = read(tuple[models.Rule, ...], answer, "role", "permissions")
                found[slug] = models.allowed(every, subject)
        return found

    def options(self, project_id: str | None) -> tuple[models.AppOption, ...]:
        """The apps that Infisical can connect to, in a project or in the organization."""
        params = {} if project_id is None else {"projectType": "secret-manager"}
        answer = self.call("GET", f"{_CONNECTIONS}/options", params=params)
        return read(tuple[models.AppOption, ...], answer, "appConnectionOptions")

    def connection(self, app: str, connection_id: str) -> models.Connection:
        """One connection by its app and its id."""
        return self._connection("GET", app, connection_id)

    def connection_named(
        self, app: str, name: str, *, project_id: str | None, deadline: Deadline | None = None
    ) -> models.Connection | None:
        """The connection of that app and name in that scope, or None.

        None just after a create without an answer proves nothing: Infisical may still be at work.
        """
        path, params = (app, "connection-name", name), _scope(project_id)
        try:
            return self._connection("GET", *path, params=params, deadline=deadline)
        except errors.NotFound as missing:
            if missing.missing != "connection":
                raise
            return None

    def create(self, new: models.NewConnection, *, deadline: Deadline) -> models.Connection:
        """Creates a connection, after Infisical has tried its credentials with the app.

        NoAnswer means that the outcome is unknown, never that it failed: Infisical closes the socket at 100 s, goes
        on, and may store the connection minutes later (recorded exchanges slow-429-forever, ghost-lookup-later).
        """
        return self._connection("POST", new.app, deadline=deadline, **_sent(new))

    def change(
        self, app: str, connection_id: str, change: models.ConnectionChange, *, deadline: Deadline
    ) -> models.Connection:
        """Changes a connection, after Infisical has tried new credentials with the app.

        NoAnswer means that the outcome is unknown, as for `create`; and so does ServerFailed, for a 500 was recorded
        although the change was written (patch connection through other app).
        """
        return self._connection("PATCH", app, connection_id, deadline=deadline, **_sent(change))

    def delete(self, app: str, connection_id: str, *, deadline: Deadline) -> models.Connection:
        """Deletes a connection, and returns what it was. InUse where a sync uses it, NotFound where it is gone.

        Nothing says that the empty body is JSON, which is answered 500 (delete connection: JSON content-type …).
        """
        return self._connection("DELETE", app, connection_id, deadline=deadline)

    def close(self) -> None:
        self._http.close()

    def _connection(self, method: str, *path: str, **request: Any) -> models.Connection:
        answer = self.call(method, "/".join((_CONNECTIONS, *map(segment, path))), **request)
        return read(models.Connection, answer, "appConnection")

    def _post_token(self, path: str, token: Secret, *, deadline: Deadline | None) -> Answer:
        return self._ask(
            "POST",
            path,
            json=lambda: {"accessToken": token.reveal()},
            deadline=deadline,
            longest=_LOGGING_IN,
            redact=(token,),
        )

    def call(self, method: str, path: str, *, deadline: Deadline | None = None, **request: Any) -> Answer:
        """Asks as whom this client acts for. `request` is what `HttpClient.send` takes."""
        deadline = deadline or Deadline.after(_ALL_TOGETHER)
        ask = partial(self._ask, method, path, deadline=deadline, **request)
        if not isinstance(self._auth, UniversalAuth):
            return ask(auth=Authorization("Bearer", self._auth) if self._auth else None)
        token = self._auth.token(self, deadline=deadline)
        try:
            return ask(auth=Authorization("Bearer", token))
        except errors.LoginRefused as error:
            # A token that has expired, was revoked or is used up (get-expired-token, get-revoked-token, numuses-call-3).
            if error.status not in (401, 403):
                raise
        another = self._auth.token(self, deadline=deadline, refused=token)
        return ask(auth=Authorization("Bearer", another))

    def _ask(
        self,
        method: str,
        path: str,
        *,
        deadline: Deadline | None = None,
        longest: float = _READING,
        redact: tuple[Secret, ...] = (),
        read_error: Callable[[Answer], errors.InfisicalError] = errors.error_from_answer,
        **request: Any,
    ) -> Answer:
        failure: errors.InfisicalError
        own = (self._auth.client_secret,) if isinstance(self._auth, UniversalAuth) else ()
        try:
            answer = self._http.send(
                method,
                self.base_url + path,
                deadline=deadline or Deadline.after(_ALL_TOGETHER),
                longest=longest,
                redact=(*redact, *own),
                **request,
            )
        except HttpError as error:
            if error.proxy:
                failure = errors.Unreachable(str(error), proxy=error.proxy)
            elif error.fault in (Fault.LATE, Fault.CLOSED):
                failure = errors.NoAnswer("Infisical did not answer.")
            elif error.fault in (Fault.COMPRESSED, Fault.TOO_LONG):
                failure = errors.NotInfisical(error.fault.value)
            else:
                failure = errors.Unreachable(str(error).replace("the address", "INFISICAL_HOST"))
        else:
            if 200 <= answer.status < 300 and answer.text:
                return answer
            moved = 300 <= answer.status < 400
            failure = errors.error_from_redirect(answer, asked=self.base_url) if moved else read_error(answer)
        raise failure


def segment(text: str) -> str:
    """The text as one segment of a path; dots too, for "." and ".." would lead elsewhere."""
    return quote(text, safe="").replace(".", "%2E")


def _sent(body: models.NewConnection | models.ConnectionChange) -> dict[str, Any]:
    """A body as `_ask` takes it. What Infisical tries with the app first may take as long as the deadline allows."""
    return {"json": body.to_json, "longest": 3600.0, "redact": models.secrets_of(body.credentials)}


def _scope(project_id: str | None) -> dict[str, str]:
    return {} if project_id is None else {"projectId": project_id}


def read(kind: type[_Model], answer: Answer, *keys: str) -> _Model:
    """What stands in the answer under these keys. Raised outside the block: a ValidationError's frames hold it."""
    # A time may be none that UTC can tell.
    with suppress(ValidationError, OverflowError):
        found: _Model = reduce(getattr, keys, _reader(cast(Any, kind), keys).validate_json(answer.text))
        return found
    raise errors.NotInfisical(f"Its answer holds no readable {keys[-1] if keys else 'grant'}.")


@cache
def _reader(kind: Any, keys: tuple[str, ...]) -> TypeAdapter[Any]:
    for key in reversed(keys):
        fields: dict[str, Any] = {key: (kind, ...)}
        kind = create_model("Envelope", **fields)
    return TypeAdapter(kind)
