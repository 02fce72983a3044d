"""Everything that a page can say is wrong: one row per problem, and which error of Infisical's is which."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from ..connectors import App, Message
from ..infisical import (
    InfisicalError,
    InstanceUrlRefused,
    InvalidFields,
    LoginRefused,
    Missing,
    NameTaken,
    NoAnswer,
    NotAMember,
    NotFound,
    NotInfisical,
    PermissionDenied,
    ProviderFailed,
    RateLimited,
    Refusal,
    Refused,
    ServerFailed,
    SignOnRefused,
    TokenLacksPermission,
    TokenRefused,
    Unreachable,
)
from .fields import form_fields
from .scopes import Scope

HERE = "."
"""The very page that a problem stands in place of, filled in again after a post."""


class Fact(NamedTuple):
    """One row of a problem page. `id` is the element's id, for automation."""

    label: str
    value: str
    copy: bool = False
    id: str | None = None


class Action(NamedTuple):
    """One way forward from a problem page: to an address, to the page with an endpoint such as ".index", or HERE."""

    label: str
    href: str
    primary: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """A page that says what is wrong. `slug` names it for automation, `status` is the answer's HTTP status.

    `steps` are for whoever runs this server. `ask` is a message for somebody who can help, ready to be copied, and
    `ask_lede` says who that is. `retry_after` is in seconds. Without an `icon` the status decides.
    """

    status: int
    title: str
    lede: str
    slug: str = ""
    icon: str = ""
    facts: tuple[Fact, ...] = ()
    steps: tuple[str, ...] = ()
    ask: str = ""
    ask_heading: str = "Whom to ask"
    ask_lede: str = ""
    actions: tuple[Action, ...] = ()
    note: str = ""
    retry_after: int | None = None


_START = (Action("Go to App Connections", ".index", primary=True),)
_TRY_AGAIN = (Action("Try again", HERE, primary=True), Action("Choose another project", ".projects"))
_CHANGE_PROJECT = (Action("Choose another project", ".projects", primary=True),)

