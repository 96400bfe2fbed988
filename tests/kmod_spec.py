#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether kmod/idlegate.yaml names what kmod/uapi/linux/idlegate.h names, with the same numbers."""
import re
import sys

import yaml

HEADER = "kmod/uapi/linux/idlegate.h"
SPEC = "kmod/idlegate.yaml"


def header_numbers(prefix):
    """{name as the spec spells it: number} of the constants with this prefix."""
    with open(HEADER, encoding="utf-8") as f:
        found = re.findall(rf"^\s*{prefix}([A-Z_]+) = (\d+),", f.read(), re.MULTILINE)
    return {name.lower().replace("_", "-"): int(number) for name, number in found}


def numbered(items, first):
    """Their numbers count on from `first`, or from the last value that was given."""
    out, number = {}, first
    for item in items:
        number = item.get("value", number)
        out[item["name"]] = number
        number += 1
    return out


def compare(what, spec, header, extra):
    """`extra`: names that only the header has."""
    wrong = {name for name in spec.keys() | header.keys() if spec.get(name) != header.get(name)} - extra
    for name in sorted(wrong):
        print(f"{what} {name}: {spec.get(name)} in {SPEC}, {header.get(name)} in {HEADER}")
    return not wrong and bool(spec)


def main():
    with open(SPEC, encoding="utf-8") as f:
        spec = yaml.safe_load(f)
    good = compare("hold", numbered(spec["definitions"][0]["entries"], 0),
                   header_numbers("IDLEGATE_HOLD_"), {"count"})
    good &= compare("attribute", numbered(spec["attribute-sets"][0]["attributes"], 1),
                    header_numbers("IDLEGATE_A_"), {"unspec", "max"})
    good &= compare("command", numbered(spec["operations"]["list"], 1),
                    header_numbers("IDLEGATE_CMD_"), {"unspec", "max"})
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
