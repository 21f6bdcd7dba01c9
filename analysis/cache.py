"""Cache: the frame of a set of logs as Parquet, for those who ask for one. Without it every run reads the logs."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from analysis import frame as frame_code
from analysis import grades as grades_code
from analysis import logs as logs_code
from analysis.frame import COLUMNS, load_frame
from analysis.logs import log_files
from data_builders.errors import InputError
from data_builders.files import sha256, write_atomic

_PACKAGES = ("inspect-ai", "pandas", "pyarrow")
"""What reads the logs and writes the file: another version may give other columns or types."""


def cached_frame(logs: list[Path], folder: Path) -> pd.DataFrame:
    """As `load_frame`, from `folder` if these logs were read into it before, else read and kept there.

    A log counts as the same by name, size and time of change, so a log that is written over within one tick of
    the file system's clock, at the same size, goes unnoticed. A file that can't be read is made again. Nothing
    is ever deleted: the folder may be, at any time.

    Args:
        logs: log files, or folders that hold them.
        folder: made if need be.

    Returns:
        Columns `analysis.frame.COLUMNS`, the same types and order of rows as `load_frame` gives.

    Raises:
        InputError: as `load_frame`; or `folder` is a file.
    """
    files = log_files(logs)
    if folder.exists() and not folder.is_dir():
        raise InputError(folder, "the cache is a folder, and this is a file", "name another folder")
    path = folder / f"frame-{cache_key(files)}.parquet"
    if path.is_file():
        try:
            kept = pd.read_parquet(path)
        except (OSError, ValueError):  # cut short or damaged: pyarrow's errors are one of these
            kept = None
        if kept is not None and list(kept.columns) == list(COLUMNS):
            return kept
    frame = load_frame(files)
    write_atomic(path, frame.to_parquet(None, index=False))
    return frame


def cache_key(files: list[Path]) -> str:
    """SHA-256 of the logs' names, sizes (bytes) and times of change (ns), in the order given, and of the code
    that reads them: analysis/frame.py, grades.py, logs.py and the versions of the packages that they use."""
    stats = [(file.name, file.stat()) for file in files]
    key = {
        "logs": [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats],
        "code": [sha256(Path(str(module.__file__))) for module in (frame_code, grades_code, logs_code)],
        "packages": [version(package) for package in _PACKAGES],
    }
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()