_ROWS = {
    # What HTTP itself refuses.
    "not-understood": Problem(
        400, "The request could not be understood", "Go back and try again.", actions=_START
    ),
    "page-not-found": Problem(
        404, "There is no such page", "The address may be mistyped or old.", actions=_START
    ),
    "wrong-method": Problem(405, "This page does not take that", "Open it from the start.", actions=_START),
    "too-large": Problem(
        413,
        "That was too much",
        "The form takes up to 64 kB, far more than any of its fields needs.",
        actions=_START,
    ),
    "server-error": Problem(
        500,
        "Something is broken in Infisical Connect",
        "It is logged. Try again in a minute.",
        actions=_START,
    ),
    "incomplete-address": Problem(
        400,
        "This address is not complete",
        "It must say which connection was sent, where and when.",
        actions=_START,
    ),
    # Posts that are not taken.
    "from-elsewhere": Problem(
        403,
        "Another site sent this form",
        "A form of this wizard is taken from its own pages alone. Nothing was sent to Infisical.",
        note="If you did not expect this page, close it: another site tried to act in your name.",
    ),
    "page-too-old": Problem(
        400,
        "This page was open too long",
        "The form could not be matched to your browser. Nothing was sent to Infisical.",
        icon="clock",
        note="The form comes back with everything but the token, which is not kept anywhere. Cookies must be allowed.",
        actions=(Action("Open the form again", HERE, primary=True),),
    ),
    # Where a request comes from.
    "not-this-machine": Problem(
        403,
        "This server answers only to its own machine",
        "{reason} Whoever opens this page acts with the server’s own credential, so it is refused.",
        steps=(
            "Open it on the machine it runs on, at http://127.0.0.1 and its port.",
            "From another machine, use an SSH tunnel to that address.",
            "To let other people in, set CONNECT_ACCESS.",
        ),
    ),
    "other-host": Problem(
        421,
        "This server does not answer to that name",
        "The address names a host that is not one of this server’s.",
        steps=(
            "Check the address. If it is right, add its host to CONNECT_HOSTS.",
            "A proxy must hand the host on, as Host or as X-Forwarded-Host.",
        ),
    ),
    "plain-http": Problem(
        403,
        "This page needs https",
        "What is typed here must not be read on the way, and this address begins with http://.",
        steps=(
            "Open the same address with https://.",
            "If a proxy ends https before this server, add its address to CONNECT_PROXY_TRUSTED and have it send "
            "X-Forwarded-Proto.",
        ),
    ),
    "not-the-proxy": Problem(
        403,
        "This page is behind a sign-in",
        "The request did not come through the proxy where people sign in, so it is refused.",
        steps=(
            "Open the address of the proxy, not that of this server.",
            "If it did come through the proxy, add the proxy’s address to CONNECT_PROXY_TRUSTED.",
        ),
    ),
    # Who is asking.
    "nobody-named/proxy": Problem(
        403,
        "The proxy did not say who you are",
        "The proxy where people sign in must name one person with each request, and it named none.",
        steps=(
            "Have the proxy send the header that CONNECT_PROXY_USER_HEADER names, in place of any that it was sent.",
        ),
    ),
    "nobody-named/embedded": Problem(
        403,
        "Nobody said who you are",
        "The app that these pages are part of must name the person who asks, and it named none.",
        note="It is logged. Whoever runs the app can mend it: its guard returned neither a person nor a response.",
    ),
    "not-allowed": Problem(
        403,
        "You may not use this wizard",
        "You are signed in as {who}, who is not among those who may come in.{unverified}",
        ask_lede="Whoever runs this server, or whoever keeps the groups of your company.",
        ask="I need to use Infisical Connect, as {who}.",
    ),
    "not-let-in": Problem(403, "You are not signed in", "{reason}"),
    "sign-in-again": Problem(400, "Sign in once more", "{reason}", icon="clock"),
    "provider-fault": Problem(
        502,
        "The company’s sign-in does not work",
        "{reason} Nobody is signed in.",
        steps=(
            "Check CONNECT_OIDC_ISSUER, CONNECT_OIDC_CLIENT_ID and CONNECT_OIDC_CLIENT_SECRET, and that this server may reach the "
            "identity provider.",
            "The redirect address that must be registered there is {callback}.",
        ),
    ),
    "too-many-sign-ins": Problem(
        429, "Wait {wait}", "There were too many sign-ins from your address.", icon="clock"
    ),
    # Infisical.
    "unreachable": Problem(
        502,
        "Infisical cannot be reached",
        "{host}: {reach} Try again in a minute.",
        steps=(
            "Check INFISICAL_HOST, and that this server may reach it.",
            "For a private certificate authority, set INFISICAL_CA_BUNDLE.",
        ),
    ),
    "no-answer": Problem(
        504, "No answer from Infisical", "{host} did not answer in time. Try again in a minute.", icon="clock"
    ),
    "not-infisical": Problem(
        502,
        "This address does not answer as Infisical does",
        "{host} answered with something that is not Infisical’s API. Try again in a minute.",
        steps=(
            "Check INFISICAL_HOST: it must be the address of Infisical itself, without a page of its dashboard.",
            "A proxy before Infisical may show a page of its own while Infisical restarts, or ask for a sign-in.",
        ),
    ),
    "server-failed": Problem(
        502,
        "Infisical has a problem of its own",
        "{host} answered with a server error. Try again in a minute.",
        note="If it stays so, send the request ID to whoever runs your Infisical.",
    ),
    "supabase-failed": Problem(
        502,
        "{app} has a problem of its own",
        "Infisical tried the access token with {app} several times, and {app} answered with a server error. Try "
        "again in a few minutes: the token may be fine.",
    ),
    "rate-limited": Problem(
        503, "Infisical asks to wait", "It had too many requests and takes new ones in {wait}.", icon="clock"
    ),
    "login-refused": Problem(
        503,
        "This server is not signed in to Infisical",
        "Infisical refused: {refusal}. Only whoever runs this server can mend it.",
        icon="lock",
    ),
    # A person's own token is good, and its identity may not be used from this server's address. Signing in again, which
    # takes the client secret from here, would lead back to this.
    "login-refused/from-here": Problem(
        403,
        "Infisical does not let you in from this server",
        "{host} accepts your access token from trusted addresses alone, and this server’s is not among them.",
        ask_lede="Whoever manages your machine identity can add this server’s address, in Infisical under Universal Auth.",
        ask="Add the address of the server of Infisical Connect to the access token trusted IPs of my machine identity.",
    ),
    "sign-on-refused": Problem(
        403,
        "Infisical does not accept your sign-in",
        "Your company’s identity provider let you in, and {host} did not.",
        steps=("Sign in again: what was handed over may have expired.",),
        ask_lede="An admin of your organization in Infisical can add you, or mend its single sign-on.",
        ask="Let me sign in to Infisical with our identity provider, through the OAuth application of Infisical Connect.",
    ),
    "permission-denied": Problem(
        403,
        "You may not {verb} in {project}",
        "Infisical refused the request.",
        ask_lede="An admin of {place} can give it, under Access Control in Infisical.",
        ask="I need {permission} in {place}. Infisical refused it on {day}{reference}.",
    ),
    "permission-denied/server": Problem(
        403,
        "This server may not {verb} in {project}",
        "Infisical refused the request.",
        ask_lede="An admin of {place} can give it, under Access Control in Infisical.",
        ask="The machine identity of Infisical Connect needs {permission} in {place}. Infisical refused it on "
        "{day}{reference}.",
    ),
    "not-a-member": Problem(
        403,
        "You have no access to this project",
        "You are not a member of the project.",
        ask_lede="An admin of the project can add you, under Access Control in Infisical.",
        ask="Add me to {place}, with “Create” and “Read” on “App Connections”{reference}.",
        actions=_CHANGE_PROJECT,
    ),
    "not-a-member/server": Problem(
        403,
        "This server has no access to this project",
        "Its machine identity is not a member of the project.",
        ask_lede="An admin of the project can add it, under Access Control in Infisical.",
        ask="Add the machine identity of Infisical Connect to {place}, with “Create” and “Read” on “App "
        "Connections”{reference}.",
        actions=_CHANGE_PROJECT,
    ),
    "no-project": Problem(
        403,
        "You are in no project yet",
        "Infisical shows you no project, so there is nowhere to put a connection.",
        ask_lede="An admin of a project can add you, under Access Control in Infisical.",
        ask="Add me to our project, with “Create” and “Read” on “App Connections”.",
    ),
    "no-project/server": Problem(
        403,
        "This server is in no project yet",
        "Infisical shows its machine identity no project, so there is nowhere to put a connection.",
        ask_lede="An admin of a project can add it, under Access Control in Infisical.",
        ask="Add the machine identity of Infisical Connect to our project, with “Create” and “Read” on “App Connections”.",
    ),
    "not-found": Problem(
        404,
        "There is no such connection",
        "It may have been deleted, or the address is not complete.",
        actions=_START,
    ),
    "not-found/project": Problem(
        404,
        "There is no such project",
        "It may have been deleted, or the address is not complete.",
        actions=_CHANGE_PROJECT,
    ),
}

