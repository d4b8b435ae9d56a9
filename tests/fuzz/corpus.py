"""The corpus, and bytes that are near it: what is checked in is replayed, and mutated, in every run.

A file that a finding comes down to belongs in the corpus: `tests/fuzz/corpus/<what>/`.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st

FOLDER = Path(__file__).parent / "corpus"
FUZZ = settings(max_examples=150, deadline=3000)
"""An example that takes longer than the deadline, in milliseconds, counts as a hang."""


def seeds(what: str) -> list[bytes]:
    """The corpus of one target."""
    return [path.read_bytes() for path in sorted((FOLDER / what).iterdir())]


def texts(what: str) -> list[str]:
    """The same, as text."""
    return [seed.decode(errors="replace") for seed in seeds(what)]


@st.composite
def near(draw: st.DrawFn, what: str) -> bytes:
    """A seed with a few cuts, doublings, flips, insertions, and pieces of other seeds."""
    pool = seeds(what)
    raw = draw(st.sampled_from(pool))
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(raw)))
        end = min(len(raw), at + draw(st.integers(0, 12)))
        match draw(st.sampled_from(["cut", "double", "flip", "insert", "splice"])):
            case "cut":
                raw = raw[:at] + raw[end:]
            case "double":
                raw = raw[:end] + raw[at:end] * draw(st.integers(1, 8)) + raw[end:]
            case "flip" if at < len(raw):
                raw = raw[:at] + bytes([raw[at] ^ (1 << draw(st.integers(0, 7)))]) + raw[at + 1 :]
            case "insert":
                raw = raw[:at] + draw(st.binary(min_size=1, max_size=6)) + raw[at:]
            case "splice":
                other = draw(st.sampled_from(pool))
                start = draw(st.integers(0, len(other)))
                raw = raw[:at] + other[start : start + 40] + raw[at:]
    return raw


def near_text(what: str) -> st.SearchStrategy[str]:
    """The same, as text."""
    return near(what).map(lambda raw: raw.decode(errors="replace"))


def replayed(what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test for every file of a corpus, under the file's name."""
    paths = sorted((FOLDER / what).iterdir())
    return pytest.mark.parametrize("raw", [path.read_bytes() for path in paths], ids=[p.name for p in paths])
