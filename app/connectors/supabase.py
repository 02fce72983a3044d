"""Supabase: its form, its guide, its words, and what is asked of it."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup
from pydantic import TypeAdapter

from ..core.secret import Secret
from ..core.text import toml_beside
from .instance_urls import CLOUD_HOST, SUPABASE_CLOUD, InstanceUrl, InstanceUrlError, read_instance_url
from .rows import App, Checked, Field, Given, Guide, Message, SyncRules
from .supabase_api import CheckResult, Destination, TokenChecks
from .token_kinds import recognise

LONGEST_TOKEN = 255

_GUIDE = TypeAdapter(Guide).validate_python(toml_beside(__file__, "supabase_guide.toml"))
_TO_TOKENS = (f"Open {_GUIDE.page_name}", _GUIDE.page)

_WORDS = toml_beside(__file__, "supabase.toml")

_WRONG = (
    ("Supabase’s dashboard", re.compile(r"(?:(?:www|app)\.)?supabase\.com|app\.supabase\.io")),
    # REF.supabase.co, db.REF.supabase.co, REF.functions.supabase.co, and the same under supabase.in.
    ("one project, {0}", re.compile(r"(?:[a-z0-9-]+\.)*?([a-z]{20})(?:\.[a-z]+)?\.supabase\.(?:co|in)")),
    # A project's address without its reference: a chosen subdomain, or the shared database poolers.
    ("one project", re.compile(r"(?!api\.)(?:[a-z0-9-]+\.)+(?:supabase\.(?:co|in)|pooler\.supabase\.com)")),
)
"""Supabase's own addresses that are no Management API."""

_INTERNAL = re.compile(
    r"[^.]*|.*\.(?:localhost|local|localdomain|internal|intranet|lan|corp|private|home|home\.arpa)"
)


def judge(url: InstanceUrl) -> Message:
    """What to say about an address that is not Supabase Cloud's: an error where it can be no Management API."""
    name = (urlsplit(url.text).hostname or "").removesuffix(".")
    for what, shape in _WRONG:
        if found := shape.fullmatch(name):
            lead = f"This is the address of {what.format(*found.groups())}."
            detail = f"The address that Infisical needs is that of the Management API, {SUPABASE_CLOUD}."
            return Message("error", lead, detail, offer=SUPABASE_CLOUD)
    imitates, mentions = name.startswith("api.supabase."), "supabase" in name
    doubts = {
        "imitates": imitates,
        "unencrypted": not url.encrypted,
        "internal": _is_internal(name),
        "named_alike": mentions and not imitates,
        "unknown": not mentions,
        "self_hosted": not imitates,
    }
    where, detail = url.host, " ".join(_WORDS["doubts"][doubt] for doubt, is_due in doubts.items() if is_due)
    if name == CLOUD_HOST or name.endswith(".supabase.com"):
        # The right host by another scheme, port, path or spelling, or another host of Supabase's.
        where, detail = url.text.removeprefix("https://"), _WORDS["the_api"]
    lead = f"Your token will be sent to {where}, which is not Supabase Cloud."
    if detail == _WORDS["the_api"] and not url.encrypted:
        lead = f"Your token would travel unencrypted to {url.host}."
        detail = f"The URL starts with http, not https. {detail}"
    summary = f"your token will be sent to {url.host}"
    key = f"instance_url {url.text}"
    return Message("warning", lead, detail, offer=SUPABASE_CLOUD, key=key, summary=summary)