PROBLEMS: Mapping[str, Problem] = {
    name: replace(row, slug=name.partition("/")[0]) for name, row in _ROWS.items()
}
"""Each by its slug; after a slash stands which case of the slug it is. In braces stands what a page fills in."""

RESULTS: Mapping[type[InfisicalError], str] = {
    Unreachable: "unreachable",
    NoAnswer: "no-answer",
    NotInfisical: "not-infisical",
    ServerFailed: "server-failed",
    ProviderFailed: "supabase-failed",
    RateLimited: "rate-limited",
    LoginRefused: "login-refused",
    SignOnRefused: "sign-on-refused",
    PermissionDenied: "permission-denied",
    NotAMember: "not-a-member",
    NotFound: "not-found",
    InvalidFields: "invalid-fields",
    NameTaken: "name-taken",
    TokenRefused: "token-refused",
    TokenLacksPermission: "token-lacks-permission",
    InstanceUrlRefused: "instance-url-refused",
    Refused: "refused",
}
"""The word for each error in the audit log, which is the slug of its page. Those without a page stand at a field; on a
page that only reads they would be our mistake, and are told like any other answer out of place."""

_RESTART = "Restart the server, which otherwise waits five minutes before it logs in again."

_MENDING_A_LOGIN = {
    Refusal.CREDENTIAL: (
        "Check the client ID and the client secret of the machine identity.",
        "On Infisical Cloud, check the region: an identity lives either in the US or in the EU.",
        _RESTART,
    ),
    Refusal.SECRET_EXPIRED: ("Make a new client secret for the machine identity.", _RESTART),
    Refusal.SECRET_USED_UP: (
        "Make a new client secret for the machine identity, without a limit of uses.",
        _RESTART,
    ),
    Refusal.LOCKED: ("Wait five minutes, then check the client secret before it is tried again.", _RESTART),
    Refusal.TOKEN: ("Replace the Infisical access token, or use a machine identity, which renews its own.",),
    Refusal.ADDRESS: (
        "Add this server’s address to the trusted addresses of the machine identity.",
        _RESTART,
    ),
    Refusal.APPLICATION: ("Check INFISICAL_OAUTH_CLIENT_ID and INFISICAL_OAUTH_CLIENT_SECRET.",),
    Refusal.EXCHANGE: (
        "In Infisical, allow the OAuth application to exchange tokens.",
        "For an Infisical without token exchange, set CONNECT_OIDC_EXCHANGE=off.",
    ),
}
"""What whoever runs this server does about a log-in of its own that was refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What was going on when the error came: where, when, at which Infisical, and whether something was being made.

    `creating` is the name of the connection that was being created, None when a page only read, `app_name` that of the
    app that it is for. `own_rights` tells that
    the person acts with rights of their own, and not with the server's.
    """

    scope: Scope | None
    key: str | None = None
    host: str
    when: datetime
    creating: str | None = None
    app_name: str = "the app"
    own_rights: bool = False

    @property
    def place(self) -> str:
        if self.scope:
            return self.scope.phrase
        return f"the project with the ID {self.key}" if self.key else "this project"


