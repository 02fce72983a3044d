"""The fields that the form of every app has: name, description and expiry, with the words for what they may not hold."""

import re
import unicodedata
from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache, partial
from typing import NamedTuple

from ..connectors.rows import App, Checked, Field, Given, Message
from ..core.text import listed, toml_beside

LONGEST_NAME = 64
LONGEST_DESCRIPTION = 255
"""Infisical documents 256 and answers a bare 500 to exactly 256 (recorded exchange create-desc-256)."""
LONGEST_LIFE = timedelta(days=3653)
"""Ten years. A day after that is a year mistyped."""

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# Letters that Unicode does not take apart, and dashes; static/naming.js has the same.
_PLAIN = str.maketrans(
    dict(zip("ðđɗɓħıłƙŋøɔŧəɛƴ–—æœþ", (*"dddbhilknooteey--", "ae", "oe", "th"), strict=True))
)


def slug_of(text: str, *, longest: int = LONGEST_NAME) -> str:
    """The nearest name that Infisical takes: `My Connection` becomes `my-connection`; "" where there is none."""
    letters = unicodedata.normalize("NFKD", text.casefold()).translate(_PLAIN)
    plain = letters.encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:longest].rstrip("-")


def free_name(name: str, taken: Container[str]) -> str:
    """The first of name-2, name-3, … that is not taken; "" where all are."""
    return next((free for number in range(2, 1000) if (free := f"{name}-{number}") not in taken), "")


def check_name(typed: str, _: Given, *, longest: int = LONGEST_NAME) -> Checked:
    """The name, or the nearest that Infisical takes beside what is wrong with it."""
    if len(typed) <= longest and _SLUG.fullmatch(typed):
        return Checked(typed)
    shortened = typed if len(typed) <= 80 else f"{typed[:79]}…"
    lead = f"“{shortened}” {_fault_of_name(typed, longest)}."
    if not (nearest := slug_of(typed, longest=longest)):
        detail = "The name must have lowercase letters, digits and single hyphens."
        return Checked(typed, (Message("error", lead, detail),))
    detail = "The name in the field is the nearest that Infisical takes. Keep it or change it."
    summary = f"use {nearest}, which is filled in for you"
    return Checked(nearest, (Message("error", lead, detail, summary=summary),))


def _fault_of_name(typed: str, longest: int) -> str:
    if len(typed) > longest:
        return f"has {len(typed)} characters, and {longest} is the most"
    faults = [
        words
        for words, pattern in (
            ("capitals", r"[A-Z]"),
            ("a space", r"\s"),
            ("an underscore", r"_"),
            ("a character that is no letter from a to z", r"[^A-Za-z0-9\s_-]"),
        )
        if re.search(pattern, typed)
    ] or ["a hyphen at an end or two in a row"]
    return f"has {listed(faults)}"


def check_description(typed: str, given: Given) -> Checked:
    """The description as it will be sent must fit; Infisical counts as JavaScript does, so that one emoji is two."""
    sent = described(given.values)
    length = len(sent.encode("utf-16-le", errors="surrogatepass")) // 2
    if length > LONGEST_DESCRIPTION:
        whole = "" if sent == typed else " with the token’s expiry"
        lead = f"The description must be {LONGEST_DESCRIPTION} characters or fewer. It has {length}{whole}."
        return Checked(typed, (Message("error", lead),))
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in re.sub(r"[\n\t]", "", typed)):
        lead = "The description must not have invisible control characters."
        return Checked(typed, (Message("error", lead),))
    return Checked(typed)


def check_expires_on(typed: str, given: Given) -> Checked:
    """The date. The day before today may still be today for whoever typed it: west of Greenwich, by up to twelve hours."""
    if not typed:
        return Checked("")
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        return Checked(typed, (Message("error", "The expiry must be a date, like 2027-02-21."),))
    look = f"{given.app_name} shows it beside the token."
    if day < given.today - timedelta(days=1):
        return Checked(typed, (Message("error", "The expiry must not be in the past.", look),))
    if day > given.today + LONGEST_LIFE:
        lead = "The expiry must be within ten years."
        return Checked(typed, (Message("error", lead, f"Look at the year. {look}"),))
    # A year from today, with a leap day, where today is tomorrow already.
    if given.lives_a_year and day > given.today + timedelta(days=367):
        lead = f"{given.app_name}’s tokens live a year at most."
        return Checked(day.isoformat(), (Message("warning", lead, f"Look at the year. {look}", key="year"),))
    return Checked(day.isoformat())


def day_in(text: str | None) -> date | None:
    """The day that a text names, None where it names none that a calendar has a page for."""
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return day if 2000 <= day.year < 3000 else None


def described(values: Mapping[str, str]) -> str:
    """The description as it is sent: with the token's expiry as its last sentence, once, where that was asked for."""
    description = values.get("description", "").strip()
    day = day_in(values.get("expires_on"))
    if day is None or values.get("expires_in_description") != "1":
        return description
    sentence = expiry_sentence(day)
    if description.endswith(sentence):
        return description
    stop = "." if description[-1:].isalnum() else ""
    return f"{description}{stop} {sentence}".strip()


def expiry_sentence(day: date) -> str:
    """What a description says of the day."""
    return f"Token expires {day.day} {day:%b %Y}."


