"""Detection outside a session: the scanner that a session of this configuration would have."""

import os

from umi_edge.labelling.gazetteers import load_gazetteers
from umi_edge.policy import Scanner, gazetteer_sources
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.installed_tools import home_tools, python_tool
from umi_edge.runtime.laptop import open_servers
from umi_edge.runtime.laptop_policy import read_laptop_policy
from umi_edge.tools import Catalogue

__all__ = ["open_scanner"]


async def open_scanner(config: EdgeConfig) -> Scanner:
    """The policy's detectors with the lists that they want from the user's tools.

    Servers of tools are started only where a list may come from one. Raises `PolicyError`, `PrivacyError`, `ToolError`.
    """
    policy = read_laptop_policy(config)
    tools = (*home_tools(config.home, os.environ), *map(python_tool, config.tools))
    if all(source.tool in Catalogue(tools) for source in gazetteer_sources(policy)):
        return Scanner(policy.detect, await load_gazetteers(policy, Catalogue(tools)))
    async with open_servers(config) as servers:
        catalogue = Catalogue([*tools, *(tool for server in servers for tool in server.tools)])
        missing = tuple(server for server in servers if server.problem)
        return Scanner(policy.detect, await load_gazetteers(policy, catalogue, missing))
