"""What leaves under no rule (`never`) is a handle wherever it stands in what a rule lets out."""

import json

import pytest

from tests.end_to_end.harness import tool_of
from umi_edge.labelling.approved_cards import NONE_APPROVED
from umi_edge.labelling.declassification import DeclassifiedError
from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.release import seen_by
from umi_edge.labelling.tool_cards import labelled_cards
from umi_edge.policy import Scanner, load_policy
from umi_edge.tools.runner import DETAIL_CHARACTERS
from umi_shared.handles import render
from umi_shared.labels import PLANNER, SUMMARIZER

POLICY = """
version: 1
detect:
  - {type: client, values: [Nadja Meyer, "48151623"]}
  - {type: secret, pattern: 'PIN \\d+'}
never: [{type: client}]
defaults: {instruction: cloud}
tools:
  t:
    runs: device
    card: cloud
    errors: cloud
    results:
      "$.cloud": cloud
      "$.planner": planner
      "$.summarizer": summarizer
      "$.scan": scan
      "$.hash": {locality: handle, type: note, show: hash}
      "$['Nadja Meyer']": cloud
      "$.count": cloud
"""


def labeller(policy: str = POLICY) -> Labeller:
    rules = load_policy(policy, "test.yaml")
    return Labeller.fresh(rules, Scanner.of(rules, {}), {"t": "mcp:x"})


def views(text) -> list[str]:
    return [render(seen_by(text, sink)) for sink in (PLANNER, SUMMARIZER)]


def result(value) -> list[str]:
    return views(labeller().result("t", value))


def test_the_users_own_words_leave_without_it():
    assert (
        views(labeller().instruction("Write to nadja  MEYER, PIN 12")) == ["Write to <client:1>, PIN 12"] * 2
    )


@pytest.mark.parametrize("where", ["cloud", "scan"])
def test_a_text_that_both_may_read_leaves_without_it(where):
    assert result({where: 'a "Nadja Meyer" b'}) == [f'{{"{where}":"a \\"<client:1>\\" b"}}'] * 2


def test_a_text_of_one_sink_is_read_by_that_one_and_without_it():
    assert result({"planner": "a Nadja Meyer b"}) == [
        '{"planner":"a <client:1> b"}',
        '{"planner":"[withheld]<client:1>[withheld]"}',
    ]
    assert result({"summarizer": "a Nadja Meyer b"})[1] == '{"summarizer":"a <client:1> b"}'


def test_a_text_without_it_is_told_as_ever():
    assert result({"cloud": "PIN 12", "planner": "plan"}) == [
        '{"cloud":"PIN 12","planner":"plan"}',
        '{"cloud":"PIN 12","planner":"<text:1>"}',
    ]


def test_a_number_that_it_is_stays_whole():
    assert result({"count": 48151623}) == ['{"count":"<number:1>"}'] * 2


def test_a_member_that_a_rule_spells_like_it_is_a_key_that_stays():
    assert result({"Nadja Meyer": 1}) == ['{"<key:1>":1}'] * 2


def test_nothing_of_it_is_shown_and_what_is_not_shown_is_charged():
    made = labeller()
    assert views(made.result("t", {"hash": "Nadja Meyer"})) == ['{"hash":"<note:1>"}'] * 2
    assert made.keeper.declassified.spent_bits > 0
    assert "hash" in views(labeller().result("t", {"hash": "nobody"}))[0].removeprefix('{"hash"')


SHOWN = """
version: 1
detect:
  - {type: date_of_birth, pattern: builtin, show: year}
  - {type: card, pattern: builtin, show: last4}
  - {type: client, values: [Nadja 2001]}
tools: {t: {results: {"$.scan": scan}}}
"""


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("born on 14 March 1985, they say", "born on <date_of_birth:1> (year 1985), they say"),
        ("born on 1985-03-14", "born on <date_of_birth:1> (year 1985)"),
        ("card 4111 1111 1111 1111.", "card <card:1> (last4 1111)."),
    ],
)
def test_a_detector_may_show_one_fact_of_what_it_finds(written, read):
    made = labeller(SHOWN)
    assert views(made.instruction(written)) == [read] * 2
    assert made.keeper.declassified.spent_bits > 0
    text = views(labeller(SHOWN).result("t", {"scan": f'"{written}"'}))[0]
    assert json.loads(text)["scan"] == f'"{read}"'


def test_a_detector_shows_nothing_of_what_never_leaves():
    made = labeller(SHOWN + "never: [{type: date_of_birth}]\n")
    assert views(made.instruction("born on 14 March 1985")) == ["born on <date_of_birth:1>"] * 2
    assert made.keeper.declassified.spent_bits > 0


def test_a_detector_shows_no_more_than_the_sessions_limit():
    made = labeller(SHOWN + "limits: {declassified_bits: 3}\n")
    with pytest.raises(DeclassifiedError):
        made.instruction("born on 14 March 1985")


def test_what_a_tool_says_of_its_failure_leaves_without_it():
    assert views(labeller().failure("t", "error", "no Nadja Meyer")[1]) == ['"no <client:1>"'] * 2


def test_a_failures_text_that_was_cut_stays_since_the_cut_may_go_through_it():
    cut = ("x" * DETAIL_CHARACTERS)[:-5] + "Nadja"
    assert views(labeller().failure("t", "error", cut)[1]) == ['"<error:1>"'] * 2


def test_a_card_that_the_policy_lets_out_whole_leaves_without_it():
    assert views(labeller().card("t", "For Nadja Meyer, PIN 12")) == ["For <client:1>, PIN 12"] * 2


def test_a_tool_that_is_called_so_is_withheld_though_its_card_is_let_out():
    policy = POLICY.replace('Nadja Meyer, "48', 'crm.meyer, "48').replace("  t:", '  "*":')
    tools = [tool_of("crm.meyer", str, source="mcp:x"), tool_of("crm.other", str, source="mcp:x")]
    cards = labelled_cards(tools, labeller(policy), NONE_APPROVED)
    assert [card.name for card, _ in cards.told] == ["crm.other"]
    (withheld,) = cards.withheld
    assert withheld.tool == "[client]"
    assert "`never`" in withheld.because


def test_a_value_that_one_sink_may_read_does_not_carry_it_there_when_it_is_seen_again():
    """The planner may read the longer value; only the words before it tell that a part of it is a secret."""
    policy = POLICY.replace("never: [", "never: [{type: secret}, ").replace("'PIN \\d+'", "builtin")
    made = labeller(policy)
    assert "99881 is it" in views(made.result("t", {"planner": "99881 is it"}))[0]
    assert "99881" not in views(made.result("t", {"scan": "my PIN: 99881 is it"}))[0]


def test_what_a_model_writes_is_not_looked_through_so_that_no_list_can_be_guessed_at():
    made = labeller()
    text = made.model_text("Is Nadja Meyer one?", made.instruction("x")[0].label)
    assert views(text) == ["Is Nadja Meyer one?"] * 2
