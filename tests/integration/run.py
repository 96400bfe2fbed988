#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the integration tests: one line each, a total, and the counts in build/check/<name>.count.

usage: run.py COUNT-FILE [PATTERN [K/N]]     K/N: the K-th of N parts, for as many machines
"""
import os
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


def main():
    count_file = sys.argv[1]
    pattern = sys.argv[2] if len(sys.argv) > 2 else "test_*.py"
    sys.path.insert(0, HERE)
    suite = unittest.TestLoader().discover(HERE, pattern=pattern)
    if len(sys.argv) > 3:
        suite = part_of(suite, sys.argv[3])
    result = Result()
    suite.run(result)
    failed = len(result.failures) + len(result.errors)
    os.makedirs(os.path.dirname(count_file), exist_ok=True)
    with open(count_file, "w", encoding="ascii") as f:
        f.write(f"{result.passed} {failed} {len(result.skipped)}\n")
    print(f"{os.path.basename(count_file)[:-6]}: {result.passed} passed, {failed} failed, "
          f"{len(result.skipped)} skipped")
    return 1 if failed or not result.passed else 0


if __name__ == "__main__":
    sys.exit(main())
