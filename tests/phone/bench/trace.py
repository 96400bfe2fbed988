# SPDX-License-Identifier: MIT
"""What the kernel's trace says of a job: an observer that asks neither the broker nor the worker.

Pure: text in, times out. A trace is the text of tracefs with trace_clock=mono, so its times are
CLOCK_MONOTONIC. All times here are ns.

A slice is a fence that a thread of the worker emitted; it ends when that fence is signalled, which
another context does, so fences go by context and number. A submission is a command with a fence that a
thread of the worker queued to the device (virtio_gpu_cmd_queue of type SUBMIT_3D): each slice has
one. One without a fence only wakes the host's side of venus, for any call of Vulkan.

Of a driver with the DRM scheduler a submission is the event by which the scheduler takes the job.
"""
import dataclasses
import math
import re

LINE = re.compile(r"^\s*(?P<comm>.+)-(?P<pid>\d+)\s+(?:\([\s\d-]+\)\s+)?\[(?P<cpu>\d+)\]\s+"
                  r"(?:\S+\s+)?(?P<s>\d+)\.(?P<us>\d{6}):\s+(?P<event>\w+):\s+(?P<rest>.*)$")
ENTRIES = re.compile(r"^# entries-in-buffer/entries-written: (\d+)/(\d+)")
FIELD = re.compile(r"(\w+)=(\S+)")
SUBMIT = "0x207"
FENCED = 1
QUEUED = "drm_sched_job_queue"
SI_KERNEL = "128"  # brokerd's own signals have 0


class TraceError(Exception):
    """A trace that no figure can be made of."""


@dataclasses.dataclass
class Event:
    """One line."""
    at: int
    comm: str
    pid: int
    name: str
    text: str

    @property
    def fields(self):
        return dict(FIELD.findall(self.text))


@dataclasses.dataclass
class Slice:
    """One fence of the job; done is None if it was never signalled."""
    emitted: int
    done: int | None = None


def parse(lines):
    """Events, oldest first; TraceError if the buffer has lost any."""
    events = []
    for line in lines:
        m = LINE.match(line)
        if m:
            at = (int(m["s"]) * 1000000 + int(m["us"])) * 1000
            events.append(Event(at, m["comm"], int(m["pid"]), m["event"], m["rest"]))
            continue
        m = ENTRIES.match(line)
        if m and m[1] != m[2]:
            raise TraceError(f"the buffer lost events: it has {m[1]} of {m[2]}")
        if "LOST" in line and "EVENTS" in line:
            raise TraceError("the buffer lost events: " + line.strip())
    events.sort(key=lambda e: e.at)
    return events


def slices(events, threads):
    """The fences that these threads emitted, in that order."""
    found, by_fence = [], {}
    for e in events:
        if e.name == "dma_fence_emit" and e.pid in threads:
            f = e.fields
            by_fence[f["context"], f["seqno"]] = Slice(e.at)
            found.append(by_fence[f["context"], f["seqno"]])
        elif e.name == "dma_fence_signaled":
            f = e.fields
            s = by_fence.pop((f["context"], f["seqno"]), None)
            if s:
                s.done = e.at
    return found


def submissions(events, threads):
    """When these threads queued commands to the device."""
    return [e.at for e in events
            if e.pid in threads and is_submit(e) and int(e.fields["flags"], 16) & FENCED]


def is_submit(e):
    """Does it give work to a virtual GPU, with a fence or without?"""
    return e.name == "virtio_gpu_cmd_queue" and e.fields["type"] == SUBMIT


def given(events, threads):
    """When these threads gave work to any device."""
    return [e.at for e in events if e.pid in threads and (e.name == QUEUED or is_submit(e))]


def device_times(events, threads):
    """
    How long the virtual GPU was at each command with a fence of these threads: from its queueing, or
    from the answer to the one before it in the queue, to its own answer.
    """
    queued, last, times = {}, {}, []
    for e in events:
        if not e.name.startswith("virtio_gpu_cmd_"):
            continue
        f = e.fields
        key, ring = (f["vdev"], f["vq"], f["fence_id"]), (f["vdev"], f["vq"])
        if not int(f["flags"], 16) & FENCED:
            continue
        if e.name == "virtio_gpu_cmd_queue" and is_submit(e):
            queued[key] = e
        elif e.name == "virtio_gpu_cmd_response" and key in queued:
            q = queued.pop(key)
            if q.pid in threads:
                times.append(e.at - max(q.at, last.get(ring, 0)))
            last[ring] = e.at
    return times


def slice_times(found):
    """How long each was on the device: it begins when it is there and the one before is over."""
    times, last = [], 0
    for s in found:
        if s.done is not None:
            times.append(s.done - max(s.emitted, last))
            last = max(last, s.done)
    return times


@dataclasses.dataclass
class Stop:
    """What a touch did to a job that worked, from the touch on; 0: nothing came after it."""
    last_submit: int
    free: int


def stop_of(touched, until, submitted, found):
    """
    What came between a touch and `until`, when the gate may have opened again. None if the job had
    nothing on the device at the touch: then there was nothing to stop. TraceError if its fences
    never were signalled.
    """
    flying = [s for s in found if s.emitted < until and (s.done is None or s.done > touched)]
    if not any(s.emitted <= touched for s in flying):
        return None
    if any(s.done is None for s in flying):
        raise TraceError(f"a fence emitted at {flying[-1].emitted} was never signalled")
    last = max((t for t in submitted if touched < t < until), default=touched)
    return Stop(last - touched, max(s.done for s in flying) - touched)


def quantile(values, share):
    """The smallest value that at least this share of them do not exceed."""
    values = sorted(values)
    return values[max(0, math.ceil(share * len(values)) - 1)]


def signals(events, pid):
    """[(when, number)] of what the kernel itself sent to a process."""
    return [(e.at, int(e.fields["sig"])) for e in events
            if e.name == "signal_generate" and e.fields.get("pid") == str(pid) and
            e.fields.get("code") == SI_KERNEL]


def timers_of(events, module):
    """Timers, and runs of work, of a module: what it does by itself."""
    return [e for e in events if f"[{module}]" in e.text and
            e.name in ("timer_start", "timer_expire_entry", "hrtimer_start", "hrtimer_expire_entry",
                       "workqueue_queue_work", "workqueue_execute_start")]


def wakeups(events, threads):
    """How often these threads were woken."""
    return sum(1 for e in events
               if e.name == "sched_waking" and int(e.fields.get("pid", -1)) in threads)
