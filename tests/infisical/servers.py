"""A server on a real socket that a test plays byte by byte."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

CERTIFICATE = Path(__file__).parent.parent / "connectors" / "localhost.pem"
"""The key and the certificate of a localhost that nobody trusts, made for tests."""

Play = Callable[[socket.socket, bytes], None]


class Server:
    """Listens on a free port and lets a test play what happens to each request, byte by byte."""

    def __init__(self, play: Play, *, tls: ssl.SSLContext | None = None, greeting: bytes = b"") -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._play = play
        self._tls = tls
        self._greeting = greeting
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, accepted: socket.socket) -> None:
        with contextlib.suppress(OSError), accepted:
            accepted.settimeout(10)
            accepted.sendall(self._greeting)
            spoken = self._tls.wrap_socket(accepted, server_side=True) if self._tls else accepted
            with spoken:
                while request := read_request(spoken):
                    self.requests.append(request)
                    self._play(spoken, request)


def read_request(spoken: socket.socket) -> bytes:
    """One request with its body; nothing when the client has closed."""
    read = b""
    while b"\r\n\r\n" not in read:
        piece = spoken.recv(65536)
        if not piece:
            return b""
        read += piece
    head, _, body = read.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < length:
        body += spoken.recv(65536)
    return head + b"\r\n\r\n" + body


def answer(body: bytes, *, status: str = "200 OK", more: str = "", length: int | None = None) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length or len(body)}\r\n{more}\r\n"
    return head.encode() + body


def saying(told: bytes) -> Play:
    return lambda spoken, _: spoken.sendall(told)
