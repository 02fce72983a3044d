"""The way to the company's identity provider and back."""

from urllib.parse import urljoin

from flask import abort, redirect, request

from ..connections import (
    Action,
    Page,
    Person,
    Problem,
    blueprint,
    open_to_everybody,
    own_address,
    portal,
    problem,
    problem_of,
    record,
    refuse,
    url_for,
)
from ..infisical import InfisicalError, NotInfisical
from . import sign_in_words
from .arguments import Arguments, taken_from
from .company_sign_on import CompanySignOn
from .not_allowed import not_allowed
from .sealing import TooLong
from .signed_in import SignedIn
from .signing_in import TOO_LONG_FOR_A_COOKIE
from .single_sign_on import Attempt, NotLetIn, ProviderFault, SignedOn, SignOnError


@blueprint.get("/sign-in/company")
@open_to_everybody
def depart() -> Page:
    """Sends the browser to the identity provider. A link leads here: a form would be held back by our own policy."""
    gate, company = _gate()
    leads_to = own_address(request.args.get("next", ""))
    try:
        departure = company.provider.departure(redirect_uri=urljoin(request.url_root, url_for(".arrive")))
    except SignOnError as error:
        return _not_signed_on(error, leads_to)
    response = redirect(departure.url, code=303)
    gate.remember_departure(departure.attempt, leads_to, response)
    return response


@blueprint.get("/sign-in/callback")
@open_to_everybody
def arrive() -> Page:
    """Where the identity provider sends the browser back to, with what it says of the person."""
    gate, _ = _gate()
    arguments = taken_from(request)
    attempt, leads_to = gate.departed()
    # Judged before anything is counted or forgotten: a picture on another site may lead here too.
    if attempt is None or not attempt.is_answered_by(arguments.get("state", "")):
        record("refusal", "no-attempt")
        return _sign_in_again(
            "This browser knows of no sign-in that began in the last ten minutes. Cookies must be allowed.",
            leads_to,
        )
    answer = _arrived(arguments, attempt, leads_to)
    return gate.forget_departure(answer)


def _arrived(arguments: Arguments, attempt: Attempt, leads_to: str | None) -> Page:
    gate, company = _gate()
    wait = portal().limits.spend("sign-in", address=request.remote_addr)
    if wait is not None:
        return _to_wait(wait.seconds, leads_to)
    try:
        person = company.provider.arrival(arguments, attempt=attempt)
    except SignOnError as error:
        return _not_signed_on(error, leads_to)
    if not company.lets_in(person):
        return _not_allowed(person, leads_to)
    try:
        newcomer = company.sign_in_of(person, at=gate.only_destination(), now=gate.clock())
    except InfisicalError as error:
        record("sign-in", "refused", person=_as_person(person), error=error)
        return problem_of(error, scope=None, actions=(_again(leads_to),))
    try:
        return gate.begin(newcomer, redirect(leads_to or url_for(".index"), code=303))
    except TooLong:
        return problem_of(NotInfisical(TOO_LONG_FOR_A_COOKIE), scope=None, actions=(_again(leads_to),))


def _gate() -> tuple[SignedIn, CompanySignOn]:
    gate = portal().gate
    if not isinstance(gate, SignedIn) or gate.company is None:
        abort(404)
    return gate, gate.company


def _again(leads_to: str | None, *, label: str = "Sign in") -> Action:
    """Another try, which leads where this one would have led: what was typed in a form there is not lost."""
    return Action(label=label, href=url_for(".sign_in", next=leads_to), primary=True)


def _as_person(person: SignedOn) -> Person:
    return Person(subject=f"oidc:{person.subject}", name=person.email or person.name, way_in="oidc")


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
        return problem(shown, scope=None)
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
    return problem(shown, scope=None)


def _sign_in_again(reason: str, leads_to: str | None) -> Page:
    shown = Problem(
        slug="sign-in-again",
        status=400,
        title="Sign in once more",
        lede=reason,
        icon="clock",
        actions=(_again(leads_to),),
    )
    return problem(shown, scope=None)


def _to_wait(seconds: int, leads_to: str | None) -> Page:
    record("sign-in", "too-many")
    shown = Problem(
        slug="too-many-sign-ins",
        status=429,
        title=f"Wait {seconds} second{'' if seconds == 1 else 's'}",
        lede=sign_in_words.TOO_MANY_FROM_ADDRESS,
        icon="clock",
        retry_after=seconds,
        actions=(_again(leads_to),),
    )
    return problem(shown, scope=None)


def _not_allowed(person: SignedOn, leads_to: str | None) -> Page:
    who = person.email or person.name
    unverified = "" if person.email else " The identity provider did not vouch for an e-mail address."
    lede = f"You are signed in at the identity provider as {who}, who is not among those who may come in.{unverified}"
    another = _again(leads_to, label="Sign in as somebody else")
    return refuse(not_allowed(who, lede=lede, actions=(another,)), person=_as_person(person))
