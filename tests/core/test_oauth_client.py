"""How an OAuth client's name and secret travel."""

import base64

import httpx

from app.core.oauth_client import ClientSecretBasic
from app.core.secret import Secret


def test_name_and_secret_are_encoded_as_in_a_form_first() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Authorization"])
        return httpx.Response(200)

    auth = ClientSecretBasic("made:up", Secret("made up+secret/é%"))
    with httpx.Client(transport=httpx.MockTransport(answer), auth=auth) as client:
        client.post("https://login.company.test/token")
    kind, _, credential = seen[0].partition(" ")
    assert kind == "Basic"
    assert base64.b64decode(credential) == b"made%3Aup:made+up%2Bsecret%2F%C3%A9%25"
