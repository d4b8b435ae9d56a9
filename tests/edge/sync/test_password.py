"""Where a password comes from, and that it goes nowhere else."""

import sys
import types
from dataclasses import replace

import pytest

from umi_edge.sync.account import Account
from umi_edge.sync.password import keep_password, password_of
from umi_shared.errors import ConfigError

ACCOUNT = Account(store="mail", name="work", url="imaps://imap.example.org", user="ida")


@pytest.fixture
def keyring(monkeypatch) -> dict[tuple[str, str], str]:
    kept: dict[tuple[str, str], str] = {}
    fake = types.ModuleType("keyring")
    fake.get_password = lambda service, key: kept.get((service, key))
    fake.set_password = lambda service, key, word: kept.update({(service, key): word})
    monkeypatch.setitem(sys.modules, "keyring", fake)
    return kept


@pytest.mark.usefixtures("keyring")
def test_the_keyring_has_a_password_for_one_user_at_one_host():
    keep_password(ACCOUNT, "canary")
    assert password_of(ACCOUNT, {}) == "canary"
    assert password_of(replace(ACCOUNT, store="contacts", url="https://imap.example.org/"), {}) == "canary"
    for other in ({"user": "eve"}, {"url": "imaps://evil.example"}):
        with pytest.raises(ConfigError, match="no password of the account work is known"):
            password_of(replace(ACCOUNT, **other), {})


def test_without_a_keyring_the_other_ways_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError) as raised:
        password_of(ACCOUNT, {})
    assert "password_command" in raised.value.fix
    with pytest.raises(ConfigError):
        keep_password(ACCOUNT, "canary")


def says(program: str) -> Account:
    return replace(ACCOUNT, password_command=(sys.executable, "-c", program))


def test_a_command_says_the_password_in_its_first_line():
    assert password_of(says("print('canary pass'); print('more')"), {}) == "canary pass"


@pytest.mark.parametrize(
    "program",
    [
        "",
        "print()",
        "import sys; print('canary'); sys.exit('canary')",
        "import sys; sys.stdout.buffer.write(b'\\xff')",
    ],
)
def test_a_command_that_says_none_is_named_and_what_it_printed_is_not(program):
    with pytest.raises(ConfigError) as raised:
        password_of(says(program), {})
    assert "canary" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_an_account_without_a_user_has_no_password():
    assert password_of(replace(ACCOUNT, user=""), {}) == ""
