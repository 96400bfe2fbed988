# SPDX-License-Identifier: MIT
"""The measured figures as the table that README.md shows."""
import json
import sys

COMMAND = "make bench-phone"


def row(figures, name, prefix, suffix=""):
    key = f"{prefix}touch_to_free_ms_p99{suffix}"
    if key not in figures:
        return None
    def get(k):
        return figures[f"{prefix}{k}{suffix}"]
    page = figures.get(f"{prefix}touch_to_page_us_p99")
    cells = [name, f"{get('slice_ms_p50'):.1f} ms", "" if suffix or page is None else f"{page / 1000:.2f} ms",
             f"{get('touch_to_last_submit_ms_p99'):.1f} ms", f"{get('touch_to_free_ms_p50'):.1f} ms",
             f"{get('touch_to_free_ms_p99'):.1f} ms"]
    return "| " + " | ".join(cells) + " |"


def peer_row(figures):
    if "peer_touch_to_suspend_ms" in figures:
        found = f"{figures['peer_touch_to_suspend_ms']:.0f} ms"
    elif "peer_waited_s" in figures:
        found = f"not noticed: {figures['peer_touches_not_noticed']} touches in {figures['peer_waited_s']} s"
    else:
        return None
    return f"| boinc-client, told to pause while in use | | | | {found} | |"


def table(path):
    with open(path, encoding="ascii") as f:
        figures = json.load(f)
    rows = [row(figures, f"module, quantum {q} ms", "", "" if q == 4 else f"_q{q}") for q in (1, 2, 4, 8)]
    rows += [row(figures, f"user space (evdev), quantum {q} ms", "evdev_", "" if q == 4 else f"_q{q}")
             for q in (1, 2, 4, 8)]
    rows += [row(figures, "module, 4 ms, both processors loaded", "loaded_"),
             row(figures, "user space, 4 ms, both processors loaded", "loaded_evdev_"),
             peer_row(figures)]
    return "\n".join([f"| after a touch (`{COMMAND}`) | measured slice | seen in the page, p99 | "
                      "last submission, p99 | GPU free, median | GPU free, p99 |",
                      "|---|---|---|---|---|---|", *filter(None, rows)])


if __name__ == "__main__":
    print(table(sys.argv[1]))
