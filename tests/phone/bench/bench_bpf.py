#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What eBPF tells brokerd, how soon and at what cost: figures beside their targets, build/bench-bpf.json.

usage: bench_bpf.py [--quick] [NAME...]

As bench_phone.py, whose phone and figures these are: the real daemon, without the module and with
eBPF, and programs of the owner's beside it.
"""
import json
import os
import sys
import time

import bench_phone
import bpf_evaluate
import vm

PAUSE_S = 0.02
POINT_S = 120
BENCHMARKS = {
    "foreign": (bpf_evaluate.put_foreign,
                "a program gives work to a device while a job is on the GPU: to the hold in the page, to the "
                "job's\n        last fence, from its submission by the kernel's trace"),
    "attribution-npu": (bpf_evaluate.put_attribution_npu,
                        "device time of programs by our count and by the NPU driver's fdinfo"),
    "attribution-gpu": (bpf_evaluate.put_attribution_gpu,
                        "device time of a program by our count and by what the host computed for it; no job"),
    "probes": (bpf_evaluate.put_probes, "what a program of ours costs the kernel for an event, by its own count"),
    "touched": (bpf_evaluate.put_touched, "who wakes brokerd while a finger draws, 240 times a second"),
    "redraws": (bpf_evaluate.put_redraws, "a program that draws a little once a second, a job beside it"),
}


def read(path):
    with open(path, encoding="ascii", errors="replace") as f:
        return f.read()


def descendants(pid):
    """Processes that come from this one."""
    parents = {}
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            parents[int(p)] = int(read(f"/proc/{p}/stat").rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found = {pid}
    while more := {p for p, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def host_threads(pid):
    """
    {"PID/TID": (name, ns)} of what QEMU has started, the render server among it, in which the guest's GPU
    is: how long each thread computed, or waited for a processor.
    """
    found = {}
    for p in descendants(pid):
        try:
            for t in os.listdir(f"/proc/{p}/task"):
                ran, waited, _ = read(f"/proc/{p}/task/{t}/schedstat").split()
                found[f"{p}/{t}"] = (read(f"/proc/{p}/task/{t}/comm").strip(), int(ran) + int(waited))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def at_point(phone, name):
    """The guest is at this point, and waits there until host_on()."""
    here = os.path.join(phone.folder, name + ".here")
    end = time.monotonic() + POINT_S
    while not os.path.exists(here):
        if time.monotonic() > end:
            raise vm.PhoneError(f"the guest did not come to {name}")
        time.sleep(PAUSE_S)


def go_on(phone, name):
    with open(os.path.join(phone.folder, name + ".go"), "w", encoding="ascii"):
        pass


def watch_host(phone):
    """What the host computes between two points of the guest's."""
    found = {}
    for key, name in (("before", "attribution-begin"), ("after", "attribution-end")):
        at_point(phone, name)
        found[key] = host_threads(phone.process.pid)
        go_on(phone, name)
    with open(os.path.join(phone.folder, "attribution-gpu-host.json"), "w", encoding="ascii") as f:
        json.dump(found, f)


if __name__ == "__main__":
    sys.exit(bench_phone.run(bench_phone.Set("bench-bpf", BENCHMARKS, "bpf_in_guest.py",
                                             beside={"attribution-gpu": watch_host})))