def problem_named(
    name: str, *, own_rights: bool = True, retry_after: int | None = None, **values: str
) -> Problem:
    """The problem of that name in the catalogue, with its values filled in.

    Without `own_rights` it is the case of the server's own rights, where there is one. `wait` is filled in from
    `retry_after`, in seconds.
    """
    row = PROBLEMS[name]
    if not own_rights:
        row = PROBLEMS.get(f"{name}/server", row)
    if retry_after is not None:
        values["wait"] = in_seconds(retry_after)
    return replace(
        row,
        title=row.title.format_map(values),
        lede=row.lede.format_map(values),
        steps=tuple(step.format_map(values) for step in row.steps),
        ask=row.ask.format_map(values),
        ask_lede=row.ask_lede.format_map(values),
        retry_after=retry_after,
    )


def in_seconds(count: int) -> str:
    """A time in words: "1 second", "5 seconds"."""
    return f"{count} second" if count == 1 else f"{count} seconds"


def problem_page(error: InfisicalError, situation: Situation) -> Problem:
    """The page for an error, with what Infisical's support asks for and whether anything was created."""
    slug = RESULTS[type(error)]
    name, values = _case_of(
        error, slug if slug in PROBLEMS else "not-infisical", own_rights=situation.own_rights
    )
    filled = problem_named(
        name,
        own_rights=situation.own_rights,
        retry_after=error.retry_after if isinstance(error, RateLimited) else None,
        app=situation.app_name,
        **values,
        host=situation.host,
        verb="create connections" if situation.creating else "see this",
        project=situation.scope.name if situation.scope else "this project",
        place=situation.place,
        day=f"{situation.when:%d %B %Y}",
        reference=f" (request {error.request_id})" if error.request_id else "",
    )
    certain = NOTHING_CREATED if error.nothing_happened else _NOT_CERTAIN.format(situation.creating)
    return replace(
        filled,
        lede=f"{filled.lede} {certain}" if situation.creating else filled.lede,
        steps=_MENDING_A_LOGIN[error.refusal]
        if isinstance(error, LoginRefused) and name == "login-refused"
        else filled.steps,
        facts=_facts(error, situation),
        actions=filled.actions or _TRY_AGAIN,
    )


NOTHING_CREATED = "Nothing was created."
_NOT_CERTAIN = "It is not certain whether {} was created."


def _case_of(error: InfisicalError, slug: str, *, own_rights: bool) -> tuple[str, dict[str, str]]:
    """Which row of the catalogue an error has, and what it alone fills in there."""
    match error:
        case Unreachable():
            return slug, {"reach": error.reach.value}
        case LoginRefused(refusal=Refusal.ADDRESS) if own_rights:
            return f"{slug}/from-here", {}
        case LoginRefused():
            return slug, {"refusal": error.refusal.value}
        case NotFound(missing=Missing.PROJECT):
            return f"{slug}/project", {}
        case PermissionDenied(action=None):
            return slug, {"permission": "a permission that Infisical does not name"}
        case PermissionDenied():
            return slug, {"permission": f"{_permission(error)} ({error.action})"}
    return slug, {}


