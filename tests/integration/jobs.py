# SPDX-License-Identifier: MIT
"""Jobs for the integration tests, made from tests/jobs/, and what their results must be."""
import json
import os
import shutil
import struct

from harness import BUILD

MASK = 0xffffffff


def mix_bundle(root, name="mix", outer=20, inner=10, rounds=64, groups=4096, **job):
    """A folder with the mix job, cut to size. Returns its path."""
    path = os.path.join(root, name)
    shutil.copytree(os.path.join(BUILD, "jobs/mix"), path)
    with open(os.path.join(path, "job.json"), encoding="utf-8") as f:
        document = json.load(f)
    document["name"] = name
    document["buffers"]["state"]["size"] = groups * 64 * 4
    document["limits"]["memory"] = groups * 64 * 4
    loop = document["program"][0]
    loop["count"] = outer
    loop["body"][0]["count"] = inner
    dispatch = loop["body"][0]["body"][0]
    dispatch["groups"] = [groups, 1, 1]
    dispatch["push"] = [f"i * {inner} + j", rounds]
    for key, value in job.items():
        document[key] = value
    with open(os.path.join(path, "job.json"), "w", encoding="utf-8") as f:
        json.dump(document, f)
    return path


def mix_word(i, steps, rounds):
    """The kernel of tests/jobs/mix/mix.comp for one word, in plain Python."""
    x = 0
    for step in range(steps):
        x = (x + i) & MASK
        for r in range(rounds):
            x ^= x >> 16
            x = (x * 0x7feb352d) & MASK
            x ^= x >> 15
            x = (x * 0x846ca68b) & MASK
            x ^= x >> 16
            x = (x + step * 0x9e3779b9 + r) & MASK
    return x


def check_mix(data, steps, rounds, groups=4096):
    """A sample of words over the whole range, the ends included."""
    n = groups * 64
    assert len(data) == n * 4, f"{len(data)} bytes instead of {n * 4}"
    for i in sorted({0, 1, 63, 64, n // 3, n // 2 + 17, n - 65, n - 1}):
        got = struct.unpack_from("<I", data, i * 4)[0]
        want = mix_word(i, steps, rounds)
        assert got == want, f"word {i} is {got:#x}, must be {want:#x}"
