# SPDX-License-Identifier: MIT
"""brokerctl and the client library against a real broker."""
import hashlib
import json
import os
import pty
import re
import select
import shutil
import subprocess
import time
import unittest

from harness import BUILD, CTL, PATIENCE, Broker, wait_for
from jobs import check_mix, mix_bundle

HERE = os.path.dirname(os.path.abspath(__file__))


def on_terminal(args, columns=60, seconds=120):
    """Runs a program on a terminal of its own; returns its exit status and all that it wrote."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["COLUMNS"] = str(columns)
        os.execv(args[0], args)
    text, end = b"", time.monotonic() + seconds * PATIENCE
    while time.monotonic() < end:
        if not select.select([fd], [], [], 1)[0]:
            continue
        try:
            piece = os.read(fd, 4096)
        except OSError:
            break
        if not piece:
            break
        text += piece
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode()


class Ctl(unittest.TestCase):
    def test_each_outcome_has_its_exit_code(self):
        with Broker() as b:
            def code(*args):
                r = b.run(*args, check=False)
                if r.returncode not in (0, 5):
                    self.assertTrue(r.stderr.startswith("brokerctl: "), r.stderr)
                return r.returncode

            b.run("pause")
            job = b.submit(mix_bundle(b.root))
            self.assertEqual(code("status"), 0)
            self.assertEqual(code("show", "twelve"), 2)
            for args in (("show", 99), ("wait", 99), ("logs", 99), ("cancel", 99), ("fetch", 99),
                         ("why", 99), ("events", 99)):
                self.assertEqual(code(*args), 6, args)
            self.assertEqual(code("fetch", job), 1)
            self.assertEqual(code("cancel", job), 0)
            self.assertEqual(code("wait", job), 5)
            self.assertEqual(code("wait", job, "--json"), 5)
            self.assertEqual(code("cancel", job), 1)
            b.kill()
            self.assertEqual(code("status"), 3)

    def test_a_folder_made_for_the_socket_lets_everybody_in(self):
        b = Broker()
        b.socket = b.settings["broker"]["socket"] = os.path.join(b.root, "run", "broker")
        b.write_config()
        with b:
            self.assertEqual(os.stat(os.path.dirname(b.socket)).st_mode & 0o777, 0o755)

    @unittest.skipIf(os.getuid() != 0 or not shutil.which("setpriv"), "needs root and setpriv")
    def test_others_may_look_but_not_touch(self):
        with Broker() as b:
            mode = os.stat(b.socket).st_mode & 0o777
            for what in ("pause", "reload", "resume"):
                r = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", CTL,
                                    "--socket", b.socket, what], capture_output=True, text=True, check=False)
                self.assertEqual(r.returncode, 4, f"{what} on a socket of mode {mode:o}: {r.stderr}")
            self.assertEqual(b.holds() & {"paused"}, set())

    def test_json_is_the_reply_as_the_interface_has_it(self):
        with Broker() as b:
            for command, method in (("status", "Status"), ("why", "GetGate"), ("devices", "Devices"),
                                    ("doctor", "Doctor")):
                ours = b.json(command)
                reply = b.call("io.idlebroker." + method)["parameters"]
                self.assertEqual(set(ours), set(reply), command)
            self.assertEqual(b.json("jobs"), {"jobs": []})
            self.assertEqual(b.json("version")["brokerctl"], b.json("version")["broker"])

    def test_words_fit_forty_columns(self):
        with Broker() as b:
            b.run("pause", "1h")
            job = b.submit(mix_bundle(b.root, name="a-job-with-a-name-that-is-rather-long-for-a-phone"))
            env = dict(os.environ, COLUMNS="40")
            for args in (("status",), ("why",), ("why", job), ("doctor",), ("jobs",), ("show", job),
                         ("version",), ("--help",)):
                for line in b.run(*args, env=env).stdout.splitlines():
                    # A single word that is longer than the line is not cut: it may be a path.
                    if " " in line.strip():
                        self.assertLessEqual(len(line), 40, f"{args}: {line!r}")

    def test_why_tells_of_a_job(self):
        with Broker() as b:
            b.run("pause")
            job = b.submit(mix_bundle(b.root))
            text = b.run("why", job).stdout
            self.assertRegex(text, rf"Job {job} waits for the gate")
            self.assertIn("paused, for", text)
            self.assertIn("brokerctl resume", text)

    def test_wait_draws_a_bar_on_a_terminal(self):
        with Broker() as b:
            b.wait_open()
            job = b.submit(mix_bundle(b.root, outer=100, groups=512))
            code, text = on_terminal([CTL, "--socket", b.socket, "wait", str(job)])
            self.assertEqual(code, 0, text)
            self.assertRegex(text, r"\r\[[#.]+\] +\d+ %")
            self.assertRegex(text, r"/s  .* left")
            self.assertRegex(text, rf"job {job} is done after")
            for line in re.split(r"[\r\n]+", text.replace("\x1b[K", "")):
                self.assertLess(len(line), 60, line)

    def test_wait_prints_lines_elsewhere(self):
        with Broker() as b:
            b.wait_open()
            job = b.submit(mix_bundle(b.root))
            text = b.run("wait", job).stdout
            self.assertNotIn("\r", text)
            self.assertNotIn("\x1b", text)
            self.assertRegex(text.splitlines()[-1], rf"^job {job} is done")

    def test_events_tell_of_gate_and_jobs(self):
        with Broker() as b:
            b.wait_open()
            p = subprocess.Popen([CTL, "--socket", b.socket, "events", "--json"], stdout=subprocess.PIPE,
                                 text=True)
            try:
                self.assertTrue(json.loads(p.stdout.readline())["gate"]["open"])
                b.run("pause")
                self.assertEqual([h["name"] for h in json.loads(p.stdout.readline())["gate"]["holds"]],
                                 ["paused"])
                job = b.submit(mix_bundle(b.root))
                self.assertEqual(json.loads(p.stdout.readline())["job"]["id"], job)
            finally:
                p.terminate()
                p.wait()
                p.stdout.close()

    def test_fetch_writes_whole_files_and_replaces_none(self):
        with Broker() as b:
            b.wait_open()
            job = b.submit(mix_bundle(b.root))
            b.run("wait", job)
            out = os.path.join(b.root, "results")
            os.mkdir(out)
            fetched = b.json("fetch", job, "-o", out)
            with open(os.path.join(out, "state"), "rb") as f:
                data = f.read()
            check_mix(data, 200, 64)
            self.assertEqual(fetched[0]["sha256"], hashlib.sha256(data).hexdigest())
            self.assertEqual(os.listdir(out), ["state"])
            self.assertEqual(b.run("fetch", job, "-o", out, check=False).returncode, 1)
            b.run("fetch", job, "-o", out, "-f")
            r = subprocess.run([CTL, "--socket", b.socket, "fetch", str(job), "-o", "-"],
                               capture_output=True, check=True)
            self.assertEqual(r.stdout, data)
            with open("/dev/full", "wb") as full:
                r = subprocess.run([CTL, "--socket", b.socket, "fetch", str(job), "-o", "-"], stdout=full,
                                   stderr=subprocess.PIPE, check=False)
            self.assertEqual(r.returncode, 1)

    def test_pack_gives_the_same_bytes_and_refuses_what_is_wrong(self):
        with Broker() as b:
            path = mix_bundle(b.root)
            tars = [os.path.join(b.root, n) for n in ("a.tar", "b.tar")]
            for tar in tars:
                self.assertTrue(b.json("pack", path, "-o", tar)["spirv_checked"])
            with open(tars[0], "rb") as f, open(tars[1], "rb") as g:
                self.assertEqual(f.read(), g.read())
            b.run("check", tars[0])
            with open(os.path.join(path, "job.json"), encoding="utf-8") as f:
                document = json.load(f)
            document["buffers"]["state"]["size"] = 0
            with open(os.path.join(path, "job.json"), "w", encoding="utf-8") as f:
                json.dump(document, f)
            for args in (("check", path), ("pack", path, "-o", tars[0] + "2"), ("submit", path)):
                r = b.run(*args, check=False)
                self.assertEqual(r.returncode, 1)
                self.assertIn("buffers.state.size", r.stderr)
            self.assertFalse(os.path.exists(tars[0] + "2"))

    def test_pack_has_the_shaders_checked(self):
        with Broker() as b:
            path = mix_bundle(b.root)
            shader = [f for f in os.listdir(path) if f.endswith(".spv")][0]
            with open(os.path.join(path, shader), "r+b") as f:
                f.truncate(200)
            r = b.run("check", path, check=False)
            self.assertEqual(r.returncode, 1)
            self.assertRegex(r.stderr, "(?i)spir-?v|kernel")

    def test_a_program_of_the_installed_library(self):
        with Broker() as b:
            root = os.path.join(b.root, "root")
            top = os.path.dirname(os.path.dirname(HERE))
            subprocess.run(["make", "-s", "-C", top, f"B={os.environ.get('B', 'build')}", f"DESTDIR={root}",
                            "prefix=/usr", "libdir=/usr/lib", "install-libbroker"], check=True,
                           stdout=subprocess.DEVNULL, env={k: v for k, v in os.environ.items()
                                                           if k not in ("MAKEFLAGS", "MFLAGS")})
            program = os.path.join(b.root, "program")
            sanitize = ["-fsanitize=address,undefined"] if self.is_sanitized(root) else []
            subprocess.run(["gcc", "-std=c99", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                            *sanitize, f"-I{root}/usr/include", os.path.join(HERE, "lib_program.c"), "-o",
                            program, f"-L{root}/usr/lib", "-lidlebroker"], check=True)
            b.wait_open()
            wait_for("a device", lambda: b.json("devices")["devices"])
            r = subprocess.run([program, b.socket, mix_bundle(b.root), "state"], capture_output=True, text=True,
                               timeout=120 * PATIENCE, check=False,
                               env=dict(os.environ, LD_LIBRARY_PATH=f"{root}/usr/lib"))
            self.assertEqual(r.returncode, 0, r.stderr)
            said = dict(word.split("=") for word in r.stdout.split())
            self.assertEqual((said["state"], said["seen"], said["same"]), ("2", "1", "1"))
            self.assertEqual(said["done"], said["of"])
            self.assertEqual(said["sha256"], hashlib.sha256(b.output(1, "state")).hexdigest())

    @staticmethod
    def is_sanitized(root):
        r = subprocess.run(["nm", "-D", f"{root}/usr/lib/libidlebroker.so"], capture_output=True, text=True,
                           check=True)
        return "__asan_init" in r.stdout


if __name__ == "__main__":
    unittest.main()
