"""The site as it is built: strict, searchable where its pages are opened as files, and of no other server."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

pytest.importorskip(
    "mkdocs", reason="the documentation's generator is not installed: pip install -e '.[docs]'"
)

LOADED = re.compile(
    r'<(?:script|img|iframe|source)\b[^>]*\bsrc="?([^" >]+)|<link\b[^>]*rel="?(?:stylesheet|icon)[^>]*href="?([^" >]+)'
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built once."""
    folder = tmp_path_factory.mktemp("site")
    ran = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return folder


def test_the_search_finds_pages_without_a_server(site: Path) -> None:
    """A page that is opened as a file may fetch no JSON; so the index is a program as well, and so is the worker."""
    script = (site / "search/search_index.js").read_text(encoding="utf-8")
    index = json.loads(script.removeprefix("var __index = "))
    found = {
        entry["location"].partition("#")[0] for entry in index["docs"] if "declassified" in entry["text"]
    }
    assert {"design.html", "privacy.html"} <= found
    assert 'src="assets/iframe-worker.js"' in (site / "index.html").read_text(encoding="utf-8")


def test_everything_that_a_page_loads_lies_beside_it(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        if page.name == "404.html":  # its addresses begin at the root of whatever server shows it
            continue
        for found in LOADED.findall(page.read_text(encoding="utf-8")):
            address = "".join(found).partition("?")[0].partition("#")[0]
            assert not re.match(r"(https?:)?//", address), f"{page.name} loads {address}"
            if not address.startswith("data:"):
                assert (page.parent / address).exists(), f"{page.name} loads {address}, which is not there"
