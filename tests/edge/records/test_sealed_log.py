"""A sealed log: what is added is read back, and nothing can be taken out of it or changed without a word."""

import pytest

from umi_edge.records import SealedLog
from umi_shared.errors import ConfigError

KEY = bytes(32)


@pytest.fixture
def log(tmp_path):
    return SealedLog(tmp_path / "log", KEY)


def test_a_log_that_was_never_begun_is_empty_and_sound(log):
    read = log.read()
    assert (read.lines, read.damage) == ((), "")


def test_lines_are_read_back_in_order_and_numbered_and_none_stands_in_the_file(log):
    assert [log.add(b"one canary"), log.add(b"two canary")] == [1, 2]
    read = log.read()
    assert (read.lines, read.damage) == ((b"one canary", b"two canary"), "")
    assert b"canary" not in log.path.read_bytes()


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("how", ["changed", "taken out", "doubled", "swapped"])
def test_a_change_anywhere_is_noticed_and_no_line_is_invented(log, number, how):
    for line in (b"one", b"two", b"three"):
        log.add(line)
    lines = log.path.read_bytes().splitlines(keepends=True)
    if how == "changed":
        lines[number] = (
            lines[number][:20] + (b"A" if lines[number][20:21] != b"A" else b"B") + lines[number][21:]
        )
    elif how == "taken out":
        del lines[number]
    elif how == "doubled":
        lines.insert(number, lines[number])
    else:
        lines[number], lines[number - 1] = lines[number - 1], lines[number]
    log.path.write_bytes(b"".join(lines))
    read = log.read()
    assert read.damage
    assert set(read.lines) <= {b"one", b"two", b"three"}


def test_a_log_that_is_gone_and_one_of_another_key_are_noticed(log, tmp_path):
    log.add(b"one")
    assert SealedLog(log.path, bytes(31) + b"x").read().damage
    log.path.unlink()
    assert log.read().damage == "it is gone"
    assert SealedLog(tmp_path / "other", KEY).read().damage == ""


def test_what_a_crash_left_of_a_line_is_no_damage_and_the_next_line_takes_its_place(log):
    log.add(b"one")
    with log.path.open("ab") as file:
        file.write(b"AAAA")
    assert (log.read().lines, log.read().damage) == ((b"one",), "")
    assert log.add(b"two") == 2
    assert (log.read().lines, log.read().damage) == ((b"one", b"two"), "")


def test_a_crash_before_the_count_is_noted_is_no_damage(log):
    log.add(b"one")
    count = log.path.with_name("log.count")
    before = count.read_bytes()
    log.add(b"two")
    count.write_bytes(before)
    assert log.read().damage == ""


def test_a_renewed_log_has_what_it_is_given(log):
    log.add(b"one")
    log.path.write_bytes(b"rubbish\n")
    assert log.read().damage
    log.renew([b"two", b"three"])
    assert (log.read().lines, log.read().damage) == ((b"two", b"three"), "")


def test_a_disk_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError):
        SealedLog(tmp_path / "file" / "log", KEY).add(b"one")
