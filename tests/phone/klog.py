#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the kernel's log must not say: the lines that fail a lane, however well its tests did.

usage: klog.py LOG...      print each bad line; status 1 if there is one
       klog.py --self-test that each pattern finds what it is for, and that a healthy log passes

A line is bad if BAD finds something in it, unless a pattern of KNOWN does: what a stock Debian kernel
says in this machine with none of our modules, each with its reason.
"""
import re
import sys

# (pattern, a line as kernels print it)
BAD = (
    (r"\bWARNING: ", "[    9.1] WARNING: CPU: 1 PID: 77 at kernel/time/timer.c:1 mod_timer+0x1/0x2"),
    (r"\bWARNING: ", "[    9.1] WARNING: kernel/module.c:3 at f+0x1/0x2, CPU#1: sh/77"),
    (r"\bWARNING: ", "[    9.1] WARNING: possible circular locking dependency detected"),
    (r"\bBUG: ", "[    9.1] BUG: kernel NULL pointer dereference, address: 0000000000000008"),
    (r"\bBUG: ", "[    9.1] BUG: sleeping function called from invalid context at mm/slab.h:1"),
    (r"\bBUG: ", "[    9.1] BUG: KASAN: slab-use-after-free in gate_step+0x1/0x2 [idlegate]"),
    (r"\bBUG ", "[    9.1] BUG kmalloc-64 (Tainted: G           O): Poison overwritten"),
    (r"kernel BUG at", "[    9.1] kernel BUG at mm/slub.c:1!"),
    (r"\b(KASAN|KCSAN|KMSAN|KFENCE|UBSAN): ", "[    9.1] UBSAN: shift-out-of-bounds in kmod/core/gate.c:1"),
    (r"possible (recursive|irq) |inconsistent lock state|bad unlock balance|lock held when returning"
     r"|nested lock was not taken|irq lock inversion|held lock freed",
     "[    9.1] [ BUG: bad unlock balance detected! ]"),
    (r"DEBUG_LOCKS_WARN_ON|turning off the locking correctness validator",
     "[    9.1] DEBUG_LOCKS_WARN_ON(lock->magic != lock)"),
    (r"suspicious RCU usage", "[    9.1] kmod/page.c:3 suspicious RCU usage!"),
    (r"rcu.*(detected stalls|self-detected stall|kthread starved|detected expedited stalls)",
     "[    9.1] rcu: INFO: rcu_preempt self-detected stall on CPU"),
    (r"\b(soft|hard) (lockup|LOCKUP)", "[    9.1] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [sh:7]"),
    (r"blocked (for more than|in I/O wait for more than) \d+ s|blocked on a .* likely owned by",
     "[    9.1] INFO: task brokerd:77 blocked for more than 120 seconds."),
    (r"\bOops\b", "[    9.1] Oops: Oops: 0000 [#1] SMP NOPTI"),
    (r"general protection fault", "[    9.1] Oops: general protection fault, probably for 0x1: 0000 [#1]"),
    (r"[Uu]nable to handle (kernel|page|NULL)", "[    9.1] Unable to handle kernel paging request at 1"),
    (r"Kernel panic", "[    9.1] Kernel panic - not syncing: Fatal exception"),
    (r"Call Trace:", "[    9.1] Call Trace:"),
    (r"scheduling while atomic", "[    9.1] scheduling while atomic: sh/77/0x00000002"),
    (r"refcount_t: ", "[    9.1] refcount_t: underflow; use-after-free."),
    (r"list_(add|del).*corruption", "[    9.1] list_del corruption. next->prev should be 1, but was 2"),
    (r"\bbad page\b|Bad page state", "[    9.1] BUG: Bad page state in process sh  pfn:1"),
    (r"ODEBUG: ", "[    9.1] ODEBUG: free active object: 1 object type: hrtimer"),
    (r"kmemleak: \d+ new suspected", "[    9.1] kmemleak: 2 new suspected memory leaks (see debugfs)"),
    (r"kobject.*(tried to init an initialized|is not initialized)|cannot create duplicate filename",
     "[    9.1] sysfs: cannot create duplicate filename '/class/misc/idlegate'"),
    (r"idlegate: (disagrees|Unknown symbol|loading out-of-tree module failed)",
     "[    9.1] idlegate: Unknown symbol x (err -2)"),
    (r"idlegate.*self-?test.*fail", "[    9.1] idlegate: self-test: 3 of 90 cases failed"),
    (r"Out of memory: Killed", "[    9.1] Out of memory: Killed process 77 (brokerd)"),
)

# (pattern, reason)
KNOWN = ()

HEALTHY = (
    "[    0.000000] tsc: Fast TSC calibration failed",
    "[    0.519009] rcu: Hierarchical SRCU implementation.",
    '[    1.220] PCI: Using host bridge windows from ACPI; if necessary, use "pci=nocrs" and report a bug',
    "[    2.790458] RAS: Correctable Errors collector initialized.",
    "[    9.100000] idlegate: loading out-of-tree module taints kernel.",
    "[    9.200000] workqueue: drm_fb_helper_damage_work hogged CPU for >10000us 4 times",
    "[    9.300000] idlegate: self-test: 90 cases passed",
)


def bad_lines(text):
    """The bad lines of a log, each with what follows it."""
    lines = text.splitlines()
    bad = re.compile("|".join(f"(?:{p})" for p, _ in BAD))
    return [(i + 1, line) for i, line in enumerate(lines)
            if bad.search(line) and not any(re.search(p, line) for p, _ in KNOWN)]


def self_test():
    """Returns what is wrong with the patterns."""
    wrong = []
    for pattern, example in BAD:
        if not re.search(pattern, example):
            wrong.append(f"{pattern!r} does not find {example!r}")
        if len(bad_lines(f"{HEALTHY[0]}\n{example}\n{HEALTHY[1]}")) != 1:
            wrong.append(f"{example!r} would pass")
    for line in HEALTHY:
        if bad_lines(line):
            wrong.append(f"{line!r} would fail")
    return wrong


def main():
    if sys.argv[1:] == ["--self-test"]:
        wrong = self_test()
        for line in wrong:
            print(line)
        print(f"klog: {len(BAD)} patterns, {len(wrong)} wrong")
        return 1 if wrong else 0
    found = False
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8", errors="replace") as f:
            for number, line in bad_lines(f.read()):
                print(f"{name}:{number}: {line}")
                found = True
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
