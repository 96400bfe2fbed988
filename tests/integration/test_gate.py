# SPDX-License-Identifier: MIT
"""The gate in the real daemon: each fact closes it, with its reason, and its end opens it again."""
import os
import re
import shutil
import time
import unittest

from harness import Broker, wait_for
from jobs import check_mix, mix_bundle


def phone(**settings):
    b = Broker(world=True, **settings)
    b.world.charger()
    b.world.battery()
    b.world.zone(35)
    b.world.touchscreen()
    return b


class Gate(unittest.TestCase):
    def test_a_touch_closes_and_quiet_opens(self):
        with phone() as b:
            b.wait_open()
            b.world.touch()
            wait_for("the hold", lambda: "user-active" in b.holds())
            b.wait_open()

    def test_a_touch_parks_a_running_job_and_it_ends_right(self):
        with phone() as b:
            job = b.submit(mix_bundle(b.root, outer=10, rounds=128))
            for _ in range(3):
                b.wait_phase(job, "running")
                b.world.touch()
                b.wait_phase(job, "parked")
            b.run("wait", job)
            check_mix(b.output(job, "state"), 100, 128)

    def test_heat_closes_and_cooling_opens(self):
        with phone() as b:
            b.wait_open()
            b.world.zone(95)
            wait_for("the hold", lambda: "zone-hot" in b.holds(), 40)
            text = b.run("why").stdout
            self.assertIn("zone-hot", text)
            b.world.zone(35)
            b.wait_open(90)

    def test_warmth_lowers_the_duty_before_it_closes(self):
        with phone(devices={"zone_target": "40C"}) as b:
            b.wait_open()
            self.assertGreaterEqual(b.json("status")["duty_permille"], 900)
            b.world.zone(50)
            wait_for("a lower duty", lambda: b.json("status")["duty_permille"] < 800, 40)
            self.assertTrue(b.gate()["open"])

    def test_a_battery_that_drains_on_the_charger_closes(self):
        with phone() as b:
            b.wait_open()
            b.world.battery(status="Charging", current_ua=-250000)
            wait_for("the hold", lambda: "draining" in b.holds(), 60)

    def test_nonsense_from_a_sensor_closes(self):
        with phone() as b:
            b.wait_open()
            b.world.write("class/power_supply/battery/capacity", 250)
            wait_for("the hold", lambda: "sensor-lost" in b.holds(), 60)
            self.assertRegex(b.run("doctor", check=False).stdout, "capacity")

    def test_a_sensor_that_goes_away_closes(self):
        with phone() as b:
            b.wait_open()
            shutil.rmtree(os.path.join(b.world.sys, "class/thermal/thermal_zone0"))
            wait_for("the hold", lambda: "sensor-lost" in b.holds(), 60)

    def test_unplugged_at_the_start_is_closed(self):
        b = phone()
        b.world.charger(online=False)
        b.world.battery(level=90, status="Discharging", current_ua=-300000)
        with b:
            wait_for("the hold", lambda: "not-charging" in b.holds())

    def test_a_timed_pause_ends_by_itself(self):
        with Broker() as b:
            b.wait_open()
            b.run("pause", "1s")
            self.assertIn("paused", b.holds())
            b.wait_open(10)

    def test_outside_the_schedule_it_is_closed(self):
        far = (time.localtime().tm_hour + 12) % 24
        with Broker(schedule={"allow": f"mon-sun {far:02}:00-{far:02}:30"}) as b:
            wait_for("the hold", lambda: "schedule" in b.holds())
            why = b.run("why").stdout
            self.assertIn("schedule", why)

    def test_why_keeps_the_last_changes(self):
        with Broker() as b:
            b.wait_open()
            for _ in range(12):
                b.run("pause")
                b.run("resume")
            history = b.gate()["history"]
            self.assertEqual(len(history), 20)
            self.assertEqual(history[0]["cleared"], ["paused"])
            self.assertEqual(history[1]["set"], ["paused"])

    def test_a_closed_gate_costs_no_wakeups(self):
        with phone() as b:
            b.run("pause")
            before = int(b.json("status")["wakeups"])
            time.sleep(5)
            after = int(b.json("status")["wakeups"])
            # The two questions themselves: connect, call, close.
            self.assertLessEqual(after - before, 8)

    def test_reload_takes_a_new_config_and_keeps_the_old_on_an_error(self):
        with Broker() as b:
            b.settings["gate"]["idle_after"] = "7s"
            b.write_config()
            b.run("reload")
            b.settings["gate"]["idle_after"] = "soon"
            b.write_config()
            r = b.run("reload", check=False)
            self.assertNotEqual(r.returncode, 0)
            self.assertRegex(r.stderr, r"broker\.conf:\d+")
            self.assertIn("idle_after", r.stderr)
            self.assertTrue(re.search("soon", r.stderr))
            b.wait_open()


if __name__ == "__main__":
    unittest.main()
