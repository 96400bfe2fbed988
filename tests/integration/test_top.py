# SPDX-License-Identifier: MIT
"""Who uses the devices: Usage and `brokerctl top`, over a folder of files as /proc."""
import os
import subprocess
import json
import unittest

from harness import Broker, VarlinkConnection, wait_for

STRANGER = 65534


class Programs:
    """Stand-ins for the processes of /proc that hold a render node of an msm GPU."""

    def __init__(self, broker):
        self.root = os.path.join(broker.root, "proc")
        os.makedirs(self.root)
        broker.settings["roots"]["proc"] = self.root
        broker.write_config()
        device = os.path.join(broker.world.sys, "class/drm/renderD128")
        os.makedirs(device)
        os.symlink("../../../devices/platform/ff9a0000.gpu", os.path.join(device, "device"))

    def use(self, pid, comm, ns, memory_kib, uid=0):
        base = os.path.join(self.root, str(pid))
        for d in ("fd", "fdinfo"):
            os.makedirs(os.path.join(base, d), exist_ok=True)
        if not os.path.islink(os.path.join(base, "fd/5")):
            os.symlink("/dev/dri/renderD128", os.path.join(base, "fd/5"))
        with open(os.path.join(base, "comm"), "w", encoding="utf-8") as f:
            f.write(comm + "\n")
        # Another name first: brokerd must not read half of it.
        with open(os.path.join(base, "fdinfo/.5"), "w", encoding="ascii") as f:
            f.write(f"drm-driver:\tmsm\ndrm-client-id:\t{pid}\ndrm-engine-gpu:\t{ns} ns\n"
                    f"drm-resident-memory:\t{memory_kib} KiB\n")
        os.rename(os.path.join(base, "fdinfo/.5"), os.path.join(base, "fdinfo/5"))
        if os.geteuid() == 0:
            os.chown(base, uid, -1)


def phone(**settings):
    b = Broker(world=True, **settings)
    b.world.charger()
    b.world.battery(level=83, temp_c=31.5)
    b.world.zone(41.2)
    b.world.touchscreen()
    return b


def usage_as(broker, uid):
    """Usage, asked by another user."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        with VarlinkConnection(broker.socket) as c:
            os.write(into, json.dumps(c.call("io.idlebroker.Usage")["parameters"]).encode())
        os._exit(0)
    os.close(into)
    os.waitpid(pid, 0)
    with os.fdopen(out, "rb") as f:
        return json.loads(f.read())


class Usage(unittest.TestCase):
    def test_programs_heat_and_battery_are_told(self):
        b = phone()
        programs = Programs(b)
        programs.use(100, "compositor", 5_000_000, 4096)
        programs.use(200, "game\x1b[2J", 7_000_000, 8192)
        with b:
            found = b.call("io.idlebroker.Usage")["parameters"]
            self.assertEqual(found["source"], "fdinfo")
            self.assertEqual(found["others"], [])
            clients = {c["pid"]: c for c in found["clients"]}
            self.assertEqual(sorted(clients), [100, 200])
            self.assertEqual(clients[200], {"pid": 200, "uid": os.geteuid(), "comm": "game?[2J",
                                            "device": "ff9a0000.gpu", "ours": False,
                                            "device_ns": 7_000_000, "memory": 8 << 20})
            self.assertEqual((found["hottest_mc"], found["battery_percent"], found["battery_mc"],
                              found["discharging"]), (41200, 83, 31500, False))
            self.assertNotIn("message", found)

    def test_a_program_that_comes_late_is_told_and_one_that_went_is_not(self):
        b = phone()
        programs = Programs(b)
        programs.use(100, "one", 1, 1)
        with b:
            def pids():
                return [c["pid"] for c in b.call("io.idlebroker.Usage")["parameters"]["clients"]]
            self.assertEqual(pids(), [100])
            programs.use(101, "two", 1, 1)
            subprocess.run(["rm", "-r", os.path.join(programs.root, "100")], check=True)
            wait_for("the other program", lambda: pids() == [101])

    @unittest.skipIf(os.geteuid() != 0, "it must play other users, which needs root")
    def test_others_see_their_own_programs_and_one_sum(self):
        b = phone()
        programs = Programs(b)
        programs.use(100, "secret-one", 5_000_000, 4)
        programs.use(200, "secret-two", 7_000_000, 8)
        programs.use(300, "mine", 9_000_000, 16, STRANGER)
        with b:
            found = usage_as(b, STRANGER)
            self.assertEqual([c["comm"] for c in found["clients"]], ["mine"])
            self.assertEqual(found["others"], [{"device": "ff9a0000.gpu", "clients": 2,
                                                "device_ns": 12_000_000, "memory": 12 << 10}])
            self.assertNotIn("secret", json.dumps(found))


if __name__ == "__main__":
    unittest.main()
