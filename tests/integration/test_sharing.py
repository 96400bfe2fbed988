# SPDX-License-Identifier: MIT
"""Several tenants on one device: weights, budgets and rights, with real uids and a real group file.

The daemon runs in a mount namespace of its own in which /etc/group has the groups `broker` and
`broker-admin`, so nothing of the machine is changed.
"""
import os
import subprocess
import unittest

from harness import BROKERD, CTL, Broker, wait_for
from jobs import check_mix, mix_bundle

GROUP, ADMIN = 60101, 60102
ALICE, BOB, EVE = 60001, 60002, 60003


class SharedBroker(Broker):
    """A brokerd that knows the groups; clients act as a uid with a group."""

    def start(self, wait=True):
        group = os.path.join(self.root, "group")
        with open("/etc/group", encoding="utf-8") as f:
            lines = [l for l in f if not l.startswith(("broker:", "broker-admin:"))]
        with open(group, "w", encoding="utf-8") as f:
            f.writelines(lines + [f"broker:x:{GROUP}:\n", f"broker-admin:x:{ADMIN}:\n"])
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c",
                 f'mount --bind "{group}" /etc/group && exec "{BROKERD}" --config "{self.config}"'],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if wait:
            wait_for("the socket", self.answers)
        return self

    def run_as(self, uid, *args, groups=(GROUP,)):
        return subprocess.run([CTL, "--socket", self.socket, *map(str, args)], capture_output=True,
                              text=True, check=False, user=uid, group=uid, extra_groups=list(groups),
                              timeout=120)

    def submit_as(self, uid, path):
        r = self.run_as(uid, "submit", path)
        if r.returncode:
            raise AssertionError(r.stderr)
        return int(r.stdout.split()[-1])


def can_unshare():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], check=False,
                                                 capture_output=True).returncode == 0


def open_bundle(b, name, **job):
    path = mix_bundle(b.root, name, **job)
    subprocess.run(["chmod", "-R", "a+rX", path], check=True)
    return path


@unittest.skipUnless(can_unshare(), "needs root and mount namespaces")
class Sharing(unittest.TestCase):
    def test_device_time_goes_by_weight(self):
        settings = {f"tenant {ALICE}": {"weight": 300}, f"tenant {BOB}": {"weight": 100},
                    "slices": {"turn": "20ms"}}
        with SharedBroker(**settings) as b:
            b.run("pause")
            jobs = {uid: b.submit_as(uid, open_bundle(b, f"job-{uid}", rounds=512))
                    for uid in (ALICE, BOB)}
            b.run("resume")
            for job in jobs.values():
                wait_for("both to be loaded", lambda j=job: b.job(j)["phase"] in ("running", "parked"))
            start = {uid: b.job(job)["device_ns"] for uid, job in jobs.items()}
            wait_for("some seconds of device time",
                     lambda: sum(b.job(j)["device_ns"] - start[u] for u, j in jobs.items()) > 3e9, 120)
            b.run("pause")
            used = {uid: b.job(job)["device_ns"] - start[uid] for uid, job in jobs.items()}
            ratio = used[ALICE] / used[BOB]
            # One turn more or less, and what is in flight at its end, of some 150 turns.
            self.assertGreater(ratio, 2.4, used)
            self.assertLess(ratio, 3.6, used)
            for job in jobs.values():
                b.run("cancel", job)

    def test_two_jobs_that_share_end_right(self):
        with SharedBroker(slices={"turn": "10ms"}) as b:
            first = b.submit_as(ALICE, open_bundle(b, "first", outer=4))
            second = b.submit_as(BOB, open_bundle(b, "second", outer=4))
            for job in (first, second):
                b.run("wait", job)
                check_mix(b.output(job, "state"), 40, 64)

    def test_a_budget_of_the_day_holds_a_tenant_back(self):
        settings = {f"tenant {ALICE}": {"day_budget": "300ms"}}
        with SharedBroker(**settings) as b:
            job = b.submit_as(ALICE, open_bundle(b, "greedy", rounds=1024))
            wait_for("the budget to be used up",
                     lambda: b.job(job)["device_ns"] > 0.3e9 and b.job(job)["phase"] != "running", 60)
            used = b.job(job)["device_ns"]
            other = b.submit_as(BOB, open_bundle(b, "modest", outer=2))
            b.run("wait", other)
            self.assertEqual(b.job(job)["phase"], "waiting")
            self.assertTrue(b.job(job)["checkpoint"])
            self.assertLess(b.job(job)["device_ns"], used + 0.2e9)
            # A kept budget survives the daemon.
            b.kill()
            b.start()
            b.wait_open()
            after = b.submit_as(BOB, open_bundle(b, "later", outer=2))
            b.run("wait", after)
            self.assertLess(b.job(job)["device_ns"], used + 0.2e9)

    def test_rights_go_by_uid_and_group(self):
        with SharedBroker() as b:
            b.run("pause")
            job = b.submit_as(ALICE, open_bundle(b, "private"))
            self.assertEqual(b.run_as(ALICE, "show", job).returncode, 0)
            self.assertEqual(b.run_as(BOB, "show", job).returncode, 6)
            self.assertNotEqual(b.run_as(BOB, "cancel", job).returncode, 0)
            self.assertEqual(b.run_as(EVE, "submit", os.path.join(b.root, "private"),
                                      groups=()).returncode, 4)
            self.assertEqual(b.run_as(EVE, "why", groups=()).returncode, 0)
            self.assertEqual(b.run_as(ALICE, "resume").returncode, 4)
            self.assertEqual(b.run_as(EVE, "show", job, groups=(ADMIN,)).returncode, 0)
            self.assertEqual(b.run_as(EVE, "resume", groups=(ADMIN,)).returncode, 0)
            b.run("wait", job)


if __name__ == "__main__":
    unittest.main()
