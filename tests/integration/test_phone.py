# SPDX-License-Identifier: MIT
"""The gate over the phone's own devices, which the kernel's frameworks know: with the kernel module and without.

Only in the virtual phone (tests/phone): its commands touch, plug, unplug, battery and heat work devices that are
registered as a driver registers them.
"""
import os
import signal
import subprocess
import time
import unittest

from harness import MODULE_IS_LOADED, Broker, wait_for
from jobs import check_mix, mix_bundle

IS_PHONE = os.path.isdir("/sys/kernel/vbattery") and os.path.isdir("/sys/kernel/vthermal")


def phone(*command):
    subprocess.run(command, check=True, timeout=30, stdout=subprocess.DEVNULL)


def unload():
    return subprocess.run(["rmmod", "idlegate"], capture_output=True, check=False).returncode == 0


ZONE = "vsoc"  # its own trips are above what the policy allows


def process_state(pid):
    """The letter of /proc/PID/stat; X of a process that is no more."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def at_rest():
    """Charged, cool and fed."""
    phone("plug")
    phone("battery", "90", "25", "auto")
    for zone in os.listdir("/sys/kernel/vthermal"):
        phone("heat", zone, "35000")


class Both:
    """What both tiers must do."""
    tier = module = None

    def setUp(self):
        if self.module == "require" and not MODULE_IS_LOADED:
            self.skipTest("idlegate.ko is not loaded")
        at_rest()
        self.addCleanup(at_rest)

    def broker(self, **settings):
        settings.setdefault("gate", {})["module"] = self.module
        return Broker(**settings)

    def holds(self, b, hold, seconds=60):
        wait_for(hold, lambda: hold in b.holds(), seconds)
        why = b.run("why").stdout
        self.assertIn(hold, why)
        self.assertIn("Cleared by:", why)

    def test_the_tier_is_told(self):
        with self.broker() as b:
            b.wait_open()
            self.assertEqual(b.json("status")["tier"], self.tier)
            doctor = b.json("doctor")
            tiers = {s["name"]: s["tier"] for s in doctor["sensors"]}
            self.assertTrue(all(s["ok"] for s in doctor["sensors"]), doctor)
            for name in ("input", "power", "thermal", "suspend"):
                self.assertEqual(tiers[name] == "module", self.tier == "module", tiers)
            self.assertNotEqual(tiers["gpu"], "module")

    def test_a_touch_closes_and_quiet_opens(self):
        with self.broker() as b:
            b.wait_open()
            phone("touch")
            wait_for("the hold", lambda: any("user-active" in c["set"] for c in b.gate()["history"]))
            b.wait_open()

    def test_a_touch_parks_a_running_job_and_it_ends_right(self):
        with self.broker(gate={"idle_after": "3s"}) as b:
            job = b.submit(mix_bundle(b.root, outer=60, rounds=64, groups=512))
            for _ in range(3):
                b.wait_phase(job, "running")
                phone("touch")
                b.wait_phase(job, "parked")
            b.run("wait", job, timeout=300)
            check_mix(b.output(job, "state"), 600, 64, 512)

    def test_the_charger(self):
        with self.broker() as b:
            b.wait_open()
            phone("unplug")
            self.holds(b, "not-charging")
            phone("plug")
            b.wait_open(60)

    def test_unplugged_at_the_start_is_closed(self):
        phone("unplug")
        with self.broker() as b:
            self.holds(b, "not-charging")
            phone("plug")
            b.wait_open(60)

    def test_a_battery_that_drains_on_the_charger(self):
        with self.broker() as b:
            b.wait_open()
            phone("battery", "90", "25", "-400")
            self.holds(b, "draining")
            phone("battery", "90", "25", "auto")
            b.wait_open(90)

    def test_a_hot_and_a_low_battery(self):
        with self.broker() as b:
            b.wait_open()
            phone("battery", "30", "48", "auto")
            self.holds(b, "battery-hot")
            self.holds(b, "battery-low")
            phone("battery", "90", "25", "auto")
            b.wait_open(90)

    def test_heat(self):
        with self.broker() as b:
            b.wait_open()
            phone("heat", ZONE, "95000")
            self.holds(b, "zone-hot")
            phone("heat", ZONE, "35000")
            b.wait_open(90)

    def test_warmth_lowers_the_duty_before_it_closes(self):
        with self.broker(devices={"zone_target": "40C"}) as b:
            b.wait_open()
            self.assertGreaterEqual(b.json("status")["duty_permille"], 900)
            phone("heat", ZONE, "50000")
            wait_for("a lower duty", lambda: b.json("status")["duty_permille"] < 800, 40)
            self.assertTrue(b.gate()["open"])

    def test_a_closed_gate_costs_no_wakeups(self):
        with self.broker() as b:
            b.wait_open()
            b.run("pause")
            b.wait_programs()
            before = int(b.json("status")["wakeups"])
            time.sleep(5)
            # The two questions themselves: connect, call, close.
            self.assertLessEqual(int(b.json("status")["wakeups"]) - before, 8)


class UserSpace(Both, unittest.TestCase):
    tier, module = "user-space", "off"


class Module(Both, unittest.TestCase):
    tier, module = "module", "require"

    def leases(self, b):
        detail = {c["name"]: c["detail"] for c in b.json("doctor", check=False)["checks"]}["module"]
        return int(detail.split(" leases")[0].split()[-1])

    def test_a_worker_has_a_lease_while_it_lives(self):
        with self.broker() as b:
            b.wait_open()
            self.assertEqual(self.leases(b), 0)
            job = b.submit(mix_bundle(b.root, outer=20, rounds=64, groups=512))
            b.wait_phase(job, "running")
            self.assertEqual(self.leases(b), 1)
            b.run("wait", job, timeout=300)
            check_mix(b.output(job, "state"), 200, 64, 512)
            wait_for("its end", lambda: self.leases(b) == 0)

    def test_a_kill_of_the_broker_closes_the_gate_and_the_client_sees_it(self):
        with self.broker() as b:
            b.wait_open()
            b.kill()
            for command in ("status", "why"):
                r = b.run(command, check=False)
                self.assertEqual(r.returncode, 3)
                self.assertIn("closed: broker-gone", r.stdout)
            b.start()
            b.wait_open()

    def test_a_kill_of_the_broker_ends_its_worker_and_loses_nothing(self):
        """The worker is stopped before, so that only the kernel can end it."""
        with self.broker(slices={"checkpoint_every": "200ms"}) as b:
            job = b.submit(mix_bundle(b.root, outer=40, rounds=64, groups=512))
            for runs in (2, 3):
                b.wait_phase(job, "running")
                workers = b.worker_pids()
                os.kill(workers[0], signal.SIGSTOP)
                b.kill()
                wait_for("the kernel to end the worker", lambda: process_state(workers[0]) in "XZ", 5)
                b.start()
                wait_for("the next run", lambda: b.job(job)["runs"] >= runs)
            b.run("wait", job, timeout=600)
            check_mix(b.output(job, "state"), 400, 64, 512)

    def test_one_broker_at_a_time(self):
        with self.broker() as b:
            b.wait_open()
            second = self.broker()
            try:
                second.start(wait=False)
                self.assertEqual(second.process.wait(30), 1)
                self.assertIn("another process hosts the gate", second.log_text())
                second.settings["gate"]["module"] = "auto"
                second.write_config()
                second.start()
                self.assertEqual(second.json("status")["tier"], "user-space")
            finally:
                second.close()
            self.assertTrue(b.gate()["open"])

    def test_it_cannot_be_unloaded_while_it_hosts(self):
        with self.broker() as b:
            b.wait_open()
            self.assertFalse(unload())
            self.assertTrue(b.gate()["open"])

    def test_reload_changes_the_tier_under_a_running_job(self):
        with self.broker(slices={"checkpoint_every": "1s"}) as b:
            job = b.submit(mix_bundle(b.root, outer=40, rounds=64, groups=512))
            for module, tier in (("off", "user-space"), ("auto", "module"), ("off", "user-space")):
                b.wait_phase(job, "running")
                b.settings["gate"]["module"] = module
                b.write_config()
                b.run("reload")
                self.assertEqual(b.json("status")["tier"], tier)
            # Once the old workers have gone nobody has the device any more.
            self.addCleanup(phone, "phone-up")
            wait_for("the module to be unloaded", unload)
            b.run("wait", job, timeout=600)
            self.assertEqual(b.job(job)["state"], "done")
            check_mix(b.output(job, "state"), 400, 64, 512)

    def test_a_required_module_that_is_not_there(self):
        b = self.broker()
        dev = os.path.join(b.root, "dev")
        os.mkdir(dev)
        b.settings["roots"] = {"dev": dev}
        b.write_config()
        try:
            b.start(wait=False)
            self.assertEqual(b.process.wait(30), 1)
            self.assertIn("idlegate is not loaded", b.log_text())
            self.assertIn("module = require", b.log_text())
        finally:
            b.close()

    def test_the_kernel_stops_a_worker_of_a_broker_that_hangs(self):
        """Both are stopped; the touch closes the gate; the worker is killed; the job goes on later."""
        with self.broker(gate={"idle_after": "5s"},
                         slices={"grace": "100ms", "kill": "500ms", "checkpoint_every": "200ms"}) as b:
            job = b.submit(mix_bundle(b.root, outer=40, rounds=64, groups=512))
            b.wait_phase(job, "running")
            workers = b.worker_pids()
            b.process.send_signal(signal.SIGSTOP)
            for pid in workers:
                os.kill(pid, signal.SIGSTOP)
            phone("touch")
            wait_for("the kernel to kill the worker", lambda: process_state(workers[0]) in "XZ", 5)
            b.process.send_signal(signal.SIGCONT)
            b.run("wait", job, timeout=600)
            check_mix(b.output(job, "state"), 400, 64, 512)
            self.assertGreaterEqual(b.job(job)["runs"], 2)


@unittest.skip("only in the virtual phone")
class Elsewhere(unittest.TestCase):
    def test_both_tiers(self):
        """One line for all of them."""


def load_tests(loader, tests, pattern):
    return tests if IS_PHONE else loader.loadTestsFromTestCase(Elsewhere)


if __name__ == "__main__":
    unittest.main()
