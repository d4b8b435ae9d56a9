"""Names that the device has are found in the forms that languages and writers give them, and words are left alone."""

from pathlib import Path

import pytest

from umi_edge.policy.person_names import NameFinder
from umi_edge.policy.projection import project

CASES = Path(__file__).parents[5] / "shared" / "cases"
PEOPLE = (
    "Sean O'Brien",
    "Uwe Müller",
    "Annegret Weiß",
    "Jean-Luc Fontaine",
    "Priya Raghunathan",
    "Paul Sartre",
    "Mark Jensen",
    "Will Harper",
    "Rose Delacroix",
    "Aurélie d'Estrées",
    "Willem van der Heijden",
    "Yannick Le Goff",
    "Agnieszka Wiśniewska",
    "Paweł Dąbrowski",
    "Marek Kuśmierczyk",
    "Lucie Nováková",
    "Timo Virtanen",
    "Mikko Lehto",
    "Gábor Horváth",
    "Mehmet Çelik",
    "Дмитрий Соколов",
    "Ольга Лебедева",
    "Павел Чернышёв",
    "Олена Ковальчук",
    "Γιώργος Παπαδόπουλος",
    "محمد الهاشمي",
    "فاطمة الزهراوي",
    "אבי בן-דוד",
    "דניאל פרידמן",
    "राजेश कुमार शर्मा",
    "王建国",
    "陈美玲",
    "欧阳倩",
    "山田 太郎",
    "渡辺 裕子",
    "すずき みさき",
    "김민준",
    "최은영",
    "남궁혁",
    "สมชาย ใจดี",
    "Nguyễn Thị Mai",
    "Mike",
    "İbo",
)


@pytest.fixture(scope="module")
def finder() -> NameFinder:
    return NameFinder((name, 0) for name in PEOPLE)


