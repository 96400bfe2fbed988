# SPDX-License-Identifier: MIT
"""What the kernel itself says of eBPF objects, by bpf(2) and /proc: asked past brokerd."""
import ctypes
import glob
import os
import platform
import re
import struct

SYS_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280}.get(platform.machine())
FD_BY_ID = {"prog": 13, "map": 14, "link": 30}
INFO_BY_FD, LINK_DETACH = 15, 34
# struct bpf_prog_info; it grows at its end.
PROG_INFO_SIZE, PROG_NAME_AT, PROG_RUN_AT = 208, 64, 192


def held(pid):
    """The eBPF objects of a process, as (kind, id): the kernel tells of each descriptor."""
    found = set()
    for path in glob.glob(f"/proc/{pid}/fdinfo/*"):
        try:
            with open(path, encoding="ascii") as f:
                found.update(re.findall(r"^(map|link|prog)_id:\s*(\d+)$", f.read(), re.M))
        except FileNotFoundError:
            continue
    return found


def bpf(command, *words):
    attr = struct.pack(f"={len(words)}I", *words)
    r = ctypes.CDLL(None, use_errno=True).syscall(SYS_BPF, command, attr, len(attr))
    if r < 0:
        raise OSError(ctypes.get_errno(), f"bpf({command})")
    return r


def in_kernel(kind, number):
    try:
        os.close(bpf(FD_BY_ID[kind], int(number), 0, 0))
        return True
    except FileNotFoundError:
        return False


def detach(link):
    """As `bpftool link detach`; the error's number."""
    fd = bpf(FD_BY_ID["link"], int(link), 0, 0)
    try:
        bpf(LINK_DETACH, fd)
        return 0
    except OSError as e:
        return e.errno
    finally:
        os.close(fd)


def prog_info(number):
    """(name, run_time_ns, run_cnt) of a program; the counts move while kernel.bpf_stats_enabled is 1."""
    info = ctypes.create_string_buffer(PROG_INFO_SIZE)
    fd = bpf(FD_BY_ID["prog"], int(number), 0, 0)
    try:
        address = ctypes.addressof(info)
        bpf(INFO_BY_FD, fd, PROG_INFO_SIZE, address & 0xffffffff, address >> 32)
    finally:
        os.close(fd)
    name = info.raw[PROG_NAME_AT:PROG_NAME_AT + 16].split(b"\0")[0].decode()
    return (name, *struct.unpack_from("=QQ", info.raw, PROG_RUN_AT))


def prog_runs(pid):
    """{name: (run_time_ns, run_cnt)} of the programs that a process has attached."""
    return {name: (ns, n) for name, ns, n in
            (prog_info(number) for kind, number in held(pid) if kind == "prog")}
