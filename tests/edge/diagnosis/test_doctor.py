"""`umi doctor`: what is wrong is found and the fix named, however much else is broken; nothing private is shown."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from umi_cloud.auth.authority import Authority
from umi_cloud.auth.registry_at import registry_at
from umi_cloud.auth.tokens import mint
from umi_cloud.config import CloudConfig
from umi_cloud.deployment import Deployment
from umi_cloud.planner import Planner
from umi_cloud.server import Roles
from umi_cloud.summarizer import Summarizer
from umi_edge.cli import umi
from umi_edge.connection.device_key import device_key
from umi_edge.connection.enroll import Connection, enroll
from umi_edge.diagnosis import Check, Finding, Status, checks_for, run_check, system
from umi_edge.diagnosis import ledger as ledger_checks
from umi_edge.ledger import Ledger
from umi_edge.policy import default_policy_text
from umi_edge.runtime.config import CallerSettings, EdgeConfig, HomeSettings, SmtpSettings
from umi_edge.tools.sample_home import make_sample_home
from umi_shared.adapter_folder import AdapterFile
from umi_shared.dialects import dialect_named
from umi_shared.models import EMBEDDED, ModelStore
from umi_shared.testing import ScriptedEngine

SERVER = Path(__file__).parent.parent / "tools" / "mcp_server.py"


async def look(name: str, config: EdgeConfig, environment: dict[str, str] | None = None) -> list[Finding]:
    """The findings of one check."""
    (check,) = (check for check in checks_for(config, environment or {}) if check.name == name)
    return await run_check(check)


def statuses(findings: list[Finding]) -> list[str]:
    return [str(finding.status) for finding in findings]


async def only(name: str, config: EdgeConfig, environment: dict[str, str] | None = None) -> Finding:
    """The one finding of a check that is not fine."""
    bad = [finding for finding in await look(name, config, environment) if finding.status != "fine"]
    assert len(bad) == 1, bad
    return bad[0]


# A check.


async def test_a_check_that_fails_itself_is_a_finding_without_the_errors_text():
    async def fails() -> AsyncIterator[Finding]:
        yield Finding("x", Status.FINE, "seen before")
        raise ZeroDivisionError("Project Neptune")

    first, second = await run_check(Check(name="x", look=fails))
    assert first.message == "seen before"
    assert second.status == "broken"
    assert "ZeroDivisionError" in second.message
    assert "Neptune" not in f"{second}"


async def test_a_check_that_does_not_end_is_a_finding():
    async def waits() -> AsyncIterator[Finding]:
        await asyncio.Event().wait()
        yield Finding("x", Status.FINE, "never")

    (finding,) = await run_check(Check(name="x", look=waits, seconds=0.01))
    assert "no result within 0.01 seconds" in finding.message


# Python and policy.


async def test_python_and_its_packages_are_named():
    findings = [finding async for finding in system.platform_and_packages()]
    assert statuses(findings) == ["fine", "fine"]


async def test_a_package_whose_machine_code_does_not_load_is_named(monkeypatch, tmp_path):
    (tmp_path / "llguidance.py").write_text(
        "raise OSError('libstdc++.so.6: version GLIBCXX_3.4.32 not found')"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "llguidance", raising=False)
    findings = [finding async for finding in system.platform_and_packages()]
    (bad,) = (finding for finding in findings if finding.status == "broken")
    assert "llguidance does not load (OSError)" in bad.message
    assert "pip install" in bad.fix


async def test_the_built_in_policy_is_fine(tmp_path):
    assert statuses(await look("policy", EdgeConfig())) == ["fine"]


async def test_a_broken_policy_is_named_with_its_line(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text("version: 1\ntools:\n  mail.send: {confrim: always}\n")
    finding = await only("policy", EdgeConfig(policy=path))
    assert f"{path}:3" in finding.message
    assert "confirm" in finding.fix
    finding = await only("policy", EdgeConfig(policy=tmp_path / "none.yaml"))
    assert "none.yaml" in finding.message


# The model.


def caller(model: Path | str, **settings: str) -> EdgeConfig:
    return EdgeConfig(caller=CallerSettings(model=str(model), **settings))


@pytest.mark.model
async def test_the_embedded_model_loads_and_writes(smollm2):
    findings = await look("model", EdgeConfig())
    assert set(statuses(findings)) == {"fine"}
    assert "writes under a grammar" in findings[-1].message


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "there is no model at"), (b"PK\x03\x04", "is not a GGUF"), (b"", "is not a GGUF")],
)
async def test_a_model_that_is_none_is_named(tmp_path, content, said):
    path = tmp_path / "m.gguf"
    if content is not None:
        path.write_bytes(content)
    finding = await only("model", caller(path))
    assert said in finding.message
    assert str(path) in finding.message
    assert "caller.model" in finding.fix


@pytest.mark.model
async def test_a_truncated_model_is_named(tmp_path, smollm2):
    path = tmp_path / "m.gguf"
    path.write_bytes(smollm2.read_bytes()[: 10 << 20])
    finding = await only("model", caller(path))
    assert finding.status == "broken"
    assert "m.gguf" in finding.message
    path.write_bytes(b"GGUF" + bytes(1000))
    assert (await only("model", caller(path))).status == "broken"


@pytest.mark.model
async def test_an_adapter_that_is_none_is_named(tmp_path, smollm2):
    adapter = tmp_path / "a.gguf"
    finding = await only("model", caller(smollm2, adapter=str(adapter)))
    assert "there is no adapter" in finding.message
    adapter.write_bytes(smollm2.read_bytes())  # a model, and no adapter
    finding = await only("model", caller(smollm2, adapter=str(adapter)))
    assert "does not fit the model" in finding.message


async def test_a_shipped_adapter_that_was_changed_is_named(tmp_path, monkeypatch):
    shipped = tmp_path / "umi.gguf"
    shipped.write_bytes(b"GGUF changed")
    monkeypatch.setattr(
        "umi_edge.diagnosis.model.shipped_adapters", lambda: {"caller": AdapterFile(shipped, "0" * 64)}
    )
    model = tmp_path / "m.gguf"
    model.write_bytes(b"GGUF")
    monkeypatch.setattr(ModelStore, "path_of", lambda _self, _spec: model)
    finding = await only("model", EdgeConfig())
    assert (finding.name, finding.status) == ("adapter", "broken")
    assert "umi.gguf is not the adapter" in finding.message


async def test_a_model_whose_loading_ends_the_process_does_not_end_the_doctor(tmp_path, monkeypatch):
    """Some damaged files make llama.cpp abort; a process that dies without a word stands for it."""
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF")
    monkeypatch.setattr("umi_edge.diagnosis.model.sys.executable", sys.executable)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "llama_cpp").mkdir()
    (tmp_path / "llama_cpp" / "__init__.py").write_text("import os; os.abort()")
    finding = await only("model", caller(path))
    assert "llama.cpp ended without an answer (exit code" in finding.message


async def test_a_model_that_was_never_fetched_or_was_changed_is_named(tmp_path, monkeypatch):
    store = ModelStore(tmp_path / "models")
    monkeypatch.setattr(ModelStore, "local", classmethod(lambda _: store))
    finding = await only("model", EdgeConfig())
    assert f"umi models pull {EMBEDDED}" in finding.fix
    folder = store.folder / "abc"
    folder.mkdir(parents=True)
    (folder / "m.gguf").write_bytes(b"GGUF changed")
    record = {
        "source": EMBEDDED,
        "file": "abc/m.gguf",
        "size_bytes": 12,
        "sha256": "0" * 64,
        "licence": "MIT",
    }
    (folder / "m.gguf.json").write_text(json.dumps(record))
    assert "its SHA-256 is" in (await only("model", EdgeConfig())).message


# The connection and the planner.


@pytest.fixture
async def deployment(tmp_path) -> AsyncIterator[Deployment]:
    """A real cloud over mTLS, still loading its model."""
    Authority.init(tmp_path / "cloud")
    config = CloudConfig(state=tmp_path / "cloud", listen="127.0.0.1:0", enrol_listen="127.0.0.1:0")
    deployment = await Deployment.start(config)
    yield deployment
    await deployment.stop(0)


async def serve(deployment: Deployment) -> None:
    engine, dialect = ScriptedEngine(["ok"]), dialect_named("umi")
    await deployment.server.open(
        Roles(Planner(engine, dialect, "planner"), Summarizer(engine, dialect, "summarizer"))
    )


@pytest.fixture
async def enrolled(deployment, tmp_path) -> EdgeConfig:
    state = deployment.config.certificates_folder
    async with registry_at(state) as registry:
        minted = await mint(
            Authority.load(state),
            registry,
            "alices-laptop",
            service_address=f"localhost:{deployment.address.rpartition(':')[2]}",
            enrolment_address=deployment.enrol_address,
        )
    await enroll(minted.token.text(), tmp_path / "connection")
    return EdgeConfig(connection=tmp_path / "connection")


async def test_a_good_connection_to_a_serving_planner_is_fine(deployment, enrolled):
    await serve(deployment)
    findings = await look("connection", enrolled) + await look("planner", enrolled)
    assert set(statuses(findings)) == {"fine"}, findings
    said = " ".join(finding.message for finding in findings)
    for words in ("alices-laptop", "good until", "over mTLS", "SERVING", "accepts this device"):
        assert words in said


async def test_a_planner_that_still_loads_is_worth_a_look(deployment, enrolled):
    finding = await only("planner", enrolled)
    assert (finding.status, "NOT_SERVING" in finding.message) == ("warning", True)


async def test_a_revoked_device_is_told_so(deployment, enrolled):
    await serve(deployment)
    async with registry_at(deployment.config.state) as registry:
        await registry.revoke("alices-laptop")
    finding = await only("planner", enrolled)
    assert "does not accept this device (CERTIFICATE_REVOKED)" in finding.message
    assert "umi enroll TOKEN" in finding.fix


async def test_a_planner_that_is_gone_is_named(deployment, enrolled):
    await deployment.stop(0)
    finding = await only("planner", enrolled)
    assert "localhost:" in finding.message
    assert "cannot be reached" in finding.message
    assert "network" in finding.fix


async def test_a_planner_that_speaks_no_tls_is_named(deployment, enrolled, tmp_path):
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-x\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        repoint(tmp_path / "connection", f"localhost:{server.sockets[0].getsockname()[1]}")
        finding = await only("planner", enrolled)
    assert "does not speak umi's TLS" in finding.message or "cannot be reached" in finding.message


async def test_a_planner_of_another_authority_is_named(deployment, enrolled, tmp_path):
    Authority.init(tmp_path / "other")
    other = await Deployment.start(
        CloudConfig(state=tmp_path / "other", listen="127.0.0.1:0", enrol_listen="")
    )
    repoint(tmp_path / "connection", f"localhost:{other.address.rpartition(':')[2]}")
    finding = await only("planner", enrolled)
    await other.stop(0)
    assert "certificate that does not hold" in finding.message
    assert "clock" in finding.fix


def repoint(directory: Path, address: str) -> None:
    path = directory / "connection.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"service_address": address}))


async def test_a_laptop_that_is_not_enrolled_is_told_how(tmp_path):
    config = EdgeConfig(connection=tmp_path)
    finding = await only("connection", config)
    assert (finding.status, "umi enroll TOKEN" in finding.fix) == ("broken", True)
    assert await look("planner", config) == []
    offline = EdgeConfig(connection=tmp_path, offline="device")
    assert (await only("connection", offline)).status == "warning"


@pytest.mark.parametrize(
    ("days", "status", "said"),
    [(-400, "broken", "the clock is behind"), (0, "fine", "good until"), (5000, "broken", "expired at")],
)
async def test_the_certificates_time_is_held_against_the_clock(enrolled, days, status, said):
    from umi_edge.diagnosis import planner

    then = datetime.now(UTC) + timedelta(days=days)
    look = Check(name="connection", look=lambda: planner.connection(enrolled, then))
    finding = (await run_check(look))[-1]
    assert (finding.status, said in finding.message) == (status, True)


async def test_a_certificate_that_expires_soon_is_worth_a_look(enrolled):
    from umi_edge.diagnosis import planner

    expires = Connection.load(enrolled.connection).expires
    for then, said in (
        (expires - timedelta(days=1), "renews itself"),
        (expires + timedelta(days=1), "renewed first"),
    ):
        look = Check(name="connection", look=lambda then=then: planner.connection(enrolled, then))
        findings = await run_check(look)
        assert "warning" in statuses(findings)
        assert said in findings[-1].fix


@pytest.mark.skipif(sys.platform == "win32", reason="no modes here")
async def test_a_key_that_others_can_read_is_worth_a_look(enrolled):
    key = Connection.load(enrolled.connection).key
    key.chmod(0o644)
    finding = await only("connection", enrolled)
    assert finding.fix == f"chmod 600 {key}"


async def test_a_damaged_connection_is_named(enrolled):
    (enrolled.connection / "connection.json").write_text("{")
    assert "connection.json is damaged" in (await only("connection", enrolled)).message
    assert await look("planner", enrolled) == []


# The ledger.


async def test_a_ledger_that_is_not_there_yet_is_fine_and_none_is_made(tmp_path):
    config = EdgeConfig(ledger=tmp_path / "none" / "ledger.jsonl")
    assert set(statuses(await look("ledger", config))) == {"fine"}
    assert not (tmp_path / "none").exists()


@pytest.fixture
def ledger_path(tmp_path) -> Path:
    path = tmp_path / "data" / "ledger.jsonl"
    ledger = Ledger.open(path, device_key(path.parent), lambda: "now")
    ledger.append(session="s", sink="planner", request_id="r", message=b"m", disclosures=[])
    ledger.checkpoint()
    return path


async def test_a_broken_ledger_is_named_with_its_line(ledger_path):
    config = EdgeConfig(ledger=ledger_path)
    assert set(statuses(await look("ledger", config))) == {"fine"}
    ledger_path.write_bytes(ledger_path.read_bytes().replace(b'"s"', b'"t"'))
    finding = await only("ledger", config)
    assert f"{ledger_path}:1: this entry was changed" in finding.message


async def test_a_ledger_without_its_key_is_worth_a_look(ledger_path):
    (ledger_path.parent / "ledger.key").unlink()
    assert (await only("ledger", EdgeConfig(ledger=ledger_path))).status == "warning"
    (ledger_path.parent / "ledger.key").write_text("nonsense")
    assert "cannot be read" in (await only("ledger", EdgeConfig(ledger=ledger_path))).message


async def test_a_ledger_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    finding = await only("ledger", EdgeConfig(ledger=tmp_path / "file" / "ledger.jsonl"))
    assert "cannot be written to" in finding.message


@pytest.mark.parametrize(("free", "status"), [(1 << 20, "broken"), (100 << 20, "warning")])
async def test_a_disk_that_fills_is_noticed(ledger_path, monkeypatch, free, status):
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr(ledger_checks.shutil, "disk_usage", lambda _: usage)
    finding = await only("ledger", EdgeConfig(ledger=ledger_path))
    assert (finding.status, f"{free / 1e6:.0f} MB free" in finding.message) == (status, True)


# The tools.


async def test_tools_that_start_are_counted(tmp_path):
    make_sample_home(tmp_path, date(2026, 11, 23))
    config = EdgeConfig(
        home=HomeSettings(contacts=str(tmp_path / "contacts")),
        mcp={
            "good": {"command": sys.executable, "args": [str(SERVER)]},
            "off": {"command": "x", "disabled": True},
        },
    )
    messages = [finding.message for finding in await look("tools", config)]
    assert messages[0] == "contacts: 12 contacts"
    assert messages[1].startswith("builtin: ")
    assert messages[2] == "operators: 5 tools"
    assert messages[3].startswith("mcp:good: ")
    assert messages[4].startswith("mcp:good is shown to the planner by name only")
    assert messages[4].endswith("`umi tools approve good`")
    assert messages[5] == "mcp:off is disabled"


async def test_what_keeps_tools_away_is_named_one_by_one(tmp_path):
    config = EdgeConfig(
        home=HomeSettings(
            contacts=str(tmp_path / "gone"),
            outbox=str(tmp_path / "made-later"),
            files=(str(tmp_path / "none"),),
            smtp=SmtpSettings(host="mail.example", password_env="UMI_TEST_PASSWORD"),
        ),
        mcp={"gone": {"command": str(tmp_path / "no-such-program"), "args": ["sk-secret"]}},
        tools=("no_such_module_of_a_test:x",),
    )
    findings = await look("tools", config)
    said = "\n".join(f"{finding.status} {finding.message}" for finding in findings)
    assert "warning the folder" in said
    assert "`home.contacts` is not there" in said
    assert "`home.files` is not there" in said
    assert "UMI_TEST_PASSWORD of `home.smtp.password_env` is not set" in said
    assert "broken no tool is found at 'no_such_module_of_a_test:x'" in said
    assert "broken the MCP server gone did not start" in said
    assert "made-later" not in said
    assert "sk-secret" not in said
    assert all(finding.fix for finding in findings if finding.status != "fine")


async def test_what_is_in_each_folder_is_counted_and_what_is_not_read_is_named(tmp_path):
    home = make_sample_home(tmp_path / "home", date(2026, 11, 23))
    (home.notes / "bad.md").write_bytes(b"\xff\x00")
    config = EdgeConfig(home=HomeSettings(contacts=str(home.contacts), notes=str(home.notes)))
    found = await look("tools", config)
    assert Finding("tools", Status.FINE, "contacts: 12 contacts") in found
    [notes] = [one for one in found if one.status == "warning"]
    assert notes.message.endswith(" notes; 1 skipped: bad.md: it is no text")
    assert notes.fix


async def test_no_tools_at_all_is_worth_a_look():
    assert "home:" in (await only("tools", EdgeConfig())).fix


# Offline.


async def test_offline_use_without_its_model_is_broken(tmp_path, monkeypatch):
    monkeypatch.setattr(ModelStore, "local", classmethod(lambda _: ModelStore(tmp_path)))
    finding = await only("offline", EdgeConfig(offline="device"))
    assert "umi models pull" in finding.fix
    assert statuses(await look("offline", EdgeConfig())) == ["fine"]


# The command.


def doctor(tmp_path: Path, *arguments: str, **settings: object) -> Result:
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"connection": "none", "ledger": "data/ledger.jsonl", **settings}))
    result = CliRunner().invoke(umi, ["doctor", "--config", str(config), *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


@pytest.fixture
def bare(tmp_path) -> dict[str, object]:
    """Settings with which the model's check ends early."""
    return {"caller": {"model": "none.gguf"}}


