"""Address books and calendars of a real Radicale, fetched into folders that the tools read."""

import json
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.edge.sync.conftest import PASSWORD, USER, Certificate, Radicale
from umi_edge.cli import umi
from umi_edge.sync.account import Account, SyncLimits
from umi_edge.sync.dav import DavServer
from umi_edge.sync.fetching import Fetched, SyncedFolder, fetch
from umi_edge.tools.builtin.contacts import AddressBook, ContactsConfig
from umi_edge.tools.builtin.copied_folder import CopiedFolder

CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{0}\r\nFN:{1}\r\nEMAIL:{0}@example.org\r\nEND:VCARD\r\n"
EVENT = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:{0}\r\nDTSTAMP:20261101T000000Z\r\n"
    "DTSTART:20261123T100000Z\r\nDTEND:20261123T110000Z\r\nSUMMARY:{0}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def account(radicale: Radicale, certificate: Certificate, **changes: object) -> Account:
    plain = Account(
        store="contacts",
        name="work",
        url=radicale.url,
        user=USER,
        password_env="PASSWORD",
        ca_file=certificate.file,
    )
    return replace(plain, **changes)


def copy(folder: Path, store: str = "contacts") -> CopiedFolder:
    return CopiedFolder(path=folder / "sync" / store / "work", store=store, account="work", stale_hours=24)


def fetched(one: Account, folder: Path, **options: bool) -> Fetched:
    [result] = fetch([SyncedFolder(one, copy(folder, one.store))], {"PASSWORD": PASSWORD}, **options)
    return result


def names(folder: Path) -> set[str]:
    copies = (copy(folder),)
    book = AddressBook(ContactsConfig(folder=folder / "sync" / "contacts", copies=copies)).read()
    return {contact.name for contact in book.contacts}


@pytest.fixture
def book(radicale: Radicale) -> Radicale:
    radicale.make("friends", "addressbook", "Friends")
    for number, name in enumerate(["Ann Lee", "Bo Müller", "Cy Ng"]):
        radicale.put(f"friends/{number}.vcf", CARD.format(number, name))
    return radicale


def test_what_is_there_is_fetched_and_then_only_what_changed(book, certificate, tmp_path, monkeypatch):
    work = account(book, certificate)
    first = fetched(work, tmp_path)
    assert (first.count, first.lost, first.problem) == (3, (), None)
    assert names(tmp_path) == {"Ann Lee", "Bo Müller", "Cy Ng"}

    asked: list[list[str]] = []
    listed: list[str] = []
    multiget, propfind = DavServer.multiget, DavServer.propfind
    monkeypatch.setattr(
        DavServer, "multiget", lambda self, *given: asked.append(given[3]) or multiget(self, *given)
    )

    def noted(self: DavServer, url: str, *wanted: str, depth: int) -> object:
        listed.append(url)
        return propfind(self, url, *wanted, depth=depth)

    monkeypatch.setattr(DavServer, "propfind", noted)
    fetched(work, tmp_path)
    assert asked == []
    assert not any(url.endswith("/friends/") for url in listed)

    book.put("friends/1.vcf", CARD.format(1, "Bo Miller"))
    book.put("friends/3.vcf", CARD.format(3, "Di Roy"))
    book.delete("friends/0.vcf")
    assert fetched(work, tmp_path).count == 3
    assert [len(batch) for batch in asked] == [2]
    assert names(tmp_path) == {"Bo Miller", "Cy Ng", "Di Roy"}


def test_the_copy_is_its_owners_alone_and_names_come_from_nobody(book, certificate, tmp_path):
    book.make("odd", "addressbook", "../../../etc")
    book.put("odd/%2e%2e%2fx.vcf", CARD.format("../../passwd", "Eve"))
    fetched(account(book, certificate), tmp_path)
    assert "Eve" in names(tmp_path)
    made = list(tmp_path.joinpath("sync").rglob("*"))
    assert not any("passwd" in path.name or ".." in path.name for path in made)
    if sys.platform != "win32":
        assert {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_dir()} == {0o700}
        assert {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_file()} == {0o600}
    assert not any(PASSWORD.encode() in path.read_bytes() for path in made if path.is_file())


