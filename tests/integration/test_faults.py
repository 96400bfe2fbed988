# SPDX-License-Identifier: MIT
"""Faults of the surroundings: each is told in words, and nothing that was accepted is lost."""
import ctypes
import glob
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import time
import unittest

from faults import check_good, document, folder, good_bundle, open_files, packed, read, run_good, spirv, submit_call
from harness import CTL, WORKER, Broker, VarlinkConnection, sha256, wait_for
from jobs import check_mix, mix_bundle

ROOT = os.getuid() == 0
SEED = int(os.environ.get("IDLEBROKER_SEED", str(random.randrange(1 << 30))))


def may_mount():
    return ROOT and subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
                                   capture_output=True, check=False).returncode == 0


def start_refused(b, seconds=30):
    """brokerd must end by itself with 1 and words. Returns what it wrote."""
    before = len(b.log_text())
    b.start(wait=False)
    code = b.process.wait(seconds)
    text = b.log_text()[before:]
    assert code == 1, f"it ended with {code}: {text}"
    return text


def tree(path):
    """Every file with its hash."""
    return {os.path.relpath(os.path.join(at, f), path): sha256(read(os.path.join(at, f)))
            for at, _, files in os.walk(path) for f in files}


class Submitters(unittest.TestCase):
    def test_clients_that_die_while_submitting(self):
        rng = random.Random(SEED)
        print(f"       IDLEBROKER_SEED={SEED}", flush=True)
        with Broker() as b:
            run_good(b)
            b.run("pause")
            files, accepted = open_files(b.process.pid), 0
            for i in range(120):
                kernel = spirv("mix/mix") + bytes(4 * i)
                blobs = {"mix.spv": kernel, **{f"b{k}": os.urandom(200000) for k in range(i % 3)}}
                text = packed(document(name=f"dying-{i}"), blobs)
                message, fds = submit_call(text, {"mix.spv": kernel} if i % 2 else blobs)
                data = json.dumps(message).encode() + b"\0"
                cut = rng.choice([rng.randrange(1, len(data)), len(data), len(data) - 1])
                with VarlinkConnection(b.socket) as c:
                    c.send(data[:cut], fds)
                    if rng.random() < 0.3:
                        time.sleep(rng.uniform(0, 0.01))
                    if rng.random() < 0.3:
                        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                accepted += cut == len(data)
                for fd in fds:
                    os.close(fd)
            wait_for("all descriptors to be closed", lambda: open_files(b.process.pid) <= files)
            wait_for("all clients to be gone", lambda: b.json("status")["clients"] == 1)
            jobs = b.json("jobs")["jobs"][1:]
            self.assertLessEqual(len(jobs), accepted)
            self.assertEqual({j["state"] for j in jobs} - {"queued"}, set())
            self.assertEqual(os.listdir(os.path.join(b.state, "tmp")), [])
            for j in jobs:
                b.run("cancel", j["id"])
            b.run("resume")
            run_good(b)

    @unittest.skipUnless(ROOT and shutil.which("setpriv"), "needs root and setpriv")
    def test_those_without_rights_may_look_only(self):
        with Broker() as b:
            os.chmod(b.root, 0o755)
            path = good_bundle(b.root)

            def nobody(*args):
                return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", CTL, "--socket",
                                       b.socket, *map(str, args)], capture_output=True, text=True, check=False)
            job = b.submit(path)
            check_good(b, job)
            for args, needs in ((("submit", path), "membership of the group broker"),
                                (("pause",), "root or membership of the group broker-admin"),
                                (("resume",), "broker-admin"), (("reload",), "broker-admin")):
                r = nobody(*args)
                self.assertEqual(r.returncode, 4, r.stderr)
                self.assertIn(needs, r.stderr)
            for args in (("cancel", job), ("show", job), ("logs", job), ("fetch", job, "state", "-o", "-")):
                r = nobody(*args)
                self.assertIn(r.returncode, (4, 6), f"{args}: {r.stdout}{r.stderr}")
            for args in ("why", "status", "devices", "doctor"):
                self.assertEqual(nobody(args).returncode, 0, nobody(args).stderr)
            self.assertEqual([j["state"] for j in b.json("jobs")["jobs"]], ["done"])
            run_good(b)


