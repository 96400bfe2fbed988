# SPDX-License-Identifier: MIT
"""The pages that brokerd and a worker share, seen from outside through /proc/PID/map_files.

So a benchmark reads what the worker measured without a word in any protocol for it, and without
disturbing either. A mapping outlives the worker. Layouts:
libbroker/proto/grant.h, kmod/uapi/linux/idlegate.h.
"""
import mmap
import os
import struct

REPORT = "idlebroker-report"
GATE = "idlegate"
SEQ_AT = 8
CHANGED_AT = 16
PAGE_SIZE = 4096
BUCKETS = 64
BUCKETS_A_QUANTUM = 8
PARKED, FINISHED = 2, 4
MAGIC = 0x7265706f
WORDS = ("slices", "device_ns", "dispatches_done", "dispatches_total", "last_submit_ns", "last_done_ns",
         "parked_ns", "longest_slice_ns", "overruns", "checkpoints")
WORDS_AT = 16
HISTOGRAM_AT = WORDS_AT + 8 * (len(WORDS) + 8)


def mapped(pid, name):
    """The path by which another process can map what this one has mapped from a memory file."""
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as f:
        for line in f:
            if f"/memfd:{name} " in line:
                start, end = (int(x, 16) for x in line.split()[0].split("-"))
                return f"/proc/{pid}/map_files/{start:x}-{end:x}"
    raise FileNotFoundError(f"process {pid} has no {name} mapped")


def map_page(pid, name):
    try:
        fd = os.open(mapped(pid, name), os.O_RDONLY)
    except PermissionError as e:
        raise SystemExit(f"bench: the pages of a worker can be seen by root alone ({e}): "
                         "run make bench as root") from e
    try:
        return mmap.mmap(fd, PAGE_SIZE, prot=mmap.PROT_READ)
    finally:
        os.close(fd)


class Gate:
    """The gate's page."""

    def __init__(self, pid):
        self.page = map_page(pid, GATE)

    @property
    def changed_ns(self):
        return struct.unpack_from("<Q", self.page, CHANGED_AT)[0]

    def look(self):
        """(holds, changed_ns), both of one moment."""
        while True:
            seq, holds, changed_ns = struct.unpack_from("<IIQ", self.page, SEQ_AT)
            if not seq & 1 and struct.unpack_from("<I", self.page, SEQ_AT)[0] == seq:
                return holds, changed_ns


class Report:
    """The report page of a worker."""

    def __init__(self, pid):
        self.page = map_page(pid, REPORT)
        if struct.unpack_from("<I", self.page)[0] != MAGIC:
            raise SystemExit(f"bench: {REPORT} of process {pid} is no report page of this version")

    def __getattr__(self, name):
        if name not in WORDS:
            raise AttributeError(name)
        return struct.unpack_from("<Q", self.page, WORDS_AT + 8 * WORDS.index(name))[0]

    @property
    def state(self):
        return struct.unpack_from("<I", self.page, 8)[0]

    @property
    def in_flight(self):
        return struct.unpack_from("<I", self.page, 12)[0]

    @property
    def histogram(self):
        return struct.unpack_from(f"<{BUCKETS}I", self.page, HISTOGRAM_AT)


def quantile(histogram, share):
    """The upper edge, in quanta, of the bucket in which that share of all slices is reached."""
    need = share * sum(histogram)
    seen = 0
    for i, n in enumerate(histogram):
        seen += n
        if seen >= need:
            return (i + 1) / BUCKETS_A_QUANTUM
    return len(histogram) / BUCKETS_A_QUANTUM
