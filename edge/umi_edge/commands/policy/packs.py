"""`umi policy packs`: reviewed starting policies for MCP servers that many people use."""

from pathlib import Path
from typing import Any

import click

from umi_edge.commands._options import json_option
from umi_shared.screen.output import say, say_json, say_text


@click.command()
@click.argument("name", required=False)
@click.option("--server", help="What your configuration calls the server; the pack's own name without it.")
@click.option(
    "--into",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Add the lines to this policy. What it says of a tool already stays.",
)
@json_option
def command(name: str | None, server: str | None, into: Path | None, *, as_json: bool) -> int:
    """List the packs; print the starting policy that NAME is; or add it to a policy of yours.

    A pack says which tools of a server only read, and whether the server sends anything off this device. What only
    reads is not asked about, all else is at every call, and no value leaves by a pack: open up what planning needs.
    """
    from dataclasses import asdict

    from umi_edge.policy_tools.packs import pack_named, policy_packs

    if name is None:
        if server is not None or into is not None:
            raise click.UsageError("name the pack, too")
        packs = policy_packs()
        if as_json:
            say_json([asdict(pack) for pack in packs])
            return 0
        for pack in packs:
            where = "this device" if pack.runs == "device" else "third party"
            say(f"{pack.name:20} {where:12} {pack.about} ({pack.written_from})")
        return 0
    pack = pack_named(name)
    if as_json:
        say_json(pack.entries(server or name))
    elif into is None:
        say_text(pack.text(server or name))
    else:
        added, there = _add(into, pack.entries(server or name))
        say(
            f"{into}: {added} tools added, {there} were there already; `umi policy check {into}` shows all of it."
        )
    return 0


def _add(path: Path, entries: dict[str, dict[str, Any]]) -> tuple[int, int]:
    """Add lines to a policy, once it is known to load with them. Raises `PolicyError`."""
    from umi_edge.policy import load_policy, read_policy
    from umi_shared.durable_file import write_durably
    from umi_shared.yaml_entries import with_entries

    there = read_policy(path).tools  # what does not load is not written to
    new = {tool: entry for tool, entry in entries.items() if tool not in there}
    text = with_entries(path.read_text("utf-8"), "tools", new) if new else path.read_text("utf-8")
    load_policy(text, str(path))
    write_durably(path.resolve(), text.encode(), private=False)
    return len(new), len(entries) - len(new)
