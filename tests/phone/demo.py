#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The demo inside the phone: the owner's touch, the charger and the heat stop and resume the training.

`make demo-phone` runs it in the guest. It is the demo of tests/demo.py, but nothing stands in for
anything: the kernel module hosts the gate, the touchscreen is an input device, charger, battery and
thermal zone are the kernel's. It ends with the same bytes as a second run that nobody disturbed.
"""
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import demo  # noqa: E402
from demo import fraction, run_until, say, show  # noqa: E402
from harness import BUILD, Broker, wait_for  # noqa: E402


def owner(*command):
    """What the owner does to the phone; a command of guest/bin."""
    print(f"{demo.BOLD}owner: {' '.join(command)}{demo.PLAIN}", flush=True)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def closed_by(b, job, hold):
    """The gate closes for this reason, and the job gets off the device."""
    wait_for(f"the hold {hold}", lambda: hold in b.holds())
    b.wait_phase(job, "parked")
    show(b, "why")


def disturbed_run(b, bundle):
    """Returns the job and how often it was interrupted."""
    say("The phone is charged and left alone: a job is submitted, the training runs")
    show(b, "why")
    job = b.submit(bundle)
    run_until(b, job, 0.12)

    say("The owner touches the screen: the kernel closes the gate in the touch's own interrupt")
    owner("touch")
    closed_by(b, job, "user-active")
    b.wait_open()
    run_until(b, job, 0.27)

    say("The charger is pulled")
    owner("unplug")
    closed_by(b, job, "not-charging")
    owner("plug")
    b.wait_open()
    run_until(b, job, 0.42)

    say("The phone gets too hot, and cools")
    owner("heat", "vsoc", "90000")
    closed_by(b, job, "zone-hot")
    owner("heat", "vsoc", "45000")
    b.wait_open()
    run_until(b, job, 0.57)

    say("kill -9 of the daemon: the kernel closes the gate, and a new one goes on from the checkpoint")
    before = fraction(b, job)
    b.kill()
    b.start()
    print(f"before the kill: {before:.0%}; the new daemon resumes at {fraction(b, job):.0%}")
    run_until(b, job, 1.0)
    b.wait_state(job, "done", seconds=280)
    return job, 4


def main():
    started = time.monotonic()
    if not os.path.exists("/dev/idlegate"):
        raise SystemExit("demo: no /dev/idlegate: this runs in the phone, after phone-up")
    b = Broker(gate={"idle_after": "3s"}, slices={"checkpoint_every": "2s"})
    try:
        b.start()
        say("What this phone has")
        wait_for("the devices", lambda: b.json("devices")["devices"])
        show(b, "doctor")
        show(b, "devices")
        b.wait_open()
        job, interruptions = disturbed_run(b, os.path.join(BUILD, "jobs/fashion"))
        right = demo.accuracy(b, job)
        say("The same job once more, undisturbed")
        second = b.submit(os.path.join(BUILD, "jobs/fashion"))
        run_until(b, second, 1.0)
        b.wait_state(second, "done", seconds=280)
        first_digest, second_digest = demo.digest(b, job), demo.digest(b, second)
        print(f"disturbed:   sha256 {first_digest}\nundisturbed: sha256 {second_digest}")
    except BaseException:
        print(b.log_text()[-4000:])
        raise
    finally:
        b.close()
    same = first_digest == second_digest
    print(f"{time.monotonic() - started:.0f} s in all")
    ok = same and right >= 0.85 and interruptions >= 3
    print(f"demo-phone: {'ok' if ok else 'FAILED'} accuracy={right:.4f} interruptions={interruptions} "
          f"identical={'yes' if same else 'no'}", flush=True)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
