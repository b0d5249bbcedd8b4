#!/usr/bin/env bash
# Trains Qwen2.5's shapes with random weights on an NVIDIA GPU, packed rows in bfloat16, beside transformers, and prints
# tokens/s, MFU and peak memory. One command, no network, no Go: SFTUI names a built binary (otherwise `make build`).
#
#   bench/gpu.sh [PART] [--device cuda|cpu] [--steps N] [--peak TFLOPS] [--compile]
#
# PART: checks (losses, isolation of packed rows, readings), 0.5b, 1.5b, or all. Each part is meant to end within ten
# minutes; a measurement that hangs is ended after LIMIT seconds (240). PEAK is the dense bfloat16 peak, 989 for an H100 and
# an H200. --compile measures transformers with torch_compile too. --device cpu tries the script out on a tiny shape.
# PYTHON is an interpreter with torch and transformers (default python3; PYTHON= leaves their side out); its
# site-packages are searched for JAX's CUDA plugin too. With OUT set, every result is a line of $OUT/gpu.jsonl, and what the
# programs said is in $OUT/logs.
set -euo pipefail
cd "$(dirname "$0")/.."

part=all device=cuda steps=12 peak=989 compile=""
while (($#)); do
  case "$1" in
    checks | 0.5b | 1.5b | all) part="$1" ;;
    --device) device="$2" && shift ;;
    --steps) steps="$2" && shift ;;
    --peak) peak="$2" && shift ;;
    --compile) compile=COMPILE ;;
    *) echo "bench/gpu.sh does not know $1: a part is checks, 0.5b, 1.5b or all; options are --device, --steps, --peak and --compile" >&2 && exit 2 ;;
  esac
  shift
done
python="${PYTHON-python3}"
if [[ -z "${SFTUI:-}" ]]; then
  make --silent build
  SFTUI=bin/sftui
fi
work="$(mktemp -d)"
trap finish EXIT
[[ -z "${OUT:-}" ]] || mkdir -p "$OUT"
# XLA's own warnings name the library or version that is missing; they go to the logs.
export TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-1}"

finish() {
  if [[ -n "${OUT:-}" ]]; then mkdir -p "$OUT/logs" && cp "$work"/*.log "$OUT/logs/" 2>/dev/null; fi
  rm -rf "$work"
}

# find_plugin looks for JAX's plugin where Python keeps its packages; sftui itself would have to download it.
find_plugin() {
  [[ "$device" == cuda && -z "${SFTUI_PJRT_CUDA:-}" && -n "$python" ]] || return 0
  local roots root
  roots="$("$python" -c 'import site, sysconfig; print("\n".join({sysconfig.get_paths()["purelib"], *site.getsitepackages(), site.getusersitepackages()}))' 2>/dev/null)" || return 0
  while read -r root; do
    for so in "$root"/jax_plugins/xla_cuda13/xla_cuda_plugin.so; do
      if [[ -e "$so" ]]; then
        export SFTUI_PJRT_CUDA="$so"
        for dir in "$root"/nvidia/*/lib; do LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$dir"; done
        export LD_LIBRARY_PATH
        return 0
      fi
    done
  done <<<"$roots"
}

# value KEY FILE reads a number or a text that stands on a line of its own in our JSON.
value() { sed -n "s/^ *\"$1\": *\"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" "$2" | head -1; }

# bench NAME ARGUMENTS… runs sftui; its JSON is $work/NAME.json.
bench() {
  local name="$1" begin=$SECONDS
  shift
  local status=0
  timeout --kill-after=10 "${LIMIT:-240}" "$SFTUI" bench train --device "$device" "$@" >"$work/$name.json" 2>"$work/$name.log" || status=$?
  if ((status)); then
    echo "sftui failed at $name with status $status (124 and 137: it took too long or was killed):"
    tail -c 6000 "$work/$name.log"
    return 1
  fi
  local warning
  warning="$(sed -n 's/^ *"warning": *"\(.*\)",\{0,1\}$/\1/p' "$work/$name.json")"
  [[ -z "$warning" ]] || echo "sftui warns: $warning"
  keep sftui "$name" "$(tr -d '\n' <"$work/$name.json")" $((SECONDS - begin))
}

keep() {
  [[ -z "${OUT:-}" ]] || printf '{"who": "%s", "name": "%s", "wall_seconds": %s, "result": %s}\n' "$1" "$2" "$4" "$3" >>"$OUT/gpu.jsonl"
}

