"""The sandbox's SQLite file: what is in it from the start, and every question that is asked of it.

Several processes and threads use one file at once: a connection per request, write-ahead logging, a busy timeout,
and a transaction that locks at its beginning round everything that writes.
"""

import json
import secrets
import sqlite3
import uuid
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import g

Document = dict[str, Any]
"""An App Connection as it is answered; its token is no part of it."""

ORGANIZATION = {"id": "0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b", "name": "Sandbox", "slug": "sandbox-o-ax-e"}

PAYMENTS_ID = "11d7a2c4-5f0e-4b6a-9c3d-2e8f7a6b5c4d"
WEBSHOP_ID = "22e8b3d5-6a1f-4c7b-8d4e-3f9a8b7c6d5e"

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
class Project:
    """A secret-manager project. `prefix` begins its environments' ids."""

    id: str
    name: str
    slug: str
    description: str | None
    prefix: str

    def brief(self) -> dict[str, Any]:
        """The project as a connection in a list tells it."""
        return {"name": self.name, "id": self.id, "type": "secret-manager", "slug": self.slug}

    def to_json(self) -> dict[str, Any]:
        """The project as it is answered."""
        environments = [
            {"name": name, "slug": slug, "id": f"{self.prefix}-0000-4000-8000-{at:012d}"}
            for at, (name, slug) in enumerate(
                (("Development", "dev"), ("Staging", "staging"), ("Production", "prod")), 1
            )
        ]
        return {
            **self.brief(),
            "_id": self.id,
            "description": self.description,
            "defaultProduct": None,
            "autoCapitalization": False,
            "orgId": ORGANIZATION["id"],
            "createdAt": "2026-03-02T09:30:00.000Z",
            "updatedAt": "2026-03-02T09:30:00.000Z",
            "version": 3,
            "upgradeStatus": None,
            "pitVersionLimit": 10,
            "kmsCertificateKeyId": None,
            "auditLogsRetentionDays": None,
            "hasDeleteProtection": False,
            "secretSharing": True,
            "showSnapshotsLegacy": False,
            "secretDetectionIgnoreValues": None,
            "enforceEncryptedSecretManagerSecretMetadata": None,
            "environments": environments,
            "deletedEnvironments": [],
        }


PROJECTS = {
    project.id: project
    for project in (
        Project(
            id=PAYMENTS_ID,
            name="Payments",
            slug="payments-demo",
            description="Cards and invoices",
            prefix="aa11d7a2",
        ),
        Project(id=WEBSHOP_ID, name="Webshop", slug="webshop-demo", description=None, prefix="bb22e8b3"),
    )
}


class NameTakenError(Exception):
    """The project, or the organization itself, has a connection of that name already."""


def new_connection(
    *,
    now: datetime,
    app: str,
    method: str,
    name: str,
    description: str | None,
    project_id: str | None,
    credentials: dict[str, str],
) -> Document:
    """An App Connection as it is answered, keys in the recorded order; `credentials` are those that are shown."""
    return {
        "id": str(uuid.uuid4()),
        "name": name,
        "description": description,
        "version": 2,
        "orgId": ORGANIZATION["id"],
        "createdAt": timestamp(now),
        "updatedAt": timestamp(now),
        "isPlatformManagedCredentials": False,
        "gatewayId": None,
        "projectId": project_id,
        "isAutoRotationEnabled": False,
        "gatewayPoolId": None,
        "credentialsHash": new_hash(),
        "app": app,
        "method": method,
        "credentials": credentials,
    }


def new_hash() -> str:
    """A credentials hash of the recorded look. It is made of nothing but chance, so that it gives no token away."""
    return secrets.token_hex(32)


