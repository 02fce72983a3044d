"""What is sent to exchange a person's ID token for an Infisical access token with that person's rights (RFC 8693)."""

from dataclasses import dataclass

from ..core.http import ClientSecretBasic
from ..core.secret import Secret

EXCHANGE_PATH = "/api/v1/oauth/token"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OAuthApplication:
    """The OAuth application in Infisical on whose behalf ID tokens are exchanged."""

    client_id: str
    client_secret: Secret

    def auth(self) -> ClientSecretBasic:
        return ClientSecretBasic(self.client_id, self.client_secret)


def exchange_form(id_token: Secret) -> dict[str, str]:
    """The form of an exchange, with the ID token in clear.

    These three and no more: Infisical's documentation says that `scope`, `audience`, `resource` and `actor_token`
    are each answered with an error.
    """
    return {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": id_token.reveal(),
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
    }
