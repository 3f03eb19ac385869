"""Server certificates that a phone must refuse, each with a sentence that says why; nginx presents them."""

import unittest

from foreign import NEEDS_LOGIN, PHONE_LOGIN, Pki, start_nginx, tls_server
from harness import free_port
from phone_boot import OWN_FILE, PhoneTest, fingerprint


class Certificates(PhoneTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pki = Pki(cls.work.path("pki"))
        cls.root = pki.authority("root")
        other = pki.authority("other-root")
        issuing = pki.authority("issuing", cls.root)
        below = pki.issue("below", issuing)
        below_chain = pki.chain("below", below[0], issuing[0])
        # Name, what nginx presents, and what the reason must say.
        cls.cases = {
            "good": (*pki.issue("good", cls.root), None),
            "good chain": (below_chain, below[1], None),
            "wrong address": (*pki.issue("wrong-address", cls.root, san="IP:192.0.2.1"), "wrong name"),
            "wrong name": (*pki.issue("wrong-name", cls.root, san="DNS:prov.example.test"), "wrong name"),
            "name in the CN only": (*pki.issue("cn-only", cls.root, san="", common_name="127.0.0.1"), "wrong name"),
            "name in the CN, another SAN": (*pki.issue("cn", cls.root, san="DNS:x.test", common_name="127.0.0.1"),
                                            "wrong name"),
            "address as a DNS name": (*pki.issue("dns-ip", cls.root, san="DNS:127.0.0.1"), "wrong name"),
            "expired": (*pki.issue("expired", cls.root, begins=-10, ends=-1), "expired"),
            "not yet valid": (*pki.issue("future", cls.root, begins=1, ends=10), "not yet valid"),
            "unknown issuer": (*pki.issue("stranger", other), "unknown issuer"),
            "self-signed": (*pki.issue("selfmade"), "self-signed"),
            "missing intermediate": (below[0], below[1], "missing intermediate"),
            "a client's certificate": (*pki.issue("client", cls.root, "client", san="IP:127.0.0.1"), "wrong purpose"),
        }
        cls.named = pki.issue("named", cls.root, san="DNS:localhost")
        cls.https = {name: free_port() for name in cls.cases}
        cls.named_port = free_port()
        cls.ports = {"http": free_port()}
        cls.www = cls.work.folder / "www"
        cls.www.mkdir()
        cls.nginx = start_nginx(cls.work, cls.www, [
            f"listen 127.0.0.1:{cls.ports['http']};",
            tls_server(cls.named_port, *cls.named, NEEDS_LOGIN),
            *(tls_server(cls.https[name], chain, key, NEEDS_LOGIN) for name, (chain, key, _) in cls.cases.items()),
        ])
        cls.nginx.wait_for_port(cls.ports["http"])

    def setUp(self):
        super().setUp()
        self.serve("root.pem", self.root[0].read_bytes())
        self.serve(OWN_FILE, "VMAIL 101\n")
        self.serve("1230SIP.cfg", "[USER_KEYS]\nPROTOCOL HTTP\nFILENAME root.pem\n"
                                  "[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL HTTPS\n")
        self.options = ["--accept-fingerprint", fingerprint(self.root[0], "sha256"), "--device-id", PHONE_LOGIN[0],
                        "--password-file", self.work.write("password", PHONE_LOGIN[1], 0o600)]

    def boot_against(self, port, code, url="http://127.0.0.1"):
        everyone, self.ports = self.ports, {**self.ports, "https": port}
        try:
            return self.boot(url, *self.options, code=code)
        finally:
            self.ports = everyone

    def test_each_is_judged_and_said(self):
        for name, (_, _, wanted) in self.cases.items():
            with self.subTest(certificate=name):
                self.state = self.work.path("flash")
                booted = self.boot_against(self.https[name], code=1 if wanted else 0)
                own = booted.files[OWN_FILE]
                self.assertEqual(own["action"], "refused" if wanted else "fetched", own)
                if wanted:
                    self.assertIn(wanted, own["reason"])
                    self.assertNotIn(("USER_CONFIG", OWN_FILE), self.held())
                # No password goes to a server that was not believed.
                asked = [line for line in self.nginx.access_log.read_text().splitlines()
                         if line.startswith(f"{self.https[name]} ")]
                self.assertEqual(bool(asked), wanted is None, asked)

    def test_names_are_compared_as_names(self):
        booted = self.boot_against(self.named_port, code=0, url="http://localhost")
        self.assertEqual(booted.files[OWN_FILE]["action"], "fetched")
        self.state = self.work.path("flash")
        booted = self.boot_against(self.named_port, code=1)
        self.assertIn("wrong name", booted.files[OWN_FILE]["reason"])

    def test_a_refused_server_leaves_what_is_installed(self):
        self.boot_against(self.https["good"], code=0)
        held = self.held()
        self.serve(OWN_FILE, "VMAIL 202\n")
        self.boot_against(self.https["expired"], code=1)
        self.assertEqual(self.held(), held)
        self.assertEqual(self.show()["settings"]["VMAIL"]["value"], "101")

    def test_a_manifest_over_https_needs_an_installed_root(self):
        url = f"https://127.0.0.1:{self.https['good']}"
        booted = self.boot(url, *self.options, code=1)
        self.assertEqual(booted.manifest["action"], "refused")
        self.assertIn("no root certificate", booted.manifest["reason"])
        self.boot_against(self.https["good"], code=0)
        self.assertEqual(self.boot(url, *self.options).manifest["action"], "fetched")


if __name__ == "__main__":
    unittest.main()
