"""What a program of the user's prints for an account: a password, or an access token; the first line of it.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import subprocess

from umi_shared.errors import ConfigError

__all__ = ["first_line_of"]

_SECONDS = 60
_MAX_BYTES = 64 << 10


def first_line_of(command: tuple[str, ...], *, account: str, what: str) -> str:
    """The line; what the program prints besides may hold anything, and is not shown.

    Raises `ConfigError`, which names the account and the setting (`what` and `_command`), and quotes nothing of it.
    """
    fix = f"correct `{what}_command` of {account}, and try it in a shell"
    try:
        printed: bytes = subprocess.check_output(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=_SECONDS
        )
    except subprocess.CalledProcessError as error:
        said = f"the {what} command of {account} failed with exit code {error.returncode}"
        raise ConfigError(said, fix=fix) from None
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        said = f"the {what} command of {account} does not run ({type(error).__name__})"
        raise ConfigError(said, fix=fix) from None
    line = printed.partition(b"\n")[0].removesuffix(b"\r")
    try:
        found = line.decode() if len(line) <= _MAX_BYTES else ""
    except UnicodeDecodeError:
        found = ""
    if not found:
        raise ConfigError(f"the {what} command of {account} printed no {what}", fix=fix)
    return found
