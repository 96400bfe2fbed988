# SPDX-License-Identifier: MIT
"""What a benchmark found, beside what it must reach."""
import json
import os

AT_MOST, AT_LEAST = "<=", ">="

# Keys with a target, as they are printed and written to bench.json. Others have none.
TARGETS = {
    "slice_efficiency": (AT_LEAST, 0.97),
    "slice_overrun_p99": (AT_MOST, 2),
    "stop_ms_p99": (AT_MOST, 10),  # two quanta of 4 ms and 2 ms
    "idle_wakeups_per_min": (AT_MOST, 1),
    "rss_kb_idle": (AT_MOST, 8000),
    "rss_kb_10k_jobs": (AT_MOST, 16000),
    "submit_per_s": (AT_LEAST, 2000),
    "start_ms": (AT_MOST, 50),
    "start_ms_10k_jobs": (AT_MOST, 150),
    # Growth from 10 jobs on, over the growth of log n: log 1,000 is 3 times log 10.
    "sched_growth_1000": (AT_MOST, 3),
    "sched_growth_100000": (AT_MOST, 5),
}


class Figures:
    """A flat object of numbers, printed as they come."""

    def __init__(self):
        self.values = {}
        self.met, self.missed = [], []

    def put(self, key, value, note="", target=None):
        """A target that depends on what was measured comes with the figure."""
        value = round(value, 3) if isinstance(value, float) else value
        self.values[key] = value
        target, said = target or TARGETS.get(key), ""
        if target:
            sign, limit = target
            met = value <= limit if sign == AT_MOST else value >= limit
            said = f"{sign} {limit:<8,} {'met' if met else 'MISSED'}"
            (self.met if met else self.missed).append(key)
        print(f"  {key:30} {value:>12,}  {said:20} {note}".rstrip(), flush=True)

    def merge(self, values):
        for key, value in values.items():
            self.put(key, value)

    def summary(self):
        return (f"{len(self.met)} targets met, {len(self.missed)} missed"
                f"{': ' if self.missed else ''}{', '.join(self.missed)}")

    def write(self, path):
        """Figures of an earlier run that this one did not measure stay."""
        old = {}
        if os.path.exists(path):
            with open(path, encoding="ascii") as f:
                old = json.load(f)
        with open(path, "w", encoding="ascii") as f:
            json.dump(dict(sorted({**old, **self.values}.items())), f, indent=2)
            f.write("\n")
