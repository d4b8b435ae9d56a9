"""The service: what a login's own supervisor needs to keep the daemon running.

Covered: the daemon gains no rights, and what it writes is the user's alone. Not covered: which files it may read, since
the user's own tools may read any.
"""

import plistlib
from collections.abc import Sequence
from pathlib import Path

__all__ = ["launchd_agent", "systemd_unit"]

_UNIT = """\
# umi's daemon. To install it:
#   umi service > ~/.config/systemd/user/umi.service
#   systemctl --user daemon-reload
#   systemctl --user enable --now umi
# `journalctl --user -u umi` shows what it says. `systemctl --user disable --now umi` takes it away.
[Unit]
Description=umi: private tools on this laptop
After=network-online.target

[Service]
ExecStart={program}
Restart=on-failure
RestartSec=5
TimeoutStopSec=30
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native

[Install]
WantedBy=default.target
"""


def systemd_unit(program: Sequence[str]) -> str:
    """A unit for the user's own systemd.

    >>> 'ExecStart=/bin/umi serve "/a b/100%%"' in systemd_unit(["/bin/umi", "serve", "/a b/100%"])
    True
    """
    return _UNIT.format(program=" ".join(map(_word, program)))


def launchd_agent(program: Sequence[str], folder: Path) -> str:
    """An agent for launchd, whose log lies in a folder."""
    log = str(folder / "daemon.log")
    agent = {
        "Label": "umi",
        "ProgramArguments": list(program),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ProcessType": "Background",
        "Umask": 0o077,
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }
    first, rest = plistlib.dumps(agent).decode().split("\n", 1)
    return f"{first}\n{_INSTALLED}{rest}"


_INSTALLED = """\
<!-- umi's daemon. To install it:
     umi service > ~/Library/LaunchAgents/umi.plist
     launchctl bootstrap gui/$UID ~/Library/LaunchAgents/umi.plist
     `launchctl bootout gui/$UID/umi` takes it away. -->
"""


def _word(word: str) -> str:
    """A word of `ExecStart`, as systemd reads it."""
    plain = word.replace("%", "%%").replace("$", "$$")
    if plain and not set(plain) & set(" \t\"'\\;"):
        return plain
    quoted = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'
