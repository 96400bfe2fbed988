# SPDX-License-Identifier: MIT
"""What the integration tests share: a real brokerd in a folder of its own.

The daemon, its worker and the Vulkan driver are the real ones. Only what a build machine has none of
stands in for the real thing, and is named so: a folder of files as /sys, pipes as input devices.

Where the kernel module is loaded (in the virtual phone), it must host the gate, so that nothing falls back
unseen; but for a broker with stand-ins, of which the kernel knows nothing: those tests are about the
user-space tier. What they test of the gate, test_phone.py tests with real devices over both tiers.
"""
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

BUILD = os.path.abspath(os.environ.get("B", "build"))
BROKERD = os.path.join(BUILD, "brokerd")
WORKER = os.path.join(BUILD, "broker-worker")
CTL = os.path.join(BUILD, "brokerctl")
# A sanitizer's build, on a shared machine, is many times slower than a phone.
SANITIZER = re.compile(r"(Address|Leak|Thread)Sanitizer|: runtime error: ")
MODULE_IS_LOADED = os.path.exists("/dev/idlegate")
PATIENCE = float(os.environ.get("IDLEBROKER_TEST_PATIENCE", "1"))


def wait_for(what, condition, seconds=30):
    """Look until condition() gives something true, and give it; fail after `seconds`."""
    end = time.monotonic() + seconds * PATIENCE
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.01)


