"""Whom a request says is to be told."""

import pytest

from umi_edge.session.addressees import addressees_of, only_in_message

ONE, TWO = "<person:1>", "<person:2>"


def whom(request: str) -> tuple[str, ...] | None:
    found = addressees_of(request)
    return None if found is None else found.whom


@pytest.mark.parametrize("request_", [
    f"Write please to {ONE} that {TWO} is ill",
    f"could you let {ONE} know that {TWO} is ill",
    f"ask {ONE} to bring {TWO}",
    f"Cancel book club and write {ONE} that I'm ill",
    f"reply to {ONE}: yes, {TWO} comes first",
    f"Please forward {TWO}'s letter about the roof to {ONE}",
    f"Sag {ONE} bitte, dass {TWO} krank ist",
    f"Schreib bitte an {ONE}, dass {TWO} krank ist",
    f"dis à {ONE} que {TWO} est malade",
    f"Escribe a {ONE} que {TWO} está enfermo",
])  # fmt: skip
def test_who_is_told_stands_before_the_message(request_):
    assert whom(request_) == (ONE,)


@pytest.mark.parametrize("request_", [
    f"send a mail to {ONE} and to {TWO} from the test bench that the valves come",
    f"tell {ONE} and {TWO} we open at ten",
    f"forward the mail about the oven to {ONE} and to {TWO} the housemate",
])  # fmt: skip
def test_several_are_joined_by_and(request_):
    assert whom(request_) == (ONE, TWO)


@pytest.mark.parametrize(("request_", "described"), [
    ("Write to the IT guy that we move the servers", "IT guy"),
    ("Please send our landlady a short message and ask when the lift works", "landlady"),
    ("write to our adviser at the bank that I shall come", "adviser at the bank"),
])  # fmt: skip
def test_somebody_may_be_described(request_, described):
    assert whom(request_) == (described,)


@pytest.mark.parametrize("request_", [
    f"tell me what {ONE} wrote",
    f"what did {ONE} tell {TWO}",
    f"tell {ONE} that I come and tell {TWO} that I do not",
    "remind me to buy bread",
    f"write him that {ONE} is in",
    f"tell {ONE} that {TWO} is ill and cc {TWO}",
    "say hi to Anna",
])  # fmt: skip
def test_nobody_is_told_where_the_words_say_none_or_several_things(request_):
    assert whom(request_) is None


@pytest.mark.parametrize("request_", [
    f"tell {ONE} that {TWO} is ill",
    f"Write to {ONE} that we take the big room, because she is not to sit beside {TWO}",
    f"Forward {TWO}'s letter about the roof to {ONE}",
])  # fmt: skip
def test_somebody_of_the_message_is_told_nothing(request_):
    assert only_in_message(request_, addressees_of(request_), TWO)


@pytest.mark.parametrize("request_", [
    f"thank {TWO} and tell {ONE} that {TWO} is ill",
    f"tell {ONE} i'm late and thank {TWO}",
    f"tell {ONE} i'm late, thank {TWO}",
    f"tell {ONE} i'm late. {TWO} should get the mail too",
    f"tell {ONE} that {TWO} is ill and thank her",
])  # fmt: skip
def test_somebody_for_whom_there_may_be_another_errand_is_not_only_in_the_message(request_):
    assert not only_in_message(request_, addressees_of(request_), TWO)
