"""The vault: handles for values, for one session."""

import pytest

from umi_edge.labelling.vault import Origin, Source, UnknownHandleError, Vault
from umi_shared.errors import PrivacyError
from umi_shared.handles import Handle
from umi_shared.labels import Integrity, Label, Locality

STAYS = Label.at(Locality.HANDLE)


def keep(vault, value, **changes):
    return vault.keep(value, **{"type": "text", "label": STAYS, "origin": "t"} | changes)


def test_handles_count_up_by_type():
    vault = Vault()
    assert [keep(vault, 1), keep(vault, 2), keep(vault, 1, type="other")] == [
        Handle("text", 1),
        Handle("text", 2),
        Handle("other", 1),
    ]


@pytest.mark.parametrize(
    "others",
    [
        {"type": "other"},
        {"label": Label.at(Locality.PLANNER)},
        {"label": STAYS.with_integrity(Integrity.TRUSTED)},
        {"link": False},
    ],
)
def test_equal_values_share_a_handle_only_within_type_and_label(others):
    vault = Vault()
    first = keep(vault, "x")
    assert keep(vault, "x") == first
    assert keep(vault, "x", **others) != first


def test_values_of_different_json_types_are_different():
    vault = Vault()
    assert len({keep(vault, value) for value in (1, 1.0, "1", True, None, [1], {"1": 1})}) == 7


def test_unlinked_handles_are_never_given_again():
    vault = Vault()
    assert keep(vault, "x", link=False) != keep(vault, "x", link=False)
    assert keep(vault, "x") == keep(vault, "x")


def test_a_handle_of_another_session_is_unknown_and_the_error_has_no_context():
    vault = Vault()
    with pytest.raises(UnknownHandleError) as caught:
        vault[Handle("email", 1)]
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert Handle("email", 1) not in vault


def test_what_is_concealed_resolves_to_nothing_and_moves_no_number():
    vault = Vault()
    for _ in range(2):
        vault.conceal("Kept-4711", label=Label.at(Locality.HIDDEN), origin=Origin(Source.RESULT, "t"))
    assert [kept.value for kept in vault] == ["Kept-4711"]
    assert Handle("hidden", 1) not in vault
    assert keep(vault, "x", type="hidden") == Handle("hidden", 1)
    assert vault[Handle("hidden", 1)].value == "x"


def test_a_full_vault_refuses_and_keeps_what_it_has(monkeypatch):
    monkeypatch.setattr("umi_edge.labelling.vault._MAX_VALUES", 2)
    vault = Vault()
    first, _ = keep(vault, "Kept-4711"), keep(vault, "Kept-4712")
    with pytest.raises(PrivacyError, match="holds 2 values") as caught:
        keep(vault, "Kept-4713")
    assert "4713" not in str(caught.value)
    assert keep(vault, "Kept-4711") == first
    assert len(vault) == 2


def test_what_came_after_a_count_is_told():
    vault = Vault()
    keep(vault, "a")
    keep(vault, "b")
    assert [kept.value for kept in vault.since(1)] == ["b"]


def test_reprs_show_no_value():
    vault = Vault()
    keep(vault, "Kept-4711")
    assert "4711" not in repr(vault) + repr(list(vault))
