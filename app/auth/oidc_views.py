"""Single sign-on: to the company's identity provider and back, who is admitted, and with whose rights at Infisical."""

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from urllib.parse import urljoin

from flask import Blueprint, redirect, request

from ..config import Settings
from ..core.secret import TooLong
from ..core.templating import url_for
from ..infisical.auth import OAuthApplication
from ..infisical.errors import InfisicalError, NotInfisical
from ..infisical.models import read_claims
from ..web.hooks import is_framed, public
from ..web.problems import Action
from ..web.render import deny, page, problem, problem_of
from ..web.services import Page, Principal, record, services
from .id_tokens import OidcError, OidcUser
from .oidc import AuthorizationRequest, IdentityProvider
from .session import TOO_LONG_FOR_A_COOKIE, EncryptedCookie, Session, SessionBackend, next_url, why_here

REQUEST_COOKIE = "connect-authorization"


@dataclass(eq=False, kw_only=True)
class OidcBackend(SessionBackend):
    """People sign in at the company's identity provider. With CONNECT_OIDC_EXCHANGE Infisical exchanges their ID token
    for an access token of their own; without it the server's own credential acts for everybody who is admitted."""

    way_in = "oidc"

    provider: IdentityProvider

    @property
    def terms(self) -> str:
        named = (self.settings.oidc_issuer, self.settings.oidc_client_id, self.settings.oidc_exchange)
        emails, groups = self.settings.oidc_allowed_emails, self.settings.oidc_allowed_groups
        terms = (*map(str, named), *sorted(emails), "", *sorted(groups))
        # Only where there are any: what stands for the other settings stays as it was, and nobody is signed out.
        if domains := self.settings.oidc_unverified_domains:
            terms = (*terms, "", *sorted(domains))
        return sha256("\n".join(terms).encode()).hexdigest()[:16]

    @cached_property
    def blueprint(self) -> Blueprint:
        pages = super().blueprint
        pages.get("/sign-in/company")(self.login)
        pages.get("/sign-in/callback")(self.callback)
        return pages

    @cached_property
    def asked(self) -> EncryptedCookie[AuthorizationRequest]:
        """It outlives the request, which says how old it is: who takes longer still finds the form again."""
        return self.make_cookie(REQUEST_COOKIE, AuthorizationRequest, purpose="authorization-request")

    def sign_in_page(self) -> Page:
        return page("auth/oidc.html", oidc_url=url_for(".auth.login", next=next_url()), why=why_here())

    @public
    def sign_out(self) -> Page:
        response = super().sign_out()
        # Whoever uses this browser next is not led to a form that somebody else filled in.
        self.asked.clear(response)
        return response

    @public
    def login(self) -> Page:
        """Sends the browser to the identity provider. A link leads here: a form would be held back by our own policy."""
        if is_framed():
            return self.framed_page()
        leads_to = next_url()
        try:
            asked = self.provider.authorization_request(redirect_uri=_callback_url())
        except OidcError as error:
            return _not_signed_in(error, leads_to)
        response = redirect(asked.url, code=303)
        try:
            self.asked.write(response, asked.leading_to(leads_to))
        except TooLong:
            # A form that was filled in at such length fits in no cookie.
            self.asked.write(response, asked)
        return response

    @public
    def callback(self) -> Page:
        """Where the identity provider sends the browser back to, with what it says of the person."""
        answer, asked = request.args.to_dict(), self.asked.read()
        # Judged before anything is counted or forgotten: a picture on another site may lead here too.
        if asked is None or not asked.is_answered_by(answer.get("state", ""), now=self.clock()):
            record("refusal", "no-attempt")
            action = _sign_in_link(asked.next_url if asked else None)
            return problem("sign-in-again/no-attempt", actions=(action,))
        response = self._sign_in_with(answer, asked)
        # An answer counts once.
        self.asked.clear(response)
        return response

    def _sign_in_with(self, answer: dict[str, str], asked: AuthorizationRequest) -> Page:
        leads_to = asked.next_url
        once_more = (_sign_in_link(leads_to),)
        wait = services().limits.hit("sign-in", address=request.remote_addr)
        if wait is not None:
            record("sign-in", "too-many")
            return problem("too-many-sign-ins", actions=once_more, retry_after=wait.seconds)
        try:
            user = believed(self.provider.authenticate(answer, request=asked), settings=self.settings)
        except OidcError as error:
            return _not_signed_in(error, leads_to)
        who = Principal(subject=f"oidc:{user.subject}", name=user.email or user.name, way_in=self.way_in)
        if not is_admitted(user, settings=self.settings):
            name = "not-allowed" if user.email else "not-allowed/unverified"
            action = _sign_in_link(leads_to, label="Sign in as somebody else")
            return deny(name, person=who, actions=(action,), who=who.name)
        try:
            newcomer = self._session_of(user, who)
        except InfisicalError as error:
            record("sign-in", "refused", person=who, error=error)
            return problem_of(error, scope=None, actions=once_more)
        try:
            return self.begin(newcomer, redirect(leads_to or url_for(".index"), code=303))
        except TooLong:
            return problem_of(NotInfisical(TOO_LONG_FOR_A_COOKIE), scope=None, actions=once_more)

    def _session_of(self, user: OidcUser, who: Principal) -> Session:
        """The session that begins. Asks Infisical for the person's own access token; raises an InfisicalError."""
        settings = self.settings
        groups = tuple(group for group in user.groups if group in settings.oidc_allowed_groups)
        session = self.new_session(host=self.hosts[0], subject=who.subject, name=who.name, groups=groups)
        if not (settings.oidc_exchange and settings.oauth_client_id and settings.oauth_client_secret):
            return session
        application = OAuthApplication(
            client_id=settings.oauth_client_id, client_secret=settings.oauth_client_secret
        )
        grant = self.reach(session.host).exchange(user.id_token, application=application)
        session = session.with_grant(grant, now=session.began_at)
        # Infisical's own id of the person, where its token has it.
        at_infisical = read_claims(grant.access_token).subject
        return replace(session, subject=f"person:{at_infisical}") if at_infisical else session


