# SPDX-License-Identifier: MIT
"""Faults of the phone's own sensors, and a suspend, through the whole broker: the right hold, its reason, its end.

Only in the virtual phone, with the kernel module; test_phone.py has what both tiers share.
"""
import os
import unittest

from harness import MODULE_IS_LOADED, Broker, wait_for
from test_phone import IS_PHONE, at_rest, phone

KNOBS = "/sys/kernel"
EIO = 5


def put(path, value):
    with open(path, "w", encoding="ascii") as f:
        f.write(f"{value}\n")


class Faults(unittest.TestCase):
    def setUp(self):
        if not MODULE_IS_LOADED:
            self.skipTest("idlegate.ko is not loaded")
        at_rest()
        self.addCleanup(at_rest)

    def holds(self, b, hold, seconds=60):
        wait_for(hold, lambda: hold in b.holds(), seconds)
        self.assertIn(hold, b.run("why").stdout)

    def broken(self, knob, broken, sound):
        with Broker() as b:
            b.wait_open(60)
            self.addCleanup(put, knob, sound)
            put(knob, broken)
            self.holds(b, "sensor-lost")
            put(knob, sound)
            b.wait_open(90)

    def test_a_zone_that_cannot_be_read(self):
        self.broken(f"{KNOBS}/vthermal/vsoc/error", EIO, 0)

    def test_a_battery_that_cannot_be_read(self):
        self.broken(f"{KNOBS}/vbattery/battery/error", EIO, 0)

    def test_a_battery_of_400_percent(self):
        self.broken(f"{KNOBS}/vbattery/battery/capacity", 400, 90)

    def test_a_suspend_closes_and_settles(self):
        pm_test = "/sys/power/pm_test"
        if not os.path.exists(pm_test):
            self.skipTest("this kernel has no /sys/power/pm_test")
        put("/sys/module/suspend/parameters/pm_test_delay", 1)
        put(pm_test, "freezer")
        self.addCleanup(put, pm_test, "none")
        with Broker(gate={"resume_settle": "3s"}) as b:
            b.wait_open(60)
            put("/sys/power/state", "freeze")
            self.holds(b, "suspending", 5)
            b.wait_open(60)


@unittest.skip("only in the virtual phone")
class Elsewhere(unittest.TestCase):
    def test_faults(self):
        """One line for all of them."""


def load_tests(loader, tests, pattern):
    return loader.loadTestsFromTestCase(Faults if IS_PHONE else Elsewhere)


if __name__ == "__main__":
    unittest.main()
