"""What travels between the wizard and Infisical, both ways: the only file that knows Infisical's wire names."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AliasPath,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
)

from ..secret import Secret


@dataclass(frozen=True, kw_only=True, slots=True)
class NewConnection:
    """A Supabase Connection to be created. `project_id` None asks for one of the whole organization."""

    name: str
    project_id: str | None
    instance_url: str
    access_token: Secret
    description: str = ""

    def to_json(self) -> dict[str, Any]:
        """The body of `POST /api/v1/app-connections/supabase`, with the access token in clear.

        The documentation's sample calls the token `accessToken`; the server reads `accessKey` and answers 422
        without it (recorded exchange create-doc-field-accesstoken-only). It ignores unknown keys, so both go out.
        Empty optional values are left out: null and "" are refused or kept as they are (create-url-empty,
        create-projectid-null).
        """
        token = self.access_token.reveal
        body: dict[str, Any] = {
            "name": self.name,
            "method": "access-token",
            "credentials": {"accessKey": token(), "accessToken": token(), "instanceUrl": self.instance_url},
        }
        if self.description:
            body["description"] = self.description
        if self.project_id is not None:
            body["projectId"] = self.project_id
        return body


def _in_utc(when: datetime) -> datetime:
    try:
        return when.astimezone(UTC)
    except OverflowError:
        raise ValueError("no time that UTC can tell") from None


# Ids stand in our URLs, headers and cookies, names in headings and links: what cannot stand there is no answer of
# Infisical's. Its own ids are UUIDs.
_Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
_Name = Annotated[str, StringConstraints(pattern=r"[^\s\x1c-\x1f]", max_length=1000)]
_Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class _Answer(BaseModel):
    """Reads what it knows and leaves the rest: the server sends more keys than its documentation names."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, populate_by_name=True)


class Connection(_Answer):
    """An App Connection as Infisical stores it. Infisical never sends the access token back.

    `instance_url` is None for other apps, and for a Supabase Connection made without one. Times are UTC.
    """

    id: _Id
    name: _Name
    description: str | None = None
    app: str
    method: str
    version: int | None = None
    organization_id: _Id = Field(alias="orgId")
    project_id: _Id | None = Field(alias="projectId", default=None)
    created_at: _Moment = Field(alias="createdAt")
    updated_at: _Moment = Field(alias="updatedAt")
    instance_url: str | None = Field(validation_alias=AliasPath("credentials", "instanceUrl"), default=None)


class Project(_Answer):
    """A project the caller is a member of."""

    id: _Id
    name: _Name
    slug: str
    organization_id: _Id = Field(alias="orgId")


class Organization(_Answer):
    """The organization that the caller belongs to."""

    id: _Id
    name: _Name
    slug: str


class AppOption(_Answer):
    """An app that Infisical can connect to: its name for people, its name on the wire, its methods."""

    name: _Name
    app: str
    methods: tuple[str, ...] = ()


def _secret(told: object) -> Secret:
    # It goes out in a header, which holds nothing else.
    if isinstance(told, str) and re.fullmatch("[!-~]+", told):
        return Secret(told)
    raise ValueError("not a token")


class AccessGrant(_Answer):
    """A successful log-in or renewal: the Infisical access token, and its life in seconds from now."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    access_token: Annotated[Secret, PlainValidator(_secret)] = Field(alias="accessToken")
    expires_in: float = Field(alias="expiresIn", gt=0)
    max_ttl: float = Field(alias="accessTokenMaxTTL")
