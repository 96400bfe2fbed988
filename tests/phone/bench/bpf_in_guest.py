#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `make bench-bpf` runs inside the virtual phone: bpf_in_guest.py [--quick] NAME...

brokerd runs without the module and with eBPF; programs of the owner's use the NPU and the GPU. As
in in_guest.py, what was seen is written down, and the host makes figures of it (bpf_evaluate.py).
"""
import os
import random
import sys
import time

import in_guest
from rig import Fingers, Npu, Trace, Work, broker, drawing, load_module, meet, record, wait_for
import idle
from kernel_bpf import prog_runs
from pages import Gate

FOREIGN_EVENTS = {
    **in_guest.JOB_EVENTS,
    "gpu_scheduler/drm_sched_job_queue": None,
}
GPU_EVENTS = {
    "virtio_gpu/virtio_gpu_cmd_queue": "type == 0x207",
    "virtio_gpu/virtio_gpu_cmd_response": None,
}
ROUNDS, ROUNDS_EXTRA = 200, 1.15
PIECE_MS = 10
WINDOW_MS = 500
AT_WORK_S = 0.06
ASK_S = 0.6  # after which Usage looks anew
# How long each job of the NPU is, and how many there are.
NPU_JOBS = ((1000, 3), (100, 20), (10, 100))
GPU_PIECE_MS, GPU_PIECES = 100, 30
PROBE_JOBS, PROBE_HZ, PROBE_S = 300, 240, 5
STATS = "/proc/sys/kernel/bpf_stats_enabled"
TOUCH_HZ, TOUCH_S, SETTLE_S = 240, 30, 4
REDRAW_MS, REDRAW_EVERY_MS, REDRAWS = 5, 1000, 180
CONTROL_S = 3


def few(full):
    return in_guest.count(full)


def ebpf_broker(**gate):
    """Nothing but eBPF tells it of the owner's input and of other programs' work."""
    load_module(False)
    return broker("off", gate={"ebpf": "yes", "gpu_busy": "5%", **gate},
                  slices={"evict_after": "1h", "checkpoint_every": "0", "slice_limit": "2s",
                          "first_slice_limit": "1min", "grace": "1s", "kill": "10s"})


def programs_attached(b, *sensors):
    """What these sensors say comes from eBPF, and of the work not by fences alone."""
    b.wait_programs()

    def look():
        found = {s["name"]: s for s in b.json("doctor", check=False)["sensors"]}
        return found if all(found[s]["tier"] == "ebpf" for s in sensors) else None
    found = wait_for(f"{', '.join(sensors)} to be eBPF's", look)
    if "gpu" in sensors and "coarsely" in found["gpu"]["detail"]:
        raise AssertionError(f"the devices are seen by their fences alone: {found}")


def one_round(work, gate, client):
    """[when the client was told, the page's changed_ns, holds]: a piece of work at a random moment."""
    work.wait_pace(gate, random.uniform(0, AT_WORK_S))
    told = time.monotonic_ns()
    client.work(1)
    holds, changed = gate.look()
    return [told, changed, holds]


def rounds(name, work, client, trace):
    """Pieces of a foreign program at random moments of a job at work."""
    n = few(ROUNDS)
    with client:
        gate = Gate(work.pid)
        threads = set(work.threads)
        trace.start()
        slices = work.report.slices
        found = [one_round(work, gate, client) for _ in range(int(n * ROUNDS_EXTRA) + 1)]
        time.sleep(in_guest.SETTLE_S)
        threads |= set(work.threads)
        slices = work.report.slices - slices
        foreign = client.threads
        trace.save(name)
    record(name, wanted=n, rounds=found, slices=slices, threads=sorted(threads), foreign=foreign,
           idle_after_ns=WINDOW_MS * 10**6)


def foreign():
    # What is called first at a tracepoint is what was there first: a program of ours that wakes brokerd
    # must not make the trace late.
    with Npu() as npu, Trace(FOREIGN_EVENTS) as trace, \
            ebpf_broker(idle_after="120ms", gpu_at_once="yes", gpu_window=f"{WINDOW_MS}ms",
                        dwell_gpu_busy="0") as b:
        programs_attached(b, "gpu")
        b.wait_open()
        work = Work(b)
        rounds("foreign-npu", work, npu.client(PIECE_MS), trace)
        rounds("foreign-gpu", work, drawing(PIECE_MS), trace)
        b.run("cancel", work.job)


def our_count(b, pid):
    """Device time of a process as brokerd tells it."""
    time.sleep(ASK_S)
    found = b.call("io.idlebroker.Usage")["parameters"]
    if found["source"] != "ebpf":
        raise AssertionError(f"device times come from {found['source']}")
    return sum(c.get("device_ns") or 0 for c in found["clients"] if c["pid"] == pid)


def fdinfo_count(pid):
    """The driver's."""
    total = 0
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as f:
            words = dict(line.split(":", 1) for line in f if ":" in line)
        total += int(words.get("drm-engine-npu", "0 ns").split()[0])
    return total


def npu_alone(b, npu, piece_ms, jobs):
    with npu.client(piece_ms) as client:
        before = our_count(b, client.pid), fdinfo_count(client.pid)
        client.work(jobs)
        after = our_count(b, client.pid), fdinfo_count(client.pid)
    return {"what": f"{jobs} jobs of {piece_ms} ms", "ours": after[0] - before[0], "theirs": after[1] - before[1],
            "jobs": jobs}


def npu_shared(b, npu, piece_ms, jobs):
    """Two programs take turns."""
    with npu.client(piece_ms) as one, npu.client(piece_ms) as other:
        both = (one, other)
        before = [(our_count(b, c.pid), fdinfo_count(c.pid)) for c in both]
        for c in both:
            c.work(jobs, wait=False)
        for c in both:
            c.line("done")
        after = [(our_count(b, c.pid), fdinfo_count(c.pid)) for c in both]
    return [{"what": f"one of two, {jobs} jobs of {piece_ms} ms", "ours": y[0] - x[0], "theirs": y[1] - x[1],
             "jobs": jobs} for x, y in zip(before, after)]


def attribution_npu():
    with Npu() as npu, ebpf_broker(idle_after="120ms") as b:
        programs_attached(b, "gpu")
        found = [npu_alone(b, npu, ms, few(n)) for ms, n in NPU_JOBS]
        found += npu_shared(b, npu, 50, few(20))
    record("attribution-npu", cases=found)


def attribution_gpu():
    """No job of ours is at work, so that what the host's threads do is the one client's."""
    pieces = few(GPU_PIECES)
    with ebpf_broker(idle_after="120ms") as b, drawing(GPU_PIECE_MS) as client, \
            Trace(GPU_EVENTS) as trace:
        programs_attached(b, "gpu")
        client.work(1)
        before = our_count(b, client.pid)
        trace.start()
        meet("attribution-begin")
        client.work(pieces)
        meet("attribution-end")
        trace.save("attribution-gpu")
        ours = our_count(b, client.pid) - before
        foreign_threads = client.threads
    record("attribution-gpu", ours=ours, jobs=pieces, threads=foreign_threads)


def since(before, after):
    return [b - a for a, b in zip(before, after)]


def probes():
    """The kernel's own count of what each program costs, while all of them have work."""
    seconds = 2 if in_guest.quick else PROBE_S
    with Npu() as npu, Fingers() as fingers, ebpf_broker(idle_after="2min") as b:
        programs_attached(b, "gpu", "input")
        with npu.client(1) as queued, drawing(2) as drawn:
            before = prog_runs(b.process.pid)
            with open(STATS, "w", encoding="ascii") as f:
                f.write("1")
            fingers.swipe(PROBE_HZ, seconds)
            queued.work(PROBE_JOBS)
            drawn.work(PROBE_JOBS)
            with open(STATS, "w", encoding="ascii") as f:
                f.write("0")
            after = prog_runs(b.process.pid)
    record("probes", programs={name: since(before.get(name, (0, 0)), now)
                              for name, now in after.items()})


def touched():
    """Who wakes brokerd while a finger draws? With the usual idle time: looks come by a part of it."""
    seconds = 10 if in_guest.quick else TOUCH_S
    with Fingers() as fingers, ebpf_broker(idle_after="2min") as b:
        programs_attached(b, "input")
        fingers.swipe(TOUCH_HZ, 1)
        time.sleep(SETTLE_S)
        pids = [int(t) for t in os.listdir(f"/proc/{b.process.pid}/task")]
        with Trace({"sched/sched_waking": " || ".join(f"pid == {p}" for p in pids)}) as trace:
            trace.start()
            before = idle.switches(b.process.pid)
            first, last, told = fingers.swipe(TOUCH_HZ, seconds)
            after = idle.switches(b.process.pid)
            trace.save("touched")
        holds = sorted(b.holds())
    record("touched", seconds=(last - first) / 1e9, told=told, threads=pids, holds=holds,
           switches=sum(after.values()) - sum(before.values()))


def redraws():
    """A program that draws a little once a second, and then without a pause."""
    n = 20 if in_guest.quick else REDRAWS
    with ebpf_broker(idle_after="120ms") as b, drawing(REDRAW_MS) as client, Trace(GPU_EVENTS) as trace:
        programs_attached(b, "gpu")
        b.wait_open()
        work = Work(b)
        work.wait_pace(Gate(work.pid), 0)
        used, closes, began = our_count(b, client.pid), b.gate()["closes"], time.monotonic()
        trace.start()
        client.work(n, REDRAW_EVERY_MS)
        took, gate = time.monotonic() - began, b.gate()
        trace.save("redraws")
        used = our_count(b, client.pid) - used
        threads = client.threads
        b.wait_open()
        # Would it have been seen? All of the device for some seconds is too much.
        began = time.monotonic_ns()
        client.work(CONTROL_S * 1000 // REDRAW_MS, wait=False)
        page = Gate(work.pid)
        holds, changed = wait_for("the hold", lambda: page.look() if page.look()[0] else None)
        client.line("done")
        b.run("cancel", work.job)
    record("redraws", redraws=n, threads=threads, seconds=took, closes=gate["closes"] - closes, used_ns=used,
           history=[c["set"] for c in gate["history"][:2 * (gate["closes"] - closes)]],
           control_ns=changed - began, control_holds=holds)


NAMES = {
    "foreign": foreign,
    "attribution-npu": attribution_npu,
    "attribution-gpu": attribution_gpu,
    "probes": probes,
    "touched": touched,
    "redraws": redraws,
}


if __name__ == "__main__":
    sys.exit(in_guest.main(NAMES))
