#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The phone's NPU does what a real one's driver does: its node appears, its jobs take their time,
fdinfo and the scheduler's tracepoints tell of them, programs share it, and neither a killed program,
hostile calls nor SUITE_RELOADS (100) reloads upset the kernel. It leaves no NPU behind.
"""
import ctypes
import errno
import fcntl
import json
import os
import random
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import klog  # noqa: E402

BUILD = os.environ["B"]
CLIENT = os.path.join(BUILD, "phone/tools/vnpu_client")
MODULE = os.path.join(BUILD, "modules/vnpu.ko")
TRACING = "/sys/kernel/tracing"
MS = 1000000
TRIES = 5  # of what a machine under load makes late
ROUNDS = int(os.environ.get("SUITE_RELOADS", "100"))

# struct drm_vnpu_submit: duration_ns, bo_handles, in_sync, out_sync, bo_count, flags, job
SUBMIT, SUBMIT_CALL = "=QQIIIIQ", 0x41
CREATE_BO, CREATE_BO_CALL = "=QQII", 0x40
CANCEL, CANCEL_CALL = "=II", 0x42
SYNCOBJ_CREATE, SYNCOBJ_CREATE_CALL = "=II", 0xBF
SYNCOBJ_TO_FD, SYNCOBJ_TO_FD_CALL = "=IIiI", 0xC1


def read(path):
    with open(path, encoding="ascii", errors="replace") as f:
        return f.read().strip()


def write(path, value):
    with open(path, "w", encoding="ascii") as f:
        f.write(f"{value}\n")


def expect(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what} is {found!r}; {wanted!r} was expected")


def expect_within(what, found, low, high):
    if not low <= found <= high:
        raise AssertionError(f"{what} is {found}; {low} to {high} was expected")


class Client:
    """A vnpu_client; `queued` is True once it has said so."""

    def __init__(self, *options, each=False):
        argv = [CLIENT, "-d", NODE, *(["-e"] if each else []), *map(str, options)]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)

    def wait_queued(self):
        expect("what the client says", self.process.stdout.readline(), "queued\n")
        return self

    def end(self):
        out, _ = self.process.communicate(timeout=60)
        expect("the client's status", self.process.returncode, 0)
        return json.loads(out.strip().splitlines()[-1])

    def kill(self):
        """SIGKILL; returns how many seconds it took to be gone."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=60)
        return time.monotonic() - began

    def fdinfo(self):
        """What the kernel says of its descriptor, as another program sees it."""
        base = f"/proc/{self.process.pid}"
        for fd in os.listdir(f"{base}/fd"):
            if os.readlink(f"{base}/fd/{fd}") == NODE:
                return dict(line.split(":\t", 1) for line in read(f"{base}/fdinfo/{fd}").splitlines()
                            if line.startswith("drm-"))
        raise AssertionError(f"the client has no descriptor of {NODE}")


def run(*options, each=False):
    return Client(*options, each=each).end()


def call(fd, number, layout, *values):
    """An ioctl of the device: what it returned in its struct, or the errno."""
    data = bytearray(struct.pack(layout, *values))
    try:
        fcntl.ioctl(fd, 3 << 30 | len(data) << 16 | ord("d") << 8 | number, data)
    except OSError as e:
        return e.errno
    return struct.unpack(layout, data)


