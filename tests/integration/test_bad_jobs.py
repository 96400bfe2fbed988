# SPDX-License-Identifier: MIT
"""Jobs that are wrong: refused with the place and the remedy, or ended with the reason.

A document that is wrong is refused twice, by brokerctl and by the broker itself, which trusts no
client. A kernel that is wrong passes the broker and is refused, or stopped, by the worker.
"""
import json
import os
import struct
import unittest

from faults import document, folder, no_push, run_good, spirv, submit_raw
from harness import Broker, VarlinkConnection

DISPATCH = {"dispatch": "mix", "groups": [1], "push": [0, 1]}


def nested_loops(*counts):
    program = [dict(DISPATCH)]
    for depth, count in enumerate(counts):
        program = [{"loop": f"i{depth}", "count": count, "body": program}]
    return program


def turns(count, groups=1, push=0):
    return [{"loop": "i", "count": count, "body": [{"dispatch": "mix", "groups": [groups], "push": [push, 1]}]}]


def buffers(**all_of_them):
    return document(buffers={"state": {"size": 4096, "use": "output"}, **all_of_them})


# name: (what job.json holds, the place in it, words of the message)
DOCUMENTS = {
    "empty": (b"", "line 1, column 0", "not valid JSON"),
    "truncated": (json.dumps(document()).encode()[:-40], r"line 1, column \d+", "not valid JSON"),
    "not_an_object": (b"[1, 2]", "", "must be an object, is an array"),
    "deeply_nested": (b'{"version": ' + b"[" * 50000 + b"]" * 50000 + b"}", "", "nested more than 32 deep"),
    "unclosed_nesting": (b"[" * 100000, "", "nested more than 32 deep"),
    "huge": (json.dumps(document(name="n" * 300000)).encode(), "", "at most 262144 are allowed"),
    "key_twice": (b'{"version": 1, "version": 1}', r"line 1, column \d+", "duplicate object key"),
    "no_version": ({k: v for k, v in document().items() if k != "version"}, "", 'lacks the key "version"'),
    "other_kind": (document(kind="exec"), "kind", 'runs "vulkan"'),
    "unknown_key": (document(colour="red"), "", 'unknown key "colour"; the keys here are: version'),
    "number_as_text": (document(buffers={"state": {"size": "4096", "use": "output"}}), "buffers.state.size",
                       "must be an integer from .* is a string"),
    "priority_too_high": (document(priority=11), "priority", "from -10 to 10, is 11"),
    "size_0": (buffers(b={"size": 0}), "buffers.b.size", "must be from 4 to .* is 0"),
    "size_negative": (buffers(b={"size": -4}), "buffers.b.size", "must be from 4 to .* is -4"),
    "size_odd": (buffers(b={"size": 6}), "buffers.b.size", "must be a multiple of 4, is 6"),
    "size_over": (buffers(b={"size": (1 << 34) + 4}), "buffers.b.size", "must be from 4 to 17179869184"),
    "size_past_64_bits": (json.dumps(buffers(b={"size": 1 << 70})).encode(), r"line 1, column \d+|buffers.b.size",
                          "integer"),
    "sizes_sum": (buffers(**{f"b{i}": {"size": 1 << 34} for i in range(8)}), r"buffers\.b[34](\.size)?",
                  "the buffers up to this one take .* at most 68719476736 in all"),
    "over_its_own_limit": (document(limits={"memory": 4}), "limits.memory", "the buffers take 4096 bytes"),
    "loops_overflow": (document(program=nested_loops(*[1 << 40] * 6)), r"program\[0\].*\.count",
                       "at most 1099511627776"),
    "loop_over": (document(program=nested_loops(1 << 62)), r"program\[0\]\.count", "1099511627776"),
    "loop_0": (document(program=nested_loops(0)), r"program\[0\]\.count", "must be from 1"),
    "loops_too_deep": (document(program=nested_loops(*[1] * 7)), r"program\[0\]\.body.*",
                       "nested more than 6 deep"),
    "no_such_buffer": (document({"bindings": {"0": "nowhere"}}), r'kernels\.mix\.bindings(\.0|\["0"\])',
                       'there is no buffer "nowhere"; it must be one of "buffers"'),
    "no_binding": (document({"bindings": {}}), "kernels.mix.bindings", "is empty"),
    "binding_64": (document({"bindings": {"64": "state"}}), r"kernels\.mix\.bindings.*", '"0" to "63"'),
    "no_such_kernel": (document(program=[{"dispatch": "other", "groups": [1]}]), r"program\[0\]\.dispatch",
                       'there is no kernel "other"'),
    "push_of_wrong_count": (document(program=[{"dispatch": "mix", "groups": [1], "push": [1]}]),
                            r"program\[0\]\.push", "must hold exactly 2 values"),
    "expression": (document(program=[{"dispatch": "mix", "groups": ["1 +"], "push": [0, 1]}]),
                   r"program\[0\]\.groups\[0\]", "."),
    "groups_below_zero": (document(program=turns(4, groups="2 - i")), r"program\[0\]\.body\[0\]\.groups\[0\]",
                          "is -1; a group count is from 0 to 4294967295 at i = 3"),
    "groups_divide_by_zero": (document(program=turns(2, groups="4 / (1 - i)")),
                              r"program\[0\]\.body\[0\]\.groups\[0\]", "divides by zero at i = 1"),
    "too_many_groups": (document(program=[{"dispatch": "mix", "groups": [4294967295] * 3, "push": [0, 1]}]),
                        r"program\[0\]\.groups", r"x \* y \* z is over \d+ workgroups in one dispatch"),
    "push_does_not_fit": (document(program=turns(2, push="-i")), r"program\[0\]\.body\[0\]\.push\[0\]",
                          "is -1, which does not fit u32 at i = 1"),
    "unknown_counter": (document(program=[{"dispatch": "mix", "groups": ["k"], "push": [0, 1]}]),
                        r"program\[0\]\.groups\[0\]", "k"),
    "output_that_is_none": (document(outputs=["other"]), r"outputs\[0\]", 'there is no buffer "other"'),
    "blob_is_a_path": (document({"spirv": "../mix.spv"}), r"kernels\.mix\.spirv", "file name"),
}


