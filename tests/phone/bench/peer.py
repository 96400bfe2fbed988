# SPDX-License-Identifier: MIT
"""When boinc-client says that the computer is in use, after a touch of the same screen.

The client is Debian's, told to pause its work while somebody uses the computer and to take three
seconds without use as nobody there (the least that it knows). It looks once a second. Whether it would
say so at all is shown by a control: a terminal that was just typed at, which is what it knows.
"""
import os
import shutil
import signal
import subprocess
import tempfile
import time

from rig import wait_for

IN_USE = "computer is in use"
PREFERENCES = """<global_preferences>
<run_if_user_active>0</run_if_user_active>
<run_gpu_if_user_active>0</run_gpu_if_user_active>
<idle_time_to_run>0.05</idle_time_to_run>
<suspend_cpu_usage>0</suspend_cpu_usage>
<niu_suspend_cpu_usage>0</niu_suspend_cpu_usage>
</global_preferences>
"""
CONFIG = """<cc_config>
<log_flags><idle_detection_debug>1</idle_detection_debug></log_flags>
<options><dont_contact_ref_site>1</dont_contact_ref_site></options>
</cc_config>
"""
TERMINAL = "/dev/tty1"
TOUCH_EVERY_S = 1
LOG_LINES = 12


class Boinc:
    """boinc-client without a project, in a network of its own."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="bench-boinc-")
        for name, text in (("cc_config.xml", CONFIG), ("global_prefs_override.xml", PREFERENCES)):
            with open(os.path.join(self.dir, name), "w", encoding="ascii") as f:
                f.write(text)
        self.log = os.path.join(self.dir, "log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "-n", "boinc", "--dir", self.dir, "--no_info_fetch", "--skip_cpu_benchmarks",
                 "--gui_rpc_unix_domain"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir)
        wait_for("boinc's socket", lambda: os.path.exists(os.path.join(self.dir, "boinc_socket")), 120)
        self.ask("--set_network_mode", "never")

    def ask(self, *args):
        return subprocess.run(["boinccmd", "--unix_domain", *args], cwd=self.dir, check=True,
                              capture_output=True, text=True).stdout

    def status(self):
        return self.ask("--get_cc_status")

    def in_use(self):
        return IN_USE in self.status()

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def cpu_part(status):
    """What it says of its work: from `CPU status` to the next part."""
    lines = [line.strip() for line in status.splitlines()]
    at = lines.index("CPU status") if "CPU status" in lines else 0
    return "; ".join(lines[at:at + 4])


def until_in_use(boinc, seconds, again):
    """ms from now until it says so, or None; again() is done once a second meanwhile."""
    began, last = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        if time.monotonic() - last >= TOUCH_EVERY_S:
            last = time.monotonic()
            again()
        if boinc.in_use():
            return (time.monotonic() - began) * 1e3
    return None


def measure(fingers, seconds):
    version = subprocess.run(["boinc", "--version"], capture_output=True, text=True,
                             check=True).stdout.strip()
    touches = []
    boinc = Boinc()
    try:
        wait_for("boinc to see nobody", lambda: not boinc.in_use(), 60)
        before = cpu_part(boinc.status())
        found = until_in_use(boinc, seconds, lambda: touches.append(fingers.tap()))
        after = cpu_part(boinc.status())
        if found is None:
            control = until_in_use(boinc, 60, lambda: os.utime(TERMINAL))
        else:
            control = None
        said = cpu_part(boinc.status())
        with open(boinc.log, encoding="utf-8", errors="replace") as f:
            log = [line.strip() for line in f if "idle" in line][-LOG_LINES:]
    finally:
        boinc.close()
    return {"version": version, "ms": found, "waited_s": seconds, "touches": len(touches),
            "before": before, "after": after, "control_ms": control, "control": said, "log": log}
