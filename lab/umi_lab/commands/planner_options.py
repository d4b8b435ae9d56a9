"""The options of commands whose planner and summarizer may be at an endpoint elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from umi_cloud.config import OpenAISettings
from umi_cloud.engines.openai_server import OpenAIServer
from umi_shared.errors import ConfigError

__all__ = ["PlannerOptions", "planner_options"]

C = TypeVar("C", bound=Callable[..., Any])
_KIND = "openai:"


def planner_options(command: C) -> C:
    """Where the planner is, what it is called there, and what it costs."""
    options = (
        click.option(
            "--planner",
            default="",
            help="Plan and summarize at this endpoint, as openai:http://HOST:PORT/v1; the caller stays --model.",
        ),
        click.option("--planner-model", default="", help="The model's name at the endpoint."),
        click.option(
            "--planner-server",
            type=click.Choice([one.value for one in OpenAIServer]),
            default=OpenAIServer.OTHER.value,
            show_default=True,
            help="What serves the endpoint.",
        ),
        click.option(
            "--planner-key-file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="A file that holds the endpoint's key.",
        ),
        click.option(
            "--price",
            type=click.FloatRange(min=0),
            nargs=2,
            help="What a million tokens cost there, read and written: then the figures have the cost.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannerOptions:
    """What those options were given."""

    planner: str
    planner_model: str
    planner_server: str
    planner_key_file: Path | None
    price: tuple[float, float] | None

    def endpoint(self) -> OpenAISettings | None:
        """The endpoint, or none for a planner of --model. Raises `ConfigError` for what is no endpoint."""
        if not self.planner:
            return None
        url = self.planner.removeprefix(_KIND)
        if url == self.planner or not url.startswith(("http://", "https://")):
            raise ConfigError(
                f"--planner {self.planner!r} is no endpoint", fix="say openai:http://HOST:PORT/v1"
            )
        if not self.planner_model:
            raise ConfigError("--planner needs the model's name there", fix="add --planner-model NAME")
        return OpenAISettings(
            url=url,
            model=self.planner_model,
            server=OpenAIServer(self.planner_server),
            unsafe_shared_cache=True,  # its only user is this evaluation
            api_key_file=self.planner_key_file,
        )

    @property
    def said(self) -> dict[str, str]:
        """What of it makes rows of another kind, for the record of a run."""
        return {"planner": f"{self.planner} {self.planner_model}"} if self.planner else {}
