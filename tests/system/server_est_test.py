"""EST (RFC 7030) as other people's clients speak it: curl at every path, strongSwan's pki from the CAs to a renewal."""

import base64
import re
import unittest

from harness import Installation, SystemTest, need_program, run

FIRST, SECOND, THIRD = (f"00:24:7F:0B:00:{number:02X}" for number in (1, 2, 3))
P256 = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA = ("-newkey", "rsa:2048")


class Est(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.house = Installation(cls.work)
        for mac in (FIRST, SECOND, THIRD):
            cls.house.add_device(mac)
        cls.server = cls.house.serve(doors=("http", "https"))
        cls.url = f"https://127.0.0.1:{cls.server.ports['https']}"
        blocks = re.findall(r"-----BEGIN.*?-----END CERTIFICATE-----\n", cls.house.root.read_text(), re.S)
        cls.cas = [cls.work.write(f"ca-{number}.pem", block) for number, block in enumerate(blocks)]

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        super().tearDownClass()

    def token(self, mac):
        return self.house.json("token", "add", mac)["token"]

    def request(self, name, *kind):
        """A key and a request for it, in DER; returns their paths."""
        private, csr = self.work.path(f"{name}.key"), self.work.path(f"{name}.csr")
        run([need_program("openssl"), "req", "-new", *(kind or P256), "-nodes", "-keyout", private,
             "-subj", f"/CN={name}", "-outform", "DER", "-out", csr], check=True)
        return private, csr

    def curl(self, operation, *options, csr=None, url=None):
        """Status, headers and body."""
        if csr is not None:
            body = self.work.write("body", base64.b64encode(csr.read_bytes()).decode())
            options = (*options, "-H", "Content-Type: application/pkcs10", "--data-binary", f"@{body}")
        done = run([need_program("curl"), "-si", "--cacert", self.house.root, *options,
                    f"{url or self.url}/.well-known/est/{operation}"], check=True)
        head, _, body = done.out.partition("\r\n\r\n" if "\r\n\r\n" in done.out else "\n\n")
        return int(head.split()[1]), head.lower(), body

    def certificates(self, body):
        der = self.work.path("answer.p7")
        der.write_bytes(base64.b64decode(body, validate=True))
        return run([need_program("openssl"), "pkcs7", "-inform", "DER", "-in", der, "-print_certs"], check=True).out

    def subject(self, pem):
        return run([need_program("openssl"), "x509", "-in", pem, "-noout", "-subject"], check=True).out

    def test_curl_asks_every_path(self):
        status, head, body = self.curl("cacerts")
        self.assertEqual(status, 200)
        self.assertIn("content-type: application/pkcs7-mime", head)
        self.assertEqual(self.certificates(body).count("subject="), 3)
        status, head, _ = self.curl("csrattrs")
        self.assertEqual(status, 200)
        self.assertIn("content-type: application/csrattrs", head)

        key, csr = self.request("curl")
        status, head, _ = self.curl("simpleenroll", csr=csr)
        self.assertEqual(status, 401)
        self.assertIn("www-authenticate: basic", head)
        token = self.token(FIRST)
        status, head, body = self.curl("simpleenroll", "-u", f"phone:{token}", csr=csr)
        self.assertEqual(status, 200)
        self.assertIn("smime-type=certs-only", head)
        leaf = self.work.write("curl.pem", self.certificates(body))
        self.assertIn("00247F0B0001", self.subject(leaf))
        _, _, again = self.curl("simpleenroll", "-u", f"phone:{token}", csr=csr)
        self.assertEqual(self.certificates(again), leaf.read_text(), "a lost answer costs no certificate")

        _, later = self.request("wish-of-another")
        status, _, body = self.curl("simplereenroll", "--cert", leaf, "--key", key, csr=later)
        self.assertEqual(status, 200)
        self.assertIn("00247F0B0001", self.certificates(body), "a certificate brings its own device's only")
        self.assertEqual(self.curl("simplereenroll", csr=later)[0], 401)

    def test_a_token_serves_once_and_wrong_ones_are_all_alike(self):
        _, csr = self.request("first")
        _, other = self.request("other")
        token = self.token(THIRD)
        self.assertEqual(self.curl("simpleenroll", "-u", f"phone:{token}", csr=csr)[0], 200)
        answers = [self.curl("simpleenroll", "-u", login, csr=other)
                   for login in (f"phone:{token}", f"{token[:8]}:wrong", "phone:wrong", "phone:")]
        for status, _, body in answers:
            self.assertEqual((status, body), (401, answers[0][2]))

    def test_it_stands_behind_https_only(self):
        plain = f"http://127.0.0.1:{self.server.ports['http']}"
        for operation in ("cacerts", "csrattrs", "simpleenroll", "simplereenroll"):
            self.assertEqual(self.curl(operation, url=plain)[0], 404)

    def pki(self, *args):
        done = run([need_program("pki"), *args, "--url", self.url, "--outform", "pem"], timeout=60)
        self.assertEqual(done.code, 0, done)
        return done.out

    def test_strongswan_fetches_the_cas_enrols_and_renews(self):
        root = self.work.path("swan-ca.pem")
        self.pki("--estca", "--cacert", self.cas[0], "--caout", root)
        for path in (root, *(root.with_name(f"{root.stem}-{number}.pem") for number in (1, 2))):
            self.assertTrue(path.exists(), path)
        anchors = [word for ca in self.cas for word in ("--cacert", ca)]
        key, csr = self.request("swan", *RSA)
        leaf = self.work.write("swan.pem", self.pki("--est", "--in", csr, *anchors, "--userpass",
                                                    f"phone:{self.token(SECOND)}"))
        self.assertIn("00247F0B0002", self.subject(leaf))
        _, later = self.request("swan-later", *RSA)
        renewed = self.work.write("swan-later.pem", self.pki("--est", "--in", later, *anchors, "--cert", leaf,
                                                             "--key", key))
        self.assertIn("00247F0B0002", self.subject(renewed))
        self.assertNotEqual(renewed.read_text(), leaf.read_text())


if __name__ == "__main__":
    unittest.main()
