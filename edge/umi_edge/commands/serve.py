"""`umi serve`: the daemon, for chat programs, the page and the other commands on this laptop."""

from pathlib import Path

import click

from umi_edge.commands._options import config_option, read_config


@click.command()
@config_option
@click.option(
    "--policy", type=click.Path(path_type=Path, dir_okay=False), help="A policy file for this once."
)
@click.option("--offline", type=click.Choice(["stop", "device"]), help="What to do without the planner.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=4864, show_default=True, help="0: any free one."
)
@click.option("--origin", multiple=True, metavar="URL", help="A page that may ask from a browser.")
@click.option(
    "--risk-host",
    metavar="ADDRESS",
    help="Listen there too, beyond this machine: whoever has the key can use your tools, and nothing is encrypted.",
)
@click.option(
    "--name", "names", multiple=True, help="A name of this machine in requests, such as host.docker.internal."
)
@click.option(
    "--reasoning",
    type=click.Choice(["field", "think", "none"]),
    default="field",
    show_default=True,
    help="Show what umi does as `reasoning_content`, as <think> in the answer, or not at all.",
)
@click.option("--show-key", is_flag=True, help="Print the key, and do nothing else.")
def command(
    config: Path | None,
    policy: Path | None,
    offline: str | None,
    port: int,
    origin: tuple[str, ...],
    risk_host: str | None,
    names: tuple[str, ...],
    reasoning: str,
    *,
    show_key: bool,
) -> int:
    """Serve chat programs, the page and the other commands on this laptop, until Ctrl-C or `umi stop`.

    Give a chat program the base URL that is printed, the key of `umi serve --show-key`, and the model `umi`: it talks
    to umi as to OpenAI. What it asks is planned in the cloud with handles in place of private values, as with
    `umi ask`; answers hold the real values. `umi open` shows the page; `umi ask` and `umi chat` use this process while
    it runs. Calls that need your yes ask in this terminal and on the page: the first answer holds. Only programs on
    this machine can connect. There is one for each ledger.

    \b
    umi serve
    curl http://127.0.0.1:4864/v1/models -H "Authorization: Bearer $(umi serve --show-key)"
    """
    import asyncio

    from umi_edge.doors.allocator import give_back_early
    from umi_edge.doors.daemon import ServerOptions, serve
    from umi_edge.doors.place import Place
    from umi_edge.runtime.conversation import Output
    from umi_shared.screen.output import say

    give_back_early()
    settings = read_config(config, policy=policy, offline=offline)
    place = Place.beside(settings.ledger)
    key = place.key()
    if show_key:
        say(key)
        return 0
    options = ServerOptions(
        port=port,
        key=key,
        origins=frozenset(origin),
        risk_host=risk_host or "",
        names=frozenset(names),
        reasoning=reasoning,
    )
    output = Output.for_terminal(as_json=False, approve_all=False)
    asyncio.run(serve(settings, output, options, place))
    return 0