class StateDirectory(unittest.TestCase):
    def test_a_second_brokerd(self):
        with Broker() as first:
            job = first.submit(mix_bundle(first.root, rounds=64, outer=4, groups=512))
            second = Broker(broker={"state_dir": first.state})
            third = Broker(broker={"socket": first.socket}, gate={"module": "off"})
            try:
                text = start_refused(second)
                self.assertIn(f"another brokerd (pid {first.process.pid}) has this state directory", text)
                self.assertIn("state_dir to another directory", text)
                self.assertIn("another brokerd listens here; stop it, or set [broker] socket", start_refused(third))
            finally:
                second.close()
                third.close()
            first.run("wait", job)
            check_mix(first.output(job, "state"), 40, 64, 512)
            run_good(first)

    def test_the_socket_of_a_dead_daemon(self):
        with Broker() as b:
            b.kill()
            self.assertTrue(os.path.exists(b.socket))
            b.start()
            run_good(b)
            self.assertEqual(b.stop(), 0)
            self.assertFalse(os.path.exists(b.socket))
            with open(b.socket, "w", encoding="ascii") as f:
                f.write("somebody's file")
            self.assertIn("in the way of the socket", start_refused(b))
            self.assertEqual(read(b.socket), b"somebody's file")
            os.unlink(b.socket)
            b.start()
            run_good(b)

    def test_a_damaged_database(self):
        with Broker() as b:
            run_good(b)
            self.assertEqual(b.stop(), 0)
            sound = read(os.path.join(b.state, "jobs.db"))
            for name, data in (("header", b"garbage!" * 64 + sound[512:]), ("middle", sound[:4096] + os.urandom(
                    len(sound) - 4096)), ("short", sound[:5000]), ("empty", b"")):
                with open(os.path.join(b.state, "jobs.db"), "wb") as f:
                    f.write(data)
                before = tree(b.state)
                text = start_refused(b)
                self.assertIn("jobs.db", text, name)
                self.assertRegex(text, "damaged|not a database|malformed|corrupt", name)
                after = tree(b.state)
                after["lock"] = before["lock"]
                self.assertEqual(before, {k: v for k, v in after.items() if k in before}, name)
            with open(os.path.join(b.state, "jobs.db"), "wb") as f:
                f.write(sound)
            b.start()
            check_good(b, 1)
            run_good(b)

    @unittest.skipUnless(may_mount(), "needs root and a mount namespace")
    def test_a_full_disk(self):
        b = Broker()
        os.mkdir(b.state)
        b.prefix = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs -o size=3m tmpfs "{b.state}" && exec "$@"', "sh"]
        with b:
            inside = f"/proc/{b.process.pid}/root{b.state}"
            run_good(b)
            b.run("pause")
            kept = b.submit(good_bundle(b.root))
            with open(os.path.join(inside, "filler"), "wb", buffering=0) as f:
                for size in (65536, 4096, 1):
                    try:
                        while True:
                            f.write(bytes(size))
                    except OSError:
                        pass
            blob = dict(document(), buffers={"state": {"size": 4096, "use": "output"},
                                             "b": {"size": 200000, "blob": "b.bin", "use": "input"}})
            path = os.path.join(b.root, "large")
            os.mkdir(path)
            for name, data in (("job.json", json.dumps(blob).encode()), ("mix.spv", spirv("mix/mix")),
                               ("b.bin", os.urandom(200000))):
                with open(os.path.join(path, name), "wb") as f:
                    f.write(data)
            for _ in range(2):
                r = b.run("submit", path, check=False)
                self.assertEqual(r.returncode, 1)
                self.assertRegex(r.stderr, "(the file system is full|disk is full).*free some space")
                self.assertIn(b.state, r.stderr)
            self.assertRegex(b.run("doctor", check=False).stdout, r"(?s)store.*full")
            self.assertRegex(b.run("status").stdout, "BROKEN: .*full")
            self.assertEqual(b.job(kept)["state"], "queued")
            # What was accepted waits: it would run for nothing, and do so again and again.
            b.run("resume")
            time.sleep(1)
            self.assertEqual((b.job(kept)["state"], b.job(kept)["runs"]), ("queued", 0))
            self.assertRegex(b.job(kept)["waits_for"], "the store: .*full")
            os.unlink(os.path.join(inside, "filler"))
            wait_for("the store to be well", lambda: b.json("status")["store_ok"])
            check_good(b, kept)
            check_good(b, 1)
            late = b.submit(path)
            self.assertEqual(b.wait_state(late, "done", "failed")["state"], "done")
            # All is well but for the room that the results take: not a loop, and no failure.
            big = document(name="big", buffers={"state": {"size": 4 << 20, "use": "output"}})
            big = b.submit(folder(b.root, "big", big))
            wait_for("the results to be refused", lambda: "results not kept" in b.log_text())
            time.sleep(1)
            self.assertEqual((b.job(big)["phase"], b.job(big)["runs"]), ("waiting", 1))
            self.assertIn(b.job(big)["state"], ("queued", "running"))
            self.assertIn("the outputs could not be written: No space left on device", b.run("logs", big).stdout)
            run_good(b)

    @unittest.skipUnless(may_mount(), "needs root and a mount namespace")
    def test_a_read_only_file_system(self):
        b = Broker()
        os.mkdir(b.state)
        mount = f'mount -t tmpfs tmpfs "{b.state}"'
        try:
            b.prefix = ["unshare", "-m", "sh", "-c", f'{mount} -o ro && exec "$@"', "sh"]
            text = start_refused(b)
            self.assertRegex(text, "the file system is read-only: mount it writable, or set")
            self.assertIn(b.state, text)
            b.prefix = ["unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh"]
            b.start()
            run_good(b)
        finally:
            b.close()

    @unittest.skipUnless(not ROOT or shutil.which("setpriv"), "needs setpriv")
    def test_a_directory_that_may_not_be_written(self):
        """As a daemon without root, whom permissions bind."""
        b = Broker()
        os.mkdir(b.state)
        if ROOT:
            for path in (b.root, b.state):
                os.chown(path, 65534, 65534)
            b.settings["gate"]["module"] = "auto"  # it may not host in the kernel
            b.write_config()
            # On a phone its groups let it see touches and compute, and capabilities who else does.
            nodes = glob.glob("/dev/dri/render*") + glob.glob("/dev/input/event*")
            groups = {str(os.stat(node).st_gid) for node in nodes} - {"0"}
            b.prefix = ["setpriv", "--reuid=65534", "--regid=65534"]
            may = "+sys_ptrace,+dac_read_search"
            b.prefix += ["--groups=" + ",".join(sorted(groups)), f"--inh-caps={may}",
                         f"--ambient-caps={may}"] if groups else ["--clear-groups"]
        folders = [b.state] + [os.path.join(b.state, d) for d in ("blobs", "checkpoints", "tmp")]
        os.chmod(b.state, 0o555)
        text = start_refused(b)
        self.assertRegex(text, "no permission: the directory and all in it must belong to the user that brokerd runs")
        os.chmod(b.state, 0o755)
        with b:
            run_good(b)
            b.run("pause")
            kept = b.submit(good_bundle(b.root))
            for path in folders:
                os.chmod(path, 0o555)
            new = folder(b.root, "new", document(), spirv("mix/mix") + bytes(4))
            r = b.run("submit", new, check=False)
            self.assertEqual(r.returncode, 1)
            self.assertRegex(r.stderr, "no permission: the directory and all in it must belong")
            self.assertEqual(b.job(kept)["state"], "queued")
            for path in folders:
                os.chmod(path, 0o755)
            wait_for("the store to be well", lambda: b.json("status")["store_ok"])
            b.run("resume")
            check_good(b, kept)
            run_good(b)


