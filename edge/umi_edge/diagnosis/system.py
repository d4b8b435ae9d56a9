"""The ground that all stands on: Python, packages, policy, the planner for offline use."""

import importlib
import importlib.util
import platform
import sys
from collections.abc import AsyncIterator

from umi_edge.diagnosis.finding import Finding, broken, fine, warning
from umi_edge.runtime.config import EdgeConfig
from umi_shared.errors import ModelError

__all__ = ["offline", "platform_and_packages", "policy"]

_OLDEST = (3, 11)
_PACKAGES = ("cryptography", "grpc", "llama_cpp", "llguidance", "mcp", "numpy")
"""Those with machine code in them, or below them: what breaks on a new machine."""


async def platform_and_packages() -> AsyncIterator[Finding]:
    """Python's version, the platform, and whether the native packages load."""
    python, system = platform.python_version(), f"{platform.system()} {platform.machine()}"
    if sys.version_info < _OLDEST:
        yield broken("python", f"Python {python} on {system}", "install Python 3.11 or later")
    else:
        yield fine("python", f"Python {python} on {system}")
    missing = {name: reason for name in _PACKAGES if (reason := _import_problem(name))}
    for name, reason in missing.items():
        yield broken(
            "packages",
            f"{name} does not load ({reason})",
            f"reinstall it: pip install --force-reinstall {name}",
        )
    if not missing:
        yield fine("packages", f"{', '.join(_PACKAGES)} load")


def _import_problem(name: str) -> str:
    try:
        importlib.import_module(name)
    except (Exception, SystemExit) as error:  # a library that cannot load its machine code raises anything
        return type(error).__name__
    return ""


async def policy(config: EdgeConfig) -> AsyncIterator[Finding]:
    """Whether the policy parses, who signed it, and what the machine's own configuration says."""
    from umi_edge.policy_tools.signature import SignatureError, signer_of  # noqa: PLC0415  # slow to import
    from umi_edge.runtime.laptop_policy import read_laptop_policy  # noqa: PLC0415
    from umi_edge.runtime.machine_config import MachineConfig  # noqa: PLC0415

    if config.machine_file is not None:
        said = ", ".join(f"`{name}`" for name in config.said_by_machine) or "nothing"
        message = f"{config.machine_file} says {said} for every user"
        if MachineConfig(file=config.machine_file).is_writable:
            yield warning(
                "machine", f"{message}, and this user can change it", "let the administrator own it"
            )
        else:
            yield fine("machine", message)
    found, name = read_laptop_policy(config), config.policy or "the built-in one"
    yield fine("policy", f"{name} ({len(found.tools)} entries for tools, {len(found.detect)} detectors)")
    if config.policy is None:
        return
    required = config.require_signed_policy and f", as {config.who_says('require_signed_policy')} requires"
    try:
        signer = signer_of(config.policy)
    except SignatureError as error:
        yield broken("policy", error.message, error.fix)
        return
    yield fine("policy", f"signed by {signer}{required}" if signer else "not signed, and nothing requires it")


async def offline(config: EdgeConfig) -> AsyncIterator[Finding]:
    """Whether a planner on this device could take over."""
    from umi_shared.models import EMBEDDED, ModelStore  # noqa: PLC0415

    wanted = config.offline == "device"
    problem, fix = "", ""
    if importlib.util.find_spec("umi_cloud") is None:
        problem, fix = "umi_cloud is not installed", "reinstall umi-runtime"
    else:
        try:
            ModelStore.local().path_of(EMBEDDED)
        except ModelError as error:
            problem, fix = error.message, error.fix
    if wanted and problem:
        yield broken("offline", f"no planner can take over on this device: {problem}", fix)
    elif wanted:
        yield fine("offline", "a planner on this device takes over when the cloud cannot be reached")
    else:
        possible = "it could, with `offline: device`" if not problem else f"nor could it: {problem}"
        yield fine("offline", f"no planner on this device takes over ({possible})")
