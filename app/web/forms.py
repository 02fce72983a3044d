"""The connection's form: its fields, their labels and help, and what comes of them together."""

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any, NamedTuple

from markupsafe import Markup
from wtforms import BooleanField, Form, HiddenField

from ..connectors import SUPABASE_CLOUD, InstanceUrl, Message
from ..infisical import NewConnection
from .fields import HiddenText, SecretField, TextField, UrlField
from .scopes import project_id_of
from .validators import (
    check_access_token,
    check_description,
    check_expires_on,
    check_instance_url,
    check_name,
    refuse_secrets,
)

LONGEST_CARRIED = 500
"""Characters of a field that travel in a URL: more than any field takes, less than a server refuses as too long."""


class SummaryLine(NamedTuple):
    """One line of the error summary: the field it leads to, or none, its words, its kind."""

    field_id: str | None
    text: str
    kind: str


class ConnectionForm(Form):
    """The form of step 2. `read_url` and `expiry` are what its checks made of two of the fields.

    The token against forged posts is no field of it: every form has one (see `forgery`).
    """

    use_anyway_ticked = False
    read_url: InstanceUrl | None = None
    expiry: date | None = None

    project_id = HiddenText()
    served = HiddenField()
    name = TextField("Name", help="Lowercase letters, digits and hyphens, up to 64.")
    description = TextField(
        "Description",
        help="What it is for and whom to ask, up to 255 characters.",
        optional=True,
        kind="multiline",
    )
    instance_url = UrlField(
        "Instance URL",
        help="Leave it as it is for Supabase Cloud.",
        kind="url",
        default=SUPABASE_CLOUD,
    )
    access_token = SecretField(
        "Access token",
        help=Markup(
            "Starts with <code>sbp_</code>. It goes to Infisical and Supabase and is kept nowhere else."
        ),
    )
    expires_on = TextField(
        "When does the token expire?",
        help="You can put a reminder in your calendar once the connection is made.",
        optional=True,
        kind="date",
    )
    expires_in_description = BooleanField("Add it to the description")

    @property
    def shown_fields(self) -> tuple[Any, ...]:
        return (self.name, self.description, self.instance_url, self.access_token, self.expires_on)

    def named(self, name: str) -> Any:
        """The field of that name."""
        return self[name]

    def check(
        self, *, trusted: Collection[str], today: date, use_anyway: bool, warnings_shown: Iterable[str] | None
    ) -> NewConnection | None:
        """The connection to create, or None when the form must be shown again with the fields' messages.

        A ticked "Use it anyway" covers the warnings that the page showed (`warnings_shown`, by key), or every
        warning where the page did not say which it showed: then a program posts, not a person.
        """
        self.use_anyway_ticked = use_anyway
        check_name(self.name)
        self.expiry = check_expires_on(self.expires_on, today=today)
        check_description(self.description, with_expiry=self.described)
        self.check_token(trusted=trusted)
        if self.errors_said or self.read_url is None or self.access_token.data is None:
            return None
        if not self._covered(use_anyway=use_anyway, warnings_shown=warnings_shown):
            self.use_anyway_ticked = False
            return None
        token = self.access_token.data
        return NewConnection(
            app="supabase",
            method="access-token",
            name=self.name.value,
            description=self.described,
            project_id=project_id_of(self.project_id.data or ""),
            # The documentation's sample calls the token `accessToken`; the server reads `accessKey` and answers 422
            # without it (recorded exchange create-doc-field-accesstoken-only). It ignores unknown keys, so both go out.
            credentials={"accessKey": token, "accessToken": token, "instanceUrl": self.read_url.text},
        )

    def check_token(self, *, trusted: Collection[str]) -> None:
        """Checks the two fields that decide where which token goes, and that no other holds a secret."""
        refuse_secrets(self.name, self.description, self.instance_url, self.expires_on)
        self.read_url = check_instance_url(self.instance_url, trusted=trusted)
        check_access_token(self.access_token)

    @property
    def described(self) -> str:
        """The description as it is sent: with the token's expiry where that was asked for."""
        if self.expiry is None or not self.expires_in_description.data:
            return self.description.value
        return with_expiry(self.description.value, self.expiry)

    def _covered(self, *, use_anyway: bool, warnings_shown: Iterable[str] | None) -> bool:
        said = {message.key for message in self.warnings_said}
        if not said or not use_anyway:
            return not said
        return warnings_shown is None or said <= set(warnings_shown)

    @property
    def errors_said(self) -> tuple[Message, ...]:
        return tuple(message for message in self._said if message.kind == "error")

    @property
    def warnings_said(self) -> tuple[Message, ...]:
        return tuple(message for message in self._said if message.kind == "warning")

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(message.lead for message in self.warnings_said)

    @property
    def _said(self) -> tuple[Message, ...]:
        return tuple(message for field in self.shown_fields for message in field.messages)

    @property
    def summary(self) -> tuple[SummaryLine, ...]:
        """One line for each message, in the order of the fields, each leading to its field."""
        return tuple(
            SummaryLine(field.id, _summary_text(field.label.text, message), message.kind)
            for field in self.shown_fields
            for message in field.messages
            if message.kind == "error" or not self.use_anyway_ticked
        )

    @property
    def typed(self) -> dict[str, str]:
        """What was typed and may stand in a URL: everything but the access token."""
        fields = {field.id: field.value for field in self.shown_fields if field is not self.access_token}
        ticked = {"expires_in_description": "1"} if self.expires_in_description.data else {}
        return {**{name: text[:LONGEST_CARRIED] for name, text in fields.items() if text}, **ticked}


def with_expiry(description: str, day: date) -> str:
    """The description with the token's expiry as its last sentence, once."""
    sentence = f"Token expires {day.day} {day:%b %Y}."
    if description.endswith(sentence):
        return description
    stop = "." if description[-1:].isalnum() else ""
    return f"{description}{stop} {sentence}".strip()


def _summary_text(label: str, message: Message) -> str:
    if message.kind == "warning":
        said = message.summary or f"{message.lead[0].lower()}{message.lead[1:]}"
        return f"{label}, a warning: {said}"
    return f"{label}: {message.summary}" if message.summary else message.lead