_EXPIRY = re.compile(r"Token expires (\d{1,2} [A-Z][a-z]{2} 2\d{3})\.")


def expiry_in(description: str | None) -> date | None:
    """The day that our sentence in a description names, the last one where there are several; None without one."""
    for text in reversed(_EXPIRY.findall(description or "")):
        if day := _day(text):
            return day
    return None


# Thousands of descriptions name few days, and to read one takes longer than all else that is done with it.
@lru_cache(maxsize=4000)
def _day(text: str) -> date | None:
    with suppress(ValueError):
        return datetime.strptime(text, "%d %b %Y").date()  # noqa: DTZ007  # a day has no zone
    return None


def without_expiry(description: str) -> str:
    """The description without our sentence about the token's expiry."""
    return re.sub(rf"\s*{_EXPIRY.pattern}", "", description).strip()


SOON = timedelta(days=14)
"""How long before its last day a token is said to expire soon."""


class Expiry(NamedTuple):
    """A token's last day in words: `kind` is "danger" where it is past, "warning" where it comes soon, else "good"."""

    day: date
    kind: str
    words: str


def expiry_of(day: date, *, today: date) -> Expiry:
    left = (day - today).days
    if left > SOON.days:
        return Expiry(day, "good", "Good until")
    if left < 0:
        return Expiry(day, "danger", f"Expired {'yesterday' if left == -1 else f'{-left} days ago'}")
    return Expiry(day, "warning", f"Expires {('today', 'tomorrow')[left] if left < 2 else f'in {left} days'}")


_WORDS = toml_beside(__file__, "fields.toml")
DETAILS = (
    Field("name", wire=("name",), check=check_name, **_WORDS["name"]),
    Field("description", wire=("description",), check=check_description, **_WORDS["description"]),
)
_PURPOSE = Field("purpose", kind="hidden", **_WORDS["purpose"])
EXPIRY = (
    Field("expires_on", kind="date", check=check_expires_on, **_WORDS["expires_on"]),
    Field("expires_in_description", kind="checkbox", **_WORDS["expires_in_description"]),
)


def form_fields(app: App) -> tuple[Field, ...]:
    """The rows of an app's form, in their order on the page."""
    return (*DETAILS, *app.fields, *((_PURPOSE,) if app.guide.purposes else ()), *EXPIRY)


def token_fields(app: App, old: str) -> tuple[Field, ...]:
    """The rows of the form for a new credential: the app's own and the expiry, which must fit the description."""
    day, kept = expiry_in(old), without_expiry(old)

    def fits(typed: str, given: Given) -> Checked:
        checked = check_expires_on(typed, given)
        values = {**given.values, "expires_on": checked.value, "description": kept}
        # Only how long it becomes counts: what it holds stands at Infisical already.
        too_long = check_description("", replace(given, values=values)).messages
        return checked._replace(messages=checked.messages + too_long)

    def asked_again(row: Field) -> Field:
        if row.kind == "secret":
            return replace(row, label=f"New {row.word}")
        needs = f"Changing it alone needs the {app.secret.word} too: Infisical shows nobody the one it keeps."
        return replace(row, help=needs)

    expires_on, in_description = EXPIRY
    ends = f"The old one expires on {day.day} {day:%B %Y}." if day else ""
    place = f"It takes the place of “{expiry_sentence(day)}”" if day else in_description.help
    return (
        *map(asked_again, app.fields),
        replace(expires_on, label="When does the new token expire?", help=ends, check=fits),
        replace(in_description, label="Put the new date in the description", help=place, default="1"),
    )


def confirmation(thing: str, name: str) -> Field:
    """The field in which the name of what is deleted is typed."""
    words = _WORDS["confirm"][thing]

    def is_it(typed: str, _: Given) -> Checked:
        another = Message("error", words["another"].format(name), words["detail"])
        return Checked(typed, () if typed == name else (another,))

    return Field("confirm_name", words["label"], check=is_it, missing=words["missing"])


LONGEST_SYNC_NAME = 256
WHOLE_NAME = "{{secretKey}}"
"""The key schema that changes no name."""


def sync_fields(app: App) -> tuple[Field, ...]:
    """The rows of the form of a secret sync to an app, in their order on the page; none where no sync is known."""
    if app.syncs is None:
        return ()
    read_project = app.syncs.read_project

    def check_project(typed: str, _: Given) -> Checked:
        ref = read_project(typed)
        return Checked(ref or typed, () if ref else (Message("error", **_WORDS["no_such_ref"]),))

    # As Infisical keeps it: `app` and `/app/` become `/app` (recorded exchange "secret path without leading slash").
    checks: dict[str, Callable[[str, Given], Checked]] = {
        "secret_path": lambda typed, _: Checked("/" + "/".join(filter(None, typed.split("/")))),
        "project": check_project,
        "name": partial(check_name, longest=LONGEST_SYNC_NAME),
        "description": check_description,
    }
    rows = []
    for name, words in _WORDS["sync"].items():
        known = {"check": checks[name]} if name in checks else {}
        of_app = name in ("project", "project_name")
        row = {**words, "wire": tuple(words.get("wire", ())), **known}
        rows.append(Field(f"{app.slug}_{name}" if of_app else name, **row))
    return (*rows, replace(app.secret, missing="", help=_WORDS["compare"]["help"], wire=(), also_wire=()))
