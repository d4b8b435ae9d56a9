"""The page in the browser, without the key among a command's words."""

from pathlib import Path

from umi_edge.doors.background import browse
from umi_edge.doors.place import Place, Running


def test_the_browser_is_given_a_file_that_leads_on(tmp_path: Path) -> None:
    place, opened = Place(tmp_path), list[str]()
    running = Running(4864, 1, "umi-" + "k" * 40)

    def browser(address: str) -> bool:
        opened.append(address)
        return True

    assert browse(place, running, browser)
    (address,) = opened
    assert running.key not in address
    assert place.shortcut.as_uri() == address
    assert running.page in place.shortcut.read_text()
    assert place.shortcut.stat().st_mode & 0o077 == 0
    assert not browse(place, running, lambda _: False)
