"""guidance on llama.cpp: `json(schema=…)` after the same prompt. Run by a Python that has guidance.

    python guidance_worker.py MODEL CONTEXT_TOKENS THREADS [ADAPTER]

Each line of work is a list of calls under `calls`; the answer has the seconds and the text of each. guidance keeps
what two prompts share by itself. Its display and its token statistics are off: they cost time.
"""

import importlib
import json
import sys
import time
from typing import Any


def main() -> None:
    """Serve calls."""
    guidance = importlib.import_module("guidance")
    models = importlib.import_module("guidance.models")
    loaded = importlib.import_module("llama_cpp_worker").load(*sys.argv[1:], logits_all=True)
    start = loaded.detokenize([loaded.token_bos()], special=True).decode()
    model = models.LlamaCpp(loaded, echo=False, enable_monitoring=False)
    print("{}", flush=True)  # noqa: T201
    for line in sys.stdin:
        calls = [write(guidance, model, call, start) for call in json.loads(line)["calls"]]
        print(json.dumps({"calls": calls}), flush=True)  # noqa: T201


def write(guidance: Any, model: Any, call: dict[str, Any], start: str) -> dict[str, Any]:
    """One call, greedily decoded.

    guidance puts the model's first token before a prompt by itself; before one that has it, it puts a second, and
    then finds nothing of the prompt in its cache.
    """
    writing = guidance.json(
        name="call",
        schema=call["schema"],
        temperature=0.0,
        max_tokens=call["max_tokens"],
        separators=(",", ":"),  # as umi writes; its default puts spaces in
    )
    began = time.perf_counter()
    ended = True
    try:
        if call["text"]:
            text = (model + call["text"].removeprefix(start) + writing)["call"]
        else:
            for message in call["messages"]:
                with getattr(guidance, message["role"])():
                    model += message["content"]
            with guidance.assistant():
                text = (model + writing)["call"]
    except Exception as error:  # past its token bound, guidance raises
        text, ended = type(error).__name__, False
    return {"seconds": time.perf_counter() - began, "text": text, "ended": ended, "tokens": 0}


if __name__ == "__main__":
    main()
