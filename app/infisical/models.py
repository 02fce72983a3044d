"""What travels between the wizard and Infisical, both ways: the only file that knows Infisical's wire names."""

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    PlainValidator,
    StringConstraints,
    model_validator,
)

from ..core.secret import Secret
from ..core.text import one_line, read_payload


@dataclass(frozen=True, kw_only=True, slots=True)
class NewConnection:
    """A connection to be created. `app`, `method` and the keys of `credentials` are Infisical's names; `project_id` None
    asks for one of the whole organization."""

    app: str
    method: str
    name: str
    project_id: str | None
    credentials: Mapping[str, str | Secret]
    description: str = ""

    def to_json(self) -> dict[str, Any]:
        """The body of `POST /api/v1/app-connections/<app>`, with its secrets in clear.

        Infisical ignores unknown keys. Empty optional values are left out: null and "" are refused or kept as they are
        (recorded exchanges create-url-empty, create-projectid-null).
        """
        optional = {"description": self.description, "projectId": self.project_id}
        given = {key: text for key, text in optional.items() if text}
        return {"name": self.name, "method": self.method, "credentials": _in_clear(self.credentials), **given}


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionChange:
    """What shall be other at a connection; what is None stays as it is. Method, app and project cannot change.

    `credentials` are always whole: Infisical replaces all of them, so that an instance URL which is left out becomes
    Supabase Cloud's (recorded exchange "patch connection: credentials accessKey without instanceUrl").
    """

    name: str | None = None
    description: str | None = None
    credentials: Mapping[str, str | Secret] | None = None

    def to_json(self) -> dict[str, Any]:
        """The body of `PATCH /api/v1/app-connections/<app>/<id>`, with its secrets in clear. No description is null."""
        body: dict[str, Any] = {} if self.name is None else {"name": self.name}
        if self.description is not None:
            body["description"] = self.description or None
        if self.credentials is not None:
            body["credentials"] = _in_clear(self.credentials)
        return body


def _in_clear(credentials: Mapping[str, str | Secret]) -> dict[str, str]:
    return {key: text.reveal() if isinstance(text, Secret) else text for key, text in credentials.items()}


def secrets_of(credentials: Mapping[str, str | Secret] | None) -> tuple[Secret, ...]:
    """Those of the credentials that no answer may bring back."""
    return tuple(text for text in (credentials or {}).values() if isinstance(text, Secret))


def _texts(value: object) -> dict[str, str]:
    items = value.items() if isinstance(value, dict) else ()
    return {key: text for key, text in items if isinstance(text, str)}


# Each app has credentials of its own shape. Likewise none is looked at where all of them are texts.
_Texts = Annotated[
    dict[str, str] | Annotated[dict[str, str], BeforeValidator(_texts)], Field(union_mode="left_to_right")
]

# Ids stand in our URLs, headers and cookies, names in headings and links: what cannot stand there is no answer of
# Infisical's. Its own ids are UUIDs.
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
Name = Annotated[str, StringConstraints(pattern=r"[^\s\x1c-\x1f]", max_length=1000)]
# Nearly every time is UTC as it comes. Of those none is looked at in Python, of thousands of connections.
_Utc = Annotated[datetime, GetPydanticSchema(lambda kind, read: {**read(kind), "tz_constraint": 0})]
_Elsewhere = Annotated[AwareDatetime, AfterValidator(lambda when: when.astimezone(UTC))]
Moment = Annotated[_Utc | _Elsewhere, Field(union_mode="left_to_right")]


class Answer(BaseModel):
    """Reads what it knows and leaves the rest: the server sends more keys than its documentation names."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, populate_by_name=True)


class Named(Answer):
    """What is told by its id and its name, a project of an app's by its reference there."""

    id: Id
    name: Name


class Connectable(Named):
    """A connection that a sync of a project may use; one of the organization's has no project."""

    project_id: Id | None = Field(alias="projectId", default=None)


class Connection(Connectable):
    """An App Connection as Infisical stores it. Infisical never sends the access token back.

    `credentials` are the texts that Infisical shows of them, by its names; `credentials_hash` is another one after each
    change of them. Times are UTC.
    """

    description: str | None = None
    app: str
    method: str
    version: int | None = None
    organization_id: Id = Field(alias="orgId")
    created_at: Moment = Field(alias="createdAt")
    updated_at: Moment = Field(alias="updatedAt")
    credentials: _Texts = Field(default={}, repr=False)
    credentials_hash: str | None = Field(alias="credentialsHash", default=None)


