"""Whether a packed row's tokens see their own row alone. Runs in `.venv-train`.

    .venv-train/bin/python -m tests.packing_probe CONFIG.yaml

Axolotl's own trainer packs the configuration's data; the model's logits on one packed batch are compared with those of
each row alone. Prints the number of rows in the batch and the greatest difference.
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    import torch
    from axolotl.cli.config import load_cfg  # pyright: ignore[reportMissingImports]
    from axolotl.common.datasets import load_datasets  # pyright: ignore[reportMissingImports]
    from axolotl.train import setup_model_and_trainer  # pyright: ignore[reportMissingImports]

    cfg = load_cfg(sys.argv[1])
    trainer, model, *_ = setup_model_and_trainer(cfg, load_datasets(cfg=cfg))
    batch = next(iter(trainer.get_train_dataloader()))
    ids, positions = batch["input_ids"], batch["position_ids"]
    model.eval()
    with torch.no_grad():
        packed = model(
            **{
                key: value
                for key, value in batch.items()
                if key in ("input_ids", "position_ids", "attention_mask")
            }
        ).logits
        starts = [
            at for at in range(ids.shape[1]) if positions[0, at] == 0 and ids[0, at] != cfg.pad_token_id
        ]
        greatest, rows = 0.0, 0
        for start, end in zip(starts, [*starts[1:], ids.shape[1]], strict=True):
            alone = ids[:1, start:end]
            length = int((alone[0] != trainer.processing_class.pad_token_id).sum())
            if length < 2:
                continue
            single = model(
                input_ids=alone[:, :length], position_ids=positions[:1, start : start + length]
            ).logits
            difference = (single - packed[:1, start : start + length]).abs().max().item()
            greatest, rows = max(greatest, difference), rows + 1
    print(json.dumps({"rows": rows, "greatest": greatest, "scale": packed.abs().max().item()}))


if __name__ == "__main__":
    main()
