"""The kinds of fields that the form has, and what a field says about its content."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import Markup
from wtforms import Field
from wtforms.fields import StringField

from ..secret import Secret
from ..supabase import unwrap


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


class _Shown:
    """What the template needs of a field beside its WTForms life."""

    kind = "text"
    inputmode: str | None = None
    autocomplete = "off"
    optional = False
    help: str | Markup = ""
    held_a_token = False
    messages: tuple[Message, ...] = ()

    def say(self, message: Message) -> None:
        self.messages = (*self.messages, message)


_A_TOKEN = re.compile(r"sbp_[0-9A-Za-z_]{20,}")


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
        self.held_a_token = bool(valuelist and _A_TOKEN.search(valuelist[0]))
        if self.held_a_token:
            # Pasted one field off: it must not come back on a page, nor travel in a URL, nor be stored in clear.
            valuelist = []
            self.raw_data = []
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
