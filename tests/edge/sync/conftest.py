"""Real servers of other people's on this machine: Radicale for CardDAV and CalDAV, pymap and Dovecot for IMAP."""

import http.server
import imaplib
import ipaddress
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD, TOKEN = "ida", "canary-pass-word", "canary-token.of~this+hour/1=="


@dataclass(frozen=True)
class Certificate:
    file: Path
    key: Path

    @property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.file))


@pytest.fixture(scope="package")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a server of a test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    found = Certificate(folder / "cert.pem", folder / "key.pem")
    found.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8
    found.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
    )
    return found


@dataclass
class TokenServer:
    """Says whose a token is (RFC 7662), as a mail server asks; and prints tokens, as a user's program does."""

    url: str
    file: Path
    """What the program prints: it is a file here, so that a test can renew it."""
    valid: set[str]
    asked: list[str]

    @property
    def command(self) -> tuple[str, ...]:
        """Prints the next line of the file each time, and the last one again and again."""
        program = (
            "import pathlib, sys; file = pathlib.Path(sys.argv[1]); lines = file.read_text().splitlines();"
            "print(lines[0]); len(lines) > 1 and file.write_text(chr(10).join(lines[1:]))"
        )
        return (sys.executable, "-c", program, str(self.file))

    def gives(self, *tokens: str) -> None:
        self.file.write_text("\n".join(tokens))


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[TokenServer]:
    valid, asked = {TOKEN}, []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
            token = said.get("token", [""])[0] or self.headers.get("Authorization", "").removeprefix(
                "Bearer "
            )
            asked.append(token)
            content = json.dumps({"active": token in valid, "username": USER}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield TokenServer(f"http://127.0.0.1:{server.server_port}/", tmp_path / "tokens", valid, asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for(ready: Callable[[], object], process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            ready()
        except (OSError, httpx.HTTPError, imaplib.IMAP4.error):
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"the server did not start: {log.read_text()[-2000:]}")
            time.sleep(0.1)
        else:
            return


def ended(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Radicale:
    """One Radicale with TLS; collections are made and filled over its own protocol."""

    def __init__(self, url: str, certificate: Certificate) -> None:
        self.url = url
        self.client = httpx.Client(
            base_url=url, auth=(USER, PASSWORD), verify=certificate.context, trust_env=False
        )

    def make(self, name: str, kind: str, shown: str) -> None:
        namespace = {"addressbook": "carddav", "calendar": "caldav"}[kind]
        body = (
            '<mkcol xmlns="DAV:"><set><prop><resourcetype><collection/>'
            f'<{kind} xmlns="urn:ietf:params:xml:ns:{namespace}"/></resourcetype>'
            f"<displayname>{shown}</displayname></prop></set></mkcol>"
        )
        assert self.client.request("MKCOL", f"/{USER}/{name}/", content=body).status_code == 201

    def put(self, path: str, content: str) -> None:
        answer = self.client.put(f"/{USER}/{path}", content=content.encode())
        assert answer.status_code in (201, 204), answer.text

    def delete(self, path: str) -> None:
        assert self.client.delete(f"/{USER}/{path}").status_code in (200, 204)


@pytest.fixture
def radicale(tmp_path: Path, certificate: Certificate) -> Iterator[Radicale]:
    port, log = free_port(), tmp_path / "radicale.log"
    users = tmp_path / "users"
    users.write_text(f"{USER}:{PASSWORD}\n")
    config = tmp_path / "radicale.ini"
    config.write_text(
        f"[server]\nhosts = 127.0.0.1:{port}\nssl = True\ncertificate = {certificate.file}\nkey = {certificate.key}\n"
        f"[auth]\ntype = htpasswd\nhtpasswd_filename = {users}\nhtpasswd_encryption = plain\ndelay = 0\n"
        f"[storage]\nfilesystem_folder = {tmp_path / 'radicale'}\n"
    )
    with log.open("wb") as output:
        command = [sys.executable, "-m", "radicale", "--config", str(config)]
        process = subprocess.Popen(command, stdout=output, stderr=output)
        server = Radicale(f"https://127.0.0.1:{port}/", certificate)
        try:
            wait_for(lambda: server.client.get("/.web/"), process, log)
            yield server
        finally:
            server.client.close()
            ended(process)


@dataclass(frozen=True)
class Imap:
    """One IMAP server with TLS; it is filled over its own protocol."""

    url: str
    certificate: Certificate
    user: str

    def connected(self) -> imaplib.IMAP4:
        port = int(self.url.rpartition(":")[2])
        server: imaplib.IMAP4
        if self.url.startswith("imaps:"):
            server = imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=self.certificate.context, timeout=20)
        else:
            server = imaplib.IMAP4("127.0.0.1", port, timeout=20)
            server.starttls(self.certificate.context)
        server.login(self.user, PASSWORD)
        return server

    def put(self, content: bytes, folder: str = "INBOX", flags: str = "") -> None:
        with self.connected() as server:
            server.create(folder)
            moment = imaplib.Time2Internaldate(datetime(2026, 11, 23, 9, tzinfo=UTC))
            status, _ = server.append(folder, flags, moment, content.replace(b"\n", b"\r\n"))
            assert status == "OK"

    def store(self, number: str, flags: str, folder: str = "INBOX", *, expunge: bool = False) -> None:
        with self.connected() as server:
            server.select(folder)
            assert server.store(number, "+FLAGS", flags)[0] == "OK"
            if expunge:
                server.expunge()


def _pymap(folder: Path, certificate: Certificate, port: int) -> list[str]:
    command = shutil.which("pymap", path=str(Path(sys.executable).parent)) or "pymap"
    tls = ["--cert", str(certificate.file), "--key", str(certificate.key)]
    return [
        command, "--host", "127.0.0.1", "--port", str(port), "--no-service", "managesieve", "--no-service", "admin",
        *tls, "dict", "--demo-user", USER, "--demo-password", PASSWORD,
    ]  # fmt: skip


def _dovecot(folder: Path, certificate: Certificate, port: int, tokens: str = "") -> list[str]:
    """One that takes a password; with `tokens`, access tokens too, which it asks about at that address."""
    # Where Debian has it, which is not on everybody's PATH.
    dovecot = shutil.which("dovecot", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
    if dovecot is None:
        pytest.skip("dovecot is not here (apt-get install dovecot-imapd)")
    if os.geteuid() != 0:
        pytest.skip("dovecot starts as root only")
    import pwd  # not on Windows

    nobody = pwd.getpwnam("nobody")
    short = (
        Path("/tmp") / f"umi-dovecot-{os.getpid()}-{port}"
    )  # the path of a socket is short; nobody gets there
    mail = Path(f"{short}-mail")
    mail.mkdir()
    os.chown(mail, nobody.pw_uid, nobody.pw_gid)
    by_token = ""
    if tokens:
        asks = folder / "oauth2.conf"
        asks.write_text(
            f"introspection_mode = post\nintrospection_url = {tokens}\nusername_attribute = username\n"
            "active_attribute = active\nactive_value = true\n"
        )
        by_token = (
            "auth_failure_delay = 0\nservice anvil {\n unix_listener anvil-auth-penalty {\n  mode = 0\n }\n}\n"
            "auth_mechanisms = plain login oauthbearer xoauth2\n"
            f"passdb {{\n driver = oauth2\n mechanisms = xoauth2 oauthbearer\n args = {asks}\n}}\n"
        )
    config = folder / "dovecot.conf"
    config.write_text(
        f"base_dir = {short}\nstate_dir = {short}-state\nlog_path = /dev/stderr\nprotocols = imap\n"
        f"listen = 127.0.0.1\nssl = required\nssl_cert = <{certificate.file}\nssl_key = <{certificate.key}\n"
        f"mail_location = maildir:{mail}/%u\nfirst_valid_uid = 1\nfirst_valid_gid = 1\n"
        f"{by_token}passdb {{\n driver = static\n args = password={PASSWORD}\n}}\n"
        f"userdb {{\n driver = static\n args = uid={nobody.pw_uid} gid={nobody.pw_gid} home={mail}/%u\n}}\n"
        "service imap-login {\n inet_listener imap {\n  port = 0\n }\n"
        f" inet_listener imaps {{\n  port = {port}\n  ssl = yes\n }}\n}}\n"
        "namespace inbox {\n inbox = yes\n separator = /\n"
        " mailbox Junk {\n  special_use = \\Junk\n  auto = create\n }\n}\n"
    )
    return [dovecot, "-F", "-c", str(config)]


@contextmanager
def _running(made: list[str], server: Imap, log: Path) -> Iterator[Imap]:
    with log.open("wb") as output:
        process = subprocess.Popen(made, stdout=output, stderr=output)
        try:
            wait_for(lambda: server.connected().logout(), process, log)
            yield server
        finally:
            ended(process)
            port = server.url.rpartition(":")[2]
            for leftover in Path("/tmp").glob(f"umi-dovecot-{os.getpid()}-{port}*"):
                shutil.rmtree(leftover, ignore_errors=True)


@pytest.fixture(params=["pymap", "dovecot"])
def imap(request: pytest.FixtureRequest, tmp_path: Path, certificate: Certificate) -> Iterator[Imap]:
    port = free_port()
    scheme = {"pymap": "imap", "dovecot": "imaps"}[request.param]  # STARTTLS, and TLS from the first byte
    made = {"pymap": _pymap, "dovecot": _dovecot}[request.param](tmp_path, certificate, port)
    with _running(
        made, Imap(f"{scheme}://127.0.0.1:{port}", certificate, USER), tmp_path / "imap.log"
    ) as server:
        yield server


@pytest.fixture
def imap_by_token(tmp_path: Path, certificate: Certificate, tokens: TokenServer) -> Iterator[Imap]:
    """A Dovecot that takes access tokens."""
    port = free_port()
    made = _dovecot(tmp_path, certificate, port, tokens.url)
    with _running(
        made, Imap(f"imaps://127.0.0.1:{port}", certificate, USER), tmp_path / "imap.log"
    ) as server:
        yield server


class BearerProxy:
    """Stands before a Radicale: takes a Bearer token in place of the password, as hosted servers do."""

    def __init__(self, server: Radicale, valid: set[str]) -> None:
        self.valid = valid
        self.sent: list[str] = []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                said = self.headers.get("Authorization", "")
                proxy.sent.append(said)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {
                    name: self.headers[name] for name in ("Depth", "Content-Type") if name in self.headers
                }
                if said.removeprefix("Bearer ") not in proxy.valid:
                    status, content = 401, b"<html>canary: please log in</html>"
                else:
                    answer = server.client.request(self.command, self.path, content=body, headers=headers)
                    status, content = answer.status_code, answer.content
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_PROPFIND = do_REPORT = handle_any  # noqa: N815

            def log_message(self, *_: object) -> None:
                return

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def bearer(radicale: Radicale) -> Iterator[BearerProxy]:
    proxy = BearerProxy(radicale, {TOKEN})
    thread = threading.Thread(target=proxy.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.server.shutdown()
        proxy.server.server_close()
        thread.join()
