"""Who gets in at the endpoint."""

import os

import pytest

from umi_edge.doors.chat_request import ApiError
from umi_edge.doors.doorkeeper import Doorkeeper, door_key, is_loopback
from umi_shared.errors import ConfigError

KEY = "umi-" + "k" * 40
GOOD = {"host": "127.0.0.1:4864", "authorization": f"Bearer {KEY}"}


@pytest.mark.parametrize("host", ["127.0.0.1:4864", "localhost:1", "localhost", "[::1]:4864", "LOCALHOST:80"])
def test_this_machine_with_the_key_gets_in(host):
    Doorkeeper(KEY).check(GOOD | {"host": host})


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"authorization": ""}, 401, "--show-key"),
        ({"authorization": "Bearer wrong"}, 401, "--show-key"),
        ({"authorization": f"Basic {KEY}"}, 401, "--show-key"),
        ({"authorization": "Bearer schlüssel"}, 401, "--show-key"),
        ({"host": "evil.example:4864"}, 403, "another host"),
        ({"host": "127.0.0.1.evil.example"}, 403, "another host"),
        ({"host": "localhost.evil.example:4864"}, 403, "another host"),
        ({"host": ""}, 403, "another host"),
        ({"origin": "https://evil.example"}, 403, "--origin https://evil.example"),
        ({"origin": "null"}, 403, "--origin null"),
        ({"origin": "http://a\x1b[2J"}, 403, "--origin ORIGIN"),
    ],
)
def test_everybody_else_stays_outside(changes, status, said):
    with pytest.raises(ApiError) as refused:
        Doorkeeper(KEY).check(GOOD | changes)
    assert refused.value.status == status
    assert said in refused.value.message
    assert KEY not in refused.value.message


def test_a_page_that_is_named_may_ask_with_the_key():
    keeper = Doorkeeper(KEY, origins=frozenset({"http://localhost:3000"}))
    keeper.check(GOOD | {"origin": "http://localhost:3000"})
    with pytest.raises(ApiError):
        keeper.check(GOOD | {"origin": "http://localhost:3000", "authorization": ""})


def test_the_key_is_made_once_and_is_the_users_alone(tmp_path):
    path = tmp_path / "umi" / "serve.key"
    key = door_key(path)
    assert len(key) > 40
    assert door_key(path) == key
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o644)
        with pytest.raises(ConfigError, match="others can read"):
            door_key(path)


def test_an_empty_key_lets_nobody_in(tmp_path):
    path = tmp_path / "serve.key"
    path.touch(mode=0o600)
    with pytest.raises(ConfigError, match="holds no key"):
        door_key(path)


def test_names_that_only_look_like_loopback():
    assert is_loopback("127.8.0.1")
    assert not is_loopback("128.0.0.1")
    assert not is_loopback("localhost.")


def test_umis_own_page_may_ask_and_one_of_another_port_may_not():
    Doorkeeper(KEY).check(GOOD | {"origin": "http://127.0.0.1:4864"})
    for origin in ("http://127.0.0.1:4865", "https://127.0.0.1:4864", "http://localhost:4864"):
        with pytest.raises(ApiError):
            Doorkeeper(KEY).check(GOOD | {"origin": origin})


def test_a_file_of_the_page_needs_no_key_but_the_right_place():
    Doorkeeper(KEY).check_place({"host": "localhost:4864"})
    with pytest.raises(ApiError):
        Doorkeeper(KEY).check_place({"host": "evil.example"})
