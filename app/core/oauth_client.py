"""How an OAuth client proves who it is to a token endpoint: HTTP Basic, as RFC 6749 spells it."""

from base64 import b64encode
from collections.abc import Generator
from urllib.parse import quote_plus

import httpx

from .secret import Secret


class ClientSecretBasic(httpx.Auth):
    """Sends a client ID and a client secret as HTTP Basic.

    Both are encoded as in a form first (RFC 6749, section 2.3.1), which httpx.BasicAuth leaves out: a colon or a
    plus in either would otherwise be read as something else. Sets the request's extension `sent` on its way out.
    """

    def __init__(self, client_id: str, client_secret: Secret) -> None:
        self._client_id = client_id
        self._client_secret = client_secret

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Basic {self._credential().reveal()}"
        request.extensions["sent"] = True
        yield request

    def _credential(self) -> Secret:
        both = f"{quote_plus(self._client_id)}:{quote_plus(self._client_secret.reveal())}"
        return Secret(b64encode(both.encode()).decode())