heading() { printf '\n%-34s %10s %6s %9s %10s %9s\n' "$1" tokens/s MFU s/step "peak GiB" "1st step"; }

row() { printf '%-34s %10.0f %6.3f %9.4f %10.1f %9.1f\n' "$@"; }

gib() { awk -v b="$1" 'BEGIN { printf "%.2f", b / 2^30 }'; }

# theirs WHO NAME ARGUMENTS… runs transformers with bench/transformers_train.py's arguments.
theirs() {
  local who="$1" name="$2" begin=$SECONDS out="$work/$1-$2"
  shift 2
  if timeout --kill-after=10 "${LIMIT:-240}" "$python" bench/transformers_train.py "$@" >"$out.json" 2>"$out.log"; then
    keep "$who" "$name" "$(tr -d '\n' <"$out.json")" $((SECONDS - begin))
    row "$who, checkpointing $5" "$(value tokens_per_second "$out.json")" "$(value mfu "$out.json")" \
      "$(value median_seconds_per_step "$out.json")" "$(gib "$(value peak_bytes "$out.json")")" "$(value first_step_seconds "$out.json")"
  else
    echo "$who: $(tail -1 "$out.log")"
  fi
}

# surroundings prints what decides whether the plugin works, so that one failed call is enough to mend it.
surroundings() {
  echo "plugin ${SFTUI_PJRT_CUDA:-found by sftui}; $("$SFTUI" version 2>/dev/null || true)"
  [[ "$device" == cuda ]] || return 0
  nvidia-smi --query-gpu=name,driver_version,memory.total,memory.used,clocks.sm --format=csv,noheader 2>&1 || true
  local folder library
  if [[ -n "${SFTUI_PJRT_CUDA:-}" ]]; then
    folder="$(dirname "$SFTUI_PJRT_CUDA")/../../nvidia"
    for library in cudnn/lib/libcudnn.so.9 cu13/lib/libcublasLt.so.13 cu13/lib/libcudart.so.13 cu13/lib/libcupti.so.13 cu13/bin/ptxas cu13/nvvm/libdevice; do
      [[ -e "$folder/$library" ]] || echo "missing beside the plugin: nvidia/$library"
    done
  fi
  if [[ -n "$python" ]]; then
    "$python" -m pip list 2>/dev/null | grep -iE '^(jax|torch|transformers|flash|nvidia-(cudnn|cublas|cuda-nvcc|nvvm|cuda-runtime))' | tr -s ' ' | tr '\n' ';' || true
    echo
  fi
  "$SFTUI" doctor --device cuda 2>&1 | head -20 || true
}

# compare SHAPE: both sides, at two lengths, without and with gradient checkpointing.
compare() {
  local shape="$1" length name total=16384
  local lengths=(2048 4096)
  if [[ "$device" == cpu ]]; then shape=tiny total=256 lengths=(64 128); fi
  for length in "${lengths[@]}"; do
    local batch=$((total / length))
    heading "$shape, $batch rows of $length tokens"
    for checkpointing in false true; do
      name="$shape-$length-$checkpointing"
      if bench "$name" --random "$shape" --steps "$steps" --peak-tflops "$peak" packing=true max_length="$length" \
        per_device_train_batch_size="$batch" gradient_accumulation_steps=1 bf16=true \
        gradient_checkpointing="$checkpointing" attn_implementation=flash_attention_2; then
        local json="$work/$name.json" mfu
        mfu="$(value mfu "$json")"
        row "sftui, checkpointing $checkpointing" "$(value tokens_per_second "$json")" "${mfu:-0}" \
          "$(value median_seconds_per_step "$json")" "$(gib "$(value peak_bytes "$json")")" "$(value first_step_seconds "$json")"
      fi
      if [[ -n "$python" ]]; then
        theirs "transformers" "$name" "$shape" "$length" "$batch" "$peak" "$checkpointing" "$steps" "$device"
        if [[ -n "$compile" ]]; then
          theirs "torch_compile" "$name" "$shape" "$length" "$batch" "$peak" "$checkpointing" "$steps" "$device" "$compile"
        fi
      fi
    done
  done
}

