#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The measured figures as the picture that README.md shows: touch to free, on a logarithmic axis.

usage: picture.py build/bench-phone.json >tests/phone/bench/touch-to-free.svg

A row's bar goes from the median to the 99th percentile. Rows that were not measured are left out.
"""
import json
import math
import sys
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, TOP, ROW = 900, 330, 40, 46, 25
FIRST_MS, LAST_MS = 1, 100000
FRAME_MS = 1000 / 60
INK, FAINT, FRAME = "#333", "#ddd", "#b03020"
MODULE, EVDEV, PEER = "#2266aa", "#77aacc", "#cc8844"


def x(ms):
    return LEFT + (WIDTH - LEFT - RIGHT) * math.log(max(ms, FIRST_MS) / FIRST_MS) / math.log(LAST_MS / FIRST_MS)


def text(at, y, words, anchor="start", color=INK):
    # With a white seam, since lines of the axis pass below.
    return (f'<text x="{at:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}" stroke="#fff" '
            f'stroke-width="4" paint-order="stroke">{escape(words)}</text>')


def line(x1, y1, x2, y2, color, more=""):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"{more}/>'


def rows_of(figures):
    """[(words, color, from ms, to ms, its label)]"""
    rows = []
    for name, color, prefix, quanta in (("module", MODULE, "", (1, 2, 4, 8)), ("user space", EVDEV, "evdev_", (1, 2, 4, 8)),
                                        ("module, processors loaded", MODULE, "loaded_", (4,)),
                                        ("user space, processors loaded", EVDEV, "loaded_evdev_", (4,))):
        for q in quanta:
            median, p99 = (figures.get(f"{prefix}touch_to_free_ms_{share}{'' if q == 4 else f'_q{q}'}")
                           for share in ("p50", "p99"))
            if p99 is not None:
                rows.append((f"{name}, slices of {q} ms", color, median, p99, f"{median:.1f} to {p99:.1f} ms"))
    if "peer_touch_to_suspend_ms" in figures:
        ms = figures["peer_touch_to_suspend_ms"]
        rows.append(("boinc-client, a touch", PEER, ms, ms, f"{ms:.0f} ms"))
    elif "peer_waited_s" in figures:
        rows.append(("boinc-client, a touch", PEER, figures["peer_waited_s"] * 1000, None,
                     f"not noticed: {figures['peer_touches_not_noticed']} touches in {figures['peer_waited_s']} s"))
    if "peer_terminal_to_suspend_ms" in figures:
        ms = figures["peer_terminal_to_suspend_ms"]
        rows.append(("boinc-client, a terminal typed at", PEER, ms, ms, f"{ms:.0f} ms"))
    return rows


def axis(bottom):
    out = []
    ms = FIRST_MS
    while ms <= LAST_MS:
        out += [line(x(ms), TOP - 8, x(ms), bottom, FAINT),
                text(x(ms), TOP - 14, f"{ms} ms" if ms < 1000 else f"{ms // 1000} s", "middle")]
        ms *= 10
    out += [line(x(FRAME_MS), TOP - 8, x(FRAME_MS), bottom, FRAME, ' stroke-dasharray="4 3"'),
            text(x(FRAME_MS), bottom + 14, "a display frame, 60 Hz", "middle", FRAME)]
    return out


def bar(y, row):
    words, color, low, high, label = row
    out = [text(LEFT - 10, y + 4, words, "end")]
    if high is None:  # it never came: an arrow to the end
        tip = x(min(low, LAST_MS))
        return out + [line(LEFT, y, tip, y, color, ' stroke-width="2" stroke-dasharray="3 3"'),
                      f'<path d="M {tip:.1f} {y} l -8 -4 v 8 z" fill="{color}"/>',
                      text((LEFT + tip) / 2, y + 4, label, "middle")]
    width = max(x(high) - x(low), 3)
    return out + [f'<rect x="{x(low):.1f}" y="{y - 6}" width="{width:.1f}" height="12" rx="2" fill="{color}"/>',
                  text(x(low) + width + 8, y + 4, label)]


def picture(figures):
    rows = rows_of(figures)
    bottom = TOP + ROW * len(rows)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 24}" '
           f'font-family="sans-serif" font-size="13">', "<!-- SPDX-License-Identifier: MIT -->",
           "<title>From a touch of the screen to a free GPU: median to 99th percentile</title>",
           f'<rect width="{WIDTH}" height="{bottom + 24}" fill="#fff"/>']
    out += axis(bottom)
    for i, row in enumerate(rows):
        out += bar(TOP + ROW * i + ROW // 2, row)
    return "\n".join([*out, "</svg>"])


if __name__ == "__main__":
    with open(sys.argv[1], encoding="ascii") as f:
        print(picture(json.load(f)))
