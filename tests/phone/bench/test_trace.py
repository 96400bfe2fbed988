#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of the trace's reader, by what a phone's kernel wrote."""
import unittest

import trace

MS = 1000000
WORKER = {191, 192}
# A job on a loaded phone; the touch came at 93.061695, with two slices on the device.
TOUCH = 93061694600
JOB = """\
# tracer: nop
#
# entries-in-buffer/entries-written: 2960/2960   #P:2
#
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
#              | |         |   |||||     |         |
   broker-worker-191     [001] ...1.    93.048100: dma_fence_emit: driver=virtio_gpu timeline=controlq context=68 seqno=735
   broker-worker-191     [001] ...1.    93.048119: virtio_gpu_cmd_queue: vdev=4 vq=0 name=control type=0x207 flags=0x3 fence_id=735 ctx_id=2 num_free=254 seqno=1501
     kworker/1:2-51      [001] d..1.    93.053506: dma_fence_signaled: driver=virtio_gpu timeline=controlq context=68 seqno=735
      Xwayland-300       [000] ...1.    93.054000: dma_fence_emit: driver=virtio_gpu timeline=controlq context=70 seqno=737
   broker-worker-191     [001] ...1.    93.054302: dma_fence_emit: driver=virtio_gpu timeline=controlq context=68 seqno=737
   broker-worker-191     [001] ...1.    93.054320: virtio_gpu_cmd_queue: vdev=4 vq=0 name=control type=0x207 flags=0x3 fence_id=737 ctx_id=2 num_free=254 seqno=1503
   broker-worker-191     [001] ...1.    93.058530: dma_fence_emit: driver=virtio_gpu timeline=controlq context=68 seqno=738
   broker-worker-191     [001] ...1.    93.058547: virtio_gpu_cmd_queue: vdev=4 vq=0 name=control type=0x207 flags=0x3 fence_id=738 ctx_id=2 num_free=254 seqno=1504
     kworker/1:2-51      [001] d..1.    93.066578: dma_fence_signaled: driver=virtio_gpu timeline=controlq context=68 seqno=737
     kworker/1:2-51      [001] d..1.    93.066651: dma_fence_signaled: driver=virtio_gpu timeline=controlq context=68 seqno=738
     kworker/1:2-51      [001] d..1.    93.099000: dma_fence_signaled: driver=virtio_gpu timeline=controlq context=70 seqno=737
"""
LATE = """\
   broker-worker-192     [000] ...1.    93.064000: dma_fence_emit: driver=virtio_gpu timeline=controlq context=68 seqno=739
   broker-worker-192     [000] ...1.    93.064100: virtio_gpu_cmd_queue: vdev=4 vq=0 name=control type=0x207 flags=0x3 fence_id=739 ctx_id=2 num_free=254 seqno=1505
     kworker/1:2-51      [001] d..1.    93.070695: dma_fence_signaled: driver=virtio_gpu timeline=controlq context=68 seqno=739
"""
WAKE = """\
   broker-worker-191     [001] ...1.    93.080497: virtio_gpu_cmd_queue: vdev=4 vq=0 name=control type=0x207 flags=0x0 fence_id=0 ctx_id=2 num_free=254 seqno=1496
"""
SIGNALS = """\
         python3-200     [001] d..1.   127.994335: signal_generate: sig=19 errno=0 code=0 comm=broker-worker pid=217 grp=1 res=0
         python3-200     [001] d..1.   127.994589: signal_generate: sig=19 errno=0 code=0 comm=brokerd pid=205 grp=1 res=0
          <idle>-0       [001] d.h3.   128.050153: signal_generate: sig=19 errno=0 code=128 comm=broker-worker pid=217 grp=1 res=0
          <idle>-0       [001] dNh3.   128.154455: signal_generate: sig=9 errno=0 code=128 comm=broker-worker pid=217 grp=1 res=0
         brokerd-205     [000] d..1.   128.425099: signal_generate: sig=9 errno=0 code=0 comm=broker-worker pid=217 grp=1 res=1
"""
QUIET = """\
    kworker/0:1-12       [000] d..1.    40.000001: timer_start: timer=00000000b0b0b0b0 function=look_late [idlegate] expires=4294902 [timeout=250] bucket_expiry=4294904 cpu=0 idx=9 flags=
          <idle>-0       [001] d.h2.    40.000002: hrtimer_start: hrtimer=00000000a0a0a0a0 function=tick_nohz_handler expires=1 softexpires=1 mode=ABS|PINNED|HARD
          <idle>-0       [001] d.s3.    40.000003: sched_waking: comm=brokerd pid=205 prio=98 target_cpu=000
          <idle>-0       [001] d.s3.    40.000004: sched_waking: comm=brokerctl pid=2050 prio=98 target_cpu=000
"""


