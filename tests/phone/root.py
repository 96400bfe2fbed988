# SPDX-License-Identifier: MIT
"""The root file system of a phone: made once by mmdebstrap, kept in the user's cache.

One tree serves as build environment (with the suite's own compiler) and, over 9p, as guest; that of
HOST_SUITE is also where QEMU runs, for guests of every suite: QEMU 10.0, trixie's, aborts now and then
when the GPU's memory is mapped while an emulated processor runs (iotlb_to_section). A tree is named by a hash of all that it is made from, is built under another name and renamed
when it is complete, and is never written to afterwards: enter.sh mounts it read-only.
"""
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
SUITES = ("forky", "trixie", "bookworm")
HOST_SUITE = "forky"
# Where a guest's root is in the host's.
GUEST = "/mnt"
FALLBACK_MIRROR = "http://deb.debian.org/debian"
# A root that no checkout has used for so long is removed when another is made.
KEEP_DAYS = 7
TRIES = 3
TIMEOUT_S = 1800

# A frozen mirror's signatures are old; what nobody reads in a guest is left out.
OPTIONS = [
    "--mode=root", "--variant=apt",
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    '--aptopt=Acquire::Check-Valid-Until "false"',
    '--aptopt=Acquire::Check-Date "false"',
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=Acquire::Retries "5"',
    '--aptopt=Acquire::http::Timeout "60"',
    # Where enter.sh and the guest mount what is not the root's.
    '--customize-hook=mkdir -p "$1/src" "$1/cache" "$1/out"',
    '--customize-hook=chroot "$1" groupadd --system broker',
]


class RootError(Exception):
    """Says what is missing and what would help."""


def cache_dir():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "idlebroker")


def packages(suite):
    """What packaging/deps.sh and the file `packages` name for a suite; or `packages.SUITE` alone, if there is one."""
    whole = os.path.join(HERE, f"packages.{suite}")
    if os.path.exists(whole):
        with open(whole, encoding="ascii") as f:
            return sorted(" ".join(line.split("#")[0] for line in f).split())
    out = subprocess.run([os.path.join(SOURCE, "packaging/deps.sh"), "list"], check=True,
                         capture_output=True, text=True).stdout
    wanted = set(out.split())
    with open(os.path.join(HERE, "packages"), encoding="ascii") as f:
        for line in f:
            line = line.split("#")[0].strip()
            only, _, name = line.rpartition(":")
            if not name or only not in ("", suite):
                continue
            name = name.strip()
            if name.startswith("-"):
                wanted.discard(name[1:])
            else:
                wanted.add(name)
    return sorted(wanted)


def key(suite):
    inputs = "\n".join([suite, *OPTIONS, *packages(suite)])
    return hashlib.sha256(inputs.encode()).hexdigest()[:12]


def path(suite):
    return os.path.join(cache_dir(), f"root-{suite}-{key(suite)}")


def mirror():
    """The mirror that the host's own apt uses, if it is Debian's."""
    with contextlib.suppress(OSError):
        out = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(LABEL)"],
                             capture_output=True, text=True, check=False).stdout
        for line in out.splitlines():
            words = line.split()
            if words[1:] == ["Debian", "Debian"]:
                return words[0]
    return FALLBACK_MIRROR


def proxies():
    """The host's way to its mirror."""
    out = ""
    with contextlib.suppress(OSError):
        out = subprocess.run(["apt-config", "dump", "Acquire::http::Proxy"], capture_output=True,
                             text=True, check=False).stdout
    return [f"--aptopt={line.rstrip(';')}" for line in out.splitlines() if '""' not in line]


def bootstrap(suite, target, log):
    # A name space of its own: mounts of a run that is killed must not outlive it, or the next
    # removal of the half-made tree would reach through them.
    command = ["unshare", "--mount", "--propagation", "private",
               "mmdebstrap", *OPTIONS, *proxies(), "--include=" + ",".join(packages(suite)),
               suite, target, mirror()]
    env = {**os.environ, "INITRD": "No", "LC_ALL": "C.UTF-8"}  # the phone brings its own initramfs
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                              timeout=TIMEOUT_S, check=False).returncode
    except subprocess.TimeoutExpired:
        log.write(f"\nmmdebstrap took more than {TIMEOUT_S} s\n".encode())
        return 1


def tail(name, lines=15):
    with open(name, encoding="utf-8", errors="replace") as f:
        return "".join(f.readlines()[-lines:])


def remove_old(suite, keep):
    for name in os.listdir(cache_dir()):
        full = os.path.join(cache_dir(), name)
        if not name.startswith(f"root-{suite}-") or full == keep or not os.path.isdir(full):
            continue
        if name.endswith(".new") or time.time() - os.stat(full).st_mtime > KEEP_DAYS * 86400:
            shutil.rmtree(full, ignore_errors=True)


def make(suite):
    """The root's path; makes it if it is not there. Others that want the same root wait."""
    if suite not in SUITES:
        raise RootError(f"no suite {suite}; there are {', '.join(SUITES)}")
    if os.geteuid() != 0:
        raise RootError("the phone's root is made and mounted by root; run this as root")
    target = path(suite)
    os.makedirs(cache_dir(), exist_ok=True)
    with open(os.path.join(cache_dir(), f"root-{suite}.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(target):
            os.utime(target)
            return target
        if not shutil.which("mmdebstrap"):
            raise RootError("mmdebstrap is not installed: run `packaging/deps.sh phone`")
        remove_old(suite, target)
        began = time.monotonic()
        log_name = os.path.join(cache_dir(), f"root-{suite}.log")
        print(f"phone: making the root of {suite} in {target}, log in {log_name}",
              file=sys.stderr, flush=True)
        for attempt in range(TRIES):
            with open(log_name, "wb") as log:
                status = bootstrap(suite, target + ".new", log)
            if status == 0:
                break
            shutil.rmtree(target + ".new", ignore_errors=True)
            print(f"phone: mmdebstrap failed with {status}, attempt {attempt + 1} of {TRIES}:\n"
                  + tail(log_name), file=sys.stderr, flush=True)
            time.sleep(10 * attempt)
        else:
            raise RootError(f"no root of {suite} from {mirror()}; see {log_name}")
        os.rename(target + ".new", target)
        print(f"phone: the root of {suite} took {time.monotonic() - began:.0f} s",
              file=sys.stderr, flush=True)
        return target


def command(suite, build, argv):
    """The command line that runs argv inside the root; `build` is the build folder of the suite."""
    return [os.path.join(HERE, "enter.sh"), make(suite), SOURCE, os.path.abspath(build), cache_dir(),
            *argv]


def guest_path(suite):
    """Where the root of a guest is for its QEMU; no slash at the end."""
    return "" if suite == HOST_SUITE else GUEST


def host_command(suite, build, argv):
    """The same for QEMU, whose guest is of that suite."""
    enter, *rest = command(HOST_SUITE, build, argv)
    return [enter, *([] if suite == HOST_SUITE else ["--guest", make(suite)]), *rest]
