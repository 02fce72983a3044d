"""The page of a connection: its facts, the syncs that use it, the same as code, and reminders of its token's expiry."""

import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urljoin
from uuid import UUID

from flask import abort, request
from werkzeug.wrappers import Response

from ..connectors.rows import App
from ..core.templating import url_for
from ..infisical.errors import InfisicalError, NotAMember, PermissionDenied
from ..infisical.models import Connection
from ..infisical.sync_models import SecretSync
from ..infisical.syncs import SecretSyncs
from .fields import day_in, expiry_in, expiry_of, slug_of
from .handover import SeenProject, seen_projects_text
from .hooks import blueprint
from .lists import days_of, in_a_project, method_name
from .problems import result_of
from .redirects import carried_values
from .render import page, problem_of, see_other
from .scopes import Scope, scope_in_hand
from .services import ORGANIZATION, Page, moving_in, record, services
from .sync_list import status_of


class Creation(NamedTuple):
    """How a connection came to be: `late` after a wait without an answer, `reaches` as many of the app's projects as
    its credential was seen to reach, 0 where nobody asked, `before` the form was sent once more, `lacks` what syncs need
    and the credential was seen not to have."""

    late: bool = False
    reaches: int = 0
    before: bool = False
    lacks: str = ""


class Done(NamedTuple):
    """What was just done to a connection: edit or token, which of its details changed, and whether it was found out
    `late`, by a look after no answer."""

    action: str
    changed: list[str]
    late: bool = False


def see_connection(
    connection: Connection,
    *,
    expires_on: str | None = None,
    seen: Sequence[SeenProject] = (),
    **told: Creation | Done,
) -> Page:
    """A redirect to the page of a connection, which then says what was done to it; nobody else can make it say so. The
    projects that its credential was just `seen` to reach are handed over to the form of a sync."""
    signed = {name: services().sign(what, purpose=f"{name}.{connection.id}") for name, what in told.items()}
    places = {"app": connection.app, "connection_id": connection.id, "expires_on": expires_on}
    return see_other(".created", **places, **signed, projects=seen_projects_text(seen, connection.id))


MOST_PROJECTS = 20
"""That are asked for the syncs of an organization's connection, all at once."""


class Users(NamedTuple):
    """The syncs that use a connection, as far as the caller may see them: `asked` of `projects` told theirs. Where none
    did, `unseen` says why."""

    syncs: tuple[SecretSync, ...] = ()
    asked: int = 1
    projects: int = 1
    unseen: str = ""

    @property
    def whole(self) -> bool:
        """Whether no other sync can use it."""
        return self.asked == self.projects and not self.unseen

    @property
    def none(self) -> str:
        """What is said where no sync was found."""
        return self.unseen or ("No sync uses it" if self.whole else "No sync that can be seen uses it")


def used_by(app: App, connection: Connection) -> Users:
    """The syncs that use a connection. One of the organization's is looked for in every project that the caller sees."""
    infisical = services().infisical

    def syncs_of(key: str) -> tuple[SecretSync, ...] | str:
        try:
            return SecretSyncs(infisical, app.slug).all(key)
        except (PermissionDenied, NotAMember):
            return "You may not see syncs here"
        except InfisicalError as error:
            return f"Which syncs use it could not be looked up. {error}"

    try:
        keys = [connection.project_id] if connection.project_id else [one.id for one in infisical.projects()]
    except InfisicalError as error:
        return Users(unseen=f"Which syncs use it could not be looked up. {error}")
    answers = [*services().threads.map(syncs_of, keys[:MOST_PROJECTS])]
    seen = [found for found in answers if not isinstance(found, str)]
    syncs = tuple(sync for found in seen for sync in found if sync.connection_id == connection.id)
    unseen = "" if seen else next((found for found in answers if isinstance(found, str)), "")
    return Users(syncs, len(seen), len(keys), unseen)