class Shared(unittest.TestCase):
    """One broker for all tests of a class; a sound job before all and one after each group."""
    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.b = Broker(**cls.settings)
        cls.b.start()
        run_good(cls.b)

    @classmethod
    def tearDownClass(cls):
        cls.b.close()

    def tearDown(self):
        self.assertIsNone(self.b.process.poll(), "brokerd ended\n" + self.b.log_text()[-3000:])

    def refused_by_ctl(self, path, where, words):
        for command in ("check", "submit"):
            r = self.b.run(command, path, check=False)
            self.assertEqual(r.returncode, 1, r.stdout + r.stderr)
            self.assertRegex(r.stderr, f"^brokerctl: ({where}): " if where else "^brokerctl: ")
            self.assertRegex(r.stderr, words)


class BadDocuments(Shared):
    def test_zz_a_sound_job_after_all_that(self):
        run_good(self.b)
        states = [(j["name"], j["state"]) for j in self.b.json("jobs")["jobs"]]
        self.assertEqual([s for s in states if s not in (("good", "done"), ("large-blob", "failed"))], [])

    def test_not_utf8(self):
        text = json.dumps(document(name="caf")).replace("caf", "caf\xe9").encode("latin-1")
        self.refused_by_ctl(folder(self.b.root, "not_utf8", text), r"line 1, column \d+", "UTF-8")
        with VarlinkConnection(self.b.socket) as c:
            c.send(b'{"method": "io.idlebroker.Submit", "parameters": {"job": "caf\xe9", "blobs": []}}\0')
            self.assertRegex(c.receive()["parameters"]["message"], "not JSON: unable to decode byte 0xe9 .*byte 61")
            with self.assertRaises(ConnectionError):
                c.receive()

    def test_a_message_over_the_limit(self):
        with VarlinkConnection(self.b.socket) as c, self.assertRaises(OSError):
            c.send({"method": "io.idlebroker.Submit", "parameters": {"job": " " * (2 << 20), "blobs": []}})
            c.receive(20)

    def test_memory_over_the_brokers_limit(self):
        job = document(buffers={"state": {"size": 4096, "use": "output"}, "big": {"size": 2 << 30}})
        r = self.b.run("submit", folder(self.b.root, "memory", job), check=False)
        self.assertEqual(r.returncode, 1)
        self.assertRegex(r.stderr, r"limits\.memory: the job needs 2147487744 bytes; .* at most 1073741824")

    def test_a_blob_larger_than_its_buffer(self):
        job = {**buffers(b={"size": 8, "blob": "mix.spv", "use": "input"}), "name": "large-blob"}
        self.refused_by_ctl(folder(self.b.root, "large_blob", job), r"buffers\.b\.blob",
                            r"the blob is \d+ bytes long, the buffer 8")
        reply = submit_raw(self.b, job)
        ended = self.b.wait_state(reply["parameters"]["id"], "failed", "done")
        self.assertRegex(ended["reason"], r"b.*: its blob has \d+ bytes, the buffer 8")
        run_good(self.b)

    def test_a_blob_by_file_name(self):
        reply = submit_raw(self.b, document({"spirv": "elsewhere.spv"}))
        self.assertEqual(reply["error"], "io.idlebroker.InvalidJob")
        self.assertRegex(reply["parameters"]["message"], '"elsewhere.spv" is a file name; pack the job')


