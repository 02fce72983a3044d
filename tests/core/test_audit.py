"""An entry is one whole line, in the right file, whatever stands in it and whatever happens to the process."""

import json
import logging
import os
import signal
import stat
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.audit import AuditLog, Entry

from ..processes import environment

NOON = datetime(2026, 11, 23, 11, 42, 7, 5999, tzinfo=UTC)
SIGNED_IN = Entry(at=NOON, action="sign-in", result="ok")
PIPE_BUF = 4096
"""Bytes that POSIX systems of today write to a pipe in one piece."""

TEXTS = ("subject", "name", "way_in", "address", "request_id", "project", "connection_id", "connection_name",
         "infisical_request_id")  # fmt: skip


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Every line of the file, each of which must be whole."""
    written = path.read_bytes()
    assert written.endswith(b"\n") or not written
    return [json.loads(line) for line in written.splitlines()]


def running(program: str, *arguments: str, stdout: int = subprocess.PIPE) -> "subprocess.Popen[str]":
    """A process that runs this Python program."""
    return subprocess.Popen(  # noqa: S603  # our own program
        (sys.executable, "-c", textwrap.dedent(program), *arguments),
        env=environment(),
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: "subprocess.Popen[str]") -> str | None:
    """What the process printed; it must come to a good end."""
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, "")
    return stdout


def next_descriptor() -> int:
    """The lowest number that no open file of this process has."""
    descriptor = os.dup(1)
    os.close(descriptor)
    return descriptor


# A line


def test_an_entry_is_json_with_its_keys_in_order_and_nothing_for_what_is_not_known() -> None:
    entry = Entry(at=NOON, action="create", result="ok", subject="ada", connection_name="supabase-main")
    assert entry.line() == (
        '{"at":"2026-11-23T11:42:07.005Z","action":"create","result":"ok","subject":"ada",'
        '"connection_name":"supabase-main"}'
    )


def test_the_keys_of_a_full_entry_keep_their_order() -> None:
    entry = Entry(at=NOON, action="create", result="ok", **dict.fromkeys(reversed(TEXTS), "x"))
    assert list(json.loads(entry.line())) == ["at", "action", "result", *TEXTS]


def test_the_time_is_in_utc_wherever_it_was_taken() -> None:
    in_tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    told = json.loads(Entry(at=in_tokyo, action="create", result="ok").line())
    assert told["at"] == "2026-11-23T11:42:07.005Z"


@settings(derandomize=True, deadline=None, max_examples=3 * settings().max_examples)
@given(
    texts=st.fixed_dictionaries({}, optional={name: st.text() for name in ("result", *TEXTS)}),
)
def test_any_text_anywhere_is_one_line_of_plain_ascii(texts: dict[str, str]) -> None:
    line = Entry(**{"at": NOON, "action": "create", "result": "ok", **texts}).line()  # type: ignore[arg-type]
    assert all(" " <= character < "\x7f" for character in line)
    told = json.loads(line)
    assert {name: told[name] for name in texts if is_short(texts[name])} == {
        name: whole(text) for name, text in texts.items() if is_short(text)
    }
    assert set(told) == {"at", "action", "result", *texts}


def whole(text: str) -> str:
    """The text without half characters."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def is_short(text: str) -> bool:
    return len(json.dumps(text)) <= 302


@pytest.mark.parametrize("break_", ["\n", "\r", "\x0b", "\x85", "\u2028", "\u2029", "\x00", "\x1b", "\x7f"])
def test_nobody_can_write_an_entry_of_their_own(break_: str) -> None:
    name = f'x{break_}{{"at":"2026-11-23T11:42:07.005Z","action":"delete"}}'
    line = Entry(at=NOON, action="sign-in", result="refused", name=name).line()
    assert len(line.splitlines()) == 1
    assert json.loads(line)["name"] == name


@pytest.mark.parametrize("character", ["x", '"', "\n", "é", "漢", "😀", "\ud800"])
def test_a_long_text_is_cut_and_a_line_never_longer_than_a_pipe_takes_in_one_piece(character: str) -> None:
    texts = dict.fromkeys(TEXTS, character * 100_000)
    line = Entry(at=NOON, action="outcome-unknown", result=character * 400, **texts).line()
    assert len(f"{line}\n") <= PIPE_BUF
    name = json.loads(line)["name"]
    assert name.endswith("…")
    assert set(name[:-1]) == {whole(character)}
    assert 280 <= len(json.dumps(name)) - 2 <= 300


def test_a_text_that_just_fits_is_not_cut() -> None:
    assert json.loads(Entry(at=NOON, action="create", result="x" * 300).line())["result"] == "x" * 300


# The file


def test_entries_are_appended_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    for _ in range(2):
        log = AuditLog(path)
        log.write(SIGNED_IN)
        log.write(SIGNED_IN)
    assert path.read_text() == f"{SIGNED_IN.line()}\n" * 4


def test_the_file_is_there_at_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        AuditLog(tmp_path / "audit.jsonl")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "audit.jsonl").stat().st_mode) == 0o600


def test_a_file_that_cannot_be_opened_is_told_at_once_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "audit.jsonl"
    with pytest.raises(FileNotFoundError) as raised:
        AuditLog(path)
    assert str(path) in str(raised.value)
    with pytest.raises(IsADirectoryError):
        AuditLog(tmp_path)


