"""A full disk: on a small one of its own, in a mount namespace that dies with the test."""

import os
import subprocess
import sys
import unittest

from harness import Installation, SystemTest, find_program
from wire import http_get, tftp_get

INSIDE = "RINGFENCE_TEST_OWN_MOUNTS"
PUBLIC = "lang/French.lng"
DISK_SIZE = "12m"


def may_mount():
    unshare = find_program("unshare")
    return unshare is not None and subprocess.run(
        [unshare, "--mount", "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


class FullDisk(SystemTest):
    @classmethod
    def setUpClass(cls):
        if not os.environ.get(INSIDE):
            if os.environ.get("CI") == "true":
                raise AssertionError("CI must let this test mount a disk of its own, or nobody tests a full one")
            raise unittest.SkipTest("this machine does not let us mount a disk of our own")
        cls.addClassCleanup(cls.unmount)  # last of all, after the processes have ended
        super().setUpClass()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE},mode=755", "none", cls.work.folder], check=True)
        cls.house = Installation(cls.work)
        cls.house.put(PUBLIC, "bonjour", "--section", "LANGUAGE")
        cls.server = cls.house.serve()
        cls.ballast = cls.work.folder / "ballast"

    @classmethod
    def unmount(cls):
        subprocess.run(["umount", cls.work.folder], check=True)
        cls.work.folder.rmdir()

    def fill(self, leave=0):
        with open(self.ballast, "wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(b"\0" * 4096)
            except OSError:
                pass
            ballast.truncate(max(0, ballast.tell() - leave))

    def test_nothing_is_half_put_and_serving_goes_on(self):
        self.house.put("lang/German.lng", "guten Tag", "--section", "LANGUAGE")
        files = self.house("file", "list").out
        for number, leave in enumerate((0, 4096, 16384, 65536)):
            mac = f"00:24:7F:01:02:{number:02X}"
            with self.subTest(leave=leave):
                self.fill(leave)
                done = self.house("file", "put", "lang/German.lng", "--from", "/proc/self/exe", "--section", "LANGUAGE", code=1)
                self.assertTrue(done.err.strip())
                done = self.house("device", "add", mac, "--model", "1230", code=None)
                # Wholly there, or not at all and said so.
                self.house("device", "show", mac, code=done.code)
                self.assertTrue(done.code == 0 or done.err.strip(), done)
                # Reading needs no room; what cannot be recorded does not stop a phone.
                self.assertEqual(tftp_get(self.server.ports["tftp"], PUBLIC), b"bonjour")
                self.assertEqual(tftp_get(self.server.ports["tftp"], "lang/German.lng"), b"guten Tag")
                self.assertEqual(http_get(self.server.ports["http"], "/" + PUBLIC).body, b"bonjour")
                self.assertTrue(self.server.is_running())
        self.ballast.unlink()
        self.assertEqual(self.house("file", "list").out, files)
        self.house.put("lang/German.lng", "moin", "--section", "LANGUAGE")
        self.assertEqual(tftp_get(self.server.ports["tftp"], "lang/German.lng"), b"moin")
        self.house("check")


if __name__ == "__main__":
    if not os.environ.get(INSIDE) and may_mount():
        os.environ[INSIDE] = "yes"
        os.execv(find_program("unshare"), ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    unittest.main()