def add_document_test(name, job, where, words):
    def test(self):
        self.refused_by_ctl(folder(self.b.root, name, job), where, words)
        text = job.decode() if isinstance(job, bytes) else job
        reply = submit_raw(self.b, text)
        self.assertEqual(reply["error"], "io.idlebroker.InvalidJob", reply)
        self.assertRegex(reply["parameters"]["path"], f"^({where})$")
        self.assertRegex(reply["parameters"]["message"], words)
    setattr(BadDocuments, "test_" + name, test)


for case, (content, place, message) in DOCUMENTS.items():
    add_document_test(case, content, place, message)


def corrupt(words, index, value):
    """The SPIR-V with one word overwritten."""
    out = bytearray(words)
    struct.pack_into("<I", out, index * 4, value)
    return bytes(out)


def function_at(words):
    """Index of the first OpFunction (54)."""
    at = 5
    while struct.unpack_from("<I", words, at * 4)[0] & 0xffff != 54:
        at += struct.unpack_from("<I", words, at * 4)[0] >> 16
    return at


class BadKernels(Shared):
    def refused(self, name, job, kernel, words):
        path = folder(self.b.root, name, job, kernel)
        r = self.b.run("check", path, check=False)
        self.assertEqual(r.returncode, 1, r.stdout + r.stderr)
        self.assertRegex(r.stderr, f"^brokerctl: kernel mix: {words}")
        job = self.b.submit(path)
        self.assertEqual(self.b.run("wait", job, check=False).returncode, 5)
        ended = self.b.job(job)
        self.assertEqual(ended["state"], "failed")
        self.assertRegex(ended["reason"], f"kernel mix: {words}")
        self.assertEqual(ended["runs"], 1, "it was tried again")
        run_good(self.b)

    def test_truncated(self):
        self.refused("truncated", document(), spirv("mix/mix")[:200], "it ends inside an instruction|.*function")

    def test_header_alone(self):
        self.refused("header", document(), spirv("mix/mix")[:20], '0 entry points; exactly one, "main"')

    def test_cut_within_a_word(self):
        path = folder(self.b.root, "odd", document(), spirv("mix/mix")[:-3])
        self.refused_by_ctl(path, r"kernels\.mix\.spirv", "SPIR-V is a multiple of 4")
        job = submit_raw(self.b, document(), spirv("mix/mix")[:-3])["parameters"]["id"]
        self.assertRegex(self.b.wait_state(job, "failed")["reason"], "kernel mix: .*no whole words: no SPIR-V")

    def test_no_spirv_at_all(self):
        path = folder(self.b.root, "elf", document(), b"\x7fELF" * 40)
        self.refused_by_ctl(path, r"kernels\.mix\.spirv", "is no SPIR-V: it begins with 0x464c457f, not 0x07230203")
        job = submit_raw(self.b, document(), b"\x7fELF" * 40)["parameters"]["id"]
        self.assertRegex(self.b.wait_state(job, "failed")["reason"], "kernel mix: no SPIR-V: it begins with 464c457f")
        run_good(self.b)

    def test_invalid(self):
        words = spirv("mix/mix")
        at = function_at(words)
        self.refused("invalid", document(), corrupt(words, at + 1, 0x1234), "not valid SPIR-V for Vulkan 1.1: .+")

    def test_ids_past_all_bounds(self):
        self.refused("bound", document(), corrupt(spirv("mix/mix"), 3, 0xffffffff), r"4294967295 ids; at most \d+")

    def test_vertex_shader(self):
        self.refused("vertex", no_push(), spirv("hostile/vertex"), r"execution model 0; a kernel is GLCompute \(5\)")

    def test_wrong_entry(self):
        self.refused("entry", document({"entry": "other"}), None,
                     'its entry point is not the "other" that job.json names')

    def test_binding_that_the_job_lacks(self):
        self.refused("binding", no_push(), spirv("hostile/binding3"), "binding 3 is not bound to a buffer in job.json")

    def test_push_constants_that_the_job_lacks(self):
        self.refused("push", no_push(), None, "its push constants take 8 bytes; job.json pushes 0")

    def test_forbidden_capability(self):
        self.refused("atomics64", no_push(), spirv("hostile/atomics64"),
                     r"capability \S+ is not among those a job may use|capability .*does not offer")

    def test_image(self):
        self.refused("image", no_push(), spirv("hostile/image"), ".*(storage|capability)")

    def test_too_much_shared_memory(self):
        self.refused("shared", no_push(), spirv("hostile/shared_memory"), r"more than \d+ bytes of shared memory")

    def test_workgroup_too_large(self):
        words = spirv("mix/mix")
        at = words.index(struct.pack("<I", 0x4002b)) // 4  # OpConstant: type, id, value
        while struct.unpack_from("<I", words, (at + 3) * 4)[0] != 64:
            at += 4
        self.refused("local_size", document(), corrupt(words, at + 3, 4096),
                     "a workgroup of 4096 x 1 x 1; the device takes 1024 x 1024 x")


