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
from ..core.text import counted, one_line, toml_beside
from .instance_urls import CLOUD_HOST, InstanceUrl
from .token_kinds import recognise, secret_in

LONGEST = 10.0
"""Seconds that all checks together may take."""

MOST_PROJECTS = 20
MOST_PERMISSIONS = 10
LONGEST_TEXT = 80
"""Characters of a name that is shown. Supabase's own limit for a project's name is 64."""
LONGEST_SENTENCE = 200

ALL_PASSED = "All five checks passed"
ALL_SIX_PASSED = "All six checks passed"
FIVE_PASSED = "Five checks passed, one was not made"
ONE_FAILED = "One check failed"
NOT_CHECKED = "Not checked from here; Infisical will check"

_SECRETS = "May read secrets"

LIST_PROJECTS = "Projects (account-wide): Read"
"""What a token needs, as Supabase's dialog for new tokens calls it."""

WRITE_SECRETS = "Edge Function Secrets: Read-write"
"""What a token needs besides for syncs, likewise."""

_MAKE_A_NEW_ONE = "make a new one"

_WORDS = toml_beside(__file__, "supabase_api.toml")
_NAMES = _ALLOWED, _REACHABLE, _ACCEPTED, _MAY_LIST, _REACHES = tuple(_WORDS["names"])

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
    `more` how many there are beside them, `refs` the references of all; `retry_after` is in seconds. Names, permissions and sentences come from
    Supabase: one short line each, to be escaped like any text.
    """

    rows: tuple[Check, ...]
    projects: tuple[str, ...] = ()
    more: int = 0
    refs: frozenset[str] = frozenset()
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
        states, six = {row.state for row in self.rows}, len(self.rows) > len(_NAMES)
        if "failed" in states:
            return ONE_FAILED
        if "not checked" in states:
            return FIVE_PASSED if six else NOT_CHECKED
        return {5: ALL_PASSED, 6: ALL_SIX_PASSED}.get(len(self.rows), "All checks passed")


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
        if not url.encrypted:
            return _not_checked(why="http, not https")
        if url.host.lower() not in self._hosts:
            return _not_checked(why="not on this server’s list")
        allowed = Check(_ALLOWED, "passed", url.host)
        kind = recognise(token).kind
        # Whether it fits into a header.
        if not re.fullmatch("[!-~]{1,4096}", token.reveal()):
            advice = "The access token has characters that none of Supabase’s has. Copy it again, whole."
            refused = Check("Token not accepted", "failed", kind, advice)
            return _result(allowed, Check(_REACHABLE), refused, kind_of_stop="refused")
        deadline, auth = Deadline.after(min(deadline_seconds, LONGEST)), Authorization("Bearer", token)

        def ask(path: str) -> Answer | str:
            try:
                return self._http.send("GET", f"{url.text}/v1/projects{path}", deadline=deadline, auth=auth)
            except HttpError as error:
                why = str(_WORDS["not_reached"].get(error.fault.name, "not reachable"))
                return f"proxy {error.proxy}: {why}" if error.proxy else why

        started = self._clock()
        answer = ask("")
        if isinstance(answer, str):
            return _not_checked(allowed, why=answer)
        seconds = self._clock() - started
        took = f"answered in {seconds:.1f} s" if seconds >= 0.05 else "answered in under 0.1 s"
        result = _result_of(answer, allowed, Check(_REACHABLE, "passed", took), kind=kind)
        if not (syncs and result.projects):
            return result
        return replace(result, rows=(*result.rows, _secrets_check(answer.payload, ask, kind=kind)))

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


def _secrets_check(
    payload: Iterable[Mapping[str, Any]], ask: Callable[[str], Answer | str], *, kind: str
) -> Check:
    """Whether the secrets of an active project can be read. Neither their names nor the hashes of their values, which is
    all that the answer holds, are looked at."""
    active = (row for row in map(_read, payload) if row[2] in ("", "unhealthy"))
    name, reference, _ = next((row for row in active if re.fullmatch("[a-z]{20}", row[1])), ("", "", ""))
    answer = ask(f"/{reference}/secrets") if reference else "no active project to ask"
    if isinstance(answer, str):
        return Check(_SECRETS, result=answer)
    if answer.status == 403 and isinstance(answer.payload, dict):
        _, advice, link = _forbidden(answer.payload, kind=kind, needs=WRITE_SECRETS)
        return Check("May not read secrets", "failed", name, f"{advice} {_WORDS['created']}", link)
    if answer.status == 200 and isinstance(answer.payload, list):
        return Check(_SECRETS, "passed", name, _WORDS["writing"])
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
    *others, last = lacks or [needs]
    listed = " and ".join(filter(None, (", ".join(others), last)))
    advice = _WORDS["lacks"].format(listed, "these permissions" if others else "that permission")
    return "lacks-permission", advice + quoted, _MAKE_A_NEW_ONE
