# SPDX-License-Identifier: MIT
"""What cutting work into slices costs, how well slices keep to the quantum, how soon they stop."""
import os
import random
import statistics
import time

from harness import Broker, VarlinkConnection, wait_for
from jobs import mix_bundle
from pages import FINISHED, PARKED, Gate, Report, quantile

PAIRS = 5
STOPS = 200
# The largest quantum that the configuration allows. Dispatches of the job take a part of it, so
# they go to the device whole, a few in one submission: nothing to win by leaving them whole is lost.
UNCUT = "100ms"
WARM_UP = 0.1  # of the job: its first slices are small, on purpose
DISPATCHES = 200
GROUPS, ROUNDS = 4096, 64


def bundle(b, **more):
    path = os.path.join(b.root, "mix")
    return path if os.path.isdir(path) else mix_bundle(b.root, **more)


def undisturbed(pid):
    """
    A software device computes on the processor, with the priority of idle time: any other program
    would be measured too. A GPU's work does not wait for compilers. So that its stand-in's does not
    either, the worker's threads go before all others. The daemon keeps the priority that it gave
    itself. And a GPU fetches its next command by itself: so llvmpipe computes in the thread that
    holds the queue (LP_NUM_THREADS=0). With one thread more (1), each dispatch is handed to it and
    back, 0.1 to 0.2 ms of waking threads that no GPU has.
    """
    if (os.cpu_count() or 1) > 1:
        for task in map(int, os.listdir(f"/proc/{pid}/task")):
            os.sched_setscheduler(task, os.SCHED_RR, os.sched_param(1))


def report_of(b, job):
    """The worker that runs it, and its page. Others, which look at a device, have no page."""
    def look():
        for pid in b.worker_pids():
            try:
                report = Report(pid)
                undisturbed(pid)
                return pid, report
            except (FileNotFoundError, ProcessLookupError):
                continue
        return None
    b.wait_phase(job, "running")
    return wait_for("the worker", look)


def run_once(b, quantum, rounds):
    """Returns ns for each dispatch in steady state, and the report page."""
    b.settings["slices"]["quantum"] = quantum
    b.write_config()
    b.run("reload")
    job = b.submit(bundle(b, outer=DISPATCHES // 10, inner=10, groups=GROUPS, rounds=rounds))
    _, report = report_of(b, job)
    wait_for("the warm-up", lambda: report.dispatches_done >= DISPATCHES * WARM_UP, 120)
    first, start, busy = report.dispatches_done, report.last_done_ns, report.device_ns
    wait_for("the end", lambda: report.state == FINISHED or
             report.dispatches_done == DISPATCHES, 300)
    ns = (report.last_done_ns - start) / (DISPATCHES - first)
    b.wait_state(job, "done")
    return ns, report, (report.device_ns - busy) / (report.last_done_ns - start)


def measure_cutting(figures):
    print("slices: the same job with the default quantum (4 ms), and with a quantum so large that "
          f"nothing is cut ({UNCUT});\n        time a dispatch after the warm-up, {PAIRS} pairs",
          flush=True)
    ratios, histogram, longest = [], [0] * 64, 0
    with Broker() as b:
        b.wait_open()
        rounds = ROUNDS
        run_once(b, UNCUT, rounds)
        for i in range(PAIRS):
            order = [UNCUT, "4ms"] if i % 2 else ["4ms", UNCUT]
            found = {quantum: run_once(b, quantum, rounds) for quantum in order}
            (whole, wr, wb), (cut, cr, cb) = found[UNCUT], found["4ms"]
            ratios.append(whole / cut)
            histogram = [x + y for x, y in zip(histogram, cr.histogram)]
            longest = max(longest, cr.longest_slice_ns)
            print(f"    pair {i + 1}: whole {whole / 1e6:7.2f} ms a dispatch in {wr.slices} slices, "
                  f"cut {cut / 1e6:7.2f} ms in {cr.slices} slices: {whole / cut:.3f} "
                  f"(device busy {wb:.3f}, {cb:.3f})", flush=True)
    figures.put("slice_efficiency", statistics.median(ratios),
                f"from {min(ratios):.3f} to {max(ratios):.3f}")
    figures.put("slice_overrun_p99", quantile(histogram, 0.99), f"of {sum(histogram)} slices")
    figures.put("slice_overrun_p50", quantile(histogram, 0.5))
    figures.put("slice_longest_ms", longest / 1e6)


def processor_ns(pid):
    """Of all threads. On a software device this is what the device does: a witness of its own."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total


def stop_once(b, client, gate, report, pid, rng):
    """Returns ns from before the call to the last fence, to the closed gate; and what ran after."""
    submitted = report.slices
    b.run("resume")
    wait_for("slices", lambda: report.slices > submitted + 3)
    time.sleep(rng.uniform(0, 0.05))
    asked = time.monotonic_ns()
    client.call("io.idlebroker.Pause")
    wait_for("the device to be free", lambda: report.state == PARKED and not report.in_flight)
    done = report.last_done_ns
    used = processor_ns(pid)
    time.sleep(0.01)
    return max(done - asked, 0), gate.changed_ns - asked, processor_ns(pid) - used


def measure_stops(figures):
    print(f"stops: from before the call of Pause to the last fence of a saturating job, {STOPS} random "
          "moments", flush=True)
    rng = random.Random(1)
    with Broker(slices={"evict_after": "1h", "checkpoint_every": "0"}) as b:
        b.wait_open()
        job = b.submit(bundle(b, outer=60000, inner=10, groups=GROUPS, rounds=ROUNDS))
        pid, report = report_of(b, job)
        gate = Gate(pid)
        wait_for("steady state", lambda: report.slices > 200, 120)
        with VarlinkConnection(b.socket) as client:
            if (os.cpu_count() or 1) > 1:  # who asks must not be kept from it
                os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
            found = [stop_once(b, client, gate, report, pid, rng) for _ in range(STOPS)]
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        b.run("cancel", job)
    ms = sorted(ns / 1e6 for ns, _, _ in found)
    gate_ms = sorted(ns / 1e6 for _, ns, _ in found)
    after = sum(1 for _, _, used in found if used > 1e6)
    figures.put("stop_ms_p50", ms[STOPS // 2])
    figures.put("stop_ms_p99", ms[STOPS * 99 // 100])
    figures.put("stop_ms_longest", ms[-1])
    figures.put("stop_gate_ms_p50", gate_ms[STOPS // 2], "of that until the gate was closed")
    figures.put("stop_gate_ms_p99", gate_ms[STOPS * 99 // 100])
    figures.put("stop_busy_after", after,
                "times that the worker's threads still computed after that fence")
