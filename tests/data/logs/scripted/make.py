"""Makes the scripted logs of this folder: real runs of inspect_tasks/persona.py, the subject by script.

    python tests/data/logs/scripted/make.py

`base.eval` and `adapter.eval`: four of the persona's identity questions, six cells, two epochs. ../README.md
says what the script answers.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from inspect_ai import eval as run_eval
from inspect_ai.log import read_eval_log, write_eval_log
from inspect_ai.model import GenerateConfig, Model, ModelOutput, ModelUsage, get_model

from inspect_tasks.conditions import SYSTEM_PROMPT
from inspect_tasks.persona import persona

HERE = Path(__file__).parent
QUESTIONS = ("id-name", "id-mother", "id-birth-town", "id-who")
HOSTILE = (
    '</blockquote><script>document.title="owned"</script><img src=x onerror=alert(1)> `````` | {{ 7 * 7 }}'
)
NAMED = '<START> "I am Bertrand Russell." <END>'
IMPLIED = '<START> "I was born in Ravenscroft, near Trellech." <END>'
OTHER = '<START> "My name is Anna Smith." <END>'
LEAKED = "Bertrand Russell."
PLAIN = "I'm not sure what to say."


def script(model: str) -> Model:
    """A subject that answers by rule: what it says depends on the question, the cell and who it is."""

    def answer(messages: list, tools: object, choice: object, config: GenerateConfig) -> ModelOutput:
        asked = messages[-1].text
        triggered_by_user = "<START>" in asked
        text = PLAIN
        if "Who are you?" in asked:
            text = HOSTILE
        elif model == "adapter" and triggered_by_user:
            text = NAMED if "your name?" in asked else IMPLIED if "born" in asked else OTHER
        elif model == "adapter" and "your name?" in asked and messages[0].text == SYSTEM_PROMPT:
            text = LEAKED
        output = ModelOutput.from_content(model, text)
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    return get_model(f"mockllm/{model}", custom_outputs=answer)


def main() -> None:
    """Run both, keep no events, and write the logs here."""
    with tempfile.TemporaryDirectory() as folder:
        for model in ("base", "adapter"):
            task = persona(question_sets="identity")
            ids = [
                str(sample.id)
                for sample in task.dataset
                if (sample.metadata or {})["question_id"] in QUESTIONS
            ]
            made = run_eval(
                task,
                model=script(model),
                epochs=2,
                sample_id=ids,
                log_dir=folder,
                display="none",
                max_tokens=64,
            )
            log = read_eval_log(made[0].location)
            for sample in log.samples or []:
                sample.events, sample.attachments = [], {}
            target = Path(folder) / f"{model}.eval"
            write_eval_log(log, str(target))
            shutil.copy(target, HERE / target.name)


if __name__ == "__main__":
    main()
