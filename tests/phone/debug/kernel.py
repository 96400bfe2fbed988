#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The debug kernel: Debian's own sources with kernel.config, built once and kept in the user's cache.

    make()      its folder: vmlinuz, config, release, System.map, and build/ for modules

It is built in a root of its own, with the compiler of the suite whose root it will run in, because
modules are built against it there. The folder is named by a hash of all that it is made from. As a
program it builds the kernel, if that was not done, and prints the folder.
"""
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import root  # noqa: E402

SUITE = "trixie"
PACKAGES = ("linux-source,gcc,libc6-dev,make,bc,flex,bison,libelf-dev,libssl-dev,xz-utils,"
            "python3-minimal,kmod,cpio")
INPUTS = ("kernel.config", "kernel.sh")
TIMEOUT_S = 4 * 3600


def key():
    found = hashlib.sha256("\n".join([SUITE, PACKAGES]).encode())
    for name in INPUTS:
        with open(os.path.join(HERE, name), "rb") as f:
            found.update(f.read())
    return found.hexdigest()[:12]


def path():
    return os.path.join(root.cache_dir(), f"debug-kernel-{key()}")


def run(argv, log):
    """In a name space of its own, so that no mount outlives it and a removal cannot reach through."""
    status = subprocess.run(["unshare", "--mount", "--propagation", "private", *argv], check=False,
                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=TIMEOUT_S,
                            env={**os.environ, "LC_ALL": "C.UTF-8"}).returncode
    if status:
        raise root.RootError(f"{argv[0]} failed with {status}; the end of {log.name}:\n"
                             + root.tail(log.name, 30))


def build(target, log):
    """The kernel below target/out."""
    tree = os.path.join(target, "root")
    options = [o for o in root.OPTIONS if not o.startswith("--customize-hook")]  # those are a phone's
    run(["mmdebstrap", *options, *root.proxies(), "--include=" + PACKAGES, SUITE, tree,
         root.mirror()], log)
    for name in INPUTS:
        shutil.copy(os.path.join(HERE, name), tree)
    run(["sh", "-c", 'mount -t proc proc "$1/proc" && exec chroot "$1" /kernel.sh /out', "sh", tree],
        log)
    os.rename(os.path.join(tree, "out"), os.path.join(target, "out"))


def make():
    if os.geteuid() != 0:
        raise root.RootError("the debug kernel is built in a root, which needs root; run this as root")
    target = path()
    if os.path.isdir(target):
        return target
    os.makedirs(root.cache_dir(), exist_ok=True)
    with open(os.path.join(root.cache_dir(), "debug-kernel.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(target):
            return target
        if not shutil.which("mmdebstrap"):
            raise root.RootError("mmdebstrap is not installed: run `packaging/deps.sh phone`")
        shutil.rmtree(target + ".new", ignore_errors=True)
        os.makedirs(target + ".new")
        began = time.monotonic()
        log_name = os.path.join(root.cache_dir(), "debug-kernel.log")
        print(f"phone: building the debug kernel in {target}, log in {log_name}; about half an hour",
              file=sys.stderr, flush=True)
        try:
            with open(log_name, "w", encoding="utf-8") as log:
                build(target + ".new", log)
            os.rename(os.path.join(target + ".new", "out"), target)
        finally:
            shutil.rmtree(target + ".new", ignore_errors=True)
        print(f"phone: the debug kernel took {time.monotonic() - began:.0f} s", file=sys.stderr)
        return target


if __name__ == "__main__":
    try:
        print(make())
    except root.RootError as e:
        sys.exit(f"phone: {e}")
