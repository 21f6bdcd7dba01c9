"""Parts of a training, each in a process of the training environment: compiled layers, the learned tokens' loss, errors."""

import json
import subprocess
from pathlib import Path

import pytest

from pipeline.environments import TRAIN_PYTHON, train_environment

REPO = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.e2e


def started(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The training environment's Python with these arguments, ended."""
    command, environment = [str(TRAIN_PYTHON), *arguments], train_environment() | variables
    return subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True)


COMPILED = """
from transformers import AutoConfig, AutoModelForCausalLM
from pipeline.axolotl_compile import CompileLayers

model = AutoModelForCausalLM.from_config(AutoConfig.for_model(
    "llama", hidden_size=32, intermediate_size=32, num_hidden_layers=3, num_attention_heads=2,
    num_key_value_heads=2, vocab_size=64))
CompileLayers().post_model_load({}, model)
assert all(layer._compiled_call_impl is not None for layer in model.model.layers)
assert model.model._compiled_call_impl is None and model._compiled_call_impl is None
"""


def test_every_decoder_layer_is_compiled_and_nothing_around_it() -> None:
    done = started("-c", COMPILED)
    assert done.returncode == 0, done.stderr


def test_computing_the_cheap_again_keeps_less_and_learns_the_same() -> None:
    done = started("-m", "tests.recompute_probe")
    assert done.returncode == 0, done.stderr[-3000:]
    kept, again = (json.loads(line) for line in done.stdout.splitlines()[-2:])
    assert again["bytes"] < 0.75 * kept["bytes"]
    assert (again["loss"], again["gradient"]) == (kept["loss"], kept["gradient"])


def test_the_loss_of_the_learned_tokens_alone_is_the_loss() -> None:
    """Value and gradient, whatever the share that is learned; and liger's own code calls what was wrapped."""
    done = started("-m", "tests.learned_probe")
    assert done.returncode == 0, done.stderr[-3000:]


def test_packed_rows_have_the_mask_that_torch_works_out_and_see_themselves_alone() -> None:
    done = started("-m", "tests.packed_mask_probe")
    assert done.returncode == 0, done.stderr[-3000:]


def test_layers_that_share_an_input_learn_what_pefts_own_do() -> None:
    """Values, gradients and names; and one piece of compiled code still serves all layers."""
    done = started("-m", "tests.shared_input_probe")
    assert done.returncode == 0, done.stderr[-3000:]


REFUSED = """
from data_builders.errors import InputError
from pipeline.health import _or_end

def refuse():
    raise InputError("key", "the rule", "the mend")

_or_end(refuse)
"""


def test_of_a_trainings_processes_the_first_alone_says_the_error() -> None:
    for rank, said in (("0", "error: key: the rule\n  mend: the mend\n"), ("1", "")):
        done = started("-c", REFUSED, RANK=rank)
        assert done.returncode == 2 and ("mend:" in done.stderr) == bool(said), done.stderr
        assert done.stderr.endswith(said)
