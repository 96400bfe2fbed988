# SPDX-License-Identifier: MIT
"""Who uses the devices: Usage and `brokerctl top`, over a folder of files as /proc."""
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
import unittest

from harness import CTL, PATIENCE, Broker, VarlinkConnection, wait_for
from jobs import mix_bundle

STRANGER = 65534


class Programs:
    """Stand-ins for the processes of /proc that hold a render node of an msm GPU."""

    def __init__(self, broker):
        self.root = os.path.join(broker.root, "proc")
        os.makedirs(self.root)
        broker.settings["roots"]["proc"] = self.root
        broker.write_config()
        device = os.path.join(broker.world.sys, "class/drm/renderD128")
        os.makedirs(device)
        os.symlink("../../../devices/platform/ff9a0000.gpu", os.path.join(device, "device"))

    def use(self, pid, comm, ns, memory_kib, uid=0):
        base = os.path.join(self.root, str(pid))
        for d in ("fd", "fdinfo"):
            os.makedirs(os.path.join(base, d), exist_ok=True)
        if not os.path.islink(os.path.join(base, "fd/5")):
            os.symlink("/dev/dri/renderD128", os.path.join(base, "fd/5"))
        with open(os.path.join(base, "comm"), "w", encoding="utf-8") as f:
            f.write(comm + "\n")
        # Another name first: brokerd must not read half of it.
        with open(os.path.join(base, "fdinfo/.5"), "w", encoding="ascii") as f:
            f.write(f"drm-driver:\tmsm\ndrm-client-id:\t{pid}\ndrm-engine-gpu:\t{ns} ns\n"
                    f"drm-resident-memory:\t{memory_kib} KiB\n")
        os.rename(os.path.join(base, "fdinfo/.5"), os.path.join(base, "fdinfo/5"))
        if os.geteuid() == 0:
            os.chown(base, uid, -1)


def phone(**settings):
    b = Broker(world=True, **settings)
    b.world.charger()
    b.world.battery(level=83, temp_c=31.5)
    b.world.zone(41.2)
    b.world.touchscreen()
    return b


