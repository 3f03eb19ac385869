"""What a booted phone tells of its settings, the program that it runs when they change, and the files that it
translates them into."""

import json
import os
import time
import unittest

from foreign import start_tftpd
from harness import PHONE, run, wait_until
from phone_boot import OWN_FILE, PhoneTest

SECRET = "canary-sip-9931"
MANIFEST = ("[DEVICE_CONFIG]\nVERSION {version:06}\nFILENAME site.cfg\n"
            "[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 000001\n")


class Provisioned(PhoneTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.www = cls.work.folder / "www"
        cls.www.mkdir()
        cls.tftpd, port = start_tftpd(cls.work, cls.www)
        cls.ports = {"tftp": port}

    def provision(self, site, own, version=1):
        self.serve("1230SIP.cfg", MANIFEST.format(version=version))
        self.serve("site.cfg", site)
        self.serve(OWN_FILE, own)


class Effective(Provisioned):
    def effective(self, *options):
        done = run([PHONE, "show", "--state", self.state, "--effective", "--json", *options], check=True)
        self.assertNotIn(SECRET, done.out)
        return {entry["name"]: entry for entry in done.json()["settings"]}

    def program(self, body):
        """A program of ours, and the file that it writes."""
        told = self.work.path("told")
        script = self.work.path("on-change")
        script.write_text("#!/bin/sh\n" + body.replace("TOLD", str(told)))
        script.chmod(0o755)
        return script, told

    def test_each_setting_tells_type_origin_and_misfit(self):
        self.provision("# site\nSRTP_ENABLED YES\nSIP_TLS_PORT 5061\nSIP_DOMAIN1_PROTOS TCP,TLS\nMAX_RING_TIME 7\n"
                       "OTHER_KEY word\n", f"VMAIL 101\nAUTOLOGIN_PASSWD_KEY01 {SECRET}\n")
        self.boot()
        found = self.effective()
        self.assertEqual(found["SRTP_ENABLED"],
                         {"name": "SRTP_ENABLED", "type": "boolean", "value": True, "secret": False, "default": False,
                          "section": "DEVICE_CONFIG", "file": "site.cfg", "line": 2, "wire": "clear",
                          "sticky": False})
        self.assertEqual((found["SIP_TLS_PORT"]["value"], found["SIP_TLS_PORT"]["default"]), (5061, True))
        self.assertEqual(found["SIP_DOMAIN1_PROTOS"]["value"], ["TCP", "TLS"])
        self.assertEqual((found["MAX_RING_TIME"]["value"], found["MAX_RING_TIME"]["line"]), ("7", 5))
        self.assertIn("30 to 600", found["MAX_RING_TIME"]["misfit"])
        self.assertEqual((found["VMAIL"]["file"], found["VMAIL"]["line"]), (OWN_FILE, 1))
        self.assertEqual(found["AUTOLOGIN_PASSWD_KEY01"]["value"], "********")
        self.assertNotIn("OTHER_KEY", found)
        self.assertEqual(found["********"]["value"], "********")
        self.assertEqual(self.effective("--unknown")["OTHER_KEY"]["value"], "word")

        self.provision("SRTP_ENABLED YES\n", "VMAIL 102\n", version=2)
        self.boot()
        found = self.effective()
        self.assertTrue(found["MAX_RING_TIME"]["sticky"])
        self.assertEqual(found["MAX_RING_TIME"]["line"], 5)
        self.assertFalse(found["SRTP_ENABLED"]["sticky"])
        shown = run([PHONE, "show", "--state", self.state, "--effective"], check=True).out
        self.assertIn(f"VMAIL = 102 (text; [USER_CONFIG] {OWN_FILE} line 1, clear)\n", shown)
        self.assertIn("sticky: not in the last file", shown)
        self.assertNotIn(SECRET, shown)

    def test_a_change_is_told_by_name_and_only_a_change(self):
        script, told = self.program('cat > TOLD; env > TOLD.env; ls /proc/self/fd > TOLD.fds; echo "$@" > TOLD.args\n')
        self.provision("BANNER a\n", f"VMAIL 101\nAUTOLOGIN_PASSWD_KEY01 {SECRET}\nhunter2 rest\n")
        os.environ["CANARY_OF_OURS"] = "leaked"
        self.addCleanup(os.environ.pop, "CANARY_OF_OURS")
        booted = self.boot("tftp://127.0.0.1", "--on-change", script)
        self.assertIn(f"the change program {script} ended with 0", booted.notes)
        self.assertEqual(json.loads(told.read_text()),
                         {"state": str(self.state), "settings": ["AUTOLOGIN_PASSWD_KEY01", "BANNER", "VMAIL"],
                          "unknown_settings": 1, "sections": ["DEVICE_CONFIG", "USER_CONFIG"]})
        environment = told.with_suffix(".env").read_text()
        self.assertIn(f"RINGFENCE_PHONE_STATE={self.state}\n", environment)
        self.assertNotIn("CANARY_OF_OURS", environment)
        self.assertEqual(told.with_suffix(".args").read_text(), "\n")
        # 3 is ls's own view of the folder.
        self.assertEqual(told.with_suffix(".fds").read_text().split(), ["0", "1", "2", "3"])
        for name in (".env", ".args"):
            self.assertNotIn(SECRET, told.with_suffix(name).read_text())

        told.unlink()
        self.assertNotIn("change program", self.boot("tftp://127.0.0.1", "--on-change", script).notes)
        self.assertFalse(told.exists(), "nothing changed")

        self.provision("BANNER b\n", f"VMAIL 101\nAUTOLOGIN_PASSWD_KEY01 {SECRET}\nhunter2 rest\n", version=2)
        self.boot("tftp://127.0.0.1", "--on-change", script)
        self.assertEqual(json.loads(told.read_text())["settings"], ["BANNER"])
        self.assertEqual(json.loads(told.read_text())["sections"], ["DEVICE_CONFIG"])

    def test_a_program_that_fails_changes_nothing_about_the_boot(self):
        script, _ = self.program("exit 7\n")
        self.provision("BANNER a\n", "VMAIL 101\n")
        booted = self.boot("tftp://127.0.0.1", "--on-change", script)
        self.assertTrue(booted.report["clean"])
        self.assertIn("ended with 7", booted.notes)
        self.assertEqual(self.effective()["VMAIL"]["value"], "101")

        self.provision("BANNER b\n", "VMAIL 102\n", version=2)
        booted = self.boot("tftp://127.0.0.1", "--on-change", "/nonexistent/program")
        self.assertIn("could not be run: No such file", booted.notes)
        self.assertEqual(self.effective()["VMAIL"]["value"], "102")

    def test_a_program_that_hangs_is_killed_with_its_children(self):
        script, told = self.program("echo $$ > TOLD\nsleep 600 &\nwait\n")
        self.provision("BANNER a\n", "VMAIL 101\n")
        begin = time.monotonic()
        booted = self.boot("tftp://127.0.0.1", "--on-change", script, "--on-change-limit", "1")
        self.assertLess(time.monotonic() - begin, 60)
        self.assertIn("did not end within 1 s and was killed", booted.notes)
        group = int(told.read_text())

        def is_gone():
            try:
                os.killpg(group, 0)
                return False
            except ProcessLookupError:
                return True
        wait_until(is_gone, "the program and its child to be gone")

    def test_its_output_is_not_ours(self):
        script, _ = self.program("echo words of the program\n")
        self.provision("BANNER a\n", "VMAIL 101\n")
        done = run(self.command("tftp://127.0.0.1", "--json", "--on-change", script), check=True)
        self.assertTrue(done.json()["clean"])
        self.assertIn("words of the program", done.err)

    def test_a_relative_program_is_a_misuse(self):
        done = run(self.command("tftp://127.0.0.1", "--on-change", "program"))
        self.assertEqual(done.code, 2, done)
        self.assertIn("absolute path", done.err)
        self.assertFalse(self.state.exists())

    def test_a_boot_that_was_cut_off_is_made_up_for(self):
        script, told = self.program("cat > TOLD\n")
        self.provision("BANNER a\n", "VMAIL 101\n")
        self.boot()
        (self.state / "stage").write_text("installing USER_CONFIG SIP00247F0102AB.cfg\n")
        self.boot("tftp://127.0.0.1", "--on-change", script)
        self.assertEqual(json.loads(told.read_text())["settings"], ["BANNER", "VMAIL"])


class Translate(Provisioned):
    ACCOUNT = ("AUTOLOGIN_ENABLE USE_AUTOLOGIN_ID\nSIP_DOMAIN1 voice.example\nSERVER_IP1_1 192.0.2.9\n"
               "SIP_DOMAIN1_PROTOS TCP\nAUTOLOGIN_ID_KEY01 4711@voice.example\n"
               f"AUTOLOGIN_PASSWD_KEY01 {SECRET}\n")

    def setUp(self):
        super().setUp()
        self.out = self.work.path("baresip")

    def translate(self, *options, code=0):
        done = run([PHONE, "translate", "baresip", "--state", self.state, "--out", self.out, *options])
        self.assertEqual(done.code, code, done)
        self.assertNotIn(SECRET, str(done))
        return done

    def files(self):
        return {path.name for path in self.out.iterdir()}

    def test_files_are_private_and_replaced(self):
        self.provision("BANNER x\n", self.ACCOUNT)
        self.boot()
        done = self.translate()
        self.assertIn("no counterpart: BANNER\n", done.out)
        self.assertIn("1 accounts; start baresip by", done.out)
        self.assertEqual(self.files(), {"config", "accounts", "contacts", "openssl.cnf", "start"})
        for path in self.out.iterdir():
            self.assertEqual(path.stat().st_mode & 0o777, 0o700 if path.name == "start" else 0o600, path)
        self.assertEqual(self.out.stat().st_mode & 0o777, 0o700)
        self.assertIn(SECRET, (self.out / "accounts").read_text())

        (self.out / "roots.pem").write_text("of a time when TLS was asked for")
        self.provision("BANNER x\n", self.ACCOUNT + "VMAIL 101\nAUTOLOGIN_ENABLE NO\n")
        self.boot()
        self.assertEqual(json.loads(self.translate("--json").out)["accounts"], 0)
        self.assertEqual((self.out / "accounts").read_text(), "")
        self.assertNotIn("roots.pem", self.files())

    def test_a_refused_account_is_told_and_not_written(self):
        self.provision("", self.ACCOUNT.replace("4711@", "4711;x=y@"))
        self.boot()
        done = self.translate(code=1)
        self.assertIn("AUTOLOGIN_ID_KEY01 is refused", done.out)
        self.assertEqual((self.out / "accounts").read_text(), "")

    def test_tls_without_a_root_is_refused(self):
        self.provision("", self.ACCOUNT.replace("PROTOS TCP", "PROTOS TCP,TLS"))
        self.boot()
        self.assertIn("no root certificate is installed", self.translate(code=1).out)
        self.assertEqual((self.out / "accounts").read_text(), "")

    def test_what_is_not_ours_is_left_alone(self):
        self.provision("", self.ACCOUNT)
        self.boot()
        self.out.mkdir()
        (self.out / "config").write_text("mine")
        self.assertIn("something else", self.translate(code=1).err)
        self.assertEqual((self.out / "config").read_text(), "mine")
        self.assertEqual(self.files(), {"config"})

    def test_misuses(self):
        self.provision("", self.ACCOUNT)
        self.boot()
        for options in (["--certificate", "x"], ["--sip-port", "0"], ["--audio", "alsa"], ["--interface", "a b"],
                        ["--dns-server", "dns.example"]):
            self.translate(*options, code=2)
        self.assertFalse(self.out.exists())


if __name__ == "__main__":
    unittest.main()
