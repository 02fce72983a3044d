"""The pages that only read: connections, projects, apps, the token steps, a connection, and the wizard's health."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urljoin
from uuid import UUID

from flask import abort, jsonify, request
from werkzeug.wrappers import Response

from ..connectors import TOKENS_PAGE
from ..core.templating import url_for
from ..infisical import PermissionDenied, Project
from . import calendar
from .api_call import as_api_call
from .apps import SUPABASE, Row, matches, method_name, row_of
from .audit_events import record, result_of
from .auth_context import Page
from .hooks import blueprint, public
from .problems import Action
from .render import (
    asked_project,
    carried_values,
    day_in,
    first_project,
    page,
    problem,
    problem_of,
    remembered_project,
    scope_in_hand,
    see_other,
    typed_values,
)
from .scopes import ORGANIZATION, ORGANIZATION_NAME, Scope, project_scope, with_organization_id
from .services import services
from .validators import slug_of

ROWS = 20
SHORT_LIST_OF_APPS = 28


def in_a_project(view: Callable[[Scope], Page]) -> Callable[[], Page]:
    """Hands the project that the URL names to a view; without one, redirects to the same page with one in hand."""

    @wraps(view)
    def with_project() -> Page:
        key = asked_project()
        if key is not None:
            return view(scope_in_hand(key))
        key = remembered_project() or first_project()
        if key is None:
            return _no_project()
        return see_other(str(request.endpoint), **{**carried_values(request.args), "project": key})

    return with_project


@blueprint.get("/")
def index() -> Page:
    key = remembered_project() or first_project()
    return see_other(".list", project=key) if key else _no_project()


@blueprint.get("/connections", endpoint="list")
@in_a_project
def connections(scope: Scope) -> Page:
    query = request.args.get("q", "").strip()[:200]
    found = services().infisical.connections(scope.project_id)
    if found:
        scope = scope if scope.organization_id else _known_organization(scope, found[0].organization_id)
    matching = [
        connection
        for connection in found
        if matches(query, connection.name, connection.description, connection.app)
    ]
    pages = max(-(-len(matching) // ROWS), 1)
    number = min(max(request.args.get("page", 1, type=int), 1), pages)
    return page(
        "connections/list.html",
        scope=scope,
        change_url=url_for(".projects", project=scope.key),
        project_name=scope.name,
        project_id=scope.key,
        scope_lede=_scope_lede(scope),
        rows=_rows(matching[(number - 1) * ROWS : number * ROWS], scope),
        q=query,
        total=len(found),
        matching=len(matching),
        page=number,
        pages=pages,
        previous_url=_page_url(scope, query, number - 1) if number > 1 else None,
        next_url=_page_url(scope, query, number + 1) if number < pages else None,
        add_url=url_for(".choose", project=scope.key),
    )


@blueprint.get("/projects")
def projects() -> Page:
    query = request.args.get("q", "").strip()[:200]
    current = asked_project() or remembered_project()
    kept = _kept()
    known = services().infisical.projects()
    matching = [project for project in known if matches(query, project.name, project.slug, project.id)]
    scope = next((project_scope(project) for project in known if project.id == current), None)
    return page(
        "connections/projects.html",
        scope=scope,
        choices=[_choice(project, current, kept) for project in matching[:ROWS]],
        organization={
            "name": ORGANIZATION_NAME,
            "detail": "Connections that every project may use",
            "href": _href(ORGANIZATION, kept),
            "current": current == ORGANIZATION,
        },
        q=query,
        total=len(known),
        matching=len(matching),
        truncated=len(matching) > ROWS,
        kept=[*kept.items(), *([("project", current)] if current else [])],
        back_url=_href(current, kept) if current else None,
    )


@blueprint.get("/connections/new")
@in_a_project
def choose(scope: Scope) -> Page:
    running = services()
    query = request.args.get("q", "").strip()[:200]
    options = running.infisical.options(scope.project_id)
    scope = with_organization_id(scope, running.infisical)
    href = running.dashboard_url(scope) or f"{url_for('.sandbox_help')}#dashboard"
    others = [
        option for option in options if option.app != SUPABASE and matches(query, option.name, option.app)
    ]
    short = not query and request.args.get("all") != "1"
    shown = others[:SHORT_LIST_OF_APPS] if short else others
    return page(
        "connections/choose.html",
        scope=scope,
        change_url=url_for(".projects", project=scope.key, then="choose"),
        project_id=scope.key,
        supabase_url=url_for(".token", project=scope.key) if matches(query, "Supabase Connection") else None,
        others=[{"name": option.name, "href": href} for option in shown],
        others_total=len(others),
        count=len(options),
        q=query,
        more_url=url_for(".choose", project=scope.key, all="1") if len(shown) < len(others) else None,
        more_count=len(others) - len(shown),
        dashboard_note=running.sandbox,
        back_url=url_for(".list", project=scope.key),
    )


@blueprint.get("/connections/new/supabase/token")
@in_a_project
def token(scope: Scope) -> Page:
    kept = typed_values(request.args)
    return page(
        "connections/token.html",
        scope=scope,
        change_url=url_for(".projects", project=scope.key, then="token", **kept),
        project_name=scope.name,
        next_url=url_for(".form", project=scope.key, **kept),
        choose_url=url_for(".choose", project=scope.key),
        tokens_page=TOKENS_PAGE,
    )


@blueprint.get("/connections/supabase/<uuid:connection_id>")
def created(connection_id: UUID) -> Page:
    running = services()
    creation = running.signed_creation(request.args.get("created", ""), connection_id=str(connection_id))
    try:
        connection = running.infisical.connection("supabase", str(connection_id))
    except PermissionDenied as denied:
        record("refusal", result_of(denied), error=denied)
        note = f"The connection was created. Its ID is {connection_id}." if creation else ""
        return problem_of(denied, scope=None, note=note)
    scope = scope_in_hand(connection.project_id or ORGANIZATION)
    scope = _known_organization(scope, connection.organization_id)
    expires_on = day_in(request.args.get("expires_on"))
    return page(
        "connections/created.html",
        scope=scope,
        change_url=url_for(".projects", project=scope.key),
        connection=connection,
        project_name=scope.name,
        creation=creation,
        expires_on=expires_on,
        expires_in_days=(expires_on - running.clock().date()).days if expires_on else None,
        reminder_url=url_for(
            ".reminder",
            connection_id=connection.id,
            expires_on=expires_on.isoformat() if expires_on else None,
        ),
        dashboard_url=running.dashboard_url(scope),
        list_url=url_for(".list", project=scope.key),
        add_url=url_for(".choose", project=scope.key),
        method_name=method_name(connection.method),
        api_call=as_api_call(connection, base_url=running.infisical.base_url),
    )


@blueprint.get("/connections/supabase/<uuid:connection_id>/reminder.ics")
def reminder(connection_id: UUID) -> Response:
    """A calendar entry for the day that the address names; the server keeps no such day."""
    day = day_in(request.args.get("expires_on"))
    if day is None:
        abort(404)
    connection = services().infisical.connection("supabase", str(connection_id))
    page_url = urljoin(
        request.url_root, url_for(".created", connection_id=connection.id, expires_on=day.isoformat())
    )
    text = calendar.reminder(connection, expires_on=day, page_url=page_url, now=services().clock())
    response = Response(text, mimetype="text/calendar")
    response.headers["Content-Disposition"] = f'attachment; filename="{slug_of(connection.name)}-token.ics"'
    return response


@blueprint.get("/sandbox")
@public
def sandbox_help() -> Page:
    sandbox_info = services().sandbox_info
    if sandbox_info is None:
        abort(404)
    return page(
        "sandbox/help.html",
        scope=None,
        scenarios=sandbox_info.scenarios,
    )


@blueprint.get("/healthz")
@public
def healthz() -> Response:
    return jsonify(status="alive")


@blueprint.get("/readyz")
@public
def readyz() -> tuple[Response, int]:
    """Whether a connection could be created now: Infisical answers, and accepts the server's credential if it has one."""
    fault = services().readiness.fault()
    if fault is None:
        return jsonify(status="ready"), 200
    return jsonify(status="not ready", reason=fault.reason, requestId=fault.request_id), 503


