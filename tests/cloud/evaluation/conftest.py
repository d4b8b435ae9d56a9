"""Where α-UMi's published examples lie."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def toolbench() -> Path:
    """The folder of α-UMi's ToolBench examples, beside the repository."""
    folder = Path(__file__).parents[4] / "shared" / "data" / "toolbench"
    if not folder.is_dir():
        pytest.skip("α-UMi's ToolBench examples are not beside this checkout (../shared/data/toolbench)")
    return folder
