"""What can be wrong, as pages and fields say it: the words are in problems.toml, which error has which stands here."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from flask import request

from ..connectors.rows import App, Field, Message
from ..core.templating import moment
from ..core.text import counted, toml_beside
from ..infisical.errors import (
    InfisicalError,
    InvalidFields,
    Issue,
    LoginRefused,
    NotFound,
    NotInfisical,
    PermissionDenied,
    RateLimited,
    Refusal,
    Refused,
    Unreachable,
)
from .redirects import asked_project
from .scopes import Scope
from .services import services

HERE = "."
"""Where an action leads that opens the page that was asked for, its form filled in again."""


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


class Attempt(NamedTuple):
    """What was tried when an error came: "create connections", and what to say of its outcome, certain and not."""

    verb: str
    nothing_happened: str
    doubt: str


_TABLES: dict[str, dict[str, Any]] = toml_beside(__file__, "problems.toml")
_ACTIONS = {name: Action(**row, primary=True) for name, row in _TABLES.pop("actions").items()}
_ACTIONS_CALLED: dict[str, str] = _TABLES.pop("actions-called")
_SLUGS = {table.pop("error"): slug for slug, table in _TABLES.items() if "error" in table}
_USUAL_ACTIONS = (_ACTIONS["again"], _ACTIONS["change-project"]._replace(primary=False))
"""Those of an error of Infisical's that has no others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A page that says what is wrong. What each text is for, problems.toml says. `retry_after` is in seconds."""

    slug: str
    status: int
    title: str
    lede: str
    icon: str = ""
    facts: tuple[Fact, ...] = ()
    steps: tuple[str, ...] = ()
    ask: str = ""
    ask_lede: str = ""
    actions: tuple[Action, ...] = ()
    note: str = ""
    retry_after: int | None = None


def _pages() -> Iterator[tuple[str, Problem]]:
    for slug, table in _TABLES.items():
        common = {name: text for name, text in table.items() if not isinstance(text, dict)}
        cases = {f"{slug}/{name}": row for name, row in table.items() if isinstance(row, dict)}
        for name, row in {slug: {}, **cases}.items():
            words = {**common, **row}
            words["steps"] = tuple(words.get("steps", ()))
            words["actions"] = tuple(_ACTIONS[action] for action in words.get("actions", ()))
            # What has no title stands at a field.
            if "title" in words:
                yield name, Problem(slug=slug, **words)


PROBLEMS: Mapping[str, Problem] = dict(_pages())
"""Each by its slug, and each case of it by the slug, a slash and the case."""


def problem_named(
    name: str, *, own_rights: bool = True, retry_after: int | None = None, **values: str
) -> Problem:
    """The problem of that name in the catalogue, with its values filled in. Without `own_rights` it is the case of the
    server's own rights, where there is one. `wait` is filled in from `retry_after`, in seconds."""
    row = PROBLEMS[name] if own_rights else PROBLEMS.get(f"{name}/server", PROBLEMS[name])
    if retry_after is not None:
        values["wait"] = counted(retry_after, "second")
    texts = {name: getattr(row, name).format_map(values) for name in ("title", "lede", "ask", "ask_lede")}
    steps = tuple(step.format_map(values) for step in row.steps)
    return replace(row, **texts, steps=steps, retry_after=retry_after)


def result_of(error: InfisicalError) -> str:
    """The word for an error in the audit log, which is the slug of its page: mostly the name of its class."""
    kind = re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower()
    name = error.reason if isinstance(error, Refused) else kind
    return _SLUGS.get(name, name)


def problem_words(
    error: InfisicalError,
    *,
    host: str,
    own_rights: bool = True,
    scope: Scope | None = None,
    attempt: Attempt | None = None,
) -> Problem:
    """The page for an error of the Infisical at a host, with what its support asks for and whether anything was created.

    With `own_rights` the person acts with rights of their own, and not with the server's. `attempt` is what was
    tried, None when a page only read.
    """
    name, values = _case_of(error, own_rights=own_rights)
    key, now = asked_project(), services().clock()
    app: App | None = (request.view_args or {}).get("app")
    filled = problem_named(
        # What should stand at a field would be our mistake on a page that only reads: an answer out of place.
        name if name in PROBLEMS else "not-infisical",
        own_rights=own_rights,
        retry_after=error.retry_after if isinstance(error, RateLimited) else None,
        **values,
        app=app.name if app else "The app",
        secret=app.secret.word if app else "credential",
        host=host,
        missing=getattr(error, "missing", ""),
        verb=attempt.verb if attempt else "see this",
        project=scope.name if scope else "this project",
        place=scope.phrase if scope else f"the project with the ID {key}" if key else "this project",
        day=f"{now.day} {now:%B %Y, %H:%M} UTC",
        reference=f" (request {error.request_id})" if error.request_id else "",
    )
    lede = filled.lede
    if attempt:
        lede += f" {attempt.nothing_happened if error.nothing_happened else attempt.doubt}"
    return replace(
        filled,
        lede=lede,
        facts=_facts(error, host=host, scope=scope, now=now),
        actions=filled.actions or _USUAL_ACTIONS,
    )


