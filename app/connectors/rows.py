"""The rows that an app is made of: its fields, the guide to its credential, and its words, which may be Markup."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, NamedTuple

from markupsafe import Markup
from pydantic import AfterValidator

from .supabase_api import CheckResult, Destination, TokenChecks

Html = Annotated[str, AfterValidator(Markup)]


@dataclass(frozen=True, slots=True)
class Message:
    """What a field says about its content: a first sentence, what to do, and perhaps a text to use instead.

    `key` names a warning, so that ticking "Use it anyway" covers those that were shown and no other. `summary` is what
    the error summary says after the field's label, where that is not the lead.
    """

    kind: Literal["error", "warning"]
    lead: str
    detail: str = ""
    offer: str | None = None
    link: tuple[str, str] | None = None
    key: str = ""
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a check may look at beside its own field: what stands in the others, secrets left out, and the settings.

    `lives_a_year` is the app's, `today` is in UTC, `trusted_hosts` are those that whoever runs the wizard vouches for.
    """

    values: Mapping[str, str]
    app_name: str
    lives_a_year: bool = False
    today: date
    trusted_hosts: frozenset[str] = frozenset()


class Checked(NamedTuple):
    """What a check made of a field: the value to send and to show again, and what to say of it."""

    value: Any
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form. All that is made of fields loops over these rows: form, body, error paths, facts, export.

    `wire` is its path in the body that Infisical takes, `also_wire` another path for the same value. `check` gets a
    trimmed text, or a Secret from a field of that kind. `missing` is said where nothing was entered, "" where that is
    no fault. `rule` is what the page says where Infisical refuses the value by its path. `shown` makes it a fact on the
    page of a connection, with the id `connection-…`.
    """

    name: str
    label: str
    help: str = ""
    kind: Literal["text", "multiline", "url", "secret", "date", "checkbox", "switch", "select", "hidden"] = (
        "text"
    )
    wire: tuple[str, ...] = ()
    also_wire: tuple[str, ...] = ()
    check: Callable[[Any, Given], Checked] = lambda value, _: Checked(value)
    missing: str = ""
    rule: str = ""
    default: str = ""
    shown: bool = False

    @property
    def optional(self) -> bool:
        """Whether the label says that it may be left empty."""
        return not self.missing and not self.default and self.kind not in ("checkbox", "switch")

    @property
    def word(self) -> str:
        """The label inside a sentence: "instance URL", "API key"."""
        return self.label if self.label[1:2].isupper() else f"{self.label[0].lower()}{self.label[1:]}"

    @property
    def paths(self) -> tuple[tuple[str, ...], ...]:
        """Its paths in the body that Infisical takes; none for a field that stays here."""
        return tuple(path for path in (self.wire, self.also_wire) if path)


class Permission(NamedTuple):
    """One permission that a credential needs, in the words of the app that gives it."""

    name: str
    access: str


class Purpose(NamedTuple):
    """What a connection can be for, and the permissions that its credential then needs. The last one is preselected."""

    id: str
    name: str
    detail: str
    permissions: tuple[Permission, ...]


class Ask(NamedTuple):
    """One thing that a dialog of the app asks, and what to answer. `permissions` puts those of each purpose here."""

    term: str
    answer: Html = ""
    warning: Html = ""
    permissions: bool = False


class Step(NamedTuple):
    """One step on the way to the credential. `short` says it in a line beside the form, `drawing` names a drawing.

    `link` are the words of a link to the page where credentials are made.
    """

    title: str
    text: Html
    short: Html
    drawing: str = ""
    link: str = ""
    asks_title: str = ""
    asks: tuple[Ask, ...] = ()


class Point(NamedTuple):
    """One thing that is good to know: an icon, a heading, a sentence or two."""

    icon: str
    title: str
    text: Html


class Section(NamedTuple):
    """One section of the help beside the form. `id` names it for the page that opens it.

    `permissions` puts those of each purpose before the text.
    """

    id: str
    title: str
    text: Html
    permissions: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """How somebody gets the credential, at the `page` where the app makes them. `drawing` stands above the short steps
    beside the form. Texts that are Html are ours."""

    lede: str
    steps_title: str
    steps: tuple[Step, ...]
    page: str
    page_name: str
    drawing: str = ""
    purposes: tuple[Purpose, ...] = ()
    points: tuple[Point, ...] = ()
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRules:
    """What an app makes of the secrets that a sync writes to a project of it.

    `destination` says where: Infisical's names, each with ours for the same. A project keeps at most `most` secrets, which
    Infisical sends in batches of `batch`; a name has at most `longest_name` characters and does not begin with `reserved`.
    `spared` are those of the app's own that Infisical never removes. `project_page` is where people see a project, with
    its {ref}; `read_project` makes a reference of what somebody typed, None where it is none. `look` asks the app with a
    form's values what the project of a reference holds, in at most the given seconds; a message says why it cannot tell.
    """

    destination: Mapping[str, str]
    most: int
    batch: int
    longest_name: int
    reserved: str
    spared: frozenset[str]
    project_page: str
    read_project: Callable[[str], str | None]
    look: Callable[[TokenChecks, Mapping[str, Any], str, float], Destination | Message]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class App:
    """An app that can be connected here. `slug` is its name on the wire and in addresses, `api` what its API is called.

    `summary` says on the page of apps what a connection does, `invitation` on an empty list what it is for. `check`
    asks the app's own API about the credential, in at most the given seconds; None where nothing can be asked. `by_role`
    says whether the credential has no permissions of its own, `lives_a_year` whether none lives longer.
    `syncs` is None where no secret sync is known of.
    """

    slug: str
    name: str
    method: str
    fields: tuple[Field, ...]
    guide: Guide
    summary: str
    invitation: str
    api: str = ""
    check: Callable[[TokenChecks, Mapping[str, Any], float], CheckResult] | None = None
    by_role: Callable[[Mapping[str, Any]], bool] = lambda _: False
    lives_a_year: bool = False
    syncs: SyncRules | None = None

    def __str__(self) -> str:
        """As it stands in addresses."""
        return self.slug

    @property
    def a_name(self) -> str:
        """The name with its article: "a Supabase", "an Acme"."""
        return f"{'an' if self.name[0] in 'AEIO' else 'a'} {self.name}"

    @property
    def secret(self) -> Field:
        """The field of the credential."""
        return next(field for field in self.fields if field.kind == "secret")

    @property
    def address(self) -> Field | None:
        """The field that says where the credential goes."""
        return next((field for field in self.fields if field.kind == "url"), None)
