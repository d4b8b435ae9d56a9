"""The page in the browser, without a code among a command's words."""

from pathlib import Path

from umi_edge.doors.place import Place
from umi_edge.doors.shortcut import browse

PAGE = "http://127.0.0.1:4864/#code=" + "c" * 43


def test_the_browser_is_given_a_file_that_leads_on(tmp_path: Path) -> None:
    place, opened = Place(tmp_path), list[str]()

    def browser(address: str) -> bool:
        opened.append(address)
        return True

    assert browse(place, PAGE, browser)
    (address,) = opened
    assert "code" not in address
    assert place.shortcut.as_uri() == address
    assert PAGE in place.shortcut.read_text()
    assert place.shortcut.stat().st_mode & 0o077 == 0
    assert not browse(place, PAGE, lambda _: False)
