"""Sessions: who signed in with which Infisical access token, encrypted in a cookie of their browser."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any, ClassVar, Generic, TypeVar

import flask
from flask import Blueprint, after_this_request, request
from pydantic import ConfigDict, TypeAdapter
from werkzeug.wrappers import Response

from ..config import Settings
from ..core.secret import Encryption, Secret, StoredSecret, TooLong
from ..core.templating import url_for
from ..infisical.client import Infisical
from ..infisical.errors import InfisicalError
from ..infisical.models import AccessGrant
from ..web.hooks import is_framed, public
from ..web.redirects import return_url, safe_next_url
from ..web.render import page, see_other
from ..web.services import AuthContext, Page, Principal, record
from .backends import host_name
from .middleware import cookie_name

COOKIE = "connect-sign-in"
LONGEST_SESSION = timedelta(hours=12)
"""A working day. Infisical's access tokens may live for thirty days, which is too long for a browser."""

TOO_LONG_FOR_A_COOKIE = "Its access token is too long for a browser to keep."

_Record = TypeVar("_Record")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who signed in to which Infisical, with what.

    `token` is None where the server's own credential acts. `renew_until` is when the log-in ends that obtained the
    token here, so that signing out revokes it; None for a pasted one, which is only forgotten. `terms` stands for the
    settings that let the person in.
    """

    __pydantic_config__ = ConfigDict(hide_input_in_errors=True)

    host: str
    subject: str
    name: str
    way_in: str
    began_at: datetime
    expires_at: datetime
    obtained_at: datetime
    token: StoredSecret | None = None
    renew_until: datetime | None = None
    groups: tuple[str, ...] = ()
    terms: str = ""

    @property
    def principal(self) -> Principal:
        return Principal(subject=self.subject, name=self.name, way_in=self.way_in, groups=self.groups)

    @property
    def mark(self) -> str:
        """Stands for this session in an address: nobody who was not there knows it, and it opens nothing."""
        return str(self.began_at.timestamp())

    def with_grant(self, grant: AccessGrant, *, now: datetime) -> "Session":
        """The same session with the token that a log-in, or the renewal of an earlier one, has brought."""
        # A token may have no end, and no session is longer than this.
        longest = 2 * LONGEST_SESSION.total_seconds()
        ends, last = (
            now + timedelta(seconds=min(life, longest)) for life in (grant.expires_in, grant.max_ttl)
        )
        renew_until = self.renew_until or last
        return replace(
            self, token=grant.access_token, obtained_at=now, expires_at=ends, renew_until=renew_until
        )


@dataclass(frozen=True, eq=False)
class EncryptedCookie(Generic[_Record]):
    """A record in the browser that only our own server can read, closed to scripts. See `cookie_name`."""

    plain_name: str
    kind: TypeAdapter[_Record]
    encryption: Encryption
    clock: Callable[[], datetime]

    @property
    def name(self) -> str:
        return cookie_name(self.plain_name)

    def read(self) -> _Record | None:
        """The record that the request carries; None without one, or with one that this program did not make."""
        sent = request.cookies.get(self.name, "")
        with suppress(ValueError):
            return self.kind.validate_python(self.encryption.loads(sent, now=self.clock()))
        return None

    def write(self, response: Response, record: _Record) -> None:
        """Sends the record with a response. Raises TooLong."""
        # The record is spelt out inside the call, so that no traceback with locals shows it.
        make_json = partial(self.kind.dump_python, record, mode="json")
        encrypted = self.encryption.dumps(make_json, now=self.clock())
        response.set_cookie(self.name, encrypted, secure=request.is_secure, httponly=True, samesite="Lax")

    def clear(self, response: Response) -> None:
        """Has the browser forget the record."""
        response.delete_cookie(self.name, secure=request.is_secure, httponly=True, samesite="Lax")


@dataclass(eq=False)
class SessionBackend:
    """Admits whoever has a session that is not over; everybody else is led to the page where people sign in.

    The wizard then acts with that person's rights only; `server`, where there is one, acts for those who have no token
    of their own. Nothing is kept on the server. `reach` gives the client of one of the Infisicals that people may sign
    in to. Each way to sign in is a subclass.
    """

    way_in: ClassVar[str]

    settings: Settings
    reach: Callable[[str], Infisical]
    secret_keys: tuple[Secret, ...]
    clock: Callable[[], datetime]
    server: Callable[[], Infisical] | None = field(default=None, kw_only=True)

    @property
    def hosts(self) -> tuple[str, ...]:
        return self.settings.hosts

    @property
    def terms(self) -> str:
        """Stands for the settings that decide who is admitted: when they change, everybody signs in anew."""
        return ""

    @cached_property
    def blueprint(self) -> Blueprint:
        """The pages where people sign in and out, which are registered where the settings choose this way."""
        pages = Blueprint(self.way_in, __name__)
        pages.get("/sign-in")(self.sign_in)
        pages.post("/sign-out")(self.sign_out)
        return pages

    @cached_property
    def cookie(self) -> EncryptedCookie[Session]:
        return self.make_cookie(COOKIE, Session, purpose="sign-in")

    def make_cookie(self, name: str, kind: type[_Record], *, purpose: str) -> EncryptedCookie[_Record]:
        encryption = Encryption(self.secret_keys, purpose=purpose, life=LONGEST_SESSION)
        return EncryptedCookie(name, TypeAdapter(kind), encryption, self.clock)

    def sign_in_page(self) -> Page:
        """The page where people sign in."""
        raise NotImplementedError

    def framed_page(self) -> Page:
        """The page in a frame of a portal: a link to the one where people sign in, which takes the whole window. What is
        typed there is not for a page round it to lead astray, and identity providers refuse frames."""
        here = url_for(".auth.sign_in", next=next_url(), host=request.args.get("host"))
        return page("auth/framed.html", sign_in_url=here, why=why_here())

    @property
    def host(self) -> str:
        return host_name(self.hosts[0]) if len(self.hosts) == 1 else ""

    def authenticate(self) -> AuthContext | Page:
        session = self.current()
        if session is None:
            return self._to_sign_in()
        session = self._renewed(session)
        return AuthContext(
            person=session.principal,
            host=host_name(session.host),
            connect=partial(self._client_of, session),
            own_rights=session.token is not None,
            sign_in=session.mark,
        )

    def challenge(self) -> Page | None:
        return self.forget(self._to_sign_in()) if self.server is None else None

    def check(self) -> None:
        """Each Infisical answers, and accepts the server's own credential where that acts. There is no other to try."""
        if self.server is not None:
            self.server().status()
            self.server().projects()
            return
        for host in self.hosts:
            self.reach(host).status()

    def current(self) -> Session | None:
        """The session of this browser; None without one that still counts, here and under today's settings."""
        session = self.cookie.read()
        if session is None or session.host not in self.hosts:
            return None
        if self.clock() >= min(session.expires_at, session.began_at + LONGEST_SESSION):
            return None
        here = (self.way_in, self.terms, self.server is not None)
        return session if (session.way_in, session.terms, session.token is None) == here else None

    def new_session(self, *, host: str, subject: str, name: str, **more: Any) -> Session:
        """The session that begins now, for as long as one may be; `more` are other fields of it."""
        now = self.clock()
        more |= {"way_in": self.way_in, "terms": self.terms, "began_at": now, "obtained_at": now}
        return Session(host=host, subject=subject, name=name, expires_at=now + LONGEST_SESSION, **more)

    def begin(self, newcomer: Session, response: Page) -> Page:
        """Signs somebody in with this response. What the browser held before, another person's perhaps, is gone, and a
        token that an earlier sign-in obtained is revoked. Raises TooLong, and nothing has changed but that a token which
        this sign-in obtained is revoked."""
        try:
            self.cookie.write(response, newcomer)
        except TooLong:
            record("sign-in", "too-long", person=newcomer.principal)
            self._revoke(newcomer)
            raise
        self._end_current()
        flask.session.clear()
        record("sign-in", "ok", person=newcomer.principal)
        return response

    @public
    def sign_in(self) -> Page:
        session = self.current()
        if session is None:
            return self.framed_page() if is_framed() else self.sign_in_page()
        if session.mark != request.args.get("refused"):
            return see_next()
        # Infisical no longer accepts it, though it still looks good here.
        host = self.host_to_choose(session)
        return self.forget(see_other(".auth.sign_in", next=next_url(), ended="1", host=host))

    @public
    def sign_out(self) -> Page:
        """A token that the sign-in obtained is revoked, a pasted one only forgotten."""
        self._end_current()
        return self.forget(see_other(".auth.sign_in", out="1"))

    def forget(self, response: Page) -> Page:
        """Has the browser forget the session and everything else that it held for us."""
        flask.session.clear()
        self.cookie.clear(response)
        return response

    def host_to_choose(self, session: Session | None) -> str | None:
        """Where there are several Infisicals, the one of a session, as the sign-in page takes it: nobody chooses twice."""
        return host_name(session.host) if session and len(self.hosts) > 1 else None

    def _to_sign_in(self) -> Page:
        """The page where people sign in, which leads back here. With a cookie that no longer counts, it says why."""
        sent, session = request.cookies.get(self.cookie.name), self.cookie.read()
        if sent and session is None:
            # Forged, cut off, encrypted with a key that is gone, or kept beyond its time.
            record("refusal", "unknown-sign-in")
        host = self.host_to_choose(session)
        return see_other(".auth.sign_in", next=return_url(), ended="1" if sent else None, host=host)

    def _client_of(self, session: Session) -> Infisical:
        infisical = self.server() if self.server else self.reach(session.host)
        return infisical.acting_with(session.token) if session.token else infisical

    def _renewed(self, session: Session) -> Session:
        """The same session with a fresh token, once half of the old one's life is gone. Only where a page is read: the
        answer to a slow create must not bring a session back that was ended meanwhile. Where it does not work, the
        token in hand is used until it ends."""
        now = self.clock()
        half_over = now - session.obtained_at > (session.expires_at - session.obtained_at) / 2
        lasts_longer = session.renew_until is not None and session.renew_until > session.expires_at
        if request.method != "GET" or session.token is None or not (half_over and lasts_longer):
            return session
        try:
            fresh = session.with_grant(self.reach(session.host).renew(session.token), now=now)
        except InfisicalError:
            return session

        @after_this_request
        def keep(response: Response) -> Response:
            # Where it does not fit, the browser keeps the one it has.
            with suppress(TooLong):
                self.cookie.write(response, fresh)
            return response

        return fresh

    def _end_current(self) -> None:
        session = self.current()
        if session is not None:
            record("sign-out", self._revoke(session), person=session.principal)

    def _revoke(self, session: Session) -> str:
        """Revokes what the session obtained. What came of it, as the audit log has it."""
        if session.token is None or session.renew_until is None:
            return "forgotten"
        try:
            self.reach(session.host).revoke(session.token)
        except InfisicalError:
            return "not-revoked"
        return "revoked"


def next_url() -> str | None:
    """Where the sign-in leads, a page of ours; None where the request names none."""
    return safe_next_url(request.values.get("next", ""))


def why_here() -> str:
    """Why somebody sees the page where people sign in: they signed "out", their sign-in has "ended", or ""."""
    return next((why for why in ("out", "ended") if request.args.get(why) == "1"), "")


def see_next() -> Page:
    """A redirect to where the sign-in leads."""
    return flask.redirect(next_url() or url_for(".index"), code=303)
