"""A real nginx on free ports of this machine, which ends https and signs people in before the wizard."""

import contextlib
import ipaddress
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from . import programs
from .processes import free_port

HOST = "connect.example.com"
PERSON = ("ada", "made-up-password")

_STARTING = 60

_CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/certificate.pem;
        ssl_certificate_key {folder}/key.pem;
        location = /oauth2/auth {{ internal; proxy_pass_request_body off; proxy_set_header Content-Length ""; proxy_pass http://127.0.0.1:{sign_in_port}; }}
        location = /oauth2/sign_in {{ return 401 "sign in"; }}
        {location}
    }}
    server {{
        # In the place of oauth2-proxy: knows a password, and tells who has it.
        listen 127.0.0.1:{sign_in_port};
        large_client_header_buffers 4 32k;
        auth_basic "made up";
        auth_basic_user_file {folder}/people;
        add_header X-Auth-Request-User $remote_user always;
        add_header X-Auth-Request-Groups $http_x_test_groups always;
        location / {{ try_files /nothing @known; }}
        location @known {{ return 202; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx: where it is, and how its certificate is trusted."""

    port: int
    trust: ssl.SSLContext

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    def client(self, *, address: str = "127.0.0.3", **headers: str) -> httpx.Client:
        """Somebody's program at an address of this machine, which keeps cookies as a browser does. It knows nginx by
        the name that people use."""
        told = {name.replace("_", "-"): text for name, text in headers.items()}
        return httpx.Client(
            base_url=self.url,
            transport=_ByName(httpx.HTTPTransport(verify=self.trust, local_address=address)),
            headers=told,
            auth=PERSON,
            trust_env=False,
        )


class _ByName(httpx.BaseTransport):
    """Finds the name that people use on this machine, where no name server knows it."""

    def __init__(self, network: httpx.BaseTransport) -> None:
        self._network = network

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        here = httpx.Request(
            request.method,
            request.url.copy_with(host="127.0.0.1"),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": HOST},
        )
        return self._network.handle_request(here)

    def close(self) -> None:
        self._network.close()


@contextlib.contextmanager
def running(folder: Path, *, location: str) -> Iterator[Nginx]:
    """An nginx with this `location` block in it, once it answers. It is stopped at the end.

    It listens on a port that is not the usual one, which the name of the wizard's cookie therefore has.
    """
    program = programs.require("nginx")
    port, sign_in_port = free_port(), free_port()
    location = re.sub("(__Host-connect[^=]*)=", rf"\1-{port}=", location)
    write_certificate(folder)
    name, password = PERSON
    (folder / "people").write_text(f"{name}:{{PLAIN}}{password}\n")
    settings = folder / "nginx.conf"
    settings.write_text(
        _CONFIGURATION.format(folder=folder, port=port, sign_in_port=sign_in_port, location=location)
    )
    process = subprocess.Popen(  # noqa: S603  # a program of our table
        (str(program), "-p", str(folder), "-c", str(settings), "-e", str(folder / "error.log"))
    )
    try:
        _wait_for(process, port, log=folder / "error.log")
        yield Nginx(port, ssl.create_default_context(cafile=str(folder / "certificate.pem")))
    finally:
        process.terminate()
        process.wait(timeout=_STARTING)


def _wait_for(process: "subprocess.Popen[bytes]", port: int, *, log: Path) -> None:
    deadline = time.monotonic() + _STARTING
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return
        time.sleep(0.02)
    raise AssertionError(f"nginx did not start: {log.read_text() if log.exists() else ''}")


def write_certificate(folder: Path) -> None:
    """A certificate of its own making, for the name that people use and for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    names = [x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
