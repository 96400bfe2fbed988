#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of what is made of the guest's records of eBPF, by lines as a phone's kernel writes them."""
import contextlib
import io
import json
import os
import sys
import tempfile
import unittest

import trace

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench"))
import bpf_evaluate  # noqa: E402
import evaluate  # noqa: E402
from figures import Figures  # noqa: E402

WORKER, NPU_CLIENT, DRAWER = 191, 640, 650
# A job on the GPU, and a piece of work for the NPU in the middle of it.
FOREIGN = """\
   broker-worker-191     [001] ...1.    93.048100: dma_fence_emit: driver=virtio_gpu timeline=controlq context=68 seqno=735
   broker-worker-191     [001] ...1.    93.048119: virtio_gpu_cmd_queue: vdev=4 vq=0 name=control type=0x207 flags=0x3 fence_id=735 ctx_id=2 num_free=254 seqno=1501
     vnpu_client-640     [000] ...1.    93.050000: drm_sched_job_queue: dev=vnpu, fence=133:7, ring=vnpu, job count:0, hw job count:0, client_id:3
     kworker/1:2-51      [001] d..1.    93.053506: dma_fence_signaled: driver=virtio_gpu timeline=controlq context=68 seqno=735
"""
# Two programs on one queue: the second waits for the first.
SHARED = """\
   broker-worker-191     [001] ...1.    10.000000: virtio_gpu_cmd_queue: vdev=4 vq=0 name=control type=0x207 flags=0x3 fence_id=1 ctx_id=2 num_free=254 seqno=1
   vulkan_client-650     [000] ...1.    10.001000: virtio_gpu_cmd_queue: vdev=4 vq=0 name=control type=0x207 flags=0x0 fence_id=0 ctx_id=3 num_free=254 seqno=2
   vulkan_client-650     [000] ...1.    10.002000: virtio_gpu_cmd_queue: vdev=4 vq=0 name=control type=0x207 flags=0x3 fence_id=2 ctx_id=3 num_free=254 seqno=3
   vulkan_client-650     [000] ...1.    10.002500: virtio_gpu_cmd_queue: vdev=4 vq=0 name=control type=0x104 flags=0x1 fence_id=3 ctx_id=3 num_free=254 seqno=4
     kworker/1:2-51      [001] d..1.    10.003000: virtio_gpu_cmd_response: vdev=4 vq=0 name=control type=0x1100 flags=0x1 fence_id=3 ctx_id=3 num_free=254 seqno=4
     kworker/1:2-51      [001] d..1.    10.005000: virtio_gpu_cmd_response: vdev=4 vq=0 name=control type=0x1100 flags=0x3 fence_id=1 ctx_id=2 num_free=254 seqno=1
     kworker/1:2-51      [001] d..1.    10.009000: virtio_gpu_cmd_response: vdev=4 vq=0 name=control type=0x1100 flags=0x3 fence_id=2 ctx_id=3 num_free=254 seqno=3
"""
SWITCHED = """\
          <idle>-0       [001] d.h2.    40.000003: sched_waking: comm=brokerd pid=205 prio=98 target_cpu=000
"""
AT = 93050000000
MS = 1000000


def events(text):
    return trace.parse(text.splitlines())


