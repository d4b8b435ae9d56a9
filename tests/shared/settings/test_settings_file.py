"""A file of settings: what its fields may be, and what is said about all that is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umi_shared.errors import ConfigError
from umi_shared.settings import (
    MAY_BE_ZERO,
    NO_SETTING,
    ModelSpec,
    PathText,
    SettingError,
    SettingsError,
    SettingsFile,
    also_called,
)

FILE = Path("/etc/umi/x.yaml")


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    host: str
    port: int = 25
    plain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    kind: str = "square"
    side: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    kind: str = "circle"
    radius: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    name: str = ""
    place: Path = Path("/nowhere")
    folder: PathText = ""
    model: ModelSpec = "m.gguf"
    word: Literal["", "one", "two"] = ""
    colour: Colour = Colour.RED
    count: int = 3
    budget: int = 0
    tries: Annotated[int, MAY_BE_ZERO] = 3
    share: float = 0.5
    loud: bool = False
    names: tuple[str, ...] = ()
    colours: tuple[Colour, ...] = ()
    span: tuple[Annotated[float, MAY_BE_ZERO], float] = (0.0, 1.0)
    ages: Mapping[str, int] = field(default_factory=dict)
    other: Mapping[str, Any] = field(default_factory=dict, metadata=also_called("otherThings"))
    server: Server | None = None
    servers: tuple[Server, ...] = ()
    shape: Square | Circle = field(default_factory=Square)
    origin: str = field(default="code", metadata=NO_SETTING)

    def __post_init__(self) -> None:
        if self.count > 100:
            raise SettingError("count", "`count` is more than 100", fix="write a smaller one")
        if self.budget == 13:
            raise ConfigError("thirteen is nobody's budget")


def parse(text: str) -> Everything:
    return SettingsFile(FILE).parse(Everything, text)


def problems(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(SettingsError) as caught:
        parse(text)
    return [(one.line, one.message, one.fix) for one in caught.value.problems]


def error_of(text: str) -> ConfigError | None:
    try:
        parse(text)
    except ConfigError as error:
        return error
    return None


def test_every_type_of_field_can_be_read():
    read = parse(
        "name: Ada\nplace: here\nfolder: ~\nmodel: 'hf:owner/repo:Q4_K_M'\nword: two\ncolour: blue\ncount: 4\n"
        "budget: 0\ntries: 0\nshare: 1\nloud: true\nnames: [a, b]\ncolours: [red, blue]\nspan: [0, 0.5]\n"
        "ages: {Ada: 36}\notherThings: {x: {y: 1}}\nserver: {host: h, plain: true}\n"
        "servers: [{host: a}, {host: b, port: 26}]\nshape: {kind: circle, radius: 2}\n".replace("~", "'~'")
    )
    assert read == Everything(
        name="Ada",
        place=Path("/etc/umi/here"),
        folder=str(Path.home()),
        model="hf:owner/repo:Q4_K_M",
        word="two",
        colour=Colour.BLUE,
        count=4,
        budget=0,
        tries=0,
        share=1.0,
        loud=True,
        names=("a", "b"),
        colours=(Colour.RED, Colour.BLUE),
        span=(0.0, 0.5),
        ages={"Ada": 36},
        other={"x": {"y": 1}},
        server=Server(host="h", plain=True),
        servers=(Server(host="a"), Server(host="b", port=26)),
        shape=Circle(radius=2.0),
    )


def test_relative_paths_start_from_the_files_folder_or_from_another():
    text = "place: p\nfolder: f\nmodel: m.gguf\n"
    assert parse(text) == Everything(place=Path("/etc/umi/p"), folder="/etc/umi/f", model="/etc/umi/m.gguf")
    elsewhere = SettingsFile(FILE, folder=Path()).parse(Everything, text)
    assert elsewhere == Everything(place=Path("p"), folder="f", model="m.gguf")


def test_a_merged_section_is_read_as_if_it_were_written_out():
    read = parse("other: {base: &base {host: h, port: 7}}\nserver: {<<: *base, plain: true}\n")
    assert read.server == Server(host="h", port=7, plain=True)


@pytest.mark.parametrize(
    ("text", "line", "said", "fix"),
    [
        ("nmae: x\n", 1, "no setting is called `nmae`", "did you mean `name` or `names`?"),
        ("origin: file\n", 1, "no setting is called `origin`", ""),
        ("name: 3\n", 1, "`name` is text", "write the text in quotes"),
        ("name:\n", 1, "`name` is text", "leave it out for the default"),
        ("place: ''\n", 1, "`place` names a file", "leave it out for the default"),
        ("model: 'ftp:x'\n", 1, "`model` names no model", "hf:OWNER/REPO"),
        ("word: three\n", 1, "`word` is one of one, two", ""),
        ("word: onee\n", 1, "`word` is one of one, two", "did you mean `one`?"),
        ("count: 0\n", 1, "`count` is a whole number, above zero", ""),
        ("count: 1.5\n", 1, "`count` is a whole number, above zero", ""),
        ("count: true\n", 1, "`count` is a whole number, above zero", ""),
        ("tries: -1\n", 1, "`tries` is a whole number, zero or more", ""),
        ("share: .inf\n", 1, "`share` is a number, above zero", ""),
        ("share: .nan\n", 1, "`share` is a number, above zero", ""),
        ("loud: 1\n", 1, "`loud` is true or false", ""),
        ("names: a\n", 1, "`names` is a list of texts", "[text, text]"),
        ("names: [1]\n", 1, "`names` is a list of texts", ""),
        ("colours: red\n", 1, "`colours` is a list", ""),
        ("colours: [green]\n", 1, "`colours` is one of red, blue", ""),
        ("span: [0]\n", 1, "`span` is a list of 2 values", ""),
        ("ages:\n  Ada: 36\n  Bob: old\n", 3, "`Bob` is a whole number, above zero", ""),
        ("ages: []\n", 1, "`ages` is a mapping", ""),
        ("other: []\n", 1, "`other` is a mapping", ""),
        ("other: {}\n\notherThings: {}\n", 3, "`otherThings` is given twice", "the same as `other`"),
        ("server: h\n", 1, "`server` is a mapping", ""),
        ("server:\n\n  port: 1\n", 3, "`host` is missing here", ""),
        ("servers:\n- host: a\n- host: b\n  prot: 1\n", 4, "no setting is called `prot`", "`port`"),
        ("servers:\n- host: a\n- b\n", 3, "`servers` is a mapping", ""),
        ("shape:\n  kind: cube\n", 2, "`kind` is one of square, circle", ""),
        ("shape:\n  kind: [circle]\n", 2, "`kind` is one of square, circle", ""),
        ("shape: 3\n", 1, "`shape` is a mapping", ""),
        ("- a\n", 1, "the file is a mapping", ""),
        ("name: a\ncount: 101\n", 2, "`count` is more than 100", "write a smaller one"),
        ("name: a\nbudget: 13\n", 1, "thirteen is nobody's budget", ""),
        ("name: a\nname: b\n", 2, "a setting is given twice", "take one of the two out"),
        ("server: {host: a\n", 2, "not valid YAML: ", ""),
        ("name:\n\t- a\n", 2, "a tab where YAML wants spaces", "indent with spaces"),
        ("name: 2026-99-99\n", 0, "not valid YAML: ", "quotes"),
    ],
)
def test_what_is_wrong_gets_its_line_and_the_fix(text, line, said, fix):
    ((found, message, mend),) = problems(text)
    assert (found, message[: len(said)]) == (line, said)
    assert fix in mend


def test_all_that_is_wrong_is_said_at_once_in_the_order_of_the_file():
    with pytest.raises(SettingsError) as caught:
        parse("count: many\nnmae: x\nserver:\n  hots: h\n  plain: 3\nshape: {kind: circle}\n")
    assert str(caught.value) == (
        "/etc/umi/x.yaml:1: `count` is a whole number, above zero\n"
        "/etc/umi/x.yaml:2: no setting is called `nmae`\n  Fix: did you mean `name` or `names`?\n"
        "/etc/umi/x.yaml:4: no setting is called `hots`\n  Fix: did you mean `host`?\n"
        "/etc/umi/x.yaml:5: `plain` is true or false\n"
        "/etc/umi/x.yaml:6: `radius` is missing here\n"
        "Fix: correct these lines, then try again"
    )


SECRET = "sk-9f8e7d6c"


@pytest.mark.parametrize(
    "value",
    [SECRET, f"'{SECRET}", f"*{SECRET}", f"!{SECRET}", f"!!timestamp {SECRET}", f"!!int {SECRET}", f"[{SECRET}, {{a]",
     f"|{SECRET}", f"%{SECRET}", f'"\\{SECRET}"', f"{{a: {SECRET}, a: {SECRET}}}", f"<<: {SECRET}"],
)  # fmt: skip
@pytest.mark.parametrize("name", sorted(set(Everything.__dataclass_fields__) - {"name", "place", "folder"}))
def test_no_value_is_quoted_whatever_it_stands_for(name, value):
    error = error_of(f"{name}: {value}\n")
    if error is None:
        assert name in ("model", "names", "other")
        return
    assert SECRET not in f"{error}{error!r}"
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


@given(st.text(max_size=200))
def test_any_text_is_settings_or_one_clear_error(text):
    error = error_of(text)
    assert error is None or str(error).startswith("/etc/umi/x.yaml")


def test_a_file_is_read_under_limits(tmp_path):
    path = tmp_path / "x.yaml"
    with pytest.raises(ConfigError, match=r"x\.yaml is not there"):
        SettingsFile(path).read(Everything)
    with pytest.raises(FileNotFoundError):
        SettingsFile(path).text()
    path.write_bytes(b"\xef\xbb\xbfname: Ada\n")
    assert SettingsFile(path).read(Everything) == Everything(name="Ada")
    path.write_bytes(b"name: x\n\xff")
    with pytest.raises(SettingsError, match=r"x\.yaml:2: this is not UTF-8 text"):
        SettingsFile(path).read(Everything)
    path.write_bytes(b"#" * (1 << 21))
    with pytest.raises(ConfigError, match="larger than"):
        SettingsFile(path).read(Everything)
    with pytest.raises(ConfigError, match="cannot be read"):
        SettingsFile(tmp_path).read(Everything)