# ids COUNT SEED prints token ids; labels COUNT SEED|- the labels of a row, all left out for "-".
ids() { awk -v n="$1" -v s="$2" 'BEGIN { srand(s); for (i = 0; i < n; i++) printf "%s%d", i ? "," : "", 10 + int(rand() * 90000) }'; }
labels() { if [[ "$2" == - ]]; then awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "%s-100", i ? "," : "" }'; else ids "$1" "$2"; fi; }

# uneven SEED writes a micro-batch of four rows of which only the second is trained; SEED is that of the other three.
uneven() {
  printf '[{"input_ids": [[%s],[%s],[%s],[%s]], "labels": [[%s],[%s],[%s],[%s]]}]' \
    "$(ids 300 "$1")" "$(ids 180 7)" "$(ids 90 "$1")" "$(ids 40 "$1")" \
    "$(labels 300 -)" "$(labels 180 7)" "$(labels 90 -)" "$(labels 40 -)"
}

failed=0
verdict() {
  local what="$1"
  shift
  if "$@"; then echo "ok    $what"; else echo "FAIL  $what" && failed=1; fi
}
# near A B SHARE; more A B
near() { awk -v a="$1" -v b="$2" -v s="$3" 'BEGIN { d = a - b; if (d < 0) d = -d; exit !(a != "" && b != "" && d <= s * b) }'; }
more() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 > b + 0) }'; }

checks() {
  local shape=qwen2.5-0.5b length=1024 a b common
  if [[ "$device" == cpu ]]; then shape=tiny length=64; fi
  common=(--random "$shape" bf16=true gradient_accumulation_steps=1 learning_rate=1e-5 max_length="$length")
  for kind in flash_attention_2 sdpa; do
    bench "loss-$kind" "${common[@]}" --steps 3 per_device_train_batch_size=4 gradient_checkpointing=true attn_implementation="$kind" || failed=1
  done
  a="$work/loss-flash_attention_2.json" b="$work/loss-sdpa.json"
  verdict "flash_attention_2 and sdpa: loss $(value loss "$a") and $(value loss "$b")" near "$(value loss "$a")" "$(value loss "$b")" 0.002
  verdict "flash_attention_2 and sdpa: grad norm $(value grad_norm "$a") and $(value grad_norm "$b")" near "$(value grad_norm "$a")" "$(value grad_norm "$b")" 0.03
  bench loss-kept "${common[@]}" --steps 1 per_device_train_batch_size=4 gradient_checkpointing=false attn_implementation=flash_attention_2 || failed=1
  verdict "with and without checkpointing: grad norm $(value grad_norm "$a") and $(value grad_norm "$work/loss-kept.json")" \
    near "$(value grad_norm "$a")" "$(value grad_norm "$work/loss-kept.json")" 0.02
  for seed in 1 2; do
    uneven $seed >"$work/uneven.json"
    bench "isolated-$seed" "${common[@]}" --steps 1 --batches "$work/uneven.json" gradient_checkpointing=true attn_implementation=flash_attention_2 || failed=1
  done
  a="$(value loss "$work/isolated-1.json")" b="$(value loss "$work/isolated-2.json")"
  verdict "a packed row does not see the others: loss $a and $b" near "$a" "$b" 0
  a="$work/loss-flash_attention_2.json"
  echo "      shapes $(tr -d '\n ' <"$work/isolated-1.json" | sed 's/.*"shapes":\[\([^]]*\)\].*/\1/')"
  verdict "the device is $(value device "$a"), its memory in use at the end $(gib "$(value peak_bytes "$a")") GiB" more "$(value peak_bytes "$a")" 0
  local planned
  planned="$(tr -d '\n' <"$a" | sed 's/.*"memory": *{\([^}]*\)}.*/\1/' | tr ',' '\n' | awk -F: '
    { gsub(/[" ]/, "", $1); m[$1] = $2 }
    END { t = m["Activations"] + (m["Block"] > m["Head"] ? m["Block"] : m["Head"]); if (m["Optimizer"] > t) t = m["Optimizer"]
          printf "%.0f", m["Weights"] + m["Moments"] + m["Gradients"] + t + m["Code"] }')"
  echo "      memory by XLA's own sizes $(gib "$planned") GiB, measured $(gib "$(value peak_bytes "$a")") GiB"
}

find_plugin
surroundings
case "$part" in
  checks) checks ;;
  0.5b | 1.5b) compare "qwen2.5-$part" ;;
  all)
    checks
    compare qwen2.5-0.5b
    compare qwen2.5-1.5b
    ;;
esac
exit $failed
