"""The form of a connection, built from the rows of its app: what was typed, what is said of it, and what comes of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, Field, HiddenField
from wtforms.fields import StringField
from wtforms.form import BaseForm

from ..connectors import App, CheckResult, Given, Message, secret_in, unwrap, without_user
from ..connectors import Field as Row
from ..core.secret import Secret
from ..infisical.models import NewConnection
from .fields import described, form_fields
from .redirects import LONGEST_CARRIED
from .scopes import project_id_of
from .services import services


class Shown(Field):
    """A field that is shown: what the template needs of it beside its WTForms life. `kind` is that of its row."""

    kind = "text"
    autocomplete = "off"
    messages: tuple[Message, ...] = ()

    def __init__(
        self,
        label: str,
        *,
        help: str = "",
        optional: bool = False,
        kind: str = "",
        autocomplete: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(label, **kwargs)
        self.help = help
        self.optional = optional
        self.kind = kind or self.kind
        self.autocomplete = autocomplete or self.autocomplete

    def add_error(self, message: Message) -> None:
        self.messages = (*self.messages, message)


class TextField(Shown, StringField):
    """A trimmed text, without any secret, and a URL without a user name: pasted one field off, neither must come back on
    a page, travel in a URL, or be stored in clear. `removed` says in words which secret was taken out."""

    removed: str | None = None
    had_user = False

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        # WTForms keeps what came in raw_data, in clear, for as long as the form lives.
        self.raw_data = []
        self.put(valuelist[0] if valuelist else "")

    def put(self, text: str) -> None:
        """Takes a text, without what must not stand in it."""
        kept = without_user(text) if self.kind == "url" else text.strip()
        self.had_user = kept != text.strip()
        self.removed = secret_in(kept)
        self.data = "" if self.removed else kept.replace("\r\n", "\n")

    @property
    def value(self) -> str:
        return self.data or ""

    @property
    def taken_out(self) -> Message | None:
        """What is said where something was taken out of the text."""
        if self.removed:
            detail = "An access token belongs in its own field, other secrets in none."
            return Message("error", f"This had {self.removed} in it, and was emptied.", detail)
        if self.had_user:
            label = f"{self.label.text[0].lower()}{self.label.text[1:]}"
            lead = f"The {label} must not have a user name or a password in it."
            return Message(
                "error",
                lead,
                "What stood before the “@” was taken out.",
                offer=str(self.default or "") or None,
            )
        return None


class HiddenText(HiddenField):
    """A hidden text, without any that holds a secret: it stands in addresses and in the audit log."""

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        text = valuelist[0].strip() if valuelist else ""
        self.raw_data = []
        self.data = "" if secret_in(text) else text


class SecretField(Shown):
    """A secret: what was typed becomes a Secret at once, and is never rendered back."""

    kind = "secret"
    value = ""
    data: Secret | None
    taken_off: tuple[str, ...] = ()

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        # As above.
        self.raw_data = []
        unwrapped = unwrap(valuelist[0] if valuelist else "")
        self.data = unwrapped.token
        self.taken_off = unwrapped.taken_off


class Checkbox(Shown, BooleanField):
    """A tick."""

    kind = "checkbox"

    @property
    def value(self) -> str:
        return "1" if self.data else ""


class SummaryLine(NamedTuple):
    """One line of the error summary: the field it leads to, or none, its words, its kind."""

    field_id: str | None
    text: str
    kind: str


_FIELDS: dict[str, type[Shown]] = {"secret": SecretField, "checkbox": Checkbox}


class ConnectionForm(BaseForm):
    """The form of an app's connection: as it was posted, or filled in with what was `typed` before and else with its
    defaults; and what is said of it: at its fields, of it as a whole (`general`), by the app's own API (`checks`) and by
    Infisical (`request_id`).

    The token against forged posts is no field of it: every form has one.
    """

    use_anyway_ticked = False
    general: tuple[Message, ...] = ()
    checks: CheckResult | None = None
    request_id: str | None = None

    def __init__(
        self,
        app: App,
        posted: MultiDict[str, str] | None = None,
        *,
        typed: Mapping[str, str] | None = None,
    ) -> None:
        fields: dict[str, Any] = {
            row.name: _FIELDS.get(row.kind, TextField)(
                row.label, help=row.help, optional=row.optional, kind=row.kind, default=row.default
            )
            for row in form_fields(app)
        }
        super().__init__({"project_id": HiddenText(), "served": HiddenField(), **fields})
        self.app = app
        self.process(posted, data=typed)

    @property
    def project_id(self) -> str:
        """What stands for the project in URLs, "" where the form names none."""
        return self["project_id"].data or ""

    @property
    def shown(self) -> tuple[Any, ...]:
        """The fields that are shown, in their order."""
        return tuple(self[row.name] for row in form_fields(self.app))

    @property
    def values(self) -> dict[str, Any]:
        """What each field holds, by its name: a text or a Secret."""
        return {field.name: field.data if field.kind == "secret" else field.value for field in self.shown}

    @property
    def typed(self) -> dict[str, str]:
        """What was typed and may stand in a URL: everything but secrets."""
        texts = {name: text for name, text in self.values.items() if isinstance(text, str) and text}
        return {name: text[:LONGEST_CARRIED] for name, text in texts.items()}

    def check(self, *, use_anyway: bool, warnings_shown: Iterable[str]) -> NewConnection | None:
        """The connection to create, or None when the form must be shown again with the fields' messages.

        A ticked "Use it anyway" covers the warnings that the page showed (`warnings_shown`, by key), or every
        warning where the page did not say which it showed: then a program posts, not a person.
        """
        self.check_rows(form_fields(self.app))
        keys = {message.key for message in self.messages("warning")}
        shown = set(warnings_shown)
        self.use_anyway_ticked = use_anyway and (not shown or keys <= shown)
        if self.messages("error") or (keys and not self.use_anyway_ticked):
            return None
        values = self.values
        return NewConnection(
            app=self.app.slug,
            method=self.app.method,
            name=values["name"],
            description=described(values),
            project_id=project_id_of(self.project_id),
            credentials={
                path[-1]: values[row.name]
                for row in self.app.fields
                for path in row.paths
                if values[row.name]
            },
        )

    def check_credentials(self) -> bool:
        """Whether the fields that decide where which credential goes are in order, and no other holds a secret."""
        self.check_rows(self.app.fields)
        for field in self.shown:
            if isinstance(field, TextField) and field.taken_out and not field.messages:
                field.add_error(field.taken_out)
        return not self.messages("error")

    def check_rows(self, rows: Iterable[Row]) -> None:
        """Gives the fields of these rows what is to be said of their content."""
        texts = {name: value for name, value in self.values.items() if isinstance(value, str)}
        running = services()
        given = Given(
            values=texts,
            app_name=self.app.name,
            today=running.clock().date(),
            trusted_hosts=frozenset(running.settings.trusted_hosts),
        )
        for row in rows:
            field: Any = self[row.name]
            if isinstance(field, TextField) and field.taken_out:
                field.add_error(field.taken_out)
                field.data = field.value or row.default
            elif row.missing and not field.data:
                field.add_error(Message("error", row.missing))
            else:
                field.data, messages = row.check(field.data, given)
                field.messages += messages

    def put(self, name: str, text: str) -> None:
        """Puts a text into a field, in the place of what was typed."""
        field: Any = self[name]
        field.put(text)

    def add_messages(self, messages: Iterable[tuple[str | None, Message]]) -> None:
        """Adds each message to the field of that name, or with None to what is said of the form as a whole."""
        for name, message in messages:
            if name is None:
                self.general += (message,)
            else:
                field: Any = self[name]
                field.add_error(message)

    def messages(self, kind: str) -> tuple[Message, ...]:
        """Every field's messages of a kind, in order."""
        return tuple(message for field in self.shown for message in field.messages if message.kind == kind)

    @property
    def summary(self) -> tuple[SummaryLine, ...]:
        """One line for each message: those of the form as a whole, then each field's, leading there."""
        general = (
            SummaryLine(None, f"{message.lead} {message.detail}".strip(), message.kind)
            for message in self.general
        )
        at_fields = (
            SummaryLine(field.id, _summary_text(field.label.text, message), message.kind)
            for field in self.shown
            for message in field.messages
            if message.kind == "error" or not self.use_anyway_ticked
        )
        return (*general, *at_fields)


def _summary_text(label: str, message: Message) -> str:
    if message.kind == "warning":
        words = message.summary or f"{message.lead[0].lower()}{message.lead[1:]}"
        return f"{label}, a warning: {words}"
    return f"{label}: {message.summary}" if message.summary else message.lead
