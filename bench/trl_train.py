"""Trains a few steps with TRL's SFTTrainer and prints a JSON object: the rival's side of bench/train.sh.

Runs in a virtual environment outside the repository that has torch, transformers, trl and peft.
"""

import argparse
import json
import os
import resource
import time

START = time.time()

import torch  # noqa: E402  (the clock starts before the imports, as a user's does)
from datasets import load_dataset  # noqa: E402
from transformers import TrainerCallback  # noqa: E402
from trl import SFTConfig, SFTTrainer  # noqa: E402


class Clock(TrainerCallback):
    """Notes when every optimizer step ended and what was logged for it."""

    def __init__(self):
        self.ends, self.logs = [], []

    def on_train_begin(self, args, state, control, **kwargs):
        self.begin = time.time()

    def on_step_end(self, args, state, control, **kwargs):
        self.ends.append(time.time())

    def on_log(self, args, state, control, logs=None, **kwargs):
        if logs and "loss" in logs:
            self.logs.append(logs)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--accumulation", type=int, default=2)
    parser.add_argument("--max-length", type=int, default=256)
    parser.add_argument("--learning-rate", type=float, default=2e-5)
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--lora", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    peft = None
    if args.lora:
        from peft import LoraConfig

        peft = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    clock = Clock()
    config = SFTConfig(
        output_dir=os.path.join(os.environ.get("TMPDIR", "/tmp"), "trl-bench"),
        max_length=args.max_length,
        per_device_train_batch_size=args.batch,
        gradient_accumulation_steps=args.accumulation,
        learning_rate=args.learning_rate,
        max_steps=args.steps,
        gradient_checkpointing=args.checkpointing,
        bf16=False,
        use_cpu=True,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        model_init_kwargs={"dtype": "float32"},
    )
    trainer = SFTTrainer(
        model=args.model,
        args=config,
        train_dataset=load_dataset("json", data_files=args.data, split="train"),
        peft_config=peft,
        callbacks=[clock],
    )
    trained = []
    inner = trainer.get_batch_samples

    def counting(*a, **k):
        batches, items = inner(*a, **k)
        trained.append(int(items))
        return batches, items

    trainer.get_batch_samples = counting
    trainer.train()
    seconds = [b - a for a, b in zip([clock.begin] + clock.ends, clock.ends)]
    print(
        json.dumps(
            {
                "losses": [log["loss"] for log in clock.logs],
                "grad_norms": [log["grad_norm"] for log in clock.logs],
                "trained_tokens": trained[: args.steps],
                "seconds": seconds,
                "first_step_seconds": clock.ends[0] - START,
                "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
