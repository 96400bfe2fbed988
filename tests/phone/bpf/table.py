#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bpf/verifier.txt: what the verifier of each kernel says of each eBPF program, and what is worse than that.

usage: table.py       its self-test: that each way to be worse is found, and what is as it was passes

The table has a row for each program of each variant and a column for each kernel, by its first two
numbers. A cell is "attached INSTRUCTIONS STATES", "loaded INSTRUCTIONS STATES", or why the program is not had.
What is between two spaces or more is one word. Pure: text in, text out.
"""
import re
import sys
from typing import NamedTuple

HEAD = """# SPDX-License-Identifier: MIT
# What the verifier of each kernel says of each eBPF program, each loaded by itself: the instructions that it
# went through, and the states that it kept. A kernel's programs are built by the compiler of its Debian.
# `make check-phone-bpf` fails where less is loaded than stands here, or a number is over a quarter higher;
# `make bpf-table` writes this file.
#
"""
# A number may grow by a quarter, a small one by a little more: a few instructions are no regression.
GROWTH, SLACK = 1.25, 8


class Verdict(NamedTuple):
    """Of one program on one kernel."""
    said: str  # "attached", "loaded", "load: ESRCH"
    insns: int
    states: int
    why: str = ""  # it is not had, in words; no part of the table

    @property
    def had(self):
        return ":" not in self.said

    def __str__(self):
        return f"{self.said} {self.insns} {self.states}" if self.had else self.said


class Column(NamedTuple):
    """One kernel: its release and its programs' compiler; by (object, variant, program)."""
    made_of: str
    verdicts: dict


def minor(release):
    """"6.12" of "6.12.107+deb13-amd64"."""
    return ".".join(re.findall(r"\d+", release)[:2])


def number(name):
    return tuple(map(int, name.split(".")))


def parse_stats(text):
    """What the program `stats` printed: (minor, column)."""
    first, *lines = text.splitlines()
    word, release, compiler = first.split("\t")
    if word != "kernel":
        raise ValueError(f"no line of the kernel: {first!r}")
    verdicts = {}
    for line in lines:
        *key, said, insns, states, why = line.split("\t")
        verdicts[tuple(key)] = Verdict(said, int(insns), int(states), why)
    if not verdicts:
        raise ValueError("no program was looked at")
    return minor(release), Column(f"Linux {release}, {compiler}", verdicts)


def parse_cell(cell):
    words = cell.split(" ")
    if ":" in cell:
        return Verdict(cell, 0, 0)
    return Verdict(words[0], int(words[1]), int(words[2]))


def parse(text):
    """The table: {minor: column}."""
    columns, names = {}, None
    for line in text.splitlines():
        made_of = re.match(r"# (\d+\.\d+): (.*)", line)
        if made_of:
            columns[made_of.group(1)] = Column(made_of.group(2), {})
        if line.startswith("#") or not line.strip():
            continue
        cells = re.split(r" {2,}", line.strip())
        if names is None:
            names = cells[3:]
            continue
        for name, cell in zip(names, cells[3:]):
            if cell != "-":
                columns[name].verdicts[tuple(cells[:3])] = parse_cell(cell)
    return columns


