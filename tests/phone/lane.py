# SPDX-License-Identifier: MIT
"""A lane: build for a suite, boot its phones, run the tests in them, judge the kernels' logs.

A lane is a list of tasks, each with a phone of its own; PHONE_JOBS (2) of them run at once, since most
tests wait more than they compute. What a task prints comes out whole when it ends. A step is a test
too: the build, each boot and each kernel's log count as one. The counts go to B/check/phone-SUITE.count,
as each stage of `make check` leaves them.

PHONE_SHORT=1 is the lane of `make check`: every test of the suite, with fewer repetitions.
"""
import concurrent.futures
import glob
import os
import subprocess
import sys
import threading
import time

import klog
import root
import vm

SUITE_DIR = os.path.join(root.HERE, "suite")
# Who computes in the guest: the phone's own GPU, not a second driver in its user space.
ENVIRONMENT = ("export VK_DRIVER_FILES=/usr/share/vulkan/icd.d/virtio_icd.json; "
               "export IDLEBROKER_TEST_PATIENCE=3 IDLEBROKER_TEST_BOMB_MIB=32; ")
TASK_S = 2400
JOBS = int(os.environ.get("PHONE_JOBS", "2"))
SHORT = os.environ.get("PHONE_SHORT", "") not in ("", "0")
# How often what is repeated is repeated: in full, and short. Of the kills `make check` does a hundred beside it.
REPETITIONS = {
    "IDLEBROKER_KILLS": ("20", "5"),
    "IDLEBROKER_CUTS": ("3", "1"),
    "SUITE_CALLS": ("1000000", "150000"),
    "SUITE_RELOADS": ("100", "10"),
}
for _name, _counts in REPETITIONS.items():
    os.environ.setdefault(_name, _counts[SHORT])


class Lane:
    """The counts of all tasks, and what they print."""

    def __init__(self, suite, build):
        self.suite, self.build = suite, os.path.join(build, "phone", suite)
        self.count_file = os.path.join(build, "check", f"phone-{suite}.count")
        self.counts = [0, 0, 0]
        self.lock = threading.Lock()

    def run(self, name, action):
        """One task, in its thread: action(task)."""
        task = Task(self, name)
        try:
            action(task)
        finally:
            with self.lock:
                self.counts = [a + b for a, b in zip(self.counts, task.counts)]
                sys.stdout.buffer.write(b"".join(task.out))
                sys.stdout.buffer.flush()
        return task.counts[1] == 0

    def run_all(self, tasks):
        with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
            for future in [pool.submit(self.run, name, action) for name, action in tasks]:
                future.result()

    def skip(self):
        """For who is not root."""
        print(f"skipped phone-{self.suite}: a phone's root is made and mounted by root")
        self.counts = [0, 0, 1]
        self.end()
        return 0

    def end(self):
        passed, failed, skipped = self.counts
        os.makedirs(os.path.dirname(self.count_file), exist_ok=True)
        with open(self.count_file, "w", encoding="ascii") as f:
            f.write(f"{passed} {failed} {skipped}\n")
        print(f"phone-{self.suite}: {passed} passed, {failed} failed, {skipped} skipped", flush=True)
        return 1 if failed or not passed else 0


class Task:
    """Counts, and a line for each step."""

    def __init__(self, lane, name):
        self.lane, self.name = lane, name
        self.counts = [0, 0, 0]
        self.out = []

    def say(self, text):
        self.out.append(text.encode() + b"\n")

    def add(self, passed, failed, skipped):
        self.counts = [a + b for a, b in zip(self.counts, (passed, failed, skipped))]

    def line(self, ok, what, began, more=""):
        self.say(f"{'ok' if ok else 'not ok':6} {what:64} {time.monotonic() - began:7.1f} s{more}")

    def step(self, what, action):
        """Runs action(); an error is one failed test. Returns whether it went well."""
        began = time.monotonic()
        try:
            more = action()
        except (vm.PhoneError, root.RootError, OSError, subprocess.SubprocessError) as e:
            self.say(str(e))
            self.add(0, 1, 0)
            self.line(False, what, began)
            return False
        self.add(1, 0, 0)
        self.line(True, what, began, f"  {more}" if more else "")
        return True

    def counted(self, phone, what, count_file, script):
        """A script in the guest that leaves its counts in a file of /out."""
        began = time.monotonic()
        try:
            phone.run(f"{ENVIRONMENT}{repetitions()}{script}", timeout=TASK_S)
            with open(os.path.join(phone.folder, count_file), encoding="ascii") as f:
                passed, failed, skipped = map(int, f.read().split())
        except FileNotFoundError:
            self.say(f"{what}: it left no counts in /out/{count_file}")
            passed, failed, skipped = 0, 1, 0
        self.add(passed, failed, skipped)
        self.line(not failed and passed + skipped > 0,
                  f"{what}: {passed} passed, {failed} failed, {skipped} skipped", began)

    def listen(self, phone):
        """What the phone prints is the task's output; also in a file, for who does not want to wait."""
        def take(data):
            self.out.append(data)
            with open(os.path.join(phone.folder, "output.log"), "ab") as f:
                f.write(data)
        phone.sink = take

    def in_phone(self, phone, start, action):
        """start(), then action(phone), and the kernel's log is judged."""
        self.listen(phone)
        try:
            if self.step(f"boot of {self.name}", start):
                action(phone)
                phone.quit()
        except vm.PhoneError as e:
            self.say(str(e))
            self.add(0, 1, 0)
        finally:
            phone.kill()
        self.step(f"kernel log of {self.name}", lambda: judge(phone))

    def with_devices(self, action):
        """in_phone() with a GPU and all that `phone-up` gives it."""
        phone = vm.Phone(self.lane.suite, self.lane.build, name=self.name, gpu=True)
        self.in_phone(phone, lambda: boot(phone), action)


