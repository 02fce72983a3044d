"""The pages that list: connections, projects, and the apps that can be connected."""

from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import suppress
from datetime import date
from functools import partial, wraps
from typing import Any, TypeVar

from flask import request

from ..connectors.rows import App
from ..core.templating import url_for
from ..core.text import toml_beside
from ..infisical.errors import InfisicalError, TooOld
from ..infisical.models import Connection
from ..infisical.native import NativeIntegrations
from .fields import SOON, expiry_in, expiry_of, without_expiry
from .hooks import blueprint
from .problems import Action
from .redirects import asked_project, carried_values, typed_values
from .render import page, problem, see_other
from .scopes import ORGANIZATION_NAME, Scope, project_scope, remembered_project, scope_in_hand, usual_project
from .services import ORGANIZATION, Page, services
from .sync_form import together

ROWS = 20
SHORT_LIST_OF_APPS = 28

Row = TypeVar("Row")
Sorts = Mapping[str, Callable[[Row], Any]]
"""What the rows of a list are sorted by, by what `sort` says in its address: "name" where that says nothing."""

_NAMES: dict[str, dict[str, str]] = toml_beside(__file__, "app_names.toml")


def method_name(method: str) -> str:
    """A method of connections as a page calls it."""
    return _NAMES["methods"].get(method) or method.replace("-", " ").capitalize()


def app_name(slug: str) -> str:
    """An app as a page calls it."""
    app = services().app_named(slug)
    return app.name if app else _NAMES["apps"].get(slug) or slug.replace("-", " ").title()


def in_a_project(view: Callable[..., Page]) -> Callable[..., Page]:
    """Hands the project that the URL names to a view; without one, redirects to the same page with one in hand."""

    @wraps(view)
    def with_project(**places: App) -> Page:
        key = asked_project()
        if key is not None:
            scope = scope_in_hand(key)
            if "app" in places:
                _must_offer(places["app"], scope)
            return view(scope, **places)
        key = usual_project()
        if key is None:
            return _no_project()
        values = {**carried_values(request.args), "project": key}
        return see_other(str(request.endpoint), **values | {name: str(app) for name, app in places.items()})

    return with_project


def _must_offer(app: App, scope: Scope) -> None:
    """Raises TooOld where Infisical has no such connections. It is asked until it has them, and may not tell."""
    running = services()
    known = (running.infisical.base_url, app.slug)
    if known not in running.offered:
        try:
            options = running.infisical.options(scope.project_id)
        except TooOld:
            raise
        except InfisicalError:
            return
        if not any(option.app == app.slug for option in options):
            raise TooOld("", missing=f"{app.name} connections")
        running.offered.add(known)


@blueprint.get("/")
def index() -> Page:
    key = usual_project()
    return see_other(".list", project=key) if key else _no_project()


def _no_project() -> Page:
    organization = Action("Use the organization", url_for(".list", project=ORGANIZATION))
    return problem("no-project", actions=(Action("Try again", ".index", primary=True), organization))


def natives_in(scope: Scope) -> int:
    """How many native integrations of our apps a project has, 0 where Infisical does not tell."""
    syncable = {app.slug for app in services().apps if app.syncs}
    with suppress(InfisicalError):
        if scope.project_id:
            every = NativeIntegrations(services().infisical).all(scope.project_id)
            return sum(one.kind in syncable for one in every)
    return 0


_SORTS: Sorts[Connection] = {
    "name": lambda connection: connection.name.casefold(),
    "app": lambda connection: app_name(connection.app).casefold(),
    "method": lambda connection: method_name(connection.method).casefold(),
    "created": lambda connection: connection.created_at,
}


@blueprint.get("/connections", endpoint="list")
@in_a_project
def connections(scope: Scope) -> Page:
    running = services()
    found, natives = together(
        partial(running.infisical.connections, scope.project_id), partial(natives_in, scope)
    )
    if found:
        scope = scope.of_organization(found[0].organization_id)
    apps = {connection.app for connection in found}
    asked = asked_of(scope, _SORTS, app=apps | {app.slug for app in running.apps}, expiring=("1",))
    days, last = days_of(found), running.clock().date() + SOON
    matching = [*found]
    if asked["app"]:
        matching = [one for one in found if one.app == asked["app"]]
    if asked["q"]:
        matching = [one for one in matching if matches(asked["q"], one.name, one.description, one.app)]
    soon = [one for one in matching if one.id in days and days[one.id] <= last]
    shown = soon if asked["expiring"] else matching
    listed = page_of(shown, asked, _SORTS)
    listed["rows"] = [_row(one, scope, days.get(one.id)) for one in listed["rows"]]
    return page(
        "connections/list.html",
        scope=scope,
        change_url=url_for(".projects", project=scope.key),
        invitation=running.apps[0].invitation,
        apps=sorted((app_name(slug), slug) for slug in apps | {asked["app"]} if slug),
        natives=natives,
        total=len(found),
        matching=len(shown),
        soon=len(soon),
        dated=bool(days),
        deleted=running.unsign(request.args.get("done", ""), purpose="deleted"),
        **listed,
    )


def asked_of(scope: Scope, sorts: Sorts[Row], **more: Container[str]) -> dict[str, str]:
    """What the address asks of a project's list; "" for what it leaves open, or asks in a way that nobody knows."""
    known = {"sort": sorts, "order": ("desc",), **more}
    given = {name: request.args.get(name, "") for name in known}
    told = {name: text if text in known[name] else "" for name, text in given.items()}
    return {"project": scope.key, "q": _query(), **told}


