"""The way to the company's identity provider and back."""

from urllib.parse import urljoin

from flask import abort, redirect, request

from ..core.secret import TooLong
from ..infisical import InfisicalError, NotInfisical
from ..web import (
    Action,
    Page,
    Principal,
    Problem,
    blueprint,
    deny,
    problem,
    problem_of,
    public,
    record,
    safe_next_url,
    services,
    url_for,
)
from . import login_words
from .arguments import Arguments, taken_from
from .not_allowed import not_allowed
from .oidc_errors import Attempt, NotLetIn, ProviderFault, SignedOn, SignOnError
from .oidc_policy import OidcPolicy
from .session import TOO_LONG_FOR_A_COOKIE
from .session_backend import SessionBackend


@blueprint.get("/sign-in/company")
@public
def depart() -> Page:
    """Sends the browser to the identity provider. A link leads here: a form would be held back by our own policy."""
    backend, oidc = _gate()
    leads_to = safe_next_url(request.args.get("next", ""))
    try:
        departure = oidc.provider.departure(redirect_uri=urljoin(request.url_root, url_for(".arrive")))
    except SignOnError as error:
        return _not_signed_on(error, leads_to)
    response = redirect(departure.url, code=303)
    backend.remember_departure(departure.attempt, leads_to, response)
    return response


@blueprint.get("/sign-in/callback")
@public
def arrive() -> Page:
    """Where the identity provider sends the browser back to, with what it says of the person."""
    backend, _ = _gate()
    arguments = taken_from(request)
    attempt, leads_to = backend.departed()
    # Judged before anything is counted or forgotten: a picture on another site may lead here too.
    if attempt is None or not attempt.is_answered_by(arguments.get("state", "")):
        record("refusal", "no-attempt")
        return _sign_in_again(
            "This browser knows of no sign-in that began in the last ten minutes. Cookies must be allowed.",
            leads_to,
        )
    answer = _arrived(arguments, attempt, leads_to)
    return backend.forget_departure(answer)


def _arrived(arguments: Arguments, attempt: Attempt, leads_to: str | None) -> Page:
    backend, oidc = _gate()
    wait = services().limits.hit("sign-in", address=request.remote_addr)
    if wait is not None:
        return _to_wait(wait.seconds, leads_to)
    try:
        person = oidc.provider.arrival(arguments, attempt=attempt)
    except SignOnError as error:
        return _not_signed_on(error, leads_to)
    if not oidc.lets_in(person):
        return _not_allowed(person, leads_to)
    try:
        newcomer = oidc.sign_in_of(person, at=backend.only_destination(), now=backend.clock())
    except InfisicalError as error:
        record("sign-in", "refused", person=_as_person(person), error=error)
        return problem_of(error, scope=None, actions=(_again(leads_to),))
    try:
        return backend.begin(newcomer, redirect(leads_to or url_for(".index"), code=303))
    except TooLong:
        return problem_of(NotInfisical(TOO_LONG_FOR_A_COOKIE), scope=None, actions=(_again(leads_to),))


def _gate() -> tuple[SessionBackend, OidcPolicy]:
    backend = services().backend
    if not isinstance(backend, SessionBackend) or backend.oidc is None:
        abort(404)
    return backend, backend.oidc


def _again(leads_to: str | None, *, label: str = "Sign in") -> Action:
    """Another try, which leads where this one would have led: what was typed in a form there is not lost."""
    return Action(label=label, href=url_for(".sign_in", next=leads_to), primary=True)


def _as_person(person: SignedOn) -> Principal:
    return Principal(subject=f"oidc:{person.subject}", name=person.email or person.name, way_in="oidc")


def _not_signed_on(error: SignOnError, leads_to: str | None) -> Page:
    """Each of the three kinds has its page: sign in anew, ask somebody, or have the server mended."""
    if isinstance(error, NotLetIn):
        told = f" It says: “{error.said}”" if error.said else ""
        shown = Problem(
            slug="not-let-in",
            status=403,
            title="You are not signed in",
            lede=f"{error.reason.value}{told}",
            icon="lock",
            actions=(_again(leads_to),),
        )
        record("sign-in", "not-let-in")
        return problem(shown)
    if isinstance(error, ProviderFault):
        record("sign-in", "provider-fault")
        return _provider_fault(error, leads_to)
    record("sign-in", "sign-in-again")
    return _sign_in_again(error.reason.value, leads_to)


def _provider_fault(error: SignOnError, leads_to: str | None) -> Page:
    told = f" It says: “{error.said}”" if error.said else ""
    shown = Problem(
        slug="provider-fault",
        status=502,
        title="The company’s sign-in does not work",
        lede=f"{error.reason.value}{told} Nobody is signed in.",
        steps=(
            "Check CONNECT_OIDC_ISSUER, CONNECT_OIDC_CLIENT_ID and CONNECT_OIDC_CLIENT_SECRET, and that this server may reach the "
            "identity provider.",
            f"The redirect address that must be registered there is {urljoin(request.url_root, url_for('.arrive'))}.",
        ),
        actions=(_again(leads_to, label="Try again"),),
    )
    return problem(shown)


def _sign_in_again(reason: str, leads_to: str | None) -> Page:
    shown = Problem(
        slug="sign-in-again",
        status=400,
        title="Sign in once more",
        lede=reason,
        icon="clock",
        actions=(_again(leads_to),),
    )
    return problem(shown)


def _to_wait(seconds: int, leads_to: str | None) -> Page:
    record("sign-in", "too-many")
    shown = Problem(
        slug="too-many-sign-ins",
        status=429,
        title=f"Wait {seconds} second{'' if seconds == 1 else 's'}",
        lede=login_words.TOO_MANY_FROM_ADDRESS,
        icon="clock",
        retry_after=seconds,
        actions=(_again(leads_to),),
    )
    return problem(shown)


def _not_allowed(person: SignedOn, leads_to: str | None) -> Page:
    who = person.email or person.name
    unverified = "" if person.email else " The identity provider did not vouch for an e-mail address."
    lede = f"You are signed in at the identity provider as {who}, who is not among those who may come in.{unverified}"
    another = _again(leads_to, label="Sign in as somebody else")
    return deny(not_allowed(who, lede=lede, actions=(another,)), person=_as_person(person))
