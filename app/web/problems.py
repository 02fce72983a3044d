"""Each error of Infisical's becomes a message at a field or a page of its own: its words, its status, what to do."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from ..connectors import SUPABASE_CLOUD, TOKENS_PAGE, Message
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
from .scopes import Scope


class Fact(NamedTuple):
    """One row of a problem page. `id` is the element's id, for automation."""

    label: str
    value: str
    copy: bool = False
    id: str | None = None


class Action(NamedTuple):
    """One way forward from a problem page."""

    label: str
    href: str
    primary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A page that says what is wrong. `slug` names it for automation, `status` is the answer's HTTP status.

    `retry_after` is in seconds. `ask` is a message for somebody who can help, ready to be copied.
    """

    slug: str
    status: int
    title: str
    lede: str
    icon: str = "warning"
    facts: tuple[Fact, ...] = ()
    steps: tuple[str, ...] = ()
    ask: str | None = None
    ask_heading: str | None = None
    ask_lede: str | None = None
    actions: tuple[Action, ...] = ()
    note: str | None = None
    retry_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What was going on when the error came: where, when, at which Infisical, and whether something was being made.

    `creating` is the name of the connection that was being created, None when a page only read. `own_rights` tells that
    the person acts with rights of their own, and not with the server's.
    """

    scope: Scope | None
    key: str | None = None
    host: str
    when: datetime
    creating: str | None = None
    own_rights: bool = False

    @property
    def who(self) -> str:
        """Who may not do it, at the start of a sentence."""
        return "You" if self.own_rights else "This server"

    @property
    def place(self) -> str:
        if self.scope:
            return self.scope.phrase
        return f"the project with the ID {self.key}" if self.key else "this project"


# ── Messages at a field ────────────────────────────────────────────────────────────────────────────────────────────


def field_messages(error: InfisicalError) -> tuple[tuple[str | None, Message], ...]:
    """The field and the message for each thing that the person can mend in the form; None is the form as a whole.

    Empty for an error that has a page of its own.
    """
    if isinstance(error, InvalidFields):
        return tuple(_invalid_field(issue.path, issue.message) for issue in error.issues) or (
            (None, Message("error", "Infisical refused the form and did not say why.", NOTHING_CREATED)),
        )
    add_error = _AT_A_FIELD.get(type(error))
    return (add_error(error),) if add_error else ()


NOTHING_CREATED = "Nothing was created."

_FIELD_OF_PATH = {
    ("name",): "name",
    ("description",): "description",
    ("credentials", "accessKey"): "access_token",
    ("credentials", "accessToken"): "access_token",
    ("credentials", "instanceUrl"): "instance_url",
}

_RULE = {
    "name": "The name must have lowercase letters, digits and single hyphens, 64 at most.",
    "description": "The description must be 255 characters or fewer.",
    "access_token": "The access token must be 255 characters or fewer.",
    "instance_url": "The instance URL must be a web address, like https://api.supabase.com.",
}


def _invalid_field(path: tuple[str, ...], said: str) -> tuple[str | None, Message]:
    field = _FIELD_OF_PATH.get(path)
    quoted = f"Infisical says: “{said}”" if said else ""
    if field is None:
        where = " → ".join(path) or "the request"
        return None, Message("error", f"Infisical refused {where}.", quoted)
    return field, Message("error", _RULE[field], quoted)


def _name_taken(_: InfisicalError) -> tuple[str, Message]:
    return "name", Message(
        "error",
        "A connection with this name exists here.",
        "Choose another name, or use the connection that is there.",
        summary="a connection with this name exists here",
    )


def _token_refused(_: InfisicalError) -> tuple[str, Message]:
    return "access_token", Message(
        "error",
        "Supabase does not accept this access token.",
        f"It may be mistyped, expired or deleted. Make a new one and copy it whole. {NOTHING_CREATED}",
        link=("Open Supabase’s access tokens", TOKENS_PAGE),
    )


