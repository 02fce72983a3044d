"""Asks Supabase, read-only and before anything is stored, what an access token can do: five checks, for syncs six."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

import httpx

from ..core.http import Answer, Authorization, Deadline, HttpClient, HttpError
from ..core.secret import Secret
from ..core.text import counted, listed, one_line, toml_beside
from .instance_urls import CLOUD_HOST, InstanceUrl
from .token_kinds import recognise, secret_in

LONGEST = 10.0
"""Seconds that all checks together may take."""

MOST_PROJECTS = 20
MOST_REACHED = 50
"""Projects that somebody may choose from afterwards."""
MOST_PERMISSIONS = 10
LONGEST_TEXT = 80
"""Characters of a name that is shown. Supabase's own limit for a project's name is 64."""
LONGEST_SENTENCE = 200

_SECRETS = "May read secrets"

LIST_PROJECTS = "Projects (account-wide): Read"
"""What a token needs, as Supabase's dialog for new tokens calls it."""

WRITE_SECRETS = "Edge Function Secrets: Read-write"
"""What a token needs besides for syncs, likewise."""

_MAKE_A_NEW_ONE = "make a new one"

_WORDS = toml_beside(__file__, "supabase_api.toml")
_NAMES = _ALLOWED, _REACHABLE, _ACCEPTED, _MAY_LIST, _REACHES = tuple(_WORDS["names"])

_REFERENCE = re.compile("[a-z]{20}")

KindOfStop = Literal["refused", "lacks-permission", "forbidden", "rate-limited"]


@dataclass(frozen=True, slots=True)
class Check:
    """One row: what was looked at, how it ended, the result in a few words, and what to do where there is something.

    A check that failed is not called by what it did not find. `link` are the words of the advice that lead to the page
    where tokens are made.
    """

    name: str
    state: Literal["passed", "failed", "not checked"] = "not checked"
    result: str = "not checked"
    advice: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The five checks in their order, a sixth where the token is for syncs and reaches a project, and what follows.

    `kind_of_stop` says why the connection must not be created now. `projects` are at most 20 names, with what marks them,
    `more` how many there are beside them, `refs` the references of all, `reached` reference, name and what marks it by its
    status of at most 50; `retry_after` is in seconds. Names, permissions and sentences come from Supabase: one short line
    each, to be escaped like any text.
    """

    rows: tuple[Check, ...]
    projects: tuple[str, ...] = ()
    more: int = 0
    refs: frozenset[str] = frozenset()
    reached: tuple[tuple[str, str, str], ...] = ()
    kind_of_stop: KindOfStop | None = None
    retry_after: int | None = None

    @property
    def stops(self) -> bool:
        return self.kind_of_stop is not None

    @property
    def lacks(self) -> str:
        """What syncs need and the token has not."""
        return "" if self.stops or self.rows[-1].state != "failed" else WRITE_SECRETS

    @property
    def title(self) -> str:
        states = {row.state for row in self.rows}
        state = next((one for one in ("failed", "not checked") if one in states), "passed")
        titles: dict[str, str] = _WORDS["titles"][state]
        return titles.get(str(len(self.rows)), titles["else"])


@dataclass(frozen=True, slots=True)
class Destination:
    """What a project was seen to hold: the names of its secrets in their order, Supabase's own among them."""

    ref: str
    name: str
    names: tuple[str, ...]
    paused: bool = False


_Ask = Callable[[str], Answer | str]
_Projects = list[Mapping[str, Any]]


