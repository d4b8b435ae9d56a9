"""No path leads out of the allowed folders."""

import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from umi_edge.tools.builtin import allowed_root
from umi_edge.tools.builtin.allowed_root import AllowedRoot, parts_of
from umi_edge.tools.builtin.files import FilesConfig, FileShelf
from umi_edge.tools.outcome import FailureKind, ToolFailure

SECRET = "the secret outside"
links = pytest.mark.skipif(os.name == "nt", reason="links take a privilege on Windows")


@pytest.fixture(scope="module")
def shelf() -> Iterator[FileShelf]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "files")
        (root / "sub").mkdir(parents=True)
        Path(folder, "secret.txt").write_text(SECRET)
        (root / "a.txt").write_text("inside a")
        (root / "sub" / "b.txt").write_text("inside b")
        if os.name != "nt":
            (root / "out").symlink_to(folder)
            (root / "out.txt").symlink_to(Path(folder, "secret.txt"))
            (root / "loop").symlink_to(root / "loop")
            (root / "in.txt").symlink_to(root / "sub" / "b.txt")
        yield FileShelf(FilesConfig(roots=(root,)))


INSIDE = ["files", "sub", "a.txt", "b.txt", "out", "out.txt", "loop", "in.txt"]
UPWARD = ["..", ".", "", "...", " ..", "..\\..", "\uff0e\uff0e", "\u2025", "%2e%2e", "~"]
ABSOLUTE = ["//", "C:", "c:a.txt", "\\\\host\\share", "\\\\?\\C:", "etc", "passwd", "secret.txt"]
NAMES = ["CON", "nul.txt", "COM1", "a.txt::$DATA", "a.txt:x", "a.txt.", "a.txt ", "?", "\x00"]
pieces = st.sampled_from([*INSIDE, *UPWARD, *ABSOLUTE, *NAMES])
paths = st.builds(
    lambda parts, separators: "".join(p + s for p, s in zip(parts, separators, strict=False)),
    st.lists(pieces | st.text(max_size=8), min_size=1, max_size=8),
    st.lists(st.sampled_from(["/", "\\", "//", ""]), min_size=8, max_size=8),
)


@given(paths)
@example("/etc/passwd")
@example("../secret.txt")
@example("..\\secret.txt")
@example("files/../../secret.txt")
@example("sub/../../secret.txt")
@example("out/secret.txt")
@example("out.txt")
@example("files/out/files/a.txt")
@example("loop")
@example("\\\\localhost\\c$\\secret.txt")
@example("C:\\secret.txt")
@example("sub")
def test_what_is_read_is_inside(shelf, path):
    try:
        text = shelf.read(path).text
    except ToolFailure as failure:
        text = failure.kind.value
    assert text in ("inside a", "inside b", "not-found")


def test_a_path_inside_is_read_with_and_without_its_root(shelf):
    assert shelf.read("files/sub/b.txt").text == "inside b"
    assert shelf.read("sub\\b.txt").path == "files/sub/b.txt"


@links
def test_a_link_that_stays_inside_is_followed_and_a_search_shows_none_twice(shelf):
    assert shelf.read("in.txt").text == "inside b"
    assert SECRET not in [file.text for file in shelf.search("txt")[0]]
    assert not shelf.search("secret outside")[0]


DEVICES = ["CON", "con.txt", "sub/NUL", "aux.tar.gz", "LPT9", "COM\u00b9.txt", "conin$"]
ODD = [
    "a.txt::$DATA",
    "C:a",
    "a. ",
    "a.",
    "a\x00b",
    "a\nb",
    "a*",
    "x" * 1001,
    "",
    "/",
    "a//b",
    "./a",
    "a/.",
    ".ssh/id",
]


@pytest.mark.parametrize("path", [*DEVICES, *ODD])
def test_names_with_a_meaning_of_their_own_are_refused_on_every_system(path):
    with pytest.raises(ToolFailure) as caught:
        parts_of(path)
    assert caught.value.kind is FailureKind.NOT_FOUND


