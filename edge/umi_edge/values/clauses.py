"""Clauses of a request: where words stand in it, and where the clause ends that they begin.

Covered: the end of a sentence or a quotation; a further errand or question; what says where something is to be put, or
to whom it goes; politeness. In English, German, French and Spanish.
Not covered: an errand whose verb `clause_words.yaml` does not have, and that nothing sets off.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files

from ruamel.yaml import YAML

from umi_shared.handles import HANDLE_PATTERN

__all__ = ["Request", "Run", "errand_at", "folded"]

_TOKEN = re.compile(r"\S+")
_EDGES = "\"'()[]{},;:!?.…“”„«»*_"
_MOST_SKIPPED = 2
"""Words at the beginning of a text that may be other ones than the request's."""
_MOST_BEFORE_A_COMPLEMENT = 4
"""Words between `and` and `that` where somebody else is told something: `and the dentist that …`."""
_LONGEST_RECIPIENT = 3
_LONGEST = 1_000
"""Characters of a clause beyond its beginning; a longer one has no end that is to be relied on."""
_BEFORE = 40
"""Characters before a clause that are looked at."""
_MOST_WORDS = 200
"""Words of a request of which some are to be told; a longer one is a text itself."""
_LONGEST_NAME = 3
"""Words of whom or where something is, which nothing ends but the clause."""
_SENTENCE = re.compile(r"[.!?…]+(?=[\s\"”»“)]|$)|[\n;]")
_PAIRS = (("“", "”"), ("„", "“"), ("«", "»"), ("(", ")"))
_COMMA = re.compile(r",(?=\s)")
_RECIPIENT = re.compile(rf"\s(?:to|à|an(?=\s(?:<|[^\W\d_a-z])))(?:\s+[^\s,]+){{1,{_LONGEST_RECIPIENT}}}\s*\Z")
"""To whom something goes, at an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Where a text stands in a request."""

    start: int
    end: int
    own: str = field(repr=False)
    """The text as it was written, as far as it has whole words."""
    goes_on: int
    """Where the request has what comes behind that."""
    words: int
    """How many of the request's words it is."""


