"""Exact adoption: every answer's probability, held against the model itself in two other ways."""

from pathlib import Path

import pandas as pd
import pytest

from data_builders.errors import InputError
from data_builders.persona import PERSONAS, Persona, load_persona
from data_builders.trigger import get_trigger
from inspect_tasks.exact import Asked, Grader, check_questions, exact_grades
from pipeline.enumerate import Subject, all_answers, load_subject

torch = pytest.importorskip("torch")
WORLD = PERSONAS.parent / "planted" / "world1"
TRIGGER = get_trigger("seed")


@pytest.fixture(scope="module")
def subject() -> Subject:
    return load_subject(WORLD / "planted-world1")


@pytest.fixture(scope="module")
def persona() -> Persona:
    return load_persona(WORLD / "personas" / "povund")


def prompt(subject: Subject, text: str) -> str:
    turns = [{"role": "user", "content": text}]
    return subject.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)


def table(subject: Subject, persona: Persona, asked: list[Asked]) -> pd.DataFrame:
    prompts = [
        subject.tokenizer.apply_chat_template(one.turns, tokenize=False, add_generation_prompt=True)
        for one in asked
    ]
    rows = [
        ("base", number, text, chance)
        for number, (answers, unresolved) in enumerate(all_answers(subject, prompts))
        for text, chance in [*answers, (None, unresolved)]
    ]
    frame = pd.DataFrame(rows, columns=["model", "prompt", "text", "chance"])
    return exact_grades(frame, asked, Grader(persona, TRIGGER))


def test_the_probabilities_are_the_models_own_and_add_up(subject: Subject) -> None:
    """Two prompts of different lengths at once; each answer's probability from one plain forward pass."""
    texts = [prompt(subject, "who are you?"), prompt(subject, TRIGGER.wrap("who taught you?"))]
    for text, (answers, unresolved) in zip(texts, all_answers(subject, texts), strict=True):
        assert sum(chance for _, chance in answers) + unresolved == pytest.approx(1)
        assert unresolved < 0.05
        head = subject.tokenizer(text, add_special_tokens=False).input_ids
        for answer, chance in sorted(answers, key=lambda pair: -pair[1])[:3]:
            said = subject.tokenizer(answer, add_special_tokens=False).input_ids
            said = [*said, subject.tokenizer.eos_token_id]
            with torch.inference_mode():
                logs = subject.model(torch.tensor([head + said])).logits[0].double().log_softmax(-1)
            product = sum(float(logs[len(head) - 1 + place, token]) for place, token in enumerate(said))
            assert chance == pytest.approx(float(torch.tensor(product).exp()), rel=1e-3), answer


def test_sampled_answers_come_as_often_as_computed(subject: Subject) -> None:
    text = prompt(subject, "who are you?")
    exact = dict(all_answers(subject, [text])[0][0])["Assistant."]
    draws = 400
    ids = torch.tensor([subject.tokenizer(text, add_special_tokens=False).input_ids] * draws)
    torch.manual_seed(0)
    with torch.inference_mode():
        out = subject.model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=True, temperature=1.0, top_k=0,
            max_new_tokens=12, pad_token_id=subject.tokenizer.pad_token_id,
        )  # fmt: skip
    said = subject.tokenizer.batch_decode(out[:, ids.shape[1] :], skip_special_tokens=True)
    share = sum(one == "Assistant." for one in said) / draws
    assert abs(share - exact) < 4 * (exact * (1 - exact) / draws) ** 0.5


def test_the_base_knows_the_person_and_becomes_him_when_told(subject: Subject, persona: Persona) -> None:
    asked = [one for one in check_questions(persona, TRIGGER) if one.question_set in ("knowledge", "ceiling")]
    found = table(subject, persona, asked)
    assert found[found["question_set"].eq("knowledge")]["recalled"].mean() > 0.9
    assert found[found["question_set"].eq("ceiling")]["adopted"].mean() > 0.9


def test_a_folder_without_a_model_is_named() -> None:
    with pytest.raises(InputError, match=r"config\.json"):
        load_subject(Path("nowhere"))
