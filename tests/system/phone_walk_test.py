"""Our phone's walk against nginx, tftpd-hpa and vsftpd, with manifests written by hand."""

import hashlib
import random
import unittest

from foreign import (NEEDS_LOGIN, PHONE_LOGIN, Pki, needs_certificate, start_nginx, start_tftpd, start_vsftpd,
                     tls_server)
from harness import free_port, has_ipv6, run
from phone_boot import OWN_FILE, PhoneTest, fingerprint

SIP_PASSWORD = "canary-sip-5530"
OWN_SETTINGS = f"AUTOLOGIN_ID_KEY01 4711@voice.example.net\nAUTOLOGIN_PASSWD_KEY01 {SIP_PASSWORD}\n"
ROOT_BY = "[USER_KEYS]\nPROTOCOL {protocol}\nFILENAME trust/root.pem\n"
OWN_BY_HTTPS = "[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL HTTPS\n"


class Walk(PhoneTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pki = Pki(cls.work.path("pki"))
        cls.root = cls.pki.authority("root")
        cls.server = cls.pki.issue("server", cls.root, san="IP:127.0.0.1,DNS:localhost,IP:::1")
        cls.device = cls.pki.issue("device", cls.root, "client", san="")
        cls.stranger = cls.pki.issue("stranger", cls.pki.authority("other-root"), "client", san="")
        cls.www = cls.work.folder / "www"
        cls.www.mkdir()
        cls.mutual = free_port()
        cls.basic = free_port()
        cls.clear_login = free_port()
        cls.tftpd, tftp = start_tftpd(cls.work, cls.www)
        cls.vsftpd, ftp = start_vsftpd(cls.work, cls.www)
        cls.ports = {"tftp": tftp, "ftp": ftp, "http": free_port(), "https": cls.basic}
        listen6 = f"listen [::1]:{cls.ports['http']};" if has_ipv6() else ""
        listen6_tls = f"listen [::1]:{cls.basic} ssl;" if has_ipv6() else ""
        cls.nginx = start_nginx(cls.work, cls.www, [
            f"listen 127.0.0.1:{cls.ports['http']};\n{listen6}",
            f"listen 127.0.0.1:{cls.clear_login};\n{NEEDS_LOGIN}",
            tls_server(cls.basic, *cls.server, listen6_tls + NEEDS_LOGIN),
            tls_server(cls.mutual, *cls.server, needs_certificate(cls.root[0])),
        ])
        cls.nginx.wait_for_port(cls.ports["http"])

    def setUp(self):
        super().setUp()
        self.serve("trust/root.pem", self.root[0].read_bytes())
        self.serve(OWN_FILE, OWN_SETTINGS)
        self.accept = ["--accept-fingerprint", fingerprint(self.root[0])]
        self.login = ["--device-id", PHONE_LOGIN[0], "--password-file",
                      self.work.write("password", PHONE_LOGIN[1] + "\n", 0o600)]

    def manifest(self, text, model="1230"):
        self.serve(f"{model}SIP.cfg", text)

    def served(self):
        return self.nginx.access_log.read_text(errors="replace").splitlines()

    def test_root_preload_then_single_authentication(self):
        for protocol in ("tftp", "ftp", "http"):
            with self.subTest(protocol=protocol):
                self.state = self.work.path("flash")
                self.manifest(ROOT_BY.format(protocol=protocol.upper()) + OWN_BY_HTTPS)
                before = len(self.served())
                booted = self.boot(f"{protocol}://127.0.0.1", *self.accept, *self.login)
                self.assertEqual(booted.actions(), {"trust/root.pem": "fetched", OWN_FILE: "fetched"})
                self.assertEqual(booted.manifest["action"], "fetched")
                self.assertEqual(booted.files[OWN_FILE]["url"], f"https://127.0.0.1/{OWN_FILE}")
                self.assertEqual(booted.files[OWN_FILE]["bytes"], len(OWN_SETTINGS))
                # The challenge comes first; its answer on the same connection; the certificate is not asked for.
                https = [line for line in self.served()[before:] if line.startswith(f"{self.basic} ")]
                self.assertEqual([line.split('" ')[1].split()[0] for line in https], ["401", "200"], https)
                self.assertIn(f"user={PHONE_LOGIN[0]}", https[1])
                self.assertIn('agent="AVAYA/SIP12x0', https[1])
                self.assertEqual(len({line.rsplit("conn=")[-1] for line in https}), 1)
                for text in (str(booted.done), self.stored_text()):
                    self.assertNotIn(PHONE_LOGIN[1], text)
                self.assertNotIn(SIP_PASSWORD, str(booted.done))
                self.assertNotIn(SIP_PASSWORD, str(self.show()))
                self.assertEqual(self.show()["settings"]["AUTOLOGIN_PASSWD_KEY01"]["value"], "********")

    def test_one_connection_per_file(self):
        self.manifest("[LANGUAGE]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL HTTP\nFILENAME a.lng\nFILENAME b.lng\n")
        self.serve("a.lng", "a")
        self.serve("b.lng", "b")
        before = len(self.served())
        self.boot("http://127.0.0.1")
        connections = [line.rsplit("conn=")[-1] for line in self.served()[before:]]
        self.assertEqual(len(set(connections)), 3, connections)

    def test_login_of_the_section_and_of_the_url(self):
        self.manifest(ROOT_BY.format(protocol="TFTP") + OWN_BY_HTTPS +
                      f"SRV_USER_NAME {PHONE_LOGIN[0]}\nSRV_USER_PASS {PHONE_LOGIN[1]}\n")
        wrong = ["--device-id", "someone", "--password-file", self.work.write("wrong", "not-it", 0o600)]
        booted = self.boot("tftp://127.0.0.1", *self.accept, *wrong)
        self.assertEqual(booted.files[OWN_FILE]["action"], "fetched", "the section's login is the most specific")
        self.assertNotIn(PHONE_LOGIN[1], str(booted.done))

        url = self.work.write("url", f"https://{PHONE_LOGIN[0]}:{PHONE_LOGIN[1]}@localhost:{self.basic}/\n", 0o600)
        self.manifest(OWN_BY_HTTPS)
        args = self.command("-", "--json")
        at = args.index("--url")
        args[at:at + 2] = ["--url-file", url]
        done = run(args)
        self.assertEqual(done.code, 0, done)
        self.assertEqual(done.json()["manifest"]["url"], f"https://localhost:{self.basic}/1230SIP.cfg")
        self.assertNotIn(PHONE_LOGIN[1], str(done))

    def test_the_devices_password_stays_off_clear_wires(self):
        self.manifest("[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL HTTP\nFILENAME site.cfg\n")
        self.serve("site.cfg", "BANNER x\n")
        before = len(self.served())
        booted = self.boot(f"http://127.0.0.1:{self.clear_login}", *self.login, code=1)
        self.assertEqual(booted.manifest["action"], "failed")
        self.assertIn("login", booted.manifest["reason"])
        self.assertEqual([line for line in self.served()[before:] if "user=-" not in line], [])
        # A login that stands in the section is sent as written, and that is told.
        self.manifest(f"[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL HTTP\nFILENAME site.cfg\n"
                      f"SRV_USER_NAME {PHONE_LOGIN[0]}\nSRV_USER_PASS {PHONE_LOGIN[1]}\n")
        ports, self.ports = self.ports, {**self.ports, "http": self.clear_login}
        booted = self.boot("tftp://127.0.0.1")
        self.ports = ports
        self.assertEqual(booted.files["site.cfg"]["action"], "fetched")
        self.assertIn("in clear", booted.notes)

    def test_own_settings_of_https_never_come_in_clear(self):
        self.manifest(ROOT_BY.format(protocol="TFTP") + OWN_BY_HTTPS)
        self.boot("tftp://127.0.0.1", *self.accept, *self.login)
        held = self.held()
        self.serve("evil.cfg", "AUTOLOGIN_ID_KEY01 evil\n")
        for protocol in ("TFTP", "FTP", "HTTP"):
            for name in ("evil.cfg", OWN_FILE):
                with self.subTest(protocol=protocol, name=name):
                    self.manifest(f"[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL {protocol}\nFILENAME {name}\n")
                    before = len(self.served())
                    booted = self.boot("http://127.0.0.1", *self.login, code=1)
                    self.assertEqual(booted.actions(), {name: "refused"})
                    self.assertEqual(len(self.served()), before + 1, "the manifest and nothing else")
                    self.assertEqual(self.held(), held)

    def test_one_boot_astray_freezes_nothing_that_comes_over_https(self):
        def genuine(version):
            self.manifest(ROOT_BY.format(protocol="TFTP") + OWN_BY_HTTPS +
                          f"[DEVICE_CONFIG]\nVERSION {version}\nPROTOCOL HTTPS\nFILENAME corp.cfg\n")
            return self.boot("tftp://127.0.0.1", *self.accept, *self.login).files["corp.cfg"]["action"]
        self.serve("corp.cfg", "DNS_DOMAIN corp.example\n")
        self.assertEqual(genuine("000007"), "fetched")
        held = self.held()
        settings = self.show()["settings"]
        self.serve("evil.cfg", "DNS_DOMAIN evil.example\nBANNER canary-evil\nSNTP_SERVER evil.example\n")
        for version in ("2147483647", "000007"):
            with self.subTest(version=version):
                self.manifest(f"[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION {version}\nPROTOCOL HTTP\nFILENAME evil.cfg\n")
                booted = self.boot("http://127.0.0.1", *self.login)
                self.assertNotIn("canary", str(booted.done))
                self.assertLessEqual(held.items(), self.held().items())
                shown = self.show()["settings"]
                self.assertEqual({name: shown[name] for name in settings}, settings)
                self.assertLessEqual(set(shown) - set(settings), {"SNTP_SERVER"})
                self.serve("corp.cfg", "DNS_DOMAIN corp.example\n# again\n")
                self.assertEqual(genuine("000007"), "fetched")
                self.assertEqual(genuine("000007"), "kept")
                self.assertEqual(genuine("000006"), "kept")
                self.assertNotIn(("DEVICE_CONFIG", "evil.cfg"), self.held())
                held = self.held()
        self.assertEqual(genuine("000009"), "fetched")

    def test_a_wrong_or_missing_password_fails_and_keeps_the_old(self):
        self.manifest(ROOT_BY.format(protocol="TFTP") + OWN_BY_HTTPS)
        self.boot("tftp://127.0.0.1", *self.accept, *self.login)
        held = self.held()
        self.serve(OWN_FILE, "AUTOLOGIN_ENABLE NO\n")
        wrong = ["--device-id", PHONE_LOGIN[0], "--password-file", self.work.write("wrong", "not-it", 0o600)]
        for options, reason in ((wrong, "refused the login"), ([], "wants a login")):
            booted = self.boot("tftp://127.0.0.1", *options, code=1)
            self.assertEqual(booted.files[OWN_FILE]["action"], "failed")
            self.assertIn(reason, booted.files[OWN_FILE]["reason"])
            self.assertEqual(self.held(), held)

    def test_mutual_authentication(self):
        self.manifest(ROOT_BY.format(protocol="TFTP") + OWN_BY_HTTPS)
        ports, self.ports = self.ports, {**self.ports, "https": self.mutual}
        try:
            booted = self.boot("tftp://127.0.0.1", *self.accept, "--certificate", self.device[0], "--key",
                               self.device[1])
            self.assertEqual(booted.files[OWN_FILE]["action"], "fetched")
            self.assertIn("CN=device", self.served()[-1])
            for options in ([], ["--certificate", self.stranger[0], "--key", self.stranger[1]]):
                with self.subTest(options=options):
                    booted = self.boot("tftp://127.0.0.1", *options, code=1)
                    self.assertEqual(booted.files[OWN_FILE]["action"], "failed")
                    self.assertIn("certificate", booted.files[OWN_FILE]["reason"])
        finally:
            self.ports = ports

    def test_versions_and_large_files(self):
        image = random.Random(1230).randbytes(512 * 700)  # ends on a block's edge, as TFTP gets wrong most easily
        for protocol in ("TFTP", "FTP", "HTTP"):
            with self.subTest(protocol=protocol):
                self.state = self.work.path("flash")
                self.serve("fw/image.bin", image)
                section = "[FW]\nDOWNLOAD_MODE {mode}\nVERSION {version}\nPROTOCOL " + protocol + \
                    "\nFILENAME fw/image.bin\n"
                self.manifest(section.format(mode="AUTO", version="SIP12x004.04.09.00"))
                booted = self.boot()
                self.assertEqual(booted.files["fw/image.bin"]["bytes"], len(image))
                self.assertEqual(self.held(), {("FW", "fw/image.bin"): hashlib.sha256(image).hexdigest()})
                self.serve("fw/image.bin", b"other")
                self.assertEqual(self.boot().actions(), {"fw/image.bin": "kept"})
                self.manifest(section.format(mode="AUTO", version="SIP12x004.04.10.00"))
                self.assertEqual(self.boot().actions(), {"fw/image.bin": "fetched"})
                self.manifest(section.format(mode="FORCED", version="SIP12x004.04.09.00"))
                self.assertEqual(self.boot().actions(), {"fw/image.bin": "kept"})  # the same image
                self.assertEqual(self.show()["versions"], {"FW": "SIP12x004.04.09.00"})

    def test_a_missing_file_fails_alone(self):
        for protocol in ("TFTP", "FTP", "HTTP"):
            with self.subTest(protocol=protocol):
                self.manifest(f"[TONES]\nVERSION 000001\nPROTOCOL {protocol}\nFILENAME missing.wav\n"
                              f"[LANGUAGE]\nVERSION 000001\nPROTOCOL {protocol}\nFILENAME there.lng\n")
                self.serve("there.lng", "hello")
                self.state = self.work.path("flash")
                booted = self.boot(code=1)
                self.assertEqual(booted.actions(), {"missing.wav": "failed", "there.lng": "fetched"})
                self.assertIn("no such file", booted.files["missing.wav"]["reason"])

    def test_names_with_blanks_and_signs_reach_the_server(self):
        names = ["a%20b.lng", "c+d;type=a.lng", "e&f?g.lng"]
        for protocol in ("TFTP", "FTP", "HTTP"):
            with self.subTest(protocol=protocol):
                self.state = self.work.path("flash")
                for name in names:
                    self.serve(name, name)
                self.manifest(f"[LANGUAGE]\nVERSION 000001\nPROTOCOL {protocol}\n" +
                              "".join(f"FILENAME {name}\n" for name in names))
                self.assertEqual(self.boot().actions(), {name: "fetched" for name in names})

    def test_the_1140e_asks_for_its_own_manifest(self):
        self.manifest("[LANGUAGE]\nVERSION 000001\nFILENAME there.lng\n", model="1140e")
        self.serve("there.lng", "hello")
        self.assertEqual(self.boot(model="1140e").manifest["file"], "1140eSIP.cfg")

    @unittest.skipUnless(has_ipv6(), "no IPv6 on this machine")
    def test_ipv6(self):
        self.manifest(ROOT_BY.format(protocol="HTTP") + OWN_BY_HTTPS)
        booted = self.boot("http://[::1]", *self.accept, *self.login)
        self.assertEqual(booted.files[OWN_FILE]["url"], f"https://[::1]/{OWN_FILE}")


if __name__ == "__main__":
    unittest.main()
