"""Accounts of a configuration become folders that the tools read, and a session fetches what is due."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from umi_edge.cli import umi
from umi_edge.diagnosis import checks_for, run_check
from umi_edge.runtime import synced_home
from umi_edge.runtime.config import DavSettings, EdgeConfig, HomeSettings, ImapSettings, SyncSettings
from umi_edge.runtime.installed_tools import home_tools
from umi_edge.runtime.synced_home import fetch_what_is_due, synced_folders
from umi_edge.sync.fetching import Fetched, SyncedFolder
from umi_edge.tools.builtin.copied_folder import STATUS, CopyStatus
from umi_edge.tools.outcome import Lost

DAV = DavSettings(url="https://127.0.0.1:9/", user="ida", password_env="NOT_SET")
IMAP = ImapSettings(url="imaps://127.0.0.1:9", user="ida", password_env="NOT_SET")


def home(folder: Path, **changes: object) -> HomeSettings:
    plain = {"contacts": {"work": DAV}, "calendar": {"work": DAV}, "mail": {"work": IMAP}}
    return HomeSettings(sync=SyncSettings(**{**plain, "folder": str(folder / "sync"), **changes}))


def note(folder: Path, status: CopyStatus, *stores: str) -> None:
    for store in stores or ("contacts", "calendar", "mail"):
        path = folder / "sync" / store / "work"
        path.mkdir(parents=True, exist_ok=True)
        (path / STATUS).write_text(status.as_text())


def ago(**time: float) -> datetime:
    return datetime.now(UTC) - timedelta(**time)


def test_what_is_fetched_is_read_and_never_written(tmp_path):
    names = {tool.name for tool in home_tools(home(tmp_path), {})}
    assert {"contacts.list", "calendar.list", "mail.read", "search.everywhere"} <= names
    assert not {name for name in names if name in ("contacts.add", "calendar.create", "calendar.cancel")}
    more = HomeSettings(more_tools=True, sync=home(tmp_path).sync)
    assert not {"calendar.update", "calendar.repeat", "calendar.add_todo"} & {
        tool.name for tool in home_tools(more, {})
    }


async def test_only_what_is_due_is_fetched_and_for_a_short_time(tmp_path, monkeypatch):
    fetched: list[SyncedFolder] = []

    def fake(folders: list[SyncedFolder], _: object) -> list[Fetched]:
        fetched.extend(folders)
        return []

    monkeypatch.setattr(synced_home, "fetch", fake)
    settings = home(tmp_path, start_seconds=7.0)
    await fetch_what_is_due(settings, {})
    assert {one.account.store for one in fetched} == {"contacts", "calendar", "mail"}
    assert {one.account.limits.seconds for one in fetched} == {7.0}
    fetched.clear()
    note(tmp_path, CopyStatus(fetched=ago(minutes=10), tried=ago(minutes=10)), "contacts", "calendar")
    note(tmp_path, CopyStatus(fetched=ago(minutes=40), tried=ago(minutes=40)), "mail")
    await fetch_what_is_due(settings, {})
    assert [one.account.store for one in fetched] == ["mail"]
    fetched.clear()
    await fetch_what_is_due(home(tmp_path, minutes=0.0), {})
    assert fetched == []


async def test_the_doctor_tells_how_old_each_copy_is_and_what_is_missing(tmp_path):
    note(tmp_path, CopyStatus(fetched=ago(minutes=10), tried=ago(minutes=10)), "contacts")
    old = CopyStatus(fetched=ago(hours=30), tried=ago(hours=1), problem="it said no", fix="ask it")
    note(tmp_path, old, "calendar")
    config = EdgeConfig(home=home(tmp_path))
    [check] = [one for one in checks_for(config, {}) if one.name == "sync"]
    (tmp_path / "sync" / "contacts" / "work").chmod(0o700)
    (tmp_path / "sync" / "calendar" / "work").chmod(0o755)
    found = {(str(one.status), one.message.partition(":")[0]) for one in await run_check(check)}
    messages = [one.message for one in await run_check(check)]
    assert ("fine", "contacts from work") in found
    assert any(
        "calendar from work: it was last fetched at" in one and "(it said no)" in one for one in messages
    )
    assert any("mail from work: it was never fetched whole" in one for one in messages)
    assert any(one.startswith("others can read") for one in messages)


def run(tmp_path: Path, *arguments: str) -> tuple[int, str]:
    config = tmp_path / "config.yaml"
    account = {"url": DAV.url, "user": "ida", "password_env": "UMI_TEST_PASSWORD"}
    sync = {"contacts": {"work": account}, "folder": str(tmp_path / "sync")}
    config.write_text(json.dumps({"home": {"sync": sync}}))
    result = CliRunner().invoke(
        umi,
        ["sync", "--config", str(config), *arguments],
        env={"UMI_TEST_PASSWORD": "canary"},
        standalone_mode=False,
    )
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.output


def test_the_command_tells_what_failed_and_how_to_mend_it(tmp_path):
    code, output = run(tmp_path)
    assert code == 1
    assert "contacts from work: 0 here, but the server 127.0.0.1 cannot be reached" in output
    assert "Fix: " in output
    code, output = run(tmp_path, "work", "--json")
    [told] = json.loads(output)["fetched"]
    assert (told["store"], told["account"], told["count"]) == ("contacts", "work", 0)
    assert "cannot be reached" in told["problem"]
    assert "canary" not in output


def test_the_copy_of_an_account_that_is_configured_no_more_is_deleted_and_nothing_else(tmp_path):
    for name, file in {"old": ".index.json", "mine": "ann.vcf"}.items():
        (tmp_path / "sync" / "contacts" / name).mkdir(parents=True)
        (tmp_path / "sync" / "contacts" / name / file).write_text("{}")
    _, output = run(tmp_path)
    assert "– contacts from old: no account of the configuration any more" in output
    assert sorted(path.name for path in (tmp_path / "sync" / "contacts").iterdir()) == ["mine", "work"]


def test_an_account_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Exception, match="no account is called nobody"):
        run(tmp_path, "nobody")


def test_a_copy_is_whole_until_it_is_stale_and_its_losses_are_told_always(tmp_path):
    [one, *_] = synced_folders(home(tmp_path))
    now = datetime.now(UTC)
    assert [lost.why for lost in one.copy.gaps(now)] == ["it was never fetched whole"]
    note(tmp_path, CopyStatus(fetched=now, tried=now))
    assert one.copy.gaps(now) == ()
    assert one.copy.gaps(now + timedelta(hours=23)) == ()
    [stale] = one.copy.gaps(now + timedelta(hours=25))
    assert stale.why == f"it was last fetched at {now:%Y-%m-%d %H:%M} UTC"
    assert one.copy.gaps(now - timedelta(days=1)) != ()  # a clock that was wrong proves nothing
    note(tmp_path, CopyStatus(fetched=now, tried=now, lost=(Lost("a", "too large", "look"),)))
    assert [lost.why for lost in one.copy.gaps(now)] == ["too large"]
    for damage in ("", "{}", "[]", '{"fetched": 3}', "\x00"):
        (one.copy.path / STATUS).write_text(damage)
        assert len(one.copy.gaps(now)) == 1
