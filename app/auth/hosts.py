"""The Infisicals that people may sign in to, each with one client per process, and what people call them."""

import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from ..infisical import Infisical

_REGIONS = {
    "us.infisical.com": "Infisical Cloud (US)",
    "app.infisical.com": "Infisical Cloud (US)",
    "eu.infisical.com": "Infisical Cloud (EU)",
}


class Hosts:
    """`reach` makes the client of one address, which proves nothing by itself; it is called once for each."""

    def __init__(self, hosts: tuple[str, ...], *, reach: Callable[[str], Infisical]) -> None:
        self.hosts = hosts
        self._reach = reach
        self._reached: dict[str, Infisical] = {}
        self._lock = threading.Lock()

    def at(self, host: str) -> Infisical:
        """The client of one of the addresses."""
        with self._lock:
            if host not in self._reached:
                self._reached[host] = self._reach(host)
            return self._reached[host]


def host_name(host: str) -> str:
    """The host of an address, with a port that is not the usual one."""
    return urlsplit(host).netloc


def called(host: str) -> str:
    """What people call an Infisical: the region of Infisical Cloud, or its host."""
    return _REGIONS.get(host_name(host), host_name(host))
