"""The way in for people who sign in with an Infisical credential of their own: their sealed cookie, read and renewed."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import after_this_request, request, session
from werkzeug.wrappers import Response

from ..core.secret import Encryption, Secret, TooLong
from ..infisical import Infisical, InfisicalError
from ..web import AuthContext, Page, Principal, record, return_url, see_other
from .cookies import SealedCookie
from .hosts import Hosts, host_name
from .oidc_errors import Attempt
from .oidc_policy import OidcPolicy
from .service_account import ServiceAccount
from .session import LONGEST_SIGN_IN, SignIn

COOKIE = "connect-sign-in"
DEPARTURE_COOKIE = "connect-departure"
RETURN_COOKIE = "connect-return"
ENDED_COOKIE = "connect-signed-out"
LONGEST_DEPARTURE = timedelta(minutes=10)
"""How long somebody may take at the identity provider."""


class SessionBackend:
    """Lets in whoever has a sign-in that is not over; everybody else is led to the page where people sign in.

    The wizard then acts with that person's rights only. Nothing is kept on the server. With `company` people sign in
    at its identity provider; `server` then acts for those who have no token of their own.
    """

    def __init__(
        self,
        hosts_in_use: Hosts,
        *,
        secret_keys: tuple[Secret, ...],
        clock: Callable[[], datetime],
        oidc: OidcPolicy | None = None,
        server: ServiceAccount | None = None,
    ) -> None:
        self.hosts_in_use = hosts_in_use
        self.clock = clock
        self.oidc = oidc
        self._server = server
        self._departure = SealedCookie(
            DEPARTURE_COOKIE, seal=Encryption(secret_keys, purpose="departure", life=LONGEST_DEPARTURE)
        )
        # A cookie of its own, for it outlives the attempt: who takes longer at the provider still finds the form again.
        self._return = SealedCookie(
            RETURN_COOKIE, seal=Encryption(secret_keys, purpose="return", life=LONGEST_SIGN_IN)
        )
        self._ended = SealedCookie(
            ENDED_COOKIE, seal=Encryption(secret_keys, purpose="signed-out", life=LONGEST_SIGN_IN)
        )
        self._cookie = SealedCookie(
            COOKIE, seal=Encryption(secret_keys, purpose="sign-in", life=LONGEST_SIGN_IN)
        )

    @property
    def host(self) -> str:
        known = self.hosts_in_use.hosts
        return host_name(known[0]) if len(known) == 1 else ""

    def authenticate(self) -> AuthContext | Page:
        held = self.current()
        if held is None:
            return self._to_sign_in()
        held = self._renewed(held)
        return AuthContext(
            person=_person(held),
            host=host_name(held.host),
            connect=lambda: self._acting_as(held),
            own_rights=held.token is not None,
            may_sign_out=True,
            sign_in=held.mark,
        )

    def challenge(self) -> Page | None:
        return self.forget(self._to_sign_in()) if self._server is None else None

    def check(self) -> None:
        """Each Infisical answers, and accepts the server's own credential where that acts. There is no other to try."""
        if self._server is not None:
            self._server.check()
            return
        for host in self.hosts_in_use.hosts:
            self.hosts_in_use.at(host).status()

    def current(self) -> SignIn | None:
        """The sign-in of this browser; None without one that still counts."""
        held = SignIn.from_record(self._cookie.read(now=self.clock()) or {})
        if held is None or held.over(now=self.clock()) or not self._is_of_here(held):
            return None
        return None if self._was_ended(held) else held

    def _is_of_here(self, held: SignIn) -> bool:
        """Whether it is a sign-in of this very way in, and not one from before the settings were changed."""
        way_in = "oidc" if self.oidc else "sign-in"
        acts_as_server = self._server is not None
        terms = self.oidc.terms if self.oidc else ""
        known = held.host in self.hosts_in_use.hosts and held.terms == terms
        return known and held.way_in == way_in and (held.token is None) == acts_as_server

    def _was_ended(self, held: SignIn) -> bool:
        """Whether this browser signed out since. The answer to a page that was asked for before, and that renewed its
        token meanwhile, brings the cookie of the sign-in back."""
        ended_at = self._ended_at()
        return ended_at is not None and held.began_at < ended_at

    def _ended_at(self) -> datetime | None:
        """When this browser last signed out."""
        told = (self._ended.read(now=self.clock()) or {}).get("at")
        return None if told is None else datetime.fromtimestamp(told, UTC)

    def only_destination(self) -> Infisical:
        """The Infisical of a single sign-on, which has one."""
        return self.hosts_in_use.at(self.hosts_in_use.hosts[0])

    def remember_departure(self, attempt: Attempt, leads_to: str | None, response: Page) -> None:
        """Keeps in the browser what the identity provider's answer is held against, and where it leads."""
        now = self.clock()
        self._departure.write(response, attempt.to_dict, now=now)
        try:
            self._return.write(response, lambda: {"next": _taken_apart(leads_to)}, now=now)
        except TooLong:
            # A form that was filled in at such length fits in no cookie.
            self._return.clear(response)

    def departed(self) -> tuple[Attempt | None, str | None]:
        """What `remember_departure` kept; None for each that is not there, or was kept too long ago."""
        now = self.clock()
        leads_to = _put_together((self._return.read(now=now) or {}).get("next"))
        try:
            return Attempt.from_dict(self._departure.read(now=now) or {}), leads_to
        except ValueError:
            return None, leads_to

    def forget_departure(self, response: Page) -> Page:
        """Has the browser forget it: an answer counts once."""
        self._departure.clear(response)
        self._return.clear(response)
        return response

    def begin(self, newcomer: SignIn, response: Page) -> Page:
        """Signs somebody in with this response. What the browser held before, another person's perhaps, is gone, and a
        token that an earlier sign-in obtained is revoked. Raises TooLong, and nothing has changed but that a token which
        this sign-in obtained is revoked."""
        # Where servers' clocks differ, it must not count as one from before the last sign-out.
        newcomer = replace(newcomer, began_at=max(newcomer.began_at, self._ended_at() or newcomer.began_at))
        try:
            self._cookie.write(response, newcomer.to_record, now=self.clock())
        except TooLong:
            record("sign-in", "too-long", person=_person(newcomer))
            self._revoked(newcomer)
            raise
        earlier = self.current()
        if earlier is not None:
            record("sign-out", self._revoked(earlier), person=_person(earlier))
            # An answer that is still under way may renew the earlier one's cookie.
            self._remember_end(response, at=newcomer.began_at)
        session.clear()
        record("sign-in", "ok", person=_person(newcomer))
        return response

    def end(self, response: Page) -> Page:
        """Signs out with this response. A token that the sign-in obtained is revoked, a pasted one only forgotten."""
        held = self.current()
        if held is not None:
            record("sign-out", self._revoked(held), person=_person(held))
            self._remember_end(response, at=self.clock())
        if self.oidc is not None:
            # Whoever uses this browser next is not led to a form that somebody else filled in.
            self.forget_departure(response)
        return self.forget(response)

    def forget(self, response: Page) -> Page:
        """Has the browser forget the sign-in and everything else that it held for us."""
        session.clear()
        self._cookie.clear(response)
        return response

    def _remember_end(self, response: Page, *, at: datetime) -> None:
        """Has the browser remember that no sign-in from before that moment counts any more."""
        self._ended.write(response, lambda: {"at": at.timestamp()}, now=self.clock())

    def _to_sign_in(self) -> Page:
        """The page where people sign in, which leads back here. With a cookie that no longer counts, it says why."""
        ended = "1" if self._cookie.sent else None
        if ended and self._cookie.read(now=self.clock()) is None:
            # Forged, cut off, sealed with a key that is gone, or kept beyond its time.
            record("refusal", "unknown-sign-in")
        return see_other(".sign_in", next=return_url(), ended=ended, host=self._host_before())

    def _host_before(self) -> str | None:
        """Where there are several Infisicals, the one that this browser was signed in to; nobody chooses it twice."""
        held = SignIn.from_record(self._cookie.read(now=self.clock()) or {})
        return self.host_to_choose(held) if held else None

    def host_to_choose(self, held: SignIn) -> str | None:
        """The Infisical of a sign-in, as the page where people sign in takes it; None where there is but one."""
        known = self.hosts_in_use.hosts
        return host_name(held.host) if len(known) > 1 and held.host in known else None

    def _acting_as(self, held: SignIn) -> Infisical:
        if held.token is None:
            return self._servers_infisical()
        return self.hosts_in_use.at(held.host).acting_with(held.token)

    def _servers_infisical(self) -> Infisical:
        if self._server is None:
            raise RuntimeError("a sign-in without a token, and no credential of the server's")
        return self._server.infisical

    def _renewed(self, held: SignIn) -> SignIn:
        """The same sign-in with a fresh token, once half of the old one's life is gone.

        Only where a page is read: the answer to a slow create must not bring a sign-in back that was ended meanwhile.
        Where it does not work, the token in hand is used until it ends.
        """
        now = self.clock()
        if request.method != "GET" or held.token is None or not held.due_for_renewal(now=now):
            return held
        try:
            fresh = held.renewed(self.hosts_in_use.at(held.host).renew(held.token), now=now)
        except InfisicalError:
            return held

        @after_this_request
        def keep(response: Response) -> Response:
            # Where it does not fit, the browser keeps the one it has.
            with suppress(TooLong):
                self._cookie.write(response, fresh.to_record, now=now)
            return response

        return fresh

    def _revoked(self, held: SignIn) -> str:
        if not held.obtained or held.token is None:
            return "forgotten"
        try:
            self.hosts_in_use.at(held.host).revoke(held.token)
        except InfisicalError:
            return "not-revoked"
        return "revoked"


def _taken_apart(address: str | None) -> list[Any] | None:
    """The path of an address and what its query says: three letters of an address may be one byte of this."""
    if address is None:
        return None
    path, _, query = address.partition("?")
    return [path, parse_qsl(query)]


def _put_together(parts: list[Any] | None) -> str | None:
    if not parts:
        return None
    path, query = parts[0], urlencode([tuple(pair) for pair in parts[1]])
    return f"{path}?{query}" if query else path


def _person(held: SignIn) -> Principal:
    return Principal(subject=held.subject, name=held.name, way_in=held.way_in, groups=held.groups)