class World:
    """Stand-ins for /sys, /proc and /dev: a charger, a battery, a touchscreen, a thermal zone."""

    def __init__(self, root):
        self.sys = os.path.join(root, "sys")
        self.dev = os.path.join(root, "dev")
        for d in (self.sys, self.dev):
            os.makedirs(d)

    def write(self, path, value):
        path = os.path.join(self.sys, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as f:
            f.write(f"{value}\n")

    def charger(self, online=True):
        self.write("class/power_supply/usb/type", "USB")
        self.write("class/power_supply/usb/online", int(online))

    def battery(self, level=100, status="Full", current_ua=0, temp_c=25.0):
        base = "class/power_supply/battery/"
        self.write(base + "type", "Battery")
        self.write(base + "present", 1)
        self.write(base + "status", status)
        self.write(base + "capacity", level)
        self.write(base + "current_now", current_ua)
        self.write(base + "temp", int(temp_c * 10))

    def zone(self, temp_c):
        base = "class/thermal/thermal_zone0/"
        self.write(base + "type", "soc")
        self.write(base + "temp", int(temp_c * 1000))

    def touchscreen(self):
        """A pipe stands in for the event device; its bytes are struct input_event."""
        base = "class/input/event0/device/"
        self.write(base + "capabilities/ev", "b")
        self.write(base + "capabilities/key", "400 0 0 0 0 0")
        self.write(base + "capabilities/abs", "260800000000003")
        self.write(base + "capabilities/rel", "0")
        self.write(base + "capabilities/sw", "0")
        self.write(base + "properties", "2")
        self.write(base + "name", "stand-in touchscreen")
        os.makedirs(os.path.join(self.dev, "input"), exist_ok=True)
        os.mkfifo(os.path.join(self.dev, "input", "event0"))
        self.touch_fd = os.open(os.path.join(self.dev, "input", "event0"), os.O_RDWR | os.O_NONBLOCK)

    def touch(self):
        os.write(self.touch_fd, struct.pack("@llHHi", 0, 0, 3, 53, 1))

    def close(self):
        if hasattr(self, "touch_fd"):
            os.close(self.touch_fd)


class Broker:
    """One brokerd with its own state, socket and configuration."""

    def __init__(self, world=False, **settings):
        self.root = tempfile.mkdtemp(prefix="idlebroker-test-")
        os.chmod(self.root, 0o755)
        self.state = os.path.join(self.root, "state")
        self.socket = os.path.join(self.root, "socket")
        self.config = os.path.join(self.root, "broker.conf")
        self.log = os.path.join(self.root, "log")
        self.world = World(self.root) if world else None
        self.process = None
        # Another way to start brokerd: what goes before it on its command line, changes to its
        # environment, what its process does before it (a callable).
        self.prefix, self.env, self.before = [], {}, None
        self.settings = {
            "broker": {"state_dir": self.state, "socket": self.socket, "worker": WORKER},
            "devices": {"allow_software_device": "yes"},
            "gate": {"idle_after": "300ms", "cpu_busy": "100%",
                     "module": "off" if world else "require" if MODULE_IS_LOADED else "auto"},
            # llvmpipe on a busy machine may stall for long; what is tested is not its speed.
            "slices": {"slice_limit": "2s", "first_slice_limit": "1min", "grace": "10s", "kill": "1min"},
        }
        for dwell in ("not_charging", "draining", "battery_low", "battery_hot", "zone_hot", "gpu_busy",
                      "cpu_busy", "sensor_lost"):
            self.settings["gate"]["dwell_" + dwell] = "100ms"
        if self.world:
            self.settings["roots"] = {"sys": self.world.sys, "dev": self.world.dev}
        for section, keys in settings.items():
            self.settings.setdefault(section, {}).update(keys)
        self.write_config()

    def write_config(self):
        with open(self.config, "w", encoding="utf-8") as f:
            for section, keys in self.settings.items():
                f.write(f"[{section}]\n")
                for key, value in keys.items():
                    f.write(f"{key} = {value}\n")

    def start(self, wait=True):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.prefix, BROKERD, "--config", self.config],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, **self.env}, preexec_fn=self.before)
        if wait:
            wait_for("the socket", self.answers)
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError("brokerd ended: " + self.log_text()[-2000:])
        try:
            # A killed daemon's socket takes connections for a moment yet, so ask who is there.
            status = self.call("io.idlebroker.Status")["parameters"]
            return status["pid"] == self.process.pid
        except OSError:
            return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds=40):
        """An orderly end; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds * PATIENCE)

    def close(self):
        if self.process and self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
        if self.world:
            self.world.close()
        reports = [line for line in self.log_text().splitlines() if SANITIZER.search(line)]
        shutil.rmtree(self.root, ignore_errors=True)
        if reports:
            raise AssertionError("a sanitizer's report: " + "\n".join(reports[:20]))

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        if exc[0]:
            print("--- brokerd's log\n" + self.log_text()[-6000:])
        self.close()

    def log_text(self):
        if not os.path.exists(self.log):
            return ""
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def run(self, *args, check=True, timeout=120, **kwargs):
        r = subprocess.run([CTL, "--socket", self.socket, *map(str, args)], capture_output=True,
                           text=True, timeout=timeout * PATIENCE, check=False, **kwargs)
        if check and r.returncode:
            raise AssertionError(f"brokerctl {' '.join(map(str, args))}: {r.returncode}\n{r.stdout}{r.stderr}")
        return r

    def json(self, *args, **kwargs):
        return json.loads(self.run(*args, "--json", **kwargs).stdout)

    def submit(self, path):
        return int(self.json("submit", path)["id"])

    def call(self, method, parameters=None, timeout=60):
        """One Varlink call, without the client library."""
        with VarlinkConnection(self.socket) as c:
            return c.call(method, parameters, timeout)

    def job(self, job):
        return self.call("io.idlebroker.Show", {"id": job})["parameters"]["job"]

    def gate(self):
        return self.call("io.idlebroker.GetGate")["parameters"]["gate"]

    def holds(self):
        return {h["name"] for h in self.gate()["holds"]}

    def wait_open(self, seconds=30):
        wait_for("the gate to open", lambda: self.gate()["open"], seconds)

    def programs(self):
        """What doctor says of each eBPF program that somebody asked for."""
        return {s["name"]: s for s in self.json("doctor", check=False)["sensors"]
                if s["name"].startswith("ebpf ")}

    def wait_programs(self, seconds=60):
        """Until each is attached or said why not; gives them. A loader that is at it wakes brokerd."""
        def look():
            found = self.programs()
            return None if any(s["detail"] == "being loaded" for s in found.values()) else [found]
        return wait_for("the eBPF programs", look, seconds)[0]

    def wait_state(self, job, *states, seconds=120):
        def look():
            j = self.job(job)
            return j if j["state"] in states else None
        return wait_for(f"job {job} to be {' or '.join(states)}", look, seconds)

    def wait_phase(self, job, phase, seconds=60):
        def look():
            j = self.job(job)
            if j["state"] in ("failed", "cancelled", "done"):
                raise AssertionError(f"job {job} is {j['state']}: {j.get('reason')}")
            return j if j["phase"] == phase else None
        return wait_for(f"job {job} to be {phase}", look, seconds)

    def output(self, job, name):
        path = os.path.join(self.root, f"out-{job}-{name}")
        self.run("fetch", job, name, "-f", "-o", path)
        with open(path, "rb") as f:
            return f.read()

    def worker_pids(self):
        out = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                    stat = f.read()
                if "(broker-worker)" in stat and int(stat.rsplit(")", 1)[1].split()[1]) == self.process.pid:
                    out.append(int(pid))
            except (OSError, IndexError, ValueError):
                continue
        return out


class VarlinkConnection:
    """A plain Varlink client over a raw socket, to say also what no library would."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def send(self, message, fds=()):
        data = json.dumps(message).encode() + b"\0" if isinstance(message, dict) else message
        if fds:
            socket.send_fds(self.sock, [data], list(fds))
        else:
            self.sock.sendall(data)

    def receive(self, timeout=60):
        end = time.monotonic() + timeout * PATIENCE
        while b"\0" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                raise AssertionError("no reply in time")
            data = self.sock.recv(1 << 16)
            if not data:
                raise ConnectionError("the broker closed the connection")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, parameters=None, timeout=60, fds=(), **flags):
        self.send({"method": method, "parameters": parameters or {}, **flags}, fds)
        return self.receive(timeout)


def sha256(data):
    import hashlib
    return hashlib.sha256(data).hexdigest()
