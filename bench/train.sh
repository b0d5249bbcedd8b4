#!/bin/sh
# Trains the same rows with the same options in TRL and in sftui, one after the other, and prints both and their ratios.
#
#   PYTHON=/path/to/venv/bin/python bench/train.sh [STEPS] [plain|checkpointing|lora]
#
# PYTHON is a virtual environment outside the repository with torch, transformers, trl, peft and datasets.
set -eu
cd "$(dirname "$0")/.."
steps=${1:-6}
kind=${2:-plain}
: "${PYTHON:?name a Python with trl in PYTHON}"
model=${MODEL:-${XDG_CACHE_HOME:-$HOME/.cache}/sftui/models/SmolLM2-135M-Instruct}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
data=$PWD/dataset/sample/shellhand.jsonl
case $kind in
plain) rival="" ours="gradient_checkpointing=false" ;;
checkpointing) rival="--checkpointing" ours="gradient_checkpointing=true" ;;
lora) rival="--lora" ours="gradient_checkpointing=false use_peft=true lora_r=8 lora_alpha=16 lora_dropout=0 lora_target_modules=all-linear" ;;
*) echo "bench/train.sh: $kind is not one of plain, checkpointing, lora" >&2; exit 2 ;;
esac

echo "TRL …" >&2
TMPDIR=$work HF_HUB_OFFLINE=1 "$PYTHON" bench/trl_train.py --model "$model" --data "$data" --steps "$steps" $rival 2>"$work/trl.log" | tail -n 1 >"$work/trl.json" ||
	{ tail -n 5 "$work/trl.log" >&2; exit 1; }

echo "sftui …" >&2
cat >"$work/recipe.yaml" <<YAML
model_name_or_path: $model
dtype: float32
bf16: false
dataset_name: $data
max_length: 256
per_device_train_batch_size: 4
gradient_accumulation_steps: 2
learning_rate: 2.0e-05
max_steps: $steps
save_strategy: "no"
eval_strategy: "no"
YAML
# Programs that an earlier run left compiled would hide what a first start costs; WARM=1 uses them.
[ -n "${WARM:-}" ] || export SFTUI_COMPILED=
start=$(date +%s.%N)
./bin/sftui train --recipe "$work/recipe.yaml" --run "$work/run" --device "${DEVICE:-cpu}" $ours >/dev/null 2>"$work/sftui.log" ||
	{ tail -n 5 "$work/sftui.log" >&2; exit 1; }

"$PYTHON" bench/compare.py "$work/trl.json" "$work/run/metrics.jsonl" "$start"
