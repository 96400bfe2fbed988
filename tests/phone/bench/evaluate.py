# SPDX-License-Identifier: MIT
"""From what the guest wrote down to figures."""
import json
import os
import statistics

import trace
from figures import AT_MOST

MS, US = 1e6, 1e3
MARGIN_MS = 5
# Slots of the worker: so many slices are on the device when a touch comes.
IN_FLIGHT = 2
# The worker's count is read just before and just after the trace; slices start and end meanwhile.
SLICES_APART = 8
PAGE_US = 200
SUBMIT_MS = 5
SUBMIT_LOADED_MS = 10
ENFORCE_MS = 5
COST_PERCENT = 5
DAEMON_WAKEUPS = 1


class Seen:
    """The records of a run, in the folder that host and guest share."""

    def __init__(self, folder):
        self.folder = folder

    def record(self, name):
        path = os.path.join(self.folder, name + ".json")
        if not os.path.exists(path):
            return None
        with open(path, encoding="ascii") as f:
            return json.load(f)

    def events(self, name):
        with open(os.path.join(self.folder, name + ".trace"), encoding="ascii", errors="replace") as f:
            return trace.parse(f)


class Storm:
    """One storm of touches: what each did to the job."""

    hold = 1  # bit of the hold that a touch sets

    # pylint: disable=too-many-instance-attributes
    def __init__(self, seen, name):
        self.name, self.record = name, seen.record(name)
        r = self.record
        events, threads = seen.events(name), set(r["threads"])
        found = trace.slices(events, threads)
        submitted = trace.submissions(events, threads)
        if not found:
            raise trace.TraceError(f"{name}: the job emitted no fence while it was watched")
        if abs(len(found) - r["slices"]) > SLICES_APART:
            raise trace.TraceError(f"{name}: the worker counted {r['slices']} slices and the kernel "
                                   f"{len(found)} fences: one of them does not see all")
        self.slice_ns = trace.slice_times(found)
        self.stops, self.page_ns, self.seen_ns, self.idle = [], [], [], 0
        for before, changed, seen_at, holds in self.closes(events):
            if not holds & self.hold:
                raise trace.TraceError(f"{name}: what came at {before} did not close the gate")
            stop = trace.stop_of(before, before + r["idle_after_ns"], submitted, found)
            self.idle += stop is None
            if stop is None or len(self.stops) == r["wanted"]:
                continue
            self.stops.append(stop)
            self.page_ns.append(changed - before)
            if seen_at:
                self.seen_ns.append(seen_at - before)
        if len(self.stops) < r["wanted"]:
            raise trace.TraceError(f"{name}: only {len(self.stops)} of {r['wanted']} touches met a job at "
                                   f"work, {self.idle} did not")

    def closes(self, _events):
        """[(when it came, the page's changed_ns, when another processor saw it or 0, holds)]"""
        return [(before, changed, seen_at, holds) for before, _, changed, seen_at, holds in self.record["touches"]]

    @property
    def slice_ms(self):
        return statistics.median(self.slice_ns) / MS

    def free_ms(self, share):
        return trace.quantile([s.free for s in self.stops], share) / MS

    def submit_ms(self, share):
        return trace.quantile([s.last_submit for s in self.stops], share) / MS

    def submitted_after(self):
        """Touches after which something was still submitted."""
        return sum(1 for s in self.stops if s.last_submit)


def put_storm(figures, storm, prefix, suffix, submit_target=None, free_target=True):
    n = len(storm.stops)
    slice_p99 = trace.quantile(storm.slice_ns, 0.99) / MS
    figures.put(f"{prefix}slice_ms_p50{suffix}", storm.slice_ms, f"p99 {slice_p99:.2f}, {len(storm.slice_ns)} slices")
    figures.put(f"{prefix}touch_to_last_submit_ms_p50{suffix}", storm.submit_ms(0.5),
                f"{storm.submitted_after()} of {n} touches were followed by a submission")
    figures.put(f"{prefix}touch_to_last_submit_ms_p99{suffix}", storm.submit_ms(0.99),
                f"longest {storm.submit_ms(1):.2f}", submit_target)
    figures.put(f"{prefix}touch_to_free_ms_p50{suffix}", storm.free_ms(0.5))
    limit = round(IN_FLIGHT * storm.slice_ms + MARGIN_MS, 2)
    figures.put(f"{prefix}touch_to_free_ms_p99{suffix}", storm.free_ms(0.99),
                f"longest {storm.free_ms(1):.2f}", (AT_MOST, limit) if free_target else None)


def put_page(figures, storm, prefix, target):
    figures.put(f"{prefix}touch_to_page_us_p50", trace.quantile(storm.seen_ns, 0.5) / US,
                "as another processor saw it")
    figures.put(f"{prefix}touch_to_page_us_p99", trace.quantile(storm.seen_ns, 0.99) / US,
                f"longest {max(storm.seen_ns) / US:.0f}", target)
    figures.put(f"{prefix}touch_to_changed_us_p99", trace.quantile(storm.page_ns, 0.99) / US,
                "by the page's own changed_ns")