class TokenChecks:
    """Asks the hosts on its list, and no other, about access tokens. Made once per process, safe between threads.

    The list is api.supabase.com and `extra_hosts`, each a host name in lower case, with its port where that is not 443.
    `clock` measures how long an answer took.
    """

    def __init__(
        self,
        *,
        transport: httpx.BaseTransport,
        extra_hosts: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hosts = frozenset({CLOUD_HOST, *extra_hosts})
        self._clock = clock
        self._http = HttpClient(transport)

    def check(
        self, token: Secret, url: InstanceUrl, *, deadline_seconds: float, syncs: bool = False
    ) -> CheckResult:
        """What Supabase says of this token, within `deadline_seconds` and never longer than 10, once its name has been
        looked up; with `syncs` also whether it may read the secrets of one project, an active one. Never raises.

        Whatever keeps the question from being answered is "not checked" and stops nothing: Infisical asks again
        itself, from another place. What Supabase itself refuses stops.
        """
        result, projects, ask = self._projects(token, url, deadline_seconds)
        if not (syncs and projects):
            return result
        active = (row for row in map(_read, projects) if row[2] in ("", "unhealthy"))
        project = next((row for row in active if _REFERENCE.fullmatch(row[1])), None)
        last = Check(_SECRETS, result="no active project to ask")
        if project:
            found = _names_in(project, ask, kind=recognise(token).kind)
            passed = Check(_SECRETS, "passed", project[0], _WORDS["writing"])
            last = found if isinstance(found, Check) else passed
        if last.state == "failed":
            last = replace(last, advice=f"{last.advice} {_WORDS['created']}")
        return replace(result, rows=(*result.rows, last))

    def destination(
        self, token: Secret, ref: str, *, url: InstanceUrl, deadline_seconds: float
    ) -> Destination | Check:
        """What the project of a reference holds, names alone, within the same time as `check`; else the check that was
        not passed. Never raises."""
        result, projects, ask = self._projects(token, url, deadline_seconds)
        if stops := [row for row in result.rows if row.state != "passed"]:
            return next((row for row in stops if row.state == "failed"), stops[0])
        project = next((row for row in map(_read, projects) if row[1] == ref), None)
        if project is None or not _REFERENCE.fullmatch(ref):
            reached = f"{', '.join(result.projects[:5])}{' and others' if len(projects) > 5 else ''}"
            return Check(
                _WORDS["elsewhere"], "failed", _WORDS["reaches"][bool(projects)].format(reached, ref)
            )
        name, _, state = project
        found = _names_in(project, ask, kind=recognise(token).kind)
        if isinstance(found, tuple):
            return Destination(ref, name, found, state == "paused")
        return replace(found, result=f"{name} is paused") if state == "paused" and not found.advice else found

    def asks(self, url: InstanceUrl) -> bool:
        """Whether that address is asked: only over TLS, and only where its host is on the list."""
        return url.encrypted and url.host.lower() in self._hosts

    def _projects(
        self, token: Secret, url: InstanceUrl, deadline_seconds: float
    ) -> tuple[CheckResult, _Projects, _Ask]:
        """The five checks, the projects as Supabase tells them, and what asks about one of them with the same deadline."""
        deadline, auth = Deadline.after(min(deadline_seconds, LONGEST)), Authorization("Bearer", token)

        def ask(path: str) -> Answer | str:
            try:
                return self._http.send("GET", f"{url.text}/v1/projects{path}", deadline=deadline, auth=auth)
            except HttpError as error:
                why = str(_WORDS["not_reached"].get(error.fault.name, "not reachable"))
                return f"proxy {error.proxy}: {why}" if error.proxy else why

        if not self.asks(url):
            why = "not on this server’s list" if url.encrypted else "http, not https"
            return _not_checked(why=why), [], ask
        allowed = Check(_ALLOWED, "passed", url.host)
        kind = recognise(token).kind
        # Whether it fits into a header.
        if not re.fullmatch("[!-~]{1,4096}", token.reveal()):
            advice = "The access token has characters that none of Supabase’s has. Copy it again, whole."
            refused = Check("Token not accepted", "failed", kind, advice)
            return _result(allowed, Check(_REACHABLE), refused, kind_of_stop="refused"), [], ask
        started = self._clock()
        answer = ask("")
        if isinstance(answer, str):
            return _not_checked(allowed, why=answer), [], ask
        seconds = self._clock() - started
        took = f"answered in {seconds:.1f} s" if seconds >= 0.05 else "answered in under 0.1 s"
        result = _result_of(answer, allowed, Check(_REACHABLE, "passed", took), kind=kind)
        return result, answer.payload if result.rows[-1].state == "passed" else [], ask

    def close(self) -> None:
        self._http.close()


def _result_of(answer: Answer, *reached: Check, kind: str) -> CheckResult:
    """What an answer comes to, as Supabase's documentation of its Management API has it.

    A 429 counts whatever is in it: what limits the rate may stand before Supabase. A refusal counts only in JSON, as
    Supabase sends it: any other comes from something on the way.
    """
    status, payload = answer.status, answer.payload
    if status == 429:
        seconds = answer.retry_after()
        wait = f"Supabase answers no more requests for now. Try again in {counted(seconds, 'second')}."
        row = Check("Token not checked", "failed", "too many requests", wait)
        return _result(*reached, row, kind_of_stop="rate-limited", retry_after=seconds)
    if status == 401 and isinstance(payload, dict):
        row = Check("Token not accepted", "failed", kind, _WORDS["refused"], _MAKE_A_NEW_ONE)
        return _result(*reached, row, kind_of_stop="refused")
    accepted = Check(_ACCEPTED, "passed", kind)
    if status == 403 and isinstance(payload, dict):
        kind_of_stop, *words = _forbidden(payload, kind=kind, needs=LIST_PROJECTS)
        row = Check("May not list projects", "failed", "not permitted", *words)
        return _result(*reached, accepted, row, kind_of_stop=kind_of_stop)
    if status == 200 and isinstance(payload, list) and all(isinstance(row, dict) for row in payload):
        none = "" if payload else _WORDS["none"]
        return CheckResult(
            rows=(
                *reached,
                accepted,
                Check(_MAY_LIST, "passed", LIST_PROJECTS),
                Check(_REACHES, "passed", counted(len(payload), "project"), none),
            ),
            projects=tuple(islice(_named(payload), MOST_PROJECTS)),
            more=max(len(payload) - MOST_PROJECTS, 0),
            refs=frozenset(reference for _, reference, _ in map(_read, payload)),
            reached=tuple(
                (reference, name, state)
                for name, reference, state in map(_read, payload)
                if _REFERENCE.fullmatch(reference)
            )[:MOST_REACHED],
        )
    return _not_checked(*reached, why=_odd(status))


def _odd(status: int) -> str:
    if status >= 400:
        return f"answered with status {status}"
    return "answered with a redirect" if status >= 300 else "answered with something else"


def _read(project: Mapping[str, Any]) -> tuple[str, str, str]:
    """A project's name, its reference, and what marks it by its status: "" where it is simply there."""
    reference = one_line(project.get("ref", project.get("id")), longest=LONGEST_TEXT)
    name = one_line(project.get("name"), longest=LONGEST_TEXT) or reference or "a project without a name"
    status = one_line(project.get("status"), longest=20)
    return name, reference, _WORDS["states"].get(status, status.lower().replace("_", " "))


def _named(payload: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Each project by its name, with what marks it, and with its reference where several have that name."""
    projects = [_read(project) for project in payload]
    times = Counter(name for name, _, _ in projects)
    for name, reference, state in projects:
        marks = ", ".join(filter(None, (reference if times[name] > 1 else "", state)))
        yield f"{name} ({marks})" if marks else name


def _names_in(project: tuple[str, str, str], ask: _Ask, *, kind: str) -> tuple[str, ...] | Check:
    """The names of a project's secrets, by name; else the check that was not passed. The hashes of their values, which
    the answer holds too, are not looked at."""
    name, reference, _ = project
    answer = ask(f"/{reference}/secrets")
    if isinstance(answer, str):
        return Check(_SECRETS, result=answer)
    if answer.status == 403 and isinstance(answer.payload, dict):
        _, advice, link = _forbidden(answer.payload, kind=kind, needs=WRITE_SECRETS)
        return Check("May not read secrets", "failed", name, advice, link)
    if answer.status == 200 and isinstance(answer.payload, list):
        texts = (row.get("name") for row in answer.payload if isinstance(row, dict))
        return tuple(sorted({text for text in texts if isinstance(text, str)}))
    return Check(_SECRETS, result=_odd(answer.status))


def _not_checked(*passed: Check, why: str) -> CheckResult:
    return _result(*passed, Check(_NAMES[len(passed)], "not checked", why))


def _result(
    *rows: Check, kind_of_stop: KindOfStop | None = None, retry_after: int | None = None
) -> CheckResult:
    """All five rows, of which these come first; the rest were not run."""
    rest = (Check(name) for name in _NAMES[len(rows) :])
    return CheckResult(rows=(*rows, *rest), kind_of_stop=kind_of_stop, retry_after=retry_after)


def _forbidden(payload: Mapping[str, Any], *, kind: str, needs: str) -> tuple[KindOfStop, str, str]:
    """What a 403 is about, what to do, and the words of that which are a link: by the permissions that Supabase names,
    else by its sentence, else by the kind of the token."""
    missing = payload.get("missing_permissions")
    named = missing[:MOST_PERMISSIONS] if isinstance(missing, list) else []
    texts = filter(None, (one_line(name, longest=LONGEST_TEXT) for name in named))
    lacks = list(dict.fromkeys(_WORDS["permissions"].get(text, text) for text in texts))
    within = {**payload, **error} if isinstance(error := payload.get("error"), dict) else payload
    # Supabase's own name is the first; what stands before its API may have another.
    sentences = (within.get(name) for name in ("message", "msg", "error_description", "error"))
    sentence = next((text for text in sentences if text and isinstance(text, str)), "")
    said = one_line(sentence, longest=LONGEST_SENTENCE)
    says_nothing = secret_in(sentence[:1000]) or re.fullmatch(r"(?i:forbidden( resource)?)?\W*", said)
    quoted = "" if says_nothing else f" Supabase says: “{said.removesuffix('.')}.”"
    rows = (row for row in _WORDS["refusals"] if re.search(row["shape"], f"{kind}: {said}"))
    if not lacks and (row := next(rows, None)):
        return "forbidden", row["advice"] + quoted, ""
    several = "these permissions" if len(lacks) > 1 else "that permission"
    advice = _WORDS["lacks"].format(listed(lacks or [needs]), several)
    return "lacks-permission", advice + quoted, _MAKE_A_NEW_ONE
