"""The laptop: session, caller, policy, vault, tools."""
