#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The house rules that a machine can check; `make style` runs it.

Layout (clang-format), the first line (SPDX), sizes of files and functions, the direction of
includes, comments, spelling (codespell) and shell scripts (shellcheck). Prints one line for each
violation and fails if there is any. A size over its target, but under its limit, is only counted.
"""
import re
import subprocess
import sys

FILE_TARGET, FILE_LIMIT = 400, 800
HEADER_TARGET, HEADER_LIMIT = 200, 400
FUNCTION_TARGET, FUNCTION_LIMIT = 40, 80
WIDTH = 100

# What a file may include of the project, by the folder it is in; the longest prefix counts.
MAY_INCLUDE = {
    "kmod/uapi/": (),
    "kmod/core/": ("kmod/core/", "linux/idlegate.h"),
    "kmod/selftest/": ("kmod/core/", "kmod/selftest/", "linux/idlegate.h"),
    "libbroker/": ("libbroker/", "linux/idlegate.h"),
    "tools/": ("libbroker/", "tools/"),
    "broker/worker/": ("libbroker/", "broker/worker/", "linux/idlegate.h"),
    "broker/sched/": ("broker/sched/",),
    "broker/store/": ("broker/store/", "broker/loop.h", "libbroker/"),
    "broker/bpf/": ("broker/bpf/", "broker/loop.h", "bpf/", "libbroker/"),
    "broker/bpf/loader/": ("broker/bpf/loader/", "broker/bpf/load_msg.h", "broker/bpf/probe.h", "bpf/",
                           "libbroker/"),
    "broker/sources/": ("broker/sources/", "broker/bpf/", "bpf/", "broker/loop.h", "broker/config.h", "kmod/core/",
                        "libbroker/", "linux/idlegate.h"),
    "broker/api/": ("broker/", "libbroker/", "kmod/core/", "linux/idlegate.h"),
    "broker/": ("broker/", "libbroker/", "kmod/core/", "linux/idlegate.h"),
}
# Folders that nothing outside them may reach into.
PRIVATE = {"broker/worker/": ("broker/worker/", "tests/"),
           "broker/bpf/loader/": ("broker/bpf/loader/", "tests/")}
PROJECT = ("kmod/", "libbroker/", "broker/", "tools/", "bpf/", "tests/")

problems = []
over_target = 0


def problem(path, line, text):
    problems.append(f"{path}:{line}: {text}")


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
                         check=True, capture_output=True, text=True).stdout
    return [p for p in out.splitlines() if not p.startswith("tests/fuzz/corpus/")]


def rule_for(path):
    found = [p for p in MAY_INCLUDE if path.startswith(p)]
    return MAY_INCLUDE[max(found, key=len)] if found else None


def check_size(path, what, length, target, limit, line=1):
    global over_target
    if length > limit:
        problem(path, line, f"{what} has {length} lines; the limit is {limit}")
    elif length > target:
        over_target += 1


def check_functions(path, lines):
    start = None
    for i, line in enumerate(lines, 1):
        if line == "{" and i > 1:
            start = i
        elif line == "}" and start:
            name = re.search(r"([A-Za-z_0-9]+)\(", " ".join(lines[max(0, start - 4):start - 1]))
            check_size(path, f"function {name.group(1) if name else '?'}()", i - start - 1,
                       FUNCTION_TARGET, FUNCTION_LIMIT, start)
            start = None


def check_includes(path, lines):
    rule = rule_for(path)
    for i, line in enumerate(lines, 1):
        m = re.match(r'#\s*include\s+["<]([^">]+)[">]', line)
        if not m:
            continue
        header = m.group(1)
        if header.startswith('"') or (not header.startswith(PROJECT) and header != "linux/idlegate.h"):
            continue
        if rule is not None and not header.startswith(rule):
            problem(path, i, f"{header} must not be included from here: dependencies go one way")
        for folder, users in PRIVATE.items():
            if header.startswith(folder) and not path.startswith(users):
                problem(path, i, f"{header} is private to {folder}")


def check_text(path, lines):
    in_string = re.compile(r'"(\\.|[^"\\])*"')
    for i, line in enumerate(lines, 1):
        bare = in_string.sub('""', line)
        if "://" not in bare and re.search(r"(^|\s)//", bare):
            problem(path, i, "use /* */ for comments")
        if re.match(r"\s*typedef\s+(struct|union|enum)\b", bare):
            problem(path, i, "a struct has no typedef")
        if len(line.expandtabs(8)) > WIDTH and "\"" not in line and "http" not in line:
            problem(path, i, f"longer than {WIDTH} columns")
        if line != line.rstrip():
            problem(path, i, "space at the end of the line")


def check_kernel_versions(path, lines):
    if path.startswith(("kmod/compat/", "bpf/core_fixes.bpf.h", "tests/style.py")):
        return
    for i, line in enumerate(lines, 1):
        if "LINUX_VERSION_CODE" in line:
            problem(path, i, "kernel versions are looked at in kmod/compat/ only")


def check_c(path):
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")
    if "SPDX-License-Identifier:" not in lines[0]:
        problem(path, 1, "the first line must be the SPDX licence")
    if len(lines) < 2 or not any(l.startswith("/*") for l in lines[1:4]):
        problem(path, 2, "the file opens with a comment that says what it is")
    header = path.endswith(".h")
    check_size(path, "the file", len(lines) - 1, HEADER_TARGET if header else FILE_TARGET,
               HEADER_LIMIT if header else FILE_LIMIT)
    check_functions(path, lines)
    check_includes(path, lines)
    check_text(path, lines)
    check_kernel_versions(path, lines)


def check_spdx(path):
    with open(path, encoding="utf-8") as f:
        head = f.read(300).split("\n")[:3]
    if not any("SPDX-License-Identifier:" in l for l in head):
        problem(path, 1, "the SPDX licence must stand in the first lines")


def run_tool(argv, what):
    try:
        r = subprocess.run(argv, capture_output=True, text=True)
    except FileNotFoundError:
        problem(argv[0], 0, "is not installed: run `make deps`")
        return
    if r.returncode:
        text = (r.stdout + r.stderr).strip().splitlines()
        problems.extend(text[:60])
        problems.append(f"{what}: {len(text)} lines above")


def main():
    c_files = tracked("*.c", "*.h", "*.comp")
    for path in c_files:
        if path.endswith(".comp"):
            check_spdx(path)
        else:
            check_c(path)
    for path in tracked("*.sh", "*.py", "*.mk", "Makefile", "*.map"):
        check_spdx(path)
    c_only = [p for p in c_files if not p.endswith(".comp")]
    run_tool(["clang-format", "--dry-run", "-Werror", *c_only], "clang-format")
    run_tool(["codespell", "-q", "3", "-L", "parm,te,fo,inout,ue,nd,ot,hist,ba,statics",
              "-S", "LICENSES,*.json,tests/fuzz/corpus", *tracked("*.c", "*.h", "*.md", "*.sh", "*.py", "*.1",
              "*.3", "*.5", "*.7", "*.8", "*.varlink")], "codespell")
    run_tool(["shellcheck", *tracked("*.sh", "tests/phone/guest/bin/*", "tests/phone/guest/init",
                                "tests/phone/guest/initramfs-init"), ".ci/run"], "shellcheck")
    for p in problems:
        print(p)
    print(f"style: {len(c_files)} files, {over_target} sizes over target, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