def scope_of(connection: Connection) -> Scope:
    """Where a connection belongs, once Infisical has shown it to us."""
    return scope_in_hand(connection.project_id or ORGANIZATION).of_organization(connection.organization_id)


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
    scope = scope_of(connection)
    noted = expiry_in(connection.description)
    done = running.unsign(request.args.get("done", ""), purpose=f"done.{connection_id}")
    return page(
        "connections/detail.html",
        scope=scope,
        change_url=url_for(".projects", project=scope.key),
        app=app,
        connection=connection,
        creation=creation,
        done=Done(*done) if done else None,
        noted=expiry_of(noted, today=running.clock().date()) if noted else None,
        expires_on=noted or day_in(request.args.get("expires_on")),
        now=running.clock(),
        projects=carried_values(request.args).get("projects", ""),
        method_name=method_name(connection.method),
        moving=moving_in(scope.key),
        users=Users() if creation else used_by(app, connection),
        status_of=status_of,
        as_code=as_code(app, connection, base_url=running.infisical.base_url),
    )


# ── The same as code ─────────────────────────────────────────────────────────────────────────────────────────────────


_VARIABLE = re.compile(r'(?m)((?<=-H )".+"|(?<=: )"\$[A-Z_]+"|(?<== )var\.\w+$)')


class Code(NamedTuple):
    """One way to say it: `id` names the element, `pieces` are its text, of which every second one is a variable."""

    id: str
    pieces: tuple[str, ...]

    @classmethod
    def of(cls, id_: str, text: str) -> "Code":
        return cls(id_, tuple(_VARIABLE.split(text)))


def as_code(app: App, connection: Connection, *, base_url: str) -> tuple[Code, ...]:
    """All ways to make the same connection elsewhere, and a sync with it."""
    texts = {
        "as-curl": as_api_call(app, connection, base_url=base_url),
        "as-terraform": as_terraform(app, connection),
        "as-sync": as_sync_call(app, connection, base_url=base_url),
    }
    return tuple(Code.of(id_, text) for id_, text in texts.items() if text)


def as_api_call(app: App, connection: Connection, *, base_url: str) -> str:
    """A curl command for a POSIX shell that makes the same connection; the secrets are variables."""
    variables = {row.wire[-1]: _variable(app, row.name) for row in app.fields if row.kind == "secret"}
    body = {
        "name": connection.name,
        "method": connection.method,
        "description": connection.description,
        "projectId": connection.project_id,
        "credentials": {**variables, **_shown(app, connection)},
    }
    body = {key: value for key, value in body.items() if value}
    return curl(f"{base_url}/api/v1/app-connections/{app.slug}", body, variables)


def as_sync_call(app: App, connection: Connection, *, base_url: str) -> str:
    """A curl command that makes a secret sync with the connection, which deletes nothing at the app: where it reads and
    writes are variables. Empty for an app that no sync is known of."""
    asked = app.syncs.destination if app.syncs else {}
    destination = {key: _variable(app, name) for key, name in asked.items()}
    variables = {"environment": "INFISICAL_ENVIRONMENT", "secretPath": "INFISICAL_SECRET_PATH", **destination}
    body = {
        "name": f"{connection.name}-sync",
        "projectId": connection.project_id or "INFISICAL_PROJECT_ID",
        "connectionId": connection.id,
        "environment": variables["environment"],
        "secretPath": variables["secretPath"],
        "syncOptions": {"initialSyncBehavior": "overwrite-destination", "disableSecretDeletion": True},
        "destinationConfig": destination,
    }
    call = curl(f"{base_url}/api/v1/secret-syncs/{app.slug}", body, variables)
    return call.replace('"projectId": "INFISICAL_', '"projectId": "$INFISICAL_') if destination else ""


