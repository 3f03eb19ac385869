"""Files that `file sign` and `ctl build` make: OpenSSL verifies them, tftpd-hpa hands them out, and our phone takes them;
and what is unsigned, changed, or signed for something else is refused."""

import re
import unittest

from foreign import Pki, start_tftpd
from harness import Installation, run
from phone_boot import MAC, OWN_FILE, PhoneTest, fingerprint

OTHER_MAC = "00:24:7F:01:02:AC"
POLICY = "# of this company\nSECURITY_LOG_UI_ENABLE YES\nKEY_SIZE 2048\n"
HEADING = b"-----BEGIN PKCS7-----\n"


class FileSign(PhoneTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ours = Installation(cls.work)
        pki = Pki(cls.work.path("pki"))
        cls.second = pki.authority("second")
        cls.other = pki.authority("other")
        cls.leaf = pki.issue("leaf", cls.second)
        cls.lasting = pki.issue("lasting", cls.second, ends=60)
        cls.www = cls.work.folder / "www"
        cls.www.mkdir()
        cls.tftpd, port = start_tftpd(cls.work, cls.www)
        cls.ports = {"tftp": port}

    def sign(self, content, kind, *options, name="file", code=0):
        """The signed bytes; with another code than 0 what was said against it."""
        plain = self.work.path("plain")
        plain.mkdir()
        (plain / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        out = self.work.path("signed")
        done = self.ours("file", "sign", plain / name, "--out", out, "--kind", kind, *options, code=code)
        self.assertEqual(out.exists(), code == 0)
        return out.read_bytes() if code == 0 else done.err

    def boot_with(self, section, name, content, code=0, options=()):
        lines = f"[{section}]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL TFTP\n"
        self.serve("1230SIP.cfg", lines + (f"FILENAME {name}\n" if section != "USER_CONFIG" else ""))
        self.serve(name, content)
        return self.boot("tftp://127.0.0.1", *options, code=code).files[name]

    def expect_taken(self, section, name, content, *options):
        entry = self.boot_with(section, name, content, options=options)
        self.assertEqual(entry["action"], "fetched", entry)
        return entry

    def expect_refused(self, section, name, content, said):
        entry = self.boot_with(section, name, content, code=1)
        self.assertEqual(entry["action"], "refused", entry)
        self.assertIn(said, entry["reason"])

    def install_root(self):
        self.expect_taken("USER_KEYS", "root.pem", self.ours.root.read_bytes(),
                          "--accept-fingerprint", fingerprint(self.ours.root))

    def split(self, signed):
        at = signed.index(HEADING)
        return signed[:at], signed[at:]

    def test_openssl_verifies_what_we_sign(self):
        signed = self.sign(POLICY, "policy")
        content, signature = self.split(signed)
        self.assertEqual(content, POLICY.encode())
        self.assertTrue(signature.endswith(b"-----END PKCS7-----\n"))
        plain, detached = self.work.write("content", content), self.work.write("detached", signature)
        changed = self.work.write("changed", content + b"\n")
        for tool in ("smime", "cms"):
            verify = ["openssl", tool, "-verify", "-binary", "-inform", "PEM", "-in", detached, "-CAfile",
                      self.ours.root, "-purpose", "any", "-content"]
            self.assertEqual(run([*verify, plain], check=True).out_bytes, content)
            self.assertNotEqual(run([*verify, changed]).code, 0)
        shown = run(["openssl", "cms", "-cmsout", "-print", "-noout", "-inform", "PEM", "-in", detached], check=True).out
        self.assertIn("Ringfence-Signed: kind=policy", shown)
        # What the manual asks of a signer (the reference's section on signed files).
        signer = self.work.path("signer.pem")
        run(["openssl", "smime", "-verify", "-binary", "-inform", "PEM", "-in", detached, "-CAfile", self.ours.root,
             "-content", plain, "-signer", signer], check=True)
        text = run(["openssl", "x509", "-in", signer, "-noout", "-text"], check=True).out
        for said in ("Version: 3 (0x2)", "Public-Key: (2048 bit)", "rsaEncryption", "X509v3 Subject Key Identifier",
                     "X509v3 Authority Key Identifier"):
            self.assertIn(said, text)
        self.assertRegex(text, r"X509v3 Key Usage: critical\s+Digital Signature\n")
        self.assertRegex(text, r"X509v3 Extended Key Usage:\s+(critical\s+)?Code Signing, E-mail Protection\n")
        self.assertNotEqual(re.search("Issuer: (.*)", text)[1], re.search("Subject: (.*)", text)[1])

    def test_the_phone_takes_what_we_sign(self):
        self.install_root()
        second = self.second[0].read_bytes()
        entry = self.expect_taken("USER_KEYS", "second.sig", self.sign(second, "root"))
        self.assertIn("Ringfence File Signer", entry["reason"])
        self.expect_taken("SEC_POLICY", "policy.sig", self.sign(POLICY, "policy"))
        self.assertEqual(self.show()["trust"]["policy"]["KEY_SIZE"], "2048")
        out = self.work.path("ctl")
        self.ours("ctl", "build", "--from", self.leaf[0], "--out", out, "--sign")
        self.expect_taken("CTL", "ctl.sig", out.read_bytes())
        self.assertEqual(len(self.show()["trust"]["trust_list"]["certificates"]), 1)
        self.expect_taken("DEVICE_CONFIG", "site.cfg", self.sign("BANNER signed\n", "settings"))
        self.expect_taken("USER_CONFIG", OWN_FILE, self.sign("VMAIL 100\n", "settings", name=OWN_FILE))
        self.assertEqual(set(self.show()["settings"]), {"BANNER", "VMAIL"})

    def test_a_signed_manifest_is_taken_where_the_policy_wants_it(self):
        self.install_root()
        wants = "SECURITY_POLICY_PARAM_CHANGE YES\n"
        self.expect_taken("SEC_POLICY", "policy.sig", self.sign(wants, "policy"))
        manifest = "[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 000002\nPROTOCOL TFTP\nFILENAME site.cfg\n"
        self.serve("site.cfg", self.sign("BANNER signed\n", "settings"))
        self.serve("1230SIP.cfg", manifest)
        self.assertEqual(self.boot("tftp://127.0.0.1", code=1).manifest["action"], "refused")
        self.serve("1230SIP.cfg", self.sign(manifest, "manifest"))
        self.assertEqual(self.boot("tftp://127.0.0.1").actions(), {"site.cfg": "fetched"})

    def test_what_is_unsigned_changed_or_for_somebody_else_is_refused(self):
        self.install_root()
        second, policy = self.second[0].read_bytes(), self.sign(POLICY, "policy")
        self.expect_refused("USER_KEYS", "plain.pem", second, "only if it is signed")
        self.expect_refused("SEC_POLICY", "plain.txt", POLICY, "only if it is signed")
        self.expect_refused("SEC_POLICY", "changed.sig", policy.replace(b"2048", b"1024"), "does not belong")
        self.expect_refused("SEC_POLICY", "parted.sig", policy.replace(HEADING, b"\n" + HEADING), "does not belong")
        for_other = self.sign(POLICY, "policy", "--device", OTHER_MAC)
        self.expect_refused("SEC_POLICY", "other.sig", for_other, "signed for another phone")
        self.expect_taken("SEC_POLICY", "own.sig", self.sign(POLICY, "policy", "--device", MAC))
        # Another phone's own settings, under this one's name: they were signed for their phone without being asked to.
        stolen = self.sign("VMAIL 666\n", "settings", name="SIP00247F0102AC.cfg")
        self.expect_refused("USER_CONFIG", OWN_FILE, stolen, "signed for another phone: 00:24:7f:01:02:ac")
        as_settings = self.sign("KEY_SIZE 1024\n", "settings")
        self.expect_refused("SEC_POLICY", "settings.sig", as_settings, "another kind (settings)")
        self.expect_refused("DEVICE_CONFIG", "policy.cfg", policy, "another kind (policy)")
        self.assertEqual(self.show()["settings"], {})

    def test_what_a_set_would_misread_is_not_signed(self):
        second, other = self.second[0].read_bytes(), self.other[0].read_bytes()
        many = b"\n".join([second] * 65)
        for kind, content, said in (
                ("policy", "KEY_SIZE 2048", "no line end"),
                ("policy", "KEY_SIZE 512\n", "line 1: no phone knows this value"),
                ("policy", "VMAIL 100\n", "line 1"),
                ("settings", "VMAIL " + "1" * 80 + "\n", "line 1"),
                ("settings", "VMAIL 1\nVMAIL 2\n", "line 1"),
                ("manifest", "[DEVICE_CONFIG]\nFILENAME site.cfg\nVERSION 000001\nCOLOUR green\n", "line 4"),
                ("root", b"notes\n" + second, "line 1: a root file holds PEM blocks"),
                ("root", second + other, "one blank line between two"),
                ("root", second + b"\n\n" + other, "one blank line between two"),
                ("root", second + b"\n", "without a blank line behind it"),
                ("root", self.leaf[0].read_bytes(), "not a certificate authority's"),
                ("root", second + b"\n" + self.second[1].read_bytes(), "PRIVATE KEY"),
                ("root", many, "more than 64"),
                ("ctl", second, "does not say from when to when")):
            with self.subTest(kind=kind, said=said):
                self.assertIn(said, self.sign(content, kind, code=1))
        self.assertIn("for 00:24:7f:01:02:ab", self.sign("VMAIL 1\n", "settings", "--device", OTHER_MAC, name=OWN_FILE,
                                                         code=2))

    def test_a_signature_is_taken_off_only_when_told(self):
        signed = self.sign(POLICY, "policy")
        self.assertIn("--again", self.sign(signed, "policy", code=1))
        again = self.sign(signed, "policy", "--again", "--device", MAC)
        self.assertEqual(again.count(HEADING), 1)
        self.assertEqual(self.split(again)[0], POLICY.encode())
        self.install_root()
        self.expect_taken("SEC_POLICY", "again.sig", again)
        signings = [e for e in self.ours.events() if e["outcome"] == "file-signed"]
        self.assertIn("kind=policy device=00247F0102AB", signings[-1]["detail"])

    def test_a_trust_list_keeps_its_limits(self):
        out = self.work.path("ctl")
        build = lambda *options, **more: self.ours.json("ctl", "build", "--out", out, *options, **more)
        own = build()
        self.assertEqual(len(own["certificates"]), 3)
        self.assertTrue(out.read_text().startswith("NOT_VALID_BEFORE: 01/01/2000 00:00:00\nNOT_VALID_AFTER: "))
        self.assertEqual(own["not_after"], min(c["not_after"] for c in own["certificates"]))
        self.assertEqual(own["warnings"], [])
        beside = build("--own", "--from", self.lasting[0])
        self.assertEqual((len(beside["certificates"]), beside["warnings"]), (4, []))
        pki = Pki(self.work.path("many"))
        root = pki.authority("root")
        leaves = [pki.issue(f"leaf-{n}", root, ends=20 + n)[0] for n in range(11)]
        options = lambda chosen: [word for leaf in chosen for word in ("--from", leaf)]
        ten = build(*options(leaves[:10]), *options(leaves[:1]), "--sign", "--days", "30")
        self.assertEqual(len(ten["certificates"]), 10)
        self.assertEqual(len([w for w in ten["warnings"] if " ends on " in w]), 10)
        self.assertIn("--own adds them", ten["warnings"][-1])
        self.assertLess(ten["bytes"], 20000)
        self.install_root()
        self.expect_taken("CTL", "ctl.sig", out.read_bytes())
        for chosen, said in ((options(leaves), "11 certificates, and a trust list holds 10 at most"),
                             (options([root[0]]), "holds authorities only"),
                             (options([pki.issue("ended", root, begins=-9, ends=-1)[0]]), "ended on")):
            with self.subTest(said=said):
                self.assertIn(said, self.ours("ctl", "build", "--out", self.work.path("none"), *chosen, code=1).err)
        long_names = [pki.issue(f"big-{n}", root, san=",".join(f"DNS:{'x' * 60}{i}.example" for i in range(15)))[0]
                      for n in range(8)]
        build(*options(long_names))
        refused = self.ours("ctl", "build", "--out", self.work.path("big"), "--sign", *options(long_names), code=1)
        self.assertIn("with its signature it has", refused.err)

    def test_our_server_signs_what_it_is_given(self):
        ours = Installation(self.work, name="served", host="localhost")
        user, password = ours.add_device(MAC)
        login = ("--device-id", user, "--password-file", self.work.write("login", password, 0o600))
        ctl = self.work.path("ctl")
        ours("ctl", "build", "--out", ctl)
        unsigned = ours.put("sec/policy.txt", POLICY, "--section", "SEC_POLICY", "--json").json()
        self.assertIn("only if it is signed: --sign", " ".join(unsigned["remarks"]))
        ours.put("sec/policy.txt", POLICY, "--section", "SEC_POLICY", "--sign")
        ours.put("sec/ctl.pem", ctl.read_bytes(), "--section", "CTL", "--sign")
        ours.put(OWN_FILE, "VMAIL 100\n", "--sign")
        self.assertIn("sets look for our signature",
                      self.refused_put(ours, "tones/a.wav", b"tone\n", "--section", "TONES"))
        server = ours.serve(doors=("http", "https"))
        ports = ",".join(f"{door}={server.ports[door]}" for door in ("http", "https"))
        command = [*self.command("http://localhost", "--json", "--accept-fingerprint", fingerprint(ours.root), *login)]
        command[command.index("--ports") + 1] = ports
        actions = {f["file"]: f["action"] for f in run(command, check=True).json()["sections"]}
        for name in ("sec/policy.txt", "sec/ctl.pem", OWN_FILE):
            self.assertEqual(actions[name], "fetched", actions)
        # The trust list is in force now, and this server stands on it.
        self.assertEqual(run(command).code, 0)
        self.assertEqual(len(self.show()["trust"]["trust_list"]["certificates"]), 3)

    def refused_put(self, ours, path, content, *options):
        local = self.work.path("put")
        local.write_bytes(content)
        return ours("file", "put", path, "--from", local, *options, "--sign", code=1).err


if __name__ == "__main__":
    unittest.main()
