"""llama.cpp, through llama-cpp-python's low-level API: weights, adapters, one sequence, constrained decoding.

Both the caller on the laptop and the embedded cloud engine stand on this. Importing the package loads the
native library; `umi_shared` itself does not.
"""

from umi_shared.llama.threads import passive_waiting

with passive_waiting():
    import llama_cpp as _llama_cpp  # noqa: F401  # loads the native library

from umi_shared.llama.context import Cancelled
from umi_shared.llama.sequence import Sequence
from umi_shared.llama.weights import Adapter, Weights

__all__ = ["Adapter", "Cancelled", "Sequence", "Weights"]