def _token_lacks_permission(_: InfisicalError) -> tuple[str, Message]:
    return "access_token", Message(
        "error",
        "The access token lacks a permission.",
        "It needs “Projects (account-wide): Read”. A token’s access cannot be edited: make a new one with that "
        f"permission. {NOTHING_CREATED}",
        link=("Open Supabase’s access tokens", TOKENS_PAGE),
    )


def _instance_url_refused(error: InfisicalError) -> tuple[str, Message]:
    return "instance_url", Message(
        "error",
        "Infisical found no Supabase Management API at this instance URL.",
        "Usually the address is mistyped, is one project’s own address, or cannot be reached from Infisical, which "
        f"also refuses internal addresses unless its operator allows them. {NOTHING_CREATED} Infisical says: "
        f"“{error.message}”",
        offer=SUPABASE_CLOUD,
    )


def _refused(error: InfisicalError) -> tuple[None, Message]:
    return None, Message(
        "error", "Infisical refused the connection.", f"{NOTHING_CREATED} It says: “{error.message}”"
    )


_AT_A_FIELD: dict[type[InfisicalError], Callable[[InfisicalError], tuple[str | None, Message]]] = {
    NameTaken: _name_taken,
    TokenRefused: _token_refused,
    TokenLacksPermission: _token_lacks_permission,
    InstanceUrlRefused: _instance_url_refused,
    Refused: _refused,
}


# ── Pages ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def problem_page(error: InfisicalError, situation: Situation) -> Problem:
    """The page for an error, with what Infisical's support asks for and whether anything was created."""
    problem = _PAGES[type(error)](error, situation)
    lede = f"{problem.lede} {_whether_created(error, situation)}".strip()
    return replace(problem, lede=lede, facts=(*problem.facts, *_facts(error, situation)))


def _whether_created(error: InfisicalError, situation: Situation) -> str:
    if situation.creating is None:
        return ""
    if error.nothing_happened:
        return NOTHING_CREATED
    return f"It is not certain whether {situation.creating} was created."


def _facts(error: InfisicalError, situation: Situation) -> tuple[Fact, ...]:
    facts = [Fact(label="Infisical", value=situation.host)]
    if situation.scope:
        facts.insert(0, Fact(label="Project", value=situation.scope.name))
    if error.message:
        facts.append(Fact(label="As it was told", value=error.message))
    if error.request_id:
        facts.append(Fact(label="Request ID", value=error.request_id, copy=True, id="request-id"))
    return (*facts, Fact(label="When", value=f"{situation.when:%d %B %Y, %H:%M:%S} UTC".lstrip("0")))


def _unreachable(error: InfisicalError, situation: Situation) -> Problem:
    reach = error.reach.value if isinstance(error, Unreachable) else ""
    return Problem(
        slug="unreachable",
        status=502,
        title="Infisical cannot be reached",
        lede=f"{situation.host}: {reach} Try again in a minute.",
        steps=(
            "Check INFISICAL_HOST, and that this server may reach it.",
            "For a private certificate authority, set INFISICAL_CA_BUNDLE.",
        ),
    )


def _no_answer(_: InfisicalError, situation: Situation) -> Problem:
    return Problem(
        slug="no-answer",
        status=504,
        title="No answer from Infisical",
        lede=f"{situation.host} did not answer in time. Try again in a minute.",
        icon="clock",
    )


def _not_infisical(_: InfisicalError, situation: Situation) -> Problem:
    return Problem(
        slug="not-infisical",
        status=502,
        title="This address does not answer as Infisical does",
        lede=f"{situation.host} answered with something that is not Infisical’s API. Try again in a minute.",
        steps=(
            "Check INFISICAL_HOST: it must be the address of Infisical itself, without a page of its dashboard.",
            "A proxy before Infisical may show a page of its own while Infisical restarts, or ask for a sign-in.",
        ),
    )


def _server_failed(_: InfisicalError, situation: Situation) -> Problem:
    return Problem(
        slug="server-failed",
        status=502,
        title="Infisical has a problem of its own",
        lede=f"{situation.host} answered with a server error. Try again in a minute.",
        note="If it stays so, send the request ID to whoever runs your Infisical.",
    )


