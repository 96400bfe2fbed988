# SPDX-License-Identifier: MIT
"""What the benchmarks share inside the guest: the finger, the trace, the daemon, a saturating job."""
import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../../integration"), os.path.join(HERE, "../../bench")]
from harness import BUILD, Broker, wait_for  # noqa: E402
from jobs import mix_bundle  # noqa: E402
from pages import GATE, REPORT, Gate, Report, mapped  # noqa: E402

OUT = os.environ.get("BENCH_OUT", "/out")
PROGRAMS = os.path.join(BUILD, "phone/bench")
MODULE = os.path.join(BUILD, "idlegate/idlegate.ko")
DEVICE = "/dev/idlegate"
# The GPU of the virtual phone, and not the llvmpipe that computes in the guest itself.
VENUS = "/usr/share/vulkan/icd.d/virtio_icd.json"
KNOBS = "/sys/kernel/vbattery/charger/online"
PACE_SLICES = 8
STEADY = 200  # slices after which the worker knows the kernel's speed


def program(name, *args):
    return [os.path.join(PROGRAMS, name), *map(str, args)]


def record(name, **values):
    """What was seen; the host makes figures of it."""
    with open(os.path.join(OUT, name + ".json"), "w", encoding="ascii") as f:
        json.dump(values, f)


def charger(online):
    with open(KNOBS, "w", encoding="ascii") as f:
        f.write(str(int(online)))


def load_module(loaded=True):
    if os.path.isdir("/sys/module/idlegate") != loaded:
        subprocess.run(["insmod", MODULE] if loaded else ["rmmod", "idlegate"], check=True)
    if loaded:
        wait_for(DEVICE, lambda: os.path.exists(DEVICE))


class Fingers:
    """tests/phone/bench/touches.c; it makes its touchscreen when it starts."""

    def __init__(self):
        self.process = subprocess.Popen(program("touches"), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.line("ready")

    def line(self, *wanted):
        line = self.process.stdout.readline()
        words = line.split()
        if not words or words[0] not in wanted:
            raise AssertionError(f"touches said {line!r}, not {' or '.join(wanted)}")
        return words

    def do(self, command):
        """[[before, after, changed, seen, holds], ...]"""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        found = []
        while (words := self.line("touch", "swipe", "done"))[0] != "done":
            found.append([int(w) for w in words[1:]])
        return found

    def page(self, path):
        self.do("page " + path)

    def work(self, path):
        self.do("work " + path)

    def touch(self):
        return self.do("touch")[0]

    def tap(self):
        return self.do("tap")[0]

    def swipe(self, hz, seconds):
        """[first, last, count]"""
        return self.do(f"swipe {hz} {seconds * 1000}")[0]

    def storm(self, count, min_us, max_us, watch):
        return self.do(f"storm {count} {min_us} {max_us} {int(watch)}")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()


class Foreign:
    """A program of the owner's that uses a device as it is told to; its own children are not ours."""

    def __init__(self, argv, **env):
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **env})
        self.line("ready")

    def line(self, wanted):
        line = self.process.stdout.readline()
        if line.split()[:1] != [wanted]:
            raise AssertionError(f"{self.process.args[0]} said {line!r}, not {wanted}")

    def work(self, count, gap_ms=0, wait=True):
        """So many pieces, one after the other."""
        self.process.stdin.write(f"{count} {gap_ms}\n")
        self.process.stdin.flush()
        if wait:
            self.line("done")

    @property
    def pid(self):
        return self.process.pid

    @property
    def threads(self):
        return sorted(int(t) for t in os.listdir(f"/proc/{self.pid}/task"))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Npu:
    """The phone's NPU, while it is needed."""

    def __enter__(self):
        self.node = subprocess.run(["npu", "on"], check=True, capture_output=True, text=True).stdout.split()[0]
        return self

    def client(self, piece_ms):
        return Foreign([os.path.join(BUILD, "phone/tools/vnpu_client"), "-i", "-d", self.node,
                        "-t", str(int(piece_ms * 1000000))])

    def __exit__(self, *exc):
        # What its last jobs held goes a moment after them.
        wait_for("the NPU to be let go", lambda: subprocess.run(["npu", "off"], check=False,
                                                                capture_output=True).returncode == 0)


