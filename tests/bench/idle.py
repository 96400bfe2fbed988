# SPDX-License-Identifier: MIT
"""What the daemon costs while it does nothing, beside BOINC's client; and its memory."""
import os
import shutil
import signal
import subprocess
import tempfile
import time

from harness import Broker, wait_for

SECONDS = 90
SETTLE = 8


def switches(pid):
    """Voluntary context switches of each thread: how often it went to sleep, so was woken."""
    out = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/status", encoding="ascii", errors="replace") as f:
                words = dict(line.split(":", 1) for line in f)
        except FileNotFoundError:
            continue
        out[task + " " + words["Name"].strip()] = int(words["voluntary_ctxt_switches"])
    return out


def memory_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        words = dict(line.split(":", 1) for line in f)
    return int(words["VmRSS"].split()[0])


class Boinc:
    """boinc-client with nothing to do, told never to compute, in a network of its own: alone."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="idlebroker-bench-boinc-")
        with open(os.path.join(self.dir, "cc_config.xml"), "w", encoding="ascii") as f:
            f.write("<cc_config><options><dont_contact_ref_site>1</dont_contact_ref_site></options>"
                    "</cc_config>\n")
        with open(os.path.join(self.dir, "log"), "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "-n", "boinc", "--dir", self.dir, "--no_info_fetch", "--skip_cpu_benchmarks",
                 "--gui_rpc_unix_domain"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.dir)
        wait_for("boinc's socket", lambda: os.path.exists(os.path.join(self.dir, "boinc_socket")))
        for mode in ("--set_run_mode", "--set_network_mode"):
            subprocess.run(["boinccmd", "--unix_domain", mode, "never"], cwd=self.dir, check=True)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def per_minute(before, after, seconds):
    return {task: (n - before.get(task, 0)) * 60 / seconds for task, n in after.items()
            if n != before.get(task, 0)}


def measure_wakeups(figures):
    print(f"wakeups: voluntary context switches of all threads in {SECONDS} s, gate closed (unplugged)",
          flush=True)
    boinc = None
    b = Broker(world=True)
    b.world.charger(online=False)
    b.world.battery(level=90, status="Discharging", current_ua=-300000)
    b.world.zone(35)
    b.world.touchscreen()
    with b:
        if os.geteuid():
            print("    boinc-client is left out: to keep it off the network needs root", flush=True)
        elif shutil.which("boinc") and shutil.which("boinccmd"):
            boinc = Boinc()
        else:
            print("    boinc-client is not installed: nothing to compare with", flush=True)
        try:
            wait_for("the hold", lambda: "not-charging" in b.holds())
            wait_for("the devices", lambda: b.json("devices")["devices"])
            time.sleep(SETTLE)
            pids = [b.process.pid] + ([boinc.process.pid] if boinc else [])
            start, before = time.monotonic(), [switches(p) for p in pids]
            time.sleep(SECONDS)
            seconds, after = time.monotonic() - start, [switches(p) for p in pids]
            found = [per_minute(x, y, seconds) for x, y in zip(before, after)]
            memory = [memory_kb(p) for p in pids]
        finally:
            if boinc:
                boinc.close()
    figures.put("idle_wakeups_per_min", sum(found[0].values()), str(found[0] or ""))
    if boinc:
        figures.put("boinc_idle_wakeups_per_min", sum(found[1].values()), "boinc-client, the same time")
        figures.put("boinc_rss_kb_idle", memory[1], "boinc-client, no project")


def measure_memory(figures):
    print("memory: resident set of brokerd, no job, gate open, devices found", flush=True)
    with Broker() as b:
        b.wait_open()
        wait_for("the devices", lambda: b.json("devices")["devices"])
        time.sleep(2)
        figures.put("rss_kb_idle", memory_kb(b.process.pid))
