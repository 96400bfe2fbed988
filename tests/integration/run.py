#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the integration tests: one line each, a total, and the counts in build/check/<name>.count.

usage: run.py COUNT-FILE [PATTERN [K/N | N]]

K/N: the K-th of N parts, for as many machines; N: all N parts at once on this one, each of which prints
what it has to say when it ends.
"""
import concurrent.futures
import os
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


class Result(unittest.TestResult):
    """One line a test as it ends; the words of a failure at once."""

    def __init__(self):
        super().__init__()
        self.passed = 0
        self.started = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()

    def line(self, verdict, test, more=""):
        print(f"{verdict:6} {test.id():60} {time.monotonic() - self.started:6.1f} s{more}", flush=True)

    def addSuccess(self, test):
        self.passed += 1
        self.line("ok", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line("skip", test, f"  {reason}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.line("not ok", test)
        print(self.failures[-1][1], flush=True)

    def addError(self, test, err):
        super().addError(test, err)
        self.line("not ok", test)
        print(self.errors[-1][1], flush=True)


def part_of(suite, part):
    """Every N-th class, from the K-th on. A class is whole, for what it sets up is shared."""
    k, n = map(int, part.split("/"))
    classes = {}

    def sort(tests):
        for t in tests:
            if isinstance(t, unittest.TestSuite):
                sort(t)
            else:
                classes.setdefault(type(t), []).append(t)
    sort(suite)
    return unittest.TestSuite(unittest.TestSuite(tests) for tests in list(classes.values())[k - 1::n])


def run_at_once(count_file, pattern, n):
    parts = [f"{count_file}.{k}" for k in range(1, n + 1)]
    running = [subprocess.Popen([sys.executable, __file__, part, pattern, f"{k}/{n}"],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
               for k, part in enumerate(parts, 1)]
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        for out, _ in pool.map(subprocess.Popen.communicate, running):
            sys.stdout.buffer.write(out)
            sys.stdout.buffer.flush()
    counts = [0, 0, 0]
    for part, process in zip(parts, running):
        with open(part, encoding="ascii") as f:
            counts = [a + int(b) for a, b in zip(counts, f.read().split())]
        os.unlink(part)
    return end(count_file, *counts)


def end(count_file, passed, failed, skipped):
    os.makedirs(os.path.dirname(count_file), exist_ok=True)
    with open(count_file, "w", encoding="ascii") as f:
        f.write(f"{passed} {failed} {skipped}\n")
    print(f"{os.path.basename(count_file).split('.')[0]}: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


def main():
    count_file = sys.argv[1]
    pattern = sys.argv[2] if len(sys.argv) > 2 else "test_*.py"
    part = sys.argv[3] if len(sys.argv) > 3 else ""
    if part.isdigit() and int(part) > 1:
        return run_at_once(count_file, pattern, int(part))
    sys.path.insert(0, HERE)
    suite = unittest.TestLoader().discover(HERE, pattern=pattern)
    if "/" in part:
        suite = part_of(suite, part)
    result = Result()
    suite.run(result)
    return end(count_file, result.passed, len(result.failures) + len(result.errors), len(result.skipped))


if __name__ == "__main__":
    sys.exit(main())