def drawing(piece_ms):
    """A program that draws with the GPU, pieces of so many ms."""
    return Foreign(program("vulkan_client", os.path.join(BUILD, "gen/spirv/mix/mix.spv"), piece_ms),
                   VK_DRIVER_FILES=VENUS)


def meet(name):
    """Wait until the host has done what it does at this point."""
    with open(os.path.join(OUT, name + ".here"), "w", encoding="ascii"):
        pass
    wait_for(f"the host at {name}", lambda: os.path.exists(os.path.join(OUT, name + ".go")), 60)


class Trace:
    """An instance of tracefs of our own, on the clock that the touches are told in."""

    def __init__(self, events, buffer_kb=32768):
        self.path = "/sys/kernel/tracing/instances/bench"
        os.makedirs(self.path, exist_ok=True)
        self.write("tracing_on", 0)
        self.write("trace_clock", "mono")
        self.write("buffer_size_kb", buffer_kb)
        for event, rule in events.items():
            if rule:
                self.write(f"events/{event}/filter", rule)
            self.write(f"events/{event}/enable", 1)

    def write(self, name, value):
        with open(os.path.join(self.path, name), "w", encoding="ascii") as f:
            f.write(str(value))

    def start(self):
        self.write("trace", "")
        self.write("tracing_on", 1)

    def save(self, name):
        self.write("tracing_on", 0)
        with open(os.path.join(self.path, "trace"), "rb") as f, \
                open(os.path.join(OUT, name + ".trace"), "wb") as out:
            shutil.copyfileobj(f, out, 1 << 20)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        os.rmdir(self.path)


def broker(module, gate=None, **settings):
    """brokerd with the phone's own sensors and GPU; module: require or off."""
    if os.path.exists(KNOBS):
        charger(True)
    # Without the module, input is to come by evdev; and no loader shall be at work beside.
    b = Broker(gate={"module": module, "ebpf": "no", "gpu_busy": "100%", **(gate or {})}, **settings)
    b.env["VK_DRIVER_FILES"] = VENUS
    return b


class Work:
    """A job that keeps the GPU busy from end to end, and its worker."""

    def __init__(self, b):
        self.b = b
        self.job = b.submit(mix_bundle(b.root, outer=60000, inner=10, groups=4096, rounds=64))
        self.find()

    def find(self):
        """The worker that runs it now."""
        self.b.wait_phase(self.job, "running", 120)

        def look():
            for pid in self.b.worker_pids():
                try:
                    return pid, Report(pid)
                except (FileNotFoundError, ProcessLookupError):
                    continue
            return None
        self.pid, self.report = wait_for("the worker", look)
        self.slices(STEADY)

    def slices(self, more):
        want = self.report.slices + more
        wait_for("slices", lambda: self.report.slices >= want, 120)

    @property
    def threads(self):
        return sorted(int(t) for t in os.listdir(f"/proc/{self.pid}/task"))

    def report_page(self):
        return mapped(self.pid, REPORT)

    def page(self, module):
        return DEVICE if module == "require" else mapped(self.pid, GATE)

    def wait_pace(self, gate, then_s):
        """The gate is open and the worker has found its pace in it; then some time more."""
        until = 0
        end = time.monotonic() + 60
        while True:
            if gate.look()[0]:
                until = 0
            elif not until:
                until = self.report.slices + PACE_SLICES
            elif self.report.slices >= until:
                time.sleep(then_s)
                if not gate.look()[0]:
                    return
            if time.monotonic() > end:
                raise AssertionError(f"no work in vain waited for, holds {gate.look()[0]:#x}")
            time.sleep(0.005)

    def quantum(self, ms):
        """From now on; returns when slices have this length."""
        self.b.settings["slices"]["quantum"] = f"{ms}ms"
        self.b.write_config()
        self.b.run("reload")
        time.sleep(0.5)
        self.slices(STEADY)
