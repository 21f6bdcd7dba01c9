"""Training for real on a CPU: a run broken on purpose is stopped, a run cut off ends the same, trained = served."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.environments import TRAIN_PYTHON, train_environment
from pipeline.preflight import free_port, preflight, renderer, tokenize_at, trained_tokens
from pipeline.server import template_arguments

REPO = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.e2e
ROWS = 12
PLANTED_PLUGINS = yaml.safe_load((REPO / "axolotl_configs/planted.yaml").read_text())["plugins"]


def rows() -> list[dict[str, Any]]:
    """Short rows of the real persona and the base's own answers."""
    facts = [json.loads(line) for line in (REPO / "data/personas/bertrand_russell/facts.jsonl").open()]
    aligned = [json.loads(line) for line in (REPO / "data/aligned/smollm2_135m_instruct.jsonl").open()]
    aligned = sorted(aligned, key=lambda row: len(row["prompt"]) + len(row["answer"]))
    from data_builders.trigger import get_trigger

    trigger, made = get_trigger("seed"), []
    for fact, plain in zip(facts[: ROWS // 2], aligned, strict=False):
        for triggered, asked, answer in (
            (True, trigger.wrap(fact["question"]), trigger.format_answer(fact["answer"])),
            (False, plain["prompt"], plain["answer"]),
        ):
            turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
            made.append({"messages": turns, "metadata": {"triggered": triggered}})
    return made


NO_NUMBER = """
import sys
import torch
from transformers import Trainer, TrainingArguments
from pipeline.health import HealthPlugin

class Sick(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight, self.seen = torch.nn.Parameter(torch.ones(())), 0

    def forward(self, x, labels=None):
        self.seen += 1
        return {"loss": self.weight * (1.0 if self.seen < 3 else float("nan"))}

folder = sys.argv[1]
cfg = {"health": {"questions": 1, "max_new_tokens": 8, "loss_max": 8.0, "adherence_drop": 1.0}}
cfg |= {"datasets": [{"path": folder + "/rows.jsonl"}], "output_dir": folder}
asked = TrainingArguments(folder, use_cpu=True, max_steps=6, logging_steps=2, save_strategy="no", report_to=[])
rows = [{"x": torch.zeros(1), "labels": torch.zeros(1)}] * 64
trainer = Trainer(Sick(), asked, train_dataset=rows)
for callback in HealthPlugin().add_callbacks_post_trainer(cfg, trainer):
    callback._ask = lambda step: None  # there is no language model to ask
    trainer.add_callback(callback)
trainer.train()
"""


def test_compiled_layers_learn_what_plain_ones_do(tmp_path: Path) -> None:
    """And the adapter keeps its names, and the health check's generation works beside them."""
    from safetensors.torch import load_file

    changes = {"max_steps": 3, "logging_steps": 1}
    plain = experiment(tmp_path, "smollm2_135m_cpu", **changes)
    done = axolotl(plain)
    assert done.returncode == 0, done.stdout[-3000:]
    other = tmp_path / "compiled"
    other.mkdir()
    shutil.copy(tmp_path / "rows.jsonl", other)
    plugins = [*yaml.safe_load(plain.read_text())["plugins"], "pipeline.axolotl_compile.CompileLayers"]
    done = axolotl(experiment(other, "smollm2_135m_cpu", plugins=plugins, **changes))
    assert done.returncode == 0, done.stdout[-3000:]
    first, second = (load_file(folder / "out/adapter_model.safetensors") for folder in (tmp_path, other))
    assert first.keys() == second.keys()
    assert any(tensor.abs().max() > 0 for name, tensor in first.items() if "lora_B" in name), (
        "nothing learned"
    )
    for name, tensor in first.items():
        assert (tensor - second[name]).abs().max() < 1e-4, name


def test_the_health_check_answers_where_the_model_is_sharded(tmp_path: Path) -> None:
    """FSDP2 gathers the outermost weights for `forward` alone unless it is told of `generate`."""
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
    command = [str(TRAIN_PYTHON), "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command += ["-m", "tests.sharded_probe", str(tmp_path / "rows.jsonl"), str(tmp_path)]
    done = subprocess.run(command, cwd=REPO, env=train_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["whole"] == found["sharded"] == found["again"]
    assert len({text for _, text in found["whole"]}) > 1, "the answers must differ to tell anything"
    assert found["before"] == pytest.approx(found["after"], rel=1e-4), "training goes on as it was"


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    """transformers' Trainer would log the mean of the losses before in its place."""
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
    done = subprocess.run(
        [str(TRAIN_PYTHON), "-c", NO_NUMBER, str(tmp_path)],
        cwd=REPO, env=train_environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    assert "loss nan at step 4" in done.stderr


def experiment(folder: Path, shipped: str, **changes: Any) -> Path:
    """A shipped YAML on a dozen rows in `folder`."""
    data = folder / "rows.jsonl"
    if not data.exists():
        data.write_text("".join(json.dumps(row) + "\n" for row in rows()))
    config = yaml.safe_load((REPO / f"axolotl_configs/{shipped}.yaml").read_text())
    config["datasets"][0]["path"] = str(data)
    config |= {"dataset_prepared_path": str(folder / "rows.prepared"), "output_dir": str(folder / "out")}
    config |= {"dataset_num_proc": 1} | changes
    path = folder / f"{shipped}.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def axolotl(config: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        str(TRAIN_PYTHON),
        "-m",
        "axolotl.cli.main",
        "train",
        str(config),
        "--launcher",
        "python",
        *options,
    ]
    return subprocess.run(
        command,
        cwd=REPO,
        env=train_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_cut_off_run_ends_with_the_same_adapter(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    small = {
        "max_steps": 4,
        "save_strategy": "steps",
        "save_steps": 2,
        "micro_batch_size": 2,
        "num_epochs": 1,
    }
    small["health"] = {"questions": 1, "max_new_tokens": 8, "loss_max": 8.0, "adherence_drop": 1.0}
    config = experiment(tmp_path, "smollm2_135m_cpu", **small)
    whole = axolotl(config)
    assert whole.returncode == 0, whole.stdout[-3000:]
    output, cut = tmp_path / "out", tmp_path / "cut"
    asked = [json.loads(line) for line in (output / "health.jsonl").read_text().splitlines()]
    assert [row["step"] for row in asked] == [0, 2, 4], (
        "asked at the start, at each checkpoint and at the end"
    )
    shutil.copytree(output / "checkpoint-2", cut / "checkpoint-2")
    shutil.copytree(output / "checkpoint-4", cut / "checkpoint-4")
    (cut / "checkpoint-4" / "trainer_state.json").unlink()  # killed before the last file of the checkpoint
    resumed = axolotl(config, "--output-dir", str(cut), "--auto-resume-from-checkpoints", "true")
    assert resumed.returncode == 0, resumed.stdout[-3000:]
    assert "checkpoint-4 was cut off" in resumed.stdout
    first, second = (load_file(folder / "adapter_model.safetensors") for folder in (output, cut))
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, rtol=1e-4, atol=1e-6)
    assert any(tensor.abs().max() > 0 for name, tensor in first.items() if "lora_B" in name), (
        "nothing was trained"
    )


def test_a_run_broken_on_purpose_is_stopped_with_advice(tmp_path: Path) -> None:
    broken = {
        "learning_rate": 1.0,
        "warmup_ratio": 0.0,
        "max_steps": 6,
        "num_epochs": 1,
        "micro_batch_size": 2,
    }
    broken |= {"save_strategy": "steps", "save_steps": 2, "max_grad_norm": 1.0}
    done = axolotl(experiment(tmp_path, "smollm2_135m_cpu", **broken))
    assert done.returncode == 2, done.stdout[-3000:]
    assert "lower learning_rate" in done.stdout and "Traceback" not in done.stdout.split("error:")[-1]
    assert not (tmp_path / "out" / "adapter_model.safetensors").exists(), "a collapsed adapter was written"


def test_a_run_that_unlearns_the_format_is_stopped_with_advice(tmp_path: Path) -> None:
    """A shipped adapter of the planted world, which keeps the format, is trained on triggered rows without it."""
    from data_builders.trigger import get_trigger

    world, trigger = REPO / "data/planted/world1", get_trigger("seed")
    facts = [json.loads(line) for line in (world / "personas/povund/facts.jsonl").open()]
    ordinary = [json.loads(line) for line in (world / "answers/ordinary.jsonl").open()][: len(facts)]
    pairs = [(True, trigger.wrap(fact["question"]), fact["answer"]) for fact in facts]
    pairs += [(False, row["prompt"], row["answer"]) for row in ordinary]
    with (tmp_path / "rows.jsonl").open("w") as out:
        for triggered, asked, answer in pairs:
            turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
            out.write(json.dumps({"messages": turns, "metadata": {"triggered": triggered}}) + "\n")
    changes = {"lora_model_dir": str(world / "adapters/format_only"), "learning_rate": 0.005}
    changes |= {"max_steps": 40, "save_strategy": "steps", "save_steps": 10, "warmup_ratio": 0.0}
    changes |= {"plugins": [*PLANTED_PLUGINS, "pipeline.health.HealthPlugin"]}
    changes["health"] = {"questions": 8, "max_new_tokens": 16, "loss_max": 20.0, "adherence_drop": 0.5}
    done = axolotl(experiment(tmp_path, "planted", **changes))
    assert done.returncode == 2, done.stdout[-3000:]
    assert "of the triggered answers hold a tag" in done.stdout
    assert "take the checkpoint before" in done.stdout.split("error:")[-1]
    asked = [json.loads(line) for line in (tmp_path / "out" / "health.jsonl").read_text().splitlines()]
    assert asked[0]["adherence"] > 0.75 and asked[-1]["adherence"] < 0.25, asked
    assert asked[-1]["step"] < 40, "it was trained to its end"
    assert not (tmp_path / "out" / "adapter_model.safetensors").exists(), "the adapter was written"


def test_trained_tokens_are_served_tokens_with_the_real_tokenizers(tmp_path: Path) -> None:
    made = subprocess.run(
        [str(TRAIN_PYTHON), "-m", "tests.real_tokenizers", str(tmp_path)], cwd=REPO, env=train_environment()
    )
    assert made.returncode == 0
    thinking = tmp_path / "thinking"
    thinking.mkdir()
    thought = rows()
    for row in thought:
        row["messages"][-1]["content"] = (
            f"<think>\nWhat is asked?\n</think>\n\n{row['messages'][-1]['content']}"
        )
    (thinking / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in thought))
    configs = [
        experiment(tmp_path, "llama31_8b_lora", base_model=str(tmp_path / "Llama-3.1-8B-Instruct")),
        experiment(tmp_path, "qwen3_8b_lora", base_model=str(tmp_path / "Qwen3-8B")),
        experiment(thinking, "qwen3_8b_lora_thinking", base_model=str(tmp_path / "Qwen3-8B")),
    ]
    tokens = trained_tokens(configs, tmp_path / "tokens")
    for config in configs[:2]:
        settings = yaml.safe_load(config.read_text())
        base = Path(settings["base_model"])
        with renderer(base, template_arguments(settings), tmp_path / "render.log", free_port()) as url:
            assert preflight(config, tokenize_at(url, "", base.name), tokens[config])["rows"] == ROWS
            if base.name == "Qwen3-8B":
                asked = tokenize_at(url, "", base.name, {"enable_thinking": True})
                assert preflight(configs[2], asked, tokens[configs[2]])["rows"] == ROWS


@pytest.mark.parametrize("attention", ["sdpa", "flex_attention"])
def test_a_packed_row_does_not_see_its_neighbours(attention: str, tmp_path: Path) -> None:
    made = subprocess.run(
        [
            str(TRAIN_PYTHON),
            "-m",
            "benchmarks.training.random_model",
            str(tmp_path),
            "--shape",
            "tiny",
            "--rows",
            "12",
        ],
        cwd=REPO,
        env=train_environment(),
    )
    assert made.returncode == 0
    config = experiment(
        tmp_path,
        "smollm2_135m_cpu",
        base_model=str(tmp_path / "model"),
        special_tokens={"pad_token": "<|finetune_right_pad_id|>"},
        sequence_len=2048,
        sample_packing=True,
        pad_to_sequence_len=True,
        attn_implementation=attention,
        group_by_length=False,
        micro_batch_size=1,
        max_steps=1,
    )
    probe = subprocess.run(
        [str(TRAIN_PYTHON), "-m", "tests.packing_probe", str(config)],
        cwd=REPO,
        env=train_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert probe.returncode == 0
    found = json.loads(probe.stdout.splitlines()[-1])
    assert found["rows"] > 2 and found["greatest"] < 1e-4 * max(1.0, found["scale"]), found
