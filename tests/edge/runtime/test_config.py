"""The configuration: what is wrong with it is named with file and line, and no value is quoted."""

from dataclasses import fields
from importlib import resources
from pathlib import Path

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from umi_edge.commands._options import VARIABLES, read_config
from umi_edge.commands.config import command
from umi_edge.egress.cloud_client import CloudConfig
from umi_edge.runtime.config import CallerSettings, EdgeConfig, HomeSettings, SmtpSettings, SyncSettings
from umi_edge.tools.mcp import McpServers
from umi_shared.errors import ConfigError
from umi_shared.models import EMBEDDED


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "config.yaml"


def parse(file: Path, text: str) -> EdgeConfig:
    file.write_text(text, encoding="utf-8")
    return EdgeConfig.read(file)


def error_of(file: Path, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse(file, text)
    return caught.value


def test_every_setting_can_be_given(file, tmp_path):
    config = parse(
        file,
        """\
policy: policy.yaml
ledger: data/ledger.jsonl
offline: device
preview: first
caller: {model: "hf:owner/repo:Q4_K_M", dialect: chat, context_tokens: 2048}
cloud: {step_seconds: 30, tries: 2}
home:
  contacts: contacts
  files: [documents, /srv/files]
  smtp: {host: mail.example, port: 25, starttls: false}
tools: ["my_tools:door"]
mcpServers:
  fs: {command: npx}
""",
    )
    assert config.policy == tmp_path / "policy.yaml"
    assert config.ledger == tmp_path / "data" / "ledger.jsonl"
    assert (config.offline, config.preview) == ("device", "first")
    assert (config.caller.model, config.caller.context_tokens) == ("hf:owner/repo:Q4_K_M", 2048)
    assert (config.cloud.step_seconds, config.cloud.tries) == (30.0, 2)
    assert config.home.contacts == str(tmp_path / "contacts")
    assert config.home.files == (str(tmp_path / "documents"), str(Path("/srv/files")))
    assert config.home.smtp is not None
    assert (config.home.smtp.host, config.home.smtp.starttls) == ("mail.example", False)
    assert config.tools == ("my_tools:door",)
    assert config.mcp == {"fs": {"command": "npx"}}
    assert config.file == file


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "\ufeff# with a byte-order mark\n", "{}"])
def test_an_empty_file_is_the_default(file, text):
    config = parse(file, text)
    assert config.caller.model == EMBEDDED
    assert config.policy is None
    assert config.file == file


def test_a_file_that_is_not_there_is_the_default(file):
    assert EdgeConfig.read(file) == EdgeConfig()


