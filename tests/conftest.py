"""What every test may use: the embedded model, and the evaluation data that lies beside the repository."""

from pathlib import Path

import pytest
from hypothesis import settings

from umi_shared.models import EMBEDDED, ModelStore

pytest_plugins = ["tests.mcp_packages", "tests.postgres", "tests.random_adapters"]

settings.register_profile("umi", deadline=None)  # a busy machine is no failure; each test has its timeout
settings.load_profile("umi")

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The embedded model's GGUF; fetched once per machine."""
    return ModelStore.local().pull(EMBEDDED)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """ToolBench and ToolAlpaca, which are not ours to copy."""
    if not DATA.is_dir():
        pytest.skip(f"the evaluation data is not at {DATA}")
    return DATA
