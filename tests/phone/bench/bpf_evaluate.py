# SPDX-License-Identifier: MIT
"""From what the guest wrote down of eBPF to figures; pure but for the files it reads."""

import trace
from evaluate import IN_FLIGHT, MARGIN_MS, MS, US, Storm
from figures import AT_MOST

HOLD_US = 1000
ERROR_PERCENT = 2
PROBE_NS = 1000
WAKEUPS = 5
GPU_BUSY = 1 << 7  # linux/idlegate.h
# What must have run for its figure to say anything.
PROBE_RUNS = 100
PROBES = ("input_", "sched_queue", "sched_run", "sched_done", "virtio_queue", "virtio_response")
HZ_SHARE = 0.9  # of the touches that were to be told


class ForeignStorm(Storm):
    """Work of foreign programs, and what it did to the job."""
    hold = GPU_BUSY

    def closes(self, events):
        given = trace.given(events, set(self.record["foreign"]))
        return [(first_after(given, told, self.name), changed, 0, holds)
                for told, changed, holds in self.record["rounds"]]


def first_after(given, told, name):
    """When the program, told to, first gave work to the device."""
    # The trace cuts its times to microseconds.
    found = [at for at in given if at >= told - US]
    if not found:
        raise trace.TraceError(f"{name}: the program was told to work at {told}, and the kernel saw none of it")
    return found[0]


def put_foreign(figures, seen):
    for device, prefix in (("npu", ""), ("gpu", "gpu_")):
        storm = ForeignStorm(seen, f"foreign-{device}")
        early = min(storm.page_ns)
        if early < -US:
            raise trace.TraceError(f"{storm.name}: a hold {-early} ns before the work that it is for")
        limit = round(IN_FLIGHT * storm.slice_ms + MARGIN_MS, 2)
        print(f"    a program's work on the {device.upper()}, {len(storm.stops)} times; the job is on the GPU, "
              f"its slices {storm.slice_ms:.1f} ms", flush=True)
        figures.put(f"{prefix}foreign_submit_to_hold_us_p50", trace.quantile(storm.page_ns, 0.5) / US)
        figures.put(f"{prefix}foreign_submit_to_hold_us_p99", trace.quantile(storm.page_ns, 0.99) / US,
                    f"longest {max(storm.page_ns) / US:.0f}", (AT_MOST, HOLD_US))
        figures.put(f"{prefix}foreign_submit_to_last_submit_ms_p99", storm.submit_ms(0.99),
                    f"{storm.submitted_after()} of {len(storm.stops)} were followed by a submission")
        figures.put(f"{prefix}foreign_submit_to_free_ms_p50", storm.free_ms(0.5))
        figures.put(f"{prefix}foreign_submit_to_free_ms_p99", storm.free_ms(0.99),
                    f"longest {storm.free_ms(1):.2f}", (AT_MOST, limit))


def error_percent(ours, theirs):
    if not theirs:
        raise trace.TraceError(f"nothing to compare {ours} ns of device time with")
    return 100 * abs(ours - theirs) / theirs


def put_attribution_npu(figures, seen):
    cases = seen.record("attribution-npu")["cases"]
    errors = [error_percent(c["ours"], c["theirs"]) for c in cases]
    for c, e in zip(cases, errors):
        print(f"    {c['what']}: {c['ours'] / MS:.2f} ms by our count, {c['theirs'] / MS:.2f} by the driver's: "
              f"{e:.3f} %", flush=True)
    figures.put("attribution_error_percent", max(errors), "the worst of these", (AT_MOST, ERROR_PERCENT))


def host_ns(before, after):
    """
    How long each of the host's threads computed, or could have and had to wait for a processor:
    [(ns, name)], the busiest first. A thread that is new did so from its first moment on.
    """
    used = [(ns - before.get(thread, (name, 0))[1], name) for thread, (name, ns) in after.items()]
    return sorted((u for u in used if u[0]), reverse=True)


def put_attribution_gpu(figures, seen):
    r, host = seen.record("attribution-gpu"), seen.record("attribution-gpu-host")
    by_trace = sum(trace.device_times(seen.events("attribution-gpu"), set(r["threads"])))
    threads = host_ns(host["before"], host["after"])
    if not threads:
        raise trace.TraceError("none of the host's threads computed anything for the guest")
    # The host's driver has one thread to compute in (LP_NUM_THREADS).
    by_host = threads[0][0]
    print(f"    {r['jobs']} pieces: {r['ours'] / MS:.2f} ms by our count, {by_trace / MS:.2f} by the kernel's trace, "
          f"{by_host / MS:.2f} by the host's thread", flush=True)
    print("    the host's busiest threads: " + ", ".join(f"{n} {ns / MS:.1f} ms" for ns, n in threads[:4]), flush=True)
    figures.put("gpu_attribution_trace_error_percent", error_percent(r["ours"], by_trace),
                "against the guest's own trace: the same tracepoints, counted anew")
    figures.put("gpu_attribution_error_percent", error_percent(r["ours"], by_host),
                "against the host's thread that computes for the guest", (AT_MOST, ERROR_PERCENT))
    figures.put("gpu_attribution_us_per_job", (r["ours"] - by_host) / r["jobs"] / US,
                "what a piece takes on its way, so more of a short one's time")


def put_probes(figures, seen):
    programs = seen.record("probes")["programs"]
    for wanted in PROBES:
        if not any(name.startswith(wanted) and n >= PROBE_RUNS for name, (_, n) in programs.items()):
            raise trace.TraceError(f"no program {wanted}* ran {PROBE_RUNS} times: {programs}")
    for name, (ns, n) in sorted(programs.items()):
        if n:
            figures.put(f"probe_ns_per_event_{name}", ns / n, f"{n:,} events",
                        (AT_MOST, PROBE_NS) if name.startswith("input_") else None)


def put_touched(figures, seen):
    r = seen.record("touched")
    rate = r["told"] / r["seconds"]
    if rate < HZ_SHARE * 240 or r["holds"] != ["user-active"]:
        raise trace.TraceError(f"the finger was told {rate:.0f} times a second and the holds were {r['holds']}")
    woken = trace.wakeups(seen.events("touched"), set(r["threads"]))
    figures.put("touched_wakeups_per_s", woken / r["seconds"],
                f"{r['told']} touches in {r['seconds']:.0f} s, {len(r['threads'])} threads; "
                f"by switches {r['switches'] / r['seconds']:.1f}", (AT_MOST, WAKEUPS))


def put_redraws(figures, seen):
    r = seen.record("redraws")
    other = {h for names in r["history"] for h in names} - {"gpu-busy"}
    if other:
        raise trace.TraceError(f"the gate was closed by {other} while a program drew")
    if not r["control_holds"] & GPU_BUSY:
        raise trace.TraceError("a program that drew without a pause was not seen either")
    share = r["used_ns"] / r["seconds"] / 1e7
    longest = max(trace.device_times(seen.events("redraws"), set(r["threads"])))
    figures.put("redraw_device_percent", share, f"{r['redraws']} pieces in {r['seconds']:.0f} s")
    # A machine with other things to do keeps the GPU, which is a program of its own, waiting too.
    figures.put("redraw_longest_ms", longest / MS, "a piece had the device so long, by the kernel's trace")
    figures.put("false_busy_per_hour", r["closes"] * 3600 / r["seconds"],
                f"{r['closes']} holds in {r['seconds']:.0f} s", (AT_MOST, 0))
    figures.put("busy_control_ms", r["control_ns"] / MS, "the same program without a pause: until the hold")