def test_relative_paths_are_relative_to_the_file(file, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    config = parse(file, "caller: {model: models/m.gguf, adapter: ../a.gguf}\nconnection: here\n")
    assert config.caller.model == str(tmp_path / "models" / "m.gguf")
    assert config.caller.adapter == str(tmp_path / ".." / "a.gguf")
    assert config.connection == tmp_path / "here"


def test_the_home_is_expanded(file):
    assert parse(file, "policy: ~/p.yaml").policy == Path.home() / "p.yaml"
    assert parse(file, "caller: {model: ~/m.gguf}").caller.model == str(Path.home() / "m.gguf")


def test_an_empty_folder_is_no_folder(file):
    assert parse(file, 'home: {contacts: ""}').home.contacts == ""


@pytest.mark.parametrize(
    ("text", "line", "said", "fix"),
    [
        ("polcy: x\n", 1, "no setting is called `polcy`", "did you mean `policy`?"),
        ("# comment\nofline: stop\n", 2, "no setting is called `ofline`", "`offline`"),
        ("mcpservers: {}\n", 1, "no setting is called", "`mcpServers`"),
        ("caller:\n  modle: x\n", 2, "no setting is called `modle`", "`model`"),
        ("home:\n  smtp:\n    hots: x\n", 3, "no setting is called `hots`", "`host`"),
        ("zzz: 1\n", 1, "no setting is called `zzz`", "use one of: connection, policy"),
        ("file: x\n", 1, "no setting is called `file`", ""),
        ("1: x\n", 1, "no setting is called `1`", ""),
    ],
)
def test_an_unknown_setting_gets_its_line_and_the_closest_one(file, text, line, said, fix):
    error = error_of(file, text)
    assert f"{file}:{line}: {said}" in error.message
    assert fix in error.fix


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("offline: maybe\n", 1, "`offline` is one of stop, device"),
        ("offline: [stop]\n", 1, "`offline` is text"),
        ("policy: 7\n", 1, "`policy` is text"),
        ("policy:\n", 1, "`policy` is text"),
        ('ledger: ""\n', 1, "`ledger` names a file"),
        ("a: &a {b: 1}\n", 1, "no setting is called `a`"),
        ("caller:\n", 1, "`caller` is a mapping"),
        ("caller: [1]\n", 1, "`caller` is a mapping"),
        ("caller:\n  model: 3\n", 2, "`model` is text"),
        ("caller:\n  model: s3:bucket\n", 2, "`model` names no model"),
        ("caller:\n  dialect: llama\n", 2, "`dialect` is one of umi, chat, alpha-umi"),
        ("caller:\n  threads: many\n", 2, "`threads` is a whole number"),
        ("caller:\n  threads: -1\n", 2, "`threads` is a whole number, zero or more"),
        ("caller:\n  threads: 1.5\n", 2, "`threads` is a whole number"),
        ("caller:\n  threads: true\n", 2, "`threads` is a whole number"),
        ("cloud:\n  step_seconds: .inf\n", 2, "`step_seconds` is a"),
        ("cloud:\n  step_seconds: .nan\n", 2, "`step_seconds` is a"),
        ("home:\n  contacts: 2026-11-22\n", 2, "`contacts` is text"),
        ("home:\n  files: documents\n", 2, "`files` is a list of texts"),
        ("home:\n  files: [1]\n", 2, "`files` is a list of texts"),
        ("home:\n  smtp: mail.example\n", 2, "`smtp` is a mapping"),
        ("home:\n  smtp:\n    port: 25\n", 3, "`host` is missing here"),
        ("home:\n  smtp:\n    host: h\n    starttls: 1\n", 4, "`starttls` is true or false"),
        ("tools: {a: b}\n", 1, "`tools` is a list of texts"),
        ("mcpServers: [a]\n", 1, "`mcpServers` is a mapping"),
        ("mcp: {}\nmcpServers: {}\n", 2, "`mcpServers` is given twice"),
        ("- a\n- b\n", 1, "the file is a mapping"),
        ("text\n", 1, "the file is a mapping"),
    ],
)
def test_a_wrong_value_gets_its_line_and_what_belongs_there(file, text, line, said):
    assert f"{file}:{line}: {said}" in error_of(file, text).message


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("caller: {model: x\npolicy: y\n", 2, "not valid YAML: "),
        ("a:\n\t- b\n", 2, "a tab where YAML wants spaces"),
        ("policy: 'open\n", 2, "not valid YAML: "),
        ("policy: *nowhere\n", 1, "not valid YAML: "),
        ("policy: x\n offline: stop\n", 2, "not valid YAML: "),
    ],
)
def test_broken_yaml_gets_its_line(file, text, line, said):
    error = error_of(file, text)
    assert error.message.startswith(f"{file}:{line}: {said}")
    assert error.fix


@pytest.mark.parametrize("text", ["[" * 2_000, "{a: " * 1_000, "policy: a\x00b\n", "policy: \x07\n"])
def test_odd_and_deep_text_is_one_clear_error(file, text):
    assert f"{file}" in error_of(file, text).message


def test_a_setting_given_twice_gets_its_line_and_quotes_neither_value(file):
    error = error_of(file, "mcpServers:\n  fs:\n    env:\n      KEY: sk-one\n      KEY: sk-two\n")
    assert error.message == f"{file}:5: a setting is given twice"
    assert "sk-" not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_no_wrong_value_is_quoted(file):
    for text in ("mcpServers: sk-secret\n", "tools: sk-secret\n", "caller: {threads: sk-secret}\n"):
        assert "sk-secret" not in str(error_of(file, text))


def test_a_file_that_is_not_text_is_named(file):
    file.write_bytes(b"policy: x\n\xff\xfe\n")
    with pytest.raises(ConfigError, match=r"config\.yaml:2: this is not UTF-8 text"):
        EdgeConfig.read(file)
    file.write_bytes(b"#" * (2 << 20))
    with pytest.raises(ConfigError, match="larger than a file of settings"):
        EdgeConfig.read(file)