def _is_internal(name: str) -> bool:
    """Whether a name or an address leads into a network of its own or to the machine itself."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return _INTERNAL.fullmatch(name) is not None
    address = getattr(address, "ipv4_mapped", None) or address
    return not address.is_global or address.is_multicast


def check_instance_url(typed: str, given: Given) -> Checked:
    """The URL that was meant, in one spelling; a host that nobody vouches for is a warning that names it."""
    try:
        read = read_instance_url(typed)
    except InstanceUrlError as refused:
        return Checked(typed, (Message("error", str(refused), offer=SUPABASE_CLOUD),))
    if read.text == SUPABASE_CLOUD or (read.encrypted and read.host in given.trusted_hosts):
        return Checked(read.text)
    return Checked(read.text, (judge(read),))


def check_access_token(token: Secret, _: Given) -> Checked:
    """Names what was pasted where that is no access token; an unknown shape is a warning, for shapes may change."""
    recognised, text = recognise(token), token.reveal()
    words = (recognised.lead, recognised.detail)
    again = "Copy it again, whole."
    fault = None
    if recognised.verdict == "wrong":
        fault = Message("error", *words, link=_TO_TOKENS, key="wrong-kind")
    elif re.search(r"\s", text):
        fault = Message("error", "The access token must not have spaces or line breaks inside.", again)
    elif not text.isprintable():
        fault = Message("error", "The access token must not have invisible characters inside.", again)
    elif len(text) > LONGEST_TOKEN:
        lead = f"The access token must be {LONGEST_TOKEN} characters or fewer. This has {len(text)}."
        fault = Message("error", lead, "Supabase’s access tokens are far shorter. Copy only the token.")
    elif recognised.verdict == "unknown":
        fault = Message("warning", *words, link=_TO_TOKENS, key=f"access_token {recognised.kind}")
    return Checked(token, (fault,) if fault else ())


def ask_supabase(checks: TokenChecks, values: Mapping[str, Any], seconds: float) -> CheckResult:
    """The checks of the access token at the instance URL, both of which have passed the form's own checks."""
    url = read_instance_url(values["instance_url"])
    syncs = values.get("purpose") != _GUIDE.purposes[0].id
    return checks.check(values["access_token"], url, deadline_seconds=seconds, syncs=syncs)


_PROJECT = re.compile(
    r"([a-z]{20})"
    r"|(?:https?://)?(?:(?:app\.)?supabase\.com/(?:dashboard/)?project/([a-z]{20})|(?:db\.)?([a-z]{20})\.supabase\.co)"
    r"(?:[:/?#].*)?"
)


def read_project(typed: str) -> str | None:
    """The reference of a project, of itself or of an address that has it: the project's own, or one of its pages in the
    dashboard."""
    found = _PROJECT.fullmatch(typed.strip("\"'`“”‘’«»<> \t\r\n"))
    return (found[1] or found[2] or found[3]) if found else None


def look_at_project(
    checks: TokenChecks, values: Mapping[str, Any], ref: str, seconds: float
) -> Destination | Message:
    """What Supabase says that the project holds; else what stands at the token's field."""
    url = read_instance_url(values["instance_url"])
    found = checks.destination(values["access_token"], ref, url=url, deadline_seconds=seconds)
    if isinstance(found, Destination):
        return found
    if found.state == "not checked":
        return Message("error", _WORDS["not_compared"].format(found.result), _WORDS["go_on"])
    lead = found.name if found.advice else f"{found.name}: {found.result}"
    return Message("error", f"{lead}.", found.advice, link=_TO_TOKENS if found.link else None)


SUPABASE = App(
    **_WORDS["app"],
    slug="supabase",
    method="access-token",
    fields=(
        Field(
            "instance_url",
            "Instance URL",
            "Leave it as it is for Supabase Cloud.",
            kind="url",
            wire=("credentials", "instanceUrl"),
            check=check_instance_url,
            rule=f"The instance URL must be a web address, like {SUPABASE_CLOUD}.",
            default=SUPABASE_CLOUD,
            shown=True,
        ),
        # The documentation's sample calls the token accessToken; the server reads accessKey and answers 422 without it
        # (recorded exchange create-doc-field-accesstoken-only). It ignores unknown keys, so both go out.
        Field(
            "access_token",
            "Access token",
            Markup(
                "Starts with <code>sbp_</code>. It goes to Infisical and Supabase and is kept nowhere else."
            ),
            kind="secret",
            wire=("credentials", "accessKey"),
            also_wire=("credentials", "accessToken"),
            check=check_access_token,
            missing="Enter the access token.",
            rule=f"The access token must be {LONGEST_TOKEN} characters or fewer.",
        ),
    ),
    guide=_GUIDE,
    check=ask_supabase,
    by_role=lambda values: recognise(values["access_token"]).kind == "personal access token",
    lives_a_year=True,
    syncs=SyncRules(
        **_WORDS["syncs"],
        spared=frozenset(_WORDS["spared"]),
        read_project=read_project,
        look=look_at_project,
    ),
)
