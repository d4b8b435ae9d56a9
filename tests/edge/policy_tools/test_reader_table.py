"""A policy as a table of who reads what."""

from datetime import date

from umi_edge.policy import default_policy, load_policy
from umi_edge.policy_tools.reader_table import reader_table
from umi_edge.tools.builtin import builtin_tools
from umi_edge.tools.sample_home import make_sample_home


def test_the_places_that_a_tool_declares_have_what_the_policy_says_of_them(tmp_path):
    tools = builtin_tools(make_sample_home(tmp_path / "home", date(2026, 6, 1)))
    table = {one.tool: one for one in reader_table(default_policy(), tools)}
    places = {(place.side, place.path): place for place in table["contacts.search"].places}
    email = places["results", "$.matches[*].email"]
    assert dict(email.readers) == {"planner": "handle", "summarizer": "handle"}
    assert email.declared
    assert (email.type, email.level) == ("email", "exact")
    assert dict(places["arguments", "name"].readers) == {"planner": "scanned", "summarizer": "scanned"}
    assert dict(places["results", "$.skipped"].readers) == {"planner": "clear", "summarizer": "clear"}
    assert len(places) == len(table["contacts.search"].places)
    assert table["mail.search"].settings["integrity"] == "untrusted"


def test_what_only_one_reader_gets_is_told_of_that_one_and_tools_that_are_not_installed_are_there():
    policy = load_policy(
        "version: 1\nname: x\ntools:\n  crm.find: {runs: device, results: {$.a: planner, $.b: hidden, "
        "$.c: scan-summarizer, '$.d[?@.e == 1]': cloud}}\n  crm.*: {confirm: always}\n",
        "x.yaml",
    )
    (crm,) = reader_table(policy, [])
    assert not crm.installed
    assert crm.settings["confirm"] == "always"
    assert {place.path: dict(place.readers) for place in crm.places} == {
        "$.a": {"planner": "clear", "summarizer": "handle"},
        "$.b": {"planner": "nothing", "summarizer": "nothing"},
        "$.c": {"planner": "handle", "summarizer": "scanned"},
    }
