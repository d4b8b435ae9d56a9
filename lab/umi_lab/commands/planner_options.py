"""The options of commands whose planner and summarizer may be another model than the caller: an endpoint, or a GGUF."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from umi_cloud.config import LlamaCppSettings, OpenAISettings
from umi_cloud.engines.openai_server import OpenAIServer
from umi_cloud.evaluation.run_file import fingerprint
from umi_shared.adapter_folder import adapters_in
from umi_shared.errors import ConfigError
from umi_shared.models import ModelStore

__all__ = ["PlannerOptions", "planner_options"]

C = TypeVar("C", bound=Callable[..., Any])
_ENDPOINT, _GGUF = "openai:", "gguf:"


def planner_options(command: C) -> C:
    """Where the planner is, what it is called there, and what it costs."""
    options = (
        click.option(
            "--planner",
            default="",
            help="What plans and summarizes: openai:http://HOST:PORT/v1, or gguf:MODEL; the caller stays --model.",
        ),
        click.option(
            "--planner-adapters",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            help="The folder of a GGUF planner's adapters, which speaks umi's dialect then, and else chat.",
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
    planner_adapters: Path | None
    planner_model: str
    planner_server: str
    planner_key_file: Path | None
    price: tuple[float, float] | None

    def engine(self, threads: int) -> LlamaCppSettings | OpenAISettings | None:
        """What plans, or none where --model does; a GGUF has so many `threads`.

        Raises `ConfigError` for what is none, `ModelError` for a model that is not here.
        """
        if not self.planner:
            return None
        if self.planner.startswith(_GGUF):
            return self._gguf(threads)
        if self.planner_adapters is not None:
            raise ConfigError("an endpoint has its own adapters", fix="leave --planner-adapters out")
        return self._endpoint()

    def _endpoint(self) -> OpenAISettings:
        url = self.planner.removeprefix(_ENDPOINT)
        if url == self.planner or not url.startswith(("http://", "https://")):
            raise ConfigError(
                f"--planner {self.planner!r} is no planner",
                fix="say openai:http://HOST:PORT/v1, or gguf:MODEL",
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

    def _gguf(self, threads: int) -> LlamaCppSettings:
        adapters = adapters_in(self.planner_adapters)
        return LlamaCppSettings(
            model=str(self._model),
            adapters={role: path for role, path in adapters.items() if role != "caller"},
            dialect="umi" if adapters else "chat",
            threads=threads,
            sequences_per_adapter=1,
        )

    @property
    def _model(self) -> Path:
        return ModelStore.local().path_of(self.planner.removeprefix(_GGUF))

    @property
    def said(self) -> dict[str, str]:
        """What of it makes rows of another kind, for the record of a run."""
        if not self.planner:
            return {}
        if not self.planner.startswith(_GGUF):
            return {"planner": f"{self.planner} {self.planner_model}"}
        adapters = adapters_in(self.planner_adapters)
        trained = "".join(f" {fingerprint(path)}" for role, path in adapters.items() if role == "planner")
        return {"planner": f"{self._model.name} {fingerprint(self._model)}{trained}"}
