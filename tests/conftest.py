"""What all tests share: no hub, and a grader's cache of their own, so that no test reads another's replies."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # a test that fails on a busy machine says nothing
settings.load_profile("any machine")
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(autouse=True)
def own_grader_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Inspect keeps graders' replies by model name and prompt; two scripted graders share both."""
    folder = tmp_path_factory.mktemp("inspect-cache")
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(folder))
    return folder
