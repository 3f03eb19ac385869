"""What a set is told to trust, made by the openssl command and served by nginx: signed roots and policies, trust lists,
revocation lists, PKCS#12 device certificates, the vendor's firmware; and what `boot --explain` tells of them."""

import hashlib
import os
import pty
import subprocess
import time
import unittest

from foreign import (EXTENSIONS, PHONE_LOGIN, Pki, device_p12, needs_certificate, revocation_list, sign_file,
                     start_lighttpd, start_nginx, start_vsftpd, tls_server, trust_list)
from harness import PATIENCE, PHONE, free_port, run
from phone_boot import MAC, OWN_FILE, Booted, PhoneTest, fingerprint

EXTENSIONS["weak-signer"] = "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n"
LOAD, NEWER_LOAD = "SIP12x004.03.00.00", "SIP12x004.04.09.00"


class Trust(PhoneTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pki = Pki(cls.work.path("pki"))
        cls.root = cls.pki.authority("root")
        cls.signer = cls.pki.issue("signer", cls.root, "signer", san="")
        cls.weak_signer = cls.pki.issue("weak", cls.root, "weak-signer", san="")
        cls.second = cls.pki.authority("second")
        cls.stranger = cls.pki.authority("stranger")
        cls.stranger_signer = cls.pki.issue("stranger-signer", cls.stranger, "signer", san="")
        cls.vendor = cls.pki.authority("vendor")
        cls.vendor_signer = cls.pki.issue("vendor-signer", cls.vendor, "signer", san="")
        cls.server = cls.pki.issue("server", cls.root)
        cls.other_server = cls.pki.issue("other", cls.root)
        cls.below = cls.pki.authority("below", cls.root)
        cls.server_below = cls.pki.issue("server-below", cls.below)
        www = cls.work.folder / "www"
        www.mkdir()
        cls.ports = {"http": free_port(), "https": free_port()}
        cls.https = {"other": free_port(), "mutual": free_port(), "chain": free_port()}
        chain = cls.pki.chain("below", cls.server_below[0], cls.below[0])
        start = start_nginx(cls.work, www, [
            f"listen 127.0.0.1:{cls.ports['http']};",
            tls_server(cls.ports["https"], *cls.server),
            tls_server(cls.https["other"], *cls.other_server),
            tls_server(cls.https["mutual"], *cls.server, needs_certificate(cls.root[0])),
            tls_server(cls.https["chain"], chain, cls.server_below[1])])
        start.wait_for_port(cls.ports["https"])

    def sign(self, content, signer=None, *options):
        return sign_file(self.work, content, signer or self.signer, *options)

    def boot_with(self, *sections, options=(), code=0, https=None, files=None):
        """Boots over HTTP with these sections ((name, file, content, more lines) each)."""
        lines = []
        for name, file, content, *more in sections:
            lines.append(f"[{name}]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL HTTP\n" + "".join(more)
                         + (f"FILENAME {file}\n" if file else ""))
            if content is not None:
                self.serve(file.replace("*", MAC.replace(":", "")), content)
        self.serve("1230SIP.cfg", "".join(lines))
        return self.boot("http://127.0.0.1", *options, code=code)

    def install_root(self):
        booted = self.boot_with(("USER_KEYS", "root.pem", self.root[0].read_bytes()),
                                options=("--accept-fingerprint", fingerprint(self.root[0])))
        self.assertEqual(booted.actions(), {"root.pem": "fetched"})

    def boot_https(self, port=None, *options, code=0):
        """Only the phone's own file, over HTTPS."""
        self.serve("1230SIP.cfg", "[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL HTTPS\n")
        self.serve(OWN_FILE, "VMAIL 100\n")
        ports = {**self.ports, **({"https": port} if port else {})}
        command = self.command("http://127.0.0.1", "--json", *options)
        command[command.index("--ports") + 1] = ",".join(f"{p}={n}" for p, n in ports.items())
        done = run(command, timeout=120)
        self.assertEqual(done.code, code, done)
        return Booted(done).files[OWN_FILE]

    def test_later_roots_and_policy_are_signed(self):
        self.install_root()
        second = self.second[0].read_bytes()
        for name, content, said in (
                ("plain.pem", second, "only if it is signed"),
                ("stranger.sig", self.sign(second, self.stranger_signer), "the signer: unknown issuer"),
                ("weak.sig", self.sign(second, self.weak_signer), "wrong purpose"),
                ("self.sig", self.sign(second, self.second), "the signer"),
                ("changed.sig", self.sign(second).replace(b"-----BEGIN PKCS7", b"\n-----BEGIN PKCS7"), "signature"),
                ("sha1.sig", self.sign(second, None, "-md", "sha1"), "weak signature")):
            booted = self.boot_with(("USER_KEYS", name, content), code=1,
                                    options=("--accept-fingerprint", hashlib.sha1(content).hexdigest()))
            self.assertEqual(booted.files[name]["action"], "refused", name)
            self.assertIn(said, booted.files[name]["reason"], name)
        self.assertEqual(len(self.show()["roots"]), 1)
        booted = self.boot_with(("USER_KEYS", "second.sig", self.sign(second)),
                                ("SEC_POLICY", "policy.sig", self.sign("KEY_SIZE 2048\nSECURITY_LOG_UI_ENABLE YES\n")))
        self.assertEqual(booted.actions(), {"second.sig": "fetched", "policy.sig": "fetched"})
        self.assertIn("leads to", booted.files["second.sig"]["reason"])
        self.assertEqual(self.show()["trust"]["policy"]["KEY_SIZE"], "2048")
        # The manual's recipe of 2007 made SHA-1 signatures: a switch.
        old = self.sign(self.stranger[0].read_bytes(), None, "-md", "sha1")
        booted = self.boot_with(("USER_KEYS", "old.sig", old), options=("--switch", "file-signatures=legacy"))
        self.assertEqual(booted.actions(), {"old.sig": "fetched"})

    def test_an_unsigned_policy_and_a_root_without_check_are_told(self):
        policy = "CUST_CERT_ACCEPT VAL_NO_CHECK\n"
        booted = self.boot_with(("SEC_POLICY", "policy.txt", policy), code=1)
        self.assertIn("nobody was there", booted.files["policy.txt"]["reason"])
        booted = self.boot_with(("SEC_POLICY", "policy.txt", policy), options=(
            "--accept-fingerprint", hashlib.sha1(policy.encode()).hexdigest()))
        self.assertEqual(booted.actions(), {"policy.txt": "fetched"})
        self.install_root()
        booted = self.boot_with(("USER_KEYS", "second.pem", self.second[0].read_bytes()))
        self.assertEqual(booted.actions(), {"second.pem": "fetched"})
        self.assertIn("VAL_NO_CHECK", booted.notes)
        self.assertTrue([e for e in self.show()["events"] if e.startswith("0x2021 [Minor]")])

    def test_signed_configuration(self):
        self.install_root()
        self.boot_with(("SEC_POLICY", "policy.sig", self.sign("SECURITY_POLICY_PARAM_CHANGE YES\n")))
        manifest = "[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL HTTP\nFILENAME site.cfg\n"
        self.serve("1230SIP.cfg", manifest)
        booted = self.boot("http://127.0.0.1", code=1)
        self.assertEqual(booted.manifest["action"], "refused")
        self.serve("1230SIP.cfg", self.sign(manifest))
        self.serve("site.cfg", "BANNER unsigned\n")
        booted = self.boot("http://127.0.0.1", code=1)
        self.assertEqual(booted.actions(), {"site.cfg": "refused"})
        self.serve("site.cfg", self.sign("BANNER signed\n"))
        booted = self.boot("http://127.0.0.1")
        self.assertEqual(booted.actions(), {"site.cfg": "fetched"})
        self.assertEqual(set(self.show()["settings"]), {"BANNER"})

    def trust_list(self, *certificates, **dates):
        return self.sign(trust_list(*certificates, **dates))

    def test_a_trust_list_is_exclusive(self):
        self.install_root()
        self.assertEqual(self.boot_https()["action"], "fetched")
        unsigned = self.trust_list(self.server[0]).split(b"-----BEGIN PKCS7")[0]
        for name, content, said in (("unsigned", unsigned, "must be signed"),
                                    ("ended", self.trust_list(self.server[0], ends="01/01/2021 00:00:00"), "ended on"),
                                    ("many", self.trust_list(*[self.server[0]] * 11), "10")):
            booted = self.boot_with(("CTL", name, content), code=1)
            self.assertEqual(booted.files[name]["action"], "refused", name)
            self.assertIn(said, booted.files[name]["reason"], name)
        booted = self.boot_with(("CTL", "ctl.sig", self.trust_list(self.server[0])))
        self.assertEqual(booted.actions(), {"ctl.sig": "fetched"})
        self.assertEqual(self.boot_https()["action"], "fetched")
        refused = self.boot_https(self.https["other"], code=1)
        self.assertEqual(refused["action"], "refused")
        self.assertIn("trust list", refused["reason"])
        self.assertEqual(len(self.show()["trust"]["trust_list"]["certificates"]), 1)

    def test_revocation(self):
        self.install_root()
        self.assertEqual(self.boot_https(self.https["other"])["action"], "fetched")
        revoked = revocation_list(self.work, self.root, self.other_server[0])
        der = run(["openssl", "crl", "-outform", "DER"], input=revoked, check=True).out_bytes
        booted = self.boot_with(("CRL", "list.crl", der))
        self.assertEqual(booted.actions(), {"list.crl": "fetched"})
        refused = self.boot_https(self.https["other"], code=1)
        self.assertIn("revoked", refused["reason"])
        self.assertEqual(self.boot_https()["action"], "fetched")
        # Another issuer's list, under the same name, takes this one's place no more than an older one does.
        self.boot_with(("USER_KEYS", "second.sig", self.sign(self.second[0].read_bytes())))
        booted = self.boot_with(("CRL", "list.crl", revocation_list(self.work, self.second, self.server[0])))
        self.assertEqual(booted.actions(), {"list.crl": "fetched"})
        self.assertEqual(len(self.show()["trust"]["revocation_lists"]), 2)
        self.assertIn("revoked", self.boot_https(self.https["other"], code=1)["reason"])
        # In a root file too, and a signer that is revoked signs nothing more.
        revoked = revocation_list(self.work, self.root, self.signer[0])
        booted = self.boot_with(("USER_KEYS", "root.pem", self.root[0].read_bytes() + b"\n" + revoked))
        self.assertEqual(booted.actions(), {"root.pem": "fetched"})
        booted = self.boot_with(("USER_KEYS", "more.sig", self.sign(self.stranger[0].read_bytes())), code=1)
        self.assertIn("revoked", booted.files["more.sig"]["reason"])
        self.assertEqual(sum(len(root["certificates"]) for root in self.show()["roots"]), 2)

    def test_a_foreign_revocation_list_is_refused(self):
        self.install_root()
        foreign = revocation_list(self.work, self.stranger, self.server[0])
        booted = self.boot_with(("CRL", "list.crl", foreign), code=1)
        self.assertIn("no installed root signed", booted.files["list.crl"]["reason"])

    def p12(self, password, *options):
        return device_p12(self.work, self.root, password, *options)[1]

    def test_revocation_lists_are_bounded_and_never_older(self):
        self.install_root()
        made = {"old": "260101000000Z", "new": "260601000000Z"}
        for name, entries, when, action in (("hundred.crl", 100, "new", "fetched"), ("more.crl", 101, "new", "refused"),
                                            ("old.crl", 5, "old", "refused")):
            content = revocation_list(self.work, self.root, entries=entries, made=made[when])
            booted = self.boot_with(("CRL", name, content), code=0 if action == "fetched" else 1)
            self.assertEqual(booted.actions(), {name: action}, booted.files)
        self.assertIn("older than the installed one", booted.files["old.crl"]["reason"])
        self.assertEqual(self.show()["trust"]["revocation_lists"][0]["entries"], 100)

    def test_a_revoked_device_certificate_is_not_installed(self):
        self.install_root()
        run([PHONE, "profile", "--state", self.state, "--source", "pkcs12", "--active", "yes"], check=True)
        certificate, p12 = device_p12(self.work, self.root, "Set-2031!")
        self.boot_with(("CRL", "list.crl", revocation_list(self.work, self.root, certificate)))
        password = self.work.write("password", "Set-2031!\n")
        booted = self.boot_with(("DEV_CERT", "*.p12", p12), options=("--certificate-password-file", password), code=1)
        self.assertIn("revoked", booted.files["00247F0102AB.p12"]["reason"])

    def test_nobody_at_the_prompt_for_thirty_seconds_is_a_no(self):
        self.serve("1230SIP.cfg", "[USER_KEYS]\nPROTOCOL HTTP\nFILENAME root.pem\n")
        self.serve("root.pem", self.root[0].read_bytes())
        master, terminal = pty.openpty()
        begun = time.monotonic()
        ended = subprocess.run([str(word) for word in self.command("http://127.0.0.1")], stdin=terminal,
                               capture_output=True, timeout=120)
        os.close(master)
        os.close(terminal)
        self.assertEqual(ended.returncode, 1)
        self.assertIn(b"no answer within 30 seconds", ended.stdout)
        self.assertAlmostEqual(time.monotonic() - begun, 30, delta=10 * PATIENCE)

    def test_the_way_of_a_login_and_of_ftp_are_switches(self):
        self.serve("1230SIP.cfg", "[TONES]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL HTTP\nSERVER_IP localhost\n"
                                  f"SRV_USER_NAME {PHONE_LOGIN[0]}\nSRV_USER_PASS {PHONE_LOGIN[1]}\nFILENAME t.wav\n")
        self.serve("t.wav", b"tone")
        server, port = start_lighttpd(self.work, self.work.folder / "www", "digest")
        url = f"http://127.0.0.1:{self.ports['http']}"
        before = self.ports["http"]
        try:
            type(self).ports["http"] = port
            for value, action in (("basic", "failed"), ("digest", "fetched"), ("asked", "fetched")):
                booted = self.boot(url, "--switch", f"http-login={value}", code=0 if action == "fetched" else 1)
                self.assertEqual(booted.actions(), {"t.wav": action}, value)
        finally:
            type(self).ports["http"] = before
            server.stop()
        self.serve("1230SIP.cfg", "[TONES]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL FTP\nFILENAME t.wav\n")
        server, type(self).ports["ftp"] = start_vsftpd(self.work, self.work.folder / "www")
        for value in ("passive", "active"):
            self.assertEqual(self.boot("http://127.0.0.1", "--switch", f"ftp-mode={value}").actions(),
                             {"t.wav": "fetched"}, value)
        talk = server.transfer_log.read_text()
        self.assertIn("EPSV", talk)
        self.assertIn("EPRT", talk)
        server.stop()
        del type(self).ports["ftp"]

    def test_a_device_certificate_comes_by_pkcs12(self):
        self.install_root()
        password = self.work.write("password", "Set-2031!\n")
        section = ("DEV_CERT", "phone-*.p12", self.p12("Set-2031!", "-legacy"))
        name = "phone-00247F0102AB.p12"
        booted = self.boot_with(section)
        self.assertIn("SCEP", booted.files[name]["reason"])
        run([PHONE, "profile", "--state", self.state, "--source", "pkcs12", "--active", "yes"], check=True)
        self.assertEqual(self.boot_https(self.https["mutual"], code=1)["action"], "failed")
        booted = self.boot_with(section, code=1)
        self.assertIn("nobody was there", booted.files[name]["reason"])
        wrong = self.work.write("wrong", "other\n")
        booted = self.boot_with(section, options=("--certificate-password-file", wrong), code=1)
        self.assertIn("password", booted.files[name]["reason"])
        for options in (("-legacy",), (), ("-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1")):
            booted = self.boot_with(("DEV_CERT", "phone-*.p12", self.p12("Set-2031!", *options)),
                                    options=("--certificate-password-file", password))
            self.assertEqual(booted.actions(), {name: "fetched"}, options)
            self.assertEqual(self.boot_https(self.https["mutual"])["action"], "fetched")
        self.assertIn("00247F0102AB", self.show()["profiles"][0]["certificate"])
        self.assertNotIn("Set-2031!", self.stored_text())
        run([PHONE, "profile", "--state", self.state, "--delete"], check=True)
        self.assertNotIn("PRIVATE KEY", self.stored_text())
        self.assertEqual(self.boot_https(self.https["mutual"], code=1)["action"], "failed")

    def image(self, load, signer=None):
        return self.sign(f"RINGFENCE TEST IMAGE 1 {load}\n".encode() + bytes(range(256)) * 40,
                         signer or self.vendor_signer)

    def test_the_vendors_firmware_restarts_the_set_once(self):
        vendor = ("--vendor-roots", self.vendor[0])

        def boot_firmware(content, load, code=0):
            self.serve("1230SIP.cfg", f"[FW]\nDOWNLOAD_MODE FORCED\nVERSION {load}\nPROTOCOL HTTP\nFILENAME fw.bin\n")
            self.serve("fw.bin", content)
            done = run(self.command("http://127.0.0.1", "--json", *vendor), timeout=120)
            self.assertEqual(done.code, code, done)
            return done.json_lines()

        boots = boot_firmware(self.image(LOAD), LOAD)
        self.assertEqual([boot["sections"][0]["action"] for boot in boots], ["fetched", "kept"])
        self.assertIn(LOAD, boots[0]["restart"])
        boots = boot_firmware(self.image(LOAD), LOAD)  # signed anew: other bytes
        self.assertEqual(len(boots), 2)
        held = self.held()
        for content, said in ((self.image(NEWER_LOAD, self.signer), "authentication failed"),
                              (self.image(NEWER_LOAD).replace(b"IMAGE 1", b"IMAGE 2"), "authentication failed"),
                              (self.image(LOAD), "the manifest announces"), (b"junk", "authentication failed")):
            boots = boot_firmware(content, NEWER_LOAD, code=1)
            self.assertEqual(len(boots), 1)
            self.assertIn(said, boots[0]["sections"][0]["reason"])
        self.assertEqual(self.held(), held)

    def test_the_sets_stricter_chain_rule_is_a_switch(self):
        self.install_root()
        self.assertEqual(self.boot_https(self.https["chain"])["action"], "fetched")
        refused = self.boot_https(self.https["chain"], "--switch", "server-chain=every-ca-installed", code=1)
        self.assertEqual(refused["action"], "refused")
        self.boot_with(("USER_KEYS", "below.sig", self.sign(self.below[0].read_bytes())))
        fetched = self.boot_https(self.https["chain"], "--switch", "server-chain=every-ca-installed")
        self.assertEqual(fetched["action"], "fetched")

    def test_consent_is_answered_beforehand(self):
        section = ("TONES", "t.wav", b"tone", "PROMPT YES\n")
        self.assertEqual(self.boot_with(section, code=1).actions(), {"t.wav": "refused"})
        self.assertEqual(self.boot_with(section, options=("--consent", "no"), code=1).actions(), {"t.wav": "refused"})
        self.assertEqual(self.boot_with(section, options=("--consent", "yes")).actions(), {"t.wav": "fetched"})

    def test_the_reset_of_the_keypad(self):
        self.install_root()
        reset = [PHONE, "reset", "--state", self.state, "--mac", MAC, "--typed"]
        for keys in ("**73639002476010222##", "**7363900247F0102AB##", "73639002473010222", ""):
            self.assertNotEqual(run([*reset, keys] if keys else [*reset[:-1], "--typed", "#"]).code, 0, keys)
        self.assertEqual(len(self.show()["roots"]), 1)
        run([*reset, "**73639002473010222##"], check=True)
        self.assertEqual(self.show()["roots"], [])

    def test_explain_tells_how_a_set_comes_to_it(self):
        self.install_root()
        self.serve("1230SIP.cfg",
                   "[TONES]\nVERSION 000007\nPROTOCOL HTTP\nFILENAME t.wav\n"
                   "[DEVICE_CONFIG]\nFILENAME site.cfg\nVERSION 000001\nCOLOUR green\n"
                   "[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\n")
        self.serve("t.wav", b"tone")
        self.serve(OWN_FILE, "VMAIL 100\n")
        done = run(self.command("http://127.0.0.1", "--explain", "--patience", "1"), timeout=120)
        for told in ("[TONES]", "line 1 of the manifest", "DOWNLOAD_MODE is not stated, so AUTO holds",
                     "version 000007 is offered and none is stored",
                     "PROTOCOL is not stated, so TFTP holds", "SERVER_IP is not stated",
                     "the server's certificate leads to CN=root,O=Foreign", "line 8", "begin with a keyword",
                     "FILENAME is not stated, so SIP<MAC>.cfg is meant"):
            self.assertIn(told, done.out)
        done = run([PHONE, "switches"], check=True)
        self.assertIn("server-chain=rfc5280 | every-ca-installed", done.out)
        done = run(self.command("http://127.0.0.1", "--switch", "server-chain=no"))
        self.assertEqual(done.code, 2)


if __name__ == "__main__":
    unittest.main()