def repetitions():
    return "".join(f"export {name}={os.environ[name]}; " for name in REPETITIONS)


def boot(phone):
    phone.start()
    check_status(phone.run("phone-up", timeout=120), "phone-up")
    return f"{phone.boot_s:.1f} s to user space"


def judge(phone):
    text = phone.console_log()
    bad = klog.bad_lines(text)
    if bad:
        raise vm.PhoneError("\n".join(f"{phone.folder}/console.log:{n}: {line}" for n, line in bad[:40]))
    if "Linux version" not in text:
        raise vm.PhoneError(f"{phone.folder}/console.log does not have a kernel's log")


def check_status(status, what):
    if status:
        raise vm.PhoneError(f"{what} ended with {status}")


def build_in_root(suite, build, argv, log="build.log"):
    """What argv, run in the suite's root, prints goes to a file in `build`."""
    os.makedirs(build, exist_ok=True)
    log_name = os.path.join(build, log)
    with open(log_name, "wb") as f:
        status = subprocess.run(root.command(suite, build, argv), stdin=subprocess.DEVNULL,
                                stdout=f, stderr=f, check=False).returncode
    if status:
        raise vm.PhoneError(f"the build for {suite} failed with {status}; the end of {log_name}:\n"
                            + root.tail(log_name, 60))


def build_all(suite, build):
    """All that a phone of the suite runs. For lanes and for who works on a test."""
    build_in_root(suite, build, ["/src/tests/phone/build.sh", vm.inside(build)])
    # What all phones of a lane share, before they start at once.
    vm.initramfs(suite, build)
    vm.accelerator(suite, build)


def suite_programs(build, pattern):
    """What of the suite fits, as the guest sees it: programs of C, and scripts."""
    found = sorted(glob.glob(os.path.join(build, "phone/suite", "test_*"))
                   + glob.glob(os.path.join(SUITE_DIR, "test_*.sh"))
                   + glob.glob(os.path.join(SUITE_DIR, "test_*.py")))
    return [vm.inside(p) for p in found if os.access(p, os.X_OK) and pattern in os.path.basename(p)]


def host_programs(pattern):
    """Tests that work the machine from outside: host_*.py SUITE BUILD."""
    return [p for p in sorted(glob.glob(os.path.join(SUITE_DIR, "host_*.py"))) if pattern in os.path.basename(p)]


def run_host(task, program):
    def look():
        out = subprocess.run([program, task.lane.suite, task.lane.build], check=False, timeout=TASK_S,
                             stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             env={**os.environ, "PYTHONPATH": root.HERE})
        last = (out.stdout.strip().splitlines() or ["it printed nothing"])[-1]
        if out.returncode == 77:
            task.add(-1, 0, 1)  # step() counts it as passed
            return f"skipped: {last}"
        if out.returncode:
            raise vm.PhoneError(out.stdout[-6000:] + out.stderr[-6000:])
        return last
    task.step(os.path.basename(program), look)


def tasks_of(lane, pattern, integration):
    tasks = []
    for program in host_programs(pattern):
        tasks.append((os.path.basename(program)[:-3], lambda task, p=program: run_host(task, p)))
    if integration:
        # A few classes are not worth two phones.
        parts = JOBS if "*" in integration else 1
        for k in range(1, parts + 1):
            script = f"tests/integration/run.py /out/part.count '{integration}' {k}/{parts}"
            tasks.append((f"integration-{k}", lambda task, s=script: task.with_devices(
                lambda phone: task.counted(phone, task.name, "part.count", s))))
    programs = suite_programs(lane.build, pattern)
    if programs:
        script = "run-suite " + " ".join(programs)
        tasks.append(("suite", lambda task, s=script: task.with_devices(
            lambda phone: task.counted(phone, "suite", "suite.count", s))))
    if "*" in integration and not pattern:
        script = "tests/integration/run.py /out/kill.count 'test_kill*.py'"
        tasks.append(("kill", lambda task, s=script: task.with_devices(
            lambda phone: task.counted(phone, "kill", "kill.count", s))))
    return tasks


def check(suite, build, pattern="", integration=""):
    """The lane; returns the exit status. `pattern` narrows the suite; `integration` is one of run.py."""
    lane = Lane(suite, build)
    if os.geteuid() != 0:
        return lane.skip()
    if lane.run("build", lambda task: task.step(f"root of {suite}", lambda: root.make(suite))
                and task.step(f"build for {suite}", lambda: build_all(suite, lane.build))):
        lane.run_all(tasks_of(lane, pattern, integration))
    return lane.end()