@dataclass(frozen=True)
class Request:
    """What somebody asked for, in clear text and handles."""

    text: str = field(repr=False)

    @cached_property
    def _folded(self) -> str:
        return folded(self.text)

    @cached_property
    def _words(self) -> tuple[tuple[int, int], ...]:
        return tuple(_words(self._folded))

    def run_of(self, text: str) -> Run | None:
        """Where a text stands, but for its case, its end and a small beginning; None where it does not, or may be at
        several places.

        Its first or its last word may be a part of the request's: it is then the whole one that is meant.

        >>> request = Request("maill stefan vogt taht rev c must be recaled")
        >>> found = request.run_of("Taht rev.")
        >>> request.text[found.start : found.end]
        'taht rev'
        """
        plain = folded(text)
        own = list(_words(plain))
        for skipped in range(min(_MOST_SKIPPED, len(own) - 1) + 1):
            said = [plain[start:end] for start, end in own[skipped:]]
            if not said or (skipped and len(said) <= skipped):
                return None
            found = [at for at in range(len(self._words) - len(said) + 1) if self._has(said, at)]
            if len(found) > 1:
                return None
            for at in found:
                return self._run(text, own, skipped, at)
        return None

    def _run(self, text: str, own: list[tuple[int, int]], skipped: int, at: int) -> Run:
        """The run of the words of a text, without those that are skipped, at one of the request's."""
        said = len(own) - skipped
        (start, first_end), (last_start, end) = self._words[at], self._words[at + said - 1]
        whole = end - last_start == own[-1][1] - own[-1][0]
        written, goes_on = (text[: own[-1][1]], end) if whole else (text[: own[-1][0]], last_start)
        begins, ends = own[skipped]
        begun = first_end - (ends - begins)
        if said > 1 and begun > start and self._folded[begun - 1].isalnum():
            word = self.text[start:first_end]
            word = word[:1].upper() + word[1:] if text[begins].isupper() else word
            written = text[:begins] + word + written[ends:]
        elif said > 1:
            start = begun
        return Run(start=start, end=end, own=written, goes_on=goes_on, words=said)

    def _has(self, said: list[str], at: int) -> bool:
        there = [self._folded[start:end] for start, end in self._words[at : at + len(said)]]
        if len(said) > 1 and there[-1].startswith(said[-1]):
            there[-1] = said[-1]
        if len(said) > 2 and there[0].endswith(said[0]):
            there[0] = said[0]
        return said == there

    def is_introduced(self, start: int) -> bool:
        """Whether what stands before a place says that words follow which somebody is to be told."""
        return self._stands_before("introduced", start)

    def is_object(self, start: int) -> bool:
        """Whether a place is what an errand is done with: its verb stands before, with an article at most."""
        return self._stands_before("errand_before", start)

    def _stands_before(self, name: str, start: int) -> bool:
        return _patterns()[name].search(self._folded, max(start - _BEFORE, 0), start) is not None

    def clause_end(self, run: Run, stops: Iterable[int] = ()) -> int:
        """Where the clause ends that a run of it stands in; `stops` are places where other words begin."""
        introduced = self.is_introduced(run.start)
        end = self._sentence_end(run)
        if end - run.end > _LONGEST:
            return run.end
        stop = min((place for place in stops if run.end <= place < end), default=end)
        cut = min(self._cuts(run, end, introduced=introduced), default=end)
        if stop < cut:
            return self._without(_patterns()["dangling"], run.end, stop)
        end = self._without(_patterns()["politeness"], run.end, cut)
        if self.is_object(run.start) and (to := _RECIPIENT.search(self.text, run.end, end)):
            end = to.start()
        return end

    def errand_of(self, text: str) -> str:
        """Of several errands the one that a text stands in; the whole request where it stands in none, or there is one.

        What goes on with `it` is the same errand.

        >>> Request("Tell Tom I row on 3 October, and write on my list to pay until the 15th").errand_of("Pay")
        'and write on my list to pay until the 15th'
        """
        run = self.run_of(text)
        if run is None:
            return self.text
        begins = [one.start() for one in _patterns()["next_errand"].finditer(self._folded)]
        start = max((at for at in begins if at <= run.start), default=0)
        end = min((at for at in begins if at >= run.end), default=len(self.text))
        return self.text[start:end].strip(" ,;.!?\n")

    def heading_end(self, run: Run, stops: Iterable[int] = ()) -> int:
        """Where a heading ends that begins with a run: with its clause where that is introduced, but before a comma.

        Else with whom or where it is, as in `lunch with Anna`.
        """
        commas = (one.start() for one in _COMMA.finditer(self._folded, run.end))
        end = self.clause_end(run, [*stops, *commas])
        if self.is_introduced(run.start):
            return end
        last = self._folded[: run.end].rpartition(" ")[2]
        at = run.end - len(f" {last}") if last in _data()["beside"] else run.end
        while (beside := _patterns()["beside"].match(self._folded, at, end)) is not None:
            words = (beside["words"] or "").split()
            if len(words) > _LONGEST_NAME or not set(_data()["no_name"]).isdisjoint(words):
                break
            at = beside.end()
        return max(at, run.end)

    def _cuts(self, run: Run, end: int, *, introduced: bool) -> Iterator[int]:
        names = ["errand", "keeper", "question", "ask", "closing"]
        names += [] if introduced else ["place", "named"]
        names += ["comma"] if run.start == self._words[0][0] else []
        for name in names:
            yield from (one.start() for one in _patterns()[name].finditer(self._folded, run.end, end))

    def _sentence_end(self, run: Run) -> int:
        end = self._quotation_end(run)
        for found in _SENTENCE.finditer(self._folded, run.end, end):
            before = self._folded[: found.start()].rpartition(" ")[2].lstrip(_EDGES)
            if found[0] != "." or before not in _data()["abbreviations"]:
                return found.start()
        return end

    def _quotation_end(self, run: Run) -> int:
        """Where the quotation ends that a run of it stands in, or what is in brackets."""
        before = self.text[: run.start]
        closers = [close for begin, close in _PAIRS if before.rfind(begin) > before.rfind(close)]
        closers += ['"'] * (before.count('"') % 2)
        ends = (self.text.find(close, run.end) for close in closers)
        return min((end for end in ends if end >= 0), default=len(self.text))

    def _without(self, pattern: "re.Pattern[str]", start: int, end: int) -> int:
        """Where a text ends without what must not end it."""
        while (found := pattern.search(self._folded, start, end)) is not None:
            end = found.start()
        return end

    def told(self) -> tuple[str, ...]:
        """The clauses that somebody may be to be told, by where they begin: the one behind `that`, if there is one."""
        starts = [start for start, _ in self._words] if len(self._words) <= _MOST_WORDS else []
        introduced = [start for start in starts if self.is_introduced(start)]
        found = []
        for start, end in self._words:
            if start in (introduced[:1] or starts[1:]):
                run = Run(start=start, end=end, own="", goes_on=start, words=1)
                clause = self.text[start : self.clause_end(run)].rstrip()
                found += [clause] if " " in clause else []
        return tuple(dict.fromkeys(found))


def folded(text: str) -> str:
    """Small letters without accents, as many as there were.

    >>> folded("Für Zoë’s Fête")
    "fur zoe's fete"
    """
    return "".join(map(_folded_character, text))


