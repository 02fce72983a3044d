"""Who and what is in the sandbox: its callers, and its SQLite file with every question that is asked of it.

Several processes and threads use one file at once: a connection per request, write-ahead logging, a busy timeout,
and a transaction that locks at its beginning round everything that writes.
"""

import json
import secrets
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from flask import g
from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy

DATA: dict[str, Any] = json.loads(files(__package__).joinpath("data.json").read_text("utf-8"))
"""Who and what is in the sandbox, and what is answered as it stands."""

PROJECTS: dict[str, dict[str, Any]] = {project["id"]: project for project in DATA["projects"]}

Document = dict[str, Any]
"""An App Connection as it is answered; its token is no part of it."""

_BUSY_SECONDS = 30
_SCHEMA_VERSION = 2
_LOGINS_BEFORE_LOCK = 3
_LOGIN_WINDOW_SECONDS = 30
_LOCK_SECONDS = 300

# A late connection waits in a table of its own, where names may repeat: it takes part in the race for its name only
# once its time has come, as the insert of the real server does.
_SCHEMA = """
CREATE TABLE token_key (value BLOB NOT NULL);
CREATE TABLE connection (id TEXT NOT NULL PRIMARY KEY, document TEXT NOT NULL);
CREATE UNIQUE INDEX one_name_per_project
    ON connection (json_extract(document, '$.name'), ifnull(json_extract(document, '$.projectId'), ''));
CREATE TABLE late_connection (id TEXT NOT NULL PRIMARY KEY, document TEXT NOT NULL, appears_at REAL NOT NULL);
CREATE TABLE revoked_login (id TEXT NOT NULL PRIMARY KEY);
CREATE TABLE failed_login (client_id TEXT NOT NULL PRIMARY KEY, times INTEGER NOT NULL, last_at REAL NOT NULL)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Somebody who may call, and how long their tokens live (seconds).

    `roles` maps a project's id to admin or viewer, who may not even read App Connections (recorded exchange
    get-by-id-lowpriv); None is an admin of the organization and so of every project. `refused` is what they get instead
    of a token although all that they send is right.
    """

    name: str
    ttl: int = 60 * 60
    roles: Mapping[str, str] | None = None
    refused: Callable[[], HTTPException] | None = None

    def role_in(self, project_id: str) -> str | None:
        """admin, viewer, or None for somebody who is no member."""
        return "admin" if self.roles is None else self.roles.get(project_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity(Caller):
    """A machine identity, or an OAuth application, which proves itself in the same way."""

    client_id: str
    client_secret: str
    ttl: int = 30 * 24 * 60 * 60
    max_ttl: int = 30 * 24 * 60 * 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Person(Caller):
    """Somebody whom the organization knows by an e-mail address. Their tokens cannot be renewed."""

    email: str

    @property
    def id(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{self.email}"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Callers:
    """Everybody whom the sandbox knows. Whoever signs in with another address gets the rights of the first person."""

    identities: tuple[Identity, ...]
    people: tuple[Person, ...]
    applications: tuple[Identity, ...]


CALLERS = Callers(
    identities=tuple(Identity(**row) for row in DATA["identities"]),
    people=tuple(Person(**row) for row in DATA["people"]),
    applications=tuple(Identity(**row) for row in DATA["applications"]),
)
SANDBOX_CLIENT_ID = CALLERS.identities[0].client_id
SANDBOX_CLIENT_SECRET = CALLERS.identities[0].client_secret
SANDBOX_OAUTH_CLIENT_ID = CALLERS.applications[0].client_id
SANDBOX_OAUTH_CLIENT_SECRET = CALLERS.applications[0].client_secret


class NameTakenError(Exception):
    """The project, or the organization itself, has a connection of that name already."""


def new_connection(values: Mapping[str, Any], *, now: datetime) -> Document:
    """An App Connection with these values as it is answered, keys in the recorded order."""
    made = {"id": str(uuid.uuid4()), "createdAt": timestamp(now), "updatedAt": timestamp(now)}
    return {**DATA["connection"], **values, **made, "credentialsHash": new_hash()}


def new_hash() -> str:
    """A credentials hash of the recorded look. It is made of nothing but chance, so that it gives no token away."""
    return secrets.token_hex(32)


def timestamp(moment: datetime) -> str:
    """Infisical's spelling of a time: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def prepare_database(path: Path) -> None:
    """Makes the tables and the starting data if the file has none. Call it once, before workers are forked.

    Raises OSError, with a sentence, when the file cannot be used.
    """
    try:
        with closing(_connect(path)) as connection, connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("PRAGMA user_version").fetchone()[0] == _SCHEMA_VERSION:
                return
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute("INSERT INTO token_key VALUES (?)", (secrets.token_bytes(32),))
            made = [new_connection(values, now=datetime.now(UTC)) for values in DATA["connections"]]
            rows = [(document["id"], json.dumps(document)) for document in made]
            connection.executemany("INSERT INTO connection VALUES (?, ?)", rows)
            connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
    except sqlite3.Error as error:
        raise OSError(f"{path} cannot be used for the sandbox's data: {error}") from None


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level="IMMEDIATE")
    # What a stand-in holds may be lost with the power.
    connection.execute("PRAGMA synchronous = OFF")
    return connection


class Database:
    """The file as one request sees it: opened for it, at its moment, closed after it."""

    def __init__(self, path: Path, *, now: datetime) -> None:
        self.now = now
        self._connection = _connect(path)
        self._admit_late_connections()

    def close(self) -> None:
        self._connection.close()

    def _admit_late_connections(self) -> None:
        """Inserts the late connections whose time has come; one whose name was taken meanwhile is dropped."""
        due, moment = "FROM late_connection WHERE appears_at <= ?", self.now.timestamp()
        if self._value(f"SELECT 1 {due}", moment) is None:
            return
        with self._connection:
            self._connection.execute(
                f"INSERT OR IGNORE INTO connection SELECT id, document {due} ORDER BY appears_at", (moment,)
            )
            self._connection.execute(f"DELETE {due}", (moment,))

    def _value(self, query: str, *values: object) -> Any:
        """The first column of the first row, None where there is no row."""
        row = self._connection.execute(query, values).fetchone()
        return row[0] if row else None

    def _write(self, statement: str, *values: object) -> None:
        with self._connection:
            self._connection.execute(statement, values)

    def token_key(self) -> bytes:
        """What the file's access tokens are signed with."""
        key: bytes = self._value("SELECT value FROM token_key")
        return key

    def connections(self) -> list[Document]:
        """Every connection that can be seen at this moment, by name."""
        rows = self._connection.execute("SELECT document FROM connection")
        return sorted((json.loads(row[0]) for row in rows), key=lambda document: str(document["name"]))

    def put(self, document: Document) -> None:
        """Stores a connection, a new one or a changed one. Who comes second with a name gets NameTakenError."""
        try:
            self._write(
                "INSERT INTO connection VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET document = excluded.document",
                document["id"],
                json.dumps(document),
            )
        except sqlite3.IntegrityError:
            raise NameTakenError from None

    def put_late(self, document: Document, *, seconds: int) -> None:
        """Stores a connection that is not there until so many seconds from now."""
        appears = self.now + timedelta(seconds=seconds)
        late = document | {"createdAt": timestamp(appears), "updatedAt": timestamp(appears)}
        self._write(
            "INSERT INTO late_connection VALUES (?, ?, ?)", late["id"], json.dumps(late), appears.timestamp()
        )

    def remove(self, connection_id: str) -> None:
        self._write("DELETE FROM connection WHERE id = ?", connection_id)

    def revoke(self, login_id: str) -> None:
        self._write("INSERT OR IGNORE INTO revoked_login VALUES (?)", login_id)

    def is_revoked(self, login_id: str) -> bool:
        return self._value("SELECT 1 FROM revoked_login WHERE id = ?", login_id) is not None

    def count_failed_login(self, client_id: str) -> None:
        """Three failures, none more than 30 seconds after the one before, lock the identity for 300."""
        now = self.now.timestamp()
        self._write(
            "INSERT INTO failed_login VALUES (?, 1, ?) ON CONFLICT (client_id) DO UPDATE"
            " SET times = CASE WHEN last_at > ? THEN times + 1 ELSE 1 END, last_at = excluded.last_at",
            client_id,
            now,
            now - _LOGIN_WINDOW_SECONDS,
        )

    def forget_failed_logins(self, client_id: str) -> None:
        self._write("DELETE FROM failed_login WHERE client_id = ?", client_id)

    def is_locked(self, client_id: str) -> bool:
        query = "SELECT 1 FROM failed_login WHERE client_id = ? AND times >= ? AND last_at > ?"
        began = self.now.timestamp() - _LOCK_SECONDS
        return self._value(query, client_id, _LOGINS_BEFORE_LOCK, began) is not None


current_database = cast("Database", LocalProxy(lambda: g.database))
"""The database as it was opened for this request."""
