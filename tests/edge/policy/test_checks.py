"""Calls are judged by labels, types and places; reasons name rules and never values.

What is read back is another matter (`test_stores.py`): here the tools' arguments are read back nowhere.
"""

from functools import partial

import pytest

from umi_edge.policy import (
    Allowed,
    Ask,
    Denied,
    LabelledLeaf,
    Location,
    Policy,
    Verdict,
    load_policy,
)
from umi_edge.policy import check_call as check_any_call
from umi_edge.policy.stored_as import stored_as
from umi_edge.tools.tool import Hints
from umi_shared.handles import Handle
from umi_shared.labels import Integrity, Label, Locality, tool_sink

POLICY = """
version: 1
tools:
  mail.send:
    arguments:
      to: {type: email, requires: trusted}
      body: {type: text}
      bcc: {confirm: true}
  web.search:
    runs: third-party
    confirm: never
    arguments:
      q: {accepts: cloud, on_violation: ask}
      lang: {on_violation: redact}
      account: {accepts: handle}
      hint: {accepts: planner}
  calendar.cancel: {confirm: always}
  notes.add:
    arguments: {text: {accepts: cloud}}
"""

check_call = partial(check_any_call, stored_as=stored_as({"$": []}))

TRUSTED_EMAIL = LabelledLeaf(
    label=Label.at(Locality.HANDLE, Integrity.TRUSTED), type="email", handles=(Handle("email", 1),)
)
STRANGERS_EMAIL = LabelledLeaf(label=Label.at(Locality.HANDLE), type="email", handles=(Handle("email", 2),))
WRITTEN = LabelledLeaf(label=Label.at(Locality.CLOUD, Integrity.TRUSTED), type="text", model_written=True)
PUBLIC = LabelledLeaf(label=Label.at(Locality.CLOUD))


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy(POLICY, "/home/somebody/laptop.yaml")


def _leaf(locality: str) -> LabelledLeaf:
    return LabelledLeaf(label=Label.at(Locality(locality)))


def _codes(verdict: Verdict) -> list[str]:
    return [] if isinstance(verdict, Allowed) else [f"{r.code} {r.path}".strip() for r in verdict.reasons]


@pytest.mark.parametrize(
    ("tool", "arguments", "kind", "codes"),
    [
        ("mail.send", {("to",): TRUSTED_EMAIL}, Allowed, []),
        ("mail.send", {("to", 0): TRUSTED_EMAIL}, Allowed, []),
        ("mail.send", {("to",): STRANGERS_EMAIL}, Denied, ["not-trusted $.to"]),
        ("mail.send", {("to",): WRITTEN}, Denied, ["not-trusted $.to"]),
        ("mail.send", {("body",): LabelledLeaf(label=Label(), handles=(Handle("person", 3),))}, Allowed, []),
        ("mail.send", {("bcc",): PUBLIC}, Ask, ["confirm $.bcc"]),
        ("calendar.cancel", {}, Ask, ["confirm"]),
        ("web.search", {("q",): PUBLIC}, Allowed, []),
        ("web.search", {("q",): _leaf("planner")}, Ask, ["not-accepted $.q"]),
        ("web.search", {("q",): TRUSTED_EMAIL}, Ask, ["not-accepted $.q"]),
        ("web.search", {("other",): PUBLIC}, Allowed, []),
        ("web.search", {("other",): TRUSTED_EMAIL}, Denied, ["not-accepted $.other"]),
        ("web.search", {("account",): TRUSTED_EMAIL}, Allowed, []),
        ("web.search", {("account",): _leaf("hidden")}, Denied, ["not-accepted $.account"]),
        ("web.search", {("hint",): _leaf("planner")}, Allowed, []),
        ("web.search", {("hint",): _leaf("summarizer")}, Denied, ["not-accepted $.hint"]),
        ("notes.add", {("text",): TRUSTED_EMAIL}, Denied, ["not-accepted $.text"]),
        ("contacts.search", {("name",): TRUSTED_EMAIL}, Allowed, []),
        ("un.listed", {("x",): PUBLIC}, Ask, ["confirm"]),
        ("un.listed", {("x",): TRUSTED_EMAIL}, Denied, ["not-accepted $.x"]),
        ("un.listed", {("x",): _leaf("planner")}, Denied, ["not-accepted $.x"]),
    ],
)
def test_the_verdict_on_a_call(
    policy: Policy, tool: str, arguments: dict[Location, LabelledLeaf], kind: type, codes: list[str]
) -> None:
    verdict = check_call(policy, tool, arguments)
    assert isinstance(verdict, kind)
    assert _codes(verdict) == codes


def test_a_handle_of_another_type_is_denied_whatever_its_label(policy: Policy) -> None:
    phone = LabelledLeaf(
        label=Label.at(Locality.CLOUD, Integrity.TRUSTED), type="phone", handles=(Handle("phone", 1),)
    )
    verdict = check_call(policy, "mail.send", {("to",): phone})
    assert isinstance(verdict, Denied)
    assert "$.to of mail.send wants a email, and <phone:1> is a phone" in str(verdict.reasons[0])


def test_redaction_names_the_places_and_lets_the_rest_go(policy: Policy) -> None:
    arguments = {("lang",): TRUSTED_EMAIL, ("q",): PUBLIC}
    assert check_call(policy, "web.search", arguments) == Allowed(frozenset({("lang",)}))
    asked = check_call(policy, "web.search", {**arguments, ("q",): _leaf("handle")})
    assert isinstance(asked, Ask)
    assert asked.redact == {("lang",)}