def _supabase_failed(_: InfisicalError, __: Situation) -> Problem:
    return Problem(
        slug="supabase-failed",
        status=502,
        title="Supabase has a problem of its own",
        lede="Infisical tried the access token with Supabase several times, and Supabase answered with a server error. "
        "Try again in a few minutes: the token may be fine.",
    )


def _rate_limited(error: InfisicalError, _: Situation) -> Problem:
    seconds = error.retry_after if isinstance(error, RateLimited) else 60
    return Problem(
        slug="rate-limited",
        status=503,
        title="Infisical asks to wait",
        lede=f"It had too many requests and takes new ones in {seconds} {'second' if seconds == 1 else 'seconds'}.",
        icon="clock",
        retry_after=seconds,
    )


_MENDING_A_LOGIN = {
    Refusal.CREDENTIAL: (
        "Check the client ID and the client secret of the machine identity.",
        "On Infisical Cloud, check the region: an identity lives either in the US or in the EU.",
    ),
    Refusal.SECRET_EXPIRED: ("Make a new client secret for the machine identity.",),
    Refusal.SECRET_USED_UP: ("Make a new client secret for the machine identity, without a limit of uses.",),
    Refusal.LOCKED: ("Wait five minutes, then check the client secret before it is tried again.",),
    Refusal.TOKEN: ("Replace the Infisical access token, or use a machine identity, which renews its own.",),
    Refusal.ADDRESS: ("Add this server’s address to the trusted addresses of the machine identity.",),
    Refusal.APPLICATION: ("Check INFISICAL_OAUTH_CLIENT_ID and INFISICAL_OAUTH_CLIENT_SECRET.",),
    Refusal.EXCHANGE: (
        "In Infisical, allow the OAuth application to exchange tokens.",
        "For an Infisical without token exchange, set CONNECT_OIDC_EXCHANGE=off.",
    ),
}


_ASKED_ANEW = frozenset({Refusal.TOKEN, Refusal.APPLICATION, Refusal.EXCHANGE})
_RESTART = "Restart the server, which otherwise waits five minutes before it logs in again."


def _login_refused(error: InfisicalError, situation: Situation) -> Problem:
    refusal = error.refusal if isinstance(error, LoginRefused) else Refusal.TOKEN
    if situation.own_rights and refusal is Refusal.ADDRESS:
        return _refused_from_here(situation)
    return Problem(
        slug="login-refused",
        status=503,
        title="This server is not signed in to Infisical",
        lede=f"Infisical refused: {refusal.value}. Only whoever runs this server can mend it.",
        icon="lock",
        steps=(
            *_MENDING_A_LOGIN[refusal],
            *(() if refusal in _ASKED_ANEW else (_RESTART,)),
        ),
    )


def _refused_from_here(situation: Situation) -> Problem:
    """A person's own token is good, and its identity may not be used from this server's address. Signing in again, which
    takes the client secret from here, would lead back to this."""
    return Problem(
        slug="login-refused",
        status=403,
        title="Infisical does not let you in from this server",
        lede=f"{situation.host} accepts your access token from trusted addresses alone, and this server’s is not among them.",
        icon="lock",
        ask_heading="Whom to ask",
        ask_lede="Whoever manages your machine identity can add this server’s address, in Infisical under Universal Auth.",
        ask="Add the address of the server of Infisical Connect to the access token trusted IPs of my machine identity.",
    )


def _sign_on_refused(_: InfisicalError, situation: Situation) -> Problem:
    return Problem(
        slug="sign-on-refused",
        status=403,
        title="Infisical does not accept your sign-in",
        lede=f"Your company’s identity provider let you in, and {situation.host} did not.",
        icon="lock",
        steps=("Sign in again: what was handed over may have expired.",),
        ask_heading="Whom to ask",
        ask_lede="An admin of your organization in Infisical can add you, or mend its single sign-on.",
        ask="Let me sign in to Infisical with our identity provider, through the OAuth application of Infisical Connect.",
    )


_PERMISSION_WORDS = {
    "create": "Create",
    "create-app-connections": "Create",
    "read": "Read",
    "read-app-connections": "Read",
    "edit": "Edit",
    "edit-app-connections": "Edit",
    "delete": "Delete",
    "delete-app-connections": "Delete",
}


