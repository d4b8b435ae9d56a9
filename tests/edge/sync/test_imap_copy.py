"""Mail of real IMAP servers, fetched into Maildirs that the tools read."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.edge.sync.conftest import PASSWORD, Imap
from umi_edge.sync.account import Account, SyncLimits
from umi_edge.sync.fetching import Fetched, SyncedFolder, fetch
from umi_edge.sync.imap import ImapServer
from umi_edge.tools.builtin.copied_folder import CopiedFolder
from umi_edge.tools.builtin.mail import Mailbox, MailConfig

LETTER = b"From: Ida Berg <ida@example.org>\nTo: me@example.org\nSubject: %b\n\nThe rent is 950 euros.\n"


def account(imap: Imap, **changes: object) -> Account:
    plain = Account(
        store="mail",
        name="work",
        url=imap.url,
        user=imap.user,
        password_env="PASSWORD",
        ca_file=imap.certificate.file,
    )
    return replace(plain, **changes)


def copy(folder: Path) -> CopiedFolder:
    return CopiedFolder(path=folder / "sync" / "mail" / "work", store="mail", account="work", stale_hours=24)


def fetched(one: Account, folder: Path) -> Fetched:
    [result] = fetch([SyncedFolder(one, copy(folder))], {"PASSWORD": PASSWORD})
    return result


def subjects(folder: Path) -> list[str]:
    config = MailConfig(folder=folder / "sync" / "mail", outbox=folder, copies=(copy(folder),))
    letters, lost = Mailbox(config).messages()
    assert lost == ()
    return sorted(letter.subject for letter in letters)


def test_letters_are_fetched_once_with_their_flags_and_those_that_go_go(imap, tmp_path, monkeypatch):
    for subject in (b"one", b"two", b"three"):
        imap.put(LETTER % subject)
    imap.put(LETTER % b"kept", "Archive/2026", r"(\Seen)")
    work = account(imap)
    first = fetched(work, tmp_path)
    assert (first.problem, first.lost, first.count) == (None, (), 4)
    assert subjects(tmp_path) == ["kept", "one", "three", "two"]
    stored, _ = Mailbox(MailConfig(folder=tmp_path / "sync" / "mail", outbox=tmp_path)).stored()
    assert sorted("".join(one.flags or ()) for one in stored) == ["", "", "", "S"]
    assert {int(one.arrival) for one in stored} == {1795424400}

    asked: list[int] = []
    letters = ImapServer.letters
    monkeypatch.setattr(
        ImapServer,
        "letters",
        lambda self, wanted: asked.append(len(wanted)) or letters(self, wanted),
    )
    imap.store("1", r"(\Seen)")
    imap.store("2", r"(\Deleted)", expunge=True)
    imap.put(LETTER % b"four")
    assert fetched(work, tmp_path).problem is None
    assert sum(asked) == 1
    assert subjects(tmp_path) == ["four", "kept", "one", "three"]
    stored, _ = Mailbox(MailConfig(folder=tmp_path / "sync" / "mail", outbox=tmp_path)).stored()
    assert sum("S" in (one.flags or ()) for one in stored) == 2


def test_no_letter_is_flagged_as_seen_on_the_server(imap, tmp_path):
    imap.put(LETTER % b"new")
    fetched(account(imap), tmp_path)
    with imap.connected() as server:
        server.select("INBOX", readonly=True)
        _, told = server.fetch("1", "(FLAGS)")
    assert b"Seen" not in told[0]


def test_folders_that_were_made_anew_are_fetched_anew(imap, tmp_path):
    imap.put(LETTER % b"old", "Projects")
    fetched(account(imap, only=("Projects",)), tmp_path)
    assert subjects(tmp_path) == ["old"]
    index = copy(tmp_path).path / ".index.json"
    before = index.read_text()
    with imap.connected() as server:
        server.delete("Projects")
    imap.put(LETTER % b"fresh", "Projects")
    if '"mark": ""' not in before:
        assert fetched(account(imap, only=("Projects",)), tmp_path).problem is None
    assert "fresh" in subjects(tmp_path)


def test_a_large_letter_is_fetched_by_its_beginning(imap, tmp_path):
    imap.put(LETTER % b"large" + b"x" * 70 + b"\n" * 3_000)
    small = account(imap, limits=SyncLimits(letter_bytes=200))
    assert fetched(small, tmp_path).problem is None
    assert subjects(tmp_path) == ["large"]
    [file] = list((copy(tmp_path).path).rglob("cur/*"))
    assert file.stat().st_size <= 200


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"password_env": "", "password_command": ("echo", "canary-wrong")}, "refused the login"),
        ({"ca_file": None}, "certificate"),
        ({"url": "imaps://127.0.0.1:9"}, "cannot be reached"),
        ({"only": ("Nobody's",)}, "are not there"),
    ],
)
def test_a_failure_names_what_to_do_and_shows_no_password(imap, tmp_path, changes, said):
    result = fetched(account(imap, **changes), tmp_path)
    assert result.problem is not None
    assert said in result.problem.message
    assert result.problem.fix
    assert "canary" not in str(result.problem) + repr(result)