def npu(verb):
    done = subprocess.run(["npu", verb], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def rmmod():
    return subprocess.run(["rmmod", "vnpu"], check=False, capture_output=True, text=True)


def check_appears():
    folder = "/sys/bus/platform/devices/vnpu"
    expect("its driver", os.path.basename(os.readlink(f"{folder}/driver")), "vnpu")
    accel = os.path.isdir("/sys/class/accel")
    expect("the node", NODE, "/dev/accel/accel0" if accel else NODE)
    device = os.stat(NODE).st_rdev
    expect("its major number", os.major(device), 261 if accel else 226)
    expect("its client's node", run()["node"], NODE)
    found = subprocess.run([CLIENT], check=True, capture_output=True, text=True).stdout
    expect("the node found without being told", json.loads(found.splitlines()[-1])["node"], NODE)


def check_time():
    """Device time by fdinfo is what was asked, within 2 %, but for interrupts that came late."""
    for jobs, ns in ((1, 1000 * MS), (4, 250 * MS), (50, 20 * MS)):
        said = run("-n", jobs, "-t", ns)
        expect("jobs done", said["done"], jobs)
        expect_within(f"device time of {jobs} jobs of {ns} ns", said["device_ns"] - said["late_ns"],
                      jobs * ns * 0.98, jobs * ns * 1.02)
        expect_within("time on the wall", said["wall_ns"], said["device_ns"], 4 * jobs * ns)
    expect("jobs of no time", run("-n", 1000, "-t", 0)["done"], 1000)


def check_running_counts():
    """A job that runs is charged while it runs, not when it ends."""
    client = Client("-t", 1000 * MS).wait_queued()
    time.sleep(0.4)
    first = client.fdinfo()
    began = time.monotonic_ns()
    time.sleep(0.3)
    second = client.fdinfo()
    passed = time.monotonic_ns() - began
    expect("the driver's name", first["drm-driver"], "vnpu")
    engine = [int(look["drm-engine-npu"].removesuffix(" ns")) for look in (first, second)]
    expect_within("device time after 0.4 s", engine[0], 200 * MS, 900 * MS)
    expect_within("device time of the next 0.3 s", engine[1] - engine[0], 200 * MS, passed + 50 * MS)
    said = client.end()
    expect("the client's number", str(said["client"]), first["drm-client-id"])


def check_buffers():
    client = Client("-t", 100 * MS, "-n", 5, "-b", 1 << 20).wait_queued()
    look = client.fdinfo()
    if "drm-total-memory" in look:  # since 6.5
        expect("its memory", look["drm-total-memory"], "1 MiB")
        expect("of that in use", look["drm-active-memory"], "1 MiB")
    expect("jobs that share a buffer", client.end()["done"], 5)


def traced(names, action):
    """Runs the action; returns its result, and the lines of the trace by event."""
    write(f"{TRACING}/trace", "")
    events = [f"{TRACING}/events/{e}/enable" for e in names]
    for event in events:
        write(event, 1)
    result = action()
    for event in events:
        write(event, 0)
    lines = [x for x in read(f"{TRACING}/trace").splitlines() if not x.startswith("#")]
    return result, {e: [x for x in lines if f" {e.split('/')[1]}: " in x] for e in names}


def seconds(line):
    """The time of a line of the trace."""
    return float([w for w in line.split() if w.endswith(":") and w[:-1].replace(".", "").isdigit()][0][:-1])


def check_tracepoints():
    """One of each for each job, and the time between the last two is the device time."""
    old = [f"gpu_scheduler/{e}" for e in ("drm_sched_job", "drm_run_job", "drm_sched_process_job")]
    new = [f"gpu_scheduler/drm_sched_job_{e}" for e in ("queue", "run", "done")]
    names = new if os.path.isdir(f"{TRACING}/events/{new[0]}") else old
    fences = "dma_fence/dma_fence_signaled"
    for left in reversed(range(TRIES)):
        said, events = traced([*names, fences], lambda: run("-n", 4, "-t", 100 * MS))
        for name in names:
            expect(f"events {name}", len(events[name]), 4)
        expect("fences of the engine", sum("driver=vnpu" in e for e in events[fences]), 4)
        took = sum(seconds(d) - seconds(r) for r, d in zip(events[names[1]], events[names[2]]))
        if abs(took * 1e9 - said["device_ns"]) <= 0.02 * said["device_ns"] or not left:
            break
    expect_within("seconds between run and done", took, said["device_ns"] * 0.98e-9, said["device_ns"] * 1.02e-9)


def check_share():
    """Two programs take turns on one engine, and each is charged its own."""
    began = time.monotonic_ns()
    clients = [Client("-n", 10, "-t", 100 * MS, each=True) for _ in range(2)]
    both = [c.end() for c in clients]
    passed = time.monotonic_ns() - began
    for said in both:
        expect_within("one's device time", said["device_ns"] - said["late_ns"], 980 * MS, 1020 * MS)
        # Alone it would be little more than the device time.
        expect_within("one's time on the wall", said["wall_ns"], 1250 * MS, passed)
    expect_within("the device time of both", sum(b["device_ns"] for b in both), 2000 * MS, passed)


def check_cancel():
    began = time.monotonic()
    said = run("-n", 20, "-t", 1000 * MS, "-x", 300)
    expect("jobs dropped", said["dropped"], 20)
    expect_within("device time until then", said["device_ns"], 200 * MS, 900 * MS)
    expect_within("seconds", time.monotonic() - began, 0.3, 8)
    said = run("-n", 2, "-t", 10 * MS, "-x", 600)
    expect("jobs done before the cancel", (said["done"], said["dropped"]), (2, 0))


def check_kill():
    """The job on the engine outlives its program; those behind it do not."""
    client = Client("-n", 5, "-t", 1500 * MS).wait_queued()
    time.sleep(0.2)
    took = client.kill()
    # The scheduler gives the queue of a dying program a second.
    expect_within("seconds to die", took, 0, 2.5)
    said = run("-t", MS)
    expect("the next job", said["done"], 1)
    expect_within("its wait for the dead one's", said["wall_ns"], 0, 2500 * MS)
    for _ in range(30):
        clients = [Client("-n", random.randint(1, 30), "-t", random.randint(0, 20) * MS,
                          *random.choice([(), ("-b", 4096)]), each=random.random() < 0.3) for _ in range(3)]
        time.sleep(random.random() * 0.15)
        for c in clients:
            c.kill()
    expect("a job after 90 killed programs", run("-t", MS)["done"], 1)


def check_hostile():
    fd = os.open(NODE, os.O_RDWR | os.O_CLOEXEC)
    try:
        def submit(duration=0, bos=0, in_sync=0, out_sync=0, count=0, flags=0):
            return call(fd, SUBMIT_CALL, SUBMIT, duration, bos, in_sync, out_sync, count, flags, 0)
        for wanted, arguments in ((errno.EINVAL, {"duration": 60000 * MS + 1}), (errno.EINVAL, {"duration": 2**64 - 1}),
                                  (errno.EINVAL, {"flags": 1}), (errno.EINVAL, {"count": 65}),
                                  (errno.ENOENT, {"in_sync": 99}), (errno.ENOENT, {"out_sync": 99}),
                                  (errno.EFAULT, {"count": 1, "bos": 8})):
            expect(f"a job with {arguments}", submit(**arguments), wanted)
        expect("a buffer of nothing", call(fd, CREATE_BO_CALL, CREATE_BO, 0, 0, 0, 0), errno.EINVAL)
        expect("a buffer of 2^63", call(fd, CREATE_BO_CALL, CREATE_BO, 1 << 63, 0, 0, 0), errno.EINVAL)
        expect("a cancel with a pad", call(fd, CANCEL_CALL, CANCEL, 0, 1), errno.EINVAL)
        size, _, handle, _ = call(fd, CREATE_BO_CALL, CREATE_BO, 5000, 0, 0, 0)
        expect("a buffer's size", size, 8192)
        handles = (ctypes.c_uint32 * 2)(handle, handle)
        expect("a buffer twice", submit(bos=ctypes.addressof(handles), count=2), errno.EALREADY)
        handles[1] = 77
        expect("a buffer that is none", submit(bos=ctypes.addressof(handles), count=2), errno.ENOENT)
        sync = call(fd, SYNCOBJ_CREATE_CALL, SYNCOBJ_CREATE, 0, 0)[0]
        expect("to wait for a syncobj without a fence", submit(in_sync=sync), errno.EINVAL)
        expect("the first job's number", submit(bos=ctypes.addressof(handles), count=1, out_sync=sync)[-1], 1)
        expect("the second's, which waits for it", submit(in_sync=sync, out_sync=sync)[-1], 2)
        for n in range(0x43, 0xA0):
            expect(f"call {n:#x}", call(fd, n, "=Q", 0), errno.EINVAL)
    finally:
        os.close(fd)


def check_fence_outlives():
    """A fence that went to another program keeps the module, not the device's file."""
    fd = os.open(NODE, os.O_RDWR | os.O_CLOEXEC)
    sync = call(fd, SYNCOBJ_CREATE_CALL, SYNCOBJ_CREATE, 0, 0)[0]
    call(fd, SUBMIT_CALL, SUBMIT, 300 * MS, 0, 0, sync, 0, 0, 0)
    exported = call(fd, SYNCOBJ_TO_FD_CALL, SYNCOBJ_TO_FD, sync, 0, -1, 0)[2]
    if rmmod().returncode == 0:
        raise AssertionError("the module went while a file was open")
    os.close(fd)
    if rmmod().returncode == 0:
        raise AssertionError("the module went while a job was on the engine")
    time.sleep(0.6)
    if rmmod().returncode == 0:
        raise AssertionError("the module went while a fence of its engine was held")
    os.close(exported)
    unload()
    npu("on")


def unload():
    """A syncobj's last fence is let go some moments after its file."""
    for _ in range(50):
        done = rmmod()
        if done.returncode == 0:
            return
        time.sleep(0.1)
    raise AssertionError("the module stays: " + done.stderr)


def check_rounds():
    waits = 0
    unload()
    for i in range(ROUNDS):
        subprocess.run(["insmod", MODULE], check=True)
        expect(f"jobs of round {i}", run("-n", 2, "-t", MS // 10, *(["-b", 8192] if i % 2 else []))["done"], 2)
        if i % 10 == 9:
            Client("-n", 3, "-t", 20 * MS).wait_queued().kill()
            unload()
        elif rmmod().returncode:
            waits += 1
            unload()
    expect("the node after it all", os.path.exists(NODE), False)
    print(f"{ROUNDS} rounds, {waits} in which the module was not free at once", flush=True)


def kernel_said(mark):
    log = subprocess.run(["dmesg"], check=True, capture_output=True, text=True).stdout
    return [line for _, line in klog.bad_lines(log[log.rfind(mark):])]


def main():
    global NODE
    if not os.path.exists(MODULE):
        if "drm_sched_init" in read("/proc/kallsyms") or \
                subprocess.run(["modprobe", "-n", "gpu-sched"], check=False, capture_output=True).returncode == 0:
            sys.exit(f"{MODULE} was not built")
        print("this kernel has no DRM scheduler, so there is no vnpu.ko")
        sys.exit(77)
    mark = f"test_vnpu {os.getpid()}"
    write("/dev/kmsg", mark)
    NODE = npu("on")
    for check in (check_appears, check_time, check_running_counts, check_buffers, check_tracepoints,
                  check_share, check_cancel, check_kill, check_hostile, check_fence_outlives, check_rounds):
        began = time.monotonic()
        check()
        expect(f"bad lines of the kernel's log after {check.__name__}", kernel_said(mark), [])
        print(f"{check.__name__} {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
