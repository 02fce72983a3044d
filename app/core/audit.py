"""What was done, and by whom: one line of JSON for each."""

import errno
import json
import logging
import os
import threading
import weakref
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Literal, TextIO

from .text import whole

SyncAction = Literal["sync-create", "sync-change", "sync-run", "sync-delete"]
NativeAction = Literal["native-off", "native-on", "native-delete"]
Action = Literal[
    "sign-in",
    "sign-out",
    "refusal",
    "create",
    "change",
    "replace",
    "delete",
    "outcome-unknown",
    SyncAction,
    NativeAction,
]

LONGEST_VALUE = 300
"""Bytes of one value as JSON spells it. It keeps every line within 4096 bytes, which a pipe takes in one piece however
many processes write to it (PIPE_BUF)."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One thing that was done, refused, or left in doubt. There is no field for a text that might hold a secret.

    `at` knows its time zone. `result` is a word such as ok, refused or name-taken; `way_in` is how the person signed
    in. `request_id` is ours, `infisical_request_id` the one that Infisical's support asks for.
    """

    at: datetime
    action: Action
    result: str
    subject: str | None = None
    name: str | None = None
    way_in: str | None = None
    address: str | None = None
    request_id: str | None = None
    project: str | None = None
    connection_id: str | None = None
    connection_name: str | None = None
    sync_id: str | None = None
    sync_name: str | None = None
    integration_id: str | None = None
    infisical_request_id: str | None = None

    def line(self) -> str:
        """The entry as JSON, in ASCII alone and without a line break. Keys keep the fields' order; None is left out,
        the time is in UTC to the millisecond, and a value that is too long ends in "…"."""
        at = self.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        values = {field.name: getattr(self, field.name) for field in fields(self)} | {"at": at}
        texts = {name: _bounded(text) for name, text in values.items() if text is not None}
        return json.dumps(texts, separators=(",", ":"))


class AuditLog:
    """Appends entries to a file, or to standard output where `path` is None; from any thread, in any process.

    The file is opened at once, and made where there is none, readable by its owner alone: OSError, with the path,
    says that it cannot be. When it is moved away or removed, the next entry begins a new one. Each entry is handed to
    the system whole before `write` returns, so a process that is killed loses none; a machine that loses its power
    may.
    """

    def __init__(self, path: Path | None) -> None:
        self._where = path or "standard output"
        self._handler = _File(path) if path else _StandardOutput(os.fdopen(1, "w", closefd=False))
        weakref.finalize(self, self._handler.close)
        self._lock = threading.Lock()
        self._faults = 0

    def write(self, entry: Entry) -> None:
        """Appends the entry. Where that fails, logging says so once until it works again; nothing is raised."""
        with self._lock:
            try:
                self._handler.emit(logging.makeLogRecord({"msg": entry.line()}))
            except OSError as fault:
                self._faults += 1
                if self._faults == 1:
                    _log.error("The audit log cannot be written to %s: %s.", self._where, fault.strerror)
                return
            if self._faults:
                again = "The audit log is written again, to %s; %d entries may be missing."
                _log.warning(again, self._where, self._faults)
            self._faults = 0


class _Raising(logging.Handler):
    """Raises where the standard library's handlers print a traceback."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002  # logging's name
        raise  # noqa: PLE0704  # it is called where an exception is handled


class _StandardOutput(_Raising, logging.StreamHandler[TextIO]):
    pass


class _File(_Raising, WatchedFileHandler):
    def _open(self) -> TextIOWrapper:
        # Path.open takes no opener.
        return open(self.baseFilename, "a", opener=lambda path, flags: os.open(path, flags, 0o600))

    def close(self) -> None:
        # What a full disk did not take cannot be written now either.
        with suppress(OSError):
            super().close()


def reason_against(path: Path) -> str | None:
    """Why an audit log cannot be kept there, in the system's words; None where it can. Nothing is opened or made, for
    whoever asks may be another user than the server's."""
    if path.is_dir():
        return os.strerror(errno.EISDIR)
    place, rights = (path, os.W_OK) if path.exists() else (path.parent, os.W_OK | os.X_OK)
    if not place.exists():
        return os.strerror(errno.ENOENT)
    return None if os.access(place, rights) else os.strerror(errno.EACCES)


def _bounded(text: str) -> str:
    """The text, cut where its JSON would be too long."""
    start, end = whole(text[: LONGEST_VALUE + 1]), ""
    while len(json.dumps(start + end)) - len('""') > LONGEST_VALUE:
        start, end = start[:-1], "…"
    return start + end
