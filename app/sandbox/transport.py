"""The way into the sandbox: an httpx transport that waits, times out and breaks off as a socket would."""

import math
import time
from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import httpx

from .app import SANDBOX_HOST, SUPABASE_HOSTS, WAIT_HEADER

SOCKET_CLOSES_AFTER = 100.0
"""Seconds after which Infisical closes the socket of a request that it has not answered (slow-429-forever)."""


class SandboxTransport(httpx.BaseTransport):
    """Hands requests to the sandbox app in this process, and knows no other host. `httpx.WSGITransport` ignores
    timeouts; this one holds each request's read timeout against the seconds that the app says its answer takes, sleeps
    for the shorter, and raises what httpx raises on a real socket."""

    def __init__(self, app: WSGIApplication, *, sleep: Callable[[float], None] = time.sleep) -> None:
        def call(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            # WSGI wants a path's bytes as Latin-1 text; `httpx.WSGITransport` hands over the decoded path as it is.
            environ["PATH_INFO"] = environ["PATH_INFO"].encode().decode("latin-1")
            return app(environ, start_response)

        self._inner = httpx.WSGITransport(app=call)
        self._sleep = sleep

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host not in {httpx.URL(SANDBOX_HOST).host, *SUPABASE_HOSTS}:
            raise httpx.ConnectError("[Errno -2] Name or service not known", request=request)
        response = self._inner.handle_request(request)
        wait = float(response.headers.pop(WAIT_HEADER))
        patience: float = request.extensions.get("timeout", {}).get("read") or math.inf
        seconds = min(wait, patience, SOCKET_CLOSES_AFTER)
        if seconds:
            self._sleep(seconds)
        if wait <= seconds:
            return response
        response.close()
        if patience <= seconds:
            raise httpx.ReadTimeout("The read operation timed out", request=request)
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
