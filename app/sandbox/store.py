"""Who and what is in the sandbox: its callers, and its SQLite file with every question that is asked of it."""

import hashlib
import json
import secrets
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, cast

from flask import g
from itsdangerous import Signer
from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy

_BESIDE = files(__package__)
DATA: dict[str, Any] = json.loads(_BESIDE.joinpath("data.json").read_text("utf-8"))
"""Who and what is in the sandbox, and what is answered as it stands."""

PROJECTS: dict[str, dict[str, Any]] = {project["id"]: project for project in DATA["projects"]}

Document = dict[str, Any]
"""An App Connection as it is answered; its token is no part of it. Or a secret sync, but for what is of its connection."""

_SCHEMA_VERSION = 3


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
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == _SCHEMA_VERSION:
                return
            if version:
                raise sqlite3.DatabaseError("it is of another version, delete it")
            for statement in _BESIDE.joinpath("schema.sql").read_text("utf-8").split(";"):
                connection.execute(statement)
            connection.execute("INSERT INTO token_key VALUES (?)", (secrets.token_bytes(32),))
            made = [new_connection(values, now=datetime.now(UTC)) for values in DATA["connections"]]
            ids = {document["name"]: document["id"] for document in made}
            syncs = [{**sync, "connectionId": ids[sync["connection"]["name"]]} for sync in DATA["syncs"]]
            documents = [(row, "connection") for row in made] + [(row, "sync") for row in syncs]
            rows = [(row["id"], kind, json.dumps(row)) for row, kind in documents]
            rows_kept = [(*key.split(" "), json.dumps(value)) for key, value in DATA["kept"].items()]
            connection.executemany("INSERT INTO document VALUES (?, ?, ?)", rows)
            connection.executemany("INSERT INTO kept VALUES (?, ?, ?)", rows_kept)
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
            admit = (
                f"INSERT OR IGNORE INTO document SELECT id, 'connection', document {due} ORDER BY appears_at"
            )
            self._write(admit, f"DELETE {due}", values=(moment,))

    def close(self) -> None:
        self._connection.commit()
        self._connection.close()

    def _value(self, query: str, *values: object) -> Any:
        row = self._connection.execute(query, values).fetchone()
        return row[0] if row else None

    def _write(self, *statements: str, values: tuple[object, ...]) -> None:
        with nullcontext() if self._connection.in_transaction else self._connection:
            for statement in statements:
                self._connection.execute(statement, values)

    def lock(self) -> None:
        """Nobody else writes before this request is over, and what it writes is seen at once."""
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")

    def connections(self, kind: str = "connection") -> list[Document]:
        """Every connection that can be seen at this moment, or document of another kind, by name."""
        rows = self._connection.execute("SELECT document FROM document WHERE kind = ?", (kind,))
        return sorted((json.loads(row[0]) for row in rows), key=lambda document: str(document["name"]))

    def put(self, document: Document, kind: str = "connection") -> bool:
        """Stores a document, a new one or a changed one; False where another one of its project has its name."""
        try:
            self._write(
                "INSERT INTO document VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET document = excluded.document",
                values=(document["id"], kind, json.dumps(document)),
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

    def remove(self, document_id: str) -> None:
        self._write("DELETE FROM document WHERE id = ?", values=(document_id,))

    def kept(self, kind: str) -> dict[str, Any]:
        """All of a kind that is kept, by its keys."""
        rows = self._connection.execute(
            "SELECT key, value FROM kept WHERE kind = ? AND value <> 'null'", (kind,)
        )
        return {key: json.loads(value) for key, value in rows}

    def keep(self, kind: str, key: str, value: object) -> None:
        self._write("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", values=(kind, key, json.dumps(value)))

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
