"""What is imported is declared, what is declared is imported, and bounds, lock and use of internals agree."""

import ast
import sys
import tomllib
from collections.abc import Collection, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PACKAGES = ("edge/umi_edge", "cloud/umi_cloud", "shared/umi_shared", "lab/umi_lab")
OURS = {"umi_edge", "umi_cloud", "umi_lab", "umi_proto", "umi_shared"}
DISTRIBUTIONS = {"grpc_reflection": ["grpcio-reflection"], **packages_distributions()}
"""Where modules come from; what is not installed here is taken to have the name of its distribution."""


def requirements(project: str, *, extras: Collection[str] | None = None) -> list[Requirement]:
    """Those of a pyproject.toml, and of the extras that are named; None: of all."""
    table = tomllib.loads((ROOT / project / "pyproject.toml").read_text("utf-8"))["project"]
    optional = table.get("optional-dependencies", {})
    lines = [
        *table["dependencies"],
        *(one for group in optional for one in optional[group] if extras is None or group in extras),
    ]
    return [Requirement(line) for line in lines]


UMI = requirements(".")
LAB = [one for one in requirements("lab") if one.name != "umi-runtime"]
EVERY = [*UMI, *LAB]
LOCKED = [*requirements(".", extras=("dev", "docs", "evaluation")), *LAB]


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path, ast.parse(path.read_text("utf-8"))


def imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The modules that a file imports from other people's packages, and the name that each is bound to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [(alias.name, alias.asname or alias.name.split(".")[0]) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found = [(f"{node.module}.{alias.name}", alias.asname or alias.name) for alias in node.names]
        else:
            continue
        for module, name in found:
            if (top := module.split(".")[0]) not in OURS and top not in sys.stdlib_module_names:
                yield module, name


def distributions(module: str) -> set[str]:
    """The distributions that a module may come from."""
    top = module.split(".", maxsplit=1)[0]
    return {canonicalize_name(name) for name in DISTRIBUTIONS.get(top, [top])}


def is_bounded(requirement: Requirement) -> bool:
    return any(specifier.operator in ("<", "<=", "==", "~=") for specifier in requirement.specifier)


def test_every_imported_package_is_declared():
    """What comes with another package may go with it, too."""
    umi, lab = ({canonicalize_name(one.name) for one in declared} for declared in (UMI, LAB))
    undeclared = {
        f"{path.relative_to(ROOT)}: {module}"
        for path, tree in trees()
        for module, _ in imported(tree)
        if not distributions(module) & (umi | lab if "umi_lab" in path.parts else umi)
    }
    assert undeclared == set()


def test_every_declared_package_is_imported():
    used = {name for _, tree in trees() for module, _ in imported(tree) for name in distributions(module)}
    plain = [*requirements(".", extras=()), *LAB]
    assert {canonicalize_name(requirement.name) for requirement in plain} - used == set()


def test_a_package_whose_internals_are_used_has_an_upper_bound():
    bounded = {canonicalize_name(one.name) for one in EVERY if is_bounded(one)}
    loose, seen = set(), set()
    for path, tree in trees():
        names = {name: module for module, name in imported(tree)}
        private = {module for module in names.values() if "._" in module} | {
            names[node.value.id]
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names
            if node.attr.startswith("_") and not node.attr.endswith("__")
        }
        seen |= private
        loose |= {
            f"{path.relative_to(ROOT)}: {module}" for module in private if not distributions(module) & bounded
        }
    assert loose == set()
    assert "jsonpath_rfc9535.filter_expressions" in seen, "the test looks at nothing any more"


def lock(name: str) -> dict[str, str]:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8").splitlines()
    pairs = (line.split("==") for line in lines if "==" in line)
    return {canonicalize_name(package): version.split()[0] for package, version in pairs}


@pytest.mark.parametrize("requirement", LOCKED, ids=str)
def test_the_lock_has_what_the_project_wants(requirement: Requirement):
    assert requirement.specifier.contains(lock("lock")[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("requirement", EVERY, ids=str)
def test_no_lock_contradicts_a_bound(requirement: Requirement):
    """The lock for a real vLLM has a part of the list, and its own vLLM, for the CPU."""
    for name in ("lock", "vllm-lock"):
        version = lock(name).get(canonicalize_name(requirement.name))
        assert version is None or requirement.specifier.contains(version)
