"""The form of a connection, built from the rows of its app: what was typed, what is said of it, and what comes of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, Field
from wtforms.fields import StringField
from wtforms.form import BaseForm

from ..connectors import CheckResult
from ..connectors.rows import App, Given, Message
from ..connectors.rows import Field as Row
from ..connectors.token_kinds import TOKENS, secret_in, unwrap, without_user
from ..core.audit import Action as AuditAction
from ..core.http import Deadline
from ..core.secret import Secret
from ..infisical.client import Infisical
from ..infisical.errors import NotFound
from ..infisical.models import Connection, NewConnection
from ..infisical.sync_models import SecretSync
from .fields import described, without_expiry
from .redirects import LONGEST_CARRIED, LONGEST_PROJECT_ID
from .scopes import project_id_of
from .services import ORGANIZATION, Page, services


class Shown(Field):
    """A field that is shown: what the template needs of it beside its WTForms life, mostly from its row."""

    kind, word, optional = "text", "text", False
    autocomplete = "off"
    messages: tuple[Message, ...] = ()
    taken_out: Message | None = None
    """What is said where something was taken out of the text."""

    def __init__(self, label: str, *, help: str, row: Row | None = None, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.help = help
        if row:
            self.optional, self.kind, self.word = row.optional, row.kind, row.word

    def add_error(self, message: Message) -> None:
        self.messages = (*self.messages, message)


class TextField(Shown, StringField):
    """A trimmed text, without any secret, and a URL without a user name: pasted one field off, neither must come back on
    a page, travel in a URL, or be stored in clear. `removed` says in words which secret was taken out."""

    removed: str | None = None

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        # WTForms keeps what came in raw_data, in clear, for as long as the form lives.
        self.raw_data = []
        if valuelist:  # What a program leaves out stays as it is.
            self.put(valuelist[0])

    def put(self, text: str) -> None:
        """Takes a text, without what must not stand in it."""
        kept = without_user(text) if self.kind == "url" else text.strip()
        self.removed = secret_in(kept)
        self.data = "" if self.removed else kept.replace("\r\n", "\n")
        self.taken_out = None
        if self.removed:
            detail = "An access token belongs in its own field, other secrets in none."
            self.taken_out = Message("error", f"This had {self.removed} in it, and was emptied.", detail)
        elif kept != text.strip():
            lead = f"The {self.word} must not have a user name or a password in it."
            detail = "What stood before the “@” was taken out."
            self.taken_out = Message("error", lead, detail, offer=str(self.default or "") or None)

    @property
    def value(self) -> str:
        return self.data or ""


class SecretField(Shown):
    """A secret: what was typed becomes a Secret at once, and is never rendered back."""

    kind, word = "secret", "token"
    value = ""
    data: Secret | None
    shapes = TOKENS
    """What is found in a longer text that was pasted."""
    taken_off: tuple[str, ...] = ()

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        # As above.
        self.raw_data = []
        self.data, self.taken_off = unwrap(valuelist[0] if valuelist else "", self.shapes)


class Checkbox(Shown, BooleanField):
    """A tick."""

    kind = "checkbox"

    @property
    def value(self) -> str:
        return "1" if self.data else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a submission does at Infisical, one row for each: creating a connection or a sync, changing or deleting it.

    `button` are the words of its button, `list_name` and `list_page` those of its list; `verb` and `past` are its words:
    "create connections", "created". `starts_run` says whether it starts a run of a sync whatever that is told,
    `unchanged` what is as it was where it was refused. `fields` are those of its form, for the connection that is there or
    None; with a credential among them (`secret`) the app is asked about it first, and `compare` says what its answer
    means. `send` does it, once. `form_address` leads to its form with what was typed, `outcome_address` to the page for no
    answer; `show` is the form as it stands, `done` the page that follows.
    """

    name: str
    audit_action: AuditAction
    verb: str
    past: str
    button: str = ""
    starts_run: bool = False
    unchanged: str = ""
    list_name: str = "App Connections"
    list_page: str = ".list"
    fields: Callable[[App, Connection | None], tuple[Row, ...]] = lambda *_: ()
    secret: bool = False
    compare: Callable[["ConnectionForm"], None] = lambda _: None
    send: Callable[[Infisical, Any], Any]
    form_address: Callable[[Any], str]
    outcome_address: Callable[[Any, datetime], str]
    show: Callable[[Any, int], Page]
    done: Callable[[Any, Any], Page]

    @property
    def nothing_happened(self) -> str:
        return self.unchanged or f"Nothing was {self.past}."


