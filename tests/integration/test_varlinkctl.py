# SPDX-License-Identifier: MIT
"""systemd's own client, where it is new enough to be there: every method of the interface.

VARLINKCTL names one that is not in the path. It can pass no descriptors, so a job is handed in whose
blobs the broker has already, and the bytes of an output are not looked at.
"""
import json
import os
import re
import shutil
import subprocess
import tarfile
import unittest

from harness import PATIENCE, Broker, sha256
from jobs import mix_bundle

TOOL = os.environ.get("VARLINKCTL") or shutil.which("varlinkctl")
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INTERFACE = os.path.join(TOP, "libbroker/io.idlebroker.varlink")


def tool(*args, check=True):
    r = subprocess.run([TOOL, "--no-pager", *args], stdin=subprocess.DEVNULL, capture_output=True,
                       text=True, check=False, timeout=60 * PATIENCE)
    if check and r.returncode:
        raise AssertionError(f"varlinkctl {' '.join(args)}: {r.returncode}\n{r.stdout}{r.stderr}")
    return r


def packed(b, path):
    """The exact bytes of job.json as they are handed in, and the SHA-256 of each blob."""
    tar = os.path.join(b.root, "packed.tar")
    b.run("pack", path, "-o", tar)
    with tarfile.open(tar) as t:
        blobs = {m.name: t.extractfile(m).read() for m in t.getmembers() if m.isfile()}
    job = blobs.pop("job.json").decode()
    return job, [sha256(data) for data in blobs.values()]


@unittest.skipIf(not TOOL, "no varlinkctl here (it comes with systemd 255 and later)")
class Varlinkctl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = Broker()
        cls.addClassCleanup(cls.broker.close)
        cls.broker.start()
        cls.used = set()

    def call(self, method, parameters=None, *flags):
        """One call; the replies, as a list."""
        self.used.add(method)
        out = tool("--json=short", *flags, "call", self.broker.socket, f"io.idlebroker.{method}",
                   json.dumps(parameters or {})).stdout
        # Several replies are one JSON text each, set apart as RFC 7464 has it.
        return [json.loads(line) for line in re.split("[\n\x1e]+", out) if line]

    def one(self, method, parameters=None):
        replies = self.call(method, parameters)
        self.assertEqual(len(replies), 1)
        return replies[0]

    def fails(self, error, method, parameters=None):
        self.used.add(method)
        r = tool("call", self.broker.socket, f"io.idlebroker.{method}", json.dumps(parameters or {}),
                 check=False)
        self.assertNotEqual(r.returncode, 0)
        self.assertIn(error, r.stdout + r.stderr)

    def first(self, method, parameters=None):
        """The first reply of a call without end."""
        self.used.add(method)
        with subprocess.Popen([TOOL, "--no-pager", "--json=short", "--more", "call", self.broker.socket,
                               f"io.idlebroker.{method}", json.dumps(parameters or {})],
                              stdout=subprocess.PIPE, text=True) as p:
            try:
                return json.loads(p.stdout.readline().strip("\x1e\n"))
            finally:
                p.kill()

    def test_it_reads_the_interface(self):
        tool("validate-idl", INTERFACE)
        self.assertIn("io.idlebroker", tool("info", self.broker.socket).stdout)
        self.assertIn("io.idlebroker", tool("list-interfaces", self.broker.socket).stdout)
        shown = tool("introspect", self.broker.socket, "io.idlebroker").stdout
        with open(INTERFACE, encoding="utf-8") as f:
            names = re.findall(r"^(?:method|type|error) \w+", f.read(), re.M)
        self.assertGreater(len(names), 30)
        for name in names:
            self.assertIn(name, shown)

    def test_every_method_can_be_called(self):
        b = self.broker
        self.life_of_a_job(b)
        self.gate_and_machine(b)
        with open(INTERFACE, encoding="utf-8") as f:
            self.assertEqual(self.used, set(re.findall(r"^method (\w+)", f.read(), re.M)))

    def life_of_a_job(self, b):
        path = mix_bundle(b.root, outer=1, inner=2, rounds=1, groups=16)
        job, blobs = packed(b, path)
        absent = sha256(b"not there")
        self.assertEqual(self.one("MissingBlobs", {"sha256": [*blobs, absent]})["missing"],
                         [*blobs, absent])
        self.fails("io.idlebroker.BlobMissing", "Submit", {"job": job, "blobs": []})
        first = b.submit(path)
        self.assertEqual(self.one("MissingBlobs", {"sha256": [*blobs, absent]})["missing"], [absent])
        second = self.one("Submit", {"job": job, "blobs": []})["id"]
        self.assertGreater(second, first)
        self.assertEqual(self.one("Wait", {"id": second})["job"]["state"], "done")
        self.assertEqual(self.one("Show", {"id": second})["job"]["name"], "mix")
        listed = self.one("List", {"states": ["done"], "after": first})["jobs"]
        self.assertEqual([j["id"] for j in listed], [second])
        events = self.call("Watch", {"id": second}, "--more")
        self.assertEqual(events[-1]["job"]["state"], "done")
        self.assertEqual(self.one("Outputs", {"id": second})["outputs"][0]["name"], "state")
        self.assertEqual(self.one("Fetch", {"id": second, "output": "state"})["sha256"],
                         sha256(b.output(second, "state")))
        self.assertIn("text", self.one("Logs", {"id": second}))
        self.fails("io.idlebroker.AlreadyEnded", "Cancel", {"id": second})
        self.fails("io.idlebroker.NotFound", "Show", {"id": 1 << 40})

    def gate_and_machine(self, b):
        self.one("Pause", {"seconds": 600})
        gate = self.one("GetGate")["gate"]
        self.assertIn("paused", [h["name"] for h in gate["holds"]])
        self.assertIn("paused", [h["name"] for h in self.first("WatchGate")["gate"]["holds"]])
        self.one("Resume")
        self.assertNotIn("paused", b.holds())
        self.assertTrue(self.one("Devices")["devices"][0]["id"])
        self.assertTrue(self.one("Doctor")["sensors"])
        self.assertIn(self.one("Usage")["source"], ("fdinfo", "ebpf"))
        self.one("Reload")
        self.assertEqual(self.one("Status")["pid"], b.process.pid)


if __name__ == "__main__":
    unittest.main()
