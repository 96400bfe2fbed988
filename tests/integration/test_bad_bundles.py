# SPDX-License-Identifier: MIT
"""Bundles that are wrong, through brokerctl: exit code 1, the entry named, nothing handed in."""
import gzip
import io
import json
import os
import shutil
import socket
import tarfile
import unittest

from faults import document, folder, good_bundle, packed, run_good, sealed, spirv, submit_call
from harness import Broker, VarlinkConnection, sha256

MIX = "mix.spv"
# An emulated processor takes a minute for what a real one does in a second.
BOMB_MIB = int(os.environ.get("IDLEBROKER_TEST_BOMB_MIB", "300"))


class Tar:
    """A tar of the small job, made entry by entry, with whatever a test adds."""

    def __init__(self):
        self.data = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.data, mode="w", format=tarfile.PAX_FORMAT)
        self.kernel = spirv("mix/mix")

    def add(self, name, content=b"", kind=tarfile.REGTYPE, link="", size=None):
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        info.size = len(content) if size is None else size
        if kind in (tarfile.CHRTYPE, tarfile.BLKTYPE):
            info.devmajor, info.devminor = 1, 3
        self.tar.addfile(info, io.BytesIO(content) if kind == tarfile.REGTYPE else None)
        return self

    def job(self):
        return self.add("job.json", packed(document(), {MIX: self.kernel}).encode())

    def blob(self):
        return self.add("blobs/" + sha256(self.kernel), self.kernel)

    def bytes(self):
        self.tar.close()
        return self.data.getvalue()


