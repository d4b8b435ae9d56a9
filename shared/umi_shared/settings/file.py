"""One file of settings: its text under limits, its YAML, and all that is wrong with it as one error."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from umi_shared.errors import ConfigError
from umi_shared.problems import Problem, ordered, shown
from umi_shared.settings.reader import SectionReader
from umi_shared.yaml_syntax import syntax_problem

__all__ = ["SettingsError", "SettingsFile"]

_MAX_BYTES = 1 << 20
T = TypeVar("T")


class SettingsError(ConfigError):
    """A file of settings is wrong; `problems` has every mistake, in the order of the file."""

    is_list = True

    def __init__(self, file: Path, problems: Sequence[Problem]) -> None:
        self.problems = ordered(problems)
        message, fix = shown(self.problems, str(file))
        super().__init__(message, fix=fix)


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """One file, and the folder that its relative paths start from; None: the file's own folder.

    A field's type says what may stand in the file: bool, int, float, str, `Literal` words, StrEnum, Path, `TextKind`;
    tuples and mappings of these; dataclasses; and a union of dataclasses that differ in the default of their field
    `kind`. A field without a default must be there, and none may be empty. Numbers are finite and above zero; zero is
    one of them where it is the default, or under `MAY_BE_ZERO`.
    """

    path: Path
    folder: Path | None = None

    def read(self, kind: type[T]) -> T:
        """Read the file. Raises `ConfigError` when it cannot be read, `SettingsError` when something in it is wrong."""
        try:
            return self.parse(kind, self.text())
        except FileNotFoundError:
            raise ConfigError(f"{self.path} is not there", fix="check the path") from None

    def text(self) -> str:
        """The file's text. Raises `FileNotFoundError`, and `ConfigError` when it cannot be read or is too large."""
        try:
            with self.path.open("rb") as file:
                raw = file.read(_MAX_BYTES + 1)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise ConfigError(
                f"{self.path} cannot be read: {error.strerror}", fix="check the path"
            ) from error
        if len(raw) > _MAX_BYTES:
            raise ConfigError(f"{self.path} is larger than a file of settings may be ({_MAX_BYTES:,} bytes)")
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise self._wrong(Problem(line, "this is not UTF-8 text", "save the file as UTF-8")) from None

    def parse(self, kind: type[T], text: str) -> T:
        """Read the file's text; an empty one is all defaults. Raises `SettingsError` with every mistake."""
        reader = SectionReader(self.path.parent if self.folder is None else self.folder)
        document = self._document(text)
        value = reader.section(kind, {} if document is None else document, "the file", 1)
        if reader.problems:
            raise self._wrong(*reader.problems)
        made: T = value
        return made

    def _document(self, text: str) -> Any:
        try:
            return YAML(typ="rt").load(text)
        except DuplicateKeyError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 0
            raise self._wrong(Problem(line, "a setting is given twice", "take one of the two out")) from None
        except MarkedYAMLError as error:
            raise self._wrong(syntax_problem(error)) from None
        except RecursionError:
            raise self._wrong(Problem(0, "not valid YAML: it is nested too deep")) from None
        except (YAMLError, ValueError):  # control characters; a date that no calendar has
            what = "not valid YAML: it has characters, or a date, that cannot be read"
            raise self._wrong(Problem(0, what, "put dates and odd text in quotes")) from None

    def _wrong(self, *problems: Problem) -> SettingsError:
        return SettingsError(self.path, problems)
