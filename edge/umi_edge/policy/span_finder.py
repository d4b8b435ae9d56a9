"""A span finder: what a plug-in detector does, and the plug-ins that a policy can name.

Another one is added in code, before a policy that names it is loaded: `PLUGINS["mine"] = Plugin(make=MyFinder)`.

I2: docs/design.md#i2-fail-closed
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from umi_edge.policy.detector import Detector
from umi_shared.errors import PolicyError, PrivacyError

__all__ = ["PLUGINS", "Plugin", "SpanFinder", "finder_of", "missing", "spans_found"]


class SpanFinder(Protocol):
    """Whatever finds private spans in a text, on this device."""

    def find(self, text: str) -> Iterable[tuple[int, int]]:
        """Where each span starts and ends, in characters; in any order, overlaps too.

        May raise anything: the text is then not let out, and what was raised is told by its type only.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """How finders of one kind are made, and what they need installed."""

    make: Callable[[Detector], SpanFinder]
    """Raises `PolicyError` for a detector that it cannot serve."""
    module: str = ""
    """What has to be importable."""
    install: str = ""
    """The command that makes it so."""


def _presidio(detector: Detector) -> SpanFinder:
    found: Any = import_module("umi_edge.policy.presidio")
    finder: SpanFinder = found.PresidioFinder.of(detector)
    return finder


PLUGINS: dict[str, Plugin] = {
    "presidio": Plugin(
        make=_presidio, module="presidio_analyzer", install="pip install 'umi-runtime[presidio]'"
    )
}
"""By the name that `plugin:` takes."""


def missing(detector: Detector) -> PolicyError | None:
    """What a detector's plug-in lacks on this device; None where nothing does.

    A plug-in that is not there must never pass for one that finds nothing (I2).
    """
    plugin = PLUGINS.get(detector.plugin)
    if plugin is None:
        return PolicyError(
            f"{detector.rule_id}: there is no plug-in `{detector.plugin}`",
            fix=f"use one of: {', '.join(PLUGINS)}",
        )
    if plugin.module and find_spec(plugin.module) is None:
        return PolicyError(
            f"{detector.rule_id}: the plug-in `{detector.plugin}` is not installed, and nothing is scanned without it",
            fix=f"{plugin.install or f'install {plugin.module}'}, or take the detector out of the policy",
        )
    return None


def finder_of(detector: Detector) -> SpanFinder:
    """The finder that a detector wants. Raises `PolicyError`."""
    lacks = missing(detector)
    if lacks is not None:
        raise lacks
    return PLUGINS[detector.plugin].make(detector)


def spans_found(finder: SpanFinder, text: str, rule_id: str) -> list[tuple[int, int]]:
    """What a finder finds, checked. Raises `PrivacyError`, without a word of what the finder says (I8)."""
    fault = ""
    try:
        found = [(int(start), int(end)) for start, end in finder.find(text)]
        if all(0 <= start < end <= len(text) for start, end in found):
            return found
    except Exception as error:
        fault = f" ({type(error).__name__})"
    what = "failed" if fault else "named a span that the text does not have"
    raise PrivacyError(  # outside of the handler, so that it has no `__context__`
        f"the plug-in of {rule_id} {what}{fault}, so the text was not searched and nothing was sent",
        fix="mend the plug-in, or take the detector out of the policy",
    )
