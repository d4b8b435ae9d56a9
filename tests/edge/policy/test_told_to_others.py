"""What others read, or the user relies on, is asked about, whatever a policy leaves out."""

import pytest

from umi_edge.policy import Allowed, Ask, default_policy, load_policy
from umi_edge.policy.checks import check_call
from umi_edge.policy.verdict import LabelledLeaf
from umi_shared.labels import PUBLIC

BARE = load_policy("version: 1\n", "p.yaml")
NEVER = load_policy(
    "version: 1\ntools: {calendar.create: {confirm: never}, contacts.add: {confirm: never}}\n", "p"
)
LEAF = LabelledLeaf(label=PUBLIC)
WITH_GUESTS = {("title",): LEAF, ("guests", 0): LEAF}


@pytest.mark.parametrize("policy", [default_policy(), BARE])
@pytest.mark.parametrize(
    ("tool", "arguments"), [("calendar.create", WITH_GUESTS), ("contacts.add", {("name",): LEAF})]
)
def test_guests_and_contacts_are_asked_about(policy, tool, arguments):
    verdict = check_call(policy, tool, arguments, source="builtin")
    assert isinstance(verdict, Ask)
    (reason,) = verdict.reasons
    assert "confirm: never" in str(reason)


@pytest.mark.parametrize("policy", [default_policy(), BARE])
def test_an_event_without_guests_is_not(policy):
    assert isinstance(check_call(policy, "calendar.create", {("title",): LEAF}, source="builtin"), Allowed)


@pytest.mark.parametrize(
    ("tool", "arguments"), [("calendar.create", WITH_GUESTS), ("contacts.add", {("name",): LEAF})]
)
def test_a_policy_can_turn_it_off(tool, arguments):
    assert isinstance(check_call(NEVER, tool, arguments, source="builtin"), Allowed)