def believed(user: OidcUser, *, settings: Settings) -> OidcUser:
    """The person, with an address of a domain that the settings believe where the provider is silent."""
    email = user.unsaid_email or ""
    # Only ASCII has two cases here, see below.
    trusted = email.isascii() and email.rpartition("@")[2].lower() in settings.oidc_unverified_domains
    return replace(user, email=email) if trusted else user


def is_admitted(user: OidcUser, *, settings: Settings) -> bool:
    """Whether the settings admit the person. An e-mail address counts only when it is verified. Where nobody is named,
    everybody brings rights of their own, and the server's own credential acts for nobody."""
    emails, groups = settings.oidc_allowed_emails, settings.oidc_allowed_groups
    if not emails and not groups:
        return settings.oidc_exchange
    # Only ASCII has two cases here: among other letters, two addresses may become one, the Kelvin sign and a k.
    email = user.email.lower() if user.email and user.email.isascii() else user.email
    return email in emails or not set(groups).isdisjoint(user.groups)


def _callback_url() -> str:
    return urljoin(request.url_root, url_for(".auth.callback"))


def _not_signed_in(error: OidcError, leads_to: str | None) -> Page:
    record("sign-in", error.slug)
    words = f"{error} It says: “{error.said}”" if error.said else str(error)
    name = f"{error.slug}/proxy" if error.proxy else error.slug
    action = _sign_in_link(leads_to, label="Try again" if error.slug == "provider-fault" else "Sign in")
    return problem(name, actions=(action,), reason=words, callback=_callback_url())


def _sign_in_link(leads_to: str | None, *, label: str = "Sign in") -> Action:
    """Another try, which leads where this one would have led: what was typed in a form there is not lost."""
    return Action(label, url_for(".auth.sign_in", next=leads_to), primary=True)
