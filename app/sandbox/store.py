"""Who and what is in the sandbox: its callers, and its SQLite file with every question that is asked of it."""

import hashlib
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
from typing import Any, Literal, cast

from flask import g
from itsdangerous import Signer
from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy

DATA: dict[str, Any] = json.loads(files(__package__).joinpath("data.json").read_text("utf-8"))
"""Who and what is in the sandbox, and what is answered as it stands."""

PROJECTS: dict[str, dict[str, Any]] = {project["id"]: project for project in DATA["projects"]}

Document = dict[str, Any]
"""An App Connection as it is answered; its token is no part of it."""

_SCHEMA_VERSION = 2

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
    """Whoever may call: a machine identity or an OAuth application by its credential, a person by an e-mail address.

    Their tokens live for `ttl` seconds, and are renewed up to `max_ttl`. `role_in` says of a project's id, or of "" for
    the organization: admin, or viewer, who may not even read App Connections (recorded exchange get-by-id-lowpriv), or
    None for no member. `refused` is what they get instead of a token although all that they send is right.
    """

    kind: Literal["identity", "application", "person"]
    name: str
    client_id: str = ""
    client_secret: str = ""
    email: str = ""
    ttl: int = 30 * 24 * 60 * 60
    max_ttl: int = 30 * 24 * 60 * 60
    role_in: Callable[[str], str | None] = lambda _: "admin"
    refused: Callable[[], HTTPException] | None = None

    @property
    def user_id(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{self.email}"))


CALLERS = tuple(Caller(**row) for row in DATA["callers"])
IDENTITY, APPLICATION, ADA = CALLERS
SANDBOX_CLIENT_ID, SANDBOX_CLIENT_SECRET = IDENTITY.client_id, IDENTITY.client_secret
SANDBOX_OAUTH_CLIENT_ID, SANDBOX_OAUTH_CLIENT_SECRET = APPLICATION.client_id, APPLICATION.client_secret


def new_connection(values: Mapping[str, Any], *, now: datetime) -> Document:
    """An App Connection with these values as it is answered, keys in the recorded order."""
    made = {"id": str(uuid.uuid4()), "createdAt": timestamp(now), "credentialsHash": secrets.token_hex(32)}
    return {**DATA["connection"], **values, **made, "updatedAt": made["createdAt"]}


def timestamp(moment: datetime) -> str:
    """Infisical's spelling of a time: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def prepare_database(path: Path) -> None:
    """Makes the tables and the starting data if the file has none. Call it once, before workers are forked. Raises
    OSError, with a sentence, when the file cannot be used."""
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
    # Several processes and threads use one file at once: who writes locks it first, and the others wait.
    connection = sqlite3.connect(path, timeout=30, isolation_level="IMMEDIATE")
    # What a stand-in holds may be lost with the power.
    connection.execute("PRAGMA synchronous = OFF")
    return connection


class Database:
    """The file as one request sees it: opened for it, at its moment, closed after it. `signer` signs access tokens."""

    def __init__(self, path: Path, *, now: datetime) -> None:
        self.now = now
        self._connection = _connect(path)
        self.signer = Signer(self._value("SELECT value FROM token_key"), digest_method=hashlib.sha256)
        due, moment = "FROM late_connection WHERE appears_at <= ?", now.timestamp()
        if self._value(f"SELECT 1 {due}", moment):
            # One whose name was taken meanwhile is dropped.
            admit = f"INSERT OR IGNORE INTO connection SELECT id, document {due} ORDER BY appears_at"
            self._write(admit, f"DELETE {due}", values=(moment,))

    def close(self) -> None:
        self._connection.close()

    def _value(self, query: str, *values: object) -> Any:
        """The first column of the first row, None where there is no row."""
        row = self._connection.execute(query, values).fetchone()
        return row[0] if row else None

    def _write(self, *statements: str, values: tuple[object, ...]) -> None:
        with self._connection:
            for statement in statements:
                self._connection.execute(statement, values)

    def connections(self) -> list[Document]:
        """Every connection that can be seen at this moment, by name."""
        rows = self._connection.execute("SELECT document FROM connection")
        return sorted((json.loads(row[0]) for row in rows), key=lambda document: str(document["name"]))

    def put(self, document: Document) -> bool:
        """Stores a connection, a new one or a changed one; False where another one of its project has its name."""
        try:
            self._write(
                "INSERT INTO connection VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET document = excluded.document",
                values=(document["id"], json.dumps(document)),
            )
        except sqlite3.IntegrityError:
            return False
        return True

    def put_late(self, document: Document, *, seconds: int) -> None:
        """Stores a connection that is not there until so many seconds from now."""
        appears = self.now + timedelta(seconds=seconds)
        late = document | {"createdAt": timestamp(appears), "updatedAt": timestamp(appears)}
        values = (late["id"], json.dumps(late), appears.timestamp())
        self._write("INSERT INTO late_connection VALUES (?, ?, ?)", values=values)

    def remove(self, connection_id: str) -> None:
        self._write("DELETE FROM connection WHERE id = ?", values=(connection_id,))

    def revoke(self, login_id: str) -> None:
        self._write("INSERT OR IGNORE INTO revoked_login VALUES (?)", values=(login_id,))

    def is_revoked(self, login_id: str) -> bool:
        return self._value("SELECT 1 FROM revoked_login WHERE id = ?", login_id) is not None

    def count_failed_login(self, client_id: str) -> None:
        """Three failures, none more than 30 seconds after the one before, lock the identity for 300."""
        self._write(
            "INSERT INTO failed_login VALUES (?, 1, ?) ON CONFLICT (client_id) DO UPDATE SET last_at = excluded.last_at,"
            " times = CASE WHEN last_at > excluded.last_at - 30 THEN times + 1 ELSE 1 END",
            values=(client_id, self.now.timestamp()),
        )

    def forget_failed_logins(self, client_id: str) -> None:
        self._write("DELETE FROM failed_login WHERE client_id = ?", values=(client_id,))

    def is_locked(self, client_id: str) -> bool:
        query = "SELECT 1 FROM failed_login WHERE client_id = ? AND times >= 3 AND last_at > ? - 300"
        return self._value(query, client_id, self.now.timestamp()) is not None


current_database = cast("Database", LocalProxy(lambda: g.database))
"""The database as it was opened for this request."""
