"""Servers that are not what they should be: what they send is bounded, names no path, and leads nowhere else."""

import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from umi_edge.sync.account import Account, SyncLimits, checked_address
from umi_edge.sync.fetching import Fetched, SyncedFolder, fetch
from umi_edge.tools.builtin.copied_folder import CopiedFolder
from umi_shared.errors import ConfigError

PASSWORD = "canary-pass-word"


def account(store: str, url: str, **limits: float) -> Account:
    chosen = SyncLimits(**{"wait_seconds": 3, "seconds": 20, **limits})
    return Account(store=store, name="x", url=url, user="ida", password_env="P", limits=chosen)


def fetched(one: Account, folder: Path) -> Fetched:
    copy = CopiedFolder(path=folder / one.store / "x", store=one.store, account="x", stale_hours=1)
    [result] = fetch([SyncedFolder(one, copy)], {"P": PASSWORD})
    return result


Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextmanager
def web(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    """A web server, its address, and the Authorization lines that it was sent."""
    sent: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            sent.append(self.headers.get("Authorization", ""))
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                answer(self)
            except OSError:
                self.close_connection = True

        do_PROPFIND = do_REPORT = handle_any  # noqa: N815

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", sent
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def says(content: bytes, status: int = 207, **headers: str) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def without_end(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(207)
    handler.end_headers()
    while True:
        handler.wfile.write(b"<a>" * 100_000)


def without_haste(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(207)
    handler.end_headers()
    while True:
        handler.wfile.write(b"<")
        time.sleep(0.2)


def several(*responses: str) -> bytes:
    inside = "".join(responses)
    return f'<d:multistatus xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:carddav">{inside}</d:multistatus>'.encode()


def response(href: str, prop: str) -> str:
    return (
        f"<d:response><d:href>{href}</d:href><d:propstat><d:prop>{prop}</d:prop>"
        "<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
    )


BOOK = "<d:resourcetype><d:collection/><c:addressbook/></d:resourcetype>"
BOMB = (
    b'<!DOCTYPE a [<!ENTITY x "'
    + b"lol" * 10_000
    + b'"><!ENTITY y "'
    + b"&x;" * 10_000
    + b'">]><a>&y;&y;</a>'
)
FILE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
DAV = {
    "no XML": says(b"\xff\xfe<html>"),
    "an empty answer": says(b""),
    "another document": says(b"<html/>"),
    "entities in entities": says(BOMB),
    "a file of this machine": says(FILE),
    "no end": without_end,
    "no haste": without_haste,
    "a login page": says(b"<html/>", 200),
    "an error": says(b"", 500),
    "nothing": says(several()),
    "no status at all": says(several("<d:response/>")),
    "in circles": says(b"", 301, Location="/again"),
    "depth": says(b"<a>" * 100_000),
}


@pytest.mark.parametrize("answer", DAV.values(), ids=DAV)
def test_a_web_server_that_is_odd_is_a_plain_failure(answer, tmp_path):
    with web(answer) as (url, _):
        result = fetched(account("contacts", url, answer_bytes=1 << 20, seconds=3), tmp_path)
    assert result.problem is not None
    assert result.problem.message
    assert PASSWORD not in str(result.problem)


@pytest.mark.parametrize("leads", ["redirect", "home", "item"])
def test_the_password_goes_to_no_other_host(leads, tmp_path):
    with web(says(several(response("/", "")))) as (elsewhere, stolen):
        answers = {
            "redirect": says(b"", 302, Location=elsewhere),
            "home": says(
                several(
                    response(
                        "/", f"<c:addressbook-home-set><d:href>{elsewhere}</d:href></c:addressbook-home-set>"
                    )
                )
            ),
            "item": says(several(response("/", BOOK), response(f"{elsewhere}a.vcf", BOOK))),
        }
        with web(answers[leads]) as (url, sent):
            result = fetched(account("contacts", url), tmp_path)
    assert result.problem is not None
    assert "another host" in result.problem.message
    assert sent
    assert stolen == []


CARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Ann\nUID:../../../../etc/passwd\nEND:VCARD\n"


def test_what_a_server_calls_a_card_is_no_path(tmp_path):
    item = "<d:getetag>1</d:getetag>"
    names = ["/../../x.vcf", "/%2e%2e/y.vcf", "/" + "a" * 1500 + ".vcf", "/nul", "/..", "/a\\..\\b"]

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        if handler.command == "REPORT":
            data = f"<c:address-data>{CARD}</c:address-data>"
            says(several(*(response(name, item + data) for name in names)))(handler)
        else:
            says(several(response("/", BOOK), *(response(name, item) for name in names)))(handler)

    with web(answer) as (url, _):
        result = fetched(account("contacts", url), tmp_path)
    assert result.problem is None
    assert result.count >= 4
    files = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.vcf")]
    assert len(files) == result.count
    assert all(name.startswith("contacts/x/") and name.count("/") == 3 for name in files)


def test_a_card_that_is_listed_and_not_given_is_lost(tmp_path):
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        listed = response("/a.vcf", "<d:getetag>1</d:getetag>")
        says(several() if handler.command == "REPORT" else several(response("/", BOOK), listed))(handler)

    with web(answer) as (url, _):
        result = fetched(account("contacts", url), tmp_path)
    assert [one.why for one in result.lost] == ["the server lists it and does not give it"]


def test_a_list_that_the_server_cuts_short_lets_no_name_go(tmp_path):
    item = "<d:getetag>1</d:getetag>"
    names = ["/a.vcf", "/b.vcf"]
    cut = False

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        if handler.command == "REPORT":
            data = f"<c:address-data>{CARD}</c:address-data>"
            says(several(*(response(name, item + data) for name in names)))(handler)
        elif cut:
            full = "<d:response><d:href>/</d:href><d:status>HTTP/1.1 507 Insufficient Storage</d:status></d:response>"
            says(several(response("/", BOOK), response("/a.vcf", item), full))(handler)
        else:
            says(several(response("/", BOOK), *(response(name, item) for name in names)))(handler)

    with web(answer) as (url, _):
        assert fetched(account("contacts", url), tmp_path).count == 2
        cut = True
        result = fetched(account("contacts", url), tmp_path)
    assert result.problem is not None
    assert "does not list all" in result.problem.message
    assert len(list(tmp_path.rglob("*.vcf"))) == 2


@contextmanager
def imap(lines: Callable[[bytes], bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers each command as `lines` does, `TAG` being the command's own tag."""
    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def serve() -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, connection.makefile("rb") as stream:
            try:
                connection.sendall(b"* OK ready\r\n")
                for line in stream:
                    heard.append(line)
                    tag = line.split(b" ", 1)[0]
                    connection.sendall(lines(line).replace(b"TAG", tag))
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"imap://127.0.0.1:{listener.getsockname()[1]}", heard
    finally:
        listener.close()
        thread.join(10)


def usual(line: bytes, **changes: bytes) -> bytes:
    answers = {
        b"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n",
        b"LIST": b'* LIST () "/" INBOX\r\n',
        b"EXAMINE": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] \r\n",
        b"UID SEARCH": b"* SEARCH 1\r\n",
        b"(UID FLAGS RFC822.SIZE INTERNALDATE)": b"* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 9)\r\n",
        b"BODY.PEEK": b"* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 9 BODY[]<0> {9}\r\nFrom: a\r\n)\r\n",
    }
    answers |= {name.encode(): said for name, said in changes.items()}
    found = next((said for name, said in reversed(answers.items()) if name in line), b"")
    return found if b"TAG" in found else found + b"TAG OK done\r\n"


BODY = "BODY.PEEK"
IMAP = {
    "a letter of a terabyte": {BODY: b"* 1 FETCH (UID 1 BODY[]<0> {1000000000000}\r\nFrom"},
    "more than was asked for": {
        BODY: b"* 1 FETCH (UID 1 BODY[]<0> {9000000}\r\n" + b"x" * 9_000_000 + b")\r\n"
    },
    "lines without end": {"LIST": b'* LIST () "/" INBOX\r\n' * 2_000_000},
    "a line without end": {"LIST": b"* LIST " + b"x" * 3_000_000},
    "no numbers": {"UID SEARCH": b"* SEARCH x\r\n"},
    "numbers of many digits": {"UID SEARCH": b"* SEARCH " + b"9" * 5000 + b"\r\n"},
    "no": {"EXAMINE": b"TAG NO no\r\n"},
    "nonsense": {"LIST": b"\xff\xfe\x00\r\n"},
    "no folders": {"LIST": b""},
    "nothing more": {"UID SEARCH": b"* BYE\r\n"},
}


@pytest.mark.parametrize("changes", IMAP.values(), ids=IMAP)
def test_a_mail_server_that_is_odd_is_a_plain_failure(changes, tmp_path):
    with imap(lambda line: usual(line, **changes)) as (url, _):
        result = fetched(account("mail", url, letter_bytes=1000, collections=100), tmp_path)
    assert result.problem is not None
    assert PASSWORD not in str(result.problem)


def test_folders_and_letters_that_a_server_makes_up_become_no_path_and_no_command(tmp_path):
    folders = (
        b'* LIST () "/" "../../etc"\r\n* LIST () "/" {9}\r\na\r\nb c\r\nd\r\n'
        b'* LIST () "/" "q\\"uote"\r\n* LIST () "/" "&AAA-"\r\n'
    )
    told = b'* 1 FETCH (UID 1 FLAGS (\\Seen ../x) INTERNALDATE "99-Foo-0000" RFC822.SIZE 9 '
    fetches = told + b"BODY[]<0> {9}\r\nFrom: a\r\n)\r\n"
    other = b"* 2 FETCH (UID 99 FLAGS () BODY[]<0> {9}\r\nFrom: b\r\n)\r\n"
    with imap(lambda line: usual(line, LIST=folders, **{BODY: fetches + other})) as (url, heard):
        result = fetched(account("mail", url), tmp_path)
    assert result.problem is None
    assert not any(b"\r" in line.rstrip(b"\r\n") for line in heard)
    files = [path.relative_to(tmp_path / "mail" / "x") for path in tmp_path.rglob("cur/*")]
    assert files
    assert all(len(path.parts) == 3 and path.name.endswith("_1.umi:2,S") for path in files)


def test_a_letter_that_is_listed_and_not_given_is_lost(tmp_path):
    with imap(lambda line: usual(line, **{BODY: b""})) as (url, _):
        result = fetched(account("mail", url), tmp_path)
    assert [one.why for one in result.lost] == ["the server lists 1 letters and does not give them"]


@pytest.mark.parametrize(
    ("store", "url"),
    [
        ("contacts", "http://dav.example.org/"),
        ("contacts", "https://ida:secret@dav.example.org/"),
        ("contacts", "file:///etc/passwd"),
        ("contacts", "dav.example.org"),
        ("contacts", "https://[::1"),
        ("mail", "https://imap.example.org"),
        ("mail", "imaps://"),
    ],
)
def test_an_address_that_would_send_the_password_in_clear_or_is_none_is_refused(store, url):
    with pytest.raises(ConfigError) as raised:
        checked_address(store, url)
    assert "secret" not in str(raised.value)
    assert checked_address(store, {"contacts": "https://dav.example.org/", "mail": "imaps://x.org"}[store])
