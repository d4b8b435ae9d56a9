"""A file of values that a detector looks for, or is to leave alone, one a line: what it must be, and what is in it.

Nothing of it is ever told but how many values it has and the number of a line that is wrong. It is read again before
each instruction, as lists from tools are, and where it cannot be read no session goes on.

I2: docs/design.md#i2-fail-closed
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import codecs
import hashlib
from collections.abc import Iterator
from pathlib import Path

from umi_edge.policy.detector import Detector
from umi_edge.policy.document import Policy
from umi_edge.policy.excepted import Excepted
from umi_edge.policy.projection import project
from umi_shared.errors import PrivacyError

__all__ = ["digest_of", "named_files", "read_values_files", "values_of"]

_MAX_BYTES = 64 << 20
_SHORTEST, _LONGEST = 2, 200
_COLUMNS = "\t;"
_ENCODINGS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def read_values_files(policy: Policy) -> dict[str, tuple[str, ...]]:
    """The values of each file that the policy names, by its rule. Raises `PrivacyError` as `values_of` does."""
    return {one.rule_id: values_of(one) for one in named_files(policy)}


def named_files(policy: Policy) -> Iterator[Detector | Excepted]:
    """What in a policy has its values in a file: detectors, and their exceptions."""
    for detector in policy.detect:
        if detector.file:
            yield detector
        yield from (one for one in detector.excepted if one.file)


def values_of(detector: Detector | Excepted) -> tuple[str, ...]:
    """The values in the file of a detector or its exceptions, in UTF-8, or in UTF-16 with its mark.

    Raises `PrivacyError`, which names the file and a line's number and no value, where it is not there, cannot be read,
    has no value, has a line that no detector could look for, or is not what was signed.
    """
    lines = _text(detector).splitlines()
    values = []
    for number, line in enumerate(lines, 1):
        value = line.strip()
        if not value:
            continue
        if not _SHORTEST <= len(value) <= _LONGEST:
            raise _refused(
                detector,
                f"line {number} is no value of {_SHORTEST} to {_LONGEST} characters",
                "mend that line, or take it out",
            )
        if (
            value.startswith("#")
            or any(sign in value for sign in _COLUMNS)
            or len(project(value).text) < _SHORTEST
        ):
            raise _refused(
                detector,
                f"line {number} has a remark, columns, or nothing that shows; no text would be found by it",
                "leave one value on a line, and nothing else",
            )
        values.append(value)
    if not values:
        raise _refused(detector, "it has no value", "write one value a line into it")
    return tuple(dict.fromkeys(values))


def digest_of(content: bytes) -> str:
    """What a file's bytes are known by in a signature."""
    return hashlib.sha256(content).hexdigest()


def _text(detector: Detector | Excepted) -> str:
    path = Path(detector.file)
    try:
        if not path.is_file():
            raise _refused(
                detector, "there is no such file", "check the path: it counts from the policy's folder"
            )
        with path.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        why = error.strerror or "it cannot be read"
        raise _refused(detector, why, "let this user read it") from error
    if detector.digest and digest_of(content) != detector.digest:
        raise _refused(
            detector,
            "it is not the file that was signed with the policy",
            "put it back as it was, or have the policy signed again: `umi policy sign`",
        )
    if len(content) > _MAX_BYTES:
        raise _refused(detector, f"it is larger than {_MAX_BYTES >> 20} MiB", "use a shorter list")
    encoding = next((name for mark, name in _ENCODINGS if content.startswith(mark)), "utf-8-sig")
    line = 0
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    # Outside of the handler: the error that was caught holds the file's bytes.
    raise _refused(detector, f"line {line} is not UTF-8 text", "save it as UTF-8")


def _refused(detector: Detector | Excepted, why: str, fix: str) -> PrivacyError:
    unnamed = "What they do not name leaves in clear, so" if isinstance(detector, Detector) else "So"
    return PrivacyError(
        f"the values of {detector.rule_id} cannot be read from {detector.file}: {why}. {unnamed} nothing was sent",
        fix=fix,
    )
