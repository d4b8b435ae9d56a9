"""Detectors find what is private in free text, disguised or not, and leave the rest alone."""

import itertools
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from umi_edge.policy import Detection, Scanner, gazetteer_sources, load_policy
from umi_edge.policy.loader import builtin_detectors
from umi_edge.policy.projection import all_projected, project, projected
from umi_shared.errors import PrivacyError

PEOPLE = ["Alice Martin", "Will van der Berg", "王伟", "José Núñez", "Łukasz Żak", "Bo Li", "Søren"]


def _scanner(detect: str, gazetteers: dict[str, list[str]] | None = None) -> Scanner:
    policy = load_policy(f"version: 1\ndetect:\n{detect}")
    loaded = {source.rule_id: (gazetteers or {})[source.tool] for source in gazetteer_sources(policy)}
    return Scanner(policy.detect, loaded)


@pytest.fixture(scope="module")
def builtin() -> Scanner:
    return Scanner(builtin_detectors())


@pytest.fixture(scope="module")
def people() -> Scanner:
    detect = '  - {type: person, values_from: {tool: contacts.list, path: "$[*].name"}, parts: true}\n'
    return _scanner(detect, {"contacts.list": PEOPLE})


def _found(scanner: Scanner, text: str) -> list[tuple[str, str]]:
    return [(span.type, text[span.start : span.end]) for span in scanner.scan(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("write to ann.o'neil+x@mail.example.org.", [("email", "ann.o'neil+x@mail.example.org")]),
        ("to 'ann@example.org' and ‘bob@example.org’", [("email", "ann@example.org"), ("email", "bob@example.org")]),
        ("<ann@example.org>,bob@example.org", [("email", "ann@example.org"), ("email", "bob@example.org")]),
        ("Ａnn＠example．org", [("email", "Ａnn＠example．org")]),
        ("ann@exa\u00admple.org", [("email", "ann@exa\u00admple.org")]),
        ("a\u200bnn@example.org", [("email", "a\u200bnn@example.org")]),
        ("müller@bücher.example", [("email", "müller@bücher.example")]),
        ("x" * 300 + "@example.org", [("email", "x" * 300 + "@example.org")]),
        ("call +41 79 123 45 67 now", [("phone", "+41 79 123 45 67")]),
        ("0041 79 123 45 67", [("phone", "0041 79 123 45 67")]),
        ("(415) 555-0123 or 079 123 45 67", [("phone", "(415) 555-0123"), ("phone", "079 123 45 67")]),
        ("555-0123 at 2026-05-01 10:30", [("phone", "555-0123")]),
        ("+４１ ７９ １２３ ４５ ６７", [("phone", "+４１ ７９ １２３ ４５ ６７")]),
        ("079 123 45 67 079 123 45 68", [("phone", "079 123 45 67"), ("phone", "079 123 45 68")]),
        ("pay CH93 0076 2011 6238 5295 7 today", [("iban", "CH93 0076 2011 6238 5295 7")]),
        (
            "no 15 de89370400440532013000 gb82 west 1234 5698 7654 32 please",
            [("iban", "de89370400440532013000"), ("iban", "gb82 west 1234 5698 7654 32")],
        ),
        ("CH93 0076 2011 6238 5295 8", []),
        ("card 4111 1111 1111 1111 12/27", [("card", "4111 1111 1111 1111")]),
        ("12 4111-1111-1111-1111", [("card", "4111-1111-1111-1111")]),
        ("4111 1111 1111 1112", []),
        ("from 10.0.0.1, ::1 and [fe80::1]", [("ip", "10.0.0.1"), ("ip", "::1"), ("ip", "fe80::1")]),
        ("see https://u:p@ss@host/x.", [("url_with_userinfo", "https://u:p@ss@host/x")]),
        ("key sk-proj-abc123def456ghi789", [("api_key", "sk-proj-abc123def456ghi789")]),
        ("AKIAIOSFODNN7EXAMPLE", [("api_key", "AKIAIOSFODNN7EXAMPLE")]),
        ("ghp_" + "a1" * 400, [("api_key", "ghp_" + "a1" * 400)]),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- x",
            [("api_key", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----")],
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIE cut", [("api_key", "-----BEGIN PRIVATE KEY-----\nMIIE cut")]),
        ("born on 12 March 1980", [("date_of_birth", "12 March 1980")]),
        ("DOB: 1980-03-12, or 1980", [("date_of_birth", "1980-03-12")]),
        ("date of birth: 12/03/1980", [("date_of_birth", "12/03/1980")]),
        ("in /home/al/x.txt.", [("home_path", "/home/al/x.txt")]),
        (r"C:\Users\al\y and ~/z", [("home_path", r"C:\Users\al\y"), ("home_path", "~/z")]),
        ("std::vector, 12:30:15, 3.14, 1,000,000, 2026-05-01T10:30, room 12, v1.2.3", []),
        ("sk-learn-is-a-long-word and pre-existing conditions", []),
    ],
)  # fmt: skip
def test_the_built_in_patterns(builtin: Scanner, text: str, found: list[tuple[str, str]]) -> None:
    assert _found(builtin, text) == found


def test_a_region_makes_national_numbers_known(builtin: Scanner) -> None:
    scanner = _scanner("  - {type: phone, pattern: builtin, region: US}\n")
    assert _found(scanner, "at 2125550123") == [("phone", "2125550123")]
    assert _found(builtin, "at 2125550123") == []


def test_a_built_in_pattern_can_have_another_type() -> None:
    assert _found(_scanner("  - {type: address, pattern: 'builtin:email'}\n"), "a@b.example") == [
        ("address", "a@b.example")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Alice Martin",
        "ALICE MARTIN",
        "alice\n  martin",
        "A\u200bli\u2060ce Mar\u00adtin",
        "Ａｌｉｃｅ　Ｍａｒｔｉｎ",
        "𝐀𝐥𝐢𝐜𝐞 𝓜𝓪𝓻𝓽𝓲𝓷",
        "Аlісе Маrtіn",  # Cyrillic А, і, с, е, М, а
        "Αlice Μartin",  # Greek capitals
        "A\u0301lice Martin",
        "\u202eAlice\u202c Martin",
        "Ⓐⓛⓘⓒⓔ Martin",
        "al\ufe0fice martin",
        "Alice\u00a0Martin",
        "Alice\U000e0041 Martin",
    ],
)
def test_a_disguised_name_is_found_whole(people: Scanner, text: str) -> None:
    (span,) = people.scan(f"ask {text}, please")
    assert span.start <= 5
    assert span.end == 4 + len(text)
    assert span.type == "person"


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize("name", ["José Núñez", "Łukasz Żak", "Søren", "王伟"])
def test_a_name_is_found_in_every_normal_form(people: Scanner, name: str, form: str) -> None:
    text = unicodedata.normalize(form, name)  # type: ignore[arg-type]
    assert _found(people, f"({text})") == [("person", text)]
    assert people.scan(unicodedata.normalize(form, name.upper()))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I will ask alice and Will", ["alice", "Will"]),
        ("malice in wonderland, martinet", []),
        ("Alice's and alice-martin and (Martin)", ["Alice", "alice-martin", "Martin"]),
        ("请联系王伟谢谢", ["王伟"]),
        ("the van der valley", []),
        ("jose nunez", ["jose nunez"]),
        ("Bo li, bo", ["Bo li"]),
        ("", []),
    ],
)
def test_whole_words_only_and_parts_of_names(people: Scanner, text: str, found: list[str]) -> None:
    assert [value for _, value in _found(people, text)] == found