class Project(Named):
    """A project the caller is a member of."""

    slug: str
    organization_id: Id = Field(alias="orgId")


class Role(Answer):
    """A role that somebody has: the slug of one of Infisical's own, or "custom" and the slug of that one."""

    role: str
    custom: str | None = Field(alias="customRoleSlug", default=None)


class Rule(Answer):
    """What a role allows, or `inverted` forbids; with `conditions` only for some things. To persons Infisical sends each
    as a list, as CASL's `packRules` makes it (its source): actions and subjects with commas between them."""

    subject: str | None = None
    action: Annotated[
        tuple[str, ...], BeforeValidator(lambda one: one.split(",") if isinstance(one, str) else one)
    ]
    inverted: bool = False
    conditions: Any = None

    @model_validator(mode="before")
    @classmethod
    def _unpacked(cls, value: object) -> object:
        names = ("action", "subject", "conditions", "inverted")
        return dict(zip(names, value, strict=False)) if isinstance(value, list) else value


def allowed(rules: Sequence[Rule], subject: str) -> frozenset[str] | None:
    """What rules let somebody do to a subject; None where that depends on more than they say."""
    found = [rule for rule in rules if {subject, "all"} & {*(rule.subject or "").split(",")}]
    if any(rule.inverted or rule.conditions or "manage" in rule.action for rule in found):
        return None
    return frozenset(action.removesuffix(f"-{subject}") for rule in found for action in rule.action)


class User(Answer):
    """A person of Infisical's. From its source (`GET /api/v1/user`); no exchange with it was recorded."""

    id: Id
    email: str | None = None
    username: str | None = None

    @property
    def name(self) -> str | None:
        """What people know each other by: the e-mail address, or what stands for it. It travels in a cookie."""
        return one_line(self.email or self.username, longest=254) or None


class AppOption(Answer):
    """An app that Infisical can connect to: its name for people, and its name on the wire."""

    name: Name
    app: str


def _secret(value: object) -> Secret:
    # It goes out in a header, which holds nothing else.
    if isinstance(value, str) and re.fullmatch("[!-~]+", value):
        return Secret(value)
    raise ValueError("not a token")


_Token = Annotated[Secret, PlainValidator(_secret)]


def _without_end(seconds: float) -> float:
    return seconds if seconds > 0 else math.inf


class AccessGrant(Answer):
    """A successful log-in or renewal: the Infisical access token, and its life in seconds from now.

    `max_ttl` is how long the log-in can be renewed for. Infisical writes 0 for either where it has no end (its source);
    here that is infinity.
    """

    access_token: _Token = Field(alias="accessToken")
    expires_in: Annotated[float, Field(ge=0), AfterValidator(_without_end)] = Field(alias="expiresIn")
    max_ttl: Annotated[float, AfterValidator(_without_end)] = Field(alias="accessTokenMaxTTL")


class ExchangedToken(AccessGrant):
    """The answer to a token exchange, in OAuth's spelling (RFC 8693, section 2.2.1). There is no refresh token: nothing
    lengthens its life, so its maximum is what it has."""

    access_token: _Token
    token_type: Annotated[str, StringConstraints(pattern="(?i)^bearer$")]
    expires_in: float = Field(gt=0)
    max_ttl: float = Field(default_factory=lambda grant: grant["expires_in"])


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenClaims:
    """Whose token it is, as it says itself; None where it does not say.

    Machine identities' tokens carry `identityId` and `identityName`, people's `userId` (recorded tokens of a running
    Infisical; a person's name is not in it). `kind` is "service" for a service token, which may not use connections.
    """

    kind: Literal["identity", "person", "service", "unknown"]
    subject: str | None = None
    name: str | None = None
    expires_at: datetime | None = None


def read_claims(token: Secret) -> TokenClaims:
    """The claims of a token that somebody pasted or Infisical gave out. Never raises."""
    text = token.reveal()
    if text.startswith("st."):
        return TokenClaims(kind="service")
    payload = read_payload(text)
    expires_at = None
    with suppress(KeyError, TypeError, ValueError, OverflowError, OSError):
        expires_at = datetime.fromtimestamp(payload["exp"], UTC)
    identity, name, person = (
        one_line(payload.get(claim), longest=100) or None
        for claim in ("identityId", "identityName", "userId")
    )
    if identity:
        return TokenClaims(kind="identity", subject=identity, name=name, expires_at=expires_at)
    return TokenClaims(kind="person" if person else "unknown", subject=person, expires_at=expires_at)
