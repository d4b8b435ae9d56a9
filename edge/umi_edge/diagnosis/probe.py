"""A model put to the test in a process of its own: `python -m umi_edge.diagnosis.probe JSON` prints JSON."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from umi_shared.errors import UmiError
from umi_shared.screen.output import say_json

__all__ = ["main"]

_MAX_TOKENS = 8


def main(argv: list[str]) -> None:
    """Load the model and the adapter, and have it choose between two words."""
    asked = json.loads(argv[0])
    start = time.monotonic()
    try:
        problem, fix = _try(asked), ""
        if problem:
            fix = "use another model"
    except UmiError as error:
        problem, fix = error.message, error.fix
    say_json({"problem": problem, "fix": fix, "seconds": time.monotonic() - start})


def _try(asked: dict[str, Any]) -> str:
    from umi_shared.engine import ChatPrompt, Delta, Generation, Message, RawPrompt, Regex  # noqa: PLC0415
    from umi_shared.llama import Sequence, Weights  # noqa: PLC0415  # loads machine code

    weights = Weights.load(Path(asked["model"]))
    adapter = weights.adapter(Path(asked["adapter"])) if asked["adapter"] else None
    sequence = Sequence(
        weights, context_tokens=asked["context_tokens"], threads=asked["threads"], adapter=adapter
    )
    question = "Answer yes or no."
    prompt = ChatPrompt((Message("user", question),)) if asked["chat"] else RawPrompt(question)
    generation = Generation(prompt=prompt, constraint=Regex("yes|no"), max_tokens=_MAX_TOKENS)
    text = "".join(chunk.text for chunk in sequence.generate(generation) if isinstance(chunk, Delta))
    sequence.close()
    weights.close()
    return "" if text in ("yes", "no") else "it does not write what the grammar asks for"


if __name__ == "__main__":
    main(sys.argv[1:])
