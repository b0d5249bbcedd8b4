"""Prints TRL's and sftui's numbers for the same steps side by side: compare.py TRL.json METRICS.jsonl START."""

import datetime
import json
import statistics
import sys


def sftui(path, start):
    steps, peak = [], 0
    for line in open(path):
        event = json.loads(line)
        peak = max(peak, event.get("memory_peak_bytes", 0))
        if event["event"] == "step":
            steps.append(event)
    first = datetime.datetime.fromisoformat(steps[0]["time"][:26].rstrip("Z") + "+00:00").timestamp()
    return {
        "losses": [e["loss"] for e in steps],
        "grad_norms": [e["grad_norm"] for e in steps],
        "trained_tokens": [e["trained_tokens"] for e in steps],
        "seconds": [e["seconds"] for e in steps],
        "first_step_seconds": first - start,
        "peak_bytes": peak,
    }


def main():
    trl = json.load(open(sys.argv[1]))
    ours = sftui(sys.argv[2], float(sys.argv[3]))
    rows = []
    for name, run in (("TRL", trl), ("sftui", ours)):
        seconds, tokens = run["seconds"][1:], run["trained_tokens"][1:]
        rows.append((name, statistics.median(seconds), sum(tokens) / sum(seconds), run["first_step_seconds"], run["peak_bytes"] / 2**30))
    print("| | seconds a step (median) | trained tokens/s | start to first step, s | peak memory, GiB |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for row in rows:
        print("| %s | %.2f | %.1f | %.1f | %.2f |" % row)
    a, b = rows
    print("| sftui / TRL | %.2f | %.2f | %.2f | %.2f |" % (b[1] / a[1], b[2] / a[2], b[3] / a[3], b[4] / a[4]))
    print()
    print("same trained tokens in every step:", trl["trained_tokens"] == ours["trained_tokens"])
    print("largest difference of loss: %.2g" % max(abs(x - y) for x, y in zip(trl["losses"], ours["losses"])))
    print("largest relative difference of grad norm: %.2g" % max(abs(x - y) / x for x, y in zip(trl["grad_norms"], ours["grad_norms"])))


if __name__ == "__main__":
    main()
