"""Our phone at servers that we did not write, with the manifests of the reference and with hostile ones."""

import gzip
import hashlib
import os
import random
import socket
import struct
import time
import unittest

from foreign import (NEEDS_LOGIN, PHONE_LOGIN, Pki, start_dnsmasq, start_lighttpd, start_nginx, start_tftpd,
                     start_vsftpd, tls_server)
from harness import PATIENCE, PHONE, free_port, run
from namespaces import need_network
from phone_boot import OWN_FILE, PhoneTest, fingerprint
from phone_hostile_test import IMPATIENT, TcpScript, http_answer

LOGIN_LINES = f"SRV_USER_NAME {PHONE_LOGIN[0]}\nSRV_USER_PASS {PHONE_LOGIN[1]}\n"
IMAGE = "[IMAGES]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL {protocol}\n{login}FILENAME {name}\n"
SIZES = (0, 1, 511, 512, 513, 1024, 512 * 300)  # around the blocks of TFTP


def need_root():
    if os.geteuid() != 0:
        raise unittest.SkipTest("these servers need root")


class Interop(PhoneTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pki = Pki(cls.work.path("pki"))
        cls.root = pki.authority("root")
        cls.server = pki.issue("server", cls.root)
        cls.www = cls.work.folder / "www"
        cls.www.mkdir()
        cls.ports = {"http": free_port()}
        cls.nginx = start_nginx(cls.work, cls.www, [f"listen 127.0.0.1:{cls.ports['http']};"])
        cls.nginx.wait_for_port(cls.ports["http"])

    def setUp(self):
        super().setUp()
        self.ports = dict(self.ports)
        self.serve("root.pem", self.root[0].read_bytes())
        self.serve(OWN_FILE, "VMAIL 101\n")
        self.accept = ["--accept-fingerprint", fingerprint(self.root[0])]
        self.login = ["--device-id", PHONE_LOGIN[0], "--password-file",
                      self.work.write("password", PHONE_LOGIN[1], 0o600)]

    def fetch_sizes(self, protocol, login=""):
        """Files of awkward sizes come whole, over the protocol that stands in the section."""
        for size in SIZES:
            with self.subTest(size=size):
                body = random.Random(size).randbytes(size)
                self.serve("image.jpg", body)
                self.serve("1230SIP.cfg", IMAGE.format(protocol=protocol, login=login, name="image.jpg"))
                booted = self.boot(f"http://127.0.0.1:{type(self).ports['http']}")
                self.assertEqual(booted.files["image.jpg"]["bytes"], size)
                self.assertEqual(self.held()[("IMAGES", "image.jpg")], hashlib.sha256(body).hexdigest())

    def missing(self, protocol, login=""):
        self.serve("1230SIP.cfg", IMAGE.format(protocol=protocol, login=login, name="missing.jpg"))
        booted = self.boot(f"http://127.0.0.1:{type(self).ports['http']}", code=1)
        self.assertEqual(booted.files["missing.jpg"]["action"], "failed")
        self.assertIn("no such file", booted.files["missing.jpg"]["reason"])

    def test_tftpd_hpa(self):
        _, self.ports["tftp"] = start_tftpd(self.work, self.www)
        self.fetch_sizes("TFTP")
        self.missing("TFTP")

    def test_nginx(self):
        self.fetch_sizes("HTTP")
        self.missing("HTTP")

    def test_vsftpd_anonymous(self):
        _, self.ports["ftp"] = start_vsftpd(self.work, self.www)
        self.fetch_sizes("FTP")
        self.missing("FTP")

    def test_vsftpd_with_a_named_login(self):
        need_root()
        server, self.ports["ftp"] = start_vsftpd(self.work, self.www, PHONE_LOGIN)
        self.fetch_sizes("FTP", LOGIN_LINES)
        self.missing("FTP", LOGIN_LINES)
        self.assertIn(f"[{PHONE_LOGIN[0]}] OK LOGIN", server.transfer_log.read_text())
        for login in ("", LOGIN_LINES.replace(PHONE_LOGIN[1], "not-it")):
            self.serve("1230SIP.cfg", IMAGE.format(protocol="FTP", login=login, name="image.jpg"))
            entry = self.boot(f"http://127.0.0.1:{type(self).ports['http']}", code=1).files["image.jpg"]
            self.assertEqual((entry["action"], entry["reason"]), ("failed", "the server refused the login"))

    def test_lighttpd_with_a_login(self):
        for method in ("basic", "digest", "digest-sha256"):
            with self.subTest(method=method):
                server, self.ports["http"] = start_lighttpd(self.work, self.www, method)
                # By another name than the manifest's server, whose port would hold for it too.
                elsewhere = LOGIN_LINES + "SERVER_IP localhost\n"
                self.fetch_sizes("HTTP", elsewhere)
                self.missing("HTTP", elsewhere)
                server.stop()  # its log is written late
                sent = server.access_log.read_text()
                scheme = "Basic" if method == "basic" else "Digest"
                self.assertIn(f"200 user={PHONE_LOGIN[0]} {scheme} ", sent)
                if method != "basic":
                    self.assertNotIn("Basic", sent, "what Digest protects is not sent beside it")

    def test_lighttpd_behind_tls_with_the_devices_login(self):
        """nginx is the TLS front alone: the challenge is lighttpd's."""
        for method in ("basic", "digest", "digest-sha256"):
            with self.subTest(method=method):
                self.state = self.work.path("flash")
                server, behind = start_lighttpd(self.work, self.www, method)
                self.ports["https"] = free_port()
                front = start_nginx(self.work, self.www, [tls_server(
                    self.ports["https"], *self.server, f"location / {{ proxy_pass http://127.0.0.1:{behind}; }}")])
                front.wait_for_port(self.ports["https"])
                self.serve("1230SIP.cfg", "[USER_KEYS]\nPROTOCOL HTTP\nFILENAME root.pem\n"
                                          "[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL HTTPS\n")
                booted = self.boot("http://127.0.0.1", *self.accept, *self.login)
                self.assertEqual(booted.actions(), {"root.pem": "fetched", OWN_FILE: "fetched"})
                wrong = ["--device-id", PHONE_LOGIN[0], "--password-file", self.work.write("wrong", "not-it", 0o600)]
                entry = self.boot("http://127.0.0.1", *wrong, code=1).files[OWN_FILE]
                self.assertEqual((entry["action"], entry["reason"]), ("failed", "the server refused the login"))
                server.stop()  # its log is written late
                self.assertIn("200 user=desk-phone", server.access_log.read_text())


STAGING = """\
# 1220SIP.cfg - staging network
[USER_KEYS]
DOWNLOAD_MODE  AUTO
VERSION        000001
PROTOCOL       HTTP
FILENAME       trust/lab-root.pem

[DEVICE_CONFIG]
DOWNLOAD_MODE  FORCED
VERSION        000007
PROTOCOL       HTTP
FILENAME       common/site-a.cfg

[USER_CONFIG]
DOWNLOAD_MODE  FORCED
VERSION        000001
PROTOCOL       HTTP
"""

PRODUCTION = f"""\
# 1230SIP.cfg - production
[DEVICE_CONFIG]
DOWNLOAD_MODE  AUTO
VERSION        000112
PROTOCOL       HTTPS
SERVER_IP      prov.example.net
SRV_USER_NAME  {PHONE_LOGIN[0]}
SRV_USER_PASS  {PHONE_LOGIN[1]}
FILENAME       common/site-a.cfg

[USER_CONFIG]
DOWNLOAD_MODE  FORCED
VERSION        000001
PROTOCOL       HTTPS
SERVER_IP      prov.example.net
SRV_USER_NAME  {PHONE_LOGIN[0]}
SRV_USER_PASS  {PHONE_LOGIN[1]}

[FW]
DOWNLOAD_MODE  AUTO
VERSION        SIP12x004.04.09.00
PROTOCOL       HTTP
SERVER_IP      192.0.2.20
FILENAME       fw/SIP12x004.04.09.00.bin

[LANGUAGE]
DOWNLOAD_MODE  AUTO
DELETE_FILES   YES
VERSION        000002
PROTOCOL       HTTP
FILENAME       lang/French.lng
FILENAME       lang/German.lng
"""

CERTIFICATES = """\
# 1120eSIP.cfg - certificates
[USER_KEYS]
DOWNLOAD_MODE  AUTO
VERSION        000001
PROTOCOL       TFTP
FILENAME       root-2031.pem.sig

[SEC_POLICY]
DOWNLOAD_MODE  AUTO
VERSION        000003
PROTOCOL       TFTP
FILENAME       policy.txt.sig

[DEV_CERT]
DOWNLOAD_MODE  AUTO
VERSION        000004
PROTOCOL       HTTPS
PROFILE        1
PURPOSE        -1
FILENAME       phone-*.p12

[CTL]
DOWNLOAD_MODE  AUTO
VERSION        000002
PROTOCOL       HTTPS
FILENAME       ctl.pem.sig
"""

CONVERSION = """\
# 1220.cfg (UNIStim load) or 12xxBoot.cfg
[FW]
DOWNLOAD_MODE  FORCED
VERSION        SIP12x004.04.09.00
PROTOCOL       TFTP
FILENAME       SIP12x004.04.09.00.bin
"""


class ReferenceManifests(PhoneTest):
    """The manifests of reference 2.6 as they stand there, in a network where their names and addresses are true."""

    PROVISIONING, FIRMWARE_HOST = "192.0.2.10", "192.0.2.20"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        network = need_network(cls.work)
        cls.phone = network.add("192.0.2.2")
        servers = network.add(cls.PROVISIONING, cls.FIRMWARE_HOST)
        cls.pki = Pki(cls.work.path("pki"))
        cls.root = cls.pki.authority("root")
        cls.certificate = cls.pki.issue("server", cls.root, san=f"DNS:prov.example.net,IP:{cls.PROVISIONING}")
        cls.www = cls.work.folder / "www"
        cls.www.mkdir()
        cls.nginx = start_nginx(cls.work, cls.www, [
            f"listen {cls.PROVISIONING}:80;\nlocation /fw/ {{ return 404; }}",
            f"listen {cls.FIRMWARE_HOST}:80;",
            tls_server(443, *cls.certificate, NEEDS_LOGIN, cls.PROVISIONING)], servers.enter)
        cls.dnsmasq = start_dnsmasq(cls.work, cls.www, servers.enter)
        cls.hosts = cls.work.write("hosts", f"{cls.PROVISIONING} prov.example.net\n")
        for name, content in {"trust/lab-root.pem": cls.root[0].read_bytes(), "common/site-a.cfg": "BANNER site-a\n",
                              OWN_FILE: "VMAIL 101\n", "lang/French.lng": "bonjour", "lang/German.lng": "guten Tag",
                              "fw/SIP12x004.04.09.00.bin": b"firmware" * 5000,
                              "SIP12x004.04.09.00.bin": b"firmware" * 5000}.items():
            cls.work.write(f"www/{name}", content)
        cls.accept = ["--accept-fingerprint", fingerprint(cls.root[0])]

    def command(self, url, *options, **more):
        """In the phone's node, where /etc/hosts is ours."""
        see_hosts = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                     'mount --bind "$0" /etc/hosts && exec "$@"', self.hosts]
        return [*self.phone.command(*see_hosts), *super().command(url, *options, **more)]

    def assert_fetched(self, booted, *names):
        self.assertEqual(booted.actions(), {name: "fetched" for name in names})
        self.assertNotIn("skipped", booted.notes)

    def test_staging(self):
        self.serve("1220SIP.cfg", STAGING)
        for url in (f"http://{self.PROVISIONING}", f"tftp://{self.PROVISIONING}"):
            with self.subTest(url=url):
                self.state = self.work.path("flash")
                booted = self.boot(url, *self.accept, model="1220")
                self.assert_fetched(booted, "trust/lab-root.pem", "common/site-a.cfg", OWN_FILE)
                self.assertEqual(self.show()["settings"]["VMAIL"]["value"], "101")
                again = self.boot(url, model="1220").actions()
                self.assertEqual(again, {"trust/lab-root.pem": "kept", "common/site-a.cfg": "fetched",
                                         OWN_FILE: "fetched"})

    def test_production(self):
        self.serve("1220SIP.cfg", STAGING)
        self.boot(f"http://{self.PROVISIONING}", *self.accept, model="1220")
        self.serve("1230SIP.cfg", PRODUCTION)
        booted = self.boot(f"http://{self.PROVISIONING}")
        self.assert_fetched(booted, "common/site-a.cfg", OWN_FILE, "fw/SIP12x004.04.09.00.bin", "lang/French.lng",
                            "lang/German.lng")
        self.assertEqual(booted.files[OWN_FILE]["url"], f"https://prov.example.net/{OWN_FILE}")
        self.assertEqual(booted.files["fw/SIP12x004.04.09.00.bin"]["url"],
                         f"http://{self.FIRMWARE_HOST}/fw/SIP12x004.04.09.00.bin")
        self.assertEqual(self.show()["versions"]["DEVICE_CONFIG"], "000112")
        again = self.boot(f"http://{self.PROVISIONING}").actions()
        self.assertEqual({name for name, action in again.items() if action == "fetched"}, {OWN_FILE}, "FORCED alone")
        self.assertNotIn(PHONE_LOGIN[1], str(booted.done))

    def test_certificates(self):
        """Signed by a certificate of the first root, as the manuals' recipe does."""
        signer = self.pki.issue("signer", self.root, "signer", san="")
        device = self.pki.issue("device", self.root, "client", san="", key="rsa")
        password = self.work.write("p12-password", "Set-2031!\n", 0o600)
        for name, content in {
                "root-2031.pem.sig": self.pki.sign(self.pki.authority("root-2031")[0].read_bytes(), signer),
                "policy.txt.sig": self.pki.sign("KEY_SIZE 2048\nCERT_ADMIN_UI_ENABLE YES\n", signer),
                "ctl.pem.sig": self.pki.sign(self.pki.trust_list(self.certificate), signer),
                "phone-00247F0102AB.p12": self.pki.pkcs12(device, "Set-2031!")}.items():
            self.serve(name, content)
        url = f"tftp://{self.PROVISIONING}"
        self.serve("1120eSIP.cfg", "[USER_KEYS]\nFILENAME trust/lab-root.pem\n")
        self.boot(url, *self.accept, model="1120e")
        run([PHONE, "profile", "--state", self.state, "--source", "pkcs12", "--active", "yes"], check=True)
        self.serve("1120eSIP.cfg", CERTIFICATES)
        login = ["--device-id", PHONE_LOGIN[0], "--password-file", self.work.write("pw", PHONE_LOGIN[1], 0o600)]
        booted = self.boot(url, *login, "--certificate-password-file", password, model="1120e")
        names = ["root-2031.pem.sig", "policy.txt.sig", "phone-00247F0102AB.p12", "ctl.pem.sig"]
        self.assert_fetched(booted, *names)
        shown = self.show()
        self.assertEqual(len(shown["roots"]), 2)
        self.assertEqual(shown["trust"]["policy"]["KEY_SIZE"], "2048")
        self.assertEqual(len(shown["trust"]["trust_list"]["certificates"]), 1)
        self.assertIn("CN=device", shown["profiles"][0]["certificate"])
        again = self.boot(url, *login, model="1120e")
        self.assertEqual(again.actions(), {name: "kept" for name in names})

    def test_conversion(self):
        for name in ("1220.cfg", "12xxBoot.cfg"):
            self.state = self.work.path("flash")
            self.serve(name, CONVERSION)
            booted = self.boot(f"tftp://{self.PROVISIONING}/{name}", model="1220")
            self.assertEqual(booted.manifest["action"], "fetched")
            self.assertEqual(booted.files["SIP12x004.04.09.00.bin"]["bytes"], 40000)

    def test_dnsmasq(self):
        for size in SIZES:
            with self.subTest(size=size):
                body = random.Random(size).randbytes(size)
                self.serve("image.jpg", body)
                self.serve("1230SIP.cfg", "[IMAGES]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nFILENAME image.jpg\n"
                                          "[TONES]\nVERSION 000001\nFILENAME missing.wav\n")
                booted = self.boot(f"tftp://{self.PROVISIONING}", code=1)
                self.assertEqual(booted.actions(), {"image.jpg": "fetched", "missing.wav": "failed"})
                self.assertEqual(self.held()[("IMAGES", "image.jpg")], hashlib.sha256(body).hexdigest())
                self.assertIn("no such file", booted.files["missing.wav"]["reason"])