def events(*texts):
    return trace.parse("".join(texts).splitlines())


class Trace(unittest.TestCase):
    """What figures are made of."""

    def stop(self, *texts, touch=TOUCH, until=TOUCH + 120 * MS):
        e = events(*texts)
        return trace.stop_of(touch, until, trace.submissions(e, WORKER), trace.slices(e, WORKER))

    def test_line(self):
        e = events(JOB)[0]
        self.assertEqual((e.at, e.comm, e.pid, e.name), (93048100000, "broker-worker", 191, "dma_fence_emit"))
        self.assertEqual(e.fields["seqno"], "735")

    def test_without_irq_columns(self):
        e = events("  a b-7 [000] 1.000002: dma_fence_emit: context=1 seqno=2\n")[0]
        self.assertEqual((e.at, e.comm, e.pid), (1000002000, "a b", 7))

    def test_fences_of_others_are_none_of_the_job(self):
        found = trace.slices(events(JOB), WORKER)
        self.assertEqual([s.emitted for s in found], [93048100000, 93054302000, 93058530000])
        self.assertEqual([s.done for s in found], [93053506000, 93066578000, 93066651000])

    def test_slice_waits_for_the_one_before(self):
        times = trace.slice_times(trace.slices(events(JOB), WORKER))
        self.assertEqual(times, [5406000, 12276000, 73000])

    def test_nothing_submitted_after_the_touch(self):
        self.assertEqual(self.stop(JOB), trace.Stop(0, 93066651000 - TOUCH))

    def test_a_late_submission_and_its_fence_count(self):
        self.assertEqual(self.stop(JOB, LATE), trace.Stop(93064100000 - TOUCH, 93070695000 - TOUCH))

    def test_a_command_without_a_fence_is_no_work(self):
        self.assertEqual(self.stop(JOB, WAKE), self.stop(JOB))

    def test_the_next_opening_does_not(self):
        self.assertEqual(self.stop(JOB, LATE, until=TOUCH + 2 * MS), trace.Stop(0, 93066651000 - TOUCH))

    def test_a_touch_of_an_idle_device_is_none(self):
        self.assertIsNone(self.stop(JOB, touch=93053900000))

    def test_a_fence_that_never_ends(self):
        unfinished = "\n".join(line for line in JOB.splitlines() if "signaled" not in line)
        with self.assertRaisesRegex(trace.TraceError, "never signalled"):
            self.stop(unfinished)

    def test_lost_events(self):
        with self.assertRaisesRegex(trace.TraceError, "10 of 2960"):
            events(JOB.replace("2960/2960", "10/2960"))
        with self.assertRaisesRegex(trace.TraceError, "LOST 17"):
            events("CPU:1 [LOST 17 EVENTS]\n")

    def test_only_the_kernels_own_signals(self):
        self.assertEqual(trace.signals(events(SIGNALS), 217), [(128050153000, 19), (128154455000, 9)])
        self.assertEqual(trace.signals(events(SIGNALS), 205), [])

    def test_timers_of_a_module(self):
        self.assertEqual([e.at for e in trace.timers_of(events(QUIET), "idlegate")], [40000001000])

    def test_wakeups(self):
        self.assertEqual(trace.wakeups(events(QUIET), {205, 206}), 1)

    def test_quantile(self):
        values = list(range(1, 201))
        self.assertEqual([trace.quantile(values, q) for q in (0, 0.5, 0.99, 1)], [1, 100, 198, 200])
        self.assertEqual(trace.quantile([7], 0.99), 7)


if __name__ == "__main__":
    unittest.main()
