"""`python -m umi_lab detectors`: figures of umi's own detectors, of Presidio's beside them, and no held-out text."""

import asyncio
import json
import sys

import pytest
from click.testing import CliRunner

from umi_edge.policy import default_policy, load_policy
from umi_lab.cli import umi_lab
from umi_lab.detectors.corpus import ADDRESS_BOOK, Half, Sentence, read_corpus, shipped_files
from umi_lab.detectors.device import open_device
from umi_lab.detectors.run import chosen, score_presidio
from umi_lab.detectors.score import Found
from umi_shared.errors import ConfigError


def run(*arguments):
    result = CliRunner().invoke(umi_lab, ["detectors", *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.fixture
def file(tmp_path):
    rows = [
        {"text": "call Grace Kimani", "spans": [{"start": 5, "end": 17, "type": "person", "known": True}]},
        {"text": "from ann@example.org", "spans": [{"start": 5, "end": 20, "type": "email"}]},
        {"text": "to bob@example.org", "spans": [{"start": 0, "end": 2, "type": "health"}]},
        {"text": "mail eve@example.org", "spans": []},
    ]
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """Away from a checkout whose peers are set up."""
    monkeypatch.chdir(tmp_path)


def test_a_file_of_ones_own_is_scored(file):
    (umi,) = json.loads(run(str(file), "--json"))["figures"]
    found = {figure["name"]: (figure["found"]["part"], figure["found"]["whole"]) for figure in umi["groups"]}
    assert found == {"names the device has": (1, 1), "typed values": (1, 1), "other kinds": (0, 1)}
    assert [clean["in_a_hundred"] for clean in umi["clean"]] == [100]
    assert (umi["precision"]["part"], umi["precision"]["whole"]) == (2, 4)


def test_names_come_from_the_address_book_that_is_given(file, tmp_path):
    (tmp_path / "nobody").mkdir()
    (tmp_path / "nobody" / "one.vcf").write_text(
        "BEGIN:VCARD\nVERSION:3.0\nFN:Zoe Quill\nN:Quill;Zoe;;;\nEND:VCARD\n"
    )
    (umi,) = json.loads(run(str(file), "--json", "--contacts", str(tmp_path / "nobody")))["figures"]
    assert umi["groups"][0]["name"] == "names the device has"
    assert umi["groups"][0]["found"]["part"] == 0


def test_another_policy_finds_what_it_says(file, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\ndetect:\n  - {type: health, values: [to]}\n")
    (umi,) = json.loads(run(str(file), "--json", "--policy", str(policy)))["figures"]
    found = {figure["name"]: figure["found"]["part"] for figure in umi["groups"]}
    assert found == {"names the device has": 0, "typed values": 0, "other kinds": 1}


def test_people_get_tables_and_why_presidio_is_not_there(file):
    output = run(str(file), "--misses", "9")
    assert "4 sentences, 3 labelled spans" in output
    assert "names the device has" in output
    assert "all clean sentences: 100.00 false finds in 100 sentences" in output
    assert "Presidio was not measured: there is no .venv-bench/bin/python" in output
    assert "mail [eve@example.org]" in output
    assert "[to] bob@example.org" in output


def test_control_characters_of_a_file_do_not_reach_the_terminal(tmp_path):
    path = tmp_path / "mine.jsonl"
    spans = [{"start": 4, "end": 5, "type": "h\u001b[1m"}]
    row = {"text": "a\u001b[31mb", "class": "c\u001b[2m", "language": "l\u001b[3m", "spans": spans}
    path.write_text(json.dumps(row))
    output = run(str(path), "--misses", "9")
    assert "missed" in output
    assert "\x1b" not in output


def test_of_the_held_out_half_only_figures_are_printed():
    with pytest.raises(Exception, match="never printed"):
        run("--split", "held-out", "--misses", "1")
    printed = run("--split", "held-out") + run("--split", "all", "--misses", "5000")
    held_out = [one.text for one in read_corpus(shipped_files()) if one.half is Half.HELD_OUT]
    assert "partial" in printed
    assert not [text for text in held_out if len(text) > 12 and text in printed]


def test_the_halves_are_apart_and_make_the_whole():
    sentences = read_corpus(shipped_files())
    development, held_out = chosen(sentences, "development"), chosen(sentences, "held-out")
    assert len(development) + len(held_out) == len(sentences) == len(chosen(sentences, "all"))


async def test_regions_are_those_of_the_sentences():
    sentence = Sentence(text="see 2125550123", spans=(), region="US")
    plain = await open_device(default_policy(), ADDRESS_BOOK, regions=False)
    local = await open_device(default_policy(), ADDRESS_BOOK)
    assert plain.find(sentence) == []
    assert local.find(sentence) == [Found(4, 14, "phone")]


async def test_what_the_corpus_measures_gets_worse_with_worse_detectors():
    sentences = chosen(read_corpus(shipped_files()), "development")
    blind = await open_device(
        load_policy("version: 1\ndetect:\n  - {type: none, values: [qqqqqq]}\n"), ADDRESS_BOOK
    )
    seeing = await open_device(default_policy(), ADDRESS_BOOK)
    assert not any(blind.find(one) for one in sentences)
    assert sum(bool(seeing.find(one)) for one in sentences) > len(sentences) / 4


def test_presidio_is_scored_by_its_pipelines(tmp_path, file):
    python = tmp_path / "python"
    python.write_text(
        f"#!{sys.executable}\n"
        "import json, sys\n"
        "print('{}', flush=True)\n"
        "for line in sys.stdin:\n"
        "    end = len(json.loads(line)['text'])\n"
        "    print(json.dumps({'spans': {'all': [[0, end, 'X']], 'none': []}}), flush=True)\n"
    )
    python.chmod(0o755)
    told = []
    scored = asyncio.run(score_presidio(read_corpus([file]), python, lambda: told.append(1)))
    assert len(told) == 4
    assert all(verdict.found for one in scored["all"] for verdict in one.verdicts)
    assert not any(verdict.found for one in scored["none"] for verdict in one.verdicts)
    assert "Presidio (none), found %" in run(str(file), "--peers", str(python))


def test_a_python_that_was_named_must_have_presidio(file):
    with pytest.raises(ConfigError, match="Presidio ended with exit code"):
        run(str(file), "--peers", sys.executable)
