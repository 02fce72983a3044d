#!/usr/bin/env python3
"""The list of a project with 5,000 connections, beside a plain read of the same answer: seconds of CPU, and bytes."""

import json
import sys
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from app import create_app
from app.config import Settings
from app.core.network import NetworkTransport, certificates
from app.core.secret import Secret
from app.infisical.client import Infisical

MANY, FEW = 5000, 100
TIMES, FLAT = 3.0, 1.01
"""Bounds: of the time, and of how much larger the page of many is than that of few."""

ROUNDS = 15
_ID = "5a9ae95f-6a76-43ca-8661-0e01154a218e"


def answer_of(count: int) -> bytes:
    """What Infisical answers for so many connections (recorded exchange list-connections)."""
    rows = [
        {
            "id": f"adb321fa-eccb-491a-98b9-{number:012}",
            "name": f"team-{number:05}-supabase",
            "description": f"A team's. Token expires {number % 28 + 1} Feb 2027." if number % 3 else None,
            "version": 2,
            "orgId": _ID,
            "createdAt": "2026-11-23T10:23:29.545Z",
            "updatedAt": "2026-11-23T10:23:29.545Z",
            "isPlatformManagedCredentials": False,
            "gatewayId": None,
            "projectId": None,
            "isAutoRotationEnabled": False,
            "credentialsHash": f"{number:064x}",
            "app": "supabase",
            "method": "access-token",
            "credentials": {"instanceUrl": "https://api.supabase.com"},
            "project": None,
        }
        for number in range(count)
    ]
    return json.dumps({"appConnections": rows}).encode()


def serve(answer: Callable[[], bytes]) -> int:
    """The port of a server on this machine that answers every GET with that."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = answer()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def main() -> int:
    answers = {count: answer_of(count) for count in (FEW, MANY)}
    told = [answers[MANY]]
    port = serve(lambda: told[0])
    host = f"http://127.0.0.1:{port}"
    infisical = Infisical(host, auth=Secret("made-up-token"), transport=NetworkTransport(certificates()))
    wizard = create_app(Settings.load({"INFISICAL_HOST": host, "INFISICAL_TOKEN": "made-up-token"}, None))
    browser = wizard.test_client()

    def plain() -> int:
        asking = HTTPConnection("127.0.0.1", port)
        asking.request("GET", "/")
        count = len(json.loads(asking.getresponse().read())["appConnections"])
        asking.close()
        return count

    def page() -> int:
        answered = browser.get("/connections?project=organization", base_url="http://127.0.0.1:8000")
        if answered.status_code != 200:
            raise SystemExit(f"The page answered {answered.status_code}.")
        return len(answered.data)

    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        # One after another in each round, so that whatever else this machine does falls on all of them.
        for name, work in (("plain", plain), ("list", lambda: infisical.connections(None)), ("page", page)):
            began = time.thread_time()
            work()
            best[name] = min(best.get(name, 1e9), time.thread_time() - began)
    many = page()
    told[0] = answers[FEW]
    ratios = {
        f"{MANY:,} connections read": (best["list"] / best["plain"], TIMES),
        f"{MANY:,} connections read and shown": (best["page"] / best["plain"], TIMES),
        f"bytes of their page, to those of {FEW}": (many / page(), FLAT),
    }
    lines = [f"{what:<50}{ratio:8.2f} ×, bound {bound:g}" for what, (ratio, bound) in ratios.items()]
    print(f"{'A plain read, ms of CPU':<50}{best['plain'] * 1000:8.0f}", *lines, sep="\n")  # noqa: T201
    return int(any(ratio > bound for ratio, bound in ratios.values()))


if __name__ == "__main__":
    sys.exit(main())