def test_a_name_that_begins_a_longer_one_is_still_found() -> None:
    scanner = _scanner('  - {type: x, values: ["Ann Smith", "Ann", "Project Neptune"]}\n')
    assert _found(scanner, "Ann Smithers saw project  NEPTUNE") == [("x", "Ann"), ("x", "project  NEPTUNE")]


def test_overlapping_findings_become_one_span_of_the_longest_type() -> None:
    scanner = _scanner(
        '  - {type: short, values: ["Neptune Project"]}\n  - {type: long, values: ["Project Atlas Two"]}\n'
        "  - {type: tie, values: [same]}\n  - {type: loser, values: [same]}\n"
    )
    assert _found(scanner, "the Neptune Project Atlas Two, same") == [
        ("long", "Neptune Project Atlas Two"),
        ("tie", "same"),
    ]


def test_a_pattern_of_the_policy_counts_as_written_and_disguised() -> None:
    scanner = _scanner("  - {type: ticket, pattern: '[A-Z]{3}-[0-9]{4}'}\n  - {type: m, pattern: 'Müller'}\n")
    assert _found(scanner, "see ABC-1234, abc-1234, ＡＢＣ-１２３４ and Müller") == [
        ("ticket", "ABC-1234"),
        ("ticket", "abc-1234"),
        ("ticket", "ＡＢＣ-１２３４"),
        ("m", "Müller"),
    ]


