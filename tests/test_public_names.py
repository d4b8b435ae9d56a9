"""The doors for programs: which names each package offers, and that they cost nothing before they are used."""

import ast
import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

EDGE = """
Action AnswerStarted AnswerStreamed Answered AnswersQuestions Approver Asked AskedUser BrokenLedgerError CallWritten
CallerSettings ClockTold CloudConfig ConfigError Connection Consent ConsentRequest DecidedBy DeclineAll Detector
EdgeConfig Ended Ending Event Failed FailureKind Frame GaveUp Hints HomeSettings Instructed JSON KeyringKey Laptop
Ledger LedgerError LedgerReport LimitError LocalCloud MalformedError ModelError Next NoReplies Observed Outbound
Outcome PLUGINS Passphrase PeerError PlanStarted Planned Plugin Policy PolicyError PrivacyError Progressed Provenance
QuestionField QuestionStreamed Questioned RationaleStreamed Reconciliation Refused RefusedError Replied Replies Report
Retrying SavedChat SealedStore Sent ServerQuestion Session SmtpSettings Snapshot SpanFinder Stopped Succeeded Tool
ToolError ToolFailure Totals TransportError UmiError UnsafeApproveAll Usage View __version__ default_policy
entry_title load_policy local_cloud open_laptop outbound_view read_capture read_ledger read_policy reconcile text_of
tool verify_ledger
"""
CLOUD = """
Answer AnswerDelta Call ChatPrompt Chunk CloudConfig ConfigError Constraint Decision Delta Deployment Dialect Engine
EngineDeadError Finish Finished Generation Instruction JsonSchema Lark LimitError Loaded MalformedError Message
ModelError Next Observation Plan PlanEvent Planner Prompt PromptTooLongError RationaleDelta RawPrompt RefusedError
Regex RoleLimits SummarizeEvent Summarizer ToolCard TransportError UmiError UnknownAdapterError Usage View __version__
dialect_named load
"""
NAMES = {"umi_edge": EDGE.split(), "umi_cloud": CLOUD.split()}
EACH = [(package, name) for package, names in NAMES.items() for name in names]
packages = pytest.mark.parametrize("package", NAMES)


@packages
def test_the_names_are_these(package):
    """A change here is a change for every program that uses umi: it belongs in the changelog."""
    found = importlib.import_module(package)
    assert found.__all__ == NAMES[package]
    assert set(found.__all__) <= set(dir(found))


@pytest.mark.parametrize(("package", "name"), EACH)
def test_each_name_is_there_and_is_what_type_checkers_take_it_for(package, name):
    door = importlib.import_module(package)
    checked = next(
        node for node in ast.parse(Path(door.__file__).read_text("utf-8")).body if isinstance(node, ast.If)
    )
    told = {
        alias.name: node.module
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    if name == "__version__":
        assert name not in told
    else:
        assert getattr(door, name) is getattr(importlib.import_module(told[name]), name)


@packages
def test_the_version_is_the_one_that_is_built(package):
    """The changelog's newest version is compared with the same line in tests/docs/test_community_files.py."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    assert importlib.import_module(package).__version__ == project["version"]


@packages
def test_another_name_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match="no attribute 'Lane'"):
        _ = importlib.import_module(package).Lane


@pytest.mark.parametrize(
    ("package", "name", "slow"),
    [
        ("umi_edge", "Consent", "grpc llama_cpp ruamel.yaml pydantic cryptography numpy rich click"),
        ("umi_edge", "tool", "grpc llama_cpp mcp rich click"),
        ("umi_cloud", "Planner", "grpc llama_cpp ruamel.yaml vllm torch"),
    ],
)
def test_a_package_imports_nothing_before_a_name_is_used_and_then_what_that_name_needs(package, name, slow):
    program = f"""
import sys
before = set(sys.modules)
import {package}
new = set(sys.modules) - before
ours = {{name for name in new if name.startswith("umi")}}
assert ours == {{"{package}", "umi_shared", "umi_shared.lazy_names"}}, ours
assert {{name.partition(".")[0] for name in new - ours}} <= sys.stdlib_module_names
assert "importlib.metadata" not in new
{package}.{name}
loaded = set({slow.split()}) & set(sys.modules)
assert not loaded, loaded
"""
    ran = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_a_type_checker_knows_the_names_and_no_others(tmp_path):
    """As a stranger's program sees them, with mypy's strictest settings."""
    program = tmp_path / "program.py"
    program.write_text(
        "import umi_edge\nreveal_type(umi_edge.EdgeConfig().policy)\numi_edge.tool\numi_edge.Lane\n", "utf-8"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent", str(program)],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert 'Module has no attribute "Lane"' in ran.stdout
    assert "Path | None" in ran.stdout or "Union[pathlib.Path, None]" in ran.stdout
    assert ran.stdout.count("error:") == 1, ran.stdout