def test_the_report_has_a_line_for_each_finding_and_the_fix_below(tmp_path, bare):
    result = doctor(tmp_path, **bare)
    assert result.return_value == 1
    assert "✓ python" in result.output
    assert "✗ connection    this device is not enrolled" in result.output
    assert "! tools         no tools are installed\n                Fix: name your folders" in result.output
    assert "2 broken, 1 to look at." in result.output


def test_the_report_for_programs(tmp_path, bare):
    report = json.loads(doctor(tmp_path, "--json", **bare).output)
    assert (report["broken"], report["warnings"]) == (2, 1)
    by_name = {finding["name"]: finding for finding in report["findings"]}
    assert by_name["connection"]["status"] == "broken"
    assert all(finding["fix"] for finding in report["findings"] if finding["status"] != "fine")
    names = {
        "python",
        "packages",
        "configuration",
        "policy",
        "model",
        "connection",
        "ledger",
        "records",
        "tools",
        "offline",
    }
    assert names <= set(by_name)


def test_with_everything_broken_everything_is_still_looked_at(tmp_path):
    """A broken configuration leaves the defaults to look at, under folders of this test's own."""
    config = tmp_path / "config.yaml"
    config.write_text("polcy: x\n")
    result = CliRunner(
        env={
            "XDG_CONFIG_HOME": str(tmp_path),
            "XDG_DATA_HOME": str(tmp_path),
            "XDG_CACHE_HOME": str(tmp_path),
        }
    ).invoke(umi, ["doctor", "--json", "--config", str(config)], standalone_mode=False)
    assert result.return_value == 1
    by_name = {finding["name"]: finding for finding in json.loads(result.output)["findings"]}
    assert "config.yaml:1: no setting is called `polcy`" in by_name["configuration"]["message"]
    assert {"policy", "model", "connection", "ledger", "tools", "offline"} <= set(by_name)


