"""What was done, and by whom: one line of JSON for each."""

import errno
import json
import logging
import os
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Literal

Action = Literal["sign-in", "sign-out", "refusal", "create", "change", "delete", "outcome-unknown"]

LONGEST_VALUE = 300
"""Bytes of one value as JSON spells it. It keeps every line within 4096 bytes, which a pipe takes in one piece however
many processes write to it (PIPE_BUF)."""

_CUT = "…"
_STDOUT = 1

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
    infisical_request_id: str | None = None

    def line(self) -> bytes:
        """The entry as JSON, in ASCII alone and in one line with its end. Keys keep the fields' order; None is left
        out, the time is in UTC to the millisecond, and a value that is too long ends in "…"."""
        told = {name: _bounded(text) for name, text in self._texts()}
        return json.dumps(told, separators=(",", ":")).encode("ascii") + b"\n"

    def _texts(self) -> Iterator[tuple[str, str]]:
        yield "at", self.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for field in fields(self)[1:]:
            text: str | None = getattr(self, field.name)
            if text is not None:
                yield field.name, text


class AuditLog:
    """Appends entries to a file, or to standard output where `path` is None; from any thread, in any process.

    The file is opened at once, and made where there is none, readable by its owner alone: OSError, with the path,
    says that it cannot be. When it is moved away or removed, the next entry begins a new one. Each entry is handed to
    the system whole before `write` returns, so a process that is killed loses none; a machine that loses its power
    may.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._torn = False
        self._faults = 0
        self._descriptor = _STDOUT if path is None else _open(path)

    def write(self, entry: Entry) -> None:
        """Appends the entry. Where that fails, logging says so once until it works again; nothing is raised."""
        line = entry.line()
        with self._lock:
            moved = _fault_of(self._follow)
            # What cannot be begun anew is still written to the file that was moved.
            self._note(_fault_of(lambda: self._append(line)) or moved)

    def _follow(self) -> None:
        if self._path is None or _is_open_as(self._descriptor, self._path):
            return
        old, self._descriptor = self._descriptor, _open(self._path)
        self._torn = False
        os.close(old)

    def _append(self, line: bytes) -> None:
        # After a piece of a line, the end of that line: it must not take this entry with it.
        whole = b"\n" + line if self._torn else line
        written = os.write(self._descriptor, whole)
        self._torn = written < len(whole)
        if self._torn:
            raise OSError(errno.EIO, "only a part of the entry could be written")

    def _note(self, fault: OSError | None) -> None:
        where = self._path or "standard output"
        if fault is None and self._faults:
            _log.warning(
                "The audit log is written again, to %s; %d entries may be missing.", where, self._faults
            )
        if fault is not None and not self._faults:
            _log.error("The audit log cannot be written to %s: %s.", where, fault.strerror)
        self._faults = 0 if fault is None else self._faults + 1


def reason_against(path: Path) -> str | None:
    """Why an audit log cannot be kept there, in the system's words; None where it can. Nothing is opened or made, for
    whoever asks may be another user than the server's."""
    if path.is_dir():
        return os.strerror(errno.EISDIR)
    if path.exists():
        return None if os.access(path, os.R_OK | os.W_OK) else os.strerror(errno.EACCES)
    if not path.parent.is_dir():
        return os.strerror(errno.ENOENT)
    return None if os.access(path.parent, os.W_OK | os.X_OK) else os.strerror(errno.EACCES)


def _open(path: Path) -> int:
    """A descriptor that appends to the file. A line that was left unfinished there is ended first."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    fault = _fault_of(lambda: _end_last_line(descriptor))
    if fault is None:
        return descriptor
    os.close(descriptor)
    raise OSError(fault.errno, fault.strerror, str(path))


def _end_last_line(descriptor: int) -> None:
    about = os.fstat(descriptor)
    if stat.S_ISREG(about.st_mode) and about.st_size and os.pread(descriptor, 1, about.st_size - 1) != b"\n":
        os.write(descriptor, b"\n")


def _is_open_as(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))


def _fault_of(step: Callable[[], None]) -> OSError | None:
    try:
        step()
    except OSError as fault:
        return fault
    return None


def _bounded(text: str) -> str:
    """The text, cut where its JSON would be too long. Half characters, which JSON cannot hold, become U+FFFD."""
    begins = text[: LONGEST_VALUE + 1]
    whole = begins.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if _size(whole) <= LONGEST_VALUE:
        return whole
    sizes = accumulate(_size(character) for character in whole)
    return whole[: sum(size <= LONGEST_VALUE - _size(_CUT) for size in sizes)] + _CUT


def _size(text: str) -> int:
    return len(json.dumps(text)) - len('""')