def _permission_denied(error: InfisicalError, situation: Situation) -> Problem:
    action = error.action if isinstance(error, PermissionDenied) else None
    subject = error.subject if isinstance(error, PermissionDenied) else None
    word = _PERMISSION_WORDS.get(action or "", action or "a permission")
    named = f"“{word}” on “App Connections”" if subject == "app-connections" else f"“{word}” on “{subject}”"
    verb = "create connections" if situation.creating else "see this"
    wanted = f"{named} ({action})" if action else "a permission that Infisical does not name"
    reference = f", request {error.request_id}" if error.request_id else ""
    facts = (
        Fact(label="What is missing", value=named),
        Fact(label="As Infisical says it", value=f"{action} on {subject}", copy=True),
    )
    return Problem(
        slug="permission-denied",
        status=403,
        title=f"{situation.who} may not {verb} in {situation.scope.name if situation.scope else 'this project'}",
        lede="Infisical refused the request.",
        icon="lock",
        facts=facts if action else (),
        ask_heading="Whom to ask",
        ask_lede=f"An admin of {situation.place} can give it, under Access Control in Infisical.",
        ask=f"{_needs(situation)} {wanted} in {situation.place}. "
        f"Infisical refused it on {situation.when:%d %B %Y}{reference}.",
    )


def _needs(situation: Situation) -> str:
    return "I need" if situation.own_rights else "The machine identity of Infisical Connect needs"


def _not_a_member(error: InfisicalError, situation: Situation) -> Problem:
    reference = f" (request {error.request_id})" if error.request_id else ""
    own = situation.own_rights
    whom = "me" if own else "the machine identity of Infisical Connect"
    return Problem(
        slug="not-a-member",
        status=403,
        title=f"{situation.who} {'have' if own else 'has'} no access to this project",
        lede="You are not a member of the project."
        if own
        else "Its machine identity is not a member of the project.",
        icon="lock",
        ask_heading="Whom to ask",
        ask_lede=f"An admin of the project can add {'you' if own else 'it'}, under Access Control in Infisical.",
        ask=f"Add {whom} to {situation.place}, with “Create” and “Read” on “App Connections”.{reference}",
    )


def no_project(*, own_rights: bool) -> Problem:
    """The page for somebody whom Infisical shows no project."""
    whom = "me" if own_rights else "the machine identity of Infisical Connect"
    shown = "you" if own_rights else "its machine identity"
    return Problem(
        slug="no-project",
        status=403,
        title="You are in no project yet" if own_rights else "This server is in no project yet",
        lede=f"Infisical shows {shown} no project, so there is nowhere to put a connection.",
        icon="lock",
        ask_heading="Whom to ask",
        ask_lede=f"An admin of a project can add {'you' if own_rights else 'it'}, under Access Control in Infisical.",
        ask=f"Add {whom} to our project, with “Create” and “Read” on “App Connections”.",
    )


def _is_project(error: InfisicalError) -> bool:
    return isinstance(error, NotFound) and error.missing is Missing.PROJECT


def _not_found(error: InfisicalError, _: Situation) -> Problem:
    return Problem(
        slug="not-found",
        status=404,
        title="There is no such project" if _is_project(error) else "There is no such connection",
        lede="It may have been deleted, or the address is not complete.",
    )


_PAGES: dict[type[InfisicalError], Callable[[InfisicalError, Situation], Problem]] = {
    Unreachable: _unreachable,
    NoAnswer: _no_answer,
    NotInfisical: _not_infisical,
    ServerFailed: _server_failed,
    ProviderFailed: _supabase_failed,
    RateLimited: _rate_limited,
    LoginRefused: _login_refused,
    SignOnRefused: _sign_on_refused,
    PermissionDenied: _permission_denied,
    NotAMember: _not_a_member,
    NotFound: _not_found,
    # On a page that only reads, these would be our mistake; they are told like any other answer out of place.
    **dict.fromkeys(
        (InvalidFields, NameTaken, TokenRefused, TokenLacksPermission, InstanceUrlRefused, Refused),
        _not_infisical,
    ),
}