def _found(finder: NameFinder, text: str) -> list[str]:
    covered = {place for start, end, _ in finder.find(text, project(text)) for place in range(start, end)}
    marked = "".join(character if place in covered else "\0" for place, character in enumerate(text))
    return [piece for piece in marked.split("\0") if piece]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # apostrophes, hyphens, umlauts
        ("Email O’Brien that I am late", ["O’Brien"]),
        ("O´Brien and OBrien and o brien", ["O´Brien", "OBrien", "o brien"]),
        ("Email Mueller, Weiss and Jeanluc", ["Mueller", "Weiss", "Jeanluc"]),
        ("d’Estrees, Legoff", ["d’Estrees", "Legoff"]),
        # endings
        ("tell pauls wife", ["pauls"]),
        ("Müllers Hund, Uwes Katze", ["Müllers", "Uwes"]),
        ("Powiedz Agnieszce i Markowi", ["Agnieszce", "Markowi"]),
        ("Wyślij Pawłowi Dąbrowskiemu umowę", ["Pawłowi Dąbrowskiemu"]),
        ("Schůzka s Lucií Novákovou", ["Lucií Novákovou"]),
        ("Lähetä Virtaselle ja Mikolle", ["Virtaselle", "Mikolle"]),
        ("Küldd el Horváthnak és Gábornak", ["Horváthnak", "Gábornak"]),
        ("mehmete söyle", ["mehmete"]),
        ("iboyla göle", ["iboyla"]),
        ("Позвони Дмитрию Соколову и Ольге", ["Дмитрию Соколову", "Ольге"]),
        ("от Павла Чернышева", ["Павла Чернышева"]),
        ("Надішли Олені", ["Олені"]),
        ("του Γιώργου Παπαδόπουλου", ["Γιώργου Παπαδόπουλου"]),
        ("शर्माजी को", ["शर्माजी"]),
        # prefixes
        ("أرسل لمحمد الهاشمي وبفاطمة", ["محمد الهاشمي", "فاطمة"]),
        ("כשדניאל לאבי", ["דניאל", "אבי"]),
        # no blanks
        ("Email 太郎 that I am late", ["太郎"]),
        ("请王建国和美玲来", ["王建国", "美玲"]),
        ("陳美玲的訂單", ["陳美玲"]),
        ("歐陽倩", ["歐陽倩"]),
        ("渡邊裕子さん", ["渡邊裕子"]),
        ("王先生，小李", ["王"]),
        ("スズキさんと", ["スズキ"]),
        ("김민준은 최은영한테", ["김민준", "최은영"]),
        ("은영이가, 남궁 씨가", ["은영", "남궁"]),
        ("คุณสมชายมาแล้ว", ["สมชาย"]),
        # initials, order, names between
        ("J. Smith, A. Weiß, Weiß A.", ["A. Weiß", "Weiß A."]),
        ("Heijden, W. van der", ["Heijden, W."]),
        ("Ольга Петровна Лебедева", ["Ольга Петровна Лебедева"]),
        ("Willem van der Heyden", ["Willem van der Heyden"]),
        # joined
        ("open contract_Fontaine_v3.pdf", ["Fontaine"]),
        ("#PriyaRaghunathan, mail willharper2", ["PriyaRaghunathan", "willharper"]),
        ("follow @praghunathan", ["praghunathan"]),
        # other scripts
        ("Wang Jianguo met Dmitri Sokolow", ["Wang Jianguo", "Dmitri Sokolow"]),
        ("Ask Mohammed Al-Hashimi", ["Mohammed Al-Hashimi"]),
        ("Kim Min-jun, Rajesh Sharma", ["Kim Min-jun", "Rajesh Sharma"]),
        ("write to Olena Kovalchuk", ["Olena Kovalchuk"]),
        # everyday words
        ("Ask Will if he can drive", ["Will"]),
        ("tell mark i am late", ["mark"]),
        ("Rose's dog, with Mark", ["Rose", "Mark"]),
        ("Email Mike", ["Mike"]),
        ("lunch with mark on friday, is will free", ["mark"]),
        ("Text rose that I am late", ["rose"]),
        # without a word between, and small initials
        ("open willharper2.png", ["willharper"]),
        ("ask priyaraghunathan", ["priyaraghunathan"]),
        ("email p. raghunathan", ["p. raghunathan"]),
        # what bearers of a name are called
        ("Ask Bill and Mick", ["Bill", "Mick"]),
        ("Позвони Диме", ["Диме"]),
    ],
)
def test_a_name_is_found_in_this_form(finder: NameFinder, text: str, found: list[str]) -> None:
    assert _found(finder, text) == found


@pytest.mark.parametrize(
    "text",
    [
        "Will it rain? Mark all as read. Rose gold or silver?",
        "He left his mark; she rose and will go.",
        "Am 3. Mai, im Mai und Mai 2026",
        "Die Mark ist alt. Ein guter Will.",
        "the van der valley, this and that",
        "今年是建国多少周年",
        "see https://example.org/a-b_c and build 12a",
        "Porównaj kilka marek",
        "what may I wear, and paint it with rose petals",
        "the text will be sent",
        "",
    ],
)
def test_words_are_left_alone(finder: NameFinder, text: str) -> None:
    assert _found(finder, text) == []


def test_a_finder_shows_nothing_of_its_names(finder: NameFinder) -> None:
    assert repr(finder) == f"NameFinder({len(PEOPLE)} names)"


@pytest.mark.skipif(not CASES.is_dir(), reason="the outside cases are not here (../shared/cases)")
def test_the_cases_of_names_in_other_scripts_and_spellings() -> None:
    lines = (
        (CASES / "04-names-in-other-scripts-and-spellings" / "cases.tsv").read_text("utf-8").splitlines()[1:]
    )
    for line in lines:
        contact, instruction, what = line.split("\t")
        assert _found(NameFinder([(contact, 0)]), instruction), what


def test_no_text_makes_it_slow(finder: NameFinder) -> None:
    for piece in ("Will ", "aA1", "王", "ل", "A. ", "Weiß, A. ", "mark_", "김 ", "O'"):
        text = piece * (20_000 // len(piece))
        assert all(
            start < end for start, end in ((start, end) for start, end, _ in finder.find(text, project(text)))
        )