def test_a_name_of_the_callers_own_is_redacted_with_what_it_stands_in() -> None:
    text = "version: 1\ntools: {a.b: {runs: third-party, confirm: never, arguments: {'$..*': {on_violation: redact}}}}"
    policy = load_policy(text, "x.yaml")

    def verdict(*location: str | int) -> Verdict:
        return check_call(policy, "a.b", {location: _leaf("planner")}, argument_names=["headers", "name"])

    assert verdict("headers", "name") == Allowed(frozenset({("headers", "name")}))
    assert verdict("headers", "Kept-4711") == Allowed(frozenset({("headers",)}))
    assert verdict("headers", 0, "Kept-4711", "name") == Allowed(frozenset({("headers", 0)}))
    denied = verdict("Kept-4711")
    assert isinstance(denied, Denied)
    assert "4711" not in repr(denied)


def test_a_denial_outweighs_questions_and_lists_every_denied_argument(policy: Policy) -> None:
    arguments = {("q",): _leaf("handle"), ("b",): _leaf("handle"), ("a",): _leaf("handle")}
    assert _codes(check_call(policy, "web.search", arguments)) == ["not-accepted $.a", "not-accepted $.b"]


def test_hints_make_the_verdict_stricter_only(policy: Policy) -> None:
    assert isinstance(check_call(policy, "mail.send", {}, Hints(destructive=True)), Ask)
    assert isinstance(
        check_call(policy, "web.search", {}, Hints(destructive=True)), Allowed
    )  # `confirm: never`
    open_world = check_call(policy, "mail.send", {("body",): TRUSTED_EMAIL}, Hints(open_world=True))
    assert isinstance(open_world, Denied)
    read_only = check_call(policy, "un.listed", {}, Hints(read_only=True))
    assert isinstance(read_only, Ask)


def test_a_label_that_names_the_tool_is_a_reader(policy: Policy) -> None:
    leaf = LabelledLeaf(label=Label(readers=frozenset({tool_sink("web.search")})))
    assert isinstance(check_call(policy, "web.search", {("other",): leaf}), Allowed)


def test_a_reason_says_rule_place_type_and_what_would_allow_it(policy: Policy) -> None:
    verdict = check_call(policy, "web.search", {("q",): TRUSTED_EMAIL})
    assert isinstance(verdict, Ask)
    (reason,) = verdict.reasons
    assert (reason.type, reason.rule_id.startswith("laptop.yaml:13 ")) == ("email", True)
    assert str(reason) == (
        "$.q of web.search accepts `cloud`, and this email is kept as `handle` (rule: laptop.yaml:13"
        " tools.web.search.arguments q; locality from built-in default: handle); it would be allowed if the rule said"
        " `accepts: handle`"
    )


def test_the_folders_of_the_policy_file_stay_out_of_reasons(policy: Policy) -> None:
    verdict = check_call(policy, "web.search", {("q",): TRUSTED_EMAIL})
    assert "somebody" not in repr(verdict)


def test_names_that_only_the_data_know_are_not_shown(policy: Policy) -> None:
    arguments = {("headers", "ann@example.org", 0): TRUSTED_EMAIL}
    shown = check_call(policy, "web.search", arguments)
    assert _codes(shown) == ["not-accepted $.headers[*][0]"]
    strict = check_call(policy, "web.search", arguments, argument_names=["q"])
    assert _codes(strict) == ["not-accepted $[*][*][0]"]
    assert "example.org" not in repr(shown) + repr(strict)


@pytest.mark.parametrize(
    ("source", "hints", "asked"),
    [
        ("builtin", Hints(read_only=True), False),
        ("python", Hints(read_only=True), False),
        ("mcp:notes", Hints(read_only=True), True),
        ("builtin", Hints(), True),
        ("python", Hints(), True),
    ],
)
def test_where_the_planner_named_no_tool_what_may_change_something_is_asked_about(
    source: str, hints: Hints, asked: bool
) -> None:
    """The word of a server that its tool only reads is not enough, and neither is `confirm: never`."""
    policy = load_policy("version: 1\ntools: {a.tool: {runs: device, confirm: never}}", "laptop.yaml")
    verdict = check_call(policy, "a.tool", {}, hints, source=source, planned=False)
    assert _codes(verdict) == (["unplanned"] if asked else [])
    assert check_call(policy, "a.tool", {}, hints, source=source) == Allowed()


@pytest.mark.parametrize(
    ("leaf", "owned", "verdict"),
    [
        (LabelledLeaf(label=Label.at(Locality.HANDLE)), False, Ask),
        (LabelledLeaf(label=Label.at(Locality.HANDLE)), True, Allowed),
        (LabelledLeaf(label=Label.at(Locality.CLOUD), model_written=True), False, Ask),
        (LabelledLeaf(label=Label.at(Locality.HANDLE, Integrity.TRUSTED)), False, Allowed),
    ],
)
def test_what_must_be_typed_or_approved_is_asked_about_where_it_is_neither(leaf, owned, verdict):
    text = "version: 1\ntools: {x.do: {runs: device, confirm: never, stored_as: nowhere, arguments: {a: {WORD}}}}"
    policy = load_policy(text.replace("WORD", "requires: typed-or-approved"), "p.yaml")
    found = check_call(policy, "x.do", {("a",): leaf}, owned=lambda at: owned)
    assert isinstance(found, verdict)
    if verdict is Ask:
        (reason,) = found.reasons
        assert (reason.code, reason.path) == ("not-typed", "$.a")
        assert reason.rule_id.startswith("p.yaml:2 tools.x.do.arguments a")


def test_of_two_entries_the_one_that_refuses_is_the_stricter():
    text = """
version: 1
tools:
  x.do: {arguments: {a: {requires: typed-or-approved}}}
  x.*: {arguments: {a: {requires: trusted}}}
"""
    assert load_policy(text, "p.yaml").arguments("x.do").at(("a",)).requires == "trusted"
