"""SCEP (RFC 8894) as other people's clients speak it: strongSwan's pki, certmonger in a bus of its own, Debian's
scepclient, and our phone with a person who decides."""

import hashlib
import unittest

from authority import AuthorityTest, Token, openssl
from harness import PHONE, need_program, run, wait_until
from namespaces import main_in_own_network

CERTMONGER = "/usr/lib/certmonger/certmonger-session"


class ScepTest(AuthorityTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.url = cls.server.url("http", "scep")


class StrongSwan(ScepTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The issuing CA gets the root's name with a number, since it is no RA.
        root, registration = cls.work.folder / "swan-ca.pem", cls.work.folder / "swan-ra.pem"
        run([need_program("pki"), "--scepca", "--url", cls.url, "--caout", root, "--raout", registration, "--outform",
             "pem"], check=True)
        cls.root, cls.registration, cls.issuing = root, registration, root.with_name("swan-ca-1.pem")

    def pki(self, key, *options, code=0):
        """What it printed, having checked what it got against the CAs that it fetched."""
        done = run([need_program("pki"), "--scep", "--url", self.url, "--in", key, "--dn", "CN=NTIPP0102AB", "--san",
                    "mallory.example.test", "--cacert-enc", self.registration, "--cacert-sig", self.root, "--cacert",
                    self.issuing, "--outform", "pem", *options])
        self.assertEqual(done.code, code, done)
        return done

    def enrol(self, device, token):
        key = self.new_key("rsa")
        certificate = self.work.path("swan.pem")
        certificate.write_bytes(self.pki(key, "--password", token.text).out_bytes)
        return self.assert_holds(certificate, device, key)

    def test_it_is_given_the_root_the_issuing_ca_and_a_registration_authority_apart_from_them(self):
        self.assertEqual(openssl("x509", "-in", self.root).out, openssl("x509", "-in", self.house.root).out)
        self.assertEqual(openssl("x509", "-in", self.issuing).out, openssl("x509", "-in", self.issuing_rsa).out)
        text = self.show(self.registration)
        self.assertIn("CA:FALSE", text)
        self.assertIn("Digital Signature, Key Encipherment", text)

    def test_it_enrols_with_a_token_and_with_a_challenge(self):
        for options in ((), ("--challenge",)):
            with self.subTest(options=options):
                device = self.add_device()
                self.enrol(device, self.add_token(device, *options))
                self.assertEqual(self.state_of(device), "enrolled")
                self.wait_for_outcome(device, "issued")

    def test_an_answer_that_was_lost_is_given_again(self):
        device, key = self.add_device(), self.new_key("rsa")
        token = self.add_token(device)
        first, again = (self.pki(key, "--password", token.text).out for _ in range(2))
        self.assertEqual(first, again)

    def test_with_a_wrong_token_it_gets_nothing(self):
        device = self.add_device()
        token = self.add_token(device)
        another = self.add_token(self.add_device())
        wrong = Token.of(token.reference, another.secret)
        for shown in (wrong.text, token.reference, token.secret, "", "1234567812345678"):
            with self.subTest(shown=shown):
                done = self.pki(self.new_key("rsa"), "--password", shown, code=1)
                self.assertIn("failInfo:     badRequest", done.err)
                self.assertEqual(done.out, "")
        self.assertEqual(self.state_of(device), "expected")

    def test_it_renews_with_the_certificate_that_it_has(self):
        device = self.add_device()
        held = self.enrol(device, self.add_token(device))
        key, renewed = self.new_key("rsa"), self.work.path("renewed.pem")
        renewed.write_bytes(self.pki(key, "--cert", held.certificate, "--key", held.key).out_bytes)
        self.assert_holds(renewed, device, key)
        self.wait_for_outcome(device, "renewed")

    def test_a_revoked_certificate_renews_nothing(self):
        device = self.add_device()
        held = self.enrol(device, self.add_token(device))
        self.house("cert", "revoke", "--serial", self.serial_of(held.certificate))
        done = self.pki(self.new_key("rsa"), "--cert", held.certificate, "--key", held.key, code=1)
        self.assertIn("failInfo:     badRequest", done.err)

    def test_it_polls_until_a_person_has_decided(self):
        device, key = self.add_device(), self.new_key("rsa")
        token = self.add_token(device, "--needs-approval")
        waits = self.pki(key, "--password", token.text, "--interval", "1", "--maxpolltime", "1", code=1)
        self.assertIn("pending", waits.err)
        self.house("enrolment", "approve", self.waiting(device))
        certificate = self.work.path("approved.pem")
        certificate.write_bytes(self.pki(key, "--password", token.text).out_bytes)
        self.assert_holds(certificate, device, key)


class Certmonger(ScepTest):
    """Each run has a session daemon in a bus and a home of its own, which end with its script."""

    def start(self, script):
        """Its home, and the daemon with this shell script beside it, in which $HOME is that folder."""
        home = self.work.path("home")
        home.mkdir()
        path = self.work.write(f"{home.name}.sh", f"getcert add-scep-ca -s -c ringfence -u {self.url}\n{script}")
        env = {"HOME": str(home), "TMPDIR": str(home)}
        return home, self.work.start([need_program("dbus-run-session"), "--", need_program(CERTMONGER), "-n", "-c",
                                      f"bash {path}"], env=env)

    def certmonger(self, script):
        home, daemon = self.start(script)
        daemon.wait()
        return home, daemon.output()

    def request(self, token):
        return ("getcert request -s -c ringfence -f $HOME/certificate.pem -k $HOME/key.pem -N CN=NTIPP0102AB "
                f"-D mallory.example.test -L '{token}' -w -v\n")

    def test_it_requests_by_get_and_renews_by_the_certificate_that_it_has(self):
        device = self.add_device()
        home, said = self.certmonger(self.request(self.add_token(device).text) +
                                     "cp $HOME/certificate.pem $HOME/first.pem\n"
                                     "getcert resubmit -s -f $HOME/certificate.pem -w -v\n")
        self.assertEqual(said.count("State MONITORING"), 2, said)
        first = self.assert_holds(home / "first.pem", device, home / "key.pem")
        renewed = self.assert_holds(home / "certificate.pem", device, home / "key.pem")
        self.assertNotEqual(self.serial_of(first.certificate), self.serial_of(renewed.certificate))
        self.wait_for_outcome(device, "renewed")

    def test_it_learns_that_it_is_refused(self):
        device = self.add_device()
        home, said = self.certmonger(self.request(self.add_token(device).reference) + "getcert list -s\n")
        self.assertIn("State CA_REJECTED", said)
        self.assertIn("ca-error: Transaction either is not permitted or is not supported by server.", said)
        self.assertFalse((home / "certificate.pem").exists())
        self.assertEqual(self.state_of(device), "expected")

    def test_it_polls_until_a_person_has_decided(self):
        device = self.add_device()
        home, daemon = self.start(self.request(self.add_token(device, "--needs-approval").text) +
                                  "touch $HOME/waits\nwhile ! [ -e $HOME/decided ]; do sleep 0.05; done\n"
                                  "getcert refresh -s -f $HOME/certificate.pem\n"
                                  "for _ in $(seq 200); do [ -s $HOME/certificate.pem ] && break; sleep 0.05; done\n")
        wait_until((home / "waits").exists, "certmonger to wait")
        self.assertIn("State CA_WORKING", daemon.output())
        self.house("enrolment", "approve", self.waiting(device))
        (home / "decided").touch()
        daemon.wait()
        self.assert_holds(home / "certificate.pem", device, home / "key.pem")


class ScepClient(ScepTest):
    """It encrypts with single DES whatever the server says that it can do."""

    def test_single_des_is_refused_in_words_that_it_understands(self):
        device = self.add_device()
        folder = self.work.path("scepclient")
        folder.mkdir()
        done = run([need_program("scepclient"), "-server-url", self.url, "-challenge",
                    self.add_token(device, "--challenge").text, "-cn", "set", "-private-key", folder / "key.pem",
                    "-certificate", folder / "certificate.pem"], cwd=folder)
        self.assertNotEqual(done.code, 0, done)
        self.assertIn("failInfo: badAlg (0)", done.out + done.err)
        self.assertFalse((folder / "certificate.pem").exists())
        self.assertEqual(self.state_of(device), "expected")
        self.assertTrue(self.server.is_running())
        self.assertNotIn("was ended", self.server.output())


class Phone(ScepTest):
    def setUp(self):
        self.device = self.add_device()
        self.state = self.work.path("flash")
        issuing = openssl("x509", "-in", self.issuing_rsa, "-outform", "DER").out_bytes
        self.fingerprint = hashlib.sha256(issuing).hexdigest()

    def enrol(self, token, code=0):
        challenge = self.work.write("challenge", token.text + "\n", 0o600)
        done = run([PHONE, "enrol", "--scep", self.url, "--state", self.state, "--mac", self.device.mac,
                    "--accept-fingerprint", self.fingerprint, "--challenge-file", challenge, "--polls", "1",
                    "--poll-interval", "1", "--json"])
        self.assertEqual(done.code, code, done)
        return done.json()

    def identity(self):
        """The file of the phone's flash with its key and certificate."""
        (held,) = [path for path in (self.state / "files").glob("*") if b"PRIVATE KEY" in path.read_bytes()]
        return held

    def test_it_enrols_and_renews(self):
        report = self.enrol(self.add_token(self.device, "--challenge"))
        self.assertEqual((report["outcome"], report["renewal"]), ("enrolled", False))
        self.assert_holds(self.identity(), self.device, self.identity())
        report = self.enrol(Token("none"))
        self.assertEqual((report["outcome"], report["renewal"]), ("enrolled", True))
        self.assert_holds(self.identity(), self.device, self.identity())

    def test_it_waits_for_a_person_and_polls(self):
        token = self.add_token(self.device, "--challenge", "--needs-approval")
        self.assertEqual(self.enrol(token, code=3)["outcome"], "pending")
        self.assertEqual(self.state_of(self.device), "expected")
        self.house("enrolment", "approve", self.waiting(self.device))
        self.assertEqual(self.enrol(token)["outcome"], "enrolled")
        self.assert_holds(self.identity(), self.device, self.identity())

    def test_it_is_told_that_a_person_refused(self):
        token = self.add_token(self.device, "--challenge", "--needs-approval")
        self.enrol(token, code=3)
        self.house("enrolment", "refuse", self.waiting(self.device))
        self.assertIn("badRequest", self.enrol(token, code=1)["reason"])
        self.assertEqual(self.state_of(self.device), "expected")


if __name__ == "__main__":
    main_in_own_network()