class BadBundles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.b = Broker()
        cls.b.start()
        run_good(cls.b)

    @classmethod
    def tearDownClass(cls):
        try:
            run_good(cls.b)
            states = [(j["name"], j["state"]) for j in cls.b.json("jobs")["jobs"]]
            assert {s for s in states if s[0] == "good"} == {("good", "done")}, states
        finally:
            cls.b.close()

    def file(self, name, data):
        path = os.path.join(self.b.root, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def refused(self, path, words, commands=("check", "submit", "pack")):
        for command in commands:
            args = (command, path, "-o", path + ".packed") if command == "pack" else (command, path)
            r = self.b.run(*args, check=False, timeout=30)
            self.assertEqual(r.returncode, 1, f"{command}: {r.stdout}{r.stderr}")
            self.assertRegex(r.stderr, f"^brokerctl: .*{words}")
            self.assertEqual(r.stderr.count("\n"), 1, r.stderr)
        self.assertFalse(os.path.exists(path + ".packed"))
        self.assertEqual([f for f in os.listdir(self.b.root) if ".packed" in f], [])
        self.assertIsNone(self.b.process.poll())

    def tar_refused(self, tar, words):
        self.refused(self.file(self.id().rsplit(".", 1)[1] + ".tar",
                               tar.bytes() if isinstance(tar, Tar) else tar), words)

    def test_a_sound_tar_made_here(self):
        for name, data in (("sound.tar", Tar().job().blob().bytes()), ("blob_first.tar", Tar().blob().job().bytes()),
                           ("sound.tar.gz", gzip.compress(Tar().job().blob().bytes()))):
            path = self.file(name, data)
            self.b.run("check", path)
            self.assertEqual(self.b.wait_state(self.b.submit(path), "done", "failed")["state"], "done")

    def test_dotdot(self):
        self.tar_refused(Tar().job().blob().add("blobs/../../../tmp/evil", b"x"),
                         r'blobs/\.\./\.\./\.\./tmp/evil: leads out of the bundle with "\.\."')
        self.assertFalse(os.path.exists("/tmp/evil"))

    def test_absolute(self):
        self.tar_refused(Tar().job().blob().add("/tmp/evil", b"x"),
                         "/tmp/evil: is an absolute name; names in a bundle are relative")

    def test_symlink(self):
        self.tar_refused(Tar().job().add("blobs/" + sha256(spirv("mix/mix")), kind=tarfile.SYMTYPE, link="/etc/passwd"),
                         "blobs/[0-9a-f]{64}: is a symbolic link; a bundle holds regular files")

    def test_symlinked_folder(self):
        self.tar_refused(Tar().add("blobs", kind=tarfile.SYMTYPE, link="/tmp").job().blob(),
                         "blobs: is a symbolic link")

    def test_hardlink(self):
        self.tar_refused(Tar().job().add("blobs/" + sha256(b"x"), kind=tarfile.LNKTYPE, link="job.json"),
                         "blobs/[0-9a-f]{64}: is a hard link")

    def test_device(self):
        for kind in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE):
            self.tar_refused(Tar().job().add("blobs/" + sha256(b"x"), kind=kind), "is a device, pipe or socket")

    def test_folder_that_is_none_of_it(self):
        self.tar_refused(Tar().job().blob().add("secrets", kind=tarfile.DIRTYPE),
                         "secrets/: is a directory; a bundle's only one is blobs/")

    def test_duplicate_blob(self):
        self.tar_refused(Tar().job().blob().blob(), "blobs/[0-9a-f]{64}: stands in the tar twice")

    def test_duplicate_job(self):
        self.tar_refused(Tar().job().blob().job(), "job.json: stands in the tar twice")
        self.tar_refused(Tar().job().blob().add("./job.json", b"{}"), "job.json: stands in the tar twice")

    def test_unknown_name(self):
        self.tar_refused(Tar().job().blob().add("readme.txt", b"hello"),
                         r"readme.txt: is no entry of a bundle, which holds job.json and blobs/")

    def test_name_with_control_characters(self):
        self.tar_refused(Tar().job().add("\x1b[2Jx\n", b"hello"), r"[ -~]*is no entry of a bundle")

    def test_wrong_hash(self):
        self.tar_refused(Tar().job().add("blobs/" + sha256(spirv("mix/mix")), b"\0" * 400),
                         "blobs/([0-9a-f]{64}): its bytes have the SHA-256 [0-9a-f]{64}, not .* as its name says")

    def test_missing_blob(self):
        self.tar_refused(Tar().job(), 'kernels.mix.spirv: there is no blob "[0-9a-f]{64}" in the bundle')

    def test_leftover_blob(self):
        self.tar_refused(Tar().job().blob().add("blobs/" + sha256(b"x"), b"x"),
                         "blobs/[0-9a-f]{64}: job.json does not refer to it")

    def test_no_job(self):
        self.tar_refused(Tar().blob(), "job.json: there is no such entry in the tar")

    def test_huge_job(self):
        self.tar_refused(Tar().add("job.json", b" " * 300000), "job.json: is 300000 bytes long; at most 262144")

    def test_truncated(self):
        whole = Tar().job().blob().bytes()
        at = whole.index(b"blobs/")
        self.tar_refused(whole[:at + 700], "blobs/[0-9a-f]{64}: cannot be read: Truncated")
        self.tar_refused(gzip.compress(whole)[:-30], "truncated.tar: is no whole tar file, plain or by gzip")

    def test_empty_and_no_tar(self):
        self.tar_refused(b"", "is no whole tar file|there is no such entry")
        self.tar_refused(b"PK\3\4" + bytes(600), "is no whole tar file")
        self.tar_refused(os.urandom(2000), "is no whole tar file")

    def test_bytes_behind_the_end(self):
        self.tar_refused(Tar().job().blob().bytes() + b"evil" * 300, "behind_the_end.tar: is no whole tar file")

    def test_bomb(self):
        """The size that the entry says is enough: nothing of it is unpacked."""
        head = tarfile.TarInfo("blobs/" + sha256(b"x"))
        head.size = 1 << 40
        data = Tar().job().bytes().rstrip(b"\0")
        data += bytes(-len(data) % 512)
        self.tar_refused(gzip.compress(data + head.tobuf(tarfile.GNU_FORMAT)),
                         r"is 1099511627776 bytes long; the limit for all blobs leaves \d+")

    def test_bomb_of_one_blob(self):
        """A file of zeros far larger than its archive: unpacked bit by bit, never all in memory."""
        data = Tar().job().bytes().rstrip(b"\0")
        data += bytes(-len(data) % 512)
        zeros = bytes(1 << 20)
        head = tarfile.TarInfo("blobs/" + sha256(b"x"))
        head.size = BOMB_MIB << 20
        out = io.BytesIO()
        with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as z:
            z.write(data + head.tobuf(tarfile.GNU_FORMAT))
            for _ in range(BOMB_MIB):
                z.write(zeros)
            z.write(bytes(1024))
        self.refused(self.file("bomb.tar.gz", out.getvalue()),
                     "its bytes have the SHA-256 [0-9a-f]{64}", ("check",))

    def test_bomb_of_entries(self):
        """Folders cost the reader nothing to pass over, so their number is limited."""
        tar = Tar().job().blob()
        for _ in range(5000):
            tar.add("blobs", kind=tarfile.DIRTYPE)
        self.tar_refused(gzip.compress(tar.bytes()), "is one entry more than any bundle has")

    def test_folder_with_a_symlinked_blob(self):
        path = folder(self.b.root, "symlinked", document())
        os.unlink(os.path.join(path, MIX))
        os.symlink(good_bundle(self.b.root) + "/mix.spv", os.path.join(path, MIX))
        self.refused(path, "mix.spv: is a symbolic link; a bundle holds regular files")

    def test_folder_with_a_symlinked_job(self):
        path = folder(self.b.root, "symlinked_job", document())
        os.rename(os.path.join(path, "job.json"), os.path.join(path, "other.json"))
        os.symlink("other.json", os.path.join(path, "job.json"))
        self.refused(path, "job.json: is a symbolic link")

    def test_folder_with_a_pipe(self):
        path = folder(self.b.root, "pipe", document())
        os.unlink(os.path.join(path, MIX))
        os.mkfifo(os.path.join(path, MIX))
        self.refused(path, "mix.spv: is no regular file")

    def test_folder_without_what_it_names(self):
        path = folder(self.b.root, "lacking", document())
        os.unlink(os.path.join(path, MIX))
        self.refused(path, "mix.spv: there is no such file in the bundle")
        os.unlink(os.path.join(path, "job.json"))
        self.refused(path, "job.json: there is no such file in the bundle")

    def test_folder_with_a_wrong_hash(self):
        kernel = spirv("mix/mix")
        path = folder(self.b.root, "wrong", packed(document(), {MIX: kernel}).encode())
        os.mkdir(os.path.join(path, "blobs"))
        shutil.copy(os.path.join(path, "job.json"), os.path.join(path, "blobs", sha256(kernel)))
        self.refused(path, "the bytes of [0-9a-f]{64} have the SHA-256 [0-9a-f]{64}, not the one in the name")

    def test_nothing_there(self):
        self.refused(os.path.join(self.b.root, "nowhere"), "nowhere: No such file")
        self.refused("/dev/null", "/dev/null: ")
        path = os.path.join(self.b.root, "listening")
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path)
            self.refused(path, "listening: ")

    def test_one_bad_among_good(self):
        bad = folder(self.b.root, "one_bad", document(priority=99))
        r = self.b.run("submit", "--json", good_bundle(self.b.root), bad, check=False)
        self.assertEqual(r.returncode, 1)
        self.assertRegex(r.stderr, "priority: must be from -10 to 10, is 99\n.*/one_bad was not handed in")
        self.assertEqual(self.b.wait_state(json.loads(r.stdout.splitlines()[0])["id"], "done")["state"], "done")

    def test_blob_that_is_not_its_hash(self):
        """Past the client: the broker computes the hash itself."""
        kernel = spirv("mix/mix")
        blobs = {MIX: kernel + bytes(4)}
        message, fds = submit_call(packed(document(name="other-bytes"), blobs), blobs)
        wrong = sealed(kernel[:-4] + b"evil")
        before = sorted(os.listdir(os.path.join(self.b.state, "tmp")))
        try:
            with VarlinkConnection(self.b.socket) as c:
                c.send(message, [wrong])
                reply = c.receive()
                self.assertEqual(reply["error"], "io.idlebroker.BlobMismatch")
                self.assertRegex(reply["parameters"]["message"], sha256(kernel + bytes(4)))
                # The same connection goes on, and the right bytes are taken.
                c.send(message, fds)
                self.assertIn("id", c.receive()["parameters"])
        finally:
            for fd in [wrong, *fds]:
                os.close(fd)
        self.assertEqual(sorted(os.listdir(os.path.join(self.b.state, "tmp"))), before)
        for _, _, files in os.walk(os.path.join(self.b.state, "blobs")):
            self.assertNotIn(sha256(kernel[:-4] + b"evil"), files)
        run_good(self.b)

    def test_blob_that_is_missing(self):
        message, fds = submit_call(packed(document(), {MIX: b"never seen"}), {})
        reply = VarlinkConnection(self.b.socket).call(message["method"], message["parameters"])
        self.assertEqual((reply["error"], reply["parameters"]["sha256"], fds),
                         ("io.idlebroker.BlobMissing", [sha256(b"never seen")], []))


if __name__ == "__main__":
    unittest.main()