class Runaways(Shared):
    """What can only be seen while it runs."""
    settings = {"slices": {"slice_limit": "500ms", "first_slice_limit": "1500ms"}}

    def failed(self, name, job, kernel=None):
        job = self.b.submit(folder(self.b.root, name, job, kernel))
        ended = self.b.wait_state(job, "failed", "done", seconds=60)
        self.assertEqual(ended["state"], "failed")
        self.assertEqual(ended["runs"], 1)
        self.assertEqual(self.b.run("wait", job, check=False).returncode, 5)
        self.assertEqual(self.b.worker_pids(), [])
        run_good(self.b)
        return ended["reason"]

    def test_endless(self):
        job = no_push()
        job["buffers"]["state"]["size"] = 8192
        self.assertRegex(self.failed("endless", job, spirv("hostile/endless")),
                         r"kernel mix: a slice ran longer than \d+ ms")

    def test_too_long_and_cannot_be_cut(self):
        job = document({"push": ["u32"]}, program=[{"dispatch": "mix", "groups": [65535], "push": [60000]}])
        self.assertRegex(self.failed("whole", job, spirv("hostile/counts_groups")),
                         r"kernel mix: a slice \(it reads NumWorkgroups, so it cannot be cut\) ran longer than")

    def test_short_and_cannot_be_cut(self):
        job = document({"push": ["u32"]}, program=[{"dispatch": "mix", "groups": [16], "push": [1]}])
        id_ = self.b.submit(folder(self.b.root, "short", job, spirv("hostile/counts_groups")))
        self.assertEqual(self.b.wait_state(id_, "failed", "done")["state"], "done")
        words = struct.unpack("<1024I", self.b.output(id_, "state"))
        for i in (0, 1, 64, 1023):
            x = i * 16
            self.assertEqual(words[i], ((x ^ (x >> 16)) * 0x7feb352d) & 0xffffffff)

    def test_outside_of_its_buffer(self):
        job = no_push()
        job["buffers"]["other"] = {"size": 4096, "use": "output"}
        job["outputs"] = ["other"]
        id_ = self.b.submit(folder(self.b.root, "wild", job, spirv("hostile/wild")))
        ended = self.b.wait_state(id_, "failed", "done")
        self.assertEqual(ended["state"], "done", ended.get("reason"))
        self.assertEqual(self.b.output(id_, "other"), bytes(4096), "it reached another buffer")
        run_good(self.b)

    # The first and the last turn of a loop are looked at before the start; these are between.
    def test_groups_below_zero(self):
        self.assertRegex(self.failed("negative", document(program=turns(5, groups="(i - 1) * (i - 3)"))),
                         r"program\[0\]\.body\[0\]\.groups\[0\]: is -1; a group count is from 0 to \d+ at i = 2")

    def test_groups_that_divide_by_zero(self):
        self.assertRegex(self.failed("division", document(program=turns(3, groups="4 / ((1 - i) * (1 - i))"))),
                         r"program\[0\]\.body\[0\]\.groups\[0\]: divides by zero at i = 1")

    def test_a_value_that_does_not_fit(self):
        self.assertRegex(self.failed("fit", document(program=turns(5, push="(i - 1) * (i - 3)"))),
                         r"program\[0\]\.body\[0\]\.push\[0\]: is -1, which does not fit u32 at i = 2")

    def test_groups_above_the_device(self):
        program = [{"dispatch": "mix", "groups": [1, 1, 70000], "push": [0, 1]}]
        self.assertRegex(self.failed("z", document(program=program)),
                         r"kernel mix: groups\[2\] is 70000; this device takes at most \d+")


del Shared

if __name__ == "__main__":
    unittest.main()
