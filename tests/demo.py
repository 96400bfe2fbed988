#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The demo: train a classifier on this machine while its owner gets in the way; `make demo` runs it.

The gate is closed, then open; the training is paused, touched, evicted, its worker and the daemon are
killed; it ends with the same bytes as a second run that nobody disturbed.
"""
import hashlib
import os
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "integration"))
from harness import BUILD, Broker, CTL, wait_for  # noqa: E402

PICTURES = 10000
BOLD, DIM, PLAIN = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


def say(text):
    print(f"\n{BOLD}== {text}{PLAIN}", flush=True)


def show(b, *args):
    print(f"{DIM}$ brokerctl {' '.join(map(str, args))}{PLAIN}", flush=True)
    r = b.run(*args, check=False)
    print((r.stdout + r.stderr).rstrip(), flush=True)


class Progress:
    """`brokerctl wait`, with its bar, for a while."""

    def __init__(self, b, job):
        self.process = subprocess.Popen([CTL, "--socket", b.socket, "wait", str(job)],
                                        stdin=subprocess.DEVNULL)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        print(flush=True)


def fraction(b, job):
    j = b.job(job)
    return j["dispatches_done"] / max(1, j["dispatches_total"])


def run_until(b, job, share):
    bar = Progress(b, job)
    wait_for(f"{share:.0%} of the work", lambda: fraction(b, job) >= share or
             b.job(job)["state"] not in ("queued", "running"), 280)
    bar.stop()
    if b.job(job)["state"] == "failed":
        raise SystemExit(f"demo: the job failed: {b.job(job)['reason']}")


def digest(b, job):
    h = hashlib.sha256()
    for output in sorted(b.call("io.idlebroker.Outputs", {"id": job})["parameters"]["outputs"],
                         key=lambda o: o["name"]):
        h.update(output["name"].encode() + b"\0" + b.output(job, output["name"]))
    return h.hexdigest()


def accuracy(b, job):
    correct = struct.unpack_from("<I", b.output(job, "correct"))[0]
    return correct / PICTURES


def disturbed_run(b, bundle):
    """Returns the job and how often it was interrupted."""
    interruptions = 0
    say("The gate is closed while the owner says so; a job waits")
    show(b, "pause")
    job = b.submit(bundle)
    show(b, "why")
    show(b, "jobs")
    say("The owner is done: the gate opens, the training runs")
    show(b, "resume")
    b.wait_open()
    show(b, "why")
    run_until(b, job, 0.15)

    say("The owner pauses it: off the device at once, its work kept")
    show(b, "pause")
    b.wait_phase(job, "parked")
    interruptions += 1
    show(b, "show", job)
    show(b, "resume")
    run_until(b, job, 0.3)

    if b.world:
        say("The owner touches the screen: the gate closes by itself, and opens when it is quiet")
        b.world.touch()
        wait_for("the gate to close", lambda: "user-active" in b.holds())
        b.wait_phase(job, "parked")
        interruptions += 1
        show(b, "why")
        b.wait_open()
        run_until(b, job, 0.45)

    say("kill -9 of the daemon in the middle; a new one goes on from the checkpoint")
    before = fraction(b, job)
    b.kill()
    interruptions += 1
    b.start()
    print(f"before the kill: {before:.0%}; the new daemon resumes at {fraction(b, job):.0%}")
    run_until(b, job, 0.7)

    say("kill -9 of the worker; the daemon starts another from the checkpoint")
    for pid in b.worker_pids():
        os.kill(pid, 9)
        interruptions += 1
    run_until(b, job, 1.0)
    b.wait_state(job, "done", seconds=280)
    return job, interruptions


def main():
    started = time.monotonic()
    bundle = sys.argv[1] if len(sys.argv) > 1 else os.path.join(BUILD, "jobs/fashion")
    stand_in = not os.path.isdir("/dev/input")
    b = Broker(world=stand_in, gate={"idle_after": "3s"}, slices={"checkpoint_every": "2s"})
    if stand_in:
        b.world.touchscreen()
        # Nothing of the real machine is hidden by this but its (missing) input devices.
        b.settings["roots"] = {"sys": b.world.sys, "dev": b.world.dev}
        b.write_config()
    try:
        b.start()
        say("What this machine has" + (" (no input device here: a pipe stands in for a touchscreen)"
                                       if stand_in else ""))
        wait_for("the devices", lambda: b.json("devices")["devices"])
        show(b, "doctor")
        show(b, "devices")
        job, interruptions = disturbed_run(b, bundle)
        right = accuracy(b, job)
        say("The same job once more, undisturbed")
        second = b.submit(bundle)
        run_until(b, second, 1.0)
        b.wait_state(second, "done", seconds=280)
        first_digest, second_digest = digest(b, job), digest(b, second)
        print(f"disturbed:   sha256 {first_digest}\nundisturbed: sha256 {second_digest}")
    except BaseException:
        print(b.log_text()[-4000:])
        raise
    finally:
        b.close()
    same = first_digest == second_digest
    print(f"{time.monotonic() - started:.0f} s in all")
    ok = same and right >= 0.85 and interruptions >= 3
    print(f"demo: {'ok' if ok else 'FAILED'} accuracy={right:.4f} interruptions={interruptions} "
          f"identical={'yes' if same else 'no'}", flush=True)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
