"""`umi mcp install` writes one line into a program's file, and `--undo` leaves the file as it was, or none."""

import pytest
from click.testing import CliRunner

from umi_edge.cli import umi


def install(file, *more):
    result = CliRunner().invoke(
        umi, ["mcp", "install", "--client", "cursor", "--file", str(file), "--yes", *more]
    )
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("text", ["{}\n", '{\n  "theme": "dark"\n}\n', '{"mcpServers": {}}'])
def test_undone_it_leaves_the_file_as_it_was(tmp_path, text):
    file = tmp_path / "mcp.json"
    file.write_text(text)
    install(file)
    assert '"umi"' in file.read_text()
    install(file, "--undo")
    assert file.read_text() == text


def test_undone_it_leaves_no_file_that_it_made(tmp_path):
    file = tmp_path / "new" / "mcp.json"
    install(file)
    assert file.exists()
    assert "gone" in install(file, "--undo")
    assert not file.exists()
    assert "as it should be" in install(file, "--undo")
