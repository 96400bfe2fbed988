#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The debug lane: the module's suite on a kernel with KASAN, lockdep, kmemleak and failing allocations.

usage: check.py [WORDS]     the words narrow the suite; `make check-phone-debug` runs it, with PT

First a phone in which each kind of mistake is made on purpose, since a lane is worth something only if
its kernel and klog.py find them. Then the suite and debug/test_*; in the end no memory may be lost,
no checker may have turned itself off, and the kernel's log must be clean.
"""
import glob
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.path.insert(0, HERE)
import kernel  # noqa: E402
import klog  # noqa: E402
import lane  # noqa: E402
import root  # noqa: E402
import vm  # noqa: E402

# What is made in the guest by guest.sh, and how the log tells of it.
MISTAKES = {
    "leak": r"kmemleak: \d+ new suspected memory leaks",
    "use": r"BUG: KASAN: slab-use-after-free in use",
    "sleep": r"BUG: sleeping function called from invalid context",
    "timer": r"ODEBUG: free active .* hrtimer",
    "order": r"WARNING: possible circular locking dependency detected",
}
# All is slower here, by KASAN and by the checks of each lock: time limits of tests are multiplied.
PATIENCE = 6
vm.BOOT_S = 600
lane.TASK_S = 3 * 3600
TEST_S = 3600


def build(target, folder):
    """The suite, the modules and the kernel's image below `target`."""
    os.makedirs(target, exist_ok=True)
    with open(os.path.join(folder, "vmlinuz"), "rb") as f:
        image = f.read()
    with open(os.path.join(target, "vmlinuz"), "wb") as f:
        f.write(image)
    headers = os.path.join("/cache", os.path.basename(folder), "build")
    argv = ["/src/tests/phone/debug/build.sh", headers, vm.inside(target)]
    lane.build_in_root(kernel.SUITE, target, argv)


def phone(target, name):
    return vm.Phone(kernel.SUITE, target, name=name, memory=2048,
                    kernel=os.path.join(target, "vmlinuz"), kernel_args="kmemleak=on")


def prove(target):
    """Each mistake must be seen, and each must fail a lane."""
    with phone(target, "mistakes") as guest:
        lane.check_status(guest.run("tests/phone/debug/guest.sh mistakes"), "guest.sh mistakes")
        log = guest.console_log()
    bad = [line for _, line in klog.bad_lines(log)]
    for what, pattern in MISTAKES.items():
        if not any(re.search(pattern, line) for line in bad):
            raise vm.PhoneError(f"mistake {what} was made and not found: no line {pattern!r} fails "
                                f"the lane, in {guest.folder}/console.log")
    return f"{len(MISTAKES)} kinds found"


def programs(target, words):
    """Tests of the suite, then of this folder, that fit one of the words."""
    built = [vm.inside(p) for p in sorted(glob.glob(os.path.join(target, "phone/debug/test_*")))
             if os.access(p, os.X_OK)]
    return [p for p in lane.suite_programs(target, "") + built
            if not words or any(w in os.path.basename(p) for w in words.split())]


def in_guest(task, guest, words):
    lane.check_status(guest.run("phone-up", timeout=600), "phone-up")
    task.counted(guest, "suite", "suite.count",
                 f"export SUITE_PATIENCE={PATIENCE} PHONE_TEST_SECONDS={TEST_S}; run-suite "
                 + " ".join(programs(task.lane.build, words)))
    for verb, what in [("leaks", "no memory is lost"), ("unload", "the modules go"),
                       ("leaks", "no memory is lost without them"), ("awake", "the checkers are awake")]:
        task.step(what, lambda v=verb: lane.check_status(
            guest.run(f"tests/phone/debug/guest.sh {v}", timeout=1800), f"guest.sh {v}"))


def run_suite(task, words):
    guest = phone(task.lane.build, "check")
    task.in_phone(guest, guest.start, lambda _: in_guest(task, guest, words))


def prepare(task):
    folder = []
    return (task.step("debug kernel", lambda: folder.append(kernel.make()))
            and task.step("build", lambda: build(task.lane.build, folder[0]))
            and task.step("mistakes made on purpose", lambda: prove(task.lane.build)))


def check(base, words):
    found = lane.Lane("debug", base)
    if found.run("build", prepare):
        found.run("suite", lambda task: run_suite(task, words))
    return found.end()


if __name__ == "__main__":
    BASE = os.path.abspath(os.environ.get("B") or os.path.join(root.SOURCE, "build"))
    try:
        sys.exit(check(BASE, sys.argv[1] if len(sys.argv) > 1 else ""))
    except (root.RootError, vm.PhoneError) as error:
        sys.exit(f"phone: {error}")
