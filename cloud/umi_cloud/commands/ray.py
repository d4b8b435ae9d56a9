"""`umi-cloud ray`: umi on a Ray cluster."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click

from umi_shared.screen.output import say

WRITTEN = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


def _replicas(command: Callable[..., None]) -> Callable[..., None]:
    least = click.option("--least", metavar="N", default=1, show_default=True, help="Replicas at least.")
    most = click.option("--most", metavar="N", default=4, show_default=True, help="Replicas at most.")
    return least(most(command))


@click.group()
def command() -> None:
    """Run the models, or planner and summarizer themselves, on a Ray cluster.

    Each of `llm`, `engine` and `hosted` writes a configuration file of Ray Serve, with what each line is for. Edit it,
    then `umi-cloud ray deploy` it (pip install 'umi-runtime[ray]').

    \b
      llm      vLLM on cards: multi-LoRA, a prefix-aware router, autoscaling; fronts (`umi-cloud serve`) ask it
      engine   umi's own engine, for clusters without cards or vLLM; fronts ask it the same way
      hosted   planner and summarizer inside Serve's own gRPC, with no fronts: an Envoy stands before it (`envoy`)
    """


@command.command(short_help="Write Serve's file for models on cards (Ray Serve LLM).")
@WRITTEN
@click.option(
    "--model", required=True, help="The planner's model: a Hugging Face repository, or a bucket's folder."
)
@click.option("--name", default="planner", show_default=True, help="What fronts call it.")
@click.option("--summarizer", metavar="MODEL", default="", help="Another model for the summarizer.")
@click.option(
    "--adapters", metavar="URL", default="", help="A bucket's folder with `planner` and `summarizer` in it."
)
@click.option(
    "--accelerator", metavar="KIND", default="", help="The kind of card, as Ray names it: H100, L4."
)
@_replicas
def llm(
    file: Path, model: str, name: str, summarizer: str, adapters: str, accelerator: str, least: int, most: int
) -> None:
    """Write FILE for Ray Serve LLM. Its head has the lines for the fronts' cloud.yaml."""
    from umi_cloud.ray_serve.deployment_file import LlmFile, Replicas

    made = LlmFile(
        model=model,
        name=name,
        summarizer=summarizer,
        adapters=adapters,
        accelerator=accelerator,
        replicas=Replicas(least=least, most=most),
    )
    _write(file, made.text())


@command.command(short_help="Write Serve's file for umi's own engine as an OpenAI endpoint.")
@WRITTEN
@click.option(
    "--config", required=True, help="The path of a cloud.yaml on every node; its `engine` is loaded."
)
@click.option("--name", default="planner", show_default=True, help="What fronts call the model.")
@_replicas
def engine(file: Path, config: str, name: str, least: int, most: int) -> None:
    """Write FILE for umi's own engine on Ray Serve. Its head has the lines for the fronts' cloud.yaml."""
    from umi_cloud.ray_serve.deployment_file import EngineFile, Replicas

    _write(file, EngineFile(config=config, name=name, replicas=Replicas(least=least, most=most)).text())


@command.command(short_help="Write Serve's file for planner and summarizer behind Serve's own gRPC.")
@WRITTEN
@click.option(
    "--config", required=True, help="The path of a cloud.yaml on every node, with a PostgreSQL registry."
)
@click.option("--proxy-key", required=True, help="The path, on every node, of a file with the Envoy's key.")
@_replicas
def hosted(file: Path, config: str, proxy_key: str, least: int, most: int) -> None:
    """Write FILE for planner and summarizer in Serve's own gRPC.

    It has no TLS, so nobody but the Envoy may reach it; replicas believe the Envoy by a key: `openssl rand -hex 32`.
    """
    from umi_cloud.ray_serve.deployment_file import HostedFile, Replicas

    made = HostedFile(config=config, proxy_key=proxy_key, replicas=Replicas(least=least, most=most))
    _write(file, made.text())


@command.command(short_help="Write the configuration of the Envoy before `hosted`.")
@WRITTEN
@click.option(
    "--certificates", required=True, help="The directory that `umi-cloud ca init` made, as Envoy sees it."
)
@click.option(
    "--upstream", multiple=True, required=True, metavar="HOST:PORT", help="Serve's gRPC; for each node."
)
@click.option("--port", default=7443, show_default=True, help="Where laptops call.")
def envoy(file: Path, certificates: str, upstream: tuple[str, ...], port: int) -> None:
    """Write FILE for Envoy: mutual TLS, deadlines, retries before the first message, and errors without their texts."""
    from umi_cloud.ray_serve.envoy_file import EnvoyFile

    _write(file, EnvoyFile(certificates=certificates, upstreams=upstream, port=port).text())


@command.command(short_help="Deploy a file that was written here, edited or not.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--address",
    metavar="URL|HOST:PORT",
    help="The dashboard (http://HEAD:8265), or the cluster itself.  [default: the cluster of this machine]",
)
def deploy(file: Path, address: str | None) -> None:
    """Check FILE, and have Ray Serve run it in place of what runs there now. `serve status` says when it is up."""
    from umi_cloud.extras import require
    from umi_shared.errors import ConfigError

    require("ray", "ray", "fastapi")
    _check(file)
    program = Path(sys.executable).with_name("serve")
    if address is not None and address.startswith(("http://", "https://")):
        words = ["deploy", "--address", address]
    else:
        words = ["run", "--non-blocking", "--address", address or "auto"]
    with subprocess.Popen(
        [program, *words, file], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as serve:
        for line in serve.stdout or ():
            say(line.rstrip(), err=True)
    if serve.returncode:
        raise ConfigError("Ray Serve did not take the file", fix="read what it says above")
    say(f"Ray Serve has {file}; `serve status` says when all of it runs.")


def _check(file: Path) -> None:
    """Raise ConfigError when Serve's own schema does not admit a file."""
    from pydantic import ValidationError
    from ray.serve.schema import ServeDeploySchema
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from umi_shared.errors import ConfigError

    try:
        ServeDeploySchema.model_validate(YAML(typ="safe").load(file))
    except (ValidationError, YAMLError) as error:
        places = (
            sorted({".".join(map(str, one["loc"])) for one in error.errors()})
            if isinstance(error, ValidationError)
            else []
        )
        raise ConfigError(
            f"{file} is no configuration of Ray Serve" + (f": see {', '.join(places)}" if places else ""),
            fix="write a new one with `umi-cloud ray llm`, `engine` or `hosted`",
        ) from None


def _write(file: Path, text: str) -> None:
    from umi_shared.errors import ConfigError

    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file} cannot be written", fix="name a file in a folder that is yours") from error
    say(f"{file} is written.")
