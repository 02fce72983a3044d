#!/usr/bin/env python3
"""The review of a sync of 2,000 names, beside a plain read of the same names: seconds, and the bytes of the page."""

import json
import re
import sys
import threading
import time
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from app import create_app
from app.config import Settings
from app.sandbox.store import DATA, PROJECTS

NAMES = 2000
UPSTREAM = 0.1
"""Seconds that a real Infisical took to answer with so many names, and 1.1 MB."""

TIMES, MORE, LARGEST = 1.5, 0.15, 150_000
"""Bounds: the review takes at most so many times the plain read and so many seconds more; its page has so many bytes."""

ROUNDS = 8
PROJECT_ID, PROJECT = next(iter(PROJECTS.items()))
_CONNECTION = {
    "id": "aaa7518d-16b5-421a-b85e-4909e0fb7b1e",
    "name": "shop",
    "app": "supabase",
    "method": "access-token",
}
_FOLDERS = [DATA["folder"] | {"id": "root", "name": "root", "path": "/", "envId": "dev"}]
_ENVIRONMENT = DATA["environment"] | {"id": "dev", "name": "Development", "slug": "dev", "position": 1}
_ROW = (
    DATA["secret"] | DATA["own_secret"] | {"environment": "dev", "secretPath": "/", "secretComment": "x" * 60}
)
_SECRETS = [_ROW | {"id": f"{number:036}", "secretKey": f"SETTING_{number:04}"} for number in range(NAMES)]
ANSWERS = {
    "/api/v1/projects": {"projects": [PROJECT]},
    f"/api/v1/projects/{PROJECT_ID}": {"project": PROJECT},
    f"/api/v1/projects/{PROJECT_ID}/environment-folder-tree": {"dev": _ENVIRONMENT | {"folders": _FOLDERS}},
    "/api/v1/app-connections/supabase/available": {"appConnections": [_CONNECTION]},
    f"/api/v1/app-connections/supabase/{_CONNECTION['id']}": {
        "appConnection": DATA["connection"]
        | _CONNECTION
        | {
            "createdAt": "2026-11-23T10:23:29.545Z",
            "updatedAt": "2026-11-23T10:23:29.545Z",
            "credentials": {},
        }
    },
    "/api/v1/secret-syncs/supabase": {"secretSyncs": []},
    "/api/v1/secret-syncs/supabase/check-destination": {"hasDuplicate": False},
    "/api/v4/secrets": {"secrets": _SECRETS, "imports": []},
}
BODIES = {path: json.dumps(answer).encode() for path, answer in ANSWERS.items()}


class Infisical(BaseHTTPRequestHandler):
    """Answers as was recorded, the names after as long."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if path == "/api/v4/secrets":
            time.sleep(UPSTREAM)
        body = BODIES.get(path, b"{}")
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


def main() -> int:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Infisical)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"http://127.0.0.1:{server.server_port}"
    wizard = create_app(Settings.load({"INFISICAL_HOST": host, "INFISICAL_TOKEN": "made-up-token"}, None))
    browser = wizard.test_client()
    here, address = {"base_url": "http://127.0.0.1:8000"}, f"/syncs/new/supabase?project={PROJECT_ID}"
    form = browser.get(address, **here).text
    (token, *_) = re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', form)
    typed = {
        "csrf_token": token,
        "review": "1",
        "supabase_project": "shopproductionabcdef",
        "delete_others": "1",
    }

    def plain() -> int:
        asking = HTTPConnection("127.0.0.1", server.server_port)
        asking.request("GET", "/api/v4/secrets")
        count = len(json.loads(asking.getresponse().read())["secrets"])
        asking.close()
        return count

    def review() -> int:
        answer = browser.post(address, data=typed, headers={"Sec-Fetch-Site": "same-origin"}, **here)
        if answer.status_code != 200 or 'id="plan"' not in answer.text:
            raise SystemExit(f"The review answered {answer.status_code}.")
        return len(answer.data)

    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        # One after another in each round, so that whatever else this machine does falls on both of them.
        for name, work in (("plain", plain), ("review", review)):
            began = time.monotonic()
            work()
            best[name] = min(best.get(name, 1e9), time.monotonic() - began)
    bound, size = TIMES * best["plain"] + MORE, review()
    print(f"{f'A plain read of {NAMES:,} names, s':<50}{best['plain']:8.2f}")  # noqa: T201
    print(f"{'their review, s':<50}{best['review']:8.2f}   {best['review'] / bound:5.2f} of {bound:.2f}")  # noqa: T201
    print(f"{'bytes of its page':<50}{size:8,}   {size / LARGEST:5.2f} of {LARGEST:,}")  # noqa: T201
    return int(best["review"] > bound or size > LARGEST)


if __name__ == "__main__":
    sys.exit(main())