def timestamp(moment: datetime) -> str:
    """Infisical's spelling of a time: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def prepare_database(path: Path) -> None:
    """Makes the tables and the starting data if the file has none. Call it once, before workers are forked."""
    now = datetime.now(UTC)
    made_before = (
        new_connection(
            now=now,
            app="github",
            method="pat",
            name="payments-github",
            description="Deploy keys of the payments service",
            project_id=PAYMENTS_ID,
            credentials={},
        ),
        new_connection(
            now=now,
            app="supabase",
            method="access-token",
            name="payments-reports",
            description=None,
            project_id=PAYMENTS_ID,
            credentials={"instanceUrl": "https://api.supabase.com"},
        ),
    )
    with closing(_connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("PRAGMA user_version").fetchone()[0] == _SCHEMA_VERSION:
            return
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute("INSERT INTO token_key VALUES (?)", (secrets.token_bytes(32),))
        for document in made_before:
            connection.execute("INSERT INTO connection VALUES (?, ?)", (document["id"], json.dumps(document)))
        connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")


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
        now = (self.now.timestamp(),)
        if not self._connection.execute(
            "SELECT 1 FROM late_connection WHERE appears_at <= ?", now
        ).fetchone():
            return
        with self._connection:
            self._connection.execute(
                "INSERT OR IGNORE INTO connection"
                " SELECT id, document FROM late_connection WHERE appears_at <= ? ORDER BY appears_at",
                now,
            )
            self._connection.execute("DELETE FROM late_connection WHERE appears_at <= ?", now)

    def token_key(self) -> bytes:
        """What the file's access tokens are signed with."""
        key: bytes = self._connection.execute("SELECT value FROM token_key").fetchone()[0]
        return key

    def connections(self) -> list[Document]:
        """Every connection that can be seen at this moment, by name."""
        rows = self._connection.execute("SELECT document FROM connection")
        return sorted((json.loads(row[0]) for row in rows), key=lambda document: str(document["name"]))

    def connection(self, connection_id: str) -> Document | None:
        row = self._connection.execute(
            "SELECT document FROM connection WHERE id = ?", (connection_id,)
        ).fetchone()
        return json.loads(row[0]) if row else None

    def add(self, document: Document) -> None:
        """Stores a connection. Who comes second with a name in a project gets NameTakenError."""
        self._write("INSERT INTO connection (document, id) VALUES (?, ?)", document)

    def change(self, document: Document) -> None:
        """Stores a connection in the place of the one with its id, or raises NameTakenError."""
        self._write("UPDATE connection SET document = ? WHERE id = ?", document)

    def _write(self, statement: str, document: Document) -> None:
        try:
            with self._connection:
                self._connection.execute(statement, (json.dumps(document), document["id"]))
        except sqlite3.IntegrityError:
            raise NameTakenError from None

    def add_late(self, document: Document, *, seconds: int) -> None:
        """Stores a connection that is not there until so many seconds from now."""
        appears = self.now + timedelta(seconds=seconds)
        moment = timestamp(appears)
        late = json.dumps(document | {"createdAt": moment, "updatedAt": moment})
        with self._connection:
            self._connection.execute(
                "INSERT INTO late_connection VALUES (?, ?, ?)", (document["id"], late, appears.timestamp())
            )

    def remove(self, connection_id: str) -> None:
        with self._connection:
            self._connection.execute("DELETE FROM connection WHERE id = ?", (connection_id,))

    def revoke(self, login_id: str) -> None:
        with self._connection:
            self._connection.execute("INSERT OR IGNORE INTO revoked_login VALUES (?)", (login_id,))

    def is_revoked(self, login_id: str) -> bool:
        row = self._connection.execute("SELECT 1 FROM revoked_login WHERE id = ?", (login_id,)).fetchone()
        return row is not None

    def count_failed_login(self, client_id: str) -> None:
        """Three failures, none more than 30 seconds after the one before, lock the identity for 300."""
        now = self.now.timestamp()
        with self._connection:
            self._connection.execute(
                "INSERT INTO failed_login VALUES (?, 1, ?) ON CONFLICT (client_id) DO UPDATE"
                " SET times = CASE WHEN last_at > ? THEN times + 1 ELSE 1 END, last_at = excluded.last_at",
                (client_id, now, now - _LOGIN_WINDOW_SECONDS),
            )

    def forget_failed_logins(self, client_id: str) -> None:
        with self._connection:
            self._connection.execute("DELETE FROM failed_login WHERE client_id = ?", (client_id,))

    def is_locked(self, client_id: str) -> bool:
        locked_since = self.now.timestamp() - _LOCK_SECONDS
        row = self._connection.execute(
            "SELECT 1 FROM failed_login WHERE client_id = ? AND times >= ? AND last_at > ?",
            (client_id, _LOGINS_BEFORE_LOCK, locked_since),
        ).fetchone()
        return row is not None


def current_database() -> Database:
    """The database as it was opened for this request."""
    database: Database = g.database
    return database
