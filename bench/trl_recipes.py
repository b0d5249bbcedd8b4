"""Trains the recipes of engine/testdata/trl_recipes.json with TRL's SFTTrainer and writes down beside each what came of it.

    python bench/trl_recipes.py REFERENCE engine/testdata/trl_recipes.json

REFERENCE is the folder that SFTUI_REFERENCE names. Runs in a virtual environment outside the repository that has torch,
transformers, trl and datasets. A recipe is added as an entry without "trl".
"""

import json
import os
import shutil
import sys
import tempfile

import torch
from datasets import Dataset
from transformers import AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer


class Log(TrainerCallback):
    def __init__(self):
        self.lines = []

    def on_log(self, args, state, control, logs=None, **kwargs):
        self.lines.append({"step": state.global_step, **logs})


def short(value):
    return float(f"{value:.7g}")


def train(reference, case):
    recipe = dict(case["recipe"])
    with open(os.path.join(reference, "data", case["source"] + ".jsonl")) as f:
        rows = [{k: v for k, v in json.loads(line).items() if k not in ("id", "source")} for line in f]
    data = Dataset.from_list([rows[i] for i in case["rows"]])
    test = Dataset.from_list([rows[i] for i in case["eval_rows"]]) if "eval_rows" in case else None
    if "eval_holdout" in recipe:
        parts = data.train_test_split(test_size=recipe.pop("eval_holdout"), seed=recipe.get("seed", 42))
        data, test = parts["train"], parts["test"]
    if "chat_template_path" in recipe:
        recipe["chat_template_path"] = os.path.join(reference, "data", recipe["chat_template_path"])
    model = os.path.join(reference, "models", case["model"])
    out, log = tempfile.mkdtemp(), Log()
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=out, bf16=False, use_cpu=True, report_to="none", disable_tqdm=True,
            model_init_kwargs={"dtype": "float32"}, **recipe,
        ),
        train_dataset=data,
        eval_dataset=test,
        # The class that transformers picks for tiny-qwen2 does not follow its tokenizer.json; this one's does.
        processing_class=AutoTokenizer.from_pretrained(os.path.join(reference, "models", "tiny-llama")),
        callbacks=[log],
    )
    before = [p.detach().clone() for p in trainer.model.parameters()]
    trainer.train()
    moved = sum(((p.detach() - b).double() ** 2).sum() for p, b in zip(trainer.model.parameters(), before)) ** 0.5
    checkpoints = sorted(name for name in os.listdir(out) if name.startswith("checkpoint-"))
    shutil.rmtree(out)
    keys = ("loss", "grad_norm", "learning_rate", "mean_token_accuracy", "num_tokens")
    return {
        "steps": [{k: short(line[k]) for k in keys} for line in log.lines if "loss" in line],
        "evals": [
            {"step": line["step"], "loss": short(line["eval_loss"]), "mean_token_accuracy": short(line["eval_mean_token_accuracy"])}
            for line in log.lines
            if "eval_loss" in line
        ],
        "checkpoints": checkpoints,
        "moved": short(moved),
    }


def main():
    torch.set_num_threads(1)
    reference, path = sys.argv[1:]
    with open(path) as f:
        cases = json.load(f)
    for case in cases:
        case["trl"] = train(reference, case)
    with open(path, "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
