"""The cache: the same frame as the logs give, read again only when something changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from analysis import cache
from analysis.__main__ import main
from analysis.frame import load_frame
from data_builders.errors import InputError

LOGS = Path(__file__).parents[1] / "data" / "logs"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return Path(shutil.copy(LOGS / "scripted" / "base.eval", tmp_path))


def no_log_is_read(logs: list[Path]) -> pd.DataFrame:
    raise AssertionError(f"read {logs}")


def test_the_cached_frame_is_the_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("scripted", "smollm2"):
        loaded = load_frame([LOGS / name])
        pd.testing.assert_frame_equal(cache.cached_frame([LOGS / name], tmp_path), loaded)
        with monkeypatch.context() as patch:
            patch.setattr(cache, "load_frame", no_log_is_read)
            pd.testing.assert_frame_equal(cache.cached_frame([LOGS / name], tmp_path), loaded)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_changed_log_or_code_is_read_again(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache.cache_key([log])
    assert cache.cache_key([log]) == before
    time = log.stat().st_mtime_ns
    os.utime(log, ns=(time, time + 1_000_000))
    later = cache.cache_key([log])
    os.utime(log, ns=(time, time))
    assert cache.cache_key([log]) == before != later
    with log.open("ab") as file:
        file.write(b" ")
    os.utime(log, ns=(time, time))
    longer = cache.cache_key([log])
    other = cache.cache_key([log.rename(log.with_name("other.eval"))])
    log.with_name("other.eval").rename(log)
    monkeypatch.setattr(cache, "frame_code", cache)
    code = cache.cache_key([log])
    monkeypatch.setattr(cache, "version", lambda package: "0")
    assert len({before, later, longer, other, code, cache.cache_key([log])}) == 6


def test_a_damaged_file_is_made_again(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    loaded = cache.cached_frame([log], folder)
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    for damage in (b"", b"not parquet", whole[: len(whole) // 2], pd.DataFrame({"a": [1]}).to_parquet(None)):
        path.write_bytes(damage)
        pd.testing.assert_frame_equal(cache.cached_frame([log], folder), loaded)
        assert path.read_bytes() == whole


def test_a_file_is_no_folder(log: Path) -> None:
    with pytest.raises(InputError, match="the cache is a folder"):
        cache.cached_frame([log], log)


def test_a_report_takes_its_rows_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs, folder = [LOGS / "scripted"], tmp_path / "cache"
    rows = cache.cached_frame(logs, folder).to_csv(index=False)
    assert rows == load_frame(logs).to_csv(index=False), "equal bytes, cached or not"
    (path,) = folder.iterdir()
    only_base = cache.cached_frame(logs, folder).query("model == 'base'")
    path.write_bytes(only_base.to_parquet(None, index=False))
    monkeypatch.setattr(cache, "load_frame", no_log_is_read)
    arguments = ["report", str(logs[0]), "--out", str(tmp_path / "report"), "--base", "adapter"]
    with pytest.raises(InputError, match="no log of a model called 'adapter'"):
        main([*arguments, "--cache", str(folder)])
