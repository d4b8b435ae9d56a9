"""A quick start: help and mistakes in arguments load nothing that takes time; a session loads no more than it needs."""

import json
import subprocess
import sys

import pytest

SLOW = {
    "cryptography", "grpc", "httpx", "huggingface_hub", "icalendar", "jsonschema", "llama_cpp", "llguidance", "mcp",
    "numpy", "pydantic", "rich", "ruamel.yaml",
}  # fmt: skip
RUN = """
import json, sys
from umi_edge.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    print("\\n" + json.dumps([end.code, sorted(sys.modules)]))
"""


def modules_after(program: str, *arguments: str) -> tuple[int, set[str]]:
    ran = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    code, modules = json.loads(ran.stdout.splitlines()[-1])
    return code, set(modules)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["ask", "--help"], 0),
        (["doctor", "--help"], 0),
        (["policy", "explain", "--help"], 0),
        ([], 2),
        (["ask"], 2),
        (["ask", "--nonsense", "x"], 2),
        (["ask", "--offline", "perhaps", "x"], 2),
        (["nonsense"], 2),
        (["models", "pull"], 2),
    ],
    ids=str,
)
def test_help_and_mistakes_load_nothing_slow(arguments, code):
    found, modules = modules_after(RUN, *arguments)
    assert found == code
    assert not SLOW & modules


def test_what_puts_a_session_together_loads_no_model_library_and_no_server_of_tools():
    """The worker thread loads the first beside the first plan; the second only where there are such servers."""
    program = (
        "import json, sys, umi_edge.runtime.conversation; print('\\n' + json.dumps([0, sorted(sys.modules)]))"
    )
    _, modules = modules_after(program)
    assert "umi_edge.caller.caller" in modules
    assert not {"llama_cpp", "llguidance", "numpy", "mcp", "huggingface_hub"} & modules


def test_a_daemon_loads_only_what_its_own_doors_need():
    """What MCP, accounts elsewhere and clients need takes 40 MB, which most daemons do without."""
    program = "import json, sys, umi_edge.doors.daemon; print('\\n' + json.dumps([0, sorted(sys.modules)]))"
    _, modules = modules_after(program)
    assert "umi_edge.doors.page.page" in modules
    assert not {"httpx", "httpx2", "lxml", "mcp", "mcp_types", "numpy", "pygments"} & modules
