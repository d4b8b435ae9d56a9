"""The page's files: no markup from text, nothing from elsewhere, nothing inline."""

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[4] / "edge/umi_edge/doors/page/static"
FILES = sorted(STATIC.iterdir())
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacent|document\.write|srcdoc|DOMParser|createContextualFragment|setHTML"
    r"|\beval\b|new Function|setTimeout\(\s*[\"'`]|javascript:|cssText"
)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_text_becomes_markup_or_code(file):
    assert not MARKUP.search(file.read_text("utf-8"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_comes_from_elsewhere(file):
    text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}|@import|url\(", text)


def test_nothing_is_inline():
    page = (STATIC / "index.html").read_text("utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", page)


def test_it_is_small():
    assert sum(file.stat().st_size for file in FILES) < 150_000
