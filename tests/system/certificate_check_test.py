"""`ringfence cert check` judges as `openssl verify` does where it should, and harder where OpenSSL is too mild."""

import datetime
import unittest

from foreign import Pki, revocation_list
from harness import RINGFENCE, SystemTest, run

NAME = "prov.example.test"


def moment(days):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)


class CertificateCheck(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pki = Pki(cls.work.path("pki"))
        cls.root = cls.pki.issue("root", None, "ca", san="", ends=400)
        cls.issuing = cls.pki.issue("issuing", cls.root, "ca", san="", ends=400)
        cls.leaf = cls.issue("good")
        cls.no_lists = cls.lists()

    @classmethod
    def issue(cls, name, **more):
        return cls.pki.issue(name, cls.issuing, **{"san": f"DNS:{NAME}", **more})

    @classmethod
    def lists(cls, by_root=None, by_issuing=None):
        """A file with a list of either CA; each may name one certificate."""
        return cls.work.write(f"lists-{cls.work.path('x').name}",
                              revocation_list(cls.work, cls.root, by_root and by_root[0]) +
                              revocation_list(cls.work, cls.issuing, by_issuing and by_issuing[0]))

    def check(self, leaf=None, *, anchors=None, crl=None, days=0, purpose="server", host=None, json=True, code=None):
        leaf = leaf or self.leaf
        words = [RINGFENCE, "cert", "check", "--anchors", (anchors or self.root)[0],
                 "--chain", self.pki.chain(f"{leaf[0].stem}", leaf[0], self.issuing[0]),
                 "--purpose", purpose, "--time", moment(days).strftime("%Y-%m-%dT%H:%M:%SZ")]
        words += ["--crl", crl] if crl else []
        words += ["--host", host] if host else []
        done = run(words + (["--json"] if json else []))
        if code is not None:
            self.assertEqual(done.code, code, str(done))
        return done

    def openssl_takes(self, leaf=None, *, anchors=None, crl=None, days=0, purpose="server", host=None):
        words = ["openssl", "verify", "-x509_strict", "-auth_level", "2", "-purpose", f"ssl{purpose}",
                 "-attime", str(int(moment(days).timestamp())), "-CAfile", (anchors or self.root)[0],
                 "-untrusted", self.issuing[0]]
        words += ["-crl_check_all", "-CRLfile", crl] if crl else []
        words += ["-verify_hostname", host] if host else []
        return run([*words, (leaf or self.leaf)[0]]).code == 0

    def good(self, leaf=None, **how):
        self.assertTrue(self.openssl_takes(leaf, **how))
        shown = self.check(leaf, **how, code=0).json()
        self.assertEqual((shown["verdict"], shown["at_fault"]), ("good", None))
        self.assertEqual([one["place"] for one in shown["path"]], ["leaf", "CA", "anchor"])

    def refused(self, kind, place, leaf=None, openssl_too=True, **how):
        """`place` is that of the certificate at fault."""
        self.assertNotEqual(self.openssl_takes(leaf, **how), openssl_too)
        done = self.check(leaf, **how, code=1)
        shown = done.json()
        self.assertEqual(shown["verdict"], "refused")
        self.assertTrue(shown["sentence"].startswith(kind), shown["sentence"])
        self.assertEqual(shown["at_fault"]["place"], place)
        self.assertEqual(done.err, "ringfence: the certificate is refused\n")
        return shown

    def test_a_good_one_is_taken(self):
        self.good()
        self.good(host=NAME)
        self.good(crl=self.no_lists)
        self.good(self.issue("phone", kind="client", san=""), purpose="client")

    def test_the_name_must_be_an_alternative_name(self):
        self.refused("wrong name", "leaf", host="other.example.test")
        only_cn = self.issue("only-cn", san="", common_name=NAME)
        self.assertTrue(self.openssl_takes(only_cn, host=NAME), "OpenSSL falls back to the common name")
        shown = self.refused("wrong name", "leaf", only_cn, host=NAME, openssl_too=False)
        self.assertIn("only in the common name", shown["sentence"])

    def test_the_purpose_must_fit(self):
        self.refused("wrong purpose", "leaf", purpose="client")
        self.refused("wrong purpose", "leaf", self.issue("a-phone", kind="client"))
        self.refused("wrong purpose", "leaf", self.issue("a-ca", kind="ca"))

    def test_dates_are_judged_at_the_time_that_is_given(self):
        self.refused("expired", "leaf", days=40)
        self.refused("not yet valid", "leaf", days=-0.5, leaf=self.issue("early", begins=0))

    def test_keys_must_be_strong(self):
        self.refused("weak key", "leaf", self.issue("small", key="rsa1024"))

    def test_the_anchor_must_be_known(self):
        stranger = self.pki.authority("stranger")
        shown = self.refused("unknown issuer", "CA", anchors=stranger)
        self.assertIn("root", shown["sentence"])

    def test_revocation_lists_decide(self):
        self.refused("revoked", "leaf", crl=self.lists(by_issuing=self.leaf))
        self.refused("revoked", "CA", crl=self.lists(by_root=self.issuing))
        self.refused("revocation list expired", "leaf", self.issue("long", ends=90), crl=self.no_lists, days=60)
        only_roots = self.work.write("roots.crl", revocation_list(self.work, self.root))
        self.refused("no revocation list for the server's certificate", "leaf", crl=only_roots)
        spoiled = self.work.write("spoiled.crl", only_roots.read_bytes() + self.spoiled_list())
        self.refused("broken revocation list", "leaf", crl=spoiled)

    def spoiled_list(self):
        """That of the issuing CA, one bit of its signature changed."""
        der = run(["openssl", "crl", "-outform", "DER"], input=revocation_list(self.work, self.issuing),
                  check=True).out_bytes
        return run(["openssl", "crl", "-inform", "DER"], input=der[:-1] + bytes([der[-1] ^ 1]), check=True).out_bytes

    def test_it_tells_people_the_same(self):
        good = self.check(json=False, code=0).out
        self.assertRegex(good, r"verdict +good\n")
        self.assertRegex(good, r"anchor +CN=root,O=Foreign, serial [0-9a-f]+, until ")
        serial = run(["openssl", "x509", "-noout", "-serial", "-in", self.leaf[0]], check=True).out
        refused = self.check(json=False, purpose="client", code=1).out
        self.assertRegex(refused, r"verdict +refused\n")
        self.assertRegex(refused, r"because +wrong purpose: the client's certificate ")
        self.assertIn(f"serial {serial.strip().removeprefix('serial=').lower()}", refused.split("at fault")[1])

    def test_files_may_be_der(self):
        anchor, leaf = (run(["openssl", "x509", "-outform", "DER", "-in", one[0]], check=True).out_bytes
                        for one in (self.issuing, self.leaf))
        crl = run(["openssl", "crl", "-outform", "DER"], input=revocation_list(self.work, self.issuing),
                  check=True).out_bytes
        words = ["--anchors", self.work.write("a.der", anchor), "--chain", self.work.write("l.der", leaf), "--crl",
                 self.work.write("l.crl", crl), "--purpose", "server", "--json"]
        shown = run([RINGFENCE, "cert", "check", *words], check=True).json()
        self.assertEqual([one["place"] for one in shown["path"]], ["leaf", "anchor"])

    def test_what_cannot_be_read_gets_no_verdict(self):
        words = ["--anchors", self.root[0], "--chain", self.leaf[0], "--purpose", "server"]
        for more, code, told in ((["--crl", self.leaf[0]], 1, "holds no revocation list"),
                                 (["--crl", "/nowhere"], 1, "/nowhere"),
                                 (["--time", "yesterday"], 2, "--time"),
                                 (["--anchors", self.leaf[1]], 2, "--anchors")):
            done = run([RINGFENCE, "cert", "check", *words, *more])
            self.assertEqual((done.code, done.out), (code, ""), str(done))
            self.assertIn(told, done.err)


if __name__ == "__main__":
    unittest.main()
