#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do the eBPF programs load, and at what cost to the verifier? Against bpf/verifier.txt (table.py).

usage: check.py [--write] [SUITE...]    in a phone of each suite, on its kernel, built by its compiler;
                                        --write puts what is found into the table
       check.py --here PROGRAM          on this machine: what its kernel does not have is skipped, what its
                                        verifier refuses has failed, and a kernel of the table is compared

A suite's build is the program `stats` alone, so a root with little in it is enough (Debian 12's).
"""
import os
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import lane  # noqa: E402
import root  # noqa: E402
import table  # noqa: E402
import vm  # noqa: E402

TABLE = os.path.join(root.SOURCE, "bpf", "verifier.txt")
SUITES = ("bookworm", "trixie", "forky")
# The programs' tracepoints are in these; no device is needed for that.
MODULES = "gpu-sched virtio-gpu i915"
RUN_S = 600
# A machine that has not what a program looks at, or no rights to look; all else is the program's fault.
NOT_HERE = ("ESRCH", "ENOENT", "EPERM", "ENOSYS", "ENOTSUPP", "EOPNOTSUPP")
writing = threading.Lock()


def read_table():
    try:
        with open(TABLE, encoding="utf-8") as f:
            return table.parse(f.read())
    except FileNotFoundError:
        return {}


def write_column(name, column):
    with writing:
        columns = {**read_table(), name: column}
        with open(TABLE + ".new", "w", encoding="utf-8") as f:
            f.write(table.write(columns))
        os.rename(TABLE + ".new", TABLE)


def build(suite, folder):
    """`stats` below the suite's build folder, with the flags of the lane's own build."""
    argv = ["make", "--no-print-directory", f"B={os.path.relpath(folder, root.SOURCE)}", "prefix=/usr",
            "libdir=/usr/lib", "phone-bpf-stats"]
    lane.build_in_root(suite, folder, argv, "build-bpf.log")


def measure(phone):
    """What the kernel says: its column of the table."""
    lane.check_status(phone.run(f"modprobe -a {MODULES} && \"$B/phone/bpf/stats\" >/out/stats", timeout=RUN_S),
                      "stats")
    with open(os.path.join(phone.folder, "stats"), encoding="ascii") as f:
        try:
            return table.parse_stats(f.read())
        except ValueError as e:
            raise vm.PhoneError(f"{f.name}: {e}") from e


def judge(task, name, column):
    """Against the table: a test for each program."""
    columns = read_table()
    known = table.nearest(columns, name)
    if not known:
        raise vm.PhoneError(f"bpf/verifier.txt has no kernel up to {name}: `make bpf-table` measures it")
    if known != name:
        task.say(f"       bpf/verifier.txt has no Linux {name}: held against {known}")
    worse, other = table.compare(columns[known].verdicts, column.verdicts)
    for line in other:
        task.say(f"       {line}")
    if worse:
        raise vm.PhoneError("\n".join(f"       {line}" for line in worse))
    task.add(len(column.verdicts) - 1, 0, 0)
    return f"{sum(v.had for v in column.verdicts.values())} of {len(column.verdicts)} programs loaded"


def in_phone(task, suite, folder, write):
    phone = vm.Phone(suite, folder, name="bpf")
    found = []
    task.in_phone(phone, phone.start, lambda _: task.step(f"{suite}: each program is looked at",
                                                          lambda: found.extend(measure(phone))))
    if found and write:
        write_column(*found)
    if found:
        task.step(f"{suite}: Linux {found[0]} against bpf/verifier.txt", lambda: judge(task, *found))


def check_suite(task, suite, base, write):
    folder = os.path.join(base, "phone", suite)
    if (task.step(f"{suite}: root", lambda: root.make(suite))
            and task.step(f"{suite}: build", lambda: build(suite, folder))):
        in_phone(task, suite, folder, write)


def check(base, suites, write):
    found = lane.Lane("bpf", base)
    if os.geteuid() != 0:
        return found.skip()
    found.run_all([(suite, lambda task, s=suite: check_suite(task, s, base, write)) for suite in suites])
    return found.end()


def compare_here(name, column):
    """Lines of what is worse, of what was loaded: less is, where devices are missing. None: not to be known."""
    known = read_table().get(name)
    had = {k: v for k, v in column.verdicts.items() if v.had}
    return known and table.compare({k: v for k, v in known.verdicts.items() if k in had and v.had}, had)[0]


def check_here(program):
    if os.geteuid() != 0:
        print("skipped check-bpf: only root may load the programs")
        return 0
    out = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout
    name, column = table.parse_stats(out)
    counts = {"ok": 0, "not ok": 0, "skip": 0}
    for key, verdict in column.verdicts.items():
        what = "ok" if verdict.had else "skip" if verdict.said.split(": ")[1] in NOT_HERE else "not ok"
        counts[what] += 1
        print(f"{what:6} {' '.join(key):44} {verdict}{verdict.why and ': ' + verdict.why}")
    worse = compare_here(name, column)
    if worse is None:
        counts["skip"] += 1
        print(f"skip   the numbers are compared with nothing: the table has no Linux {name}")
    for line in worse or []:
        counts["not ok"] += 1
        print(f"not ok {line}")
    print(f"bpf on {column.made_of}: {counts['ok']} passed, {counts['not ok']} failed, {counts['skip']} skipped")
    return 1 if counts["not ok"] else 0


def main():
    words = sys.argv[1:]
    if words[:1] == ["--here"] and len(words) == 2:
        return check_here(words[1])
    write = "--write" in words
    suites = [w for w in words if w != "--write"] or list(SUITES)
    return check(os.path.abspath(os.environ.get("B") or os.path.join(root.SOURCE, "build")), suites, write)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (root.RootError, vm.PhoneError) as error:
        sys.exit(f"phone: {error}")
