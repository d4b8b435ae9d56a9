"""llama-cpp-python's own way to a call that a schema admits: `create_chat_completion` with `response_format`.

    python llama_cpp_worker.py MODEL CONTEXT_TOKENS THREADS [ADAPTER]

Each line of work is a list of calls under `calls`; the answer has the seconds and the text of each. The prefix that
two prompts share is not read again: `Llama.generate` sees to that by itself. A model is not laid out for AMX tiles,
as umi does not: built with GCC 12, llama.cpp dies of it.
"""

import json
import sys
import time
from typing import Any

import llama_cpp
from llama_cpp import llama as high_level


def without_amx_layout() -> None:
    """What umi does, too: `Llama` has no option for it."""
    if b"AMX_INT8 = 1" not in llama_cpp.llama_print_system_info():
        return
    default = high_level.llama_cpp.llama_model_default_params

    def params() -> Any:
        made = default()
        made.use_extra_bufts = False
        return made

    high_level.llama_cpp.llama_model_default_params = params


def load(model: str, context: str, threads: str, adapter: str = "", **options: Any) -> llama_cpp.Llama:
    """The model, with as many threads as umi's caller takes."""
    without_amx_layout()
    return llama_cpp.Llama(
        model,
        n_ctx=int(context),
        n_threads=int(threads),
        n_threads_batch=int(threads),
        lora_path=adapter or None,
        verbose=False,
        **options,
    )


def main() -> None:
    """Serve calls."""
    model = load(*sys.argv[1:])
    print("{}", flush=True)  # noqa: T201
    for line in sys.stdin:
        print(json.dumps({"calls": [write(model, call) for call in json.loads(line)["calls"]]}), flush=True)  # noqa: T201


def write(model: llama_cpp.Llama, call: dict[str, Any]) -> dict[str, Any]:
    """One call, greedily decoded."""
    began = time.perf_counter()
    reply: Any = model.create_chat_completion(
        messages=call["messages"],
        response_format={"type": "json_object", "schema": call["schema"]},
        temperature=0.0,
        max_tokens=call["max_tokens"],
    )
    seconds = time.perf_counter() - began
    choice = reply["choices"][0]
    return {
        "seconds": seconds,
        "text": choice["message"]["content"],
        "ended": choice["finish_reason"] == "stop",
        "tokens": reply["usage"]["completion_tokens"],
    }


if __name__ == "__main__":
    main()
