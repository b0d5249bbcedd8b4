#!/bin/sh
# The main job in a real terminal: opens the workbench in tmux, walks its pages by keyboard, starts a training run on the
# sample data, watches steps arrive, leaves, comes back to the live run, saves and stops. Every screen that it waits for
# must come, or it fails and shows what was there instead.
#
#   scripts/terminal/main_job.sh [SCREENS]     writes the screens into the folder SCREENS when it is given; docs/screens
#                                              puts those of 120×40 into docs/SESSION.md as well
#
# It needs tmux and bin/sftui (make build), or another program in SFTUI. Runs go into a temporary folder.
set -eu
cd "$(dirname "$0")/../.."
screens=${1:-}
program=${SFTUI:-./bin/sftui}
work=$(mktemp -d)
socket=sftui-main-job-$$
export XDG_DATA_HOME="$work/data" XDG_STATE_HOME="$work/state" XDG_CONFIG_HOME="$work/config"
finish() {
	tmux -L "$socket" kill-server 2>/dev/null || true
	pkill -f "train --run $work" 2>/dev/null || true
	rm -rf "$work"
}
trap finish EXIT

screen() { tmux -L "$socket" capture-pane -p -t job; }

press() {
	tmux -L "$socket" send-keys -t job "$@"
	sleep 0.4
}

# await TEXT SECONDS waits until the screen shows TEXT.
await() {
	left=$(($2 * 2))
	until screen | grep -q -e "$1"; do
		left=$((left - 1))
		if [ "$left" -le 0 ]; then
			echo "main_job.sh: \"$1\" did not appear within $2 s; the screen is:" >&2
			screen >&2
			tail -n 20 "$work"/data/sftui/runs/*/log.txt >&2 2>/dev/null || true
			exit 1
		fi
		sleep 0.5
	done
	echo "seen: $1"
}

# shoot NAME keeps the screen at the three sizes of the documentation.
shoot() {
	[ -n "$screens" ] || return 0
	for size in 80x24 120x40 200x60; do
		tmux -L "$socket" resize-window -t job -x "${size%x*}" -y "${size#*x}"
		sleep 1.5
		screen | sed 's/[[:space:]]*$//' >"$screens/$1_$size.txt"
	done
	tmux -L "$socket" resize-window -t job -x 120 -y 40
	sleep 1
}

# retell puts the screens into the document that shows them, in its order.
retell() {
	awk -v dir="$screens" '
		BEGIN { split("start data findings recipe train rows samples tune stopped runs", name, " ") }
		/^```text$/ { print; file = dir "/" name[++n] "_120x40.txt"; while ((getline line < file) > 0) print line; inside = 1; next }
		/^```$/ { inside = 0 }
		!inside { print }' docs/SESSION.md >"$work/SESSION.md"
	cp "$work/SESSION.md" docs/SESSION.md
}

tmux -L "$socket" -f /dev/null new-session -d -s job -x 120 -y 40 "env PS1='ready> ' sh"
await 'ready>' 10
press "$program" Enter
await 'see what it is trained on' 120
shoot start
press Enter
await 'length in tokens' 60
press j
press j
await 'row 2 ·' 20
shoot data
press 2
await 'findings in data' 90
shoot findings
press 3
await 'model_name_or_path' 20
shoot recipe
press '?'
await 'all options\|everywhere\|keys' 10
press Escape
press g
await 'Start training?' 20
press Enter
await 'training  step [1-9]' 240
# Leaving does not end the run; coming back finds it.
press q
await 'ready> *$' 20
press "$program" Enter
await 'training  step [1-9]' 60
press 4
await 'training  step [2-9]' 240
if [ -n "$screens" ]; then
	await 'training  step \([6-9]\|[1-9][0-9]\)' 900
	press 1
	shoot data
	press 3
	shoot recipe
	press 6
	await 'reference answer' 20
	shoot samples
	press 4
fi
shoot train
# From a point of the curve to the rows of its step.
press c
await 'rows of the step\|smoothed [0-9]' 20
press Left
press Enter
await 'the highest loss first' 20
await 'stage: labels' 60
shoot rows
press Escape
press Escape
# Another micro-batch in the live run.
press t
await 'accumulation' 20
press Right
await 'free' 20
shoot tune
press Enter
await 'applied at step' 300
press x
await 'stopped\|finished' 300
shoot stopped
press 5
await 'smollm2' 20
shoot runs
press q
await 'ready> *$' 20
ls -d "$work"/data/sftui/runs/*/checkpoint-* >/dev/null
[ "$screens" != docs/screens ] || retell
echo "main_job.sh: passed"