def write(columns):
    """The table's text. Rows are in the order in which the newest kernel was asked."""
    names = sorted(columns, key=number)
    keys = list(columns[names[-1]].verdicts)
    keys += [k for name in names for k in columns[name].verdicts if k not in keys]
    rows = [["object", "variant", "program", *names]]
    for key in dict.fromkeys(keys):
        rows.append([*key, *(str(columns[n].verdicts.get(key, "-")) for n in names)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    out = HEAD + "".join(f"# {name}: {columns[name].made_of}\n" for name in names) + "\n"
    for row in rows:
        out += "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() + "\n"
    return out


def nearest(columns, name):
    """The name of a kernel's column, or of the newest before it; None without one."""
    return max((n for n in columns if number(n) <= number(name)), key=number, default=None)


def grown(what, before, now):
    limit = max(before * GROWTH, before + SLACK)
    return [f"{now} {what}, {before} in the table"] if now > limit else []


def compare(before, now):
    """What is worse now than in the table's column, and what is only different: two lists of lines."""
    worse, other = [], []
    for key in [*before, *(k for k in now if k not in before)]:
        was, is_now = before.get(key), now.get(key)
        name = " ".join(key)
        if was is None:
            worse.append(f"{name}: {is_now}, and not in the table")
        elif is_now is None:
            worse.append(f"{name}: in the table, and was not looked at")
        elif was.had and is_now.said != was.said:
            worse.append(f"{name}: {is_now}, but {was} in the table")
        elif not was.had and str(was) != str(is_now):
            other.append(f"{name}: {is_now}; the table, which says {was}, can be written anew")
        elif was.had:
            worse += [f"{name}: {line}" for line in grown("instructions", was.insns, is_now.insns)
                      + grown("states", was.states, is_now.states)]
    return worse, other


def self_test():
    """Returns what is wrong, and the number of cases."""
    wrong = []
    a, b, c = ("input", "fentry", "seen"), ("gpu", "old tracepoints", "run"), ("hello", "run", "hello")
    before = {a: Verdict("attached", 400, 20), b: Verdict("load: ESRCH", 0, 0), c: Verdict("loaded", 4, 0)}
    cases = (  # what is other than before; lines that are worse, lines that are different
        ({}, 0, 0),
        ({a: Verdict("attached", 500, 25)}, 0, 0),
        ({a: Verdict("attached", 40, 2)}, 0, 0),
        ({a: Verdict("attached", 501, 20)}, 1, 0),
        ({a: Verdict("attached", 400, 29)}, 1, 0),
        ({a: Verdict("attached", 900, 90)}, 2, 0),
        ({c: Verdict("loaded", 12, 8)}, 0, 0),
        ({c: Verdict("loaded", 13, 0)}, 1, 0),
        ({a: Verdict("load: EINVAL", 0, 0)}, 1, 0),
        ({a: Verdict("attach: ENOTSUPP", 400, 20)}, 1, 0),
        ({a: Verdict("loaded", 400, 20)}, 1, 0),
        ({b: Verdict("attached", 100, 5)}, 0, 1),
        ({b: Verdict("load: EINVAL", 0, 0)}, 0, 1),
        ({a: None}, 1, 0),
        ({("new", "run", "new"): Verdict("attached", 1, 1)}, 1, 0),
    )
    for change, worse, other in cases:
        now = {k: v for k, v in {**before, **change}.items() if v}
        found = tuple(map(len, compare(before, now)))
        if found != (worse, other):
            wrong.append(f"{change}: {found}, should be {(worse, other)}")
    columns = {"6.1": Column("Linux 6.1.0-9, clang 14", before), "6.12": Column("Linux 6.12.3, clang 19", {a: before[a]})}
    if parse(write(columns)) != columns:
        wrong.append(f"a table is not read as it was written:\n{write(columns)}")
    if [nearest(columns, n) for n in ("5.15", "6.1", "6.9", "6.12", "7.3")] != [None, "6.1", "6.1", "6.12", "6.12"]:
        wrong.append("a kernel is held against a wrong column")
    stats = "\n".join("\t".join(words) for words in (("kernel", "6.12.107+deb13", "clang 19"),
                                                     (*b, "load: ESRCH", "0", "0", "no place")))
    if parse_stats(stats) != ("6.12", Column("Linux 6.12.107+deb13, clang 19", {b: before[b]._replace(why="no place")})):
        wrong.append("the lines of `stats` are not understood")
    return wrong, len(cases) + 3


def main():
    wrong, n = self_test()
    for line in wrong:
        print(line)
    print(f"bpf-table: {n} cases, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
