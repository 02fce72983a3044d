"""Supabase: its form, its guide, its words, and what is asked of it."""

import re
from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

from ..core.secret import Secret
from .instance_urls import SUPABASE_CLOUD, InstanceUrlError, judge, read_instance_url
from .rows import App, Checked, Field, Given, Message, read_guide
from .supabase_api import CheckResult, TokenChecks
from .token_kinds import recognise

LONGEST_TOKEN = 255

_GUIDE = read_guide(Path(__file__).with_suffix(".toml"))
_TO_TOKENS = (f"Open {_GUIDE.page_name}", _GUIDE.page)


def check_instance_url(typed: str, given: Given) -> Checked:
    """The URL that was meant, in one spelling; a host that nobody vouches for is a warning that names it."""
    try:
        read = read_instance_url(typed)
    except InstanceUrlError as refused:
        return Checked(typed, (Message("error", str(refused), offer=SUPABASE_CLOUD),))
    judged = judge(read)
    if judged is None or (read.encrypted and read.host in given.trusted_hosts):
        return Checked(read.text)
    if judged.verdict == "wrong":
        return Checked(read.text, (Message("error", judged.lead, judged.detail, offer=SUPABASE_CLOUD),))
    warning = Message(
        "warning",
        judged.lead,
        judged.detail,
        offer=SUPABASE_CLOUD,
        key=f"instance_url {read.text}",
        summary=f"your token will be sent to {read.host}",
    )
    return Checked(read.text, (warning,))


def check_access_token(token: Secret, _: Given) -> Checked:
    """Names what was pasted where that is no access token; an unknown shape is a warning, for shapes may change."""
    recognised = recognise(token)
    words = (recognised.lead, recognised.detail)
    if recognised.verdict == "wrong":
        return Checked(token, (Message("error", *words, link=_TO_TOKENS, key="wrong-kind"),))
    fault = _fault_of_token(token.reveal())
    if fault is not None:
        return Checked(token, (fault,))
    if recognised.verdict == "unknown":
        key = f"access_token {recognised.kind}"
        return Checked(token, (Message("warning", *words, link=_TO_TOKENS, key=key),))
    return Checked(token)


def _fault_of_token(text: str) -> Message | None:
    again = "Copy it again, whole."
    if re.search(r"\s", text):
        return Message("error", "The access token must not have spaces or line breaks inside.", again)
    if not text.isprintable():
        return Message("error", "The access token must not have invisible characters inside.", again)
    if len(text) > LONGEST_TOKEN:
        lead = f"The access token must be {LONGEST_TOKEN} characters or fewer. This has {len(text)}."
        return Message("error", lead, "Supabase’s access tokens are far shorter. Copy only the token.")
    return None


def ask_supabase(checks: TokenChecks, values: Mapping[str, str | Secret], seconds: float) -> CheckResult:
    """The checks of the access token at the instance URL, both of which have passed the form's own checks."""
    token = values["access_token"]
    url = read_instance_url(str(values["instance_url"]))
    return checks.check(token if isinstance(token, Secret) else Secret(token), url, deadline_seconds=seconds)


SUPABASE = App(
    slug="supabase",
    name="Supabase",
    api="Supabase Management API",
    method="access-token",
    summary="Lists your Supabase projects and syncs secrets to their Edge Functions. Needs an access token; the next "
    "page shows how to get one.",
    invitation="Connect Supabase to sync secrets to its Edge Functions. It takes about three minutes and one access "
    "token.",
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
)