def usage_as(broker, uid):
    """Usage, asked by another user."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        with VarlinkConnection(broker.socket) as c:
            os.write(into, json.dumps(c.call("io.idlebroker.Usage")["parameters"]).encode())
        os._exit(0)
    os.close(into)
    os.waitpid(pid, 0)
    with os.fdopen(out, "rb") as f:
        return json.loads(f.read())


class Screen:
    """`brokerctl top` on a terminal of its own. What it wrote is kept as it came."""

    def __init__(self, socket, columns, rows, *args):
        self.text = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            for name in ("COLUMNS", "LINES"):
                os.environ.pop(name, None)
            os.environ.update(TERM="xterm", LC_ALL="C.UTF-8")
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execv(CTL, [CTL, "--socket", socket, "top", *args])

    def read(self, seconds):
        while select.select([self.fd], [], [], seconds)[0]:
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                return
            if not piece:
                return
            self.text += piece.decode(errors="replace")
            seconds = 0

    def wait(self, *words, seconds=30):
        """Until it has written these, since the last wait."""
        end = time.monotonic() + seconds * PATIENCE
        while not all(w in self.text for w in words):
            if time.monotonic() > end:
                raise AssertionError(f"{words} did not come: {self.text!r}")
            self.read(0.2)
        self.text = ""

    def key(self, text):
        os.write(self.fd, text.encode())

    def resize(self, columns, rows):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def flags(self):
        return termios.tcgetattr(self.fd)[3] & (termios.ECHO | termios.ICANON)

    def end(self, seconds=20):
        """Its exit status, when it has ended by itself."""
        end = time.monotonic() + seconds * PATIENCE
        while time.monotonic() < end:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                flags = self.flags()
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status), flags
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise AssertionError(f"it did not end: {self.text!r}")


class Usage(unittest.TestCase):
    def test_programs_heat_and_battery_are_told(self):
        b = phone()
        programs = Programs(b)
        programs.use(100, "compositor", 5_000_000, 4096)
        programs.use(200, "game\x1b[2J", 7_000_000, 8192)
        with b:
            found = b.call("io.idlebroker.Usage")["parameters"]
            self.assertEqual(found["source"], "fdinfo")
            self.assertEqual(found["others"], [])
            clients = {c["pid"]: c for c in found["clients"]}
            self.assertEqual(sorted(clients), [100, 200])
            self.assertEqual(clients[200], {"pid": 200, "uid": os.geteuid(), "comm": "game?[2J",
                                            "device": "ff9a0000.gpu", "ours": False,
                                            "device_ns": 7_000_000, "memory": 8 << 20})
            self.assertEqual((found["hottest_mc"], found["battery_percent"], found["battery_mc"],
                              found["discharging"]), (41200, 83, 31500, False))
            self.assertNotIn("message", found)

    def test_a_program_that_comes_late_is_told_and_one_that_went_is_not(self):
        b = phone()
        programs = Programs(b)
        programs.use(100, "one", 1, 1)
        with b:
            def pids():
                return [c["pid"] for c in b.call("io.idlebroker.Usage")["parameters"]["clients"]]
            self.assertEqual(pids(), [100])
            programs.use(101, "two", 1, 1)
            subprocess.run(["rm", "-r", os.path.join(programs.root, "100")], check=True)
            wait_for("the other program", lambda: pids() == [101])

    @unittest.skipIf(os.geteuid() != 0, "it must play other users, which needs root")
    def test_others_see_their_own_programs_and_one_sum(self):
        b = phone()
        programs = Programs(b)
        programs.use(100, "secret-one", 5_000_000, 4)
        programs.use(200, "secret-two", 7_000_000, 8)
        programs.use(300, "mine", 9_000_000, 16, STRANGER)
        with b:
            found = usage_as(b, STRANGER)
            self.assertEqual([c["comm"] for c in found["clients"]], ["mine"])
            self.assertEqual(found["others"], [{"device": "ff9a0000.gpu", "clients": 2,
                                                "device_ns": 12_000_000, "memory": 12 << 10}])
            self.assertNotIn("secret", json.dumps(found))


class Top(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.b = phone()
        cls.programs = Programs(cls.b)
        cls.programs.use(100, "compositor", 0, 4096)
        cls.programs.use(200, "game", 0, 8192)
        cls.b.start()
        cls.b.wait_open()
        cls.job = cls.b.submit(mix_bundle(cls.b.root, name="long-one", outer=100000, groups=512))
        cls.b.wait_phase(cls.job, "running")

    @classmethod
    def tearDownClass(cls):
        cls.b.close()

    def open_gate(self):
        self.b.run("resume")
        self.b.wait_open()
        self.b.wait_phase(self.job, "running")

    def test_json_has_shares_and_rates(self):
        self.open_gate()
        p = subprocess.Popen([CTL, "--socket", self.b.socket, "top", "--json"], stdout=subprocess.PIPE, text=True)
        ns, clients, job = 0, {}, {}
        try:
            for _ in range(30):  # a line a second, in which the game's time grows
                ns += 400_000_000
                self.programs.use(200, "game", ns, 8192)
                found = json.loads(p.stdout.readline())
                clients = {c["comm"]: c for c in found["clients"]}
                job = next(j for j in found["jobs"] if j["id"] == self.job)
                # On a machine that stalls, one line or the other may have nothing to tell.
                if clients["game"].get("permille", 0) > 50 and job.get("slices_per_s", 0) > 0:
                    break
        finally:
            p.terminate()
            p.communicate()
        self.assertTrue(found["open"])
        self.assertGreater(found["window_ns"], 900_000_000)
        self.assertEqual((found["hottest_mc"], found["battery_percent"]), (41200, 83))
        self.assertEqual(clients["compositor"]["permille"], 0)
        self.assertGreater(clients["game"]["permille"], 50)
        self.assertEqual(clients["game"]["memory"], 8 << 20)
        self.assertEqual((job["name"], job["phase"]), ("long-one", "running"))
        self.assertGreater(job["slices_per_s"], 0)
        self.assertGreater(job["permille"], 0)
        self.assertLessEqual(job["dispatches_done"], job["dispatches_total"])
        device = next(d for d in found["devices"] if d.get("job") == self.job)
        self.assertEqual(device["jobs_permille"], job["permille"])

    def test_once_is_one_sample(self):
        self.open_gate()
        found = json.loads(self.b.run("top", "--json", "--once").stdout)
        self.assertEqual({c["pid"] for c in found["clients"]}, {100, 200})
        for columns in (40, 80):
            text = self.b.run("top", "--once", env=dict(os.environ, COLUMNS=str(columns), LC_ALL="C.UTF-8")).stdout
            for word in ("gate OPEN", "heat    41.2 C", "battery 83 %", "compositor", "game", "long-one"):
                self.assertIn(word, text)
            self.assertLessEqual(max(map(len, text.splitlines())), columns)
            self.assertNotIn("\x1b", text)
        self.assertIn("█", text)
        text = self.b.run("top", "--once", "--ascii", env=dict(os.environ, LC_ALL="C.UTF-8")).stdout
        self.assertTrue(text.isascii(), text)
        self.assertTrue(self.b.run("top", "--once", env=dict(os.environ, LC_ALL="C")).stdout.isascii())

    def test_without_a_terminal_it_says_what_to_do(self):
        for env in ({}, {"TERM": "dumb"}):
            r = self.b.run("top", check=False, stdin=subprocess.DEVNULL, env={**os.environ, **env})
            self.assertEqual(r.returncode, 2)
            self.assertIn("top --json --once", r.stderr)
        for args in (("-i", "0"), ("-i", "2h"), ("-i", "x"), ("--no",), ("extra",)):
            self.assertEqual(self.b.run("top", *args, check=False).returncode, 2, args)

    def test_keys_and_sizes(self):
        self.open_gate()
        s = Screen(self.b.socket, 40, 20)
        s.wait("OPEN", "compositor", "long-one", "q quit")
        before = s.flags()
        s.key("n")
        s.key("p")
        s.wait("CLOSED", "paused")
        self.assertIn("paused", self.b.holds())
        s.key("p")
        wait_for("the pause to end", lambda: "paused" not in self.b.holds())
        s.resize(80, 24)
        s.wait("user-space", "q quit   p pause")
        s.resize(20, 5)
        s.key("\x0c")
        s.wait("q quit")
        s.key("q")
        code, after = s.end()
        self.assertEqual(code, 0)
        self.assertEqual(before, 0)
        self.assertEqual(after, termios.ECHO | termios.ICANON, "the terminal is as it was")

    def test_it_leaves_the_terminal_as_it_was_when_it_is_ended(self):
        for how in (signal.SIGINT, signal.SIGTERM, "\x03"):
            s = Screen(self.b.socket, 40, 20)
            s.wait("gate")
            if isinstance(how, str):
                s.key(how)
            else:
                os.kill(s.pid, how)
            self.assertEqual(s.end(), (0, termios.ECHO | termios.ICANON), how)

    def test_a_terminal_that_goes_ends_it(self):
        s = Screen(self.b.socket, 40, 20)
        s.wait("gate")
        os.close(s.fd)
        wait_for("its end", lambda: os.waitpid(s.pid, os.WNOHANG)[0])

    @unittest.skipIf(os.geteuid() != 0 or not shutil.which("setpriv"), "needs root and setpriv")
    def test_a_stranger_sees_sums(self):
        self.open_gate()
        out = [subprocess.run(["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups", CTL,
                               "--socket", self.b.socket, "top", "--once", *more], capture_output=True, text=True,
                              check=True, env=dict(os.environ, COLUMNS="80")).stdout for more in ((), ("--json",))]
        for text in out:
            self.assertNotIn("compositor", text)
            self.assertNotIn("long-one", text)
        self.assertIn("2 of other users", out[0])
        self.assertIn("for members of the group broker", out[0])
        self.assertNotIn("jobs", json.loads(out[1]))


class Lost(unittest.TestCase):
    def test_a_broker_that_went_is_asked_again(self):
        with Broker() as b:
            s = Screen(b.socket, 60, 20)
            s.wait("gate")
            b.kill()
            s.wait("no answer from the broker")
            b.start()
            s.wait("gate", "DEVICE")
            s.key("q")
            self.assertEqual(s.end()[0], 0)

    def test_without_a_broker_the_exit_status_says_so(self):
        b = Broker()
        for args in (("--once",), ("--once", "--json")):
            self.assertEqual(b.run("top", *args, check=False).returncode, 3)
        b.close()


if __name__ == "__main__":
    unittest.main()
