"""`clients:` of a policy: what a program that calls the tools itself may read, and which tools it has."""

import pytest

from umi_edge.policy import load_policy
from umi_edge.policy.explanation import explain
from umi_edge.policy.lint import warnings_of
from umi_edge.policy.problems import InvalidPolicyError
from umi_shared.labels import ClientSink, Label, Locality


def policy(clients: str):
    return load_policy(
        f"version: 1\nclients: {clients}\ntools: {{x.y: {{results: {{'$.a': planner}}}}}}\n", "p.yaml"
    )


def test_a_client_reads_what_its_line_says_and_any_other_what_everyone_may():
    said = policy("{zed: {accepts: planner}}")
    for name, reads in (("zed", True), ("claude", False)):
        sink = said.client(name).sink
        assert sink == f"client:{name}"
        assert Label.at(Locality.PLANNER).may_read(sink) is reads
        assert not Label.at(Locality.SUMMARIZER).may_read(sink)
        assert not Label.at(Locality.HANDLE).may_read(sink)
        assert not Label.at(Locality.HIDDEN).may_read(sink)
        assert Label.at(Locality.CLOUD).may_read(sink)
    assert said.client("zed").line == 2


def test_what_one_reader_may_see_joined_with_anothers_is_for_no_client():
    both = Label.at(Locality.PLANNER).join(Label.at(Locality.SUMMARIZER))
    assert not both.may_read(ClientSink("zed", Locality.PLANNER))


@pytest.mark.parametrize("word", ["handle", "hidden", "scan", "everything"])
def test_no_client_is_given_what_stays(word):
    with pytest.raises(InvalidPolicyError):
        policy(f"{{zed: {{accepts: {word}}}}}")
    if word in ("handle", "hidden"):
        with pytest.raises(ValueError, match="a client reads"):
            ClientSink("zed", Locality(word))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("{Zed: {accepts: planner}}", "not a client's name"),
        ("{zed: {reads: planner}}", "unknown field"),
        ("{zed: {}}", "empty"),
        ("{zed: {tools: ['a b']}}", "not allowed"),
        ("{}", "empty"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(wrong, said):
    with pytest.raises(InvalidPolicyError, match=said):
        policy(wrong)


def test_a_line_that_says_what_holds_anyway_is_warned_of():
    assert [one.line for one in warnings_of(policy("{zed: {accepts: cloud}}"))] == [2]
    assert not warnings_of(policy("{zed: {accepts: cloud, tools: [mail.*]}}"))


def test_an_explanation_names_the_clients_that_read_what_not_everyone_may():
    said = policy("{zed: {accepts: planner}, other: {accepts: summarizer}}")
    assert explain(said, "x.y", "results", ("a",)).clients == ("zed",)
    assert explain(said, "x.y", "results", ("b",)).clients == ()