def page_of(found: Iterable[Row], asked: Mapping[str, str], sorts: Sorts[Row]) -> dict[str, Any]:
    """The `rows` of the page that the address asks for, of what comes by name, with the numbers of that `page` and of all
    `pages`. The name decides between equals in either order."""
    rows = [*found]
    if asked["sort"] or asked["order"]:
        rows.sort(key=sorts[asked["sort"] or "name"], reverse=asked["order"] == "desc")
    pages = max(-(-len(rows) // ROWS), 1)
    number = min(max(request.args.get("page", 1, type=int), 1), pages)
    shown = rows[(number - 1) * ROWS : number * ROWS]
    return {"asked": asked, "rows": shown, "page": number, "pages": pages}


def days_of(found: Iterable[Connection]) -> dict[str, date]:
    """The last day of each token of our apps, by the ID of its connection, where the description names it."""
    ours = {app.slug for app in services().apps}
    return {one.id: day for one in found if one.app in ours and (day := expiry_in(one.description))}


def _row(connection: Connection, scope: Scope, day: date | None) -> dict[str, Any]:
    """One connection in the list. `ours` tells that it has a page here, and is not left to Infisical's dashboard."""
    app = services().app_named(connection.app)
    description = connection.description or ""
    return {
        "connection": connection,
        "description": without_expiry(description) if app else description,
        "app_name": app_name(connection.app),
        "method_name": method_name(connection.method),
        "token": expiry_of(day, today=services().clock().date()) if day else None,
        "href": url_for(".created", app=app.slug, connection_id=connection.id) if app else _elsewhere(scope),
        "ours": app is not None,
    }


def _elsewhere(scope: Scope) -> str:
    """Where the connections are that have no page here; the sandbox, which has no dashboard, says so."""
    return scope.dashboard_url or f"{url_for('.sandbox_help')}#dashboard"


def _query() -> str:
    return request.args.get("q", "").strip()[:200]


def matches(query: str, *texts: str | None) -> bool:
    """Whether every word of a search is in one of the texts, in any case."""
    if not query:
        return True
    haystack = "\n".join(filter(None, texts)).casefold()
    return all(word in haystack for word in query.casefold().split())


_DESTINATIONS = {name: f".{name}" for name in ("choose", "token", "form", "syncs")}
_DESTINATIONS |= {"connections": ".list", "sync": ".sync_form"}


@blueprint.get("/projects")
def projects() -> Page:
    query = _query()
    current = asked_project() or remembered_project()
    then = request.args.get("then", "")
    kept = {**({"then": then} if then in _DESTINATIONS else {}), **typed_values(request.args)}
    if then == "sync":
        carried = carried_values(request.args)
        kept |= {name: carried[name] for name in ("connection", "projects") if name in carried}
    app = services().app_named(request.args.get("app", ""))
    if app:
        kept["app"] = app.slug
    known = services().infisical.projects()
    matching = [project for project in known if matches(query, project.name, project.slug, project.id)]

    def choice(key: str, name: str, detail: str) -> dict[str, Any]:
        return {"name": name, "detail": detail, "href": _back_to(key, kept), "current": key == current}

    # A sync takes its secrets from a project: the organization is none to choose, or to go back to.
    syncs = then in ("syncs", "sync")
    back = current and _back_to(current, {} if syncs and current == ORGANIZATION else kept)
    return page(
        "connections/projects.html",
        syncs=syncs,
        scope=next((project_scope(project) for project in known if project.id == current), None),
        choices=[choice(project.id, project.name, project.slug) for project in matching[:ROWS]],
        organization=choice(ORGANIZATION, ORGANIZATION_NAME, "Connections that every project may use"),
        q=query,
        total=len(known),
        matching=len(matching),
        truncated=len(matching) > ROWS,
        kept=[*kept.items(), *([("project", current)] if current else [])],
        back_url=back,
    )


def _back_to(key: str, kept: dict[str, str]) -> str:
    """The page that the project was changed on, in another project and with what was typed there."""
    values = {name: text for name, text in kept.items() if name != "then"}
    then = kept.get("then", "connections")
    if then in ("token", "form", "sync"):
        values.setdefault("app", services().apps[0].slug)
    return url_for(_DESTINATIONS[then], project=key, **values)


@blueprint.get("/connections/new")
@in_a_project
def choose(scope: Scope) -> Page:
    running = services()
    query = _query()
    options = running.infisical.options(scope.project_id)
    if scope.organization_id is None:
        # Infisical does not tell it to people's tokens.
        with suppress(InfisicalError):
            scope = scope.of_organization(running.infisical.organization_id())
    others = [
        option
        for option in options
        if not running.app_named(option.app) and matches(query, option.name, option.app)
    ]
    short = not query and request.args.get("all") != "1"
    shown = others[:SHORT_LIST_OF_APPS] if short else others
    href = _elsewhere(scope)
    return page(
        "connections/choose.html",
        scope=scope,
        change_url=url_for(".projects", project=scope.key, then="choose"),
        every_app=running.apps,
        offered={option.app for option in options},
        apps=[app for app in running.apps if matches(query, f"{app.name} Connection")],
        others=[{"name": option.name, "href": href} for option in shown],
        others_total=len(others),
        count=len(options),
        q=query,
        more_count=len(others) - len(shown),
    )
