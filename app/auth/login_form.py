"""The form of the page where people sign in, and what was pasted into it."""

import re
from collections.abc import Sequence
from datetime import datetime

from wtforms import Form

from ..core.secret import Secret
from ..infisical import TokenClaims, read_claims
from ..web import Message, SecretField, TextField

_JWT = re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]{5,}")
# Infisical's client secrets are 64 hex digits; a client ID is a UUID.
_SHAPED_LIKE_A_SECRET = re.compile(r"[0-9a-f]{40,}", re.IGNORECASE)
_SHAPED_LIKE_A_CLIENT_ID = re.compile("[!-~]{1,100}")


class ClientIdField(TextField):
    """A client ID. A secret that was pasted here is taken out: it must not come back on a page."""

    autocomplete = "username"

    def put(self, text: str) -> None:
        super().put(text)
        if _SHAPED_LIKE_A_SECRET.search(self.value):
            self.held = "a secret"
            self.data = ""


class PastedTokenField(SecretField):
    """An Infisical access token, also where it is pasted with what the command line printed round it."""

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        found = _JWT.search(valuelist[0]) if valuelist and " " in valuelist[0].strip() else None
        super().process_formdata([found[0]] if found else valuelist)


class SignInForm(Form):
    """Either the credential of a machine identity, or an access token that was got elsewhere."""

    client_id = ClientIdField("Client ID", help="Infisical shows it at the identity, under Universal Auth.")
    client_secret = SecretField(
        "Client secret",
        help="Infisical showed it once, when it was made. Here it signs you in and is kept nowhere.",
        autocomplete="current-password",
    )
    infisical_token = PastedTokenField(
        "Infisical access token", help="It is kept in this browser, encrypted, until you sign out."
    )

    @property
    def messages(self) -> tuple[Message, ...]:
        fields = (self.client_id, self.client_secret, self.infisical_token)
        return tuple(message for field in fields for message in field.messages)

    def check_identity(self) -> None:
        """Says at the fields what is missing of a machine identity's credential."""
        if self.client_id.held:
            self.client_id.add_error(
                Message(
                    "error",
                    "That is a secret, not a client ID.",
                    "It was taken out. Put it in its own field.",
                )
            )
        elif not self.client_id.value:
            self.client_id.add_error(Message("error", "Enter the client ID."))
        elif not _SHAPED_LIKE_A_CLIENT_ID.fullmatch(self.client_id.value):
            # Infisical trims what Python does not, such as U+FEFF: one identity would count as several.
            self.client_id.add_error(
                Message("error", "A client ID has no spaces, line breaks or accents in it.", "Copy it whole.")
            )
        if not self.client_secret.data:
            self.client_secret.add_error(Message("error", "Enter the client secret."))

    def check_token(self, *, now: datetime) -> TokenClaims | None:
        """What the pasted token says of itself; None once a message says why it cannot be used."""
        token = self.infisical_token.data
        if not token:
            self.infisical_token.add_error(Message("error", "Enter an Infisical access token."))
            return None
        claims = read_claims(token)
        message = _unusable(token, claims, now=now)
        if message is None:
            return claims
        self.infisical_token.add_error(message)
        return None


def _unusable(token: Secret, claims: TokenClaims, *, now: datetime) -> Message | None:
    if token.reveal().startswith("sbp_"):
        return Message(
            "error",
            "That is a Supabase access token.",
            "It is asked for after you have signed in. Here Infisical’s own is needed.",
        )
    if claims.kind == "service":
        return Message(
            "error",
            "That is a service token, which Infisical does not let use connections.",
            "Use a machine identity, or the token that the command on this page prints.",
        )
    if not re.fullmatch("[!-~]+", token.reveal()):
        return Message(
            "error", "An access token has no spaces, line breaks or accents in it.", "Copy it whole."
        )
    if claims.expires_at is not None and claims.expires_at <= now:
        return Message(
            "error",
            f"This access token expired on {claims.expires_at:%d %B %Y at %H:%M} UTC.".replace("on 0", "on "),
            "Get a new one.",
        )
    return None
