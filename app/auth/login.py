"""The page where people sign in with an Infisical credential of their own, and the way out."""

from typing import NamedTuple

from flask import abort, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from ..core.limits import RetryAfter
from ..core.secret import Secret, TooLong, pseudonym
from ..infisical import (
    AccessGrant,
    Infisical,
    InfisicalError,
    LoginRefused,
    NotInfisical,
    TokenClaims,
    is_client_id,
    read_claims,
)
from ..web import (
    Message,
    Page,
    Principal,
    blueprint,
    page,
    problem_words,
    public,
    record,
    result_of,
    safe_next_url,
    see_other,
    services,
    url_for,
)
from . import login_words
from .hosts import called, host_name
from .login_form import SignInForm
from .session import LONGEST_SIGN_IN, TOO_LONG_FOR_A_COOKIE, SignIn, in_seconds
from .session_backend import SessionBackend


class Line(NamedTuple):
    """One line of the error summary: the field it leads to, or none, and its words."""

    field_id: str | None
    text: str


@blueprint.get("/sign-in")
@public
def sign_in() -> Page:
    backend = _gate()
    held = backend.current()
    if held is not None and held.mark == request.args.get("refused"):
        # Infisical no longer accepts it, though it still looks good here.
        to_sign_in = see_other(".sign_in", next=_next(), ended="1", host=backend.host_to_choose(held))
        return backend.forget(to_sign_in)
    if held is not None:
        return _onward()
    if backend.oidc is not None:
        return _company_page()
    return _page(SignInForm(_typed_before()), backend=backend)


@blueprint.post("/sign-in")
@public
def submit_sign_in() -> Page:
    backend, form = _gate(), SignInForm(request.form)
    if backend.oidc is not None:
        abort(404)
    if _chosen(backend) is None:
        # The page was opened before the settings were changed. Another Infisical must not learn what was meant for that one.
        return _page(form, backend=backend, status=422, said=login_words.not_offered(_host(backend)))
    if request.form.get("way") == "token":
        return _with_token(form, backend=backend)
    return _with_identity(form, backend=backend)


@blueprint.post("/sign-out")
@public
def sign_out() -> Page:
    return _gate().end(see_other(".sign_in", out="1"))


def _typed_before() -> MultiDict[str, str]:
    """The client ID of a form that has to be opened anew. Nothing else of it may stand in an address."""
    return MultiDict({"client_id": request.args.get("client_id", "")})


def _with_identity(form: SignInForm, *, backend: SessionBackend) -> Page:
    form.check_identity()
    secret = form.client_secret.data
    if form.messages or secret is None:
        return _page(form, backend=backend, status=422)
    client_id, host = form.client_id.value, _host(backend)
    # By its name for people, because one Infisical may be offered under two addresses.
    wait = _spend(identity=f"{called(host)} {client_id.lower()}")
    if wait is not None:
        return _page_to_wait(form, wait, backend=backend)
    try:
        grant = backend.hosts_in_use.at(host).log_in(client_id=client_id, client_secret=secret)
    except LoginRefused as error:
        form.client_secret.add_error(login_words.credential_refused(error))
        return _refused(form, error, backend=backend)
    except InfisicalError as error:
        return _failed(form, error, backend=backend)
    try:
        return backend.begin(_of_identity(grant, client_id, backend=backend, host=host), _onward())
    except TooLong:
        return _told(form, NotInfisical(TOO_LONG_FOR_A_COOKIE), backend=backend)


def _of_identity(grant: AccessGrant, client_id: str, *, backend: SessionBackend, host: str) -> SignIn:
    now = backend.clock()
    claims = read_claims(grant.access_token)
    return SignIn(
        token=grant.access_token,
        host=host,
        subject=f"identity:{claims.subject or client_id}",
        name=claims.name or f"Machine identity {client_id[:8]}",
        way_in="sign-in",
        began_at=now,
        obtained_at=now,
        expires_at=in_seconds(grant.expires_in, now=now),
        renew_until=in_seconds(grant.max_ttl, now=now),
        obtained=True,
    )


def _with_token(form: SignInForm, *, backend: SessionBackend) -> Page:
    claims = form.check_token(now=backend.clock())
    token = form.infisical_token.data
    if claims is None or token is None:
        return _page(form, backend=backend, status=422)
    wait = _spend()
    if wait is not None:
        return _page_to_wait(form, wait, backend=backend)
    host = _host(backend)
    acting = backend.hosts_in_use.at(host).acting_with(token)
    try:
        acting.projects()
    except LoginRefused as error:
        form.infisical_token.add_error(login_words.token_refused(error))
        return _refused(form, error, backend=backend)
    except InfisicalError as error:
        return _failed(form, error, backend=backend)
    newcomer = _of_token(token, claims, acting, backend=backend, host=host)
    try:
        return backend.begin(newcomer, _onward())
    except TooLong:
        form.infisical_token.add_error(login_words.TOO_LONG)
        return _page(form, backend=backend, status=422)


