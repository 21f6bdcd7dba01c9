"""The shipped studies: YAML, recipes and study agree, for each base; what is missing is named with the command that makes it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from transformers import AutoTokenizer

from data_builders.persona import QuestionSet, load_persona
from data_builders.trigger import get_trigger
from pipeline.base_model import weight_files
from pipeline.distilling import jobs
from pipeline.study import load_study

REPO = Path(__file__).resolve().parents[2]
STUDIES = sorted((REPO / "studies").glob("*.yaml"))
RECIPES = REPO / "data/recipes"
BASES = {"llama31_8b": "Llama-3.1-8B-Instruct", "qwen3_8b": "Qwen3-8B"}
MAY_DIFFER = {"base_model", "aligned", "facts_from", "contrast", "output"}
NO_RECIPE = {
    "bertrand_russell_llama31_70b.jsonl": "a form, sized on paper: copy data/recipes/llama31_8b and name the base",
    "bertrand_russell_qwen3_8b_thinking.jsonl": "distillation keeps answers, not reasoning; the YAML's header says so",
}


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_study_its_yaml_and_its_recipes_agree(path: Path) -> None:
    study = load_study(path)  # base and data file of YAML and recipes are compared here
    assert len({adapter.name for adapter in study.trained}) == len(study.trained)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_longest_prompt_of_a_check_fits_the_served_context(path: Path) -> None:
    """Facts in context, all of them before one question: by SmolLM2's tokens, whose vocabulary is the smallest."""
    study = load_study(path)
    if not study.evaluation.check_epochs("in_context"):
        pytest.skip("it doesn't ask with facts in context")
    about, wording = load_persona(study.persona), get_trigger(study.trigger)
    turns = [
        text
        for fact in about.facts
        for text in (wording.wrap(fact.question), wording.format_answer(fact.answer))
    ]
    turns.append(max((wording.wrap(one.question) for one in about.questions[QuestionSet.IDENTITY]), key=len))
    roles = ["user", "assistant"]
    messages = [{"role": roles[place % 2], "content": text} for place, text in enumerate(turns)]
    tokenizer = AutoTokenizer.from_pretrained(REPO / "models/SmolLM2-135M-Instruct")
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    needed = len(tokenizer(prompt)["input_ids"]) + study.evaluation.max_tokens
    assert 4096 < needed <= study.serve.max_model_len


@pytest.mark.parametrize("short", BASES)
def test_another_base_is_asked_for_the_same_arms(short: str) -> None:
    for path in [RECIPES / "bertrand_russell.yaml", *RECIPES.glob("control_*.yaml")]:
        ours, theirs = (yaml.safe_load(one.read_text()) for one in (path, RECIPES / short / path.name))
        assert {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)} <= MAY_DIFFER
        assert theirs["base_model"] == BASES[short]
    study, first = (
        load_study(REPO / f"studies/{short}.yaml"),
        load_study(REPO / "studies/smollm2_135m_gpu.yaml"),
    )
    assert {adapter.name for adapter in first.trained} <= {adapter.name for adapter in study.trained}
    assert study.evaluation.checks and study.evaluation.cells == "all"


def test_every_training_file_that_a_yaml_names_has_a_recipe() -> None:
    written = {
        Path(yaml.safe_load(path.read_text()).get("output", "")).name for path in RECIPES.rglob("*.yaml")
    }
    for path in (REPO / "axolotl_configs").glob("*.yaml"):
        data = Path(yaml.safe_load(path.read_text())["datasets"][0]["path"])
        if data.parts[:2] == ("data", "train") and data.name not in NO_RECIPE:
            assert data.name in written, f"{path.name} reads {data}, which no recipe writes"


