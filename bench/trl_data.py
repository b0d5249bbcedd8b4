"""Prepares a chat data set as TRL's SFTTrainer does and prints a JSON object: the rival's side of bench/data.sh.

Only the preparation runs: the trainer is given a model of a few thousand weights.
"""

import argparse
import json
import os
import tempfile
import time

import torch
from datasets import load_dataset
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
from trl import SFTConfig, SFTTrainer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.workers)
    with tempfile.TemporaryDirectory() as work:
        # A cache of its own: a second run must not find the first one's result.
        os.environ["HF_DATASETS_CACHE"] = work
        tokenizer = AutoTokenizer.from_pretrained(args.model)
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer), hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
            )
        )
        kind = "parquet" if args.data.endswith(".parquet") else "json"
        rows = load_dataset(kind, data_files=args.data, split="train", cache_dir=work)
        config = SFTConfig(
            output_dir=work, max_length=None, dataset_num_proc=args.workers, use_cpu=True, bf16=False, report_to="none"
        )
        start = time.time()
        trainer = SFTTrainer(model=model, args=config, train_dataset=rows, processing_class=tokenizer)
        seconds = time.time() - start
        tokens = sum(len(row) for row in trainer.train_dataset["input_ids"])
        print(json.dumps({"rows": len(rows), "tokens": tokens, "seconds": seconds, "tokens_per_second": tokens / seconds}))


if __name__ == "__main__":
    main()