def _permission(error: PermissionDenied) -> str:
    """A permission as Infisical's own pages call it: “Create” on “App Connections”."""
    action = (error.action or "").removesuffix("-app-connections").capitalize()
    subject = "App Connections" if error.subject == "app-connections" else error.subject
    return f"“{action}” on “{subject}”"


def _facts(error: InfisicalError, situation: Situation) -> tuple[Fact, ...]:
    facts = [Fact("Infisical", situation.host)]
    if situation.scope:
        facts.insert(0, Fact("Project", situation.scope.name))
    if isinstance(error, PermissionDenied) and error.action:
        said = Fact("As Infisical says it", f"{error.action} on {error.subject}", copy=True)
        facts = [Fact("What is missing", _permission(error)), said, *facts]
    if error.message:
        facts.append(Fact("As it was told", error.message))
    if error.request_id:
        facts.append(Fact("Request ID", error.request_id, copy=True, id="request-id"))
    return (*facts, Fact("When", f"{situation.when:%d %B %Y, %H:%M:%S} UTC".lstrip("0")))


# ── Messages at a field ──────────────────────────────────────────────────────────────────────────────────────────────

_AT_A_FIELD: Mapping[type[InfisicalError], Message] = {
    NameTaken: Message(
        "error",
        "A connection with this name exists here.",
        "Choose another name, or use the connection that is there.",
        summary="a connection with this name exists here",
    ),
    TokenRefused: Message(
        "error",
        "{app} does not accept this {credential}.",
        f"It may be mistyped, expired or deleted. Make a new one and copy it whole. {NOTHING_CREATED}",
    ),
    TokenLacksPermission: Message(
        "error",
        "The {credential} lacks a permission.",
        "It needs {permission}. A token’s access cannot be edited: make a new one with that permission. "
        f"{NOTHING_CREATED}",
    ),
    InstanceUrlRefused: Message(
        "error",
        "Infisical found no {api} at this {address}.",
        "Usually the address is mistyped, is one project’s own address, or cannot be reached from Infisical, which "
        f"also refuses internal addresses unless its operator allows them. {NOTHING_CREATED} Infisical says: “{{said}}”",
    ),
    Refused: Message("error", "Infisical refused the connection.", f"{NOTHING_CREATED} It says: “{{said}}”"),
}


def field_messages(error: InfisicalError, app: App) -> tuple[tuple[str | None, Message], ...]:
    """The field and the message for each thing that the person can mend in the form; None is the form as a whole.

    Empty for an error that has a page of its own.
    """
    if isinstance(error, InvalidFields):
        return tuple(_invalid_field(issue.path, issue.message, app) for issue in error.issues) or (
            (None, Message("error", "Infisical refused the form and did not say why.", NOTHING_CREATED)),
        )
    message = _AT_A_FIELD.get(type(error))
    if message is None:
        return ()
    values = {**_words_of(app), "said": error.message}
    filled = replace(message, lead=message.lead.format_map(values), detail=message.detail.format_map(values))
    match error:
        case NameTaken():
            return (("name", filled),)
        case TokenRefused() | TokenLacksPermission():
            link = (f"Open {app.guide.page_name}", app.guide.page)
            return ((app.secret.name, replace(filled, link=link)),)
        case InstanceUrlRefused() if app.address:
            return ((app.address.name, replace(filled, offer=app.address.default or None)),)
    return ((None, filled),)


def _words_of(app: App) -> dict[str, str]:
    needed = (
        [f"“{name}: {access}”" for name, access in app.guide.purposes[0].permissions]
        if app.guide.purposes
        else []
    )
    return {
        "app": app.name,
        "api": app.api,
        "credential": app.secret.the_label.removeprefix("the "),
        "address": app.address.the_label.removeprefix("the ") if app.address else "address",
        "permission": " and ".join(needed) or "more than it has",
    }


def _invalid_field(path: tuple[str, ...], said: str, app: App) -> tuple[str | None, Message]:
    quoted = f"Infisical says: “{said}”" if said else ""
    row = next((row for row in form_fields(app) if path in row.paths), None)
    if row is None:
        where = " → ".join(path) or "the request"
        return None, Message("error", f"Infisical refused {where}.", quoted)
    return row.name, Message("error", row.rule or f"Infisical refused {row.the_label}.", quoted)