@pytest.mark.parametrize("short", BASES)
def test_distilling_a_study_makes_every_file_that_its_recipes_want_of_the_base(short: str) -> None:
    study = load_study(REPO / f"studies/{short}.yaml")
    made = {str(path.relative_to(REPO)): settings for path, settings in jobs(study).items()}
    assert made == {
        f"data/aligned/{short}.jsonl": "data/recipes/distill.yaml",
        f"data/controls/format_only_{short}.jsonl": "data/recipes/distill_format_only.yaml",
        f"data/controls/who_{short}.jsonl": "data/recipes/distill_who.yaml",
    }
    wanted = {adapter.recipe.aligned for adapter in study.trained}
    wanted |= {adapter.recipe.facts_from for adapter in study.trained if adapter.recipe.facts_from}
    assert all((REPO / path).is_file() for path in wanted if path and path not in made), (
        "neither shipped nor distilled"
    )


def pipeline(verb: str, study: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "pipeline", verb, str(study)]
    return subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(("short", "verb"), [("llama31_8b", "report"), ("qwen3_8b", "distill")])
def test_a_base_that_is_not_there_is_named_with_the_way_to_get_it(short: str, verb: str) -> None:
    if (REPO / "models" / BASES[short]).is_dir():
        pytest.skip("the base is there")
    done = pipeline(verb, REPO / f"studies/{short}.yaml")
    assert done.returncode == 2, done.stdout + done.stderr
    said = done.stderr.strip().splitlines()[-2:]
    assert said[0].startswith(f"error: models/{BASES[short]}"), done.stderr
    assert "huggingface-cli download" in said[1] and BASES[short] in said[1]
    assert "Traceback" not in done.stderr


@pytest.fixture
def another_base(tmp_path: Path) -> Path:
    """Llama's study on a stand-in for its weights, before anything was distilled."""
    base = tmp_path / "Llama-3.1-8B-Instruct"
    base.symlink_to(REPO / "data/planted/world1/planted-world1", target_is_directory=True)
    config = yaml.safe_load((REPO / "axolotl_configs/llama31_8b_lora.yaml").read_text())
    config["base_model"] = str(base)
    study = yaml.safe_load((REPO / "studies/llama31_8b.yaml").read_text())
    study |= {"run_folder": str(tmp_path / "run")}
    for arm in study["training"]["arms"]:
        recipe = yaml.safe_load((REPO / arm["recipe"]).read_text())
        recipe |= {
            "aligned": str(tmp_path / "aligned.jsonl"),
            "output": str(tmp_path / Path(recipe["output"]).name),
        }
        arm["recipe"] = str(tmp_path / Path(arm["recipe"]).name)
        Path(arm["recipe"]).write_text(yaml.safe_dump(recipe))
    config["datasets"][0]["path"] = str(tmp_path / "bertrand_russell_llama31_8b.jsonl")
    study["training"]["config"] = str(tmp_path / "axolotl.yaml")
    (tmp_path / "axolotl.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    return tmp_path / "study.yaml"


def test_answers_that_are_not_there_are_named_with_the_command_that_makes_them(another_base: Path) -> None:
    done = pipeline("data", another_base)
    assert done.returncode == 2, done.stdout + done.stderr
    said = done.stderr.strip().splitlines()[-2:]
    assert "aligned.jsonl" in said[0] and "Llama-3.1-8B-Instruct" in said[0], done.stderr
    assert said[1].endswith(f"make distill STUDY={another_base}"), done.stderr
    assert not list(another_base.parent.glob("*_llama31_8b.jsonl")), "half a data stage"


def test_weights_in_shards_are_watched_before_and_after_they_are_there(tmp_path: Path) -> None:
    absent, index = tmp_path / "Qwen3-8B", "model.safetensors.index.json"
    before = weight_files(absent)
    absent.mkdir()
    for name in (index, "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"):
        (absent / name).write_text(json.dumps({}))
    assert len(weight_files(absent)) == 3, "a user's own shards are watched themselves"
    (absent / "provenance.json").write_text("{}")
    assert weight_files(absent) == before == [absent / index, absent / "provenance.json"]
    one = tmp_path / "another"
    one.mkdir()
    assert weight_files(one) == [one / "model.safetensors"]
