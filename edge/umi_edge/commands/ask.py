"""`umi ask`: carry out one instruction."""

from pathlib import Path

import click

from umi_edge.commands._options import alone_option, config_option, json_option, read_config


@click.command()
@click.argument("instruction")
@config_option
@click.option(
    "--policy", type=click.Path(path_type=Path, dir_okay=False), help="A policy file for this once."
)
@click.option("--preview", is_flag=True, help="Show exactly what is about to leave, and ask, each time.")
@click.option("--offline", type=click.Choice(["stop", "device"]), help="What to do without the planner.")
@click.option(
    "--unsafe-approve-all", is_flag=True, help="Approve every call unseen. For scripts over sample data only."
)
@alone_option
@json_option
def command(
    instruction: str,
    config: Path | None,
    policy: Path | None,
    offline: str | None,
    *,
    preview: bool,
    unsafe_approve_all: bool,
    alone: bool,
    as_json: bool,
) -> int:
    """Carry out INSTRUCTION with the tools of this laptop.

    The planner sees the instruction and the results with handles such as <email:1> in place of private values;
    the tools and the answer get the real ones. Questions are for you at the terminal: what a pipe holds answers none,
    and without a terminal the answer is no, and a question of the planner's is how it ends. Exit code 0: answered;
    1: gave up or stopped; 9: asked you something, and nobody replied.

    Where `umi serve` runs with the same configuration and policy, it does the work, which spares the start: the
    output is the same, and its questions can be answered here or wherever else you are asked.

    \b
    umi ask "Email Alice that I am ten minutes late"
    umi ask --json "What is on my calendar on 2026-11-23?" | jq .text
    """
    import asyncio

    from umi_edge.commands._visit import visited
    from umi_edge.runtime.conversation import Output, open_conversation

    settings = read_config(config, policy=policy, offline=offline, preview="always" if preview else None)
    output = Output.for_terminal(as_json=as_json, approve_all=unsafe_approve_all)

    if not alone and not unsafe_approve_all and (code := visited(settings, output, instruction)) is not None:
        return code

    async def carry_out() -> int:
        async with open_conversation(settings, output) as conversation:
            return (await conversation.ask(instruction)).exit_code

    return asyncio.run(carry_out())
