"""Keep the help texts in the README true: write them, or check that they are current.

A text stands between `<!-- help: umi ask -->` and `<!-- /help -->`.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCK = re.compile(r"(<!-- help: (?P<command>[^>]+) -->\n).*?(<!-- /help -->)", re.DOTALL)
MODULES = {"umi": "umi_edge", "umi-cloud": "umi_cloud"}


def help_of(command: str) -> str:
    """What `command --help` prints, at a width that does not depend on the terminal."""
    program, *rest = shlex.split(command)
    ran = subprocess.run(
        [sys.executable, "-m", MODULES[program], *rest, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "80", "TERMINAL_WIDTH": "80"},
    )
    return f"```\n$ {command} --help\n{ran.stdout.rstrip()}\n```\n"


def main(argv: list[str] | None = None) -> int:
    """Write the texts, or with --check compare them; 1 when one is not current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args(argv).check
    text = README.read_text(encoding="utf-8")
    current = BLOCK.sub(lambda block: block[1] + help_of(block["command"]) + block[3], text)
    if check and current != text:
        print("the README's help texts are not current: run `make readme`", file=sys.stderr)  # noqa: T201
        return 1
    if not check:
        README.write_text(current, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
