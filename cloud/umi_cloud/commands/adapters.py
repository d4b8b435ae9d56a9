"""`umi-cloud adapters`: list the LoRA adapters that umi ships, and write adapters in the form that vLLM loads."""

from pathlib import Path

import click

from umi_cloud.commands._options import json_option
from umi_shared.screen.output import say, say_json

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """See the adapters that umi ships, and write adapters as vLLM loads them."""


@command.command(short_help="List the adapters that umi ships.")
@json_option
def show(*, as_json: bool) -> None:
    """List the adapters that umi ships for the embedded model, with size and SHA-256.

    Exit code 1: this version ships none.
    """
    from umi_cloud.glpft.shipped import shipped_set

    found = shipped_set()
    if as_json:
        say_json(found)
    for role, entry in () if as_json else found.items():
        say(f"{role:<12}{entry['bytes'] / 1e6:6.1f} MB  {entry['sha256']}  {entry['path']}")
    if not found:
        say("this version ships no adapters", err=True)
        raise SystemExit(1)


@command.command(short_help="Write a base and its adapters for vLLM.")
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--adapters",
    type=_FOLDER,
    help="A folder that `umi-cloud glpft --export` wrote.  [default: the adapters that umi ships]",
)
@click.option(
    "--base",
    help="The base model: a GGUF file, a spec or a Hugging Face folder.  [default: the embedded model]",
)
@json_option
def vllm(out: Path, adapters: Path | None, base: str | None, *, as_json: bool) -> None:
    """Write the planner's and the summarizer's adapters to OUT as PEFT folders, and their base as vLLM serves it.

    The GGUF files are the one source, from which the folders for vLLM are made. OUT/cloud.yaml is the configuration for
    `umi-cloud serve --config OUT/cloud.yaml`. A base that is a GGUF file needs torch and transformers.
    """
    from umi_cloud.extras import require

    require("vllm", "gguf", "safetensors")
    from umi_cloud.glpft.shipped import write_for_vllm
    from umi_shared.models import EMBEDDED

    written = write_for_vllm(base or EMBEDDED, adapters, out)
    if as_json:
        say_json({name: str(path) for name, path in written.items()})
        return
    for name, path in written.items():
        say(f"{name:<12}{path}")