def as_terraform(app: App, connection: Connection) -> str:
    """The same connection as a resource of Infisical's Terraform provider (August 2026); the secrets are sensitive
    variables."""
    secrets = {_snake(row.wire[-1]): f"{app.slug}_{row.name}" for row in app.fields if row.kind == "secret"}
    shown = {_snake(key): hcl(text) for key, text in _shown(app, connection).items()}
    facts = {
        "name": connection.name,
        "description": connection.description,
        "method": connection.method,
        "project_id": connection.project_id,
    }
    credentials = block({**{key: f"var.{name}" for key, name in secrets.items()}, **shown}, "    ")
    sensitive = block({"type": "string", "sensitive": "true"}, "  ")
    variables = (f'variable "{name}" {sensitive}' for name in secrets.values())
    made = resource("app_connection", app, facts, f"\n  credentials = {credentials}\n")
    return "\n\n".join((*variables, made))


def _shown(app: App, connection: Connection) -> dict[str, str]:
    keys = [row.wire[-1] for row in app.fields if row.wire and row.kind != "secret"]
    return {key: text for key in keys if (text := connection.credentials.get(key))}


def _variable(app: App, name: str) -> str:
    return f"{app.slug}_{name}".replace("-", "_").upper()


def curl(address: str, body: Mapping[str, Any], variables: Mapping[str, str]) -> str:
    """The heredoc expands the variables, so every dollar sign, backtick and backslash of the values themselves is
    escaped."""
    text = _seen(json.dumps(body, indent=2, ensure_ascii=False), lambda unseen: json.dumps(unseen)[1:-1])
    for character in ("\\", "$", "`"):
        text = text.replace(character, f"\\{character}")
    for key, variable in variables.items():
        text = text.replace(f'"{key}": "{variable}"', f'"{key}": "${variable}"')
    return (
        "curl --json @- \\\n"
        '  -H "Authorization: Bearer $INFISICAL_TOKEN" \\\n'
        f"  {shlex.quote(address)} <<JSON\n{text}\nJSON"
    )


def _snake(name: str) -> str:
    return re.sub("(?=[A-Z])|-", "_", name).lower()


def _seen(text: str, escaped: Callable[[str], str]) -> str:
    """The text with its invisible characters escaped: a page cannot hold them all, and those that turn the direction
    of writing would show another text than is copied."""
    return "".join(one if one.isprintable() or one == "\n" else escaped(one) for one in text)


def block(values: Mapping[str, str], indent: str, more: str = "") -> str:
    """A block or an object of HCL, its equals signs in one column as `terraform fmt` has them."""
    width = max(map(len, values))
    lines = (f"{indent}{key:<{width}} = {text}\n" for key, text in values.items())
    return f"{{\n{''.join(lines)}{more}{indent[2:]}}}"


def resource(kind: str, app: App, facts: Mapping[str, str | bool | None], more: str) -> str:
    """A resource of Infisical's Terraform provider, with the facts that are not empty, labelled with its name."""
    values = {
        key: str(fact).lower() if isinstance(fact, bool) else hcl(fact)
        for key, fact in facts.items()
        if fact or fact is False
    }
    label = re.sub(r"\A(?=\d)|\W", "_", str(facts["name"]), flags=re.ASCII)
    return f'resource "infisical_{kind}_{_snake(app.slug)}" "{label}" {block(values, "  ", more)}'


def hcl(text: str) -> str:
    """A quoted text of HCL. It knows fewer escapes than JSON, and `${` and `%{` would begin a template in it."""
    escapes = {r"\b": r"\u0008", r"\f": r"\u000c", "$": r"\u0024", "%": r"\u0025"}
    quoted = re.sub(
        r"\\.|[$%](?={)", lambda found: escapes.get(found[0], found[0]), json.dumps(text, ensure_ascii=False)
    )
    return _seen(quoted, lambda unseen: f"\\U{ord(unseen):08x}")


# ── Reminders ────────────────────────────────────────────────────────────────────────────────────────────────────────