@pytest.mark.parametrize("path", ["constant.txt", "com.txt", "com10.txt", "nulls/a", "é/日本.txt", "a b.txt"])
def test_ordinary_names_are_taken(path):
    assert "/".join(parts_of(path)) == path


@links
@pytest.mark.parametrize("walk", [True, False])
def test_a_link_that_is_put_there_meanwhile_never_gives_what_is_outside(tmp_path, monkeypatch, walk):
    monkeypatch.setattr(allowed_root, "_CAN_WALK", walk)
    root, outside = tmp_path / "files", tmp_path / "outside"
    for folder, text in ((root / "d", "inside"), (outside, SECRET)):
        folder.mkdir(parents=True)
        (folder / "x.txt").write_text(text)
    done = threading.Event()

    def swap() -> None:
        """Put a link in the place of the folder and back, over and over."""
        while not done.is_set():
            (root / "d").rename(root / "real")
            (root / "d").symlink_to(outside)
            (root / "d").unlink()
            (root / "real").rename(root / "d")

    thread = threading.Thread(target=swap)
    thread.start()
    seen = set()
    try:
        for _ in range(3000):
            try:
                seen.add(AllowedRoot(root).read(("d", "x.txt"), 100))
            except ToolFailure as failure:
                seen.add(failure.kind.value.encode())
    finally:
        done.set()
        thread.join()
    assert seen <= {b"inside", b"not-found"}
    assert AllowedRoot(root).read(("d", "x.txt"), 100) == b"inside"


@links
@pytest.mark.parametrize("walk", [True, False])
def test_a_link_put_between_the_check_and_the_opening_is_refused(tmp_path, monkeypatch, walk):
    monkeypatch.setattr(allowed_root, "_CAN_WALK", walk)
    root = tmp_path / "files"
    root.mkdir()
    (root / "x.txt").write_text("inside")
    (tmp_path / "secret.txt").write_text(SECRET)
    opened = os.open

    def late(path, flags, *rest, **named):
        if str(path).endswith("x.txt"):
            (root / "x.txt").unlink()
            (root / "x.txt").symlink_to(tmp_path / "secret.txt")
        return opened(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", late)
    with pytest.raises(ToolFailure):
        AllowedRoot(root).read(("x.txt",), 100)


def test_files_that_are_binary_too_large_or_no_files_are_refused(tmp_path):
    root = tmp_path / "files"
    root.mkdir()
    (root / "binary").write_bytes(b"\x00\x01\x02")
    (root / "large.txt").write_bytes(b"x" * 101)
    shelf = FileShelf(FilesConfig(roots=(root,), max_file_bytes=100))
    kinds = {}
    for name in ("binary", "large.txt", "nothing.txt"):
        with pytest.raises(ToolFailure) as caught:
            shelf.read(name)
        kinds[name] = caught.value.kind.value
    assert kinds == {
        "binary": "not-json",
        "large.txt": "too-large",
        "nothing.txt": "not-found",
    }
    assert [file.path for file in shelf.search("binary")[0]] == ["files/binary"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_does_not_hang_the_search(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    shelf = FileShelf(FilesConfig(roots=(tmp_path,)))
    assert [file.text for file in shelf.search("pipe")[0]] == [""]


def test_two_roots_of_one_name_are_told_apart(tmp_path):
    for parent in ("one", "two"):
        (tmp_path / parent / "docs").mkdir(parents=True)
        (tmp_path / parent / "docs" / "x.txt").write_text(parent)
    shelf = FileShelf(FilesConfig(roots=(tmp_path / "one" / "docs", tmp_path / "two" / "docs")))
    assert [file.path for file in shelf.search("x.txt")[0]] == ["docs/x.txt", "docs-2/x.txt"]
    assert shelf.read("docs-2/x.txt").text == "two"
