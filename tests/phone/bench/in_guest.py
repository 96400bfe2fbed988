#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `make bench-phone` runs inside the virtual phone: in_guest.py [--quick] NAME...

Only what must be there is done there: touch, trace, write down. The host makes figures of it
(evaluate.py), so that a slow guest is not kept busy with arithmetic.
"""
import os
import signal
import statistics
import subprocess
import sys
import time

import peer
from rig import (DEVICE, Fingers, Trace, Work, broker, charger, load_module, program, record,
                 wait_for)
import idle

IDLE_AFTER_MS = 120
# After the worker has found its pace again: a random moment of its slices.
AT_WORK_US = (0, 60000)
QUANTA_MS = (1, 2, 4, 8)
TOUCHES = 200
# Some come while the job has nothing on the device; many where it waits for the processor.
EXTRA, EXTRA_LOADED = 1.15, 3
SETTLE_S = 1
JOB_EVENTS = {
    "dma_fence/dma_fence_emit": None,
    "dma_fence/dma_fence_signaled": None,
    "virtio_gpu/virtio_gpu_cmd_queue": "type == 0x207",
}
GRACE_MS, LIMIT_MS = 50, 150
SIGNAL_EVENTS = {"signal/signal_generate": "sig == 9 || sig == 19"}
# The owner's input path, alternately with and without the module.
COST_PAIRS, COST_EVENTS = 15, 20000
QUIET_S, QUIET_SETTLE_S = 90, 10

quick = False


def count(full):
    return max(3, full // 20) if quick else full


def storm(name, work, fingers, quantum, loaded=False, watch=False):
    """Touches at random moments of a job at work."""
    n = count(TOUCHES)
    with Trace(JOB_EVENTS) as trace:
        threads = set(work.threads)
        trace.start()
        slices = work.report.slices
        touches = fingers.storm(int(n * (EXTRA_LOADED if loaded else EXTRA)) + 1, *AT_WORK_US, watch)
        time.sleep(SETTLE_S)  # the last slices end
        threads |= set(work.threads)
        slices = work.report.slices - slices
        trace.save(name)
    record(name, wanted=n, quantum_ms=quantum, loaded=loaded, watched=watch, touches=touches,
           slices=slices, threads=sorted(threads), idle_after_ns=IDLE_AFTER_MS * 10**6)


def storms(tier, module, quanta, loaded=False):
    load_module(module == "require")
    with Fingers() as fingers, \
            broker(module, gate={"idle_after": f"{IDLE_AFTER_MS}ms"},
                   slices={"evict_after": "1h", "checkpoint_every": "0", "slice_limit": "2s",
                           "first_slice_limit": "1min", "grace": "1s", "kill": "10s"}) as b:
        b.wait_open()
        work = Work(b)
        fingers.page(work.page(module))
        fingers.work(work.report_page())
        load = subprocess.Popen(["stress-ng", "--quiet", "--cpu", "2", "--cpu-method", "int64"]) \
            if loaded else None
        for quantum in quanta:
            work.quantum(quantum)
            storm(f"{tier}-{quantum}ms", work, fingers, quantum, loaded)
        if quanta[-1] != 4:
            work.quantum(4)
        storm(f"{tier}-page", work, fingers, 4, loaded, watch=True)
        if load:
            load.terminate()
            load.wait()
        b.run("cancel", work.job)


def module_tier():
    storms("module", "require", QUANTA_MS[2:3] if quick else QUANTA_MS)


def evdev_tier():
    storms("evdev", "off", QUANTA_MS[2:3] if quick else QUANTA_MS)


def loaded_module():
    storms("loaded-module", "require", (4,), loaded=True)


def loaded_evdev():
    storms("loaded-evdev", "off", (4,), loaded=True)


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        return f.read().rsplit(")", 1)[1].split()[0]


def enforce_leases(b, fingers, trace):
    """Leases that ignore the gate, one after the other, while the daemon is stopped."""
    found = []
    for _ in range(count(100)):
        with subprocess.Popen(program("lease", GRACE_MS, LIMIT_MS), stdout=subprocess.PIPE) as lease:
            if lease.stdout.readline() != b"running\n":
                raise AssertionError("the lease does not run")
            b.process.send_signal(signal.SIGSTOP)
            touch = fingers.touch()
            status = lease.wait(30)
        if status != -signal.SIGKILL:
            raise AssertionError(f"a lease that ignores the gate ended with {status}")
        found.append({"pid": lease.pid, "touch": touch})
    b.process.send_signal(signal.SIGCONT)
    trace.save("enforce-lease")
    record("enforce-lease", grace_ms=GRACE_MS, limit_ms=LIMIT_MS, rounds=found)


def enforce_workers(b, fingers, trace):
    """brokerd and its worker both stopped by somebody else, in the middle of the work."""
    found = []
    trace.start()
    work = Work(b)
    for i in range(count(20)):
        if i:
            work.find()
        os.kill(work.pid, signal.SIGSTOP)
        b.process.send_signal(signal.SIGSTOP)
        touch = fingers.touch()
        wait_for("the worker's end", lambda: state_of(work.pid) in "ZX")
        found.append({"pid": work.pid, "touch": touch})
        b.process.send_signal(signal.SIGCONT)
        b.wait_open()
    trace.save("enforce-worker")
    b.run("cancel", work.job)
    record("enforce-worker", grace_ms=GRACE_MS, limit_ms=LIMIT_MS, rounds=found)


def enforce():
    load_module()
    with Fingers() as fingers, Trace(SIGNAL_EVENTS) as trace, \
            broker("require", gate={"idle_after": f"{3 * LIMIT_MS}ms"},
                   slices={"grace": f"{GRACE_MS}ms", "kill": f"{LIMIT_MS}ms", "evict_after": "1h"}) as b:
        b.wait_open()
        fingers.page(DEVICE)
        trace.start()
        enforce_leases(b, fingers, trace)
        b.wait_open()
        enforce_workers(b, fingers, trace)


def cost_once(loaded, events):
    load_module(loaded)
    r = subprocess.run(program("input_cost", events, int(loaded)), stdout=subprocess.PIPE, check=True)
    return float(r.stdout)


def input_cost():
    pairs, events = count(COST_PAIRS), count(COST_EVENTS)
    found = []
    cost_once(True, events)
    cost_once(False, events)
    for i in range(pairs):
        order = (True, False) if i % 2 else (False, True)
        ns = {loaded: cost_once(loaded, events) for loaded in order}
        found.append([ns[False], ns[True]])
    print(f"    medians: {statistics.median(p[0] for p in found):.0f} ns without, "
          f"{statistics.median(p[1] for p in found):.0f} ns with the module", flush=True)
    record("input", pairs=found, events=events)


def module_range():
    """Where the module's functions are."""
    with open("/proc/modules", encoding="ascii") as f:
        for line in f:
            words = line.split()
            if words[0] == "idlegate":
                return int(words[5], 16), int(words[5], 16) + int(words[1])
    raise AssertionError("the module is not loaded")


