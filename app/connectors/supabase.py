"""Supabase: its form, its guide, its words, and what is asked of it."""

import re
from collections.abc import Mapping

from markupsafe import Markup

from ..core.secret import Secret
from .instance_urls import SUPABASE_CLOUD, InstanceUrlError, judge, read_instance_url
from .rows import App, Ask, Checked, Field, Given, Guide, Message, Permission, Point, Purpose, Section, Step
from .supabase_api import CheckResult, TokenChecks
from .token_kinds import recognise

TOKENS_PAGE = "https://supabase.com/dashboard/account/tokens"
"""Where a person makes an access token (Supabase's dashboard, Account preferences)."""

LONGEST_TOKEN = 255

_TO_TOKENS = ("Open Supabase’s access tokens", TOKENS_PAGE)


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
    said = (recognised.lead, recognised.detail)
    if recognised.verdict == "wrong":
        return Checked(token, (Message("error", *said, link=_TO_TOKENS, key="wrong-kind"),))
    fault = _fault_of_token(token.reveal())
    if fault is not None:
        return Checked(token, (fault,))
    if recognised.verdict == "unknown":
        key = f"access_token {recognised.kind}"
        return Checked(token, (Message("warning", *said, link=_TO_TOKENS, key=key),))
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


_LIST_PROJECTS = Permission("Projects (account-wide)", "Read")
_WRITE_SECRETS = Permission("Edge Function Secrets", "Read-write")

_GUIDE = Guide(
    lede="Infisical uses this token to reach Supabase. You make it in Supabase, in five steps, and bring it to the "
    "form on the next page.",
    steps_title="Five steps in Supabase",
    page=TOKENS_PAGE,
    page_name="Supabase’s access tokens",
    drawing="copying",
    steps=(
        Step(
            "Open Account Preferences",
            Markup("Click your profile image in the top-right corner and select <b>Account Preferences</b>."),
            Markup("Profile image, then <b>Account Preferences</b>"),
            drawing="preferences",
        ),
        Step(
            "Go to Access Tokens",
            Markup("In the sidebar, select <b>Access Tokens</b>."),
            Markup("In the sidebar, <b>Access Tokens</b>"),
            drawing="sidebar",
            link="Open this page in Supabase",
        ),
        Step(
            "Start a new token",
            Markup("In the access tokens page, click on <b>Generate New Token</b>."),
            Markup("<b>Generate New Token</b>"),
            drawing="generate",
        ),
        Step(
            "Name it and generate it",
            Markup(
                "Enter a descriptive token name and click on <b>Generate Token</b>. The dialog asks a few things more; "
                "below is what to answer."
            ),
            Markup("Name, expiry, permissions, then <b>Generate Token</b>"),
            drawing="naming",
            asks_title="What Supabase’s dialog asks today",
            asks=(
                Ask(
                    "Name",
                    Markup("Any name you will recognise, such as <code>infisical-webshop</code>."),
                ),
                Ask(
                    "Expires in",
                    Markup("<b>90 days</b>, or <b>Custom</b> up to a year."),
                    warning=Markup("<b>7 days is preselected:</b> syncs stop in a week."),
                ),
                Ask(
                    "Resource access",
                    Markup("Open <b>Advanced options</b> and choose the <b>account</b>."),
                ),
                Ask("Permissions", "Leave the other rows, about 40, at None.", permissions=True),
                Ask(
                    "To finish",
                    Markup(
                        "<b>Review access</b>, then <b>Create token</b>. Tick “I have copied the key and stored it "
                        "securely”, then <b>Done</b>."
                    ),
                ),
            ),
        ),
        Step(
            "Copy the token and save it",
            "Supabase shows it once. Copy it now and keep it in a password manager until it is in the form.",
            Markup("Copy the value that starts with <code>sbp_</code>"),
            drawing="copying",
        ),
    ),
    purposes=(
        Purpose("connect-only", "Connect only", "Check the token and list projects.", (_LIST_PROJECTS,)),
        Purpose(
            "connect-and-sync",
            "Connect and sync secrets",
            "Also write Edge Function secrets.",
            (_LIST_PROJECTS, _WRITE_SECRETS),
        ),
    ),
    points=(
        Point(
            "users",
            "Use a dedicated Supabase user",
            "A token never allows more than its creator’s own role, and it ends when that account is removed.",
        ),
        Point(
            "unseen",
            "It is shown once",
            "Supabase does not show the value again. If it is lost, make another and delete the first.",
        ),
        Point(
            "key",
            "Its access cannot be edited",
            "To add a permission later, make a new token and replace this one.",
        ),
        Point(
            "lock",
            "Where it goes",
            "Over TLS to Infisical, which checks it with Supabase and stores it encrypted. Never into a log, a "
            "cookie or an address.",
        ),
    ),
    sections=(
        Section(
            "url",
            "What the instance URL is",
            Markup(
                "<p>The address of Supabase’s Management API: <code>https://api.supabase.com</code> for everyone on "
                "Supabase Cloud.</p><p>It is not the address of one project (<code>….supabase.co</code>) and not the "
                "dashboard’s. Change it only for a proxy of that API, such as <code>https://your-domain.com</code>.</p>"
            ),
        ),
        Section(
            "permissions",
            "What the token must be allowed to do",
            Markup(
                "<p>Choose an expiry you can live with: with the preselected 7 days, syncs stop in a week.</p>"
            ),
            permissions=True,
        ),
        Section(
            "wrong",
            "Not an access token",
            Markup(
                "<p>Keys that start with <code>eyJ</code>, <code>sb_publishable_</code> or <code>sb_secret_</code> "
                "belong to one Supabase project and open its data. An access token starts with <code>sbp_</code> and "
                "belongs to a person.</p>"
            ),
        ),
    ),
)

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
