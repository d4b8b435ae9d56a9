"""`umi ledger`: see what left this device."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from umi_edge.commands._options import config_option, json_option, read_config
from umi_shared.errors import ConfigError
from umi_shared.screen.output import say, say_bytes, say_json
from umi_shared.screen.text import one_line, visible

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from umi_shared.handles import Text

_CATALOGUE = "the catalogue of tools (its rules: --json)"


@click.group()
def command() -> None:
    """See what left this device: every message, byte for byte, and the rules that released its clear text."""


@command.command(short_help="List the messages that left, or show one.")
@click.option("--session", help="Only messages of this session; `umi ask --json` tells its name.")
@click.option("--last-session", is_flag=True, help="Only messages of the session that sent the last one.")
@click.option("--sink", help="Only messages to this sink, such as planner.")
@click.option("--last", type=click.IntRange(min=1), help="Only the last so many.")
@click.option("--message", type=click.IntRange(min=1), help="Show the message of the entry with this number.")
@config_option
@json_option
def show(
    session: str | None,
    sink: str | None,
    last: int | None,
    message: int | None,
    config: Path | None,
    *,
    last_session: bool,
    as_json: bool,
) -> None:
    """List the messages that left: when, in which session, where to, how many bytes, and which rules released what.

    `--message N` shows one as the view that left: clear text, and handles where values stayed.
    """
    path = read_config(config).ledger
    if message is not None:
        _show_message(path, message, as_json=as_json)
        return
    if last_session:
        if session is not None:
            raise click.UsageError("give one of --session and --last-session")
        session = next((str(one["session"]) for one in deque(_messages(path), maxlen=1)), None)
    chosen = (
        entry
        for entry in _messages(path)
        if (session is None or entry["session"] == session) and (sink is None or entry["sink"] == sink)
    )
    entries = list(deque(chosen, maxlen=last))
    if as_json:
        say_json([_without_message(entry) for entry in entries])
    elif entries:
        from umi_shared.screen.console import output_screen

        output_screen().print(_table(entries))
    else:
        filtered = session is not None or sink is not None
        say(f"No such message in {path}." if filtered else f"Nothing has left yet: {path} has no message.")


@command.command(short_help="Check that the ledger is whole, unchanged and signed.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@config_option
@json_option
def verify(file: Path | None, config: Path | None, *, as_json: bool) -> int:
    """Check that the ledger, or an exported FILE, is whole and unchanged, and signed by this device.

    Where the ledger ends is held against the two notes of its last checkpoint; an exported FILE has none.
    Exit code 1 when it is not, with the first line that does not hold.
    """
    from dataclasses import asdict

    from umi_edge.ledger import BrokenLedgerError, verify_ledger
    from umi_edge.ledger.remarks import remarks

    settings = read_config(config)
    if file is not None and not file.exists():
        raise ConfigError(f"there is no ledger at {file}")
    path, key = file or settings.ledger, _device_key(settings.ledger.parent)
    try:
        second = settings.second_head if file is None else None
        report = verify_ledger(path, key, second, is_copy=file is not None)
    except BrokenLedgerError as error:
        if not as_json:
            raise
        problem = {"file": str(error.file), "line": error.line, "problem": error.message, "fix": error.fix}
        say_json({"sound": False, **problem})
        return 1
    if as_json:
        say_json({"sound": True, "signer_known": key is not None, **asdict(report)})
        return 0
    say(
        f"✓ {path}: {report.entries:,} messages, {report.sent_bytes:,} bytes, {report.checkpoints} checkpoints"
    )
    for line in remarks(report, signer_known=key is not None):
        say(line)
    return 0


@command.command(short_help="Copy the whole ledger to a file.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--force", is_flag=True, help="Replace a FILE that is there.")
@config_option
def export(file: Path, config: Path | None, *, force: bool) -> None:
    """Copy the whole ledger, as JSON Lines, to FILE (- for standard output); `umi ledger verify FILE` checks it."""
    from umi_edge.ledger.files import LedgerFiles

    files = LedgerFiles(read_config(config).ledger).all()
    if str(file) == "-":
        say_bytes(_chunks(files))
        return
    if file.exists() and not force:
        raise ConfigError(f"{file} is there already", fix="name another file, or give --force")
    _write_whole(file, files)
    say(f"{file}: {file.stat().st_size:,} bytes")


@command.command(short_help="Match captured messages to the ledger, byte for byte.")
@click.argument("capture", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--session", help="Only entries of this session.")
@click.option(
    "--from", "first", type=click.IntRange(min=1), default=1, help="Only entries from this number on."
)
@config_option
@json_option
def reconcile(capture: Path, session: str | None, first: int, config: Path | None, *, as_json: bool) -> int:
    """Match the messages of CAPTURE to the ledger's entries, byte for byte.

    Names each captured message that has no entry, and each entry whose message was not captured; exit code 1 when
    there are any. CAPTURE has one JSON object a line, as whoever taps the wire in front of a planner writes them:
    {"method": "/umi_proto.v1.Planner/Plan", "message": "<base64 of the gRPC message>"}. Packet captures (pcap,
    pcapng) are not read: between laptop and planner they hold TLS. `umi ledger verify` checks the entries' chain.
    """
    from dataclasses import asdict

    from umi_edge.ledger import read_ledger
    from umi_edge.ledger.capture import read_capture
    from umi_edge.ledger.reconciliation import reconcile as matched

    entries = (
        entry
        for entry in read_ledger(read_config(config).ledger)
        if entry["number"] >= first and (session is None or entry.get("session") == session)
    )
    found = matched(read_capture(capture), entries)
    if as_json:
        say_json({"complete": found.complete, **asdict(found)})
        return 0 if found.complete else 1
    mark = "✓" if found.complete else "✗"
    say(f"{mark} {found.matched:,} messages, {found.matched_bytes:,} bytes: captured and in the ledger")
    for frame in found.frames:
        name = f"{frame.method or 'a message'}, {frame.size_bytes:,} bytes, sha256 {frame.sha256}"
        say(f"✗ line {frame.number} of the capture has no entry: {name}")
    for entry in found.entries:
        name = f"to the {entry.sink}, {entry.size_bytes:,} bytes, sha256 {entry.sha256}"
        say(f"✗ entry {entry.number} was not captured: {name}")
    return 0 if found.complete else 1


def _messages(path: Path) -> Iterator[dict[str, Any]]:
    from umi_edge.ledger import read_ledger

    return (entry for entry in read_ledger(path) if entry["kind"] == "sent")


def _without_message(entry: dict[str, Any]) -> dict[str, Any]:
    dropped = ("message", "kind", "previous")
    return {name: value for name, value in entry.items() if name not in dropped}


def _device_key(folder: Path) -> "Ed25519PublicKey | None":
    """The key that signs here; none is made for a look at a ledger."""
    from umi_edge.connection.device_key import KEY_NAME, device_key

    return device_key(folder).public_key() if (folder / KEY_NAME).exists() else None


def _table(entries: list[dict[str, Any]]) -> Any:
    from rich.table import Table
    from rich.text import Text as Rich

    table = Table(box=None, pad_edge=False)
    for column in ("number", "time", "session", "to", "bytes", "sha256", "clear bytes, by rule"):
        table.add_column(
            column, justify="right" if column in ("number", "bytes") else "left", overflow="fold"
        )
    for entry in entries:
        table.add_row(
            str(entry["number"]),
            _local_time(entry["time"]),
            str(entry["session"]),
            _destination(entry),
            f"{entry['bytes']:,}",
            f"{entry['sha256'][:12]}…",
            Rich("\n".join(one_line(f"{count:>6,}  {rule}") for rule, count in _released(entry).items())),
        )
    return table


def _destination(entry: dict[str, Any]) -> str:
    """The sink, and whom it was reached at; entries of earlier versions do not say that."""
    peer = str(entry.get("peer", "")).removeprefix("the planner ")
    return one_line(f"{entry['sink']} {peer}".strip())


def _released(entry: dict[str, Any]) -> dict[str, int]:
    """Clear bytes of a message by the rule that released them, most first; the catalogue of tools is one line."""
    total: dict[str, int] = {}
    for clearance in entry["clearances"]:
        rule = _CATALOGUE if clearance["entry"] < 0 else clearance["rule"]
        total[rule] = total.get(rule, 0) + clearance["clear_bytes"]
    return dict(sorted(total.items(), key=lambda item: -item[1]))


def _local_time(text: str) -> str:
    from datetime import datetime

    try:
        return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return text


def _show_message(path: Path, number: int, *, as_json: bool) -> None:
    from umi_edge.ledger.outbound import entry_title, outbound_view, view_json
    from umi_shared.screen.console import output_screen
    from umi_shared.transcript import text_of

    entry = next((entry for entry in _messages(path) if entry["number"] == number), None)
    if entry is None:
        raise ConfigError(f"{path} has no message with the number {number}", fix="see `umi ledger show`")
    view = outbound_view(entry)
    if as_json:
        say_json({**_without_message(entry), "view": view_json(view)})
        return
    console = output_screen()
    sent = (
        f"{entry['bytes']:,} bytes to {_destination(entry)}, session {entry['session']}, "
        f"{_local_time(entry['time'])}, sha256 {entry['sha256']}"
    )
    console.print(sent, soft_wrap=True)
    console.print("clear text left as it stands; a handle stands for a value that stayed")
    console.print()
    for card in view.catalogue:
        console.print(f"tool {card.name}:", _coloured(card.description), soft_wrap=True)
    for one in view.entries:
        console.print(f"{entry_title(one)}:", _coloured(text_of(one)), soft_wrap=True)
    console.print()
    for rule, count in _released(entry).items():
        console.print(f"{count:>6,} clear bytes: {rule}", soft_wrap=True)


def _coloured(text: "Text") -> Any:
    """Clear text in the colour of leaving, handles in the colour of staying."""
    from rich.text import Text as Rich

    from umi_edge.terminal.colours import LEFT, STAYED
    from umi_shared.handles import Handle

    shown = Rich()
    for part in text:
        lines = visible(str(part)).replace("\n", "\n    ")  # set in: none of them looks like one of umi's
        shown.append(lines, style=STAYED if isinstance(part, Handle) else LEFT)
    return shown


def _chunks(files: list[Path]) -> Iterator[bytes]:
    for path in files:
        with path.open("rb") as source:
            while chunk := source.read(1 << 20):
                yield chunk


def _write_whole(file: Path, files: list[Path]) -> None:
    """The copy is there whole, or not at all."""
    from umi_shared.errors import UmiError

    partial = file.with_name(f".{file.name}.partial")
    try:
        with partial.open("wb") as target:
            target.writelines(_chunks(files))
        partial.replace(file)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UmiError(
            f"the ledger cannot be copied to {file}: {error.strerror}",
            fix="make room, or name another folder",
        ) from error
