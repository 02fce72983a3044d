"""What each field may hold, and the words for what it may not: everything that is refused before anybody is asked."""

import re
import unicodedata
from collections.abc import Collection
from datetime import date, timedelta

from ..connectors import (
    SUPABASE_CLOUD,
    TOKENS_PAGE,
    InstanceUrl,
    InstanceUrlError,
    Message,
    judge,
    read_instance_url,
    recognise,
)
from ..core.secret import Secret
from .fields import SecretField, TextField, UrlField

LONGEST_NAME = 64
LONGEST_DESCRIPTION = 255
"""Infisical documents 256 and answers a bare 500 to exactly 256 (recorded exchange create-desc-256)."""
LONGEST_TOKEN = 255
LONGEST_LIFE = timedelta(days=3653)
"""Ten years. A day after that is a year mistyped."""

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def slug_of(text: str) -> str:
    """The nearest name that Infisical takes: `My Connection` becomes `my-connection`; "" where there is none."""
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_NAME].rstrip("-")


def refuse_secrets(*fields: TextField) -> None:
    """A secret in a field that is shown and stored in clear is refused, and was taken out of it."""
    for field in fields:
        if field.held:
            lead = f"This had {field.held} in it, and was emptied."
            field.add_error(
                Message("error", lead, "An access token belongs in its own field, other secrets in none.")
            )


def check_name(field: TextField) -> None:
    typed = field.value
    if field.held:
        return
    if not typed:
        field.add_error(Message("error", "Enter a name."))
        return
    if len(typed) <= LONGEST_NAME and _SLUG.fullmatch(typed):
        return
    nearest = slug_of(typed)
    said = f"“{_shortened(typed)}” {_fault_of_name(typed)}."
    if not nearest:
        field.add_error(
            Message("error", said, "The name must have lowercase letters, digits and single hyphens.")
        )
        return
    field.data = nearest
    field.add_error(
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


def check_description(field: TextField, *, with_expiry: str) -> None:
    """The description as it will be sent, `with_expiry`, must fit; Infisical counts as JavaScript does, so that one
    emoji is two."""
    length = len(with_expiry.encode("utf-16-le", errors="surrogatepass")) // 2
    if length > LONGEST_DESCRIPTION:
        whole = "" if with_expiry == field.value else " with the token’s expiry"
        field.add_error(
            Message(
                "error",
                f"The description must be {LONGEST_DESCRIPTION} characters or fewer. It has {length}{whole}.",
            )
        )
    elif any(
        unicodedata.category(character) in {"Cc", "Cs"} for character in re.sub(r"[\n\t]", "", field.value)
    ):
        field.add_error(Message("error", "The description must not have invisible control characters."))


def check_instance_url(field: UrlField, *, trusted: Collection[str]) -> InstanceUrl | None:
    """The URL that was meant, or None when it cannot be one; a host that nobody vouches for is a warning."""
    if field.held_user:
        lead = "The instance URL must not have a user name or a password in it."
        field.add_error(
            Message("error", lead, "What stood before the “@” was taken out.", offer=SUPABASE_CLOUD)
        )
        return None
    try:
        read = read_instance_url(field.value)
    except InstanceUrlError as refused:
        field.add_error(Message("error", str(refused), offer=SUPABASE_CLOUD))
        return None
    field.data = read.text
    judged = judge(read)
    if judged is None or (read.encrypted and read.host in trusted):
        return read
    if judged.verdict == "wrong":
        field.add_error(Message("error", judged.lead, judged.detail, offer=SUPABASE_CLOUD))
        return None
    field.add_error(
        Message(
            "warning",
            judged.lead,
            judged.detail,
            offer=SUPABASE_CLOUD,
            key=f"instance_url {read.text}",
            summary=f"your token will be sent to {read.host}",
        )
    )
    return read


def check_access_token(field: SecretField) -> None:
    """Names what was pasted where that is no access token; an unknown shape is a warning, for shapes may change."""
    token = field.data or Secret("")
    if not token:
        field.add_error(Message("error", "Enter the access token."))
        return
    recognised = recognise(token)
    if recognised.verdict == "wrong":
        field.add_error(
            Message("error", recognised.lead, recognised.detail, link=_TO_TOKENS, key="wrong-kind")
        )
        return
    fault = _fault_of_token(token)
    if fault is not None:
        field.add_error(fault)
    elif recognised.verdict == "unknown":
        key = f"access_token {recognised.kind}"
        field.add_error(Message("warning", recognised.lead, recognised.detail, link=_TO_TOKENS, key=key))


_TO_TOKENS = ("Open Supabase’s access tokens", TOKENS_PAGE)


def _fault_of_token(token: Secret) -> Message | None:
    if re.search(r"\s", token.reveal()):
        lead = "The access token must not have spaces or line breaks inside."
        return Message("error", lead, "Copy it again, whole.")
    if not token.reveal().isprintable():
        lead = "The access token must not have invisible characters inside."
        return Message("error", lead, "Copy it again, whole.")
    length = len(token.reveal())
    if length > LONGEST_TOKEN:
        lead = f"The access token must be {LONGEST_TOKEN} characters or fewer. This has {length}."
        return Message("error", lead, "Supabase’s access tokens are far shorter. Copy only the token.")
    return None


def check_expires_on(field: TextField, *, today: date) -> date | None:
    """The date, or None where none was given or it cannot be one. `today` is the day in UTC.

    The day before may still be today for whoever typed it: west of Greenwich, by up to twelve hours.
    """
    if not field.value:
        return None
    try:
        day = date.fromisoformat(field.value)
    except ValueError:
        field.add_error(Message("error", "The expiry must be a date, like 2027-02-21."))
        return None
    if day < today - timedelta(days=1):
        field.add_error(Message("error", "The expiry must not be in the past.", _LOOK_AT_SUPABASE))
        return None
    if day > today + LONGEST_LIFE:
        field.add_error(
            Message("error", "The expiry must be within ten years.", f"Look at the year. {_LOOK_AT_SUPABASE}")
        )
        return None
    return day


_LOOK_AT_SUPABASE = "Supabase shows it beside the token."


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"
