"""Presidio as a detector: its patterns, and the names and places that a spaCy model on this device knows.

Covered: every entity that a policy names; one that this device's Presidio cannot find is an error, not a silence.
Not covered: what its recognizers miss; a text that is longer than the model takes is refused.

Nothing is downloaded: neither a model, which Presidio would fetch by itself, nor the list of public suffixes, which
it would fetch when it first meets an e-mail address, and so tell the network that there is one.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

from umi_edge.policy.detector import Detector
from umi_shared.errors import PolicyError

__all__ = ["PresidioFinder"]

_MODEL_SIZES = ("_lg", "_trf", "_md", "_sm", "")


@dataclass(frozen=True, slots=True)
class PresidioFinder:
    """Finds the entities that one line of `detect:` names."""

    detector: Detector
    analyzer: Any = field(repr=False)

    @classmethod
    def of(cls, detector: Detector) -> "PresidioFinder":
        """The finder of a detector. Raises `PolicyError` where this device's Presidio cannot do what it wants."""
        try:
            analyzer = _analyzer(detector.language)
            known = set(analyzer.get_supported_entities(detector.language))
        except Exception as error:  # of three packages, for reasons of their own
            raise PolicyError(
                f"{detector.rule_id}: Presidio does not start for `{detector.language}` ({type(error).__name__})",
                fix="check `language`, and that spaCy and its model fit each other",
            ) from error
        unknown = sorted(set(detector.entities) - known)
        if unknown:
            raise PolicyError(
                f"{detector.rule_id}: Presidio finds no {', '.join(unknown)} in `{detector.language}` here",
                fix=f"install a spaCy model of `{detector.language}` (names and places need one), "
                f"or name some of: {', '.join(sorted(known))}",
            )
        return cls(detector, analyzer)

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """The spans that score as high as the detector wants, or higher."""
        started = time.monotonic()
        found = self.analyzer.analyze(
            text=text,
            language=self.detector.language,
            entities=list(self.detector.entities),
            score_threshold=self.detector.threshold,
        )
        # A pattern that takes longer is skipped without an error, as if it had found nothing.
        if (
            time.monotonic() - started
            >= _module("presidio_analyzer.pattern_recognizer").REGEX_TIMEOUT_SECONDS
        ):
            raise TimeoutError
        for one in found:
            yield one.start, one.end


@cache
def _analyzer(language: str) -> Any:
    """Presidio's engine for one language; loading a model takes seconds, so there is one for all sessions."""
    presidio, engines = _module("presidio_analyzer"), _module("presidio_analyzer.nlp_engine")
    registries = _module("presidio_analyzer.recognizer_registry")
    suffixes = _module("tldextract.tldextract")
    suffixes.TLD_EXTRACTOR = suffixes.TLDExtract(
        suffix_list_urls=()
    )  # its own copy of the list, never the network
    spacy, model = _module("spacy"), _model(language)
    engine = engines.SpacyNlpEngine(models=[{"lang_code": language, "model_name": model}])
    engine.nlp = {language: spacy.load(model) if model else spacy.blank(language)}
    configuration = {"supported_languages": [language]}
    registry = registries.RecognizerRegistryProvider(
        registry_configuration=configuration
    ).create_recognizer_registry()
    spoken = _module("presidio_analyzer.predefined_recognizers").SpacyRecognizer
    # Without a model it would claim to know names, and find none.
    registry.recognizers = [one for one in registry.recognizers if not isinstance(one, spoken)]
    if model:
        registry.add_nlp_recognizer(nlp_engine=engine)
    return presidio.AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[language])


def _model(language: str) -> str:
    """The largest installed spaCy model of a language; empty where none is installed."""
    installed = [
        name for name in _module("spacy.util").get_installed_models() if name.startswith(f"{language}_")
    ]
    return next((name for size in _MODEL_SIZES for name in sorted(installed) if name.endswith(size)), "")


def _module(name: str) -> Any:
    return import_module(name)
