"""The recorded exchanges: what a running Infisical answered, one a line in `exchanges.json`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

_FILE = Path(__file__).with_name("exchanges.json")


@dataclass(frozen=True)
class Exchange:
    """One recorded request and its answer; `status` is None where no answer came."""

    case: str
    method: str
    path: str
    status: int | None
    headers: dict[str, str]
    body: Any

    def __str__(self) -> str:
        return self.case

    @property
    def error(self) -> str:
        return str(self.body.get("error", "")) if isinstance(self.body, dict) else ""

    @property
    def message(self) -> Any:
        return self.body.get("message", "") if isinstance(self.body, dict) else ""

    def answer(self) -> httpx.Response:
        """The recorded answer, for a transport; raises what httpx raises where none came."""
        if self.status is None:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        if isinstance(self.body, str):
            return httpx.Response(self.status, text=self.body, headers=self.headers)
        return httpx.Response(self.status, json=self.body, headers=self.headers)


def exchanges() -> tuple[Exchange, ...]:
    return tuple(
        Exchange(
            case=row["case"],
            method=row["request"]["method"],
            path=row["request"]["path"].partition("?")[0],
            status=row["response"]["status"],
            headers={
                name: value
                for name, value in row["response"]["headers"].items()
                if name.lower() != "content-length"
            },
            body=row["response"]["body"],
        )
        for row in json.loads(_FILE.read_text())
    )
