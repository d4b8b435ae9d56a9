"""The files of `data/`: every entry is a text, and a number or a word that YAML takes for something else is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from umi_lab.synthesis import data_file
from umi_lab.synthesis.data_file import read_data, texts

NAMES = sorted(path.stem for path in (Path(data_file.__file__).parent / "data").glob("*.yaml"))


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from leaves(one)
    else:
        yield value


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_is_a_text(name: str):
    found = list(leaves(read_data(name)))
    assert found
    assert [one for one in found if not isinstance(one, str)] == []


@pytest.mark.parametrize("wrong", [[2], ["on", True], [None], "add", {"a": "b"}])
def test_what_is_no_list_of_texts_is_refused(wrong: Any):
    with pytest.raises(TypeError, match="a list of texts is needed"):
        texts(wrong)


def test_a_file_is_read_once():
    assert read_data("words") is read_data("words")
