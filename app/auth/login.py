"""Signing in with an Infisical credential of one's own: the page, its form and its words."""

import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

from flask import Blueprint, request
from markupsafe import Markup
from werkzeug.datastructures import MultiDict
from wtforms import Form

from ..connectors.rows import Message
from ..connectors.token_kinds import TOKENS, recognise, unwrap
from ..core.secret import Secret, TooLong, pseudonym
from ..core.templating import moment
from ..core.text import counted, toml_beside
from ..infisical.auth import is_client_id
from ..infisical.errors import InfisicalError, LoginRefused, NotInfisical
from ..infisical.models import read_claims
from ..web.forms import SecretField, TextField
from ..web.hooks import public
from ..web.problems import problem_words, result_of
from ..web.render import page
from ..web.services import Page, Principal, record, services
from .backends import host_name
from .session import TOO_LONG_FOR_A_COOKIE, Session, SessionBackend, next_url, see_next, why_here

_JWTS = ("JWT", "Infisical access token")
# Infisical's client secrets are 64 hex digits; a client ID is a UUID.
_SECRETS = (re.compile(r"(?i:(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-z]))"),)
_CLIENT_IDS = (re.compile(r"(?i:(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-z]))"),)
_SHAPED_LIKE_A_SECRET = re.compile(r"[0-9a-f]{40,}", re.IGNORECASE)
_WORDS: dict[str, dict[str, str]] = toml_beside(__file__, "login.toml")
_REGIONS = _WORDS["regions"]


def _words(name: str, **values: str) -> Message:
    row = _WORDS[name]
    lead = Markup(row["lead"]).format_map(values)  # noqa: S704  # the words are ours, and values are escaped
    return Message("error", lead, row.get("detail", "").format_map(values))


def _fault(pasted: Secret, wanted: str, *, kinds: Collection[str] = ()) -> Message | None:
    """What is wrong with a secret: its kind is known and none of these, or it cannot be sent as it is."""
    seen = recognise(pasted)
    if seen.kind not in ("unknown kind", *kinds):
        return _words("is-a-jwt" if seen.kind in _JWTS else "is-another", seen=seen.named, wanted=wanted)
    return None if re.fullmatch("[!-~]+", pasted.reveal()) else _words("odd", wanted=wanted)


class ClientIdField(TextField):
    """A client ID. A secret that was pasted here is taken out: it must not come back on a page."""

    autocomplete = "username"

    def put(self, text: str) -> None:
        super().put(text)
        self.data = unwrap(self.value, _CLIENT_IDS)[0].reveal()
        if _SHAPED_LIKE_A_SECRET.search(re.sub("[^!-~]", "", text)):
            self.removed, self.data = "a secret", ""

    def fault(self) -> Message | None:
        if self.removed:
            return _words("secret-as-client-id")
        if not self.value:
            return _words("no-client-id")
        # Infisical trims what Python does not, such as U+FEFF: one identity would count as several.
        return None if re.fullmatch("[!-~]{1,100}", self.value) else _words("odd", wanted="a client ID")


class ClientSecretField(SecretField):
    """A client secret."""

    autocomplete, word = "current-password", "client secret"
    shapes = _SECRETS + TOKENS + _CLIENT_IDS

    def fault(self) -> Message | None:
        return _fault(self.data, "a client secret") if self.data else _words("no-client-secret")


class PastedTokenField(SecretField):
    """An Infisical access token, also where it is pasted with what the command line printed round it."""

    def fault(self) -> Message | None:
        if not self.data:
            return _words("no-token")
        claims = read_claims(self.data)
        if recognise(self.data).verdict == "right":
            return _words("token-of-an-app")
        if claims.kind == "service":
            return _words("service-token")
        if fault := _fault(self.data, "an Infisical access token", kinds=_JWTS):
            return fault
        ended = claims.expires_at
        if ended is not None and ended <= services().clock():
            return _words("expired-token", ended=moment(ended))
        return None


class SignInForm(Form):
    """Either the credential of a machine identity, or an access token that was got elsewhere."""

    client_id = ClientIdField("Client ID", help="Infisical shows it at the identity, under Universal Auth.")
    client_secret = ClientSecretField(
        "Client secret",
        help="Infisical showed it once, when it was made. Here it signs you in and is kept nowhere.",
    )
    infisical_token = PastedTokenField(
        "Infisical access token", help="It is kept in this browser, encrypted, until you sign out."
    )

    @property
    def by_token(self) -> bool:
        return request.form.get("way") == "token"

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """What the fields say, each with the field's id."""
        fields = (self.client_id, self.client_secret, self.infisical_token)
        return tuple((field.id, message.lead) for field in fields for message in field.messages)

    def is_whole(self) -> bool:
        """Whether nothing is missing, and what was pasted can be used; if not, the fields say so."""
        secret = None if self.by_token else self.client_secret.data
        if secret and self.client_id.removed == "a secret" and is_client_id(secret.reveal()):
            self.client_id.put(secret.reveal())
            self.client_secret.add_error(_words("swapped"))
            return False
        for field in (self.infisical_token,) if self.by_token else (self.client_id, self.client_secret):
            if fault := field.fault():
                field.add_error(fault)
        return not self.lines