class Switch(Checkbox):
    """A tick that a program may leave out, and that an address can take away: "0"."""

    def process_data(self, value: Any) -> None:
        self.data = value not in ("", "0", False, None)

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        # A hidden "0" stands before the box, for a browser sends no box without a tick.
        if valuelist:
            self.data = valuelist[-1] not in ("", "0")

    @property
    def value(self) -> str:
        return "1" if self.data else "0"


T = TypeVar("T")


def there(thing: T | None) -> T:
    """What a form is about, on a way that only one about something takes."""
    if thing is None:
        raise RuntimeError("the form is about nothing that is there")
    return thing


def deleted(thing: T, delete: Callable[[T], T | None]) -> T:
    """What is then there of a thing that is deleted: what the call returns, or the thing where somebody else did it
    between the look and this."""
    with suppress(NotFound):
        return delete(thing) or thing
    return thing


_FIELDS: dict[str, type[Shown]] = {"secret": SecretField, "checkbox": Checkbox, "switch": Switch}


class RowForm(BaseForm):
    """A form built from rows for an app: as it was posted, or filled in with `data` and else with its defaults; and what
    is said of it: at its fields, of it as a whole (`general`), and by Infisical (`request_id`, and `refused`, the word
    for why it was not done).

    `project_id` stands for the project in addresses, `sync` is the one that is there, `opened` what its page showed and
    when; `about` is what the audit log is told, `subject_name` the name in it. The token against forged posts is no field
    of it: every form has one.
    """

    operation: Operation
    project_id: str
    sync: SecretSync | None = None
    opened: Any = None
    use_anyway_ticked = False
    general: tuple[Message, ...] = ()
    request_id: str | None = None
    refused = ""

    def __init__(
        self,
        app: App,
        rows: tuple[Row, ...],
        posted: MultiDict[str, str] | None,
        *,
        data: Mapping[str, str],
    ) -> None:
        self.app, self.rows = app, rows
        fields: dict[str, Any] = {
            row.name: _FIELDS.get(row.kind, TextField)(row.label, help=row.help, row=row, default=row.default)
            for row in rows
        }
        super().__init__(fields)
        # Of what was posted no more is kept: a secret stands in it.
        given: MultiDict[str, str] = posted or MultiDict()
        self._ticked, self._warned = given.get("use_anyway") == "1", {*given.getlist("warned")}
        self.deadline = Deadline.after(services().settings.submit_timeout, clock=services().monotonic)
        self.process(posted, data=data)

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name)

    @property
    def shown(self) -> tuple[Any, ...]:
        """The fields that are shown, in their order."""
        return tuple(self[row.name] for row in self.rows)

    @property
    def values(self) -> dict[str, Any]:
        """What each field holds, by its name: a text or a Secret."""
        return {field.name: field.data if field.kind == "secret" else field.value for field in self.shown}

    @property
    def typed(self) -> dict[str, str]:
        """What was typed and may stand in a URL: everything but secrets."""
        return {name: text[:LONGEST_CARRIED] for name, text in self.texts.items() if text}

    @property
    def texts(self) -> dict[str, str]:
        """What was typed, whole, without secrets."""
        return {name: text for name, text in self.values.items() if isinstance(text, str)}

    def about(self, made: Any = None) -> dict[str, Any]:
        raise NotImplementedError

    @property
    def subject_name(self) -> str:
        return str(next(iter(self.about().values())).name)

    def accepted(self, besides: Iterable[str] = ()) -> bool:
        """Whether nothing that is said of the fields by now stands against it, and no other warning `besides`, by key.

        A ticked "Use it anyway" covers the warnings that the page showed (`warned`, by key), or every warning where the
        page did not say which it showed: then a program posts, not a person.
        """
        keys = {message.key for message in self.messages("warning")} | {*besides}
        self.use_anyway_ticked = self._ticked and (not self._warned or keys <= self._warned)
        return not self.messages("error") and (not keys or self.use_anyway_ticked)

    def check_rows(self, rows: Iterable[Row]) -> None:
        """Gives the fields of these rows what is to be said of their content."""
        running = services()
        given = Given(
            values=self.texts,
            app_name=self.app.name,
            lives_a_year=self.app.lives_a_year,
            today=running.clock().date(),
            trusted_hosts=frozenset(running.settings.trusted_hosts),
        )
        for row in rows:
            field = self[row.name]
            if field.taken_out:
                field.add_error(field.taken_out)
                field.data = field.value or row.default
            elif row.missing and not field.data:
                field.add_error(Message("error", row.missing))
            elif field.data or row.kind != "secret":
                field.data, messages = row.check(field.data, given)
                field.messages += messages

    def messages(self, kind: str) -> tuple[Message, ...]:
        """Every field's messages of a kind, in order."""
        return tuple(message for field in self.shown for message in field.messages if message.kind == kind)

    @property
    def summary(self) -> tuple[tuple[str | None, str, str], ...]:
        """One line for each message: the field it leads to, None for the form as a whole, its words and its kind."""
        general = (
            (None, f"{message.lead} {message.detail}".strip(), message.kind) for message in self.general
        )
        at_fields = (
            (field.id, _summary_text(field.label.text, message), message.kind)
            for field in self.shown
            for message in field.messages
            if message.kind == "error" or not self.use_anyway_ticked
        )
        return (*general, *at_fields)


