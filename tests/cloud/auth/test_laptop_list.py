"""A list of laptops in a CSV file: what is read, and which mistakes are named with their lines."""

import pytest

from umi_cloud.auth import laptop_list
from umi_cloud.auth.laptop_list import Laptop, read_laptops
from umi_shared.errors import ConfigError


@pytest.mark.parametrize(
    "text",
    [
        "ann,Ann in sales\nbo\n",
        "\ufeffname,label\nann,Ann in sales\n\n bo , \n",
        'owner,label,name\nx,"Ann in sales",ann\ny,,bo\n',
    ],
)
def test_names_and_labels_are_read_in_order(text, tmp_path):
    path = tmp_path / "laptops.csv"
    path.write_text(text, encoding="utf-8")
    assert read_laptops(path) == (Laptop("ann", "Ann in sales"), Laptop("bo"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ann\nAnn\nbo\nann\n", r"line 2: .*line 4: ann was named before"),
        ("ann,a\x1b[2J\n", "line 1: the label"),
        (f"ann,{'x' * 121}\n", "line 1: the label"),
        ("\n\n", "names no laptops"),
        ("\n".join("é" for _ in range(9)), "; and 4 more"),
        ('"ann\n', "no CSV"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, said, tmp_path):
    path = tmp_path / "laptops.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        read_laptops(path)


def test_a_file_that_is_not_there_or_too_long_is_named(tmp_path, monkeypatch):
    path = tmp_path / "laptops.csv"
    with pytest.raises(ConfigError, match="cannot read"):
        read_laptops(path)
    monkeypatch.setattr(laptop_list, "LAPTOPS_MAX", 2)
    path.write_text("a\nb\nc\nd\n")
    with pytest.raises(ConfigError, match="more than 2 lines"):
        read_laptops(path)
