#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The benchmarks: figures beside their targets, and build/bench.json, a flat object.

usage: bench.py [NAME...]

Everything runs in the real daemon and worker, on the device that is here (Mesa's lavapipe where
there is no GPU). A missed target is told and fails nothing: a machine that has other things
to do can make any of them miss. An error fails.
"""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../integration")]
from figures import Figures  # noqa: E402
from harness import BUILD  # noqa: E402
from idle import measure_memory, measure_wakeups  # noqa: E402
from service import measure_service  # noqa: E402
from slices import measure_cutting, measure_stops  # noqa: E402


def program(name):
    r = subprocess.run([os.path.join(BUILD, "bench", name)], stdout=subprocess.PIPE, check=True)
    return json.loads(r.stdout)


def measure_sched(figures):
    print("sched: ns for one decision of the scheduler (charge one job, pick the next)", flush=True)
    found = program("bench_sched")
    figures.merge(found)
    for n in ("1000", "100000"):
        figures.put(f"sched_growth_{n}",
                    found[f"sched_ns_per_decision_{n}"] / found["sched_ns_per_decision_10"],
                    "times that of 10 jobs")


def measure_store(figures):
    print("store: the database and the spool alone, without the daemon", flush=True)
    figures.merge(program("bench_store"))


BENCHMARKS = {
    "sched": measure_sched,
    "store": measure_store,
    "memory": measure_memory,
    "service": measure_service,
    "slices": measure_cutting,
    "stops": measure_stops,
    "wakeups": measure_wakeups,
}

# They look into the pages of a worker, which has given up all rights, and set priorities.
NEED_ROOT = ("slices", "stops")


def main():
    names = sys.argv[1:] or list(BENCHMARKS)
    unknown = [n for n in names if n not in BENCHMARKS]
    if unknown:
        print(f"bench: there is no benchmark {unknown[0]}; there are: {', '.join(BENCHMARKS)}",
              file=sys.stderr)
        return 2
    figures = Figures()
    os.environ.setdefault("LP_NUM_THREADS", "0")  # see slices.undisturbed()
    for name in names:
        if name in NEED_ROOT and os.geteuid():
            print(f"{name}: left out; it needs root", flush=True)
            continue
        BENCHMARKS[name](figures)
        figures.write(os.path.join(BUILD, "bench.json"))
    print(f"bench: {figures.summary()}; {os.path.relpath(os.path.join(BUILD, 'bench.json'))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
