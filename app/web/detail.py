"""The page of a connection: its facts, the reminder of its token's expiry, and the same as an API call."""

import json
import re
import shlex
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urljoin
from uuid import UUID

from flask import abort, request
from werkzeug.wrappers import Response

from ..connectors.rows import App
from ..core.templating import url_for
from ..infisical.errors import PermissionDenied
from ..infisical.models import Connection
from .fields import day_in, slug_of
from .hooks import blueprint
from .lists import method_name
from .problems import result_of
from .render import page, problem_of, see_other
from .scopes import scope_in_hand
from .services import ORGANIZATION, Page, record, services


class Creation(NamedTuple):
    """How a connection came to be: `late` after a wait without an answer, `reaches` as many of the app's projects as
    its credential was seen to reach, 0 where nobody asked, `before` the form was sent once more, `lacks` what syncs need
    and the credential was seen not to have."""

    late: bool = False
    reaches: int = 0
    before: bool = False
    lacks: str = ""


def see_created(app: App, connection: Connection, creation: Creation, *, expires_on: str | None) -> Page:
    """A redirect to the page of a connection that was just created; nobody else can make that page say so."""
    signed = services().sign(creation, purpose=f"created.{connection.id}")
    return see_other(
        ".created", app=app.slug, connection_id=connection.id, created=signed, expires_on=expires_on
    )


@blueprint.get("/connections/<connected_app:app>/<uuid:connection_id>")
def created(app: App, connection_id: UUID) -> Page:
    running = services()
    signed = running.unsign(request.args.get("created", ""), purpose=f"created.{connection_id}")
    creation = Creation(*signed) if signed else None
    try:
        connection = running.infisical.connection(app.slug, str(connection_id))
    except PermissionDenied as denied:
        record("refusal", result_of(denied), error=denied)
        note = f"The connection was created. Its ID is {connection_id}." if creation else ""
        return problem_of(denied, scope=None, note=note)
    scope = scope_in_hand(connection.project_id or ORGANIZATION).of_organization(connection.organization_id)
    expires_on = day_in(request.args.get("expires_on"))
    return page(
        "connections/detail.html",
        scope=scope,
        change_url=url_for(".projects", project=scope.key),
        app=app,
        connection=connection,
        creation=creation,
        expires_on=expires_on,
        expires_in_days=(expires_on - running.clock().date()).days if expires_on else None,
        method_name=method_name(connection.method),
        # Every second piece stands in quotes.
        api_call=re.split(r'("[^"\n]*")', as_api_call(app, connection, base_url=running.infisical.base_url)),
    )


def as_api_call(app: App, connection: Connection, *, base_url: str) -> str:
    """A curl command for a POSIX shell that makes the same connection; the secrets are variables.

    The heredoc expands the variables, so every dollar sign, backtick and backslash of the values themselves is escaped.
    """
    variables = {row.wire[-1]: f"{app.slug}_{row.name}".upper() for row in app.fields if row.kind == "secret"}
    shown = {
        row.wire[-1]: connection.credentials.get(row.wire[-1]) for row in app.fields if row.kind != "secret"
    }
    body = {
        "name": connection.name,
        "method": connection.method,
        "description": connection.description,
        "projectId": connection.project_id,
        "credentials": {**variables, **{key: text for key, text in shown.items() if text}},
    }
    text = json.dumps({key: value for key, value in body.items() if value}, indent=2, ensure_ascii=False)
    for character in ("\\", "$", "`"):
        text = text.replace(character, f"\\{character}")
    for key, variable in variables.items():
        text = text.replace(f'"{key}": "{variable}"', f'"{key}": "${variable}"')
    address = shlex.quote(f"{base_url}/api/v1/app-connections/{app.slug}")
    return (
        "curl --json @- \\\n"
        '  -H "Authorization: Bearer $INFISICAL_TOKEN" \\\n'
        f"  {address} <<JSON\n{text}\nJSON"
    )


@blueprint.get("/connections/<connected_app:app>/<uuid:connection_id>/reminder.ics")
def reminder(app: App, connection_id: UUID) -> Response:
    """A calendar entry for the day that the address names; the server keeps no such day."""
    day = day_in(request.args.get("expires_on"))
    if day is None:
        abort(404)
    connection = services().infisical.connection(app.slug, str(connection_id))
    address = url_for(".created", app=app.slug, connection_id=connection.id, expires_on=day.isoformat())
    text = calendar_entry(
        app, connection, expires_on=day, page_url=urljoin(request.url_root, address), now=services().clock()
    )
    response = Response(text, mimetype="text/calendar")
    response.headers["Content-Disposition"] = f'attachment; filename="{slug_of(connection.name)}-token.ics"'
    return response


def calendar_entry(
    app: App, connection: Connection, *, expires_on: date, page_url: str, now: datetime
) -> str:
    """An all-day entry on the day of expiry, with alarms a week and a day before, that links to the page (RFC 5545)."""
    credential = app.secret.word
    summary = f"{app.name} {credential} of {connection.name} expires"
    what_to_do = f"Make a new {credential} at {app.name} and replace the one in the connection {connection.name}: {page_url}"
    alarms = (("-P7D", f"In a week: {summary}"), ("-P1D", f"Tomorrow: {summary}"))
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Infisical Connect//Token reminder//EN",
        "CALSCALE:GREGORIAN",
        "BEGIN:VEVENT",
        f"UID:{connection.id}-{expires_on:%Y%m%d}@infisical-connect",
        f"DTSTAMP:{now.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        f"DTSTART;VALUE=DATE:{expires_on:%Y%m%d}",
        f"DTEND;VALUE=DATE:{expires_on + timedelta(days=1):%Y%m%d}",
        f"SUMMARY:{_text(summary)}",
        f"DESCRIPTION:{_text(what_to_do)}",
        f"URL:{page_url}",
        "TRANSP:TRANSPARENT",
        *(
            line
            for trigger, words in alarms
            for line in (
                "BEGIN:VALARM",
                "ACTION:DISPLAY",
                f"TRIGGER:{trigger}",
                f"DESCRIPTION:{_text(words)}",
                "END:VALARM",
            )
        ),
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    # A line has at most 75 octets, without the space that goes on with it, and ends inside no character (RFC 5545, 3.1).
    folded = (b"\r\n ".join(re.findall(rb"(?s).{1,74}(?![\x80-\xbf])", line.encode())) for line in lines)
    return "".join(f"{line.decode()}\r\n" for line in folded)


def _text(text: str) -> str:
    """A text value: backslash, semicolon, comma and line break are escaped, other controls left out (RFC 5545, 3.3.11)."""
    escaped = re.sub(r"([\\;,])", r"\\\1", text).replace("\n", "\\n")
    return re.sub(r"[\x00-\x1f\x7f]", "", escaped)
