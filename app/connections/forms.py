"""The connection's form: its fields, labels, help and messages, and what is refused before Infisical is asked."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from flask_wtf import FlaskForm
from markupsafe import Markup
from wtforms import Field, HiddenField
from wtforms.fields import StringField

from ..infisical import NewConnection
from ..secret import Secret
from ..supabase import SUPABASE_CLOUD, InstanceUrl, InstanceUrlError, read_instance_url, unwrap
from .scopes import project_id_of

LONGEST_NAME = 64
LONGEST_DESCRIPTION = 255
"""Infisical documents 256 and answers a bare 500 to exactly 256 (recorded exchange create-desc-256)."""
LONGEST_TOKEN = 255

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Message:
    """What a field says about its content: a first sentence, what to do, and perhaps a URL to use instead.

    `key` names a warning, so that ticking "Use it anyway" covers those that were shown and no other.
    """

    kind: Literal["error", "warning"]
    lead: str
    detail: str = ""
    offer: str | None = None
    link: tuple[str, str] | None = None
    key: str = ""
    summary: str = ""


class SummaryLine(NamedTuple):
    """One line of the error summary: the field it leads to, or none, its words, its kind."""

    field_id: str | None
    text: str
    kind: str


class _Shown:
    """What the template needs of a field beside its WTForms life."""

    kind = "text"
    inputmode: str | None = None
    autocomplete = "off"
    optional = False
    help: str | Markup = ""
    messages: tuple[Message, ...] = ()

    def say(self, message: Message) -> None:
        self.messages = (*self.messages, message)


class TextField(_Shown, StringField):
    """One line of text, trimmed."""

    def __init__(
        self, label: str, *, help: str | Markup, optional: bool = False, kind: str = "text", **kwargs: Any
    ) -> None:
        super().__init__(label, **kwargs)
        self.help = help
        self.optional = optional
        self.kind = kind
        self.inputmode = "url" if kind == "url" else None

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        self.data = valuelist[0].replace("\r\n", "\n").strip() if valuelist else ""

    @property
    def value(self) -> str:
        return self.data or ""


class SecretField(_Shown, Field):
    """A secret: what was typed becomes a Secret at once, and is never rendered back."""

    kind = "secret"
    value = ""
    data: Secret | None

    def __init__(self, label: str, *, help: str | Markup, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.help = help
        self.taken_off: tuple[str, ...] = ()

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        # WTForms keeps what came in raw_data, in clear, for as long as the form lives.
        self.raw_data = []
        unwrapped = unwrap(valuelist[0] if valuelist else "")
        self.data = unwrapped.token
        self.taken_off = unwrapped.taken_off


class ConnectionForm(FlaskForm):
    """The form of step 2. After `check`, `connection` is what to send and `instance_url_read` where to."""

    class Meta:
        # The token of the form lives as long as the browser's session: people leave to make a token and come back.
        csrf_time_limit = None

    use_anyway_ticked = False

    project_id = HiddenField()
    served = HiddenField()
    name = TextField("Name", help="Lowercase letters, digits and hyphens, up to 64.")
    description = TextField(
        "Description",
        help="What it is for and whom to ask, up to 255 characters.",
        optional=True,
        kind="multiline",
    )
    instance_url = TextField(
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

    @property
    def shown_fields(self) -> tuple[Any, ...]:
        return (self.name, self.description, self.instance_url, self.access_token)

    def check(self, *, use_anyway: bool, warnings_shown: Iterable[str] | None) -> NewConnection | None:
        """The connection to create, or None when the form must be shown again with the fields' messages.

        A ticked "Use it anyway" covers the warnings that the page showed (`warnings_shown`, by key), or every
        warning where the page did not say which it showed: then a program posts, not a person.
        """
        self.use_anyway_ticked = use_anyway
        _check_name(self.name)
        _check_description(self.description)
        read = _check_instance_url(self.instance_url)
        _check_access_token(self.access_token)
        if self.errors_said or read is None or self.access_token.data is None:
            return None
        if not self._covered(use_anyway=use_anyway, warnings_shown=warnings_shown):
            self.use_anyway_ticked = False
            return None
        return NewConnection(
            name=self.name.value,
            description=self.description.value,
            project_id=project_id_of(self.project_id.data or ""),
            instance_url=read.text,
            access_token=self.access_token.data,
        )

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
        fields = {"name": self.name, "description": self.description, "instance_url": self.instance_url}
        return {key: field.value for key, field in fields.items() if field.value}


def slug_of(text: str) -> str:
    """The nearest name that Infisical takes: `My Connection` becomes `my-connection`; "" where there is none."""
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_NAME].rstrip("-")


def _check_name(field: TextField) -> None:
    typed = field.value
    if not typed:
        field.say(Message("error", "Enter a name."))
        return
    if len(typed) <= LONGEST_NAME and _SLUG.fullmatch(typed):
        return
    nearest = slug_of(typed)
    said = f"“{_shortened(typed)}” {_fault_of_name(typed)}."
    if not nearest:
        field.say(Message("error", said, "The name must have lowercase letters, digits and single hyphens."))
        return
    field.data = nearest
    field.say(
        Message(
            "error",
            said,
            "The name in the field is the nearest that Infisical takes. Keep it or change it.",
            summary=f"use {nearest}, which is filled in for you",
        )
    )


def _fault_of_name(typed: str) -> str:
    if len(typed) > LONGEST_NAME:
        return f"has {len(typed)} characters, and {LONGEST_NAME} is the most"
    faults = [
        words
        for words, pattern in (("capitals", r"[A-Z]"), ("a space", r"\s"), ("an underscore", r"_"))
        if re.search(pattern, typed)
    ]
    if re.search(r"[^A-Za-z0-9\s_-]", typed):
        faults.append("a character that is no letter from a to z")
    if not faults:
        faults.append("a hyphen at an end or two in a row")
    return f"has {' and '.join((', '.join(faults[:-1]), faults[-1]) if len(faults) > 1 else faults)}"


def _check_description(field: TextField) -> None:
    # Infisical counts as JavaScript does, in UTF-16 units: one emoji is two.
    length = len(field.value.encode("utf-16-le", errors="surrogatepass")) // 2
    if length > LONGEST_DESCRIPTION:
        field.say(
            Message(
                "error",
                f"The description must be {LONGEST_DESCRIPTION} characters or fewer. It has {length}.",
            )
        )
    elif any(
        unicodedata.category(character) in {"Cc", "Cs"}
        for character in field.value.replace("\n", "").replace("\t", "")
    ):
        field.say(Message("error", "The description must not have invisible control characters."))


def _check_instance_url(field: TextField) -> InstanceUrl | None:
    try:
        read = read_instance_url(field.value)
    except InstanceUrlError as refused:
        field.say(Message("error", str(refused), offer=SUPABASE_CLOUD))
        return None
    field.data = read.text
    if read.is_supabase_cloud:
        return read
    clear = "" if read.encrypted else " It would travel unencrypted: the URL starts with http, not https."
    field.say(
        Message(
            "warning",
            f"Your token will be sent to {read.host}, which is not Supabase Cloud.",
            f"Continue only if you know who runs it.{clear}",
            offer=SUPABASE_CLOUD,
            key=f"instance_url {read.text}",
            summary=f"your token will be sent to {read.host}",
        )
    )
    return read


def _check_access_token(field: SecretField) -> None:
    text = field.data.reveal() if field.data else ""
    if not text:
        field.say(Message("error", "Enter the access token."))
    elif re.search(r"\s", text):
        field.say(
            Message(
                "error",
                "The access token must not have spaces or line breaks inside.",
                "Copy it again, whole.",
            )
        )
    elif not text.isprintable():
        field.say(
            Message(
                "error",
                "The access token must not have invisible characters inside.",
                "Copy it again, whole.",
            )
        )
    elif len(text) > LONGEST_TOKEN:
        field.say(
            Message(
                "error",
                f"The access token must be {LONGEST_TOKEN} characters or fewer. This has {len(text)}.",
                "Supabase’s access tokens are far shorter. Copy only the token.",
            )
        )


def _summary_text(label: str, message: Message) -> str:
    if message.kind == "warning":
        return f"{label}, a warning: {message.summary or message.lead}"
    return f"{label}: {message.summary}" if message.summary else message.lead


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"