def test_a_folder_is_no_configuration(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        EdgeConfig.read(tmp_path)


def test_the_repr_holds_no_mcp_server(file):
    config = parse(file, "mcpServers: {fs: {command: x, args: [sk-secret]}}")
    assert "sk-secret" not in repr(config)


def test_the_ledgers_end_is_noted_a_second_time_in_another_folder(file, tmp_path):
    built_in = EdgeConfig()
    assert built_in.second_head is not None
    assert built_in.second_head != built_in.ledger.with_name("ledger.jsonl.head")
    assert parse(file, "ledger: data/ledger.jsonl").second_head is None
    assert parse(file, "ledger_head: far/head").second_head == tmp_path / "far" / "head"


# What stands over the file.


def test_a_flag_stands_over_the_environment_and_that_over_the_file(file, tmp_path):
    file.write_text("policy: a.yaml\noffline: stop\n")
    assert read_config(file, environment={}).policy == tmp_path / "a.yaml"
    environment = {"UMI_POLICY": "/b.yaml", "UMI_OFFLINE": "device", "UMI_LEDGER": "/l.jsonl"}
    config = read_config(file, environment=environment)
    assert (config.policy, config.offline, config.ledger) == (Path("/b.yaml"), "device", Path("/l.jsonl"))
    config = read_config(file, environment=environment, policy=Path("/c.yaml"), offline=None)
    assert (config.policy, config.offline) == (Path("/c.yaml"), "device")


def test_a_wrong_variable_is_named(file):
    file.write_text("")
    with pytest.raises(ConfigError, match="UMI_OFFLINE is one of stop, device"):
        read_config(file, environment={"UMI_OFFLINE": "yes"})


def test_a_configuration_that_was_named_must_be_there(file):
    with pytest.raises(ConfigError, match="there is no configuration at"):
        read_config(file)


# What is fetched from servers.


def test_accounts_have_addresses_that_keep_the_password_and_names_that_can_be_folders(file):
    config = parse(
        file,
        """\
home:
  sync:
    contacts: {work: {url: "https://dav.example.org/", user: ida, password_command: [pass, show, dav]}}
    mail: {work: {url: "imaps://imap.example.org", user: ida}}
""",
    )
    assert config.home.sync.contacts["work"].password_command == ("pass", "show", "dav")
    assert config.home.sync.mail["work"].days == 365
    wrong = {
        "{contacts: {work: {url: 'http://dav.example.org/'}}}": "would send the password in clear",
        "{contacts: {work: {url: 'https://ida:canary@dav.example.org/'}}}": "has a user or a password in it",
        "{mail: {work: {url: 'https://example.org'}}}": "is no address of such a server",
        "{mail: {../x: {url: 'imaps://example.org'}}}": "no plain word",
        "{mail: {work: {url: 'imaps://example.org', token_command: [show]}}}": "needs the `user`",
        "{contacts: {work: {url: 'https://dav.example.org/', password_env: P, token_command: [show]}}}": (
            "stands beside a password"
        ),
        "{mail: {work: {url: 'imaps://example.org', password: canary}}}": "no setting is called `password`",
    }
    for text, said in wrong.items():
        error = error_of(file, f"home: {{sync: {text}}}")
        assert said in error.message
        assert "canary" not in str(error)


@pytest.mark.parametrize("folder", ["copies/contacts", "copies/contacts/work", "copies", "."])
def test_a_folder_and_the_copies_of_accounts_do_not_lie_in_one_another(file, folder):
    """What was written into a copy would be gone with the next fetch."""
    account = "contacts: {work: {url: 'https://dav.example.org/'}}"
    error = error_of(file, f"home: {{contacts: {folder}, sync: {{folder: copies, {account}}}}}")
    assert "lie in one another" in error.message
    file.write_text(f"home: {{contacts: mine, sync: {{folder: copies, {account}}}}}")
    assert read_config(file).home.contacts.endswith("mine")


# The example.

FILE = Path("/etc/umi/config.yaml")


def example(*, uncommented: bool) -> str:
    lines = (
        resources.files("umi_edge").joinpath("config.example.yaml").read_text(encoding="utf-8").splitlines()
    )
    off = [(line.startswith("#") and line[1:2] not in ("", " ")) or line.startswith("#  ") for line in lines]
    return "\n".join(
        line.removeprefix("#") if hidden and uncommented else line
        for line, hidden in zip(lines, off, strict=True)
    )


def test_the_example_shows_the_defaults():
    assert EdgeConfig.parse(example(uncommented=False), FILE) == EdgeConfig(file=FILE)


def test_the_example_has_every_setting_and_all_of_it_parses():
    config = EdgeConfig.parse(example(uncommented=True), FILE)
    document = YAML(typ="safe").load(example(uncommented=True))
    for section, kind in (
        (document, EdgeConfig),
        (document["caller"], CallerSettings),
        (document["home"], HomeSettings),
        (document["home"]["smtp"], SmtpSettings),
        ({**document["home"]["sync"], "contacts": {}, "calendar": {}, "mail": {}}, SyncSettings),
        (document["cloud"], CloudConfig),
    ):
        names = {"mcpServers" if one.name == "mcp" else one.name for one in fields(kind)}
        assert set(section) == names - {"file", "machine_file", "said_by_machine"}
    assert len(McpServers.parse({"mcpServers": config.mcp}).servers) == 2
    assert all(variable in example(uncommented=False) for variable in VARIABLES.values())


def test_the_command_writes_it_once(tmp_path, monkeypatch):
    path = tmp_path / "new" / "config.yaml"
    monkeypatch.setenv("UMI_CONFIG", str(path))
    run = CliRunner().invoke
    assert run(command, ["--path"]).output == f"{path}\n"
    assert run(command, ["--write"]).exit_code == 0
    assert EdgeConfig.read(path) == EdgeConfig(file=path)
    path.write_text("offline: device\n")
    refused = run(command, ["--write"])
    assert isinstance(refused.exception, ConfigError)
    assert path.read_text() == "offline: device\n"
