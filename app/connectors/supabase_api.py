"""Asks Supabase, read-only and before anything is stored, what an access token can do, and answers with five checks."""

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import httpx

from ..core.http import Answer, Authorization, Deadline, Fault, HttpClient, HttpError
from ..core.secret import Secret
from ..core.text import counted, one_line
from .instance_urls import CLOUD_HOST, InstanceUrl
from .token_kinds import recognise

LONGEST = 10.0
"""Seconds that all checks together may take."""

LARGEST_ANSWER = 1024 * 1024
"""Bytes of an answer. A project takes about 500."""

MOST_PROJECTS = 20
MOST_PERMISSIONS = 10
LONGEST_TEXT = 80
"""Characters of a name that is shown. Supabase's own limit for a project's name is 64."""

ALL_PASSED = "All five checks passed"
ONE_FAILED = "One check failed"
NOT_CHECKED = "Not checked from here; Infisical will check"

_NAMES = _ALLOWED, _REACHABLE, _ACCEPTED, _MAY_LIST, _REACHES = (
    "Address allowed",
    "Reachable over TLS",
    "Token accepted",
    "May list projects",
    "Projects it reaches",
)

LIST_PROJECTS = "Projects (account-wide): Read"
"""What a token needs, as Supabase's dialog for new tokens calls it."""

_AS_THE_DIALOG_SAYS = {"projects_read": LIST_PROJECTS}
"""The Management API's names of permissions, in the words of Supabase's dialog."""

_NOT_REACHED = {
    Fault.NAME: "name not found",
    Fault.REFUSED: "connection refused",
    Fault.TLS: "no secure connection",
    Fault.TIMEOUT: "no answer in time",
    Fault.LATE: "no answer in time",
    Fault.PLAIN: "no secure connection",
    Fault.BAD_PROXY: "address not usable",
    Fault.PROXY_LOGIN: "asks for a password",
    Fault.PROXY_FORBIDS: "host not allowed",
    Fault.PROXY: "refused",
    Fault.COMPRESSED: "answer not readable",
    Fault.TOO_LONG: "answer not readable",
}

_NO_PROJECT = (
    "The token is good and reaches no project. If there should be one, make the token with an account that is a "
    "member of the project’s organization, and choose that project or organization there."
)

_MAKE_A_NEW_ONE = "make a new one"

_REFUSED = (
    "Supabase does not accept this token. It may have expired or been deleted, or a part of it is missing: "
    f"copy it again, whole, or {_MAKE_A_NEW_ONE}."
)

KindOfStop = Literal["refused", "lacks-permission", "rate-limited"]


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
    """The five checks in their order, and what follows from them.

    `kind_of_stop` says why the connection must not be created now. `projects` are at most 20 names, `more` how many
    there are beside them; `retry_after` is in seconds. Names and permissions come from Supabase: one short line each,
    to be escaped like any text.
    """

    rows: tuple[Check, ...]
    projects: tuple[str, ...] = ()
    more: int = 0
    kind_of_stop: KindOfStop | None = None
    retry_after: int | None = None

    @property
    def stops(self) -> bool:
        return self.kind_of_stop is not None

    @property
    def title(self) -> str:
        if self.stops:
            return ONE_FAILED
        return ALL_PASSED if self.rows[-1].state == "passed" else NOT_CHECKED


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
        self._http = HttpClient(transport, largest=LARGEST_ANSWER)

    def check(self, token: Secret, url: InstanceUrl, *, deadline_seconds: float) -> CheckResult:
        """What Supabase says of this token, within `deadline_seconds` and never longer than 10, once its name has been
        looked up. Never raises.

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
        started = self._clock()
        try:
            answer = self._http.send(
                "GET",
                f"{url.text}/v1/projects",
                deadline=Deadline.after(min(deadline_seconds, LONGEST)),
                auth=Authorization("Bearer", token),
            )
        except HttpError as error:
            why = _NOT_REACHED.get(error.fault, "not reachable")
            return _not_checked(allowed, why=f"proxy {error.proxy}: {why}" if error.proxy else why)
        seconds = self._clock() - started
        took = f"answered in {seconds:.1f} s" if seconds >= 0.05 else "answered in under 0.1 s"
        return _result_of(answer, allowed, Check(_REACHABLE, "passed", took), kind=kind)

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
        row = Check("Token not accepted", "failed", kind, _REFUSED, _MAKE_A_NEW_ONE)
        return _result(*reached, row, kind_of_stop="refused")
    accepted = Check(_ACCEPTED, "passed", kind)
    if status == 403 and isinstance(payload, dict):
        advice = _lacks(payload.get("missing_permissions"))
        row = Check("May not list projects", "failed", "not permitted", advice, _MAKE_A_NEW_ONE)
        return _result(*reached, accepted, row, kind_of_stop="lacks-permission")
    if status == 200 and isinstance(payload, list) and all(isinstance(row, dict) for row in payload):
        return CheckResult(
            rows=(
                *reached,
                accepted,
                Check(_MAY_LIST, "passed", LIST_PROJECTS),
                Check(_REACHES, "passed", counted(len(payload), "project"), "" if payload else _NO_PROJECT),
            ),
            projects=tuple(
                one_line(row.get("name"), longest=LONGEST_TEXT)
                or one_line(row.get("id"), longest=LONGEST_TEXT)
                or "a project without a name"
                for row in payload[:MOST_PROJECTS]
            ),
            more=max(len(payload) - MOST_PROJECTS, 0),
        )
    why = "answered with a redirect" if status >= 300 else "answered with something else"
    return _not_checked(*reached, why=f"answered with status {status}" if status >= 400 else why)


def _not_checked(*passed: Check, why: str) -> CheckResult:
    return _result(*passed, Check(_NAMES[len(passed)], "not checked", why))


def _result(
    *rows: Check, kind_of_stop: KindOfStop | None = None, retry_after: int | None = None
) -> CheckResult:
    """All five rows, of which these come first; the rest were not run."""
    rest = (Check(name) for name in _NAMES[len(rows) :])
    return CheckResult(rows=(*rows, *rest), kind_of_stop=kind_of_stop, retry_after=retry_after)


def _lacks(permissions: object) -> str:
    """What to do about the permissions that Supabase names."""
    named = permissions[:MOST_PERMISSIONS] if isinstance(permissions, list) else []
    texts = filter(None, (one_line(name, longest=LONGEST_TEXT) for name in named))
    needed = list(dict.fromkeys(_AS_THE_DIALOG_SAYS.get(text, text) for text in texts)) or [LIST_PROJECTS]
    listed = " and ".join(filter(None, (", ".join(needed[:-1]), needed[-1])))
    with_it = "that permission" if len(needed) == 1 else "these permissions"
    return (
        f"The token lacks {listed}. A token’s access cannot be edited: {_MAKE_A_NEW_ONE} with {with_it} "
        "and enter it above."
    )
