# SPDX-License-Identifier: MIT
"""The life of a job: submitted, run in slices, watched, fetched; parked, evicted, cancelled, shared."""
import os
import time
import unittest

from harness import Broker, wait_for
from jobs import check_mix, mix_bundle


class JobLife(unittest.TestCase):
    def test_a_job_runs_and_its_result_is_right(self):
        with Broker() as b:
            job = b.submit(mix_bundle(b.root))
            r = b.run("wait", job)
            self.assertIn("done", r.stdout)
            ended = b.job(job)
            self.assertEqual(ended["dispatches_done"], ended["dispatches_total"])
            self.assertEqual(ended["dispatches_total"], 200)
            self.assertGreater(ended["device_ns"], 0)
            check_mix(b.output(job, "state"), 200, 64)

    def test_a_job_from_a_tar_gives_the_same(self):
        with Broker() as b:
            path = mix_bundle(b.root, outer=2)
            tar = os.path.join(b.root, "mix.tar")
            b.run("pack", path, "-o", tar)
            first, second = b.submit(path), b.submit(tar)
            b.run("wait", first)
            b.run("wait", second)
            self.assertEqual(b.output(first, "state"), b.output(second, "state"))

    def test_pause_parks_and_resume_goes_on(self):
        with Broker() as b:
            job = b.submit(mix_bundle(b.root, outer=10, rounds=128))
            b.wait_phase(job, "running")
            for _ in range(3):
                b.run("pause")
                self.assertIn("paused", b.holds())
                b.wait_phase(job, "parked")
                used = b.job(job)["device_ns"]
                time.sleep(0.3)
                self.assertEqual(b.job(job)["device_ns"], used, "a parked job used the device")
                b.run("resume")
                b.wait_phase(job, "running")
            b.run("wait", job)
            check_mix(b.output(job, "state"), 100, 128)

    def test_a_closed_gate_evicts_and_the_job_resumes(self):
        with Broker(slices={"evict_after": "200ms"}) as b:
            job = b.submit(mix_bundle(b.root, outer=10, rounds=128))
            b.wait_phase(job, "running")
            wait_for("some progress", lambda: b.job(job)["dispatches_done"] > 3)
            b.run("pause")
            wait_for("the eviction", lambda: b.job(job)["phase"] == "waiting")
            wait_for("its checkpoint to be kept", lambda: b.job(job)["checkpoint"])
            self.assertEqual(b.worker_pids(), [])
            self.assertGreater(b.job(job)["dispatches_done"], 3)
            b.run("resume")
            b.run("wait", job)
            self.assertEqual(b.job(job)["runs"], 2)
            check_mix(b.output(job, "state"), 100, 128)

    def test_cancel_ends_a_running_and_a_waiting_job(self):
        with Broker() as b:
            running = b.submit(mix_bundle(b.root, "running", rounds=4096))
            waiting = b.submit(mix_bundle(b.root, "waiting"))
            b.wait_phase(running, "running")
            b.run("cancel", running)
            b.run("cancel", waiting)
            self.assertEqual(b.wait_state(running, "cancelled")["state"], "cancelled")
            self.assertEqual(b.wait_state(waiting, "cancelled")["state"], "cancelled")
            wait_for("the worker to go", lambda: not b.worker_pids())
            self.assertNotEqual(b.run("fetch", running, "state", check=False).returncode, 0)

    def test_priorities_go_first(self):
        with Broker() as b:
            b.run("pause")
            low = b.submit(mix_bundle(b.root, "low", priority=-5, outer=2))
            high = b.submit(mix_bundle(b.root, "high", priority=5, outer=2))
            b.run("resume")
            b.run("wait", low)
            b.run("wait", high)
            logs = b.log_text()
            self.assertLess(logs.index(f'msg="job done" job={high} '),
                            logs.index(f'msg="job done" job={low} '))

    def test_an_orderly_stop_keeps_the_work(self):
        b = Broker()
        try:
            b.start()
            job = b.submit(mix_bundle(b.root, outer=10, rounds=128))
            wait_for("some progress", lambda: b.job(job)["dispatches_done"] > 3)
            self.assertEqual(b.stop(), 0)
            b.start()
            self.assertGreater(b.job(job)["dispatches_done"], 3)
            self.assertTrue(b.job(job)["checkpoint"])
            b.run("wait", job)
            check_mix(b.output(job, "state"), 100, 128)
        finally:
            b.close()

    def test_a_job_over_its_device_time_fails_with_that_reason(self):
        with Broker() as b:
            path = mix_bundle(b.root, rounds=4096, limits={"memory": 1048576, "device_time_s": 1})
            job = b.submit(path)
            ended = b.wait_state(job, "failed")
            self.assertIn("device time", ended["reason"])

    def test_a_deadline_ends_a_waiting_job(self):
        with Broker() as b:
            b.run("pause")
            job = b.submit(mix_bundle(b.root, limits={"memory": 1048576, "deadline_s": 1}))
            self.assertIn("deadline", b.wait_state(job, "failed")["reason"])


if __name__ == "__main__":
    unittest.main()