def by_itself(low, high, pids):
    """Timers that the module arms, work that it queues, and who wakes the daemon."""
    rule = f"function >= {low:#x} && function < {high:#x}"
    return {
        "timer/timer_start": rule,
        "timer/hrtimer_start": rule,
        "timer/hrtimer_expire_entry": rule,
        "timer/timer_expire_entry": rule,
        "workqueue/workqueue_queue_work": rule,
        "sched/sched_waking": " || ".join(f"pid == {p}" for p in pids),
    }


def quiet():
    """The gate closed by a charger that is not there: nothing has a deadline."""
    load_module()
    seconds = 10 if quick else QUIET_S
    with Fingers() as fingers, broker("require") as b:
        b.wait_open()
        fingers.page(DEVICE)
        charger(False)
        wait_for("the hold", lambda: b.holds() == {"not-charging"})
        time.sleep(QUIET_SETTLE_S)
        pids = [int(t) for t in os.listdir(f"/proc/{b.process.pid}/task")]
        with Trace(by_itself(*module_range(), pids)) as trace:
            trace.start()
            began, before = time.monotonic(), idle.switches(b.process.pid)
            time.sleep(seconds)
            took, after = time.monotonic() - began, idle.switches(b.process.pid)
            trace.save("quiet")
            holds = sorted(b.holds())
            # Would the trace have seen a timer? A touch arms one.
            charger(True)
            b.wait_open()
            trace.start()
            fingers.touch()
            b.wait_open()
            trace.save("quiet-control")
    record("quiet", seconds=took, threads=pids, switches=idle.per_minute(before, after, took),
           holds=holds)


def peers():
    with Fingers() as fingers:
        record("peer", **peer.measure(fingers, 20 if quick else 120))


NAMES = {
    "module": module_tier,
    "evdev": evdev_tier,
    "loaded-module": loaded_module,
    "loaded-evdev": loaded_evdev,
    "enforce": enforce,
    "input": input_cost,
    "quiet": quiet,
    "peer": peers,
}


def main(known):
    global quick
    names = sys.argv[1:]
    if names[:1] == ["--quick"]:
        quick = True
        names = names[1:]
    for name in names:
        known[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(NAMES))
