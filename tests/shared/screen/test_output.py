"""What the screen makes of text that would steer a terminal."""

import io
import json
import unicodedata

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from umi_shared.screen.output import Coloured, say, say_bytes, say_json, say_text
from umi_shared.screen.text import one_line, visible

HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
STEERS = st.text(st.characters(categories=HIDDEN) | st.characters())


def printed(command) -> bytes:
    return CliRunner().invoke(click.command()(command), [], catch_exceptions=False).stdout_bytes


def steers(text: str, kept: str = "") -> list[str]:
    """By Python's own tables, not by those of `regex`; what a newer Unicode has assigned passes."""
    return [one for one in text if unicodedata.category(one) in HIDDEN[:4] + HIDDEN[5:] and one not in kept]


@given(STEERS)
def test_nothing_that_steers_a_terminal_is_left(text):
    spelt = "\u200c\u200d"
    assert not steers(visible(text), f"\n\t{spelt}")
    assert not steers(one_line(text), spelt)
    assert len(one_line(text).splitlines()) <= 1


@given(STEERS.filter(lambda text: not any(0xD800 <= ord(one) < 0xE000 for one in text)))
def test_json_says_the_same_to_a_program_and_nothing_to_a_terminal(text):
    out = io.StringIO()
    say_json({"said": text}, file=out)
    assert json.loads(out.getvalue()) == {"said": text}
    assert not steers(out.getvalue(), "\n")


def test_a_lone_surrogate_is_shown_and_escaped():
    out = io.StringIO()
    say_json("\udcff", file=out)
    assert out.getvalue() == '"\\udcff"\n'
    assert visible("\udcff") == "<U+DCFF>"


@pytest.mark.parametrize(
    "text", ["👩\u200d👧", "❤\ufe0f", "می\u200cخواهم", "क्\u200dष", "naïve – 你好\u3000e\u0301"]
)
def test_what_is_spelt_with_joiners_stays_as_it_is(text):
    assert visible(text) == one_line(text) == text


@pytest.mark.parametrize("text", ["a\u200db", "a\u200cb", "a\ufe0f", "1\u200d2", "\u200d", "👩\u200d"])
def test_a_joiner_where_nothing_is_spelt_with_it_is_shown(text):
    assert "<U+" in visible(text)


def test_a_line_stays_one_line_and_only_umi_colours_it():
    shown = printed(lambda: say(("x\x1b[31m\n", Coloured("FAIL\x1b[0m\n", "red"), " y"), "second")).decode()
    assert shown == "x\\x1b[31m␊FAIL\\x1b[0m␊ y\nsecond\n"


def test_a_text_keeps_its_lines():
    assert printed(lambda: say_text("one\r\n\ttwo\x9b\n")) == b"one\n\ttwo\\x9b\n"


def test_a_file_is_copied_byte_for_byte_where_it_is_piped():
    assert printed(lambda: say_bytes([b"\x1b\xff\n", b"\x00"])) == b"\x1b\xff\n\x00"