class LoginBackend(SessionBackend):
    """People sign in with the credential of a machine identity, or with an access token that they got elsewhere."""

    way_in = "sign-in"

    @cached_property
    def blueprint(self) -> Blueprint:
        pages = super().blueprint
        pages.post("/sign-in")(self.submit_sign_in)
        return pages

    def sign_in_page(self) -> Page:
        # The client ID of a form that has to be opened anew. Nothing else of it may stand in an address.
        return self._page(SignInForm(MultiDict({"client_id": request.args.get("client_id", "")})))

    @public
    def submit_sign_in(self) -> Page:
        form, host = SignInForm(request.form), self._chosen_host()
        if host is None:
            # The page was opened before the settings were changed. Another Infisical must not learn what was meant for that one.
            return self._page(form, status=422, message=_words("not-offered", host=_name_of(self.hosts[0])))
        if not form.is_whole():
            return self._page(form, status=422)
        # By its name for people, because one Infisical may be offered under two addresses.
        identity = None if form.by_token else f"{_name_of(host)} {form.client_id.value.lower()}"
        wait = services().limits.hit("sign-in", identity=identity, address=request.remote_addr)
        # Who tried, as they say themselves. What is no client ID may be a secret, and does not belong into a log.
        subject = f"client-id:{form.client_id.value}" if is_client_id(form.client_id.value) else ""
        applicant = Principal(subject=subject, name="", way_in=self.way_in) if subject else None
        if wait is not None:
            record("sign-in", "too-many", person=applicant)
            words = _words(f"too-many/{wait.key}", wait=counted(wait.seconds, "second"))
            return self._page(form, status=429, message=words, retry_after=wait.seconds)
        try:
            make_session = self._session_of_token if form.by_token else self._session_of_identity
            newcomer = make_session(form, host)
        except LoginRefused as error:
            record("sign-in", "refused", person=applicant, error=error)
            way = "token" if form.by_token else "credential"
            case = f"{way}/{error.refusal.name}"
            field = form.infisical_token if form.by_token else form.client_secret
            region = _words("region", host=_name_of(host)).lead if host_name(host) in _REGIONS else ""
            field.add_error(_words(case if case in _WORDS else way, region=region))
            return self._page(form, status=422, request_id=error.request_id)
        except InfisicalError as error:
            record("sign-in", result_of(error), person=applicant, error=error)
            return self._page_of_error(form, error)
        try:
            return self.begin(newcomer, see_next())
        except TooLong:
            if not form.by_token:
                return self._page_of_error(form, NotInfisical(TOO_LONG_FOR_A_COOKIE))
            form.infisical_token.add_error(_words("too-long"))
            return self._page(form, status=422)

    def _session_of_identity(self, form: SignInForm, host: str) -> Session:
        client_id, client_secret = form.client_id.value, form.client_secret.data or Secret("")
        grant = self.reach(host).log_in(client_id=client_id, client_secret=client_secret)
        claims = read_claims(grant.access_token)
        name = claims.name or f"Machine identity {client_id[:8]}"
        session = self.new_session(host=host, subject=f"identity:{claims.subject or client_id}", name=name)
        return session.with_grant(grant, now=session.began_at)

    def _session_of_token(self, form: SignInForm, host: str) -> Session:
        """What the token says of itself is believed only once Infisical has accepted it."""
        token = form.infisical_token.data or Secret("")
        acting = self.reach(host).acting_with(token)
        acting.projects()
        claims = read_claims(token)
        name = claims.name
        if claims.kind != "identity":
            # Infisical knows people's names, an identity's is in its token.
            with suppress(InfisicalError):
                name = acting.user().name
        subject = claims.subject or pseudonym(token, key=self.secret_keys[0])
        name = name or f"Access token {subject[:8]}"
        session = self.new_session(host=host, subject=f"{claims.kind}:{subject}", name=name, token=token)
        return replace(session, expires_at=claims.expires_at or session.expires_at)

    def _chosen_host(self) -> str | None:
        """The Infisical that was chosen, or the only one; None without a choice, or where it is none of those offered."""
        chosen = request.values.get("host", "")
        if not chosen and len(self.hosts) == 1:
            return self.hosts[0]
        return next((host for host in self.hosts if chosen in (host, host_name(host))), None)

    def _page(
        self, form: SignInForm, *, message: Message | None = None, request_id: str | None = None, **sent: Any
    ) -> Page:
        """The page with its two forms; `message` is about both, `sent` is how it leaves (see `page`). It asks neither
        Infisical nor anybody else."""
        chosen, leads_to = self._chosen_host() or self.hosts[0], next_url()
        sandbox_info = services().sandbox_info
        summary = [(None, f"{message.lead} {message.detail}".strip())] if message else []
        return page(
            "auth/sign_in.html",
            form=form,
            summary=[*summary, *form.lines],
            request_id=request_id,
            next=leads_to,
            host=chosen,
            called=_name_of(chosen),
            hosts=[(_name_of(host), host_name(host), host == chosen) for host in self.hosts],
            ask=_words("request-for-an-identity", host=host_name(chosen)).lead,
            sandbox_credential=sandbox_info.credential if sandbox_info else None,
            why=why_here(),
            **sent,
        )

    def _page_of_error(self, form: SignInForm, error: InfisicalError) -> Page:
        """Infisical could not say whether the credential is good."""
        shown = problem_words(error, host=host_name(self._chosen_host() or self.hosts[0]))
        message = Message("error", f"{shown.title}.", shown.lede)
        return self._page(
            form,
            message=message,
            request_id=error.request_id,
            status=shown.status,
            retry_after=shown.retry_after,
        )


def _name_of(host: str) -> str:
    """What people call an Infisical: the region of Infisical Cloud, or its host."""
    return _REGIONS.get(host_name(host), host_name(host))
