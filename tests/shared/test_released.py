"""Released values: made by one function, unchanged afterwards, silent about what they hold."""

import dataclasses

import pytest

from umi_shared.labels import PLANNER
from umi_shared.released import Disclosure, Released, mint


def test_without_the_seal_there_is_no_released_value():
    for arguments in ((1, PLANNER, ()), (1, PLANNER, (), object()), (1, PLANNER, (), None)):
        with pytest.raises(TypeError, match="only release"):
            Released(*arguments)


def test_the_payload_cannot_be_exchanged():
    released = mint("secret", PLANNER, ())
    with pytest.raises(TypeError):
        dataclasses.replace(released, payload="other")
    with pytest.raises(dataclasses.FrozenInstanceError):
        released.payload = "other"


def test_the_repr_shows_the_reasons_and_not_the_payload():
    released = mint("secret", PLANNER, (Disclosure(entry=0, rule="laptop.yaml:7", clear_bytes=6),))
    assert "secret" not in repr(released)
    assert "laptop.yaml:7" in repr(released)
