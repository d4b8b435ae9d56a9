"""Access tokens of a user's program, at a real Dovecot and before a real Radicale."""

import logging
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.edge.sync.conftest import TOKEN, USER, BearerProxy, Imap, Radicale, TokenServer
from umi_edge.sync import imap as imap_module
from umi_edge.sync.account import Account
from umi_edge.sync.fetching import Fetched, SyncedFolder, fetch
from umi_edge.sync.login import Login
from umi_edge.tools.builtin.copied_folder import CopiedFolder
from umi_shared.errors import ConfigError

LETTER = b"From: Ida Berg <ida@example.org>\nSubject: the rent\n\nIt is 950 euros.\n"
CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:Ann Lee\r\nEND:VCARD\r\n"
OLD = "canary-token-of-yesterday"


def mail(server: Imap, tokens: TokenServer) -> Account:
    return Account(
        store="mail",
        name="work",
        url=server.url,
        user=USER,
        token_command=tokens.command,
        ca_file=server.certificate.file,
    )


def fetched(one: Account, folder: Path) -> Fetched:
    copy = CopiedFolder(
        path=folder / "sync" / one.store / "work", store=one.store, account="work", stale_hours=24
    )
    [result] = fetch([SyncedFolder(one, copy)], {})
    return result


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_mail_comes_by_a_token_and_an_old_one_is_asked_for_once_more(
    imap_by_token, tokens, tmp_path, monkeypatch, mechanism
):
    monkeypatch.setattr(imap_module, "_BY_TOKEN", (mechanism,))
    imap_by_token.put(LETTER)
    tokens.gives(OLD, TOKEN)
    result = fetched(mail(imap_by_token, tokens), tmp_path)
    assert (result.problem, result.lost, result.count) == (None, (), 1)
    assert tokens.asked == [OLD, TOKEN]


@pytest.mark.parametrize("given", [(OLD,), (OLD, "canary-another", "canary-third")])
def test_a_token_that_stays_refused_names_the_account_and_the_fix_and_is_shown_nowhere(
    imap_by_token, tokens, tmp_path, caplog, capfd, given
):
    caplog.set_level(logging.DEBUG)
    tokens.gives(*given)
    result = fetched(mail(imap_by_token, tokens), tmp_path)
    assert result.problem is not None
    assert "refused the access token of the account work" in result.problem.message
    assert "`token_command` of work" in result.problem.fix
    assert tokens.asked == list(given[:2]), "the same one is not sent again, and no third is asked for"
    copied = "".join(path.read_text() for path in tmp_path.rglob(".index.json"))
    shown = str(result.problem) + repr(result) + caplog.text + "".join(capfd.readouterr()) + copied
    assert "canary" not in shown


def test_a_mail_server_without_tokens_is_told_from_one_that_refuses_them(imap, tokens, tmp_path):
    tokens.gives(TOKEN)
    result = fetched(replace(mail(imap, tokens)), tmp_path)
    assert result.problem is not None
    assert "takes no access token" in result.problem.message
    assert "password_command" in result.problem.fix
    assert "canary" not in str(result.problem)


def contacts(bearer: BearerProxy, tokens: TokenServer) -> Account:
    return Account(store="contacts", name="work", url=f"{bearer.url}{USER}/", token_command=tokens.command)


@pytest.fixture
def book(radicale: Radicale) -> Radicale:
    radicale.make("friends", "addressbook", "Friends")
    radicale.put("friends/1.vcf", CARD)
    return radicale


@pytest.mark.usefixtures("book")
def test_contacts_come_by_a_token_which_is_renewed_in_the_midst_of_a_fetch(bearer, tokens, tmp_path):
    tokens.gives(OLD, TOKEN, "canary-of-the-next-hour")
    served = bearer.sent
    result = fetched(contacts(bearer, tokens), tmp_path)
    assert (result.problem, result.lost, result.count) == (None, (), 1)
    assert served[:2] == [f"Bearer {OLD}", f"Bearer {TOKEN}"]
    assert set(served[1:]) == {f"Bearer {TOKEN}"}


@pytest.mark.usefixtures("book")
def test_a_web_server_that_goes_on_refusing_names_the_account_and_the_fix(bearer, tokens, tmp_path):
    tokens.gives(OLD, "canary-another", "canary-third")
    result = fetched(contacts(bearer, tokens), tmp_path)
    assert result.problem is not None
    assert "refused the access token of the account work" in result.problem.message
    assert len(bearer.sent) == 2
    assert "canary" not in str(result.problem) + repr(result)


@pytest.mark.parametrize(
    "program",
    [
        "",
        "print('canary token')",
        "print('canary\\x01auth=Bearer other')",
        "print('canary\\r\\tX-Header: 1')",
        "print('canary' * 20000)",
        "import sys; print('canary'); sys.exit('canary')",
    ],
)
def test_what_is_no_token_is_sent_nowhere_and_not_shown(program):
    account = Account(
        store="mail",
        name="work",
        url="imaps://imap.example.org",
        user="ida",
        token_command=(sys.executable, "-c", program),
    )
    with pytest.raises(ConfigError) as raised:
        Login.of(account, {})
    assert "token command of work" in raised.value.message
    assert "`token_command` of work" in raised.value.fix
    assert "canary" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_token_is_in_no_repr():
    account = Account(
        store="mail",
        name="work",
        url="imaps://imap.example.org",
        token_command=(sys.executable, "-c", "print('canary')"),
    )
    login = Login.of(account, {})
    assert login.secret == "canary"
    assert "canary" not in repr(login) + repr(account)
