"""Who runs an `umi-cloud` command, for the audit."""

import getpass
import os
import socket

from umi_cloud.auth.audit import Origin

__all__ = ["operator"]


def operator() -> Origin:
    """The user of this machine who runs the command; behind `sudo`, also the one who did that."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    if (before := os.environ.get("SUDO_USER")) and before != user:
        user = f"{user} (sudo by {before})"
    return Origin(f"operator {user}@{socket.gethostname()}")
