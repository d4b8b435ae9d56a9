"""What a scan would leave of an argument: judged by the text that is stored, with tomorrow's eyes."""

from typing import Any

import pytest

from tests.scanners import scanner_without_lists
from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.vault import Origin, Source
from umi_edge.policy import load_policy
from umi_shared.labels import Integrity, Label, Locality

POLICY = load_policy(
    """
version: 1
detect:
  - {type: email, pattern: builtin}
  - {type: secret, pattern: builtin}
  - {type: person, values: [Alice Moreau]}
""",
    "p.yaml",
)
SHOWN = Label.at(Locality.CLOUD, Integrity.UNTRUSTED)
KEPT = Label.at(Locality.HANDLE)
VALUES: dict[str, Any] = {
    "<email:1>": "zoe@example.org",
    "<secret:1>": "4711",
    "<text:1>": "the key is under the mat",
    "<person:1>": "Alice Moreau",
    "<data:1>": {"mail": "zoe@example.org"},
    "<list:1>": ["zoe@example.org"],
}


@pytest.fixture
def labeller() -> Labeller:
    labeller = Labeller.fresh(POLICY, scanner_without_lists(POLICY), {})
    for handle, value in VALUES.items():
        kind = handle[1:].partition(":")[0]
        labeller.vault.keep(value, type=kind, label=KEPT, origin=Origin(Source.RESULT, "mail.read"))
    return labeller


@pytest.mark.parametrize(
    ("written", "stays"),
    [
        ("<email:1>", False),
        ("Mail <email:1> and <person:1>", False),
        ("Dinner with <person:1>, <text:1>", True),
        ("PIN: <secret:1>", False),  # found by the word before it
        ("zz <secret:1>", True),  # and not without
        ("<text:1>", True),
        ("x<person:1>x", True),  # no longer a name that stands alone
        ("<data:1>", True),  # may be read back in parts
        ("<list:1>", True),
        (r"PIN: \<secret:1>, <secret:1>", True),
        (7, False),
    ],
)
def test_what_the_detectors_find_in_the_text_as_it_is_stored_is_taken_out(
    labeller: Labeller, written: Any, stays: bool
) -> None:
    arguments = {"title": written}
    labelled = labeller.arguments("b.put", arguments, SHOWN, names=["title"])
    left = labeller.remainder(arguments, labelled)(("title",))
    assert (left.readers is not None) is stays


def test_what_this_session_keeps_is_no_help_tomorrow(labeller: Labeller) -> None:
    """The vault knows this text, and a scan of today would take it out; tomorrow's vault is empty."""
    (span,) = labeller.keeper.scanned_text(
        VALUES["<text:1>"], SHOWN, rule="r", origin=Origin(Source.RESULT, "x")
    )
    assert span.label.readers == frozenset()
    arguments = {"title": "<text:1>"}
    remainder = labeller.remainder(arguments, labeller.arguments("b.put", arguments, SHOWN, names=["title"]))
    assert remainder(("title",)).readers == frozenset()


def test_it_notes_that_values_were_looked_at_and_only_then(labeller: Labeller) -> None:
    arguments = {"title": "words", "list": ["<email:1>"]}
    remainder = labeller.remainder(
        arguments, labeller.arguments("b.put", arguments, SHOWN, names=["title", "list"])
    )
    assert remainder(("title",)).public
    assert not remainder.looked
    assert remainder(("list", 0)).readers is None
    assert remainder.looked
    assert "zoe" not in repr(remainder)


def test_words_of_a_model_that_had_read_more_stay_whatever_is_found(labeller: Labeller) -> None:
    arguments = {"title": "so it said <email:1>"}
    shown = Label.at(Locality.PLANNER)
    labelled = labeller.arguments("b.put", arguments, shown, names=["title"])
    assert labeller.remainder(arguments, labelled)(("title",)).locality is Locality.PLANNER
