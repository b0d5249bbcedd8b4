#!/bin/sh
# Prepares the same rows (template, ids, labels) in TRL with two processes and in sftui on two cores, one after the other.
#
#   PYTHON=/path/to/venv/bin/python bench/data.sh DATA [MODEL]
set -eu
cd "$(dirname "$0")/.."
: "${PYTHON:?name a Python with trl in PYTHON}"
data=${1:?name a data file}
model=${2:-${XDG_CACHE_HOME:-$HOME/.cache}/sftui/models/SmolLM2-135M-Instruct}
echo "TRL:"
HF_HUB_OFFLINE=1 "$PYTHON" bench/trl_data.py --model "$model" --data "$data" --workers 2 2>/dev/null | tail -n 1
echo "sftui:"
./bin/sftui bench data --data "$data" --model "$model" --workers 2
