# SPDX-License-Identifier: MIT
"""One running phone: QEMU inside a root, its guest in the suite's, and the channels to it.

    with Phone("forky", build) as phone:
        status = phone.run("uname -r")          # output to standard output, or capture=True
        phone.reset()                           # as if the power was cut; /state outlives it

`folder` is what the host and the guest share (/out in the guest): the console's log, the scripts of
commands, and what tests want to leave. A guest that dies or falls silent raises PhoneError.
"""
import contextlib
import ctypes
import functools
import json
import mmap
import os
import platform
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

import root

BOOT_S = 240  # far over what it takes, for a machine under load
PROBE_S = 20
# No console on the GPU's screen: nobody sees it, and its redrawing waits for a display that a loaded
# host serves late, which the kernel warns of.
KERNEL_ARGS = ("console=ttyS0 ignore_loglevel printk.time=1 panic=-1 net.ifnames=0 tsc=reliable "
               "drm_kms_helper.fbdev_emulation=0 drm_client_lib.active=none")


@functools.cache
def tsc_khz():
    """The host's time stamp counter against its clock; None where there is none.

    An emulated guest has the same counter. Left to calibrate it by itself on a loaded host it may be
    wrong by a factor, and then all its times and time-outs are.
    """
    if platform.machine() != "x86_64":
        return None
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex("0f31" "48c1e220" "4809d0" "c3"))  # rdtsc; shl rdx, 32; or rax, rdx; ret
    rdtsc = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(code)))

    def both():
        """Counter and clock at one moment: the closest pair of some."""
        found = []
        for _ in range(50):
            before = time.monotonic_ns()
            count = rdtsc()
            after = time.monotonic_ns()
            found.append((after - before, count, (before + after) // 2))
        return min(found)[1:]
    count0, ns0 = both()
    time.sleep(0.3)
    count1, ns1 = both()
    return (count1 - count0) * 1000000 // (ns1 - ns0)


class PhoneError(Exception):
    """The guest did not come up, died, or did not end in time."""


def enter(suite, build, argv, **kwargs):
    return subprocess.run(root.command(suite, build, argv), check=True, **kwargs)


def kernel_of(suite):
    """The path of its image, for QEMU."""
    release = sorted(os.listdir(os.path.join(root.make(suite), "lib/modules")))[-1]
    return f"{root.guest_path(suite)}/boot/vmlinuz-{release}"


def initramfs(suite, build, kernel=None):
    """The path inside the root; made when the root or its scripts are newer. A kernel of its own needs
    no modules to boot."""
    name = os.path.join(build, "initramfs.gz")
    inputs = [os.path.join(root.HERE, "guest", f) for f in ("initramfs.sh", "initramfs-init")]
    stamp = name + ".root"
    made_of = root.path(suite) + "".join(f" {os.stat(f).st_mtime_ns}" for f in inputs)
    with contextlib.suppress(OSError):
        with open(stamp, encoding="utf-8") as f:
            if f.read() == made_of and os.path.exists(name):
                return inside(name)
    os.makedirs(build, exist_ok=True)
    enter(suite, build, ["/src/tests/phone/guest/initramfs.sh", inside(name), *(["none"] if kernel else [])])
    with open(stamp, "w", encoding="utf-8") as f:
        f.write(made_of)
    return inside(name)


def inside(path):
    """Where a file of the source tree is inside the root."""
    return os.path.join("/src", os.path.relpath(os.path.abspath(path), root.SOURCE))


def accelerator(suite, build):
    """'kvm' only where a guest has come up with it: /dev/kvm may be there and not work."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    cached = os.path.join(os.path.dirname(build), "accelerator")
    with contextlib.suppress(OSError):
        with open(cached, encoding="ascii") as f:
            return f.read().strip()
    argv = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-m", "512", "-nodefaults", "-no-reboot",
            "-display", "none", "-serial", "stdio", "-kernel", kernel_of(suite), "-initrd",
            initramfs(suite, build), "-append", KERNEL_ARGS + " phone.probe"]
    with subprocess.Popen(root.host_command(suite, build, argv), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as probe:
        try:
            out = probe.communicate(timeout=PROBE_S)[0]
        except subprocess.TimeoutExpired:
            os.killpg(probe.pid, signal.SIGKILL)
            out = probe.communicate()[0]
    found = "kvm" if b"phone: probe ok" in out else "tcg"
    with open(cached, "w", encoding="ascii") as f:
        f.write(found + "\n")
    return found


class Phone:
    """A guest; see the head of this file."""

    # pylint: disable=too-many-instance-attributes
    def __init__(self, suite, build, name="phone", gpu=False, cpus=2, memory=None, disk=None,
                 kernel=None, kernel_args="", console=False, qemu_args=()):
        self.suite, self.build, self.gpu, self.cpus = suite, os.path.abspath(build), gpu, cpus
        self.memory = memory or (4096 if gpu else 2048)
        self.disk, self.kernel, self.kernel_args = disk, kernel, kernel_args
        self.console, self.qemu_args = console, list(qemu_args)
        self.folder = os.path.join(self.build, "vm", name)
        self.process = self.xvfb = self.agent = self.output = self.qmp = None
        self.sink = None  # takes what commands print; standard output without one
        self.sequence = 0
        self.lines = b""
        self.past_log = ""  # the kernel's, of boots that ended by reset()
        self.boot_s = None

    # Starting and ending

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *exc):
        if exc[0]:
            self.kill()
        else:
            self.quit()

    def arguments(self):
        accel = accelerator(self.suite, self.build)
        shared = inside(self.folder)
        kernel = inside(self.kernel) if self.kernel else kernel_of(self.suite)
        argv = ["qemu-system-x86_64", "-nodefaults", "-no-reboot", "-m", str(self.memory), "-smp", str(self.cpus)]
        argv += ["-accel", "kvm", "-cpu", "host"] if accel == "kvm" else \
            ["-accel", "tcg,thread=multi", "-cpu", "max"]
        argv += ["-machine", "q35,memory-backend=mem", "-object",
                 f"memory-backend-memfd,id=mem,size={self.memory}M,share=on"]
        clock = f" tsc_early_khz={tsc_khz()}" if accel == "tcg" and tsc_khz() else ""
        argv += ["-kernel", kernel, "-initrd", initramfs(self.suite, self.build, self.kernel),
                 "-append", f"{KERNEL_ARGS}{clock} phone.build={inside(self.build)} {self.kernel_args}"]
        argv += ["-chardev", f"file,id=log,path={shared}/console.log", "-serial", "chardev:log"]
        argv += ["-virtfs", f"local,path={root.guest_path(self.suite)}/,mount_tag=root,security_model=none,"
                 "readonly=on,multidevs=remap"]
        argv += ["-virtfs", f"local,path={shared},mount_tag=out,security_model=none,multidevs=remap"]
        argv += ["-device", "virtio-serial-pci"]
        for port in ("agent", "output"):
            argv += ["-chardev", f"socket,id={port},path={shared}/{port}.sock,server=on,wait=off",
                     "-device", f"virtserialport,chardev={port},name={port}"]
        if self.console:
            argv += ["-chardev", "stdio,id=tty,signal=off", "-device", "virtconsole,chardev=tty"]
        argv += ["-qmp", f"unix:{shared}/qmp.sock,server=on,wait=off"]
        argv += ["-device", "virtio-rng-pci"]
        if self.disk:
            argv += ["-drive", f"file={inside(self.disk)},if=none,id=disk,format=raw,cache=writeback",
                     "-device", "virtio-blk-pci,drive=disk"]
        argv += ["-device", "virtio-gpu-gl-pci,venus=on,blob=on,hostmem=1G", "-display", "sdl,gl=on"] \
            if self.gpu else ["-display", "none"]
        return argv + self.qemu_args

    def start(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        argv = self.arguments()
        if self.gpu:
            argv = [inside(os.path.join(root.HERE, "with-display.sh")), *argv]
        argv = ["setpriv", "--pdeathsig", "KILL", *argv]
        began = time.monotonic()
        with open(os.path.join(self.folder, "qemu.log"), "wb") as log:
            self.process = subprocess.Popen(root.host_command(self.suite, self.build, argv),
                                            stdin=None if self.console else subprocess.DEVNULL,
                                            stdout=None if self.console else log, stderr=log,
                                            start_new_session=not self.console)
        self.output = self.connect("output")
        self.agent = self.connect("agent")
        self.wait_ready(began)

    def connect(self, name):
        # By the folder's descriptor: the path of a checkout may be longer than a socket's may be.
        folder = os.open(self.folder, os.O_PATH)
        try:
            end = time.monotonic() + BOOT_S
            while True:
                s = socket.socket(socket.AF_UNIX)
                try:
                    s.connect(f"/proc/self/fd/{folder}/{name}.sock")
                    return s
                except OSError:
                    s.close()
                if self.process.poll() is not None:
                    raise PhoneError("QEMU ended at once:\n" + root.tail(os.path.join(self.folder, "qemu.log")))
                if time.monotonic() > end:
                    raise PhoneError(f"no socket {name} from QEMU")
                time.sleep(0.05)
        finally:
            os.close(folder)

    def wait_ready(self, began):
        self.lines = b""
        while self.next_line(began + BOOT_S) != "ready":
            pass
        self.boot_s = time.monotonic() - began

    def quit(self):
        """An orderly end."""
        with contextlib.suppress(OSError):
            self.agent.sendall(b"quit\n")
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            pass
        self.kill()

    def kill(self):
        if self.process and self.process.poll() is None:
            with contextlib.suppress(OSError):
                if self.console:
                    self.process.kill()
                else:
                    os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for s in (self.agent, self.output, self.qmp):
            if s:
                s.close()
        self.agent = self.output = self.qmp = None

    # Commands

    def dead(self, why):
        return PhoneError(f"{why}; the end of its console:\n"
                          + root.tail(os.path.join(self.folder, "console.log"), 40))

    def next_line(self, end, sink=None):
        """A line of the agent; what commands print meanwhile goes to the sink."""
        while b"\n" not in self.lines:
            left = end - time.monotonic()
            if left <= 0:
                raise self.dead("the guest did not answer in time")
            ready = select.select([self.agent, self.output], [], [], min(left, 1))[0]
            if self.output in ready:
                self.drain(sink)
            if self.agent in ready:
                data = self.agent.recv(4096)
                if not data:
                    raise self.dead("the guest ended")
                self.lines += data
            if not ready and self.process.poll() is not None:
                raise self.dead("QEMU ended")
        line, self.lines = self.lines.split(b"\n", 1)
        return line.decode(errors="replace")

    def drain(self, sink):
        """What the output port holds now. The guest's write returned when QEMU had it."""
        while select.select([self.output], [], [], 0)[0]:
            data = self.output.recv(1 << 16)
            if not data:
                return
            if sink:
                sink(data)

    def run(self, script, timeout=300, capture=False):
        """Run a shell script in the guest, at /src. Returns its status, or (status, output)."""
        self.post(script)
        return self.finish(timeout, capture)

    def post(self, script):
        """Start a script and return at once; finish() waits for it."""
        self.sequence += 1
        with open(os.path.join(self.folder, f"{self.sequence}.sh"), "w", encoding="utf-8") as f:
            f.write(script + "\n")
        self.agent.sendall(f"run {self.sequence}\n".encode())

    def finish(self, timeout=300, capture=False):
        out = []

        def to_stdout(data):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        sink = out.append if capture else self.sink or to_stdout
        end = time.monotonic() + timeout
        while True:
            words = self.next_line(end, sink).split()
            if words[:2] == ["done", str(self.sequence)]:
                break
            if words == ["ready"]:
                raise self.dead("the guest was reset")
        self.drain(sink)
        status = int(words[2])
        return (status, b"".join(out).decode(errors="replace")) if capture else status

    # The machine

    def monitor(self, command, **arguments):
        """A QMP command."""
        if not self.qmp:
            self.qmp = self.connect("qmp").makefile("rw")
            self.qmp.readline()
            self.monitor("qmp_capabilities")
        self.qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.qmp.flush()
        while True:
            reply = json.loads(self.qmp.readline() or '{"error": "QEMU is gone"}')
            if "error" in reply:
                raise PhoneError(f"{command}: {reply['error']}")
            if "return" in reply:
                return reply["return"]

    def reset(self):
        """
        Cut the power and boot again; what the guest had not yet written to its disk is lost. The
        machine ends and a new one starts on the same disk: QEMU 10's virtio-gpu does not outlive a
        system_reset while a program uses it.
        """
        self.past_log = self.console_log()
        self.kill()
        self.start()

    def console_log(self):
        """Of all boots so far."""
        with open(os.path.join(self.folder, "console.log"), encoding="utf-8", errors="replace") as f:
            return self.past_log + f.read()


def make_disk(suite, build, name, megabytes=512):
    """An empty ext4 disk below `build`; returns its path."""
    path = os.path.join(os.path.abspath(build), name)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    enter(suite, build, ["mkfs.ext4", "-q", "-F", inside(path), f"{megabytes}M"])
    return path
