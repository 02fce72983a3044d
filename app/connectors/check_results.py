"""The five checks as a page shows them: names, states, results, advice, and whether the submission stops."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from .answers import LIST_PROJECTS, LacksPermission, NotSupabase, Projects, RateLimited, TokenRefused, Told

ALL_PASSED = "All five checks passed"
ONE_FAILED = "One check failed"
NOT_CHECKED = "Not checked from here; Infisical will check"

State = Literal["passed", "failed", "not checked"]
KindOfStop = Literal["refused", "lacks-permission", "rate-limited"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One row: what was looked at, how it ended, the result in a few words, and what to do where there is something."""

    name: str
    state: State
    result: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The five checks in their order, and what follows from them.

    `stops` says that the connection must not be created now, and `kind_of_stop` why. `projects` are at most 20 names,
    `more` how many there are beside them; `missing_permissions` are in Supabase's words where those are known;
    `retry_after` is in seconds. Names and permissions come from Supabase: one short line each, to be escaped like
    any text.
    """

    title: str
    rows: tuple[Check, ...]
    projects: tuple[str, ...] = ()
    more: int = 0
    kind_of_stop: KindOfStop | None = None
    missing_permissions: tuple[str, ...] = ()
    retry_after: int | None = None

    @property
    def stops(self) -> bool:
        return self.kind_of_stop is not None


_NAMES = (
    "Address allowed",
    "Reachable over TLS",
    "Token accepted",
    "May list projects",
    "Projects it reaches",
)


class _Ended(NamedTuple):
    """How one check ended; `name` where it must not be called by what it did not find."""

    state: State
    result: str
    advice: str = ""
    name: str = ""


_NOT_RUN = _Ended("not checked", "not checked")


def not_asked(why: str) -> CheckResult:
    """The address is not one that may be asked from here."""
    return CheckResult(title=NOT_CHECKED, rows=_rows(_Ended("not checked", why)))


def not_reached(*, host: str, why: str) -> CheckResult:
    """The address could not be reached from here."""
    return CheckResult(title=NOT_CHECKED, rows=_rows(_passed(host), _Ended("not checked", why)))


def unsendable(*, host: str, kind: str) -> CheckResult:
    """The token cannot be an access token: it has characters that no request can carry."""
    advice = "The access token has characters that none of Supabase’s has. Copy it again, whole."
    return CheckResult(
        title=ONE_FAILED,
        rows=_rows(_passed(host), _NOT_RUN, _Ended("failed", kind, advice, _NOT_ACCEPTED)),
        kind_of_stop="refused",
    )


def result_of(told: Told, *, host: str, seconds: float, kind: str) -> CheckResult:
    """What an answer comes to. `seconds` is how long it took, `kind` what kind of token was sent."""
    reached = (_passed(host), _passed(_answered_in(seconds)))
    match told:
        case Projects():
            return _all_passed(told, reached, kind)
        case TokenRefused():
            rows = _rows(*reached, _Ended("failed", kind, _REFUSED, _NOT_ACCEPTED))
            return CheckResult(title=ONE_FAILED, rows=rows, kind_of_stop="refused")
        case LacksPermission(missing):
            rows = _rows(
                *reached,
                _passed(kind),
                _Ended("failed", "not permitted", _lacks(missing), "May not list projects"),
            )
            return CheckResult(
                title=ONE_FAILED, rows=rows, kind_of_stop="lacks-permission", missing_permissions=missing
            )
        case RateLimited(wait):
            rows = _rows(*reached, _Ended("failed", "too many requests", _wait(wait), "Token not checked"))
            return CheckResult(title=ONE_FAILED, rows=rows, kind_of_stop="rate-limited", retry_after=wait)
        case NotSupabase(what):
            return CheckResult(title=NOT_CHECKED, rows=_rows(*reached, _Ended("not checked", what)))


def _all_passed(projects: Projects, reached: tuple[_Ended, ...], kind: str) -> CheckResult:
    count = "1 project" if projects.count == 1 else f"{projects.count} projects"
    reaches = _Ended("passed", count, "" if projects.count else _NO_PROJECT)
    return CheckResult(
        title=ALL_PASSED,
        rows=_rows(*reached, _passed(kind), _passed(LIST_PROJECTS), reaches),
        projects=projects.names,
        more=projects.more,
    )


def _rows(*ended: _Ended) -> tuple[Check, ...]:
    """All five rows, of which the first ended like this; the rest were not run."""
    every = (*ended, *(_NOT_RUN for _ in _NAMES[len(ended) :]))
    return tuple(
        Check(name=one.name or name, state=one.state, result=one.result, advice=one.advice)
        for name, one in zip(_NAMES, every, strict=True)
    )


def _passed(result: str) -> _Ended:
    return _Ended("passed", result)


def _answered_in(seconds: float) -> str:
    return f"answered in {seconds:.1f} s" if seconds >= 0.05 else "answered in under 0.1 s"


_NOT_ACCEPTED = "Token not accepted"

_REFUSED = (
    "Supabase does not accept this token. It may have expired or been deleted, or a part of it is missing: "
    "copy it again, whole, or make a new one."
)

_NO_PROJECT = (
    "The token is good and reaches no project. If there should be one, make the token with an account that is a "
    "member of the project’s organization, and choose that project or organization there."
)


def _lacks(missing: tuple[str, ...]) -> str:
    needed = missing or (LIST_PROJECTS,)
    listed = " and ".join(filter(None, (", ".join(needed[:-1]), needed[-1])))
    with_it = "that permission" if len(needed) == 1 else "these permissions"
    return (
        f"The token lacks {listed}. A token’s access cannot be edited: make a new one with {with_it} "
        "and enter it above."
    )


def _wait(seconds: int) -> str:
    time_left = "1 second" if seconds == 1 else f"{seconds} seconds"
    return f"Supabase answers no more requests for now. Try again in {time_left}."
