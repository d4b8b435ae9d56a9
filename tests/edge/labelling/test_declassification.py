"""What `show` tells of a value, what it costs, and where a session stops."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umi_edge.labelling.declassification import Declassifications, DeclassifiedError, fact_of
from umi_shared.errors import PrivacyError
from umi_shared.handles import Handle, parts_of

KEY = b"k" * 32
SHOWS = ("domain", "last4", "year", "month", "count", "sign", "hash", "bucket(10)", "bucket(999999999)")


@pytest.mark.parametrize(
    ("show", "value", "text"),
    [
        ("domain", "ann@example.org", "domain example.org"),
        ("domain", "Ann <Ann@Example.ORG>", "domain example.org"),
        ("domain", "https://user:secret@shop.example.com:8443/a?b=c@d.example", "domain shop.example.com"),
        ("domain", "ann at example dot org", "no domain"),
        ("domain", "ann@localhost", "no domain"),
        ("domain", 'ann@ex"ample.org', "no domain"),
        ("domain", "ann@<email:1>.org", "no domain"),
        ("domain", None, "no domain"),
        ("last4", "DE89 3704 0044 0532 0130 00", "last4 3000"),
        ("last4", 4111111111111111, "last4 1111"),
        ("last4", "1234567", "no last4"),
        ("last4", True, "no last4"),
        ("year", "1984-03-12", "year 1984"),
        ("year", "1984-03-12T10:00:00Z", "year 1984"),
        ("year", "1984-13-12", "no year"),
        ("month", "1984-03-12", "month 1984-03"),
        ("month", "March 1984", "no month"),
        ("count", [1, 2, 3], "count 3"),
        ("count", {}, "count 0"),
        ("count", "three", "no count"),
        ("count", [0] * 65_533, "count 65533"),
        ("count", [0] * 65_534, "count many"),
        ("sign", -0.5, "sign negative"),
        ("sign", "0.00", "sign zero"),
        ("sign", "12", "sign positive"),
        ("sign", False, "no sign"),
        ("sign", "1e5", "no sign"),
        ("bucket(10)", -1, "bucket -10 to under 0"),
        ("bucket(10)", 39.99, "bucket 30 to under 40"),
        ("bucket(10)", 327_659, "bucket 327650 to under 327660"),
        ("bucket(10)", 327_660, "bucket very large"),
        ("bucket(10)", -327_660, "bucket -327660 to under -327650"),
        ("bucket(10)", -(10**9), "bucket very small"),
        ("bucket(10)", "n/a", "no bucket"),
    ],
)
def test_a_fact_says_what_the_policy_names_and_nothing_where_there_is_none(show, value, text):
    assert fact_of(show, value, KEY).text == text


def test_a_show_that_the_language_does_not_have_is_an_error():
    with pytest.raises(ValueError, match="unknown"):
        fact_of("everything", "x", KEY)


def test_a_hash_tells_equality_and_needs_the_key():
    one = fact_of("hash", "ann@example.org", KEY)
    assert one == fact_of("hash", "ann@example.org", KEY)
    assert one.text != fact_of("hash", "bob@example.org", KEY).text
    assert one.text != fact_of("hash", "ann@example.org", b"another").text
    assert re.fullmatch(r"hash [0-9a-f]{8}", one.text)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.from_regex(r"[a-z<>:\"\\]{1,9}@[a-z<>:\".\\-]{1,20}", fullmatch=True)
    | st.dates().map(str),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=5,
)


@given(show=st.sampled_from(SHOWS), value=json_values)
def test_a_fact_is_never_a_handle_nor_the_end_of_a_string(show, value):
    fact = fact_of(show, value, KEY)
    assert re.fullmatch(r"[A-Za-z0-9 .-]+", fact.text)
    assert parts_of(fact.text) == (fact.text,)
    assert fact.text not in repr(fact)
    assert fact.bits >= 2


@given(st.lists(json_values, min_size=2, max_size=40), st.sampled_from([s for s in SHOWS if s != "domain"]))
def test_no_more_answers_than_the_charged_bits_can_tell_apart(values, show):
    facts = {fact_of(show, value, KEY) for value in values}
    assert len({fact.bits for fact in facts}) == 1, (
        "the charge of a fact of fixed range must not depend on it"
    )
    assert len(facts) <= 2 ** next(iter(facts)).bits


def test_a_domain_costs_what_a_name_of_its_length_could_spell():
    short, long = fact_of("domain", "a@ab.cd", KEY), fact_of("domain", "a@" + "secret." * 20 + "org", KEY)
    assert short.bits == math.ceil(6 * math.log2(39))
    assert long.bits > 700


def test_the_same_fact_of_the_same_handle_is_charged_once():
    spent = Declassifications(256, KEY)
    for _ in range(3):
        spent.fact("sign", Handle("amount", 1), 3)
    assert spent.spent_bits == 2
    spent.fact("sign", Handle("amount", 2), 3)
    spent.fact("bucket(10)", Handle("amount", 1), 3)
    assert spent.spent_bits == 2 + 2 + 16


def test_the_limit_is_a_hard_stop_that_says_what_was_spent_on_what_and_no_value():
    spent = Declassifications(100, KEY)
    spent.fact("last4", Handle("card", 1), "4111111111111111")
    spent.fact("domain", Handle("email", 1), "ann@example.org")
    with pytest.raises(DeclassifiedError) as stopped:
        spent.fact("last4", Handle("card", 2), "5500005555555559")
    assert isinstance(stopped.value, PrivacyError)
    assert "last4 of <card:2> takes 21 bits, and 85 of this session's 100 are spent" in str(stopped.value)
    assert "64 on domain of 1 email, 21 on last4 of 1 card" in str(stopped.value)
    assert "5559" not in str(stopped.value)
    assert "example" not in str(stopped.value)
    assert spent.spent_bits == 85, "what was refused is not charged"


def test_a_limit_of_nothing_allows_nothing():
    with pytest.raises(DeclassifiedError, match="on nothing yet"):
        Declassifications(0, KEY).fact("sign", Handle("amount", 1), 1)


def test_the_key_of_hashes_is_not_in_the_repr():
    assert "kkk" not in repr(Declassifications(256, KEY))


def test_a_long_value_costs_no_time():
    for show in SHOWS:
        assert fact_of(show, "a" * 1_000_000, KEY).text
        assert fact_of(show, "a@" * 500_000, KEY).text
