# SPDX-License-Identifier: MIT
"""Strangers at the socket of a real brokerd: none may harm it, or each other.

They send too much, too little, too fast, nothing, nonsense, or die. After each, an honest client must
be served at once. Needs root to play other users; says what it skipped otherwise.
"""
import array
import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import socket
import struct
import sys
import time
import unittest

from harness import PATIENCE, Broker

SERVICE = "org.varlink.service"
OWN = "io.idlebroker"
SEALS = 0x2 | 0x4 | 0x8  # F_SEAL_SHRINK, _GROW, _WRITE
F_ADD_SEALS = 1033
CLIENTS = 64


def expect(what, got, want):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, wanted {want!r}")


class Client:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(path)
        self.sock.settimeout(20 * PATIENCE)
        self.data = b""
        self.fds = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def raw(self, data, fds=()):
        anc = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        sent = self.sock.sendmsg([data], anc)
        if sent < len(data):
            self.sock.sendall(data[sent:])

    @staticmethod
    def message(method, params=None, **flags):
        return json.dumps({"method": method, "parameters": params or {}, **flags}).encode() + b"\0"

    def send(self, method, params=None, fds=(), **flags):
        self.raw(self.message(method, params, **flags), fds)

    def reply(self):
        while b"\0" not in self.data:
            data, anc, _, _ = self.sock.recvmsg(65536, 4096)
            for level, kind, raw in anc:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    self.fds += array.array("i", raw)
            if not data:
                raise EOFError
            self.data += data
        one, self.data = self.data.split(b"\0", 1)
        return json.loads(one)

    def call(self, method, params=None, fds=(), **flags):
        self.send(method, params, fds, **flags)
        return self.reply()

    def ends(self):
        """The broker hangs up, perhaps after more replies."""
        try:
            while True:
                self.reply()
        except (EOFError, ConnectionResetError):
            return True


