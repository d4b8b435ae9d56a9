"""`umi sync`: fetch what servers hold of the user's contacts, calendars and mail."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from umi_edge.commands._options import config_option, json_option, read_config
from umi_shared.screen.output import ask_secret, say, say_json

if TYPE_CHECKING:
    from umi_edge.sync.fetching import Fetched, SyncedFolder


@click.command()
@click.argument("accounts", nargs=-1)
@config_option
@click.option(
    "--login", is_flag=True, help="Ask for the passwords of ACCOUNTS, and keep them in the keyring."
)
@click.option(
    "--let-go", is_flag=True, help="Delete what a server has nothing of any more, a whole address book too."
)
@json_option
def command(
    accounts: tuple[str, ...], config: Path | None, *, login: bool, let_go: bool, as_json: bool
) -> int:
    """Fetch contacts, calendars and mail from the servers under `home.sync` of the configuration.

    Fetches all ACCOUNTS, or those that are named, as far as they have changed, into folders that only you can read.
    Nothing is ever written to a server. The copy of an account that is no longer configured is deleted. Sessions fetch
    at their start, for a short time; the first fetch of much mail is better done here. Exit code 1 when an account
    could not be fetched whole.

    An address book or a calendar that is empty or gone at once stays on this device, and counts as incomplete, until
    you say with --let-go that this is right: what the detectors know must not vanish because a server says so.
    """
    import os

    from umi_edge.runtime.synced_home import forget_others, synced_folders
    from umi_edge.sync.fetching import fetch
    from umi_shared.errors import ConfigError

    home = read_config(config).home
    found = synced_folders(home)
    unknown = set(accounts) - {one.account.name for one in found}
    if unknown or not found:
        what = f"no account is called {', '.join(sorted(unknown))}" if unknown else "no account is configured"
        raise ConfigError(what, fix="name it under `home.sync` of the configuration")
    chosen = [one for one in found if not accounts or one.account.name in accounts]
    if login:
        return _log_in(chosen)
    forgotten = forget_others(home)
    results = [fetched for one in chosen for fetched in fetch([one], os.environ, let_go=let_go)]
    if as_json:
        say_json({"fetched": [_as_json(one) for one in results], "deleted": forgotten})
    else:
        for name in forgotten:
            say(f"– {name}: no account of the configuration any more, so its copy is deleted")
        for one in results:
            _print(one)
    return 1 if any(one.problem or one.lost or one.busy for one in results) else 0


def _log_in(chosen: "list[SyncedFolder]") -> int:
    """Ask for each password once; accounts of one user at one host have one."""
    from umi_edge.sync.password import keep_password

    for one in (one for one in chosen if one.account.token_command):
        say(f"{one.account.name} needs no password: its `token_command` gives an access token.")
    chosen = [one for one in chosen if not one.account.token_command]
    for key in dict.fromkeys(one.account.key for one in chosen if one.account.user):
        account = next(one.account for one in chosen if one.account.key == key)
        keep_password(account, ask_secret(f"The password of {key}"))
        say(f"The password of {account.name} is in the system's keyring.")
    return 0


def _as_json(one: "Fetched") -> dict[str, object]:
    return {
        "store": one.store,
        "account": one.account,
        "count": one.count,
        "skipped": [{"where": lost.where, "why": lost.why} for lost in one.lost],
        "problem": one.problem.message if one.problem else None,
        "fix": one.problem.fix if one.problem else None,
        "busy": one.busy,
    }


def _print(one: "Fetched") -> None:
    name = f"{one.store} from {one.account}"
    if one.busy:
        say(f"! {name}: another umi is fetching it")
        return
    mark = "✗" if one.problem else "!" if one.lost else "✓"
    problem = f", but {one.problem.message}" if one.problem else ""
    say(f"{mark} {name}: {one.count:,} here{problem}")
    if one.problem and one.problem.fix:
        say(f"  Fix: {one.problem.fix}")
    for lost in one.lost:
        say(f"  {lost}", f"  Fix: {lost.fix}")
