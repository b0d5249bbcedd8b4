#!/usr/bin/env bash
# Kills a training run with `kill -9` at random moments, also while it saves, goes on from its newest checkpoint each
# time, and compares the losses with those of a run that nobody disturbed: bit by bit.
#
#   scripts/resume/kill.sh [KILLS [SFTUI [MODEL]]]     defaults: 20, bin/sftui, $SFTUI_REFERENCE/models/tiny-llama
# STEPS=N shortens the run from 40 steps.
set -euo pipefail
kills=${1:-20}
sftui=$(realpath "${2:-bin/sftui}")
model=${3:-${SFTUI_REFERENCE:?set SFTUI_REFERENCE, or name a model folder}/models/tiny-llama}
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT

cat > "$work/recipe.yaml" <<YAML
model_name_or_path: $model
dataset_name: $work/rows.jsonl
max_steps: ${STEPS:-40}
save_steps: 2
save_total_limit: 3
per_device_train_batch_size: 2
learning_rate: 1.0e-3
max_length: 64
use_cpu: true
bf16: false
neftune_noise_alpha: 5
eval_strategy: steps
eval_steps: 8
eval_holdout: 0.2
sample_max_new_tokens: 1
YAML
for i in $(seq 60); do
  printf '{"prompt": "Say %d again:", "completion": " %d and %d"}\n' "$i" "$i" $((i * i))
done > "$work/rows.jsonl"

# losses prints step, loss and grad norm of every step, as they are written.
losses() { grep '"event":"step"' "$1/metrics.jsonl" | sed -E 's/.*"step":([0-9]+).*"loss":([^,]+),"grad_norm":([^,]+),.*/\1 \2 \3/'; }

# newest is the step of the newest checkpoint, steps the last step that the run has made.
newest() { ls -d "$work"/killed/checkpoint-* 2>/dev/null | sed 's/.*-//' | sort -n | tail -1 | grep . || echo 0; }
steps() { losses "$work/killed" 2>/dev/null | tail -1 | cut -d' ' -f1 | grep . || echo 0; }

"$sftui" train --recipe "$work/recipe.yaml" --run "$work/whole" > "$work/whole.log" 2>&1 || { tail -5 "$work/whole.log"; exit 1; }
losses "$work/whole" > "$work/want"

resume=
killed=0
while :; do
  "$sftui" train --recipe "$work/recipe.yaml" --run "$work/killed" $resume > "$work/killed.log" 2>&1 &
  pid=$!
  if [ "$killed" -lt "$kills" ]; then
    # Not before the run has a folder to go on with; every other time while a checkpoint is being written, if there is one.
    for _ in $(seq 600); do [ -f "$work/killed/run.json" ] && break; sleep 0.1; done
    if [ $((killed % 2)) = 1 ]; then
      for _ in $(seq 400); do ls -d "$work"/killed/.unfinished-* > /dev/null 2>&1 && break; kill -0 "$pid" 2>/dev/null || break; sleep 0.01; done
    else
      # After up to two steps and a part of one, so that as many kills as asked for fit into the run on any machine.
      target=$(($(newest) + RANDOM % 3))
      for _ in $(seq 3000); do [ "$(steps)" -ge "$target" ] && break; kill -0 "$pid" 2>/dev/null || break; sleep 0.02; done
      sleep "0.$((RANDOM % 4))"
    fi
    if kill -9 "$pid" 2>/dev/null; then killed=$((killed + 1)); fi
    wait "$pid" 2>/dev/null || true
    resume=--resume
    grep -q '"event":"done"' "$work/killed/metrics.jsonl" 2>/dev/null && break
    continue
  fi
  wait "$pid" || { echo "the resumed run failed:"; tail -5 "$work/killed.log"; exit 1; }
  break
done
pid=
if grep -q 'passed over' "$work/killed/metrics.jsonl"; then echo "a checkpoint could not be read"; exit 1; fi
losses "$work/killed" > "$work/got"
if ! cmp "$work/want" "$work/got"; then diff "$work/want" "$work/got" | head; exit 1; fi
echo "$killed times killed: $(wc -l < "$work/got") steps, all losses and grad norms equal to the last bit"
