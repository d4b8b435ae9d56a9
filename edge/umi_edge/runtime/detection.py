"""Detection outside a session: the scanner that a session of this configuration would have."""

import os

from umi_edge.labelling.gazetteers import load_gazetteers
from umi_edge.policy import Scanner
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.installed_tools import open_tools
from umi_edge.runtime.laptop_policy import read_laptop_policy

__all__ = ["open_scanner"]


async def open_scanner(config: EdgeConfig) -> Scanner:
    """The policy's detectors with the lists that they want from the user's tools.

    Raises `ConfigError`, `PolicyError`, `PrivacyError`, and the problem of a server that is required.
    """
    policy = read_laptop_policy(config)
    async with open_tools(config, os.environ) as installed:
        loaded = await load_gazetteers(policy, installed.catalogue, installed.missing)
    return Scanner.of(policy, loaded.values)
