"""Which policy holds on this laptop: the user's, the built-in one, or on a managed laptop only a signed one."""

import os

from umi_edge.policy import Policy, default_policy, read_policy
from umi_edge.policy_tools.signature import read_signed_policy
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.region import device_regions
from umi_shared.errors import ConfigError

__all__ = ["read_laptop_policy"]


def read_laptop_policy(config: EdgeConfig) -> Policy:
    """The user's policy, or the built-in one; on a managed laptop only one that the pinned key signed.

    Its detectors look for phone numbers as they are written where this device is.
    """
    regions = (config.region,) if config.region else device_regions(os.environ)
    return _read(config).in_regions(regions)


def _read(config: EdgeConfig) -> Policy:
    if not config.require_signed_policy:
        return read_policy(config.policy) if config.policy else default_policy()
    if config.policy is None:
        raise ConfigError(
            f"{config.who_says('require_signed_policy')} requires a signed policy, and {config.who_says('policy')} "
            "has no `policy`",
            fix="set `policy` to the file, beside which its .sig file lies",
        )
    required_by = config.who_says("require_signed_policy")
    return read_signed_policy(config.policy, config.require_signed_policy, required_by=required_by)
