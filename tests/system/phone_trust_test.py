"""What a set is told to trust, made by the openssl command and served by nginx: signed roots and policies, trust lists,
revocation lists, PKCS#12 device certificates, the vendor's firmware; and what `boot --explain` tells of them."""

import hashlib
import unittest

from foreign import EXTENSIONS, Pki, needs_certificate, start_nginx, tls_server
from harness import PHONE, free_port, run
from phone_boot import MAC, OWN_FILE, Booted, PhoneTest, fingerprint

EXTENSIONS["signer"] = ("basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                        "extendedKeyUsage=codeSigning,emailProtection\n")
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
        """The manual's recipe: the file, directly followed by a detached signature."""
        certificate, key = signer or self.signer
        plain = self.work.write("plain", content)
        done = run(["openssl", "smime", "-sign", "-binary", "-outform", "PEM", "-in", plain, "-signer", certificate,
                    "-inkey", key, *options], check=True)
        return plain.read_bytes() + done.out_bytes

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

    def trust_list(self, *certificates, begins="01/01/2020 00:00:00", ends="01/01/2040 00:00:00"):
        text = f"NOT_VALID_BEFORE: {begins}\nNOT_VALID_AFTER: {ends}\n".encode()
        return self.sign(text + b"".join(certificate.read_bytes() for certificate in certificates))

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

    def revoke(self, certificate, name, authority=None):
        """A revocation list of the root, or another authority, that names this certificate."""
        authority_certificate, authority_key = authority or self.root
        work = self.work.path(f"crl-{name}")
        work.mkdir()
        (work / "index").touch()
        (work / "number").write_text("01\n")
        (work / "conf").write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={work}/index\ndefault_md=sha256\n"
                                   f"crlnumber={work}/number\ndefault_crl_days=30\n")
        signer = ["-cert", authority_certificate, "-keyfile", authority_key, "-config", work / "conf"]
        run(["openssl", "ca", *signer, "-revoke", certificate], check=True)
        run(["openssl", "ca", *signer, "-gencrl", "-out", work / "crl.pem"], check=True)
        return (work / "crl.pem").read_bytes()

    def test_revocation(self):
        self.install_root()
        self.assertEqual(self.boot_https(self.https["other"])["action"], "fetched")
        revoked = self.revoke(self.other_server[0], "other")
        der = run(["openssl", "crl", "-outform", "DER"], input=revoked, check=True).out_bytes
        booted = self.boot_with(("CRL", "list.crl", der))
        self.assertEqual(booted.actions(), {"list.crl": "fetched"})
        refused = self.boot_https(self.https["other"], code=1)
        self.assertIn("revoked", refused["reason"])
        self.assertEqual(self.boot_https()["action"], "fetched")
        # Another issuer's list, under the same name, takes this one's place no more than an older one does.
        self.boot_with(("USER_KEYS", "second.sig", self.sign(self.second[0].read_bytes())))
        booted = self.boot_with(("CRL", "list.crl", self.revoke(self.server[0], "second", self.second)))
        self.assertEqual(booted.actions(), {"list.crl": "fetched"})
        self.assertEqual(len(self.show()["trust"]["revocation_lists"]), 2)
        self.assertIn("revoked", self.boot_https(self.https["other"], code=1)["reason"])
        # In a root file too, and a signer that is revoked signs nothing more.
        revoked = self.revoke(self.signer[0], "signer")
        booted = self.boot_with(("USER_KEYS", "root.pem", self.root[0].read_bytes() + b"\n" + revoked))
        self.assertEqual(booted.actions(), {"root.pem": "fetched"})
        booted = self.boot_with(("USER_KEYS", "more.sig", self.sign(self.stranger[0].read_bytes())), code=1)
        self.assertIn("revoked", booted.files["more.sig"]["reason"])
        self.assertEqual(sum(len(root["certificates"]) for root in self.show()["roots"]), 2)

    def test_a_foreign_revocation_list_is_refused(self):
        self.install_root()
        foreign = self.revoke(self.server[0], "foreign", self.stranger)
        booted = self.boot_with(("CRL", "list.crl", foreign), code=1)
        self.assertIn("no installed root signed", booted.files["list.crl"]["reason"])

    def p12(self, password, *options):
        key = self.work.path("device.key")
        run(["openssl", "genrsa", "-out", key, "2048"], check=True)
        request, cert = self.work.path("device.csr"), self.work.path("device.pem")
        run(["openssl", "req", "-new", "-key", key, "-subj", "/CN=00247F0102AB", "-out", request], check=True)
        extensions = self.work.write("ext", EXTENSIONS["client"] + "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        run(["openssl", "x509", "-req", "-in", request, "-CA", self.root[0], "-CAkey", self.root[1], "-days", "20",
             "-CAcreateserial", "-extfile", extensions, "-out", cert], check=True)
        done = run(["openssl", "pkcs12", "-export", "-in", cert, "-inkey", key, "-passout", f"pass:{password}", *options],
                   check=True)
        return done.out_bytes

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
