"""The fields that the form of every app has: name, description and expiry, with the words for what they may not hold."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, timedelta

from ..connectors.rows import App, Checked, Field, Given, Message

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


def slug_of(text: str) -> str:
    """The nearest name that Infisical takes: `My Connection` becomes `my-connection`; "" where there is none."""
    plain = (
        unicodedata.normalize("NFKD", text.casefold()).translate(_PLAIN).encode("ascii", "ignore").decode()
    )
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_NAME].rstrip("-")


def check_name(typed: str, _: Given) -> Checked:
    """The name, or the nearest that Infisical takes beside what is wrong with it."""
    if len(typed) <= LONGEST_NAME and _SLUG.fullmatch(typed):
        return Checked(typed)
    shortened = typed if len(typed) <= 80 else f"{typed[:79]}…"
    lead = f"“{shortened}” {_fault_of_name(typed)}."
    nearest = slug_of(typed)
    if not nearest:
        detail = "The name must have lowercase letters, digits and single hyphens."
        return Checked(typed, (Message("error", lead, detail),))
    filled_in = Message(
        "error",
        lead,
        "The name in the field is the nearest that Infisical takes. Keep it or change it.",
        summary=f"use {nearest}, which is filled in for you",
    )
    return Checked(nearest, (filled_in,))


def _fault_of_name(typed: str) -> str:
    if len(typed) > LONGEST_NAME:
        return f"has {len(typed)} characters, and {LONGEST_NAME} is the most"
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
    return f"has {' and '.join(filter(None, (', '.join(faults[:-1]), faults[-1])))}"


def check_description(typed: str, given: Given) -> Checked:
    """The description as it will be sent must fit; Infisical counts as JavaScript does, so that one emoji is two."""
    sent = described(given.values)
    length = len(sent.encode("utf-16-le", errors="surrogatepass")) // 2
    if length > LONGEST_DESCRIPTION:
        whole = "" if sent == typed else " with the token’s expiry"
        lead = f"The description must be {LONGEST_DESCRIPTION} characters or fewer. It has {length}{whole}."
        return Checked(typed, (Message("error", lead),))
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in re.sub(r"[\n\t]", "", typed)):
        return Checked(
            typed, (Message("error", "The description must not have invisible control characters."),)
        )
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
    sentence = f"Token expires {day.day} {day:%b %Y}."
    if description.endswith(sentence):
        return description
    stop = "." if description[-1:].isalnum() else ""
    return f"{description}{stop} {sentence}".strip()


_FIRST = (
    Field(
        "name",
        "Name",
        "Lowercase letters, digits and hyphens, up to 64.",
        wire=("name",),
        check=check_name,
        missing="Enter a name.",
        rule="The name must have lowercase letters, digits and single hyphens, 64 at most.",
    ),
    Field(
        "description",
        "Description",
        "What it is for and whom to ask, up to 255 characters.",
        kind="multiline",
        wire=("description",),
        check=check_description,
        rule="The description must be 255 characters or fewer.",
    ),
)
_PURPOSE = Field("purpose", "What the connection is for", kind="hidden")
_LAST = (
    Field(
        "expires_on",
        "When does the token expire?",
        "You can put a reminder in your calendar once the connection is made.",
        kind="date",
        check=check_expires_on,
    ),
    Field(
        "expires_in_description",
        "Add it to the description",
        "Colleagues then see it in Infisical.",
        kind="checkbox",
    ),
)


def form_fields(app: App) -> tuple[Field, ...]:
    """The rows of an app's form, in their order on the page."""
    return (*_FIRST, *app.fields, *((_PURPOSE,) if app.guide.purposes else ()), *_LAST)
