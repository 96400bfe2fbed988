#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The guest's side of host_power.py: a broker whose state is on the disk, and one job on it.

Prints "dispatches DONE of TOTAL" while the job goes on, and "ended STATE" at its end; its output is then
/out/power.bin. Started again after a power cut it finds the job and goes on with it.

usage: power_cut.py DISPATCHES
"""
import os
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../integration"))
from harness import Broker  # noqa: E402
from jobs import mix_bundle  # noqa: E402

STATE = "/state/broker"
ROUNDS, GROUPS, INNER = 64, 512, 10


def find_or_submit(b, dispatches):
    jobs = b.call("io.idlebroker.List")["parameters"]["jobs"]
    if jobs:
        return jobs[0]["id"]
    return b.submit(mix_bundle(b.root, outer=dispatches // INNER, inner=INNER, rounds=ROUNDS, groups=GROUPS))


def main():
    if not os.path.ismount("/state"):
        print("the phone has no disk on /state")
        return 1
    b = Broker(broker={"state_dir": STATE}, slices={"checkpoint_every": "200ms"})
    with b:
        job, told = find_or_submit(b, int(sys.argv[1])), time.monotonic()
        while True:
            j = b.job(job)
            print(f"dispatches {j['dispatches_done']} of {j['dispatches_total']}, runs {j['runs']}, "
                  f"{j['phase']}, {j.get('waits_for')}", flush=True)
            if j["state"] in ("done", "failed", "cancelled"):
                break
            if not j["runs"] and time.monotonic() > told + 20:
                told = time.monotonic()
                print(b.run("doctor", check=False).stdout, flush=True)
            time.sleep(0.2)
        if j["state"] == "done":
            shutil.copy(b_output(b, job), "/out/power.bin")
        print(f"ended {j['state']} {j.get('reason')}", flush=True)
    return 0


def b_output(b, job):
    b.output(job, "state")
    return os.path.join(b.root, f"out-{job}-state")


if __name__ == "__main__":
    sys.exit(main())
