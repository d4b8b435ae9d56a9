"""`umi-cloud serve`: the planner and the summarizer for many laptops."""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from umi_cloud.commands._options import json_option
from umi_shared.screen.log import log_as_json
from umi_shared.screen.output import say, say_json

if TYPE_CHECKING:
    from umi_cloud.config import CloudConfig
    from umi_cloud.deployment import Deployment


@click.command()
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="UMI_CLOUD_CONFIG",
    help="The configuration file, such as cloud.yaml.  [default: the embedded model on the default ports]",
)
@click.option(
    "--state",
    metavar="DIR|URL",
    envvar="UMI_CLOUD_STATE",
    help="Where the registry is (a directory, or postgresql://…), in place of the configuration's.",
)
@click.option(
    "--certificates",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="UMI_CLOUD_CERTIFICATES",
    help="Directory of the certificates, in place of the configuration's.",
)
@click.option("--listen", metavar="HOST:PORT", help="Where laptops call, in place of the configuration's.")
@click.option(
    "--enrol-listen", metavar="HOST:PORT", help="Where laptops enrol, in place of the configuration's."
)
@click.option("--check", is_flag=True, help="Check configuration, certificates and model; serve nothing.")
@json_option
def command(
    config_file: Path | None,
    state: str | None,
    certificates: Path | None,
    listen: str | None,
    enrol_listen: str | None,
    *,
    check: bool,
    as_json: bool,
) -> None:
    """Serve the planner and the summarizer over gRPC until SIGTERM or Ctrl-C; then finish what runs, and stop.

    A line says when the server is ready, and where (with --json as one object a line, the event `ready`).
    """
    from umi_cloud.config import CloudConfig, LogForm

    overrides = {
        "state": state,
        "certificates": certificates,
        "listen": listen,
        "enrol_listen": enrol_listen,
    }
    config = CloudConfig.read(config_file) if config_file else CloudConfig()
    config = replace(config, **{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]  # each is of its field's type
    say = _Voice(as_json=as_json)
    if config.log is LogForm.JSON:
        log_as_json()
    logging.getLogger("umi_cloud").setLevel(logging.INFO)  # what the server says of each request
    asyncio.run(_check(config, say) if check else _serve(config, say))


class _Voice:
    """Events on standard output: a line of text, or one JSON object a line.

    Engines and their processes print, too: with JSON, whatever they print to standard output goes to standard error.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._out = sys.stdout
        if as_json:
            self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
            os.dup2(2, 1)

    def __call__(self, event: str, text: str, fields: Mapping[str, Any] | None = None) -> None:
        with contextlib.suppress(BrokenPipeError):  # whoever read the lines is gone; the server goes on
            if self._as_json:
                say_json({"event": event, **(fields or {"text": text})}, file=self._out)
            else:
                say(text, file=self._out)
            self._out.flush()  # whoever waits for the line reads a pipe


async def _serve(config: "CloudConfig", say: _Voice) -> None:
    from umi_cloud.collection import collect_rarely
    from umi_cloud.deployment import Deployment
    from umi_cloud.engines.loading import check_dialect
    from umi_shared.errors import ModelError

    check_dialect(config)
    stop, hurry = _signals()
    deployment = await Deployment.start(config)
    dead = asyncio.create_task(deployment.server.engine_dead.wait())
    stopped = asyncio.create_task(stop.wait())
    loading = asyncio.create_task(deployment.load(lambda line: say("progress", line)))
    try:
        await asyncio.wait((loading, stopped), return_when=asyncio.FIRST_COMPLETED)
        if loading.done():
            collect_rarely()
            _say_ready(say, deployment, loading.result().dialect)
            await asyncio.wait((stopped, dead), return_when=asyncio.FIRST_COMPLETED)
        else:
            loading.cancel()
    finally:
        say("draining", f"stopping: {deployment.server.under_way} requests under way")
        for task in (dead, stopped):
            task.cancel()
        late = await _stop(deployment, hurry)
        say("stopped", f"stopped; {late} requests had to be ended", {"ended": late})
    if deployment.server.engine_dead.is_set():
        raise ModelError("the engine died", fix="read its messages above, and start `umi-cloud serve` again")


async def _stop(deployment: "Deployment", hurry: asyncio.Event) -> int:
    """Drain; a second signal ends the requests at once."""
    draining = asyncio.create_task(deployment.stop())
    hurried = asyncio.create_task(hurry.wait())
    await asyncio.wait((draining, hurried), return_when=asyncio.FIRST_COMPLETED)
    if not draining.done():
        deployment.server.hurry()
    hurried.cancel()
    return await draining


def _signals() -> tuple[asyncio.Event, asyncio.Event]:
    """The events of the first signal and of the second."""
    import signal

    stop, hurry = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, on_signal)
        except NotImplementedError:  # Windows' event loop has none
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(on_signal))
    return stop, hurry


def _say_ready(say: _Voice, deployment: "Deployment", dialect: str) -> None:
    kind = deployment.config.engine.kind
    enrolment = f", enrolment on {deployment.enrol_address}" if deployment.enrol_address else ""
    plaintext = (
        ("" if deployment.enrol_address else "; UNSAFE: plaintext, anyone on this machine may call")
        if deployment.config.unsafe_plaintext_loopback
        else ""
    )
    say(
        "ready",
        f"ready on {deployment.address}{enrolment} (engine {kind}, dialect {dialect}){plaintext}",
        {
            "address": deployment.address,
            "enrol_address": deployment.enrol_address,
            "watch_address": deployment.watch_address,
            "engine": kind,
            "dialect": dialect,
            "tls": not deployment.config.unsafe_plaintext_loopback,
            "pid": os.getpid(),
        },
    )


async def _check(config: "CloudConfig", say: _Voice) -> None:
    """Everything that can be wrong before the first request."""
    from umi_cloud.auth.registry_at import registry_at
    from umi_cloud.auth.server_certificate import check_certificates
    from umi_cloud.config import check_free
    from umi_cloud.engines.loading import check_dialect, load
    from umi_cloud.observation.observation import check_packages

    check_dialect(config)
    check_packages(config)
    if not config.unsafe_plaintext_loopback:
        dates = check_certificates(config.certificates_folder, datetime.now(UTC))
        for warning in dates.warnings(datetime.now(UTC)):
            say("warning", warning)
        config.proxy.authority_pem()
        if config.proxy.names:
            say("proxies", f"believed to say whose calls they bring: {', '.join(config.proxy.names)}")
        async with registry_at(config.state):
            pass
    for address in filter(None, (config.listen, config.enrol_listen, config.watch_listen)):
        check_free(address)
    loaded = await load(config, lambda line: say("progress", line))
    await loaded.engine.close()
    say("ok", f"all is well: engine {config.engine.kind}, dialect {loaded.dialect}")