def deny_io_uring(error):
    """A seccomp filter as containers have it. Number 425 is io_uring_setup everywhere."""
    code = [(0x20, 0, 0, 0), (0x15, 0, 1, 425), (0x06, 0, 0, 0x50000 | error), (0x06, 0, 0, 0x7fff0000)]
    filters = b"".join(struct.pack("HBBI", *line) for line in code)
    libc = ctypes.CDLL(None, use_errno=True)

    def before():
        array = ctypes.create_string_buffer(filters)
        program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(array)))
        if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
            os._exit(99)
    return before


class Surroundings(unittest.TestCase):
    def test_io_uring_switched_off(self):
        for error, words in ((1, r"kernel\.io_uring_disabled=0 .*seccomp"), (38, "CONFIG_IO_URING=y")):
            b = Broker()
            try:
                b.before = deny_io_uring(error)
                self.assertRegex(start_refused(b), f"io_uring.*{words}")
                b.before = None
                b.start()
                run_good(b)
            finally:
                b.close()

    def test_closed_standard_streams(self):
        for closing in ("<&- >&-", "<&- >&- 2>&-"):
            b = Broker()
            b.prefix = ["sh", "-c", f'exec "$@" {closing}', "sh"]
            with b:
                run_good(b)
                self.assertEqual(b.stop(), 0)

    def test_a_worker_that_is_missing(self):
        with Broker(broker={"worker": "/nonexistent/broker-worker"}) as b:
            job = b.submit(good_bundle(b.root))
            time.sleep(0.5)
            self.assertEqual(b.job(job)["state"], "queued")
            self.assertRegex(b.run("devices").stdout, r"(?s)/nonexistent/broker-worker cannot be started")
            self.assertRegex(b.run("doctor", check=False).stdout, r"(?s)/nonexistent/broker-worker is\s+not\s+there")
            wait_for("the gate to be no reason", lambda: "a device: none can be used" in b.run("show", job).stdout)
            b.settings["broker"]["worker"] = WORKER
            b.write_config()
            b.run("reload")
            check_good(b, job)

    def test_a_worker_that_goes_missing(self):
        with Broker() as b:
            run_good(b)
            b.settings["broker"]["worker"] = "/nonexistent/broker-worker"
            b.write_config()
            b.run("reload")
            job = b.submit(good_bundle(b.root))
            time.sleep(0.5)
            self.assertEqual(b.job(job)["state"], "queued")
            self.assertRegex(b.run("doctor", check=False).stdout, r"(?s)/nonexistent/broker-worker is\s+not\s+there")
            b.settings["broker"]["worker"] = WORKER
            b.write_config()
            b.run("reload")
            check_good(b, job)

    def test_no_vulkan_driver(self):
        b = Broker()
        b.env = {"VK_DRIVER_FILES": "/nonexistent", "VK_ICD_FILENAMES": "/nonexistent"}
        with b:
            job = b.submit(good_bundle(b.root))
            wait_for("the probe", lambda: "(yet)" not in b.json("devices")["message"])
            for command in ("devices", "doctor"):
                text = " ".join(b.run(command, check=False).stdout.split())
                self.assertIn("is a Vulkan driver (mesa-vulkan-drivers) installed?", text)
            self.assertEqual(b.job(job)["state"], "queued")
            wait_for("the gate to be no reason", lambda: "a device: none can be used" in b.run("show", job).stdout)
            self.assertEqual(b.stop(), 0)
            b.env = {}
            b.start()
            check_good(b, job)

    def test_software_devices_not_allowed(self):
        b = Broker(devices={"allow_software_device": "no"})
        # Where there is a render node its driver is none of software.
        drivers = glob.glob("/usr/share/vulkan/icd.d/lvp_icd*.json")
        b.env = {"VK_DRIVER_FILES": ":".join(drivers)} if drivers else {}
        with b:
            job = b.submit(good_bundle(b.root))
            wait_for("the probe", lambda: b.json("devices")["devices"])
            self.assertIn("allow_software_device", b.run("devices").stdout)
            self.assertEqual(b.job(job)["state"], "queued")
            b.settings["devices"]["allow_software_device"] = "yes"
            b.write_config()
            b.run("reload")
            check_good(b, job)

    def test_a_worker_that_is_stopped(self):
        """Somebody stops it (or it hangs): the gate closes, the ladder kills it, the job resumes."""
        with Broker(slices={"grace": "100ms", "kill": "400ms", "checkpoint_every": "100ms"}) as b:
            job = b.submit(mix_bundle(b.root, rounds=256, outer=10, groups=512))
            b.wait_phase(job, "running")
            wait_for("a checkpoint", lambda: b.job(job)["checkpoint"])
            workers = b.worker_pids()
            for pid in workers:
                os.kill(pid, signal.SIGSTOP)
            b.run("pause")
            wait_for("the worker to be killed", lambda: not set(workers) & set(b.worker_pids()))
            self.assertIn("it did not park within the limit", b.log_text())
            self.assertEqual(b.wait_state(job, "queued", "running")["phase"], "waiting")
            b.run("resume")
            b.run("wait", job)
            self.assertGreaterEqual(b.job(job)["runs"], 2)
            check_mix(b.output(job, "state"), 100, 256, 512)

    def test_the_log_says_what_ended_a_worker(self):
        """The filter's signal by name and with what to do next; the job resumes all the same."""
        with Broker() as b:
            job = b.submit(mix_bundle(b.root, rounds=256, outer=10, groups=512))
            b.wait_phase(job, "running")
            for pid in b.worker_pids():
                os.kill(pid, signal.SIGSYS)
            wait_for("the crash", lambda: "signal 31 (SIGSYS, the filter refused a system call; "
                     "IDLEBROKER_SECCOMP_LOG=1 names it)" in b.run("logs", job).stdout)
            b.run("wait", job)
            check_mix(b.output(job, "state"), 100, 256, 512)

    def test_a_worker_that_is_something_else(self):
        """A program that ends at once, and one that says nothing: no device, no harm."""
        for program in ("/bin/true", "/bin/cat"):
            with Broker(broker={"worker": program}) as b:
                job = b.submit(good_bundle(b.root))
                wait_for("the probe", lambda: "(yet)" not in b.json("devices")["message"])
                self.assertIn(program, b.json("devices")["message"])
                self.assertEqual(b.job(job)["state"], "queued")
                self.assertLess(b.json("status")["wakeups"], 200)
                b.settings["broker"]["worker"] = WORKER
                b.write_config()
                b.run("reload")
                check_good(b, job)


if __name__ == "__main__":
    unittest.main()