def memfd(data, seals=SEALS):
    fd = os.memfd_create("blob", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    if seals:
        fcntl.fcntl(fd, F_ADD_SEALS, seals)
    return fd


def job(blob=None, name="hostile"):
    """A job that is valid but for its SPIR-V, which nobody looks at before it runs."""
    blob = blob or b"\x03\x02\x23\x07" + os.urandom(64)
    sha = hashlib.sha256(blob).hexdigest()
    doc = {
        "version": 1, "kind": "vulkan", "name": name,
        "buffers": {"b": {"size": 4096, "use": "output"}},
        "kernels": {"k": {"spirv": sha, "bindings": {"0": "b"}}},
        "program": [{"dispatch": "k", "groups": [1]}],
        "outputs": ["b"],
    }
    return json.dumps(doc), blob, sha


class Bench(Broker):
    """A broker that is watched while it is mistreated."""

    def client(self):
        return Client(self.socket)

    def healthy(self):
        start = time.monotonic()
        with self.client() as c:
            expect("GetGate", "gate" in c.call(OWN + ".GetGate")["parameters"], True)
        if time.monotonic() - start > 5 * PATIENCE:
            raise AssertionError("an honest client had to wait for more than five seconds")

    def proc_file(self, name):
        with open(f"/proc/{self.process.pid}/{name}", encoding="utf-8") as f:
            return f.read()

    def fds(self):
        """What each descriptor is: a count alone does not say whose the one too many is."""
        folder = f"/proc/{self.process.pid}/fd"
        found = {}
        for fd in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                found[fd] = os.readlink(f"{folder}/{fd}")
        return found

    def fd_count(self):
        """Without the trigger on the processor's pressure, which comes and goes with the gate."""
        return len([what for what in self.fds().values() if not what.startswith("/proc/pressure/")])

    def rss_kb(self):
        """0 of a sanitizer's build, which keeps what was freed."""
        if "libasan" in self.proc_file("maps"):
            return 0
        return int(self.proc_file("status").split("VmRSS:")[1].split()[0])

    def cpu_ticks(self):
        fields = self.proc_file("stat").rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def settle(self, fds):
        """Closed connections take the broker a moment."""
        end = time.monotonic() + 5 * PATIENCE
        while self.fd_count() > fds and time.monotonic() < end:
            time.sleep(0.02)
        if self.fd_count() > fds:
            raise AssertionError(f"descriptors leak: {self.fd_count()}, before {fds}: {self.fds()}")


def as_user(uid, gids, play):
    """Play a client as another user, in a child; its exit status is the verdict."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        os.setgroups(gids)
        os.setgid(65534)
        os.setuid(uid)
        play()
        os._exit(0)
    except Exception as e:  # pylint: disable=broad-except
        print(f"    as user {uid}: {e!r}", file=sys.stderr)
        os._exit(1)


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.b = Bench(broker={"worker": "/nonexistent/worker"}, limits={"max_clients": CLIENTS}).start()
        cls.b.healthy()

    @classmethod
    def tearDownClass(cls):
        log = cls.b.log_text()[-4000:]
        status = cls.b.stop()
        cls.b.close()
        if status:
            raise AssertionError(f"brokerd ended with {status}:\n{log}")

    def tearDown(self):
        if self.b.process.poll() is not None:
            raise AssertionError("brokerd ended:\n" + self.b.log_text()[-4000:])
        self.b.healthy()

    def test_introspection(self):
        b = self.b
        with b.client() as c:
            info = c.call(SERVICE + ".GetInfo")["parameters"]
            expect("interfaces", sorted(info["interfaces"]), [OWN, SERVICE])
            for name in info["interfaces"]:
                text = c.call(SERVICE + ".GetInterfaceDescription", {"interface": name})
                expect(name, f"interface {name}\n" in text["parameters"]["description"], True)
            r = c.call(SERVICE + ".GetInterfaceDescription", {"interface": "a.b"})
            expect("unknown interface", r["error"], SERVICE + ".InterfaceNotFound")

    def test_unknown_methods(self):
        b = self.b
        with b.client() as c:
            for method, error in ((OWN + ".Nothing", "MethodNotFound"), (OWN + ".", "MethodNotFound"),
                                  ("io.idlebrokerx.GetGate", "InterfaceNotFound"),
                                  (OWN + ".GetGate.x", "InterfaceNotFound"),
                                  (SERVICE + ".getinfo", "MethodNotFound")):
                expect(method, c.call(method)["error"], f"{SERVICE}.{error}")

    def test_wrong_parameters(self):
        b = self.b
        cases = (
            ("Show", {}, "id"), ("Show", {"id": "1"}, "id"), ("Show", {"id": 1.5}, "id"),
            ("Show", {"id": 1, "ID": 2}, "ID"), ("List", {"limit": 0}, "limit"),
            ("List", {"limit": 201}, "limit"), ("List", {"states": ["sad"]}, "states"),
            ("List", {"states": [1]}, "states"), ("List", {"after": -1}, "after"),
            ("List", {"uid": -1}, "uid"), ("Pause", {"seconds": 0}, "seconds"),
            ("Pause", {"seconds": 2**62}, "seconds"), ("GetGate", {"x": None}, "x"),
            ("MissingBlobs", {"sha256": ["zz"]}, "sha256"), ("MissingBlobs", {"sha256": [7]}, "sha256"),
            ("MissingBlobs", {"sha256": ["0" * 64] * 129}, "sha256"), ("Fetch", {"id": 1}, "output"),
        )
        with b.client() as c:
            for method, params, which in cases:
                r = c.call(f"{OWN}.{method}", params)
                expect(f"{method} {params}", (r.get("error"), r["parameters"].get("parameter")),
                       (SERVICE + ".InvalidParameter", which))
            for bad in (0, -1, 2**40, 2**63 - 1):
                expect(f"Show {bad}", c.call(OWN + ".Show", {"id": bad})["error"], OWN + ".NotFound")
            expect("Watch", c.call(OWN + ".Watch")["error"], SERVICE + ".ExpectedMore")

    def test_no_messages(self):
        b = self.b
        deep = b'{"method":"io.idlebroker.GetGate","parameters":{"a":' + b"[" * 5000 + b"]" * 5000 + b"}}"
        for bad in (b"\0", b"hello\0", b"[1,2]\0", b'"x"\0', b"{\0", b'{"method":7}\0', b'{"method":"x"}\0',
                    b'{"method":"a.b","parameters":[]}\0', b'{"method":"a.b","more":1}\0',
                    b'{"method":"a.b","more":true,"oneway":true}\0', b'{"method":"a.b","upgrade":true}\0',
                    b'{"method":"io.idlebroker.\xff\xfe"}\0', b'{"method":"\xed\xa0\x80.x"}\0', deep + b"\0",
                    b'{"method":"a.b","method":"a.c"}\0', b'{"a":[' + b"1," * 40000 + b"1]}\0"):
            with b.client() as c:
                try:
                    c.raw(bad + Client.message(OWN + ".GetGate"))
                except OSError:
                    pass
                expect(f"{bad[:40]}", c.reply()["error"], SERVICE + ".InvalidParameter")
                expect(f"{bad[:40]}: the end", c.ends(), True)
            b.healthy()

    def test_message_without_end(self):
        b = self.b
        before = b.rss_kb()
        with b.client() as c:
            try:
                for _ in range(64):
                    c.raw(b"x" * 65536)
                raise AssertionError("4 MiB without a NUL were taken")
            except (BrokenPipeError, ConnectionResetError):
                pass
        b.healthy()
        if b.rss_kb() > before + 8192:
            raise AssertionError(f"memory grew from {before} to {b.rss_kb()} KiB")

    def test_many_half_open(self):
        """Thousands connect, send half a message, and wait: the broker must outlive their number."""
        b = self.b
        before = b.fd_count()
        for _ in range(20):
            clients = []
            for _ in range(100):
                try:
                    c = b.client()
                    c.raw(b'{"method":"io.idle')
                    clients.append(c)
                except OSError:
                    pass
            for c in clients:
                c.sock.close()
        time.sleep(0.1)
        b.healthy()
        b.settle(before + 1)

    def test_large_halves(self):
        """Many nearly whole messages at once must not add up to the memory of the machine."""
        b = self.b
        before = b.rss_kb()
        clients = [b.client() for _ in range(40)]
        for c in clients:
            try:
                c.raw(b'{"a":"' + b"x" * 900000)
            except OSError:
                pass
        b.healthy()
        time.sleep(0.2)
        grown = b.rss_kb() - before
        for c in clients:
            c.sock.close()
        if grown > 40000:
            raise AssertionError(f"memory grew by {grown} KiB")

    def test_slow_reader(self):
        b = self.b
        with b.client() as slow:
            slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.sock.settimeout(0.5)
            sent = 0
            try:
                for _ in range(2000):
                    slow.raw(Client.message(SERVICE + ".GetInterfaceDescription", {"interface": OWN}) * 10)
                    sent += 10
            except (TimeoutError, socket.timeout):
                pass
            b.healthy()
            if sent >= 20000:
                raise AssertionError("a client that reads nothing is still read")
            slow.sock.settimeout(20)
            expect("its replies are there", "description" in slow.reply()["parameters"], True)

    def test_slow_writer(self):
        b = self.b
        with b.client() as c:
            for byte in Client.message(OWN + ".GetGate"):
                c.raw(bytes([byte]))
            expect("byte by byte", "gate" in c.reply()["parameters"], True)

    def test_half_closed(self):
        b = self.b
        with b.client() as c:
            c.send(OWN + ".GetGate")
            c.send(OWN + ".Status")
            c.sock.shutdown(socket.SHUT_WR)
            expect("first", "gate" in c.reply()["parameters"], True)
            expect("second", "pid" in c.reply()["parameters"], True)
            expect("the end", c.ends(), True)
        before = b.fd_count()
        with b.client() as c:  # one that still waits for what may never come
            c.send(OWN + ".WatchGate", more=True)
            c.reply()
            c.sock.shutdown(socket.SHUT_WR)
            ticks = b.cpu_ticks()
            time.sleep(0.7)
            if b.cpu_ticks() - ticks > 20:
                raise AssertionError("a half-closed client makes the loop spin")
        b.settle(before)

    def test_oneway(self):
        b = self.b
        with b.client() as c:
            c.send(OWN + ".Status", oneway=True)
            c.send(OWN + ".Nothing", oneway=True)
            expect("only the third is answered", "gate" in c.call(OWN + ".GetGate")["parameters"], True)

    def test_order(self):
        """500 calls in one write: each reply stands where its call stood."""
        b = self.b
        with b.client() as c:
            c.raw(b"".join(Client.message(OWN + ".Show", {"id": 10**9 + i}) +
                           Client.message(SERVICE + ".GetInterfaceDescription", {"interface": f"a.x{i}"})
                           for i in range(250)))
            for i in range(250):
                expect("Show", c.reply()["parameters"]["what"], f"job {10**9 + i}")
                expect("the other", c.reply()["parameters"]["interface"], f"a.x{i}")

    def test_submissions_in_order(self):
        """Pipelined submissions, good and bad mixed, and a List that sees those before it."""
        b = self.b
        n = 64
        with b.client() as c:
            data, want = b"", []
            text, blob, sha = job()
            fd = memfd(blob)
            r = c.call(OWN + ".Submit", {"job": text, "blobs": [{"sha256": sha, "fd": 0}]}, [fd])
            os.close(fd)
            expect("the first", "error" in r, False)
            for i in range(n):
                bad = i % 5 == 4
                data += Client.message(OWN + ".Submit", {"job": "{" if bad else text, "blobs": []})
                want.append(bad)
            c.raw(data + Client.message(OWN + ".List", {"after": r["parameters"]["id"]}))
            ids = []
            for bad in want:
                r = c.reply()
                expect("bad or not", r.get("error"), OWN + ".InvalidJob" if bad else None)
                if not bad:
                    ids.append(r["parameters"]["id"])
            expect("List sees what was submitted", [j["id"] for j in c.reply()["parameters"]["jobs"]], ids)
            for i in ids:
                expect("Cancel", c.call(OWN + ".Cancel", {"id": i}).get("error"), None)
            expect("Wait", c.call(OWN + ".Wait", {"id": ids[0]})["parameters"]["job"]["state"], "cancelled")
            r = c.call(OWN + ".Cancel", {"id": ids[0]})
            expect("Cancel again", r["error"], OWN + ".AlreadyEnded")
            expect("Fetch", c.call(OWN + ".Fetch", {"id": ids[0], "output": "b"})["error"], OWN + ".NotDone")

    def test_submit_blobs(self):
        b = self.b
        text, blob, sha = job()
        other = "0" * 64

        def attempt(blobs, fds=(), doc=text):
            with b.client() as c:
                r = c.call(OWN + ".Submit", {"job": doc, "blobs": blobs}, fds)
            for fd in fds:
                os.close(fd)
            return r.get("error", "").rsplit(".", 1)[-1], json.dumps(r["parameters"])

        entry = {"sha256": sha, "fd": 0}
        error, words = attempt([])
        expect("a blob that nobody has", (error, sha in words), ("BlobMissing", True))
        expect("other bytes", attempt([entry], [memfd(b"other")])[0], "BlobMismatch")
        expect("no descriptor came", attempt([entry])[0], "InvalidParameter")
        expect("one too far", attempt([{"sha256": sha, "fd": 1}], [memfd(blob)])[0], "InvalidParameter")
        expect("one twice", attempt([entry, {"sha256": other, "fd": 0}], [memfd(blob)])[0],
               "InvalidParameter")
        expect("not in the job", attempt([entry, {"sha256": other}], [memfd(blob)])[0], "InvalidParameter")
        expect("no list", attempt({}, [memfd(blob)])[0], "InvalidParameter")
        expect("no entry", attempt([5], [memfd(blob)])[0], "InvalidParameter")
        error, words = attempt([entry], [memfd(blob, 0)])
        expect("not sealed", (error, "F_SEAL_WRITE" in words), ("InvalidParameter", True))
        pipe = os.pipe()
        os.close(pipe[1])
        error, words = attempt([entry], [pipe[0]])
        expect("a pipe", (error, "sealed memory file" in words), ("InvalidParameter", True))
        error, words = attempt([entry], [os.open("/proc/self/status", os.O_RDONLY)])
        expect("procfs", (error, "sealed memory file" in words), ("InvalidParameter", True))
        error, words = attempt([entry], [os.open(b.root, os.O_RDONLY)])
        expect("a folder", error, "InvalidParameter")
        path = b.root + "/blob"
        error, words = attempt([entry], [os.open(path, os.O_WRONLY | os.O_CREAT)])
        expect("not readable", (error, "open for reading" in words), ("InvalidParameter", True))
        with open(path, "wb") as f:
            f.write(blob)
        expect("a file", attempt([entry], [os.open(path, os.O_RDONLY)])[0], "")
        expect("known by now", attempt([])[0], "")
        for bad in ("", "{", "[]", "null", '{"kind":"exec"}', "[" * 20000, json.dumps({"kind": "x" * 200000})):
            expect(f"job {bad[:20]}", attempt([], doc=bad)[0], "InvalidJob")
        big = job()[0][:-1] + ', "x": "' + "y" * 300000 + '"}'
        expect("too long", attempt([], doc=big)[0], "InvalidJob")

    def test_dying_submitters(self):
        b = self.b
        before = b.fd_count()
        text, blob, sha = job(b"z" * 100000)
        whole = Client.message(OWN + ".Submit", {"job": text, "blobs": [{"sha256": sha, "fd": 0}]})
        for cut in list(range(1, len(whole), 37)) + [len(whole)]:
            fd = memfd(blob)
            with b.client() as c:
                c.raw(whole[:cut], [fd])
            os.close(fd)
        b.healthy()
        b.settle(before)
        with b.client() as c:  # the whole one counted, or did not, but is no half job
            for j in c.call(OWN + ".List")["parameters"]["jobs"]:
                expect("a job of the list", j["name"], "hostile")

    def test_descriptor_flood(self):
        b = self.b
        before = b.fd_count()
        fd = memfd(b"x")
        with b.client() as c:
            try:
                for _ in range(2000):
                    c.raw(b" ", [fd] * 250)
                raise AssertionError("500,000 descriptors were taken")
            except (BrokenPipeError, ConnectionResetError):
                pass
        b.healthy()
        pipe = os.pipe()
        with b.client() as c:
            try:
                for _ in range(200):
                    c.raw(b" ", [pipe[0]] * 100)
            except (BrokenPipeError, ConnectionResetError):
                pass
        os.close(fd)
        os.close(pipe[0])
        os.close(pipe[1])
        b.healthy()
        b.settle(before)

    def test_watchers(self):
        """Many watch, most of them never read; one that does sees a pause come and go."""
        b = self.b
        lazy = [b.client() for _ in range(20)]
        for c in lazy:
            c.send(OWN + ".Watch", more=True)
        with b.client() as w, b.client() as c:
            w.send(OWN + ".WatchGate", more=True)
            first = w.reply()
            expect("it continues", first.get("continues"), True)
            for _ in range(200):
                c.call(OWN + ".Pause", {"seconds": 60})
                c.call(OWN + ".Resume")
            c.call(OWN + ".Pause")
            while True:
                gate = w.reply()["parameters"]["gate"]
                if "paused" in [h["name"] for h in gate["holds"]]:
                    break
            c.call(OWN + ".Resume")
            while "paused" in [h["name"] for h in gate["holds"]]:
                gate = w.reply()["parameters"]["gate"]
        for c in lazy:
            c.sock.close()

    @unittest.skipIf(os.geteuid() != 0, "it must play other users, which needs root")
    def test_strangers_may_look(self):
        b = self.b
        def play():
            with b.client() as c:
                for method in ("GetGate", "Devices", "Usage", "Doctor", "Status"):
                    expect(method, c.call(f"{OWN}.{method}").get("error"), None)
                for method, params in (("Submit", {"job": "", "blobs": []}), ("List", {}), ("Show", {"id": 1}),
                                       ("Cancel", {"id": 1}), ("Pause", {}), ("Resume", {}), ("Reload", {}),
                                       ("Logs", {"id": 1}), ("MissingBlobs", {"sha256": []})):
                    expect(method, c.call(f"{OWN}.{method}", params)["error"], OWN + ".PermissionDenied")
            with b.client() as c:
                fd = memfd(b"x")
                c.send(OWN + ".GetGate", fds=[fd])
                expect("descriptors of one who may only look", c.ends(), True)
            with b.client() as c:
                try:
                    for _ in range(8):
                        c.raw(b"x" * 32768)
                    expect("a long message", c.ends(), True)
                except OSError:
                    pass
        expect("the stranger", as_user(pwd.getpwnam("nobody").pw_uid, [], play), 0)

    @unittest.skipIf(os.geteuid() != 0, "it must play other users, which needs root")
    def test_one_user_cannot_take_all(self):
        b = self.b
        def play():
            clients = []
            for _ in range(200):
                c = b.client()
                try:
                    c.call(OWN + ".GetGate")
                    clients.append(c)
                except (EOFError, OSError):
                    break
            expect("how many it got", len(clients), CLIENTS // 4)
            os.close(os.open(b.root + "/taken", os.O_CREAT | os.O_WRONLY))
            time.sleep(1)
        os.chmod(b.root, 0o777)
        pid = os.fork()
        if pid == 0:
            os._exit(as_user(pwd.getpwnam("nobody").pw_uid, [], play))
        end = time.monotonic() + 10
        while not os.path.exists(b.root + "/taken") and time.monotonic() < end:
            time.sleep(0.02)
        b.healthy()
        expect("another user", as_user(12345, [], b.healthy), 0)
        expect("the greedy one", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        os.chmod(b.root, 0o755)

    def test_random_bytes(self):
        b = self.b
        for i in range(200):
            with b.client() as c:
                try:
                    c.raw(os.urandom(1 + i * 7))
                    c.raw(b"\0" + struct.pack("<Q", i) * (i % 50))
                except OSError:
                    pass
        b.healthy()
