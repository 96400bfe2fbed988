# SPDX-License-Identifier: MIT
"""kill -9 of the daemon and of the worker at random moments: nothing is lost, the bytes are the same.

IDLEBROKER_KILLS kills (100 by default) are spread over as many jobs as it takes. The seed is printed,
and IDLEBROKER_SEED repeats the choices (the moments depend on the machine).
"""
import contextlib
import json
import os
import random
import signal
import time
import unittest

from harness import Broker, sha256, wait_for
from jobs import check_mix, mix_bundle

KILLS = int(os.environ.get("IDLEBROKER_KILLS", "100"))
SEED = int(os.environ.get("IDLEBROKER_SEED", str(random.randrange(1 << 30))))


class KillAnywhere(unittest.TestCase):
    def test_random_kills(self):
        print(f"       {KILLS} kills, IDLEBROKER_SEED={SEED}", flush=True)
        rng = random.Random(SEED)
        b = Broker(slices={"checkpoint_every": "100ms", "evict_after": "50ms"})
        kills = {"brokerd": 0, "worker": 0}
        try:
            b.start()
            path = mix_bundle(b.root, outer=10, rounds=128)
            whole = b.submit(path)
            b.run("wait", whole)
            right = sha256(b.output(whole, "state"))
            check_mix(b.output(whole, "state"), 100, 128)
            accepted = []
            while sum(kills.values()) < KILLS:
                if not accepted or b.job(accepted[-1])["state"] == "done":
                    accepted.append(b.submit(path))
                time.sleep(rng.uniform(0.0, 0.6))
                self.disturb(b, rng, kills)
            for job in accepted:
                self.assertEqual(b.wait_state(job, "done", "failed", seconds=300)["state"], "done",
                                 b.job(job).get("reason"))
                self.assertEqual(sha256(b.output(job, "state")), right, f"job {job}")
            self.assertGreater(kills["brokerd"], KILLS // 5)
            self.assertGreater(kills["worker"], KILLS // 5)
        except BaseException:
            print(b.log_text()[-6000:])
            raise
        finally:
            b.close()
        print(f"       killed {kills['brokerd']} x brokerd, {kills['worker']} x worker; "
              f"{len(accepted)} jobs, all with the same bytes", flush=True)

    def disturb(self, b, rng, kills):
        what = rng.choice(["brokerd", "worker", "worker", "pause"])
        if what == "brokerd":
            b.kill()
            kills["brokerd"] += 1
            b.start()
        elif what == "worker":
            for pid in b.worker_pids():
                with contextlib.suppress(ProcessLookupError):  # it may end by itself before
                    os.kill(pid, signal.SIGKILL)
                    kills["worker"] += 1
        else:
            b.run("pause")
            time.sleep(rng.uniform(0.0, 0.2))
            b.run("resume")

    def test_submissions_that_were_acknowledged_survive(self):
        b = Broker()
        try:
            b.start()
            b.run("pause")
            path = mix_bundle(b.root, outer=1)
            accepted = []
            for _ in range(5):
                pid = os.fork()
                if pid == 0:
                    time.sleep(0.3)
                    os.kill(b.process.pid, signal.SIGKILL)
                    os._exit(0)
                while True:
                    r = b.run("submit", path, "--json", check=False)
                    if r.returncode:
                        break
                    accepted.append(int(json.loads(r.stdout)["id"]))
                os.waitpid(pid, 0)
                b.process.wait()
                b.start()
                b.run("pause")
            ids = {j["id"] for j in b.json("jobs")["jobs"]}
            self.assertTrue(accepted)
            self.assertEqual(set(accepted) - ids, set())
            wait_for("the store to be well", lambda: b.json("status")["store_ok"])
        except BaseException:
            print(b.log_text()[-6000:])
            raise
        finally:
            b.close()


if __name__ == "__main__":
    unittest.main()
