#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cuts the phone's power in the middle of a job, again and again; the job ends with the right bytes.

The state is on an ext4 disk, the cut is the machine's reset: what the guest had not written to the disk is
lost. The job is cut at random moments while it makes progress, then left to end, and must then give the
bytes that the same job gives without a cut.

usage: host_power.py SUITE BUILD     (started by the lane, or by `make check-phone-power`)

IDLEBROKER_CUTS cuts (3 by default); IDLEBROKER_SEED repeats their moments.
"""
import hashlib
import os
import random
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(HERE, "../../integration")]
from jobs import check_mix  # noqa: E402
import klog  # noqa: E402
import vm  # noqa: E402

CUTS = int(os.environ.get("IDLEBROKER_CUTS", "3"))
SEED = int(os.environ.get("IDLEBROKER_SEED", str(random.randrange(1 << 30))))
DISPATCHES_PER_CUT, DISPATCHES = 300, 600
PATIENCE_S = 240


class Guest:
    """The phone, and what its script said since it was started."""

    def __init__(self, phone, dispatches):
        self.phone, self.dispatches, self.text = phone, dispatches, b""

    def start(self):
        self.text = b""
        self.phone.post("phone-up && export VK_DRIVER_FILES=/usr/share/vulkan/icd.d/virtio_icd.json && "
                        f"exec tests/phone/suite/power_cut.py {self.dispatches}")

    def said(self, pattern):
        """The last match in what it said until now."""
        def take(data):
            self.text += data
        self.phone.drain(take)
        found = re.findall(pattern, self.text.decode(errors="replace"))
        return found[-1] if found else None

    def wait(self, what, condition, seconds=PATIENCE_S):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise vm.PhoneError(f"{what}: not within {seconds} s; it said:\n"
                                    + self.text.decode(errors="replace")[-3000:])
            if self.phone.process.poll() is not None:
                raise self.phone.dead("QEMU ended")
            time.sleep(0.02)

    def progress(self):
        found = self.said(r"dispatches (\d+) of")
        return int(found) if found else 0

    def ended(self):
        return self.said(r"ended (\w+)")

    def result(self):
        if self.ended() != "done":
            raise vm.PhoneError("the job did not end well:\n" + self.text.decode(errors="replace")[-3000:])
        self.phone.finish(60)
        with open(os.path.join(self.phone.folder, "power.bin"), "rb") as f:
            return f.read()


def new_phone(suite, build, name):
    disk = vm.make_disk(suite, build, f"{name}.disk")
    return vm.Phone(suite, build, name=name, gpu=True, disk=disk)


def cut_again_and_again(guest, rng):
    """Returns how often the job was cut while it ran, and the times of the boots."""
    boots, before = [guest.phone.boot_s], 0
    for cut in range(CUTS):
        guest.start()
        # It goes on where it was, or a little before that: some of it is new each time.
        guest.wait("progress", lambda: guest.progress() > before or guest.ended())
        if guest.ended():
            raise vm.PhoneError(f"the job ended before cut {cut + 1} of {CUTS}: it is too short")
        time.sleep(rng.uniform(0.0, 1.5))
        before = guest.progress()
        print(f"cut {cut + 1}: at {before} dispatches", flush=True)
        guest.phone.reset()
        boots.append(guest.phone.boot_s)
    guest.start()
    guest.wait("its end", guest.ended)
    return boots


def judge(phone):
    bad = klog.bad_lines(phone.console_log())
    if bad:
        raise vm.PhoneError("\n".join(f"console.log:{n}: {line}" for n, line in bad[:40]))


def run(suite, build, name, dispatches, action):
    with new_phone(suite, build, name) as phone:
        guest = Guest(phone, dispatches)
        boots = action(guest)
        data = guest.result()
        runs = guest.said(r"runs (\d+)")
    judge(phone)
    return data, int(runs), boots


def uncut(guest):
    guest.start()
    guest.wait("its end", guest.ended)


def main():
    suite, build = sys.argv[1:3]
    rng = random.Random(SEED)
    dispatches = DISPATCHES + CUTS * DISPATCHES_PER_CUT
    began = time.monotonic()
    print(f"{CUTS} cuts, IDLEBROKER_SEED={SEED}, {dispatches} dispatches", flush=True)
    try:
        data, runs, boots = run(suite, build, "power", dispatches, lambda g: cut_again_and_again(g, rng))
        check_mix(data, dispatches, 64, 512)
        # Each was cut while it made progress. That a run began may not have reached the disk; work
        # that was told as durable must have.
        if runs < 2:
            raise vm.PhoneError(f"{CUTS} cuts, and the job knows of {runs} run")
        whole, _, _ = run(suite, build, "power-whole", dispatches, uncut)
        if data != whole:
            raise vm.PhoneError("the bytes after the cuts differ from those of a run without one: "
                                f"{hashlib.sha256(data).hexdigest()}, {hashlib.sha256(whole).hexdigest()}")
    except (vm.PhoneError, AssertionError) as e:
        print(e, flush=True)
        return 1
    print(f"{CUTS} power cuts, {runs} runs that the job knows of, the same bytes as without one; "
          f"boots of {min(boots):.0f} to {max(boots):.0f} s, all in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
