"""Revocation as others learn of it: OCSP (RFC 6960) asked by openssl, GnuTLS and curl, and lists (RFC 5280) fetched by
curl and judged by openssl and GnuTLS."""

import base64
import re
import urllib.parse

from authority import AuthorityTest, openssl
from harness import need_program, run, wait_until
from namespaces import main_in_own_network

LOOK_EVERY = 10  # seconds: a revocation stands in the list by then


class Revocation(AuthorityTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.issuers_by_key = {"rsa": cls.issuing_rsa, "p256": cls.issuing_p256}
        devices = [cls.add_device() for _ in range(2)]
        cls.good, cls.revoked = ({"rsa": cls.house.issue(device.mac, "rsa2048") / "cert.pem",
                                  "p256": cls.house.issue(device.mac, "p256") / "cert.pem"} for device in devices)
        cls.numbers_before = {key: cls.number_of(cls.fetch_list(key)) for key in cls.issuers_by_key}
        cls.house("cert", "revoke", devices[1].mac)

    @classmethod
    def curl(cls, url, *options):
        """The body, and status with content type. A name in the address is ours, wherever it points."""
        body = cls.work.path("body")
        done = run([need_program("curl"), "--silent", "--output", body, "--write-out", "%{http_code} %{content_type}",
                    "--connect-to", f"{cls.house.host}:80:{cls.door()}", *options, url], check=True)
        return body, done.out

    @classmethod
    def fetch_list(cls, key):
        body, kind = cls.curl(f"http://{cls.door()}/crl/issuing-{key}.crl")
        assert kind == "200 application/pkix-crl", kind
        return body

    @staticmethod
    def number_of(path):
        shown = openssl("crl", "-inform", "DER", "-in", path, "-noout", "-crlnumber").out
        return int(shown.strip().partition("=")[2], 16)

    def to_pem(self, path):
        pem = self.work.path("list.pem")
        openssl("crl", "-inform", "DER", "-in", path, "-out", pem)
        return pem

    def list_with(self, key):
        """The list that names the revoked certificate."""
        serial = self.serial_of(self.revoked[key]).upper()

        def fresh():
            path = self.fetch_list(key)
            return path if serial in openssl("crl", "-inform", "DER", "-in", path, "-noout", "-text").out else None
        return wait_until(fresh, "the list to name what was revoked", timeout=3 * LOOK_EVERY)

    def ask(self, key, *which, options=()):
        """What openssl says of the certificates, having verified the answer, its signer and its nonce."""
        done = run([need_program("openssl"), "ocsp", *options, "-issuer", self.issuers_by_key[key], *which, "-url",
                    f"http://{self.door()}/ocsp", "-CAfile", self.house.root, "-verify_other",
                    self.issuers_by_key[key]], check=True)
        self.assertIn("Response verify OK", done.err)
        self.assertNotIn("WARNING", done.err)  # it warns when the nonce does not come back
        return done.out

    def test_openssl_asks_by_both_hashes(self):
        for key in self.issuers_by_key:
            for hash in ("-sha1", "-sha256"):
                with self.subTest(key=key, hash=hash):
                    said = self.ask(key, hash, "-cert", self.good[key], "-cert", self.revoked[key])
                    self.assertIn(f"{self.good[key]}: good", said)
                    self.assertRegex(said, rf"{self.revoked[key]}: revoked\n(\t.*\n)*\tRevocation Time: ")

    def test_what_was_never_issued_is_unknown(self):
        self.assertIn("0x1234: unknown", self.ask("rsa", "-serial", "0x1234"))

    def test_nobody_speaks_for_a_strangers_ca_nor_for_two_at_once(self):
        stranger = self.work.path("stranger.pem")
        openssl("req", "-x509", "-key", self.new_key(), "-subj", "/CN=Stranger", "-out", stranger)
        pairs = [word for key in self.good for word in ("-issuer", self.issuers_by_key[key], "-cert", self.good[key])]
        for asked in (("-issuer", stranger, "-serial", "1"), pairs):
            done = run([need_program("openssl"), "ocsp", *asked, "-url", f"http://{self.door()}/ocsp"])
            self.assertIn("Responder Error: unauthorized (6)", done.out + done.err)

    def test_gnutls_asks(self):
        for key in self.issuers_by_key:
            for certificate, says in ((self.good[key], "good"), (self.revoked[key], "revoked")):
                with self.subTest(key=key, says=says):
                    done = run([need_program("ocsptool"), f"--ask=http://{self.door()}/ocsp", "--nonce", "--load-cert",
                                certificate, "--load-issuer", self.issuers_by_key[key], "--load-trust",
                                self.issuers_by_key[key]], check=True)
                    self.assertIn("Verifying OCSP Response: Success.", done.out + done.err)
                    self.assertIn(f"Certificate Status: {says}", done.out + done.err)

    def test_curl_asks_by_get(self):
        request = self.work.path("request.der")
        # A serial of ones is a row of '/' in base64, which some clients encode and some do not.
        asked = ("-no_nonce", "-issuer", self.issuing_rsa, "-cert", self.revoked["rsa"], "-serial", f"{2 ** 63 - 1:#x}")
        openssl("ocsp", *asked, "-reqout", request)
        text = base64.b64encode(request.read_bytes()).decode()
        self.assertIn("//", text)
        for written in (urllib.parse.quote(text, safe=""), urllib.parse.quote(text, safe="/")):
            body, kind = self.curl(f"http://{self.door()}/ocsp/{written}")
            self.assertEqual(kind, "200 application/ocsp-response")
            done = openssl("ocsp", *asked, "-respin", body, "-CAfile", self.house.root, "-verify_other",
                           self.issuing_rsa)
            self.assertIn("Response verify OK", done.err)
            self.assertIn(": revoked", done.out)

    def test_what_is_no_request_is_told_so(self):
        for options in (("--data-binary", "nonsense"), ("--data-binary", "")):
            body, kind = self.curl(f"http://{self.door()}/ocsp", *options)
            self.assertEqual(kind, "200 application/ocsp-response")
            self.assertEqual(body.read_bytes(), bytes.fromhex("30030a0101"))  # malformedRequest

    def test_lists_name_what_was_revoked_and_openssl_heeds_them(self):
        for key, issuer in self.issuers_by_key.items():
            with self.subTest(key=key):
                path = self.list_with(key)
                pem = self.to_pem(path)
                check = ("verify", "-crl_check", "-x509_strict", "-CRLfile", pem, "-CAfile", self.house.root,
                         "-untrusted", issuer)
                openssl(*check, self.good[key])
                done = run([need_program("openssl"), *check, self.revoked[key]])
                self.assertEqual(done.code, 2)
                self.assertIn("error 23 at 0 depth lookup: certificate revoked", done.err)
                self.assertGreater(self.number_of(path), self.numbers_before[key])

    def test_gnutls_verifies_a_list(self):
        for key, issuer in self.issuers_by_key.items():
            done = run([need_program("certtool"), "--verify-crl", "--load-ca-certificate", issuer, "--infile",
                        self.to_pem(self.fetch_list(key))])
            self.assertIn("Verified.", done.out + done.err)

    def test_the_lanes_of_old_phones_have_a_list_too(self):
        self.fetch_list("legacy")

    def test_what_is_no_list_is_not_found(self):
        for name in ("root.crl", "issuing-rsa", "issuing-rsa.crl.crl", "../issuing-rsa.crl"):
            _, kind = self.curl(f"http://{self.door()}/crl/{name}", "--path-as-is")
            self.assertTrue(kind.startswith("404"), (name, kind))

    def test_the_addresses_in_a_certificate_lead_here(self):
        for key, certificate in self.good.items():
            text = self.show(certificate)
            lists, = re.findall(r"CRL Distribution Points:[^U]*URI:(\S+)", text)
            ocsp, = re.findall(r"OCSP - URI:(\S+)", text)
            self.assertEqual(self.curl(lists)[1], "200 application/pkix-crl")
            request = self.work.path("request.der")
            openssl("ocsp", "-issuer", self.issuers_by_key[key], "-cert", certificate, "-reqout", request)
            body, kind = self.curl(ocsp, "--data-binary", f"@{request}", "--header",
                                   "Content-Type: application/ocsp-request")
            self.assertEqual(kind, "200 application/ocsp-response")
            self.assertGreater(len(body.read_bytes()), 100)


if __name__ == "__main__":
    main_in_own_network()
