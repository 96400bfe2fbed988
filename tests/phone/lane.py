# SPDX-License-Identifier: MIT
"""A lane: build for a suite, boot its phone, run the tests in it, judge the kernel's log.

A step is a test too: the build, the boot and the kernel's log each count as one. The counts go to
B/check/phone-SUITE.count, as each stage of `make check` leaves them.
"""
import glob
import os
import subprocess
import sys
import time

import klog
import root
import vm

SUITE_DIR = os.path.join(root.HERE, "suite")
# Who computes in the guest: the phone's own GPU, not a second driver in its user space.
ENVIRONMENT = "export VK_DRIVER_FILES=/usr/share/vulkan/icd.d/virtio_icd.json; "
SUITE_S = 1800
INTEGRATION_S = 2400


class Lane:
    """Counts, and a line for each step."""

    def __init__(self, suite, build):
        self.suite, self.build = suite, os.path.join(build, "phone", suite)
        self.count_file = os.path.join(build, "check", f"phone-{suite}.count")
        self.passed = self.failed = self.skipped = 0

    def add(self, passed, failed, skipped):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped

    def line(self, ok, what, began, more=""):
        print(f"{'ok' if ok else 'not ok':6} {what:64} {time.monotonic() - began:7.1f} s{more}", flush=True)

    def step(self, what, action):
        """Runs action(); an error is one failed test. Returns whether it went well."""
        began = time.monotonic()
        try:
            more = action()
        except (vm.PhoneError, root.RootError, OSError, subprocess.CalledProcessError) as e:
            print(e, flush=True)
            self.add(0, 1, 0)
            self.line(False, what, began)
            return False
        self.add(1, 0, 0)
        self.line(True, what, began, f"  {more}" if more else "")
        return True

    def counted(self, phone, what, name, script, timeout):
        """A script in the guest that leaves its counts in /out/NAME.count."""
        began = time.monotonic()
        counts = os.path.join(phone.folder, f"{name}.count")
        try:
            phone.run(ENVIRONMENT + script, timeout=timeout)
            with open(counts, encoding="ascii") as f:
                p, f_, s = map(int, f.read().split())
        except FileNotFoundError:
            print(f"{what}: no counts in /out/{name}.count", flush=True)
            p, f_, s = 0, 1, 0
        self.add(p, f_, s)
        self.line(not f_ and p + s > 0, f"{what}: {p} passed, {f_} failed, {s} skipped", began)

    def judge(self, phone):
        """The kernel's log of a phone that has ended."""
        def look():
            bad = klog.bad_lines(phone.console_log())
            if bad:
                raise vm.PhoneError("\n".join(f"{phone.folder}/console.log:{n}: {line}" for n, line in bad[:40]))
        self.step(f"kernel log of {os.path.basename(phone.folder)}", look)

    def end(self):
        os.makedirs(os.path.dirname(self.count_file), exist_ok=True)
        with open(self.count_file, "w", encoding="ascii") as f:
            f.write(f"{self.passed} {self.failed} {self.skipped}\n")
        print(f"phone-{self.suite}: {self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        return 1 if self.failed or not self.passed else 0


def build_all(suite, build):
    """Build in the root; the log goes to build.log there. For lanes and for who works on a test."""
    os.makedirs(build, exist_ok=True)
    log_name = os.path.join(build, "build.log")
    with open(log_name, "wb") as log:
        status = subprocess.run(root.command(suite, build, ["/src/tests/phone/build.sh", vm.inside(build)]),
                                stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False).returncode
    if status:
        raise vm.PhoneError(f"the build for {suite} failed with {status}; the end of {log_name}:\n"
                            + root.tail(log_name, 60))


def suite_programs(lane, pattern):
    """What of the suite fits, as the guest sees it: programs of C, and scripts."""
    found = sorted(glob.glob(os.path.join(lane.build, "phone/suite", "test_*")) +
                   glob.glob(os.path.join(SUITE_DIR, "test_*.sh")) + glob.glob(os.path.join(SUITE_DIR, "test_*.py")))
    return [vm.inside(p) for p in found if os.access(p, os.X_OK) and pattern in os.path.basename(p)]


def host_programs(pattern):
    """Tests that work the machine from outside: host_*.py SUITE BUILD."""
    return [p for p in sorted(glob.glob(os.path.join(SUITE_DIR, "host_*.py"))) if pattern in os.path.basename(p)]


def run_host(lane, program):
    out = subprocess.run([program, lane.suite, lane.build], check=False, capture_output=True, text=True,
                         env={**os.environ, "PYTHONPATH": root.HERE})
    if out.returncode == 77:
        lane.add(-1, 0, 1)  # step() counts it as passed
        return "skipped: " + (out.stdout.strip().splitlines() or ["?"])[-1]
    if out.returncode:
        raise vm.PhoneError(out.stdout[-6000:] + out.stderr[-6000:])
    return (out.stdout.strip().splitlines() or [""])[-1]


def in_guest(lane, phone, pattern, integration):
    began = time.monotonic()
    phone.start()
    lane.add(1, 0, 0)
    lane.line(True, f"boot of {lane.suite}", began, f"  {phone.boot_s:.1f} s to user space")
    lane.step("modules and devices", lambda: check_status(phone.run("phone-up", timeout=120), "phone-up"))
    programs = suite_programs(lane, pattern)
    if programs:
        lane.counted(phone, "suite", "suite", "run-suite " + " ".join(programs), SUITE_S)
    if integration:
        lane.counted(phone, "integration", "integration",
                     f"tests/integration/run.py /out/integration.count '{integration}'", INTEGRATION_S)


def check_status(status, what):
    if status:
        raise vm.PhoneError(f"{what} ended with {status}")


def check(suite, build, pattern="", integration=""):
    """The lane; returns the exit status. `pattern` narrows the suite; `integration` is one of run.py."""
    lane = Lane(suite, build)
    if lane.step(f"root of {suite}", lambda: root.make(suite)) and \
            lane.step(f"build for {suite}", lambda: build_all(suite, lane.build)):
        phone = vm.Phone(suite, lane.build, name="check", gpu=True)
        try:
            in_guest(lane, phone, pattern, integration)
            phone.quit()
        except vm.PhoneError as e:
            print(e, flush=True)
            lane.add(0, 1, 0)
        finally:
            phone.kill()
        lane.judge(phone)
        for program in host_programs(pattern):
            lane.step(os.path.basename(program), lambda p=program: run_host(lane, p))
    return lane.end()


if __name__ == "__main__":
    sys.exit("this is no program; see `phone`")