class ConnectionForm(RowForm):
    """The form of an operation on an app's connection, a new one or the `connection` that is there; what stands for its
    project in addresses (`project_id`); what comes of it (`new`, once `check` finds it in order); and what the app's own
    API says (`checks`)."""

    new: NewConnection

    checks: CheckResult | None = None

    def __init__(
        self,
        operation: Operation,
        app: App,
        posted: MultiDict[str, str] | None = None,
        *,
        typed: Mapping[str, str] | None = None,
        connection: Connection | None = None,
    ) -> None:
        self.connection, self.operation, self.app = connection, operation, app
        rows = operation.fields(app, connection)
        super().__init__(app, rows, posted, data={**self._standing, **(typed or {})})
        # The project stands in addresses and in the audit log.
        key = (posted or MultiDict()).get("project_id", "").strip()
        if connection:
            key = connection.project_id or ORGANIZATION
        self.project_id = "" if secret_in(key) else key[:LONGEST_PROJECT_ID]

    @property
    def places(self) -> dict[str, str]:
        """What the address of the form says without anything typed."""
        there = self.connection
        action = {"connection_id": there.id, "action": self.operation.name} if there else {}
        return {"app": self.app.slug, **(action or {"project": self.project_id})}

    @property
    def address(self) -> dict[str, str]:
        """What an address says so that the form can be filled in again."""
        return {**self.places, **self.typed}

    def check(self) -> bool:
        """Whether all is in order; if not, the form must be shown again with the fields' messages."""
        self.check_rows(self.rows)
        self.new = connection_of(self.app, self._standing | self.values, project=self.project_id)
        return self.accepted()

    @property
    def _standing(self) -> dict[str, str]:
        """What stays of the connection that is there: with a new credential, the old one's expiry goes."""
        there = self.connection
        if there is None:
            return {}
        shown = {row.name: there.credentials.get(row.wire[-1], "") for row in self.app.fields if row.wire}
        description = there.description or ""
        if self.operation.secret:
            description = without_expiry(description)
        held = {"name": there.name, "description": description, **shown}
        return {name: text for name, text in held.items() if text}

    def about(self, made: Any = None) -> dict[str, Any]:
        return {"connection": made or self.connection or self.new}

    def check_credentials(self) -> bool:
        """Whether the fields that decide where which credential goes are in order, and no other holds a secret."""
        self.check_rows(self.app.fields)
        for field in self.shown:
            if field.taken_out and not field.messages:
                field.add_error(field.taken_out)
        return not self.messages("error")


def connection_of(app: App, values: Mapping[str, Any], *, project: str) -> NewConnection:
    """What Infisical is sent for these values of an app's fields and the key of a project. NotFound where it is none."""
    return NewConnection(
        app=app.slug,
        method=app.method,
        name=values["name"],
        description=described(values),
        project_id=project_id_of(project),
        credentials={
            path[-1]: values[row.name] for row in app.fields for path in row.paths if values.get(row.name)
        },
    )


def _summary_text(label: str, message: Message) -> str:
    if message.kind == "warning":
        words = message.summary or f"{message.lead[0].lower()}{message.lead[1:]}"
        return f"{label}, a warning: {words}"
    return f"{label}: {message.summary}" if message.summary else message.lead
