"""What suits the caller's model on this machine: measured once by `umi doctor --tune`, then used by every session."""

from umi_edge.tuning.choice import Trial, choose
from umi_edge.tuning.tuning import Tuning

__all__ = ["Trial", "Tuning", "choose"]
