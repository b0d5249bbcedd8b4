#!/bin/sh
# What the workbench adds to a step's time: the same run without and with the workbench watching it in tmux, by turns,
# and the ratio of the medians of their steps.
#
#   bench/ui_cost.sh [ROUNDS] [STEPS] [key=value …]
#
# Needs tmux. The first three steps of each run compile and are left out. Nothing else should run meanwhile.
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-3}
steps=${2:-20}
[ $# -ge 2 ] && shift 2 || shift $#
command -v tmux >/dev/null || { echo "bench/ui_cost.sh: tmux is missing" >&2; exit 2; }
bin=${SFTUI:-$PWD/bin/sftui}
model=${MODEL:-${XDG_CACHE_HOME:-$HOME/.cache}/sftui/models/SmolLM2-135M-Instruct}
work=$(mktemp -d)
session=sftui-ui-cost-$$
trap 'tmux kill-session -t "$session" 2>/dev/null || true; rm -rf "$work"' EXIT

# one NAME WATCHED OPTIONS: a run; with the workbench beside it when WATCHED is yes.
one() {
	name=$1
	watched=$2
	shift 2
	"$bin" train --run "$work/$name" --device "${DEVICE:-cpu}" model_name_or_path="$model" \
		dataset_name="$PWD/dataset/sample/shellhand.jsonl" max_length=256 per_device_train_batch_size=4 \
		gradient_accumulation_steps=2 max_steps="$steps" save_strategy=no eval_strategy=no "$@" >/dev/null 2>"$work/$name.log" &
	run=$!
	if [ "$watched" = yes ]; then
		while [ ! -S "$work/$name/control.sock" ]; do
			kill -0 "$run" 2>/dev/null || { tail -n 5 "$work/$name.log" >&2; exit 1; }
			sleep 0.2
		done
		tmux new-session -d -s "$session" -x 200 -y 60 "$bin --run '$work/$name'"
	fi
	wait "$run" || { tail -n 5 "$work/$name.log" >&2; exit 1; }
	tmux kill-session -t "$session" 2>/dev/null || true
}

# seconds NAMES: the steps' seconds, sorted, without each run's first three.
seconds() {
	for name in "$@"; do
		sed -n 's/.*"event":"step".*"step":\([0-9]*\),.*"seconds":\([0-9.e-]*\),.*/\1 \2/p' "$work/$name/metrics.jsonl"
	done | awk '$1 > 3 { print $2 }' | sort -g
}

median() { awk '{ v[NR] = $1 } END { if (NR) print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }

headless_runs='' watched_runs=''
for i in $(seq "$rounds"); do
	echo "round $i of $rounds" >&2
	one "headless$i" no "$@"
	one "watched$i" yes "$@"
	headless_runs="$headless_runs headless$i" watched_runs="$watched_runs watched$i"
done
# Names have no spaces in them.
# shellcheck disable=SC2086
a=$(seconds $headless_runs | median)
# shellcheck disable=SC2086
b=$(seconds $watched_runs | median)
awk -v a="$a" -v b="$b" 'BEGIN { printf "median step: headless %.3f s, watched %.3f s: %+.1f%%\n", a, b, 100 * (b / a - 1) }'
