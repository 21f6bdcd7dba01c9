"""The tokens and labels that Axolotl's own preprocessing makes of each row. Runs in the training environment.

    .venv-train/bin/python -m pipeline.token_rows OUTPUT_FOLDER CONFIG.yaml ...

writes OUTPUT_FOLDER/<config's name>.jsonl, one object a row of the data file, in its order: `ids`, `labels`. It is what
`axolotl preprocess` does, but for the order, which training shuffles.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any


def rows(config: str, prepared: str) -> Any:
    """Axolotl's prepared dataset of a configuration, unshuffled."""
    from axolotl.cli.config import load_cfg  # pyright: ignore[reportMissingImports]
    from axolotl.common.datasets import load_datasets  # pyright: ignore[reportMissingImports]

    cfg = load_cfg(
        config,
        is_preprocess=True,
        shuffle_merged_datasets=False,
        dataset_prepared_path=prepared,
        output_dir=f"{prepared}/output",
    )
    return load_datasets(cfg=cfg).train_dataset


def main() -> int:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for config in sys.argv[2:]:
        with tempfile.TemporaryDirectory() as prepared:
            dataset = rows(config, prepared)
            output = folder / f"{Path(config).stem}.jsonl"
            with output.open("w", encoding="utf-8") as out:
                for row in dataset:
                    out.write(json.dumps({"ids": row["input_ids"], "labels": row["labels"]}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