@blueprint.get("/connections/<connected_app:app>/<uuid:connection_id>/reminder.ics")
def reminder(app: App, connection_id: UUID) -> Response:
    """A calendar entry for the day that the address names; the server keeps no such day."""
    day = day_in(request.args.get("expires_on"))
    if day is None:
        abort(404)
    connection = services().infisical.connection(app.slug, str(connection_id))
    return _calendar([(app, connection, day)], file=f"{slug_of(connection.name)}-token")


@blueprint.get("/connections/reminders.ics")
@in_a_project
def reminders(scope: Scope) -> Response:
    """A calendar entry for each day that a description in the project names."""
    found = services().infisical.connections(scope.project_id)
    days, apps = days_of(found), {app.slug: app for app in services().apps}
    if not days:
        abort(404)
    dated = [(apps[one.app], one, days[one.id]) for one in found if one.id in days]
    return _calendar(dated, file=f"{slug_of(scope.name)}-tokens")


def _calendar(dated: Iterable[tuple[App, Connection, date]], *, file: str) -> Response:
    lines: list[str] = []
    for app, connection, day in dated:
        address = url_for(".created", app=app.slug, connection_id=connection.id, expires_on=day.isoformat())
        page_url, now = urljoin(request.url_root, address), services().clock()
        lines += calendar_entry(app, connection, expires_on=day, page_url=page_url, now=now)
    response = Response(calendar_of(lines), mimetype="text/calendar")
    response.headers["Content-Disposition"] = f'attachment; filename="{file.lstrip("-")}.ics"'
    return response


def calendar_of(entries: Iterable[str]) -> str:
    """The lines of entries as the text of a calendar (RFC 5545)."""
    product = "PRODID:-//Infisical Connect//Token reminder//EN"
    lines = ("BEGIN:VCALENDAR", "VERSION:2.0", product, "CALSCALE:GREGORIAN", *entries, "END:VCALENDAR")
    # A line has at most 75 octets, without the space that goes on with it, and ends inside no character (3.1).
    folded = (b"\r\n ".join(re.findall(rb"(?s).{1,74}(?![\x80-\xbf])", line.encode())) for line in lines)
    return "".join(f"{line.decode()}\r\n" for line in folded)


def calendar_entry(
    app: App, connection: Connection, *, expires_on: date, page_url: str, now: datetime
) -> Iterator[str]:
    """The lines of an all-day entry on the day of expiry, with alarms a week and a day before, that links to the page."""
    credential = app.secret.word
    summary = f"{app.name} {credential} of {connection.name} expires"
    what_to_do = f"Make a new {credential} at {app.name} and replace the one in the connection {connection.name}: {page_url}"
    yield "BEGIN:VEVENT"
    yield f"UID:{connection.id}-{expires_on:%Y%m%d}@infisical-connect"
    yield f"DTSTAMP:{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    yield f"DTSTART;VALUE=DATE:{expires_on:%Y%m%d}"
    yield f"DTEND;VALUE=DATE:{expires_on + timedelta(days=1):%Y%m%d}"
    yield f"SUMMARY:{_text(summary)}"
    yield f"DESCRIPTION:{_text(what_to_do)}"
    yield f"URL:{page_url}"
    yield "TRANSP:TRANSPARENT"
    for trigger, words in (("-P7D", f"In a week: {summary}"), ("-P1D", f"Tomorrow: {summary}")):
        said = f"DESCRIPTION:{_text(words)}"
        yield from ("BEGIN:VALARM", "ACTION:DISPLAY", f"TRIGGER:{trigger}", said, "END:VALARM")
    yield "END:VEVENT"


def _text(text: str) -> str:
    """A text value: backslash, semicolon, comma and line break are escaped, other controls left out (RFC 5545, 3.3.11)."""
    escaped = re.sub(r"([\\;,])", r"\\\1", text).replace("\n", "\\n")
    return re.sub(r"[\x00-\x1f\x7f]", "", escaped)
