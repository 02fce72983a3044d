"""The kinds of fields that the form has, and what a field says about its content."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup
from wtforms import Field, HiddenField
from wtforms.fields import StringField

from ..connectors import Message, secret_in, unwrap, without_user
from ..core.secret import Secret


class _Shown:
    """What the template needs of a field beside its WTForms life."""

    kind = "text"
    inputmode: str | None = None
    autocomplete = "off"
    optional = False
    help: str | Markup = ""
    messages: tuple[Message, ...] = ()

    def add_error(self, message: Message) -> None:
        self.messages = (*self.messages, message)


class TextField(_Shown, StringField):
    """One line of text, trimmed. `held` says in words which secret was taken out of it."""

    held: str | None = None

    def __init__(
        self, label: str, *, help: str | Markup, optional: bool = False, kind: str = "text", **kwargs: Any
    ) -> None:
        super().__init__(label, **kwargs)
        self.help = help
        self.optional = optional
        self.kind = kind
        self.inputmode = "url" if kind == "url" else None

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        # WTForms keeps what came in raw_data, in clear, for as long as the form lives.
        self.raw_data = []
        self.put(valuelist[0] if valuelist else "")

    def put(self, text: str) -> None:
        """Takes a text, or nothing of one that holds a secret.

        Pasted one field off, it must not come back on a page, nor travel in a URL, nor be stored in clear.
        """
        self.held = secret_in(text)
        self.data = "" if self.held else text.replace("\r\n", "\n").strip()

    @property
    def value(self) -> str:
        return self.data or ""


class HiddenText(HiddenField):
    """A hidden text, without any that holds a secret: it stands in addresses and in the audit log."""

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        text = valuelist[0].strip() if valuelist else ""
        self.raw_data = []
        self.data = "" if secret_in(text) else text


class UrlField(TextField):
    """A URL, without the user name and the password that it held: `held_user` says whether there were any."""

    held_user = False

    def put(self, text: str) -> None:
        address = without_user(text)
        self.held_user = address != text.strip()
        super().put(address)


class SecretField(_Shown, Field):
    """A secret: what was typed becomes a Secret at once, and is never rendered back."""

    kind = "secret"
    value = ""
    data: Secret | None

    def __init__(self, label: str, *, help: str | Markup, autocomplete: str = "off", **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.help = help
        self.autocomplete = autocomplete
        self.taken_off: tuple[str, ...] = ()

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        # WTForms keeps what came in raw_data, in clear, for as long as the form lives.
        self.raw_data = []
        unwrapped = unwrap(valuelist[0] if valuelist else "")
        self.data = unwrapped.token
        self.taken_off = unwrapped.taken_off