def test_a_file_that_is_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path, moved = tmp_path / "audit.jsonl", tmp_path / "audit.jsonl.1"
    log = AuditLog(path)
    log.write(SIGNED_IN)
    path.rename(moved)
    log.write(SIGNED_IN)
    log.write(SIGNED_IN)
    assert len(lines_of(moved)) == 1
    assert len(lines_of(path)) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_another_one_took_the_place_of_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path)
    path.rename(tmp_path / "audit.jsonl.1")
    path.touch()
    log.write(SIGNED_IN)
    assert len(lines_of(path)) == 1


def test_to_begin_anew_leaves_no_file_open(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path)
    before = next_descriptor()
    for _ in range(50):
        path.unlink()
        log.write(SIGNED_IN)
    assert next_descriptor() == before


def test_where_a_moved_file_cannot_be_begun_anew_the_log_says_so_until_it_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    log = AuditLog(folder / "audit.jsonl")
    folder.rename(tmp_path / "moved")
    log.write(SIGNED_IN)
    log.write(SIGNED_IN)
    folder.mkdir()
    log.write(SIGNED_IN)
    assert len(lines_of(folder / "audit.jsonl")) == 1
    assert [record.getMessage().partition(str(tmp_path))[0] for record in caplog.records] == [
        "The audit log cannot be written to ",
        "The audit log is written again, to ",
    ]


def test_standard_output_gets_the_same_lines(capfd: pytest.CaptureFixture[str]) -> None:
    AuditLog(None).write(SIGNED_IN)
    assert capfd.readouterr().out == f"{SIGNED_IN.line()}\n"


# What goes wrong


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_breaks_nothing_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    log = AuditLog(Path("/dev/full"))
    for _ in range(3):
        log.write(SIGNED_IN)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "The audit log cannot be written to /dev/full: No space left on device."


def test_a_disk_that_fills_up_within_a_line_spoils_no_other_and_its_end_is_told(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    program = """
        import logging, resource, sys
        from datetime import UTC, datetime
        from pathlib import Path
        from app.core.audit import AuditLog, Entry

        logging.basicConfig(stream=sys.stdout, format="%(message)s")
        entry = Entry(at=datetime(2026, 11, 23, 11, 42, 7, tzinfo=UTC), action="sign-in", result="ok")
        log = AuditLog(Path(sys.argv[1]))
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
        log.write(entry)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(entry.line()) + 10, unlimited[1]))
        log.write(entry)
        log.write(entry)
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        log.write(entry)
        log.write(entry)
    """
    told = finished(running(program, str(path))) or ""
    assert told.splitlines() == [
        f"The audit log cannot be written to {path}: File too large.",
        f"The audit log is written again, to {path}; 2 entries may be missing.",
    ]
    assert len({str(line) for line in lines_of(path)}) == 1


@pytest.mark.full
def test_a_process_that_is_killed_loses_nothing_it_has_written(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    process = running(
        """
        import itertools, sys
        from datetime import UTC, datetime
        from pathlib import Path
        from app.core.audit import AuditLog, Entry

        log = AuditLog(Path(sys.argv[1]))
        for number in itertools.count():
            log.write(Entry(at=datetime.now(UTC), action="create", result="ok", request_id=str(number)))
            print(number, flush=True)
        """,
        str(path),
    )
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(500)]
    process.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in process.stdout]
    process.communicate(timeout=60)
    written = [int(line["request_id"]) for line in lines_of(path)]
    assert written[: len(acknowledged)] == acknowledged
    assert process.returncode == -signal.SIGKILL


WRITER = """
    import sys
    from datetime import UTC, datetime
    from pathlib import Path
    from app.core.audit import AuditLog, Entry

    begin = Path(sys.argv[1])
    log = AuditLog(Path(sys.argv[2]) if len(sys.argv) > 2 else None)
    print("ready", file=sys.stderr, flush=True)
    while not begin.exists():
        pass
    for number in range(1000):
        text = "x" * (number % 290)
        log.write(Entry(at=datetime.now(UTC), action="create", result="ok", name=text, subject=text, project=text))
"""
"""Begins when both are ready."""

WRITTEN_BY_TWO = sorted([number % 290 for number in range(1000)] * 2)


def begin_together(processes: "list[subprocess.Popen[str]]", *, begin: Path) -> None:
    for process in processes:
        assert process.stderr is not None
        assert process.stderr.readline() == "ready\n"
    begin.touch()


def test_two_processes_write_to_one_file_without_mixing_lines(tmp_path: Path) -> None:
    path, begin = tmp_path / "audit.jsonl", tmp_path / "begin"
    processes = [running(WRITER, str(begin), str(path)) for _ in range(2)]
    begin_together(processes, begin=begin)
    for process in processes:
        finished(process)
    assert sorted(len(line["name"]) for line in lines_of(path)) == WRITTEN_BY_TWO


@pytest.mark.full
def test_two_processes_write_to_one_pipe_without_mixing_lines(tmp_path: Path) -> None:
    begin = tmp_path / "begin"
    reading, writing = os.pipe()
    processes = [running(WRITER, str(begin), stdout=writing) for _ in range(2)]
    os.close(writing)
    begin_together(processes, begin=begin)
    with os.fdopen(reading, "rb") as pipe:
        lines = [json.loads(line) for line in pipe]
    for process in processes:
        finished(process)
    assert sorted(len(line["name"]) for line in lines) == WRITTEN_BY_TWO