def test_an_address_book_that_is_empty_or_gone_at_once_is_kept_until_the_user_lets_it_go(
    book, certificate, tmp_path
):
    book.make("work", "addressbook", "Work")
    book.put("work/9.vcf", CARD.format(9, "Zoe"))
    work = account(book, certificate)
    fetched(work, tmp_path)
    book.delete("work/")
    for number in range(3):
        book.delete(f"friends/{number}.vcf")
    result = fetched(work, tmp_path)
    assert len(result.lost) == 2
    assert names(tmp_path) == {"Ann Lee", "Bo Müller", "Cy Ng", "Zoe"}
    lost = (
        AddressBook(ContactsConfig(folder=tmp_path / "sync" / "contacts", copies=(copy(tmp_path),)))
        .read()
        .lost
    )
    assert len(lost) == 2
    assert fetched(work, tmp_path, let_go=True).lost == ()
    assert names(tmp_path) == set()


def test_calendars_are_fetched_by_name_from_any_address(radicale, certificate, tmp_path):
    radicale.make("family", "calendar", "Family")
    radicale.make("other", "calendar", "Other")
    radicale.put("family/a.ics", EVENT.format("lunch"))
    radicale.put("other/b.ics", EVENT.format("dinner"))
    base = account(radicale, certificate, store="calendar")
    for index, (url, only, count) in enumerate(
        [("", (), 2), ("", ("Family",), 1), (f"{USER}/", (), 2), (f"{USER}/other/", (), 1)]
    ):
        one = replace(base, url=radicale.url + url, only=only)
        result = fetched(one, tmp_path / str(index))
        assert (result.problem, result.count) == (None, count)
    missing = fetched(replace(base, only=("Nobody's",)), tmp_path / "x")
    assert missing.problem is not None


def test_a_failure_names_what_to_do_keeps_what_is_there_and_shows_no_password(book, certificate, tmp_path):
    work = account(book, certificate)
    fetched(work, tmp_path)
    wrong = {
        "refused the login": replace(work, password_command=("echo", "canary-wrong")),
        "certificate": replace(work, ca_file=None),
        "cannot be reached": replace(work, url="https://127.0.0.1:9/"),
        "failed with exit code 3": replace(work, password_command=(sys.executable, "-c", "exit(3)")),
        "does not run": replace(work, password_command=("no-such-program-of-a-test",)),
        "is not set": replace(work, password_env="NOT_SET"),
        "took too long": replace(work, limits=SyncLimits(seconds=0.0001)),
    }
    for said, one in wrong.items():
        result = fetched(one, tmp_path)
        assert result.problem is not None
        assert said in result.problem.message
        assert result.problem.fix
        assert "canary" not in str(result.problem) + repr(result) + repr(one)
        assert names(tmp_path) == {"Ann Lee", "Bo Müller", "Cy Ng"}


def test_limits_of_items_hold_and_are_told(book, certificate, tmp_path):
    book.put("friends/long.vcf", CARD.format("long", "x" * 5000))
    small = account(book, certificate, limits=SyncLimits(item_bytes=1000))
    result = fetched(small, tmp_path)
    assert [one.why for one in result.lost] == ["more than 0 MiB in it"]
    assert len(names(tmp_path)) == 3
    few = account(book, certificate, limits=SyncLimits(items=2))
    assert fetched(few, tmp_path / "few").problem is not None
    tiny = account(book, certificate, limits=SyncLimits(answer_bytes=100))
    assert fetched(tiny, tmp_path / "tiny").problem is not None


def test_the_command_fetches_and_the_tools_have_it(book, certificate, tmp_path):
    config = tmp_path / "config.yaml"
    one = {"url": book.url, "user": USER, "password_env": "UMI_TEST_WORD", "ca_file": str(certificate.file)}
    sync = {"contacts": {"work": one}, "folder": str(tmp_path / "sync")}
    config.write_text(json.dumps({"home": {"sync": sync}}))

    def run(*arguments: str) -> str:
        command = [*arguments, "--config", str(config)]
        result = CliRunner().invoke(umi, command, env={"UMI_TEST_WORD": PASSWORD}, standalone_mode=False)
        assert result.exception is None, result.output
        assert result.return_value == 0, result.output
        return result.output

    assert run("sync") == "✓ contacts from work: 3 here\n"
    [home] = json.loads(run("tools", "--json"))["homes"]
    assert home == {"store": "contacts", "counts": {"contacts": 3}, "skipped": []}
    assert "Ann Lee" in run("tools", "call", "contacts.list", "{}", "--json")
