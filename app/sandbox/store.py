"""The sandbox's SQLite file: its schema, its starting data, and every question that is asked of it.

Several processes and threads use one file at once: a connection per request, write-ahead logging, a busy timeout,
and `BEGIN IMMEDIATE` round everything that writes.
"""

import json
import secrets
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .starting_data import ORGANIZATION_ID, PAYMENTS_CONNECTIONS, PAYMENTS_ID, PROJECTS

_BUSY_SECONDS = 30
_SCHEMA_VERSION = 1
_ATTEMPTS_BEFORE_LOCK = 3
_ATTEMPT_WINDOW = timedelta(seconds=30)
_LOCK = timedelta(seconds=300)

_CONNECTION_COLUMNS = """
    id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, description TEXT, app TEXT NOT NULL, method TEXT NOT NULL,
    organization_id TEXT NOT NULL, project_id TEXT REFERENCES project (id), created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL, instance_url TEXT, credentials_hash TEXT NOT NULL
"""

# A late connection waits in a table of its own, where names may repeat: it takes part in the race for its name only
# once its time has come, as the insert of the real server does. Its created_at is that time.
_SCHEMA = (
    "CREATE TABLE setting (name TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL)",
    """CREATE TABLE project (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, slug TEXT NOT NULL UNIQUE,
       description TEXT, type TEXT NOT NULL, created_at TEXT NOT NULL, environments TEXT NOT NULL)""",
    f"CREATE TABLE connection ({_CONNECTION_COLUMNS})",
    "CREATE UNIQUE INDEX one_name_per_scope ON connection (name, ifnull(project_id, ''), organization_id)",
    f"CREATE TABLE late_connection ({_CONNECTION_COLUMNS})",
    """CREATE TABLE login (id TEXT NOT NULL PRIMARY KEY, client_id TEXT NOT NULL, created_at REAL NOT NULL,
       uses INTEGER NOT NULL DEFAULT 0, revoked INTEGER NOT NULL DEFAULT 0)""",
    "CREATE TABLE failed_login (client_id TEXT NOT NULL, at TEXT NOT NULL)",
    "CREATE TABLE lock (client_id TEXT NOT NULL PRIMARY KEY, until TEXT NOT NULL)",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredProject:
    """A project. `environments` are name, slug, id."""

    id: str
    name: str
    slug: str
    description: str | None
    type: str
    created_at: str
    environments: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredConnection:
    """A row of the connection table: everything of a connection but its token, which is never stored."""

    id: str
    name: str
    description: str | None
    app: str
    method: str
    project_id: str | None
    created_at: str
    updated_at: str
    instance_url: str | None
    credentials_hash: str
    organization_id: str = ORGANIZATION_ID


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """A log-in that gave out a token: when (seconds since 1970), how often it was used, whether it was revoked."""

    id: str
    client_id: str
    created_at: float
    uses: int
    revoked: bool


class NameTakenError(Exception):
    """The scope has a connection of that name already."""


def new_hash() -> str:
    """A credentials hash of the recorded look. It is made of nothing but chance, so that it gives no token away."""
    return secrets.token_hex(32)


def timestamp(moment: datetime) -> str:
    """Infisical's spelling of a time: UTC, milliseconds, Z. In this spelling, order as text is order in time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def prepare_database(path: Path) -> None:
    """Makes the tables and the starting data if the file has none. Call it once, before workers are forked."""
    with closing(_connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        with _writing(connection):
            if connection.execute("PRAGMA user_version").fetchone()[0] == _SCHEMA_VERSION:
                return
            for statement in _SCHEMA:
                connection.execute(statement)
            _fill(connection, timestamp(datetime.now(UTC)))
            connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")


def _fill(connection: sqlite3.Connection, now: str) -> None:
    connection.execute("INSERT INTO setting VALUES ('token_key', ?)", (secrets.token_bytes(32),))
    for project in PROJECTS:
        row = (
            project.id,
            project.name,
            project.slug,
            project.description,
            now,
            json.dumps(project.environments),
        )
        connection.execute("INSERT INTO project VALUES (?, ?, ?, ?, 'secret-manager', ?, ?)", row)
    for made_before in PAYMENTS_CONNECTIONS:
        stored = StoredConnection(
            **asdict(made_before),
            project_id=PAYMENTS_ID,
            created_at=now,
            updated_at=now,
            credentials_hash=new_hash(),
        )
        _insert(connection, "connection", stored)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


@contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _insert(connection: sqlite3.Connection, table: str, row: StoredConnection) -> None:
    values = asdict(row)
    columns, marks = ", ".join(values), ", ".join(f":{column}" for column in values)
    connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", values)  # noqa: S608 - our own names


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
        due = "FROM late_connection WHERE created_at <= ?"
        moment = (timestamp(self.now),)
        if not self._connection.execute(f"SELECT 1 {due}", moment).fetchone():
            return
        with _writing(self._connection):
            columns = ", ".join(StoredConnection.__dataclass_fields__)
            self._connection.execute(
                f"INSERT OR IGNORE INTO connection ({columns}) SELECT {columns} {due} ORDER BY created_at",
                moment,
            )
            self._connection.execute(f"DELETE {due}", moment)

    def token_key(self) -> bytes:
        """What the sandbox signs its own tokens with."""
        value: bytes = self._connection.execute(
            "SELECT value FROM setting WHERE name = 'token_key'"
        ).fetchone()[0]
        return value

    # Projects

    def projects(self) -> tuple[StoredProject, ...]:
        """Every project, by name."""
        rows = self._connection.execute("SELECT * FROM project ORDER BY lower(name), id")
        return tuple(_project(row) for row in rows)

    def project(self, project_id: str) -> StoredProject | None:
        row = self._connection.execute("SELECT * FROM project WHERE id = ?", (project_id,)).fetchone()
        return _project(row) if row else None

    # Connections

    def connections(self) -> tuple[StoredConnection, ...]:
        """Every connection that can be seen at this moment, by name."""
        rows = self._connection.execute("SELECT * FROM connection ORDER BY name, created_at")
        return tuple(StoredConnection(**dict(row)) for row in rows)

    def connection(self, connection_id: str) -> StoredConnection | None:
        row = self._connection.execute("SELECT * FROM connection WHERE id = ?", (connection_id,)).fetchone()
        return StoredConnection(**dict(row)) if row else None

    def add(self, connection: StoredConnection) -> None:
        """Stores a connection. Who comes second with a name in a scope gets NameTakenError."""
        try:
            with _writing(self._connection):
                _insert(self._connection, "connection", connection)
        except sqlite3.IntegrityError:
            raise NameTakenError from None

    def add_late(self, connection: StoredConnection, *, seconds: int) -> None:
        """Stores a connection that is not there until so many seconds from now."""
        moment = timestamp(self.now + timedelta(seconds=seconds))
        with _writing(self._connection):
            _insert(
                self._connection, "late_connection", replace(connection, created_at=moment, updated_at=moment)
            )

    def change(self, connection: StoredConnection) -> None:
        """Stores the new name, description and credentials of a connection, or raises NameTakenError."""
        try:
            with _writing(self._connection):
                self._connection.execute(
                    """UPDATE connection SET name = :name, description = :description, updated_at = :updated_at,
                       instance_url = :instance_url, credentials_hash = :credentials_hash WHERE id = :id""",
                    asdict(connection),
                )
        except sqlite3.IntegrityError:
            raise NameTakenError from None

    def remove(self, connection_id: str) -> None:
        with _writing(self._connection):
            self._connection.execute("DELETE FROM connection WHERE id = ?", (connection_id,))

    # Log-ins

    def add_login(self, client_id: str) -> Login:
        """Remembers a log-in and forgets the failures before it."""
        login = Login(
            id=str(uuid.uuid4()), client_id=client_id, created_at=self.now.timestamp(), uses=0, revoked=False
        )
        with _writing(self._connection):
            self._connection.execute("DELETE FROM failed_login WHERE client_id = ?", (client_id,))
            self._connection.execute(
                "INSERT INTO login (id, client_id, created_at) VALUES (?, ?, ?)",
                (login.id, login.client_id, login.created_at),
            )
        return login

    def login(self, login_id: str) -> Login | None:
        row = self._connection.execute("SELECT * FROM login WHERE id = ?", (login_id,)).fetchone()
        return Login(**dict(row) | {"revoked": bool(row["revoked"])}) if row else None

    def count_use(self, login_id: str) -> None:
        with _writing(self._connection):
            self._connection.execute("UPDATE login SET uses = uses + 1 WHERE id = ?", (login_id,))

    def revoke(self, login_id: str) -> None:
        with _writing(self._connection):
            self._connection.execute("UPDATE login SET revoked = 1 WHERE id = ?", (login_id,))

    def locked(self, client_id: str) -> bool:
        row = self._connection.execute(
            "SELECT 1 FROM lock WHERE client_id = ? AND until > ?", (client_id, timestamp(self.now))
        ).fetchone()
        return row is not None

    def count_failed_login(self, client_id: str) -> None:
        """Three failures, none more than 30 seconds after the one before, lock the identity for 300."""
        with _writing(self._connection):
            begin = timestamp(self.now - _ATTEMPT_WINDOW)
            self._connection.execute(
                "DELETE FROM failed_login WHERE client_id = :id"
                " AND NOT EXISTS (SELECT 1 FROM failed_login WHERE client_id = :id AND at > :begin)",
                {"id": client_id, "begin": begin},
            )
            self._connection.execute(
                "INSERT INTO failed_login VALUES (?, ?)", (client_id, timestamp(self.now))
            )
            failures = self._connection.execute(
                "SELECT count(*) FROM failed_login WHERE client_id = ?", (client_id,)
            ).fetchone()[0]
            if failures >= _ATTEMPTS_BEFORE_LOCK:
                until = timestamp(self.now + _LOCK)
                self._connection.execute("INSERT OR REPLACE INTO lock VALUES (?, ?)", (client_id, until))
                self._connection.execute("DELETE FROM failed_login WHERE client_id = ?", (client_id,))


def _project(row: sqlite3.Row) -> StoredProject:
    environments = tuple((name, slug, id_) for name, slug, id_ in json.loads(row["environments"]))
    return StoredProject(**dict(row) | {"environments": environments})
