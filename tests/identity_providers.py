"""A real OpenID provider as a process of its own, on a free port of loopback, and a person who signs in there."""

import contextlib
import json
import queue
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from .processes import environment

COMMAND = Path(sys.executable).with_name("oidc-provider-mock")
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody: all is on loopback, and reading the authorities for each request takes longer than the request."""

_STARTING = 60
"""Seconds that a test waits at most."""


@dataclass(frozen=True, slots=True)
class RunningProvider:
    """A provider that lets in everybody who names a subject, without a password."""

    issuer: str

    def knows(self, subject: str, **claims: Any) -> None:
        """Gives a person these claims from now on."""
        httpx.put(f"{self.issuer}/users/{subject}", json=claims, verify=_NO_TLS).raise_for_status()

    def registers(self, redirect_uri: str, *, method: str = "client_secret_basic") -> tuple[str, str]:
        """The client ID and client secret of a new client, which the provider then holds it to."""
        wanted = {"redirect_uris": [redirect_uri], "token_endpoint_auth_method": method}
        told = (
            httpx.post(f"{self.issuer}/oauth2/clients", json=wanted, verify=_NO_TLS).raise_for_status().json()
        )
        return told["client_id"], told["client_secret"]

    def lets_in(self, url: str, subject: str) -> dict[str, str]:
        """What the browser brings back when this person signs in at the address it was sent to."""
        return self._answers(url, {"sub": subject})

    def turns_away(self, url: str) -> dict[str, str]:
        """What the browser brings back when the person turns back there.

        The standard asks for the state here as well, and older versions of this provider leave it out.
        """
        state = dict(parse_qsl(urlsplit(url).query))["state"]
        return {"state": state, **self._answers(url, {"action": "deny"})}

    def _answers(self, url: str, form: Mapping[str, str]) -> dict[str, str]:
        asked = httpx.get(url, verify=_NO_TLS).raise_for_status()
        assert asked.headers["content-type"].startswith("text/html")
        answer = httpx.post(url, data=dict(form), follow_redirects=False, verify=_NO_TLS)
        assert answer.status_code == 302, answer.text[:500]
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


@contextlib.contextmanager
def running_provider(*people: Mapping[str, Any], token_seconds: int = 3600) -> Iterator[RunningProvider]:
    """A provider that knows these people: each is the claims of one, with `sub`. It is stopped at the end."""
    known = [word for claims in people for word in ("--user-claims", json.dumps(dict(claims)))]
    process = subprocess.Popen(  # noqa: S603  # a program of our own environment
        (str(COMMAND), "--port", "0", "--token-max-age", str(token_seconds), *known),
        env=environment({"NO_COLOR": "1"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        yield RunningProvider(_address(process))
    finally:
        process.terminate()
        process.wait(timeout=_STARTING)
        if process.stderr is not None:
            process.stderr.close()


def _address(process: "subprocess.Popen[str]") -> str:
    """Where it listens, once it says so. What it goes on to say is read and dropped, so that it never has to wait."""
    found: queue.SimpleQueue[str] = queue.SimpleQueue()
    said: list[str] = []

    def listen() -> None:
        for line in process.stderr or ():
            said.append(line)
            if listening := re.search(r"running on (http://127\.0\.0\.1:\d+)", line):
                found.put(listening[1])

    threading.Thread(target=listen, daemon=True).start()
    try:
        return found.get(timeout=_STARTING)
    except queue.Empty:
        process.kill()
        raise AssertionError(f"it did not start: {''.join(said)}") from None
