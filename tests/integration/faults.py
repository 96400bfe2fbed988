# SPDX-License-Identifier: MIT
"""What the tests of bad input and of faults share: jobs that are broken in one place, and their way in.

Each test that breaks something has a sound job before it and one after it, so that "the broker goes
on" is seen and not assumed.
"""
import fcntl
import json
import os

from harness import BUILD, VarlinkConnection, sha256
from jobs import check_mix, mix_bundle

SPIRV = os.path.join(BUILD, "gen/spirv")
F_ADD_SEALS, SEALS = 1033, 0xe  # write, grow, shrink
SMALL = {"outer": 1, "inner": 2, "rounds": 4, "groups": 16}


def good_bundle(root, name="good", **job):
    """The mix job, so small that it takes no time worth speaking of."""
    path = os.path.join(root, name)
    return path if os.path.exists(path) else mix_bundle(root, name, **SMALL, **job)


def check_good(b, job):
    ended = b.wait_state(job, "done", "failed", "cancelled")
    assert ended["state"] == "done", f"the sound job {job} is {ended['state']}: {ended.get('reason')}"
    check_mix(b.output(job, "state"), 2, 4, 16)


def run_good(b):
    """The broker takes a sound job and brings it to the right end."""
    check_good(b, b.submit(good_bundle(b.root)))


def read(path):
    with open(path, "rb") as f:
        return f.read()


def spirv(name):
    return read(os.path.join(SPIRV, name + ".spv"))


def document(kernel=None, **changes):
    """The small job as a dictionary; its kernel is the file mix.spv."""
    out = {
        "version": 1, "kind": "vulkan", "name": "bad",
        "buffers": {"state": {"size": 4096, "use": "output"}},
        "kernels": {"mix": {"spirv": "mix.spv", "bindings": {"0": "state"}, "push": ["u32", "u32"]}},
        "program": [{"dispatch": "mix", "groups": [16], "push": [0, 4]}],
        "outputs": ["state"],
    }
    out.update(changes)
    if kernel is not None:
        out["kernels"]["mix"].update(kernel)
    return out


def no_push(**kernel):
    """For a kernel of tests/jobs/hostile/ that takes no push constants."""
    out = document(program=[{"dispatch": "mix", "groups": [1]}])
    del out["kernels"]["mix"]["push"]
    out["kernels"]["mix"].update(kernel)
    return out


def folder(root, name, job, kernel=None):
    """A bundle as a folder: job is a dictionary or the bytes of job.json, kernel the SPIR-V."""
    path = os.path.join(root, name)
    os.makedirs(path)
    with open(os.path.join(path, "job.json"), "wb") as f:
        f.write(job if isinstance(job, bytes) else json.dumps(job).encode())
    with open(os.path.join(path, "mix.spv"), "wb") as f:
        f.write(spirv("mix/mix") if kernel is None else kernel)
    return path


def sealed(data):
    fd = os.memfd_create("blob", os.MFD_ALLOW_SEALING)
    with os.fdopen(os.dup(fd), "wb") as f:
        f.write(data)
    fcntl.fcntl(fd, F_ADD_SEALS, SEALS)
    return fd


def packed(job, blobs):
    """The text of job.json with its file names replaced by hashes."""
    text = job if isinstance(job, str) else json.dumps(job)
    for name, data in blobs.items():
        text = text.replace(f'"{name}"', f'"{sha256(data)}"')
    return text


def submit_call(text, blobs):
    """A Submit message and its descriptors, which the caller closes."""
    fds = [sealed(data) for data in blobs.values()]
    listed = [{"sha256": sha256(data), "fd": i} for i, data in enumerate(blobs.values())]
    return {"method": "io.idlebroker.Submit", "parameters": {"job": text, "blobs": listed}}, fds


def submit_raw(b, job, kernel=None):
    """Submit past the client library, which would refuse most of it. Returns the reply."""
    blobs = {"mix.spv": spirv("mix/mix") if kernel is None else kernel}
    message, fds = submit_call(packed(job, blobs), blobs)
    try:
        with VarlinkConnection(b.socket) as c:
            c.send(message, fds)
            return c.receive()
    finally:
        for fd in fds:
            os.close(fd)


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
