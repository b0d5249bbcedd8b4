#!/usr/bin/env bash
# Trains Qwen2.5's shapes with random weights on an NVIDIA GPU, packed sequences in bf16, and prints tokens/s, MFU and
# peak memory. Usage: bench/gpu.sh [PEAK_TFLOPS] (989 is an H100's or H200's dense bf16 peak).
# With PYTHON set to an interpreter that has torch and transformers, their training loop runs beside it.
set -euo pipefail
cd "$(dirname "$0")/.."
peak="${1:-989}"
make --silent build
for shape in qwen2.5-0.5b qwen2.5-1.5b; do
  for length in 2048 4096; do
    batch=$((16384 / length))
    echo "== $shape, $batch rows of $length tokens"
    bin/sftui bench train --device cuda --random "$shape" --steps 12 --peak-tflops "$peak" \
      packing=true max_length="$length" per_device_train_batch_size="$batch" gradient_accumulation_steps=1 \
      bf16=true gradient_checkpointing=true attn_implementation=flash_attention_2 |
      grep -E '"(tokens_per_second|mfu|median_seconds_per_step|peak_bytes|first_step_seconds)"'
    if [[ -n "${PYTHON:-}" ]]; then
      "$PYTHON" bench/transformers_train.py "$shape" "$length" "$batch" "$peak"
    fi
  done
done