def test_a_span_names_its_rule() -> None:
    scanner = _scanner("  - {type: word, values: [xyzzy]}\n")
    assert scanner.scan("a xyzzy") == (Detection(2, 7, "word", "policy:3 detect[0] word"),)


def test_a_list_that_was_not_loaded_stops_everything() -> None:
    policy = load_policy(
        'version: 1\ndetect:\n  - {type: person, values_from: {tool: contacts.list, path: "$[*].name"}}\n'
    )
    with pytest.raises(PrivacyError, match=r"contacts\.list was not loaded"):
        Scanner(policy.detect, {})


def test_a_gazetteer_takes_the_texts_that_its_path_selects() -> None:
    policy = load_policy(
        'version: 1\ndetect:\n  - {type: person, values_from: {tool: contacts.list, path: "$[*].name"}}\n'
    )
    (source,) = gazetteer_sources(policy)
    assert source.tool == "contacts.list"
    assert sorted(source.values([{"name": "Ann"}, {"name": None}, {"other": "x"}, {"name": "Bob"}])) == [
        "Ann",
        "Bob",
    ]


def test_a_hundred_thousand_names() -> None:
    names = [f"Person{index} Family{index % 977}" for index in range(100_000)]
    scanner = _scanner(
        '  - {type: person, values_from: {tool: contacts.list, path: "$[*].name"}, parts: true}\n',
        {"contacts.list": names},
    )
    text = "lorem ipsum dolor " * 5000 + "PERSON99999 family345 and family344."
    assert _found(scanner, text) == [("person", "PERSON99999 family345"), ("person", "family344")]


def test_a_scanner_shows_nothing_of_its_lists(people: Scanner) -> None:
    assert repr(people) == "Scanner(1 detectors)"


HOSTILE = [
    "a@" * 30_000,
    "a." * 30_000 + "@",
    "1 " * 60_000,
    "1-" * 60_000,
    "(" * 60_000,
    "+1" * 30_000,
    ":" * 60_000,
    "a:" * 30_000,
    "://" * 30_000,
    "sk-" * 30_000,
    "eyj." * 30_000,
    "-----begin private key-----" * 3_000,
    "gb82 " * 15_000,
    "born " * 15_000,
    "/home/" * 15_000,
    "1.1.1.1." * 10_000,
    "\u0301" * 60_000,
    "\u200b" * 60_000,
    "ﷺ" * 10_000,
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12].encode("unicode_escape").decode())
def test_no_text_makes_the_patterns_slow(builtin: Scanner, text: str) -> None:
    for span in builtin.scan(text):
        assert span.start < span.end


TEXTS = st.text(st.sampled_from("aA@.+1 -\u200b\u0301é\ud800ßﬁ王\n/:") | st.characters(), max_size=60)


@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_spans_are_sorted_and_apart_in_any_text(text: str) -> None:
    scanner = Scanner(builtin_detectors())
    spans = scanner.scan(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(one.end <= other.start for one, other in itertools.pairwise(spans))


@given(
    TEXTS, st.sampled_from(PEOPLE), TEXTS, st.sampled_from(["\u200b", "\u00ad", "\u2060", "\ufe0f", "\u0301"])
)
@settings(max_examples=200, deadline=None)
def test_a_name_is_found_wherever_it_stands(before: str, name: str, after: str, invisible: str) -> None:
    scanner = _scanner('  - {type: person, values_from: {tool: t, path: "$"}}\n', {"t": [name]})
    disguised = invisible.join(name)
    text = f"{before} {disguised} {after}"
    start = len(before) + 1
    assert any(span.start <= start and start + len(disguised) <= span.end for span in scanner.scan(text))


def test_a_name_whose_words_an_accent_parts_is_found() -> None:
    scanner = _scanner('  - {type: person, values_from: {tool: t, path: "$"}}\n', {"t": ["Alice Moreau"]})
    assert scanner.scan("to Alice \u00b4Moreau")


@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_the_quick_and_the_careful_projection_agree(text: str) -> None:
    # Two spaces force the careful way; it must say the same of everything before them.
    careful = project(f"{text}x  ")
    assert careful.text == projected(f"{text}x") + " "
    quick = project(f"{text}x")
    for index in range(len(quick.text)):
        assert quick.original(index, index + 1) == careful.original(index, index + 1)


@given(st.lists(st.text() | st.text("aB  \n\t\x00\x1cé")))
def test_texts_are_projected_together_as_each_by_itself(texts: list[str]) -> None:
    assert all_projected(texts) == [project(text).text for text in texts]
