"""Taking over from an old TFTP folder: first told, then done."""

import unittest

from harness import Installation, SystemTest
from wire import http_get, tftp_get, tls_context, versions_of

OLD_MANIFEST = """# 1230SIP.cfg of the old server
[DEVICE_CONFIG]
DOWNLOAD_MODE  AUTO
VERSION        2023081501
PROTOCOL       TFTP
FILENAME       DeviceConfig.cfg

[USER_CONFIG]
DOWNLOAD_MODE  AUTO
VERSION        2023081501
PROTOCOL       TFTP

[FW]
DOWNLOAD_MODE  AUTO
VERSION        SIP12x004.04.09.00
PROTOCOL       TFTP
FILENAME       SIP12x004.04.09.00.bin

[LANGUAGE]
DOWNLOAD_MODE  AUTO
VERSION        000017
PROTOCOL       TFTP
FILENAME       French.lng
"""

OLD_COMMON = "SIP_DOMAIN1 voice.example.net\nSNTP_ENABLE YES\nSNTP_SERVER 192.0.2.1\n"
OLD_DEVICE = "AUTOLOGIN_ENABLE USE_AUTOLOGIN_ID\nAUTOLOGIN_ID_KEY01 4711@voice.example.net\nAUTOLOGIN_PASSWD_KEY01 old-secret-3141\n"


class Migration(SystemTest):
    def setUp(self):
        self.old = self.work.path("tftpboot")
        self.old.mkdir()
        for name, content in {"1230SIP.cfg": OLD_MANIFEST, "DeviceConfig.cfg": OLD_COMMON,
                              "SIP00247F0102AB.cfg": OLD_DEVICE, "French.lng": "bonjour",
                              "SIP12x004.04.09.00.bin": "\x7fELF firmware", "notes.txt": "what is this"}.items():
            (self.old / name).write_text(content)
        self.house = Installation(self.work)

    def lists(self):
        return [self.house(*command).out for command in (("device", "list"), ("file", "list"), ("site", "list"))]

    def test_a_dry_run_tells_and_changes_nothing(self):
        before = self.lists()
        done = self.house("import", "tftpdir", self.old, "--dry-run")
        for name in ("1230SIP.cfg", "DeviceConfig.cfg", "SIP00247F0102AB.cfg", "French.lng", "SIP12x004.04.09.00.bin", "notes.txt"):
            self.assertIn(name, done.out)
        self.assertIn("2023081502", done.out)  # the floor: one above what the old server announced
        self.assertIn("[USER_CONFIG] was AUTO: it will be FORCED", done.out)
        self.assertIn("announced in FW to models 1230", done.out)
        self.assertNotIn("old-secret-3141", done.out + done.err)
        self.assertEqual(self.lists(), before)
        for entry in self.house.json_lines("import", "tftpdir", self.old, "--dry-run"):
            self.assertIsInstance(entry, dict)

    def test_what_was_taken_over_is_served(self):
        self.house("import", "tftpdir", self.old)
        server = self.house.serve()
        self.assertEqual(tftp_get(server.ports["tftp"], "French.lng"), b"bonjour")
        self.assertEqual(tftp_get(server.ports["tftp"], "SIP12x004.04.09.00.bin"), b"\x7fELF firmware")
        versions = versions_of(tftp_get(server.ports["tftp"], "1230SIP.cfg").decode())
        self.assertGreaterEqual(int(versions["USER_CONFIG"]), 2023081501)
        self.assertGreater(int(versions["LANGUAGE"]), 17)
        self.assertEqual(versions["FW"], "SIP12x004.04.09.00")
        # The personal file was open to everybody over TFTP; now it is not, and it is whole.
        self.assertEqual(http_get(server.ports["http"], "/SIP00247F0102AB.cfg").status, 404)
        cert = self.house.issue("00:24:7F:01:02:AB")
        answer = http_get(server.ports["https"], "/SIP00247F0102AB.cfg",
                          tls_context(self.house.root, cert / "cert.pem", cert / "key.pem"))
        self.assertEqual(answer.status, 200)
        self.assertIn(b"AUTOLOGIN_PASSWD_KEY01 old-secret-3141", answer.body)

    def test_a_password_wrapped_onto_the_next_line_is_not_told(self):
        wrapped = OLD_DEVICE.replace(" old-secret-3141", " old\nsecret-3141")
        (self.old / "SIP00247F0102AB.cfg").write_text(wrapped)
        for done in (self.house("import", "tftpdir", self.old, "--dry-run"),
                     self.house("file", "put", "SIP00247F0102AB.cfg", "--from", self.old / "SIP00247F0102AB.cfg", code=1)):
            self.assertIn("line 4: its name is no known setting", done.out + done.err)
            self.assertNotIn("3141", done.out + done.err)

    def test_a_folder_that_is_not_there_is_a_plain_failure(self):
        done = self.house("import", "tftpdir", self.work.path("nowhere"), code=1)
        self.assertTrue(done.err.strip())


if __name__ == "__main__":
    unittest.main()
