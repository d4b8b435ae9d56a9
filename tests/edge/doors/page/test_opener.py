"""The page is opened for a program's sake: where it is not open, seldom, and by a code that works once."""

import webbrowser
from pathlib import Path

import pytest

from umi_edge.doors.page.opener import PageOpener
from umi_edge.doors.place import Place
from umi_edge.doors.user_key import UserKey


class Screen:
    """A browser, and what it opened."""

    def __init__(self, folder: Path) -> None:
        self.key = UserKey()
        self.place = Place(folder)
        self.pages: list[str] = []
        self.works = True
        self.followed = False
        self.time = 0.0
        self.opener = PageOpener(
            place=self.place,
            key=self.key,
            is_followed=lambda: self.followed,
            browser=self.browse,
            now=lambda: self.time,
        )
        self.opener.url = "http://127.0.0.1:4864"

    def browse(self, address: str) -> bool:
        assert address == self.place.shortcut.resolve().as_uri()
        self.pages.append(self.place.shortcut.read_text())
        return self.works


@pytest.fixture
def screen(tmp_path: Path) -> Screen:
    return Screen(tmp_path)


async def test_it_opens_at_the_view_with_a_code_for_the_users_eyes(screen):
    assert await screen.opener.open("live/abc")
    [page] = screen.pages
    code = page.partition("#code=")[2].partition("&amp;at=live/abc")[0]
    assert screen.key.is_exchanged(code)
    assert screen.place.shortcut.stat().st_mode & 0o077 == 0
    assert screen.key.text not in page
    assert screen.key.text not in repr(screen.opener)


async def test_an_open_page_is_enough(screen):
    screen.followed = True
    assert await screen.opener.open("approvals")
    assert screen.pages == []


async def test_a_program_that_asks_on_and_on_gets_one_page(screen):
    for _ in range(5):
        assert await screen.opener.open("approvals")
    assert len(screen.pages) == 1
    screen.time = 21
    assert await screen.opener.open("approvals")
    assert len(screen.pages) == 2


async def test_without_a_browser_it_is_not_open(screen, monkeypatch):
    screen.works = False
    assert not await screen.opener.open("approvals")
    assert not await screen.opener.open("approvals")

    def fails(_: str) -> bool:
        raise webbrowser.Error("no browser")

    screen.opener.browser = fails
    assert not await screen.opener.open("approvals")
    screen.opener.browser = None
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert not await screen.opener.open("approvals")