GOOD = "[LANGUAGE]\nVERSION 000001\nPROTOCOL HTTP\nFILENAME good.lng\n"
LATER = "[TONES]\nVERSION 000001\nPROTOCOL HTTP\nFILENAME later.wav\n"


class HostileManifests(PhoneTest):
    """Manifests that somebody evil or clumsy wrote, and servers that lie about them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ports = {"http": free_port()}
        cls.www = cls.work.folder / "www"
        cls.www.mkdir()
        cls.nginx = start_nginx(cls.work, cls.www, [f"listen 127.0.0.1:{cls.ports['http']};"])
        cls.nginx.wait_for_port(cls.ports["http"])

    def setUp(self):
        super().setUp()
        self.serve("good.lng", "good")
        self.serve("later.wav", "later")

    def asked(self):
        return len(self.nginx.access_log.read_text(errors="replace").splitlines())

    def read(self, text, *actions, manifest="fetched"):
        """The manifest is read so that just these files are settled so, on a fresh phone; returns the boot."""
        self.state = self.work.path("flash")
        self.serve("1230SIP.cfg", text)
        wanted = dict(actions)
        well = manifest == "fetched" and set(wanted.values()) <= {"fetched", "kept"}
        booted = self.boot("http://127.0.0.1", code=0 if well else 1)
        self.assertEqual(booted.manifest["action"], manifest, booted.manifest)
        self.assertEqual(booted.actions(), wanted, text[:200])
        self.assertEqual({name for _, name in self.held()}, {n for n, action in wanted.items() if action == "fetched"})
        self.assertEqual(self.show()["stage"], "idle")
        return booted

    GOOD_ONE = ("good.lng", "fetched")
    LATER_ONE = ("later.wav", "fetched")

    def test_lines_of_80_and_81_characters(self):
        self.read(GOOD + "#" * 80 + "\n" + LATER, self.GOOD_ONE, self.LATER_ONE)
        booted = self.read(GOOD + "#" * 81 + "\n" + LATER, self.GOOD_ONE)
        self.assertIn("lines 5 to 9 skipped: the line is longer than 80 characters", booted.notes)
        self.read(GOOD + "X" * 60000 + "\n" + LATER, self.GOOD_ONE)

    def test_line_ends(self):
        self.read((GOOD + LATER).replace("\n", "\r\n"), self.GOOD_ONE, self.LATER_ONE)
        self.read((GOOD + LATER).rstrip("\n"), self.GOOD_ONE, self.LATER_ONE)
        self.read(GOOD + "\r\n\n\r\n" + LATER, self.GOOD_ONE, self.LATER_ONE)
        self.read((GOOD + LATER).replace("\n", "\r"), manifest="failed")
        self.read((GOOD + LATER).replace("\n", "\x85"), manifest="failed")

    def test_bytes_that_are_no_text(self):
        self.read(b"\xef\xbb\xbf" + GOOD.encode() + LATER.encode(), self.LATER_ONE)  # the mark spoils a heading
        self.read((GOOD + LATER).encode("utf-16"), manifest="failed")
        for byte in (b"\0", b"\x01", b"\x1b[2J", b"\x7f"):
            with self.subTest(byte=byte):
                spoilt = GOOD.encode().replace(b"VERSION 000001", b"VERSION 000001" + byte)
                # Without the line that is skipped, the section has no version and brings nothing.
                booted = self.read(spoilt + LATER.encode(), ("good.lng", "kept"), self.LATER_ONE)
                self.assertIn("line 2 skipped", booted.notes)
                self.assertNotIn(byte, booted.done.out_bytes.replace(b"\n", b""))
        self.serve("Fran\u00e7ais.lng", "salut")
        shown = "Fran\\xc3\\xa7ais.lng"
        self.read(GOOD.replace("good.lng", "Fran\u00e7ais.lng"), (shown, "fetched"))

    def test_sizes(self):
        limit = 64 * 1024
        filler = "# x\n"
        room = limit - len(GOOD)
        text = GOOD + filler * (room // len(filler)) + "#" * (room % len(filler))
        self.assertEqual(len(text), limit)
        self.read(text, self.GOOD_ONE)
        booted = self.read(text + "#", manifest="refused")
        self.assertIn("larger than 65536 bytes", booted.manifest["reason"])
        self.read("", manifest="failed")

    def test_very_many_sections(self):
        begun = time.monotonic()
        self.read("[LOGIN_BANNER]\nFILENAME b\n" * 700 + GOOD, ("b", "kept"), self.GOOD_ONE)
        self.read("[NONSENSE]\nFILENAME b\n" * 2500 + GOOD, self.GOOD_ONE)
        self.assertLess(time.monotonic() - begun, 60 * PATIENCE)

    def test_very_many_files(self):
        names = "".join(f"FILENAME {i}\n" for i in range(1500))
        self.serve("1230SIP.cfg", GOOD + f"[TONES]\nVERSION 000001\nPROTOCOL HTTP\n{names}")
        asked = self.asked()
        booted = self.boot("http://127.0.0.1", code=1)
        self.assertEqual(booted.files["good.lng"]["action"], "fetched")
        self.assertEqual(len(booted.files), 1501)
        self.assertLess(self.asked() - asked, 10, "a set stores five")

    def test_names_that_lead_astray(self):
        secret = self.work.write("secret", "canary")
        for name in ("../secret", "a/../../secret", "./good.lng", "..", ".", "/../secret", "a/..", "x/./y",
                     "../" * 20 + "secret"):
            with self.subTest(name=name):
                booted = self.read(GOOD.replace("good.lng", name), (name, "refused"))
                self.assertIn("leads out of its folder", booted.files[name]["reason"])
        deep = "d/" * 30 + "good.lng"
        self.serve(deep, "deep")
        self.read(GOOD.replace("good.lng", deep), (deep, "fetched"))
        # Names that only look like a way out are names of files below the server's root, and there are none.
        for name in (str(secret), "//good.lng//", "http://127.0.0.1:1/good.lng", "file:///etc/passwd",
                     "%2e%2e/secret", "..%2fsecret", "..\\secret", "\\\\host\\share", "good.lng?x=1", "good.lng#x",
                     "-o", "|id", "$(id)"):
            with self.subTest(name=name):
                written = name.partition("#")[0]
                wanted = "fetched" if written == "good.lng" else "failed"
                self.read(GOOD.replace("good.lng", name), (written, wanted))
        self.read(GOOD.replace("good.lng", "/good.lng"), ("/good.lng", "fetched"))

    def test_servers_that_are_none(self):
        for host in ("user:password@127.0.0.1", "evil@127.0.0.1", "127.0.0.1/path", "http://127.0.0.1", "a b",
                     "127.0.0.1:1@x", "127.0.0.1?x", "127.0.0.1%00.evil", "$(id)"):
            with self.subTest(host=host):
                booted = self.read(GOOD + f"SERVER_IP {host}\n" + LATER, self.LATER_ONE)
                self.assertIn("skipped", booted.notes)
                self.assertNotIn("password@", booted.notes)

    def test_keywords_again_and_empty(self):
        self.read(GOOD.replace("FILENAME good.lng\n", "") + "FILENAME good.lng\nPROTOCOL TFTP\nPROTOCOL HTTP\n"
                  "DOWNLOAD_MODE\nSERVER_IP\nSRV_USER_NAME\nFILENAME\nPROMPT\nDELETE_FILES\n", self.GOOD_ONE)
        self.read("[LOGIN_BANNER]\nVERSION 000001\nPROTOCOL HTTP\nFILENAME other\nFILENAME good.lng\n", self.GOOD_ONE)
        self.read(GOOD.replace("000001", ""), ("good.lng", "kept"))
        self.read(GOOD + GOOD.replace("000001", "000002"), self.GOOD_ONE)
        self.read("[TONES]\nVERSION 000001\nPROTOCOL\nFILENAME good.lng\n" + LATER, self.LATER_ONE)

    def test_sections_that_are_none(self):
        for heading in ("[NONSENSE]", "[]", "[LANGUAGE", "[[LANGUAGE]]", "[language]", "[LANGUAGE ]x",
                        "[" + "A" * 70 + "]"):
            with self.subTest(heading=heading):
                self.read(LATER + GOOD.replace("[LANGUAGE]", heading), self.LATER_ONE)
        self.read("FILENAME early\n" + GOOD, self.GOOD_ONE)

    def test_a_page_in_place_of_a_manifest(self):
        for page in ("<!DOCTYPE html>\n<html>\n<title>404</title>\n<body>[LANGUAGE] not here</body></html>\n",
                     '{"error": "not found"}', "<?xml version=\"1.0\"?>\n<settings/>\n", "%PDF-1.4\n"):
            booted = self.read(page, manifest="failed")
            self.assertIn("this is no manifest", booted.manifest["reason"])

    # ---- servers that lie

    def against(self, script, *options, code=1):
        server = TcpScript(script)
        self.addCleanup(server.close)
        return self.boot(f"http://127.0.0.1:{server.port}", *(options or IMPATIENT), code=code)

    def assert_no_manifest(self, script, reason, *options):
        self.state = self.work.path("flash")
        booted = self.against(script, *options)
        self.assertRegex(booted.manifest["reason"], reason)
        self.assertIn(booted.manifest["action"], ("failed", "refused"))
        self.assertEqual((booted.sections, self.held(), self.show()["stage"]), ([], {}, "idle"))

    def test_answers_that_are_no_file(self):
        body = GOOD.encode()
        length = f"Content-Length: {len(body)}"
        packed = gzip.compress(body)
        cases = {
            "compressed": (f"HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: {len(packed)}", packed),
            "status 204": ("HTTP/1.1 204 No Content", b""),
            "status 206": (f"HTTP/1.1 206 Partial Content\nContent-Range: bytes 0-9/99\n{length}", body),
            "status 203": (f"HTTP/1.1 203 Non-Authoritative\n{length}", body),
            "no such file": (f"HTTP/1.1 404 Not Found\n{length}", body),
            "status 500": (f"HTTP/1.1 500 Oops\n{length}", body),
            "redirect": (f"HTTP/1.1 301 Moved\nLocation: http://127.0.0.1:{self.ports['http']}/1230SIP.cfg\n"
                         "Content-Length: 0", b""),
            "redirect.*308": (f"HTTP/1.1 308 Moved\nLocation: //127.0.0.1/1230SIP.cfg\n{length}", body),
            "cut": (f"HTTP/1.1 200 OK\nContent-Length: {len(body) + 1}", body),
            "more than its Content-Length": (f"HTTP/1.1 200 OK\nContent-Length: {len(body) - 1}", body),
            "how long": ("HTTP/1.1 200 OK", body),
            "larger than": ("HTTP/1.1 200 OK\nContent-Length: 9999999999", body),
            "login": ("HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Digest realm=x, nonce=y\nContent-Length: 0", b""),
        }
        for reason, (head, content) in cases.items():
            with self.subTest(reason=reason):
                self.assert_no_manifest(http_answer(head, content), reason)

    def test_a_chunked_manifest_is_read(self):
        body = LATER.replace("HTTP", "FTP").encode()

        def chunked(connection):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for byte in body:
                connection.sendall(b"1\r\n%c\r\n" % byte)
            connection.sendall(b"0\r\n\r\n")
        self.ports = {"ftp": free_port()}
        booted = self.against(chunked)
        self.assertEqual((booted.manifest["action"], booted.manifest["bytes"]), ("fetched", len(body)))
        spoilt = http_answer("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"5\r\nhello\r\nZZ\r\n")
        self.assert_no_manifest(spoilt, "cut|fail")

    def test_bodies_and_headers_without_end(self):
        def endless_body(connection):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                connection.sendall(b"1000\r\n" + b"#" * 0x1000 + b"\r\n")

        def endless_headers(connection):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while True:
                connection.sendall(b"X-Filler: " + b"x" * 1000 + b"\r\n")
        self.assert_no_manifest(endless_body, "larger than")
        self.assert_no_manifest(endless_headers, ".")

    def test_a_reset_in_the_middle(self):
        def reset(connection):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[LANGUAGE]\n")
            time.sleep(0.2)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.assert_no_manifest(reset, "cut|reset|fail")

    def test_a_drip_is_bounded(self):
        """A byte now and then is progress, but no file takes longer than its time in all."""
        def drip(connection):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
            while True:
                connection.sendall(b"#")
                time.sleep(0.3)
        begun = time.monotonic()
        self.assert_no_manifest(drip, "did not answer in time", "--patience", "1")
        self.assertLess(time.monotonic() - begun, 60)


if __name__ == "__main__":
    unittest.main()