class Records(unittest.TestCase):
    """Records in a folder, as the guest leaves them."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.seen = evaluate.Seen(folder.name)
        self.figures = Figures()

    def leave(self, name, text=None, **record):
        with open(os.path.join(self.seen.folder, name + ".json"), "w", encoding="ascii") as f:
            json.dump(record, f)
        if text is not None:
            with open(os.path.join(self.seen.folder, name + ".trace"), "w", encoding="ascii") as f:
                f.write(text)

    def put(self, put):
        with contextlib.redirect_stdout(io.StringIO()):
            put(self.figures, self.seen)
        return self.figures.values


class Foreign(Records):
    def storm(self, changed=AT + 400000, holds=bpf_evaluate.GPU_BUSY, told=AT - 2 * MS):
        for device in ("npu", "gpu"):
            self.leave(f"foreign-{device}", FOREIGN, wanted=1, rounds=[[told, changed, holds]], slices=1,
                       threads=[WORKER], foreign=[NPU_CLIENT], idle_after_ns=500 * MS)
        return self.put(bpf_evaluate.put_foreign)

    def test_from_the_submission_to_the_hold_and_to_the_last_fence(self):
        found = self.storm()
        self.assertEqual(found["foreign_submit_to_hold_us_p99"], 400)
        self.assertEqual(found["foreign_submit_to_free_ms_p99"], 3.506)
        self.assertEqual(found["gpu_foreign_submit_to_last_submit_ms_p99"], 0)
        self.assertEqual(self.figures.missed, [])

    def test_a_late_hold_misses_the_target(self):
        self.storm(changed=AT + 2 * MS)
        self.assertEqual(self.figures.missed,
                         ["foreign_submit_to_hold_us_p99", "gpu_foreign_submit_to_hold_us_p99"])

    def test_no_hold_or_another_is_an_error(self):
        for holds in (0, 1):
            with self.assertRaisesRegex(trace.TraceError, "did not close the gate"):
                self.storm(holds=holds)

    def test_a_hold_from_before_is_an_error(self):
        with self.assertRaisesRegex(trace.TraceError, "before the work"):
            self.storm(changed=AT - MS)

    def test_work_that_the_kernel_did_not_see(self):
        with self.assertRaisesRegex(trace.TraceError, "saw none of it"):
            self.storm(told=AT + MS)

    def test_who_gave_what(self):
        self.assertEqual(trace.given(events(FOREIGN), {NPU_CLIENT}), [AT])
        self.assertEqual(trace.given(events(SHARED), {DRAWER}), [10001000000, 10002000000])


class Attribution(Records):
    def test_device_time_by_the_trace(self):
        self.assertEqual(trace.device_times(events(SHARED), {WORKER}), [5 * MS])
        # From the end of the one before it on; what is no work for the GPU ends nothing.
        self.assertEqual(trace.device_times(events(SHARED), {DRAWER}), [4 * MS])

    def npu(self, *pairs):
        self.leave("attribution-npu", cases=[{"what": "jobs", "ours": o, "theirs": t, "jobs": 1} for o, t in pairs])
        return self.put(bpf_evaluate.put_attribution_npu)

    def test_the_worst_case_counts_whichever_way_it_errs(self):
        self.assertEqual(self.npu((100, 100), (97, 100), (102, 100))["attribution_error_percent"], 3)
        self.assertEqual(self.figures.missed, ["attribution_error_percent"])

    def test_nothing_to_compare_with(self):
        with self.assertRaisesRegex(trace.TraceError, "nothing to compare"):
            self.npu((100, 0))

    def test_the_hosts_threads(self):
        before = {"1/2": ("llvmpipe-0", 100), "1/3": ("gone", 50), "1/4": ("idle", 7)}
        after = {"1/2": ("llvmpipe-0", 600), "1/4": ("idle", 7), "1/5": ("llvmpipe-0", 30), "1/6": ("queue", 9)}
        self.assertEqual(bpf_evaluate.host_ns(before, after), [(500, "llvmpipe-0"), (30, "llvmpipe-0"), (9, "queue")])

    def gpu(self, **after):
        self.leave("attribution-gpu", SHARED, ours=4 * MS, jobs=1, threads=[DRAWER])
        self.leave("attribution-gpu-host", before={"1/2": ["vkr-ring-3", 100], "1/3": ["Xvfb", 7]},
                   after={"1/2": ["vkr-ring-3", 100], "1/3": ["Xvfb", 7], **after})
        return self.put(bpf_evaluate.put_attribution_gpu)

    def test_against_the_host_and_against_the_trace(self):
        found = self.gpu(**{"1/2": ["vkr-ring-3", 100 + 3 * MS], "1/3": ["Xvfb", 9]})
        self.assertEqual((found["gpu_attribution_trace_error_percent"], found["gpu_attribution_error_percent"]),
                         (0, 33.333))
        self.assertEqual(found["gpu_attribution_us_per_job"], 1000)

    def test_a_host_that_computed_nothing(self):
        with self.assertRaisesRegex(trace.TraceError, "none of the host's threads"):
            self.gpu()


class Costs(Records):
    RUN = {"input_fentry": [200000, 400], "sched_queue_new": [1, 300], "sched_run_new": [1, 300],
           "sched_done": [1, 300], "virtio_queue": [1, 300], "virtio_response": [1, 300], "suspend_step": [0, 0]}

    def probes(self, **programs):
        self.leave("probes", programs={**self.RUN, **programs})
        return self.put(bpf_evaluate.put_probes)

    def test_time_of_an_event(self):
        found = self.probes()
        self.assertEqual(found["probe_ns_per_event_input_fentry"], 500)
        self.assertNotIn("probe_ns_per_event_suspend_step", found)
        self.assertEqual(self.figures.met, ["probe_ns_per_event_input_fentry"])

    def test_a_program_that_did_not_run(self):
        with self.assertRaisesRegex(trace.TraceError, "no program sched_done"):
            self.probes(sched_done=[0, 3])

    def touched(self, **record):
        self.leave("touched", SWITCHED, **{"seconds": 2, "told": 480, "threads": [205], "holds": ["user-active"],
                                           "switches": 1, **record})
        return self.put(bpf_evaluate.put_touched)

    def test_wakeups_of_a_second(self):
        self.assertEqual(self.touched()["touched_wakeups_per_s"], 0.5)
        self.assertEqual(self.touched(threads=[206])["touched_wakeups_per_s"], 0)

    def test_a_finger_that_was_slow_or_not_seen(self):
        for record in ({"told": 200}, {"holds": []}):
            with self.assertRaisesRegex(trace.TraceError, "the finger was told"):
                self.touched(**record)


class Redraws(Records):
    def redraws(self, **record):
        self.leave("redraws", SHARED, **{"threads": [DRAWER], "redraws": 180, "seconds": 180, "closes": 0, "used_ns": 900 * MS, "history": [],
                                 "control_ns": 60 * MS, "control_holds": bpf_evaluate.GPU_BUSY, **record})
        return self.put(bpf_evaluate.put_redraws)

    def test_holds_of_an_hour(self):
        found = self.redraws()
        self.assertEqual((found["false_busy_per_hour"], found["redraw_longest_ms"]), (0, 4))
        self.assertEqual(self.figures.missed, [])
        self.assertEqual(self.redraws(closes=2, history=[[], ["gpu-busy"]])["false_busy_per_hour"], 40)
        self.assertEqual(self.figures.missed, ["false_busy_per_hour"])

    def test_another_hold_spoils_it(self):
        with self.assertRaisesRegex(trace.TraceError, "user-active"):
            self.redraws(closes=1, history=[["user-active"]])

    def test_a_control_that_was_not_seen(self):
        with self.assertRaisesRegex(trace.TraceError, "not seen either"):
            self.redraws(control_holds=0)


if __name__ == "__main__":
    unittest.main()