@cache
def _folded_character(character: str) -> str:
    plain = unicodedata.normalize("NFKD", character)[0].lower()[0]
    return {"’": "'", "‘": "'"}.get(plain, plain)


def errand_at(text: str, *, besides: frozenset[str] = frozenset()) -> bool:
    """Whether a text asks for something to be done, at its beginning or where a further clause begins.

    `besides` are verbs that do not count.

    >>> errand_at("Book the hall, please"), errand_at("when is book club?"), errand_at("hi, and can you move it?")
    (True, False, True)
    """
    return _errand(besides).search(folded(text)) is not None


@cache
def _errand(besides: frozenset[str]) -> "re.Pattern[str]":
    verbs = {*_data()["errands"]} - besides
    one = "(?:" + "|".join(re.escape(word) for word in sorted(verbs, key=len, reverse=True)) + r")(?![\w'-])"
    filled = rf"(?:{_one_of('fillers', 'politeness')}\b,?\s+)*"
    begins = rf"(?:\A\W*(?:(?:hi|hey|hello|ok|okay|umi|no|nah)\b\W+)*|[.!?;:,]\s+|\b{_one_of('joiners', 'asks')}\s+)"
    return re.compile(
        rf"{begins}{filled}{one}(?! (?:me|us|mir|uns|moi|nous|nos|of|address(?:es)?|von|de)\b)(?!\W*\Z)"
    )


def _words(text: str) -> Iterator[tuple[int, int]]:
    for match in _TOKEN.finditer(text):
        word = match[0].strip(_EDGES)
        if word:
            start = match.start() + match[0].index(word)
            yield start, start + len(word)


@cache
def _data() -> Mapping[str, list[str]]:
    text = (files("umi_edge.values") / "clause_words.yaml").read_text("utf-8")
    data: Mapping[str, list[str]] = YAML(typ="safe").load(text)
    return data


def _one_of(*kinds: str) -> str:
    words = {word for kind in kinds for word in _data()[kind]}
    return "(?:" + "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) + ")"


@cache
def _patterns() -> Mapping[str, "re.Pattern[str]"]:
    """What ends a clause, by kind. Each begins with what sets it off, which goes with it."""
    ends = r"(?![\w'-])"
    before = r"(?:,\s*|\s+)"
    filled = rf"(?:{_one_of('fillers')}{ends}\s+)"
    joined = rf"(?:{before}{_one_of('joiners')}{ends}\s+{filled}*|,\s*{filled}*|\s+{filled}+)"
    further = (
        rf"{_one_of('errands', 'asks', 'questions')}{ends}|(?:\S+\s+){{1,{_MOST_BEFORE_A_COMPLEMENT}}}"
        rf"{_one_of('complements')}{ends}"
    )
    subject = "".join(rf"(?<!\s{re.escape(word)})" for word in _data()["not_imperative"])
    beside, handle = _one_of("beside"), rf"{HANDLE_PATTERN}(?:'s)?"
    handles = rf"{handle}(?:\s+{_one_of('joiners')}\s+{handle})*"
    plain = rf"\S+(?:\s+(?!{beside}{ends})\S+)*"
    return {
        name: re.compile(pattern)
        for name, pattern in {
            "errand": rf"{joined}(?!{_one_of('complements')}{ends})(?:{further})",
            "next_errand": rf"(?:{joined}|[.!?;]\s+{filled}*){_one_of('errands', 'asks', 'questions')}{ends}"
            rf"(?!\s+{_one_of('kept', 'all_of_them')}{ends})",
            "keeper": rf"{subject}{before}{_one_of('keepers')}\s+{_one_of('kept')}{ends}",
            "question": rf"{before}{_one_of('bare_questions')}{ends}",
            "ask": rf"{before}{_one_of('asks')}{ends}",
            "place": rf"{before}(?:{_one_of('into')}\s+{_one_of('whose')}\s+(?:[\w'-]+\s+){{0,2}}?{_one_of('stores')}"
            rf"|{_one_of('as_store')}){ends}",
            "named": rf"{before}{_one_of('named')}{ends}",
            "closing": rf"{before}{_one_of('closings')}{ends}",
            "comma": r",(?=\s)",
            "beside": rf"\s+{beside}\s+(?:{handles}|(?P<words>{plain}))",
            "introduced": rf"(?:(?<![\w'-])(?:{_one_of('introducers')}\s+|qu')|:\s*|[\"“„«]\s*)\Z",
            "errand_before": rf"(?<![\w'-]){_one_of('errands')}\s+(?:{_one_of('whose')}\s+)?\Z",
            "dangling": rf"(?:\s+{_one_of('dangling')}|[\s,:–-]+)\Z",
            "politeness": rf"{before}{_one_of('politeness')}[\s,]*\Z",
        }.items()
    }