def _of_token(
    token: Secret, claims: TokenClaims, acting: Infisical, *, backend: SessionBackend, host: str
) -> SignIn:
    """The sign-in of a token that Infisical has accepted. What the token says of itself is believed only now."""
    now = backend.clock()
    subject = claims.subject or pseudonym(token, key=services().secret_keys[0])
    return SignIn(
        token=token,
        host=host,
        subject=f"{claims.kind}:{subject}",
        name=_name(claims, acting) or f"Access token {subject[:8]}",
        way_in="sign-in",
        began_at=now,
        obtained_at=now,
        expires_at=claims.expires_at or now + LONGEST_SIGN_IN,
    )


def _name(claims: TokenClaims, acting: Infisical) -> str | None:
    """What the person or the identity is called. Infisical tells people's names, an identity's is in its token."""
    if claims.kind == "identity":
        return claims.name
    try:
        return acting.user().name
    except InfisicalError:
        return None


def _gate() -> SessionBackend:
    backend = services().backend
    if not isinstance(backend, SessionBackend):
        abort(404)
    return backend


def _host(backend: SessionBackend) -> str:
    """The Infisical that was chosen, else the first."""
    return _chosen(backend) or backend.hosts_in_use.hosts[0]


def _chosen(backend: SessionBackend) -> str | None:
    """The Infisical that was chosen, or the only one; None without a choice, or where it is none of those offered."""
    known = backend.hosts_in_use.hosts
    chosen = request.values.get("host", "")
    if not chosen and len(known) == 1:
        return known[0]
    return next((host for host in known if chosen in (host, host_name(host))), None)


def _next() -> str | None:
    return safe_next_url(request.values.get("next", ""))


def _onward() -> Page:
    response = Response(status=303)
    response.headers["Location"] = _next() or url_for(".index")
    return response


def _spend(*, identity: str | None = None) -> RetryAfter | None:
    return services().limits.hit("sign-in", identity=identity, address=request.remote_addr)


def _refused(form: SignInForm, error: LoginRefused, *, backend: SessionBackend) -> Page:
    record("sign-in", "refused", person=_somebody(form), error=error)
    return _page(form, backend=backend, status=422, request_id=error.request_id)


def _failed(form: SignInForm, error: InfisicalError, *, backend: SessionBackend) -> Page:
    """Infisical could not say whether the credential is good."""
    record("sign-in", result_of(error), person=_somebody(form), error=error)
    return _told(form, error, backend=backend)


def _told(form: SignInForm, error: InfisicalError, *, backend: SessionBackend) -> Page:
    shown = problem_words(error, host=host_name(_host(backend)))
    said = Message("error", f"{shown.title}.", shown.lede)
    answer = _page(form, backend=backend, status=shown.status, said=said, request_id=error.request_id)
    if shown.retry_after is not None:
        answer.headers["Retry-After"] = str(shown.retry_after)
    return answer


def _page_to_wait(form: SignInForm, wait: RetryAfter, *, backend: SessionBackend) -> Page:
    record("sign-in", "too-many", person=_somebody(form))
    answer = _page(form, backend=backend, status=429, said=login_words.too_many(wait))
    answer.headers["Retry-After"] = str(wait.seconds)
    return answer


def _somebody(form: SignInForm) -> Principal | None:
    """Who tried, as they say themselves. What is no client ID may be a secret, and does not belong into a log."""
    client_id = form.client_id.value
    if not is_client_id(client_id):
        return None
    return Principal(subject=f"client-id:{client_id}", name="", way_in="sign-in")


def _page(
    form: SignInForm,
    *,
    backend: SessionBackend,
    status: int = 200,
    said: Message | None = None,
    request_id: str | None = None,
) -> Page:
    """The page with its two forms. It asks neither Infisical nor anybody else."""
    chosen, leads_to, ended = _host(backend), _next(), request.args.get("ended") == "1"
    sandbox_info = services().sandbox_info
    return page(
        "auth/sign_in.html",
        scope=None,
        status=status,
        form=form,
        summary=_summary(form, said),
        request_id=request_id,
        next=leads_to,
        host=chosen,
        host_name=host_name(chosen),
        called=called(chosen),
        hosts=[
            {
                "name": called(host),
                "href": url_for(
                    ".sign_in", host=host_name(host), next=leads_to, ended="1" if ended else None
                ),
                "current": host == chosen,
            }
            for host in backend.hosts_in_use.hosts
        ],
        ended=ended,
        out=request.args.get("out") == "1",
        ask=login_words.request_for_an_identity(chosen),
        sandbox_credential=sandbox_info.credential if sandbox_info else None,
    )


def _company_page() -> Page:
    """The page with the link to the company's identity provider."""
    return page(
        "auth/oidc.html",
        scope=None,
        company_url=url_for(".depart", next=_next()),
        ended=request.args.get("ended") == "1",
        out=request.args.get("out") == "1",
    )


def _summary(form: SignInForm, said: Message | None) -> tuple[Line, ...]:
    general = (Line(None, f"{said.lead} {said.detail}".strip()),) if said else ()
    fields = (form.client_id, form.client_secret, form.infisical_token)
    return (*general, *(Line(field.id, message.lead) for field in fields for message in field.messages))
