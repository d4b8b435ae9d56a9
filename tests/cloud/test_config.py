"""cloud.yaml: what it takes, and what it says when it is wrong."""

from importlib import resources
from pathlib import Path

import pytest

from umi_cloud.admission import AdmissionLimits
from umi_cloud.config import CloudConfig, LlamaCppSettings, OpenAISettings, ScriptedSettings, VllmSettings
from umi_cloud.engines.loading import check_dialect, load
from umi_cloud.engines.openai_server import OpenAIServer
from umi_shared.errors import ConfigError, ModelError
from umi_shared.settings import SettingsFile
from umi_shared.wire import WireLimits


def parse(text: str, path: Path = Path("/etc/umi/cloud.yaml")) -> CloudConfig:
    return SettingsFile(path).parse(CloudConfig, text)


def test_an_empty_file_is_the_embedded_default():
    assert parse("") == CloudConfig()
    assert isinstance(CloudConfig().engine, LlamaCppSettings)


def test_the_example_shows_the_defaults_and_nothing_else():
    example = resources.files("umi_cloud").joinpath("cloud.example.yaml").read_text()
    config = parse(example)
    assert config == CloudConfig(state="/var/lib/umi-cloud")


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("vllm", VllmSettings), ("openai", OpenAISettings), ("scripted", ScriptedSettings)],
)
def test_the_examples_other_engines_parse_when_they_are_uncommented(kind, settings):
    lines = resources.files("umi_cloud").joinpath("cloud.example.yaml").read_text().splitlines()
    blocks = "\n".join(lines).split("# engine:\n")[1:]
    block = next(block for block in blocks if f"kind: {kind}" in block)
    text = "\n".join(line.removeprefix("# ") for line in block.split("\n\n")[0].splitlines())
    assert isinstance(parse(f"engine:\n{text}\n").engine, settings)


def test_sections_and_variants_are_read():
    config = parse(
        "listen: 127.0.0.1:9000\n"
        "engine: {kind: openai, url: 'http://x/v1', model: m, server: llama-server, adapters: {planner: p}}\n"
        "admission: {running: 2}\nlimits: {tools: 3}\nrequest_seconds: 2.5\n"
    )
    assert config.engine == OpenAISettings(
        url="http://x/v1", model="m", server=OpenAIServer.LLAMA_SERVER, adapters={"planner": "p"}
    )
    assert config.server_limits.admission == AdmissionLimits(running=2)
    assert config.server_limits.wire == WireLimits(tools=3)
    assert config.server_limits.request_seconds == 2.5


def test_paths_are_relative_to_the_file_and_specs_are_not_paths():
    config = parse("state: var\nengine: {model: m.gguf, adapters: {planner: p.gguf}}")
    assert config.certificates_folder == Path("/etc/umi/var")
    assert config.engine.model == "/etc/umi/m.gguf"
    assert config.engine.adapters == {"planner": Path("/etc/umi/p.gguf")}
    assert parse("engine: {model: 'hf:owner/repo:Q4_K_M'}").engine.model == "hf:owner/repo:Q4_K_M"


@pytest.mark.parametrize(
    ("text", "line", "says", "fix"),
    [
        ("listen: 127.0.0.1:1\nlissten: x", 2, "`lissten`", "`listen`"),
        ("engine:\n  kind: llama.cpp\n  modell: x", 3, "`modell`", "`model`"),
        ("engine: {kind: llamacpp}", 1, "`kind` is one of llama.cpp, vllm", "`llama.cpp`"),
        ("engine: {kind: vllm}", 1, "`model` is missing", ""),
        (
            "engine:\n  kind: openai\n  url: u\n  model: m\n  server: vlm",
            5,
            "`server` is one of vllm",
            "`vllm`",
        ),
        ("engine: {adapters: {caller: c.gguf}}", 1, "`caller`", "planner and summarizer"),
        ("engine: {adapters: [a]}", 1, "mapping", ""),
        ("engine: 3", 1, "`engine` is a mapping", ""),
        ("admission:\n  queued: 0", 2, "`queued`", ""),
        ("admission:\n  running: many", 2, "whole number", ""),
        ("admission:\n  running: 1.5", 2, "whole number", ""),
        ("quota: {tokens_per_day: -1}", 1, "`tokens_per_day`", ""),
        ("drain_seconds: true", 1, "`drain_seconds`", ""),
        ("reflection: yes please", 1, "true or false", ""),
        ("listen: 7443", 1, "text", ""),
        ("admission: {}\nlisten: nowhere", 2, "`listen` is not an address", "HOST:PORT"),
        ("- a\n- b", 1, "the file is a mapping", ""),
        ("listen: [", 1, "not valid YAML", ""),
        ("listen: a\nlisten: b", 2, "given twice", ""),
        ("unsafe_plaintext_loopback: true", 1, "everyone on the network", "127.0.0.1"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_the_fix(text, line, says, fix):
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert f"cloud.yaml:{line}: " in caught.value.message
    assert says in caught.value.message
    assert fix in caught.value.fix


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_plaintext_is_for_loopback(host):
    assert parse(f"listen: '{host}:7443'\nunsafe_plaintext_loopback: true").unsafe_plaintext_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.168.1.4", "planner.example"])
def test_plaintext_elsewhere_is_refused(host):
    with pytest.raises(ConfigError, match="everyone on the network"):
        parse(f"listen: '{host}:7443'\nunsafe_plaintext_loopback: true")


@pytest.mark.parametrize(
    "content", [None, b"\xff\xfe\x00", b"x" * 2_000_000], ids=["missing", "binary", "huge"]
)
def test_a_file_that_is_none_is_one_clear_error(tmp_path, content):
    path = tmp_path / "cloud.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"cloud\.yaml"):
        CloudConfig.read(path)


def test_deep_nesting_is_one_clear_error():
    with pytest.raises(ConfigError):
        parse("engine: " + "[" * 3_000)


def test_an_unknown_dialect_is_found_before_the_model_is_loaded():
    with pytest.raises(ConfigError, match="'klingon'"):
        check_dialect(parse("engine: {dialect: klingon}"))


async def test_a_model_that_is_missing_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"m\.gguf"):
        await load(parse("engine: {model: m.gguf}", tmp_path / "cloud.yaml"))


async def test_an_api_key_that_cannot_be_read_is_named(tmp_path):
    text = "engine: {kind: openai, url: 'http://127.0.0.1:9/v1', model: m, api_key_file: none.key}"
    with pytest.raises(ConfigError, match=r"none\.key"):
        await load(parse(text, tmp_path / "cloud.yaml"))