@pytest.mark.model
def test_warnings_alone_are_no_failure(tmp_path, smollm2):
    result = doctor(tmp_path, offline="device")
    assert result.return_value == 0, result.output
    assert "0 broken" in result.output


# Detectors.


async def test_what_the_detectors_have_is_counted_and_no_name_is_shown(tmp_path):
    home = make_sample_home(tmp_path, date(2026, 6, 1))
    (finding,) = await look("detectors", EdgeConfig(home=HomeSettings(contacts=str(home.contacts))))
    assert finding.status == "fine"
    assert finding.message == "contacts.list: 12 of person, 10 of company, 12 of email, 12 of phone"


async def test_files_that_the_detectors_miss_are_named_with_why_and_the_fix(tmp_path):
    home = make_sample_home(tmp_path, date(2026, 6, 1))
    (home.contacts / "bad.vcf").write_text("BEGIN:VCARD\r\nFN:Quintessa")
    finding = await only("detectors", EdgeConfig(home=HomeSettings(contacts=str(home.contacts))))
    assert finding.status == "broken"
    assert f"{home.contacts / 'bad.vcf'}, line 1: the file ends within a card" in finding.message
    assert finding.fix
    assert "Quintessa" not in str(finding)


async def test_what_the_policy_allows_to_miss_is_something_to_look_at(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text(default_policy_text().replace("values_from:", "incomplete: allow, values_from:"))
    settings = HomeSettings(contacts=str(tmp_path / "nowhere"))
    finding = await only("detectors", EdgeConfig(home=settings, policy=policy))
    assert finding.status == "warning"
    assert str(tmp_path / "nowhere") in finding.message


async def test_a_policy_whose_detectors_do_not_know_the_address_book_is_something_to_look_at(tmp_path):
    """Trial: names were sent as they were typed, and all was said to be well."""
    home = HomeSettings(contacts=str(make_sample_home(tmp_path, date(2026, 6, 1)).contacts))
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\ndetect: [{type: email, pattern: builtin}]\n")
    finding = await only("detectors", EdgeConfig(home=home, policy=policy))
    assert finding.status == "warning"
    policy.write_text("version: 1\n")
    assert statuses(await look("detectors", EdgeConfig(home=home, policy=policy))) == ["fine"]


async def test_without_an_address_book_the_detectors_have_nothing_and_miss_nothing():
    assert statuses(await look("detectors", EdgeConfig())) == ["fine"]


# Records.


async def test_a_laptop_that_has_written_nothing_has_sound_records_and_none_is_made(tmp_path):
    config = EdgeConfig(ledger=tmp_path / "ledger.jsonl")
    assert statuses(await look("records", config)) == ["fine"]
    assert list(tmp_path.iterdir()) == []


async def test_a_damaged_list_of_records_is_broken_and_its_fix_named(tmp_path):
    config = EdgeConfig(ledger=tmp_path / "ledger.jsonl")
    config.written_records.write_text("rubbish\n")
    assert "umi records renew" in (await only("records", config)).fix


async def test_a_calendar_without_the_users_own_addresses_is_warned_of(tmp_path):
    ledger = tmp_path / "ledger.jsonl"
    assert (
        "home.addresses"
        in (await only("records", EdgeConfig(ledger=ledger, home=HomeSettings(calendar="c")))).fix
    )
    named = HomeSettings(calendar="c", addresses=("me@example.org",))
    assert statuses(await look("records", EdgeConfig(ledger=ledger, home=named))) == ["fine"]