def _case_of(error: InfisicalError, *, own_rights: bool) -> tuple[str, dict[str, str]]:
    slug = result_of(error)
    match error:
        case Unreachable():
            return f"{slug}/proxy" if error.proxy else slug, {"reach": error.message}
        case LoginRefused(refusal=Refusal.ADDRESS) if own_rights:
            return f"{slug}/own-address", {}
        case LoginRefused():
            case = error.refusal.name.lower().replace("_", "-")
            return f"{slug}/{case}", {"refusal": error.refusal.value}
        case NotInfisical(instead=str(address)):
            return f"{slug}/moved", {"address": address}
        case NotFound(missing="project" | "sync" | "integration" | "folder"):
            return f"{slug}/{error.missing}", {}
        case PermissionDenied(action=None):
            return slug, {"permission": "a permission that Infisical does not name"}
        case PermissionDenied():
            connects = error.action in ("connect-app-connections", "connect")
            return f"{slug}/connect" if connects else slug, {
                "permission": f"{_permission(error)} ({error.action})"
            }
    return slug, {}


def _permission(denied: PermissionDenied) -> str:
    """A permission as Infisical's own pages call it: “Create” on “App Connections”."""
    action = (denied.action or "").removesuffix("-app-connections")
    subject = (denied.subject or "").replace("-", " ").title()
    return f"“{_ACTIONS_CALLED.get(action, action.capitalize())}” on “{subject}”"


def _facts(error: InfisicalError, *, host: str, scope: Scope | None, now: datetime) -> tuple[Fact, ...]:
    denied = error if isinstance(error, PermissionDenied) and error.action else None
    facts = (
        Fact("What is missing", _permission(denied) if denied else ""),
        Fact("As Infisical says it", f"{denied.action} on {denied.subject}" if denied else "", copy=True),
        Fact("Project", scope.name if scope else ""),
        Fact("Infisical", host),
        Fact("As it was told", error.message),
        Fact("Request ID", error.request_id or "", copy=True, id="request-id"),
        Fact("When", moment(now, spelling="{0.day} {0:%B %Y}, {0:%H:%M:%S} UTC")),
    )
    return tuple(fact for fact in facts if fact.value)


def field_messages(
    error: InfisicalError, app: App, rows: Iterable[Field], nothing_happened: str
) -> tuple[tuple[str | None, Message], ...]:
    """The field and the message for each thing that the person can mend in an app's form; None is the form as a whole.
    Empty for an error that has a page of its own."""
    if isinstance(error, InvalidFields) and error.issues:
        return tuple(_refused_field(issue, rows) for issue in error.issues)
    table = _TABLES.get(result_of(error), {})
    if "at" not in table:
        return ()
    needed = app.guide.purposes[0].permissions if app.guide.purposes else ()
    values = {
        "thing": getattr(error, "thing", ""),
        "app": app.name,
        "api": app.api or f"{app.name} API",
        "secret": app.secret.word,
        "address": app.address.word if app.address else "address",
        "default": app.address.default if app.address else "",
        "page": app.guide.page,
        "page_name": app.guide.page_name,
        "permissions": " and ".join(f"“{permission.name}: {permission.access}”" for permission in needed),
        "message": error.message,
        "nothing_happened": nothing_happened,
    }
    at = {"form": None, "secret": app.secret.name, "address": app.address.name if app.address else None}
    texts = {name: text.format_map(values) for name, text in table.items() if name not in ("at", "link")}
    words, page = (text.format_map(values) for text in table.get("link", ("", "")))
    message = Message("error", link=(words, page) if page else None, **texts)
    return ((at.get(table["at"], table["at"]), message),)


def _refused_field(issue: Issue, rows: Iterable[Field]) -> tuple[str | None, Message]:
    """What Infisical says of one path in the body, beside our own rule for the field that stands there."""
    quoted = f"Infisical says: “{issue.message}”" if issue.message else ""
    field = next((field for field in rows if issue.path in field.paths), None)
    if field is None:
        where = " → ".join(issue.path) or "the request"
        return None, Message("error", f"Infisical refused {where}.", quoted)
    return field.name, Message("error", field.rule or f"Infisical refused the {field.word}.", quoted)
