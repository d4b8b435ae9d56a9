"""Rich's console as umi uses it: no markup, no links, nothing that steers a terminal."""

import io

import pytest
from rich.panel import Panel
from rich.rule import Rule
from rich.style import Style
from rich.table import Table
from rich.text import Text

from umi_shared.screen.console import Screen

BAD = "[red]a[/red]\x1b[2J\x1b]8;;http://x\x07\u202e\u200b\U000e0041\x9b\ud800[link=http://x]b[/link] :smile:"


def table() -> Table:
    made = Table(BAD, title=BAD, caption=BAD)
    made.add_row(BAD)
    made.add_row(Text(BAD))
    return made


@pytest.mark.parametrize(
    "shown",
    [
        BAD,
        Text(BAD),
        table(),
        Panel(BAD, title=Text(BAD)),
        Rule(BAD),
        Text("a", style=Style(link="http://x\x1b[2J")),
    ],
    ids=lambda shown: type(shown).__name__,
)
def test_nothing_of_a_stranger_steers_the_terminal(shown):
    out = io.StringIO()
    Screen(file=out, width=400, force_terminal=True, color_system=None).print(shown)
    said = out.getvalue()
    assert not set("\x07\u202e\u200b\U000e0041\x9b\ud800") & set(said)
    assert "\x1b" not in said
    assert "😄" not in said
    if "red" in said:
        assert "[red]a[/red]\\x1b[2J" in said
        assert "[link=http://x]b[/link] :smile:" in said


def test_a_string_stays_one_line():
    out = io.StringIO()
    Screen(file=out, width=80).print("a\nasked    mail.send: approved")
    assert out.getvalue() == "a␊asked    mail.send: approved\n"


def test_a_status_reads_no_markup():
    out = io.StringIO()
    with Screen(file=out, width=80, force_terminal=True).status("[link=http://x]runs[/link]\n"):
        pass
    assert "[link=http://x]runs[/link]␊" in out.getvalue()
    assert "\x1b]8" not in out.getvalue()


def test_signs_are_shown_in_reverse_and_styles_stay():
    out = io.StringIO()
    text = Text.assemble(("a\x1bb", "green"), "c")
    Screen(file=out, width=80, force_terminal=True, color_system="standard").print(text)
    assert out.getvalue() == "\x1b[32ma\x1b[0m\x1b[7m\\x1b\x1b[0m\x1b[32mb\x1b[0mc\n"
