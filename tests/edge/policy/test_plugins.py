"""Plug-in detectors: found by a seam, at the text's own offsets; and never taken for one that finds nothing."""

import json
import socket
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from umi_edge.commands.policy import command
from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.release import seen_by
from umi_edge.policy import PLUGINS, Detection, InvalidPolicyError, Plugin, Policy, Scanner, load_policy
from umi_edge.policy.detector import Detector
from umi_edge.policy.span_finder import SpanFinder
from umi_shared.errors import PolicyError, PrivacyError
from umi_shared.handles import render
from umi_shared.labels import PLANNER

FAKE = "{type: person, plugin: fake, entities: [PERSON]}"
PRESIDIO = "{type: person, plugin: presidio, entities: [PERSON, LOCATION], language: en, threshold: 0.5}"
INSTALLED = find_spec("presidio_analyzer") is not None
needs_presidio = pytest.mark.skipif(
    not INSTALLED, reason="presidio-analyzer is an extra: umi-runtime[presidio]"
)


def policy_of(*detectors: str, more: str = "") -> Policy:
    lines = "".join(f"  - {one}\n" for one in detectors)
    return load_policy(f"version: 1\n{more}detect:\n{lines}", "p.yaml")


class Words:
    """A finder of fixed words, as they are written."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(words)

    def find(self, text: str) -> Iterable[tuple[int, int]]:
        for word in self.words:
            start = text.find(word)
            while start >= 0:
                yield start, start + len(word)
                start = text.find(word, start + 1)


class Raising:
    def find(self, text: str) -> Iterable[tuple[int, int]]:
        raise ValueError(f"cannot read {text}")


class Naming:
    """Names whatever spans it is told to."""

    def __init__(self, *spans: object) -> None:
        self.spans = spans

    def find(self, text: str) -> Iterable[tuple[int, int]]:
        return self.spans  # type: ignore[return-value]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[[SpanFinder], None]:
    def put(finder: SpanFinder) -> None:
        monkeypatch.setitem(PLUGINS, "fake", Plugin(make=lambda _: finder))

    return put


def test_what_a_plug_in_finds_is_a_span_of_the_detectors_type(fake: Callable[[SpanFinder], None]) -> None:
    fake(Words(["Nadia", "Oslo"]))
    scanner = Scanner(policy_of(FAKE).detect)
    assert scanner.scan("To Nadia in Oslo") == (
        Detection(3, 8, "person", "p.yaml:3 detect[0] person"),
        Detection(12, 16, "person", "p.yaml:3 detect[0] person"),
    )
    assert scanner.scan("") == ()


@pytest.mark.parametrize(
    "text", ["to Ｎadia, bye", "to Na\u200bdia, bye", "to NADIA\u00ad, bye", "to Nadi\u0430, bye"]
)
def test_a_disguised_word_is_found_at_its_own_offsets(fake: Callable[[SpanFinder], None], text: str) -> None:
    fake(Words(["nadia"]))
    (span,) = Scanner(policy_of(FAKE).detect).scan(text)
    assert (span.start, text[span.end :]) == (3, ", bye")


def test_half_a_surrogate_pair_reaches_no_plug_in(fake: Callable[[SpanFinder], None]) -> None:
    fake(Words(["Nadia"]))
    (span,) = Scanner(policy_of(FAKE).detect).scan("\ud800 Nadia")
    assert (span.start, span.end) == (2, 7)


def test_findings_join_with_those_of_the_other_detectors(fake: Callable[[SpanFinder], None]) -> None:
    fake(Words(["Nadia nadia"]))
    scanner = Scanner(policy_of("{type: email, pattern: builtin}", FAKE).detect)
    (span,) = scanner.scan("Nadia nadia@example.org")
    assert (span.start, span.end, span.type) == (0, 23, "email")


def test_a_labelled_text_has_handles_where_the_plug_in_found(fake: Callable[[SpanFinder], None]) -> None:
    fake(Words(["Nadia"]))
    policy = policy_of(FAKE)
    text = Labeller.fresh(policy, Scanner(policy.detect), {}).instruction("Write to Nadia.")
    assert render(seen_by(text, PLANNER)) == "Write to <person:1>."


@pytest.mark.parametrize(
    "finder",
    [
        Raising(),
        Naming((0, 99)),
        Naming((-1, 2)),
        Naming((2, 2)),
        Naming((3, 1)),
        Naming("x"),
        Naming(("a", "b")),
    ],
)
def test_a_plug_in_that_fails_stops_the_step_without_a_value(
    fake: Callable[[SpanFinder], None], finder: SpanFinder
) -> None:
    fake(finder)
    with pytest.raises(PrivacyError, match=r"the plug-in of p\.yaml:3 detect\[0\] person") as caught:
        Scanner(policy_of(FAKE).detect).scan("SECRET")
    assert "SECRET" not in repr(caught.value) + str(caught.value)
    assert caught.value.__context__ is caught.value.__cause__ is None


def test_a_missing_package_is_an_error_that_names_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(_: Detector) -> SpanFinder:
        raise AssertionError("not to be made")

    absent = Plugin(make=make, module="no_such_module", install="pip install it")
    monkeypatch.setitem(PLUGINS, "fake", absent)
    with pytest.raises(PolicyError, match="is not installed, and nothing is scanned without it") as caught:
        Scanner(policy_of(FAKE).detect)
    assert "pip install it" in caught.value.fix


@pytest.mark.skipif(INSTALLED, reason="Presidio is here")
def test_without_presidio_no_scanner_is_made() -> None:
    with pytest.raises(PolicyError, match="`presidio` is not installed") as caught:
        Scanner(policy_of(PRESIDIO).detect)
    assert "pip install 'umi-runtime[presidio]'" in caught.value.fix


@pytest.mark.parametrize(
    ("detector", "message"),
    [
        ("{type: person, plugin: presido, entities: [PERSON]}", "no plug-in `presido`"),
        ("{type: person, plugin: presidio}", "has no `entities`"),
        ("{type: person, plugin: presidio, entities: []}", "is empty"),
        ("{type: person, plugin: presidio, entities: [PERSON], threshold: 2}", "not allowed"),
        ("{type: person, plugin: presidio, entities: [PERSON], language: English}", "not allowed"),
        ("{type: person, plugin: presidio, entities: [PERSON], parts: true}", "`parts` has no effect"),
        ("{type: person, plugin: presidio, entities: [PERSON], values: [Ann]}", "has `values` and `plugin`"),
        ("{type: email, pattern: builtin, threshold: 0.4}", "`threshold` has no effect without `plugin`"),
        ("{type: email, pattern: builtin, entities: [EMAIL]}", "`entities` has no effect without `plugin`"),
    ],
)
def test_what_is_wrong_with_a_plug_in_is_said_at_its_line(detector: str, message: str) -> None:
    with pytest.raises(InvalidPolicyError, match=r"p\.yaml:4") as caught:
        policy_of("{type: email, pattern: builtin}", detector)
    assert message in caught.value.message


def test_the_detector_says_what_the_policy_does() -> None:
    (detector,) = policy_of(PRESIDIO).detect
    assert (detector.kind, detector.language, detector.threshold) == ("plugin", "en", 0.5)
    assert str(detector) == "person (presidio: PERSON, LOCATION)"
    (plain,) = policy_of("{type: person, plugin: presidio, entities: [PERSON]}").detect
    assert (plain.language, plain.threshold) == ("en", 0.5)


def _run(*arguments: object) -> str:
    return CliRunner().invoke(command, list(map(str, arguments)), catch_exceptions=False).output


def test_check_and_explain_show_it(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(f"version: 1\ndetect:\n  - {PRESIDIO}\ntools: {{a.b: {{results: {{$.x: scan}}}}}}\n")
    out = _run("check", path)
    assert "take out of scanned text: person (presidio: PERSON, LOCATION)." in out
    assert ("is not installed" in out) != INSTALLED
    (detect,) = json.loads(_run("check", path, "--json"))["detect"]
    assert detect == {"type": "person", "kind": "plugin", "line": 3, "plugin": "presidio",
                      "entities": ["PERSON", "LOCATION"]}  # fmt: skip
    out = _run("explain", path, "--tool", "a.b", "--path", "$.x")
    assert "the detectors take out: person (presidio: PERSON, LOCATION) (line 3)" in out


PATTERNS = "{type: private, plugin: presidio, entities: [US_SSN, EMAIL_ADDRESS, CREDIT_CARD], threshold: 0.4}"


@needs_presidio
@pytest.mark.filterwarnings("ignore")
def test_presidio_finds_what_its_patterns_know() -> None:
    text = "É\u200b: my SSN is 536-22-1234, write to ann@example.org or pay with 4111111111111111"
    found = Scanner(policy_of(PATTERNS).detect).scan(text)
    assert [text[one.start : one.end] for one in found] == [
        "536-22-1234",
        "ann@example.org",
        "4111111111111111",
    ]


@needs_presidio
@pytest.mark.filterwarnings("ignore")
def test_presidio_uses_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network")

    scanner = Scanner(policy_of(PATTERNS).detect)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert scanner.scan("write to bea@example.net")


@needs_presidio
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("entity", ["NO_SUCH_ENTITY", "PERSON"])
def test_an_entity_that_presidio_cannot_find_here_is_an_error(entity: str) -> None:
    """A name needs a spaCy model; where one is installed, names are found."""
    from umi_edge.policy.presidio import _model

    policy = policy_of(f"{{type: person, plugin: presidio, entities: [{entity}]}}")
    if entity == "PERSON" and _model("en"):
        assert Scanner(policy.detect).scan("Ask Barack Obama about it.")
        return
    with pytest.raises(PolicyError, match=f"Presidio finds no {entity} in `en` here") as caught:
        Scanner(policy.detect)
    assert "spaCy model" in caught.value.fix


@needs_presidio
@pytest.mark.filterwarnings("ignore")
def test_a_language_that_spacy_does_not_know_is_an_error() -> None:
    policy = policy_of("{type: person, plugin: presidio, entities: [PERSON], language: qqq}")
    with pytest.raises(PolicyError, match="does not start for `qqq`"):
        Scanner(policy.detect)


@needs_presidio
@pytest.mark.filterwarnings("ignore")
def test_a_pattern_that_was_given_up_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import presidio_analyzer.pattern_recognizer as patterns

    scanner = Scanner(policy_of(PATTERNS).detect)
    monkeypatch.setattr(patterns, "REGEX_TIMEOUT_SECONDS", 0)
    with pytest.raises(PrivacyError, match="TimeoutError"):
        scanner.scan("my SSN is 536-22-1234")
