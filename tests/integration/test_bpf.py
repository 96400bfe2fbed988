# SPDX-License-Identifier: MIT
"""eBPF in the real daemon: loaded beside it, told of, switched by a reload, and gone with it.

Which programs a kernel takes differs from machine to machine; where it takes none, doctor must say why,
and all else goes on.
"""
import errno
import glob
import os
import shutil
import subprocess
import time
import unittest

from faults import run_good
from harness import BUILD, MODULE_IS_LOADED, WORKER, Broker, wait_for
from kernel_bpf import SYS_BPF, detach, held, in_kernel

LOADER = os.path.join(BUILD, "broker-bpf")


def loaders(b):
    """Processes that run the loader for this broker, also of one that is no more."""
    return [pid for pid in filter(str.isdigit, os.listdir("/proc")) if is_loader(pid, b.root)]


def is_loader(pid, root):
    try:
        with open(f"/proc/{pid}/environ", "rb") as f:
            return os.readlink(f"/proc/{pid}/exe") == LOADER and root.encode() in f.read()
    except OSError:
        return False


def pinned():
    return sorted(glob.glob("/sys/fs/bpf/**", recursive=True))


@unittest.skipUnless(os.path.exists(LOADER), "built without eBPF")
class Programs(unittest.TestCase):
    def broker(self, **settings):
        settings["gate"] = {"ebpf": "yes", "module": "off", **settings.get("gate", {})}
        b = Broker(**settings)
        b.env["IDLEBROKER_TEST_ROOT"] = b.root
        return b

    def wait_loaded(self, b):
        """Something was asked for: input is, in user space."""
        wait_for("the programs to be asked for", b.programs)
        found = b.wait_programs()
        wait_for("the loader to end", lambda: not loaders(b))
        return found

    def test_each_is_attached_or_says_why_not(self):
        with self.broker() as b:
            found = self.wait_loaded(b)
            self.assertIn("ebpf input", found)
            for s in found.values():
                print(f"       {s['name']}: {s['tier']} {s['detail']}", flush=True)
                self.assertEqual(s["tier"] == "none", bool(s["detail"]), s)
            tiers = {s["name"]: s["tier"] for s in b.json("doctor", check=False)["sensors"]}
            self.assertEqual(tiers["input"] == "ebpf", found["ebpf input"]["tier"] != "none", tiers)
            run_good(b)

    @unittest.skipUnless(SYS_BPF and os.getuid() == 0, "needs root, and to know the number of bpf(2)")
    def test_all_is_gone_with_the_daemon(self):
        before = pinned()
        for end in (lambda b: self.assertEqual(b.stop(), 0), lambda b: b.kill()):
            b = self.broker()
            self.addCleanup(b.close)
            b.start()
            found = self.wait_loaded(b)
            objects = held(b.process.pid)
            self.assertEqual(any(kind == "link" for kind, _ in objects),
                             any(s["tier"] != "none" for s in found.values()))
            for kind, number in objects:
                self.assertTrue(in_kernel(kind, number), (kind, number))
                if kind == "link":  # or the hub would have to look whether they are still there
                    self.assertEqual(detach(number), errno.EOPNOTSUPP)
            self.assertEqual(pinned(), before)
            end(b)
            # The kernel frees them a grace period later.
            wait_for("the kernel to forget them", lambda: not any(in_kernel(*o) for o in objects))
            self.assertEqual(pinned(), before)
            self.assertEqual(loaders(b), [])

    def test_a_daemon_that_ends_takes_its_loader_along(self):
        for after in (0, 0.01, 0.03, 0.1):
            for end in ("stop", "kill"):
                b = self.broker()
                self.addCleanup(b.close)
                b.start()
                time.sleep(after)
                getattr(b, end)()
                wait_for("the loader to be gone", lambda: not loaders(b))

    def test_a_reload_switches_it(self):
        with self.broker() as b:
            had = self.wait_loaded(b)
            objects = len(held(b.process.pid))
            for ebpf in ("no", "yes") * 3:
                b.settings["gate"]["ebpf"] = ebpf
                b.write_config()
                b.run("reload")
                if ebpf == "no":
                    self.assertEqual(b.programs(), {})
                    self.assertEqual(held(b.process.pid), set())
                else:
                    self.assertEqual(self.wait_loaded(b), had)
                    self.assertEqual(len(held(b.process.pid)), objects)
                tiers = {s["name"]: s["tier"] for s in b.json("doctor", check=False)["sensors"]}
                self.assertEqual(tiers["input"] == "ebpf",
                                 ebpf == "yes" and had["ebpf input"]["tier"] != "none", tiers)
            run_good(b)
            wait_for("the gate to open", lambda: b.gate()["open"])

    def test_a_reload_in_the_middle_of_loading(self):
        with self.broker() as b:
            for ebpf in ("no", "yes") * 5:
                b.settings["gate"]["ebpf"] = ebpf
                b.write_config()
                b.run("reload")
            self.wait_loaded(b)
            run_good(b)

    def test_without_its_loader_all_else_goes_on(self):
        b = self.broker()
        lonely = os.path.join(b.root, "libexec")
        os.mkdir(lonely)
        os.symlink(WORKER, os.path.join(lonely, "broker-worker"))
        b.settings["broker"]["worker"] = os.path.join(lonely, "broker-worker")
        b.write_config()
        with b:
            found = self.wait_loaded(b)
            for s in found.values():
                self.assertEqual(s["tier"], "none")
                self.assertIn(f"{lonely}/broker-bpf cannot be started: No such file", s["detail"])
            run_good(b)
            os.symlink(LOADER, os.path.join(lonely, "broker-bpf"))
            b.run("reload")
            found = self.wait_loaded(b)
            self.assertNotIn("cannot be started", str(found))

    @unittest.skipUnless(shutil.which("npu"), "only in the virtual phone")
    def test_a_device_that_comes_later_is_seen_too(self):
        """Its programs look into a module that comes with it, and are let go when it has gone."""
        def npu(state):
            subprocess.run(["npu", state], check=True, timeout=60, stdout=subprocess.DEVNULL)

        def scheduler():
            return b.programs().get("ebpf gpu scheduler", {}).get("tier")

        npu("off")
        with self.broker() as b:
            self.wait_loaded(b)
            self.assertIsNone(scheduler())
            self.addCleanup(npu, "off")
            npu("on")
            wait_for("its programs", lambda: scheduler() not in (None, "none"), 60)
            gpu = next(s for s in b.json("doctor", check=False)["sensors"] if s["name"] == "gpu")
            print(f"       scheduler: {scheduler()}; gpu: {gpu['tier']} {gpu['detail']}", flush=True)
            self.assertEqual(gpu["tier"], "ebpf")
            npu("off")
            wait_for("them to be let go", lambda: scheduler() is None, 60)

    @unittest.skipUnless(MODULE_IS_LOADED, "needs idlegate.ko")
    def test_what_the_module_watches_is_not_asked_for(self):
        with self.broker(gate={"module": "require"}) as b:
            b.wait_open()
            self.assertNotIn("ebpf input", b.wait_programs())
