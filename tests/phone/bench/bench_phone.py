#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How soon a phone has its GPU back: figures beside their targets, build/bench-phone.json.

usage: bench_phone.py [--quick] [NAME...]

Boots the virtual phone, lets the real daemon, worker and module work in it, touches it, and judges
by the kernel's own trace. A missed target is told and fails nothing; an error fails, and so does a
warning in the guest's kernel log. --quick takes few samples: it tests the benchmark itself.
"""
import dataclasses
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PHONE = os.path.dirname(HERE)
sys.path[:0] = [HERE, PHONE, os.path.join(HERE, "../../bench")]
import evaluate  # noqa: E402
import klog  # noqa: E402
import vm  # noqa: E402
from figures import Figures  # noqa: E402
from table import table  # noqa: E402

SUITE = "forky"
TIMEOUT_S = 3600
NICE = -5
# What it measures, and the one line that says how.
BENCHMARKS = {
    "module": (evaluate.put_module,
               "touches of a phone whose GPU works without a pause, the module loaded: to the page, to the "
               "job's\n        last submission, to its last fence, by the kernel's trace"),
    "evdev": (evaluate.put_evdev, "the same without the module: brokerd reads evdev"),
    "loaded-module": (evaluate.put_loaded_module,
                      "the same with the module, both of the guest's processors loaded"),
    "loaded-evdev": (evaluate.put_loaded_evdev, "the same without the module, loaded"),
    "enforce": (evaluate.put_enforce, "a job that does not get out: from the close to the kernel's signals, "
                                      "past grace and limit"),
    "input": (evaluate.put_input, "what the module costs on the owner's input path"),
    "quiet": (evaluate.put_quiet, "what runs by itself while the phone is unplugged"),
    "peer": (evaluate.put_peer, "boinc-client in the same guest, touched on the same screen"),
}


@dataclasses.dataclass
class Set:
    """Benchmarks that share a phone. `beside` has what the host does while one runs, by its name."""
    name: str
    benchmarks: dict
    guest: str  # the program in the guest
    beside: dict = dataclasses.field(default_factory=dict)
    show: object = None  # what prints more of the figures than their lines


class BenchPhone(vm.Phone):
    """
    A phone's processors and its GPU are its own; this one's are threads of a machine that may have
    other things to do. So they go before its other programs, the GPU computes in one thread, and
    processors that the benchmark leaves idle enough to go before all may do so.
    """

    def arguments(self):
        # Where sessions share the processors, not processes, nice alone says little.
        return ["sh", "-c", f"echo {NICE} 2>/dev/null >/proc/self/autogroup; exec nice -n {NICE} \"$@\"",
                "sh", "env", "LP_NUM_THREADS=1", *super().arguments()]

    def own_processors(self, own):
        policy, priority = (os.SCHED_RR, 1) if own else (os.SCHED_OTHER, 0)
        threads = [cpu["thread-id"] for cpu in self.monitor("query-cpus-fast")]
        # The machine's timers and devices are the business of QEMU's first thread.
        for thread in [self.process.pid, *threads]:
            os.sched_setscheduler(thread, policy | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
        return threads


def waited_ns(threads):
    """How long these threads could have run and did not."""
    total = 0
    for thread in threads:
        with open(f"/proc/{thread}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[1])
    return total


def environment(phone):
    return f"export B={vm.inside(phone.build)};"


def measure(phone, wanted, name, quick, figures):
    put, what = wanted.benchmarks[name]
    print(f"{name}: {what}", flush=True)
    threads = phone.own_processors("loaded" not in name)
    began, waited = time.monotonic(), waited_ns(threads)
    phone.post(f"{environment(phone)} exec python3 tests/phone/bench/{wanted.guest} {'--quick ' * quick}{name}")
    wanted.beside.get(name, lambda phone: None)(phone)
    status = phone.finish(timeout=TIMEOUT_S)
    if status:
        raise vm.PhoneError(f"{name} ended with {status} in the guest")
    share = (waited_ns(threads) - waited) / (time.monotonic() - began) / 1e7 / len(threads)
    print(f"    this machine kept the phone's processors waiting {share:.2f} % of the time", flush=True)
    put(figures, evaluate.Seen(phone.folder))


def main(wanted):
    names = sys.argv[1:]
    quick = names[:1] == ["--quick"]
    names = names[quick:] or list(wanted.benchmarks)
    unknown = [n for n in names if n not in wanted.benchmarks]
    if unknown:
        print(f"{wanted.name}: there is no benchmark {unknown[0]}; there are: {', '.join(wanted.benchmarks)}",
              file=sys.stderr)
        return 2
    base = os.path.abspath(os.environ.get("B") or "build")
    build = os.path.join(base, "phone", SUITE)
    subprocess.run([os.path.join(PHONE, "phone"), "build", SUITE], check=True)
    figures = Figures()
    result = os.path.join(base, f"{wanted.name}{'-quick' * quick}.json")
    with BenchPhone(SUITE, build, name=wanted.name, gpu=True) as phone:
        print(f"phone: up in {phone.boot_s:.1f} s, {vm.accelerator(SUITE, build)}", flush=True)
        phone.run(environment(phone) + "phone-up --no-module")
        for name in names:
            measure(phone, wanted, name, quick, figures)
            figures.write(result)
        log = phone.console_log()
    problems = klog.bad_lines(log)
    for _, line in problems:
        print("kernel log: " + line, file=sys.stderr)
    print(f"{wanted.name}: {figures.summary()}; {os.path.relpath(result)}")
    if wanted.show:
        print(wanted.show(result))
    return 1 if problems else 0


def run(wanted):
    """The exit status."""
    try:
        return main(wanted)
    except (vm.PhoneError, evaluate.trace.TraceError) as e:
        print(f"{wanted.name}: {e}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(run(Set("bench-phone", BENCHMARKS, "in_guest.py", show=table)))