@blueprint.get("/static/<version>/<path:name>")
@public
def static_file(version: str, name: str) -> Response:
    return services().pages.static_file(version, name)


def _no_project() -> Page:
    organization = Action("Use the organization", url_for(".list", project=ORGANIZATION))
    return problem("no-project", actions=(Action("Try again", ".index", primary=True), organization))


def _scope_lede(scope: Scope) -> str:
    return f"What {scope.phrase} may reach outside Infisical. A connection holds the credential, so nobody has to pass it on."


def _known_organization(scope: Scope, organization_id: str) -> Scope:
    return Scope(key=scope.key, name=scope.name, project_id=scope.project_id, organization_id=organization_id)


def _rows(connections: Any, scope: Scope) -> tuple[Row, ...]:
    elsewhere = services().dashboard_url(scope) or f"{url_for('.sandbox_help')}#dashboard"
    return tuple(
        row_of(
            connection,
            href=url_for(".created", connection_id=connection.id)
            if connection.app == SUPABASE
            else elsewhere,
        )
        for connection in connections
    )


def _page_url(scope: Scope, query: str, number: int) -> str:
    return url_for(".list", project=scope.key, q=query, page=str(number))


_DESTINATIONS = {"connections": ".list", "choose": ".choose", "token": ".token", "form": ".form"}


def _kept() -> dict[str, str]:
    then = request.args.get("then", "")
    return {**({"then": then} if then in _DESTINATIONS else {}), **typed_values(request.args)}


def _href(key: str, kept: dict[str, str]) -> str:
    values = {name: text for name, text in kept.items() if name != "then"}
    return url_for(_DESTINATIONS[kept.get("then", "connections")], project=key, **values)


def _choice(project: Project, current: str | None, kept: dict[str, str]) -> dict[str, Any]:
    return {
        "name": project.name,
        "detail": project.slug,
        "href": _href(project.id, kept),
        "current": project.id == current,
    }