def put_tier(figures, seen, tier, prefix, submit_ms=None, page_us=None, free_target=True):
    """All storms of a tier that were recorded; the one of 4 ms has the plain names."""
    submit = (AT_MOST, submit_ms) if submit_ms else None
    for quantum in (1, 2, 4, 8):
        if seen.record(f"{tier}-{quantum}ms"):
            print(f"    quantum {quantum} ms", flush=True)
            put_storm(figures, Storm(seen, f"{tier}-{quantum}ms"), prefix,
                      "" if quantum == 4 else f"_q{quantum}", submit, free_target)
    if seen.record(f"{tier}-page"):
        put_page(figures, Storm(seen, f"{tier}-page"), prefix, (AT_MOST, page_us) if page_us else None)


def put_module(figures, seen):
    put_tier(figures, seen, "module", "", SUBMIT_MS, PAGE_US)


def put_evdev(figures, seen):
    put_tier(figures, seen, "evdev", "evdev_", free_target=False)


def put_loaded_module(figures, seen):
    put_tier(figures, seen, "loaded-module", "loaded_", SUBMIT_LOADED_MS, free_target=False)


def put_loaded_evdev(figures, seen):
    put_tier(figures, seen, "loaded-evdev", "loaded_evdev_", free_target=False)


def enforced(events, rounds, grace_ms, limit_ms):
    """[(ms past the grace, ms past the limit)] counted from the page's changed_ns."""
    found = []
    for r in rounds:
        closed = r["touch"][2]
        sent = [(at, sig) for at, sig in trace.signals(events, r["pid"]) if at > closed]
        stop = [at for at, sig in sent if sig == 19]
        kill = [at for at, sig in sent if sig == 9]
        if not stop or not kill:
            raise trace.TraceError(f"process {r['pid']} was sent {sent} after the close at {closed}")
        found.append(((stop[0] - closed) / MS - grace_ms, (kill[0] - closed) / MS - limit_ms))
    return found


def put_enforce(figures, seen):
    for who, what in (("lease", "a lease that ignores the gate, brokerd stopped"),
                      ("worker", "worker and brokerd stopped in the middle of the work")):
        r = seen.record(f"enforce-{who}")
        found = enforced(seen.events(f"enforce-{who}"), r["rounds"], r["grace_ms"], r["limit_ms"])
        print(f"    {what}: {len(found)} times; grace {r['grace_ms']} ms, limit {r['limit_ms']} ms",
              flush=True)
        for i, name in enumerate(("grace", "limit")):
            late = [pair[i] for pair in found]
            early = f"earliest {min(late):.3f}" + (": TOO EARLY" if min(late) < -0.1 else "")
            figures.put(f"enforce_ms_{who}_past_{name}_p50", trace.quantile(late, 0.5), early)
            figures.put(f"enforce_ms_{who}_past_{name}_p99", trace.quantile(late, 0.99),
                        f"longest {max(late):.3f}", (AT_MOST, ENFORCE_MS))


def put_input(figures, seen):
    r = seen.record("input")
    off, on = ([p[i] for p in r["pairs"]] for i in (0, 1))
    figures.put("input_ns_per_event_off", statistics.median(off), "from the write of uinput to a reader of evdev")
    figures.put("input_ns_per_event_on", statistics.median(on), "the module loaded and hosting")
    extra = [b - a for a, b in r["pairs"]]
    share = [100 * (b - a) / a for a, b in r["pairs"]]
    figures.put("input_ns_per_event", statistics.median(extra),
                f"of the module; {len(extra)} pairs of {r['events']:,} events, "
                f"from {min(extra):.0f} to {max(extra):.0f}")
    figures.put("input_percent_of_path", statistics.median(share), "", (AT_MOST, COST_PERCENT))


def put_quiet(figures, seen):
    r = seen.record("quiet")
    if r["holds"] != ["not-charging"]:
        raise trace.TraceError(f"the gate was held by {r['holds']}, not by the charger alone")
    events, threads = seen.events("quiet"), set(r["threads"])
    armed = trace.timers_of(events, "idlegate")
    control = trace.timers_of(seen.events("quiet-control"), "idlegate")
    if not control:
        raise trace.TraceError("not one timer of the module was seen when a touch had to arm one: "
                               "that there are none while the gate is closed says nothing")
    minutes = r["seconds"] / 60
    figures.put("idle_module_timers", len(armed), f"in {r['seconds']:.0f} s; a touch: {len(control)} events",
                (AT_MOST, 0))
    woken = trace.wakeups(events, threads)
    figures.put("idle_wakeups_per_min", (woken + len(armed)) / minutes,
                f"of {len(threads)} threads of brokerd and the module; by switches {r['switches'] or 0}",
                (AT_MOST, DAEMON_WAKEUPS))


def put_peer(figures, seen):
    r = seen.record("peer")
    print(f"    boinc-client {r['version']}; before: {r['before']}", flush=True)
    if r["ms"] is not None:
        figures.put("peer_touch_to_suspend_ms", r["ms"], f"after {r['touches']} touches")
        return
    print(f"    it did not notice {r['touches']} touches in {r['waited_s']} s, and says: {r['after']}")
    figures.put("peer_touches_not_noticed", r["touches"])
    figures.put("peer_waited_s", r["waited_s"])
    if r["control_ms"] is None:
        raise trace.TraceError("boinc-client did not notice the control, a terminal that was typed at, either: "
                               f"{r['control']}")
    figures.put("peer_terminal_to_suspend_ms", r["control_ms"], f"the control: {r['control']}")
    for line in r["log"]:
        print("      " + line)
