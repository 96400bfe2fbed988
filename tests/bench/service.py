# SPDX-License-Identifier: MIT
"""How fast jobs are accepted, what ten thousand of them cost, how soon the daemon is there."""
import json
import os
import statistics
import subprocess
import tarfile
import time

from harness import BUILD, Broker, VarlinkConnection, wait_for
from idle import memory_kb
from jobs import mix_bundle

JOBS = 10000
IN_FLIGHT = 64
STARTS = 9


def packed(b):
    """The job's packed job.json, with a place for a number in it, and its one blob."""
    path, tar = mix_bundle(b.root), os.path.join(b.root, "mix.tar")
    b.run("pack", path, "-o", tar)
    out = os.path.join(b.root, "packed")
    with tarfile.open(tar) as t:
        t.extractall(out, filter="data") if hasattr(tarfile, "data_filter") else t.extractall(out)
    job = os.path.join(out, "job.json")
    with open(job, encoding="utf-8") as f:
        document = json.load(f)
    document["name"] = "search-########"
    with open(job, "w", encoding="utf-8") as f:
        json.dump(document, f, separators=(",", ":"))
    blob = os.listdir(os.path.join(out, "blobs"))[0]
    return job, blob, os.path.join(out, "blobs", blob)


def submit_many(b, count):
    job, sha256, blob = packed(b)
    r = subprocess.run([os.path.join(BUILD, "bench/bench_submit"), b.socket, job, sha256, blob,
                        str(count), str(IN_FLIGHT)], stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(r.stdout)["submit_per_s"]


def answer(b):
    """One whole call; False while nobody listens."""
    try:
        with VarlinkConnection(b.socket) as c:
            return "parameters" in c.call("io.idlebroker.Status")
    except (FileNotFoundError, ConnectionRefusedError):
        return False


def start_once(b):
    """ms from before the fork to the reply to a first call."""
    began = time.monotonic()
    b.start(wait=False)
    while not answer(b):
        if b.process.poll() is not None:
            raise AssertionError("brokerd ended: " + b.log_text()[-2000:])
        time.sleep(0.0005)
    ms = (time.monotonic() - began) * 1e3
    b.stop()
    return ms


def measure_start(figures, key, b):
    ms = [start_once(b) for _ in range(STARTS)]
    figures.put(key, statistics.median(ms), f"from {min(ms):.1f} to {max(ms):.1f}")


def measure_service(figures):
    print(f"service: {JOBS:,} jobs accepted durably, {IN_FLIGHT} calls in flight on one connection; "
          f"exec to the reply\n         to a first call, median of {STARTS} starts", flush=True)
    b = Broker()
    try:
        measure_start(figures, "start_ms", b)
        b.start()
        b.run("pause")
        wait_for("the devices", lambda: b.json("devices")["devices"])
        figures.put("submit_per_s", submit_many(b, JOBS))
        wait_for("the jobs", lambda: b.json("status")["waiting"] == JOBS + 1)
        time.sleep(1)
        grown = memory_kb(b.process.pid)
        b.stop()
        measure_start(figures, "start_ms_10k_jobs", b)
        b.start()
        b.run("pause")
        wait_for("the devices", lambda: b.json("devices")["devices"])
        time.sleep(1)
        loaded = memory_kb(b.process.pid)
        figures.put("rss_kb_10k_jobs", max(grown, loaded),
                    f"{grown:,} after they came, {loaded:,} after a restart")
    finally:
        b.close()
