"""EST (RFC 7030) as other people's clients speak it: curl at every path, strongSwan's pki from the CAs to a renewal."""

import base64
import re

from authority import AuthorityTest, openssl
from harness import need_program, run
from namespaces import main_in_own_network


class Curl(AuthorityTest):
    def test_cacerts_are_the_root_and_the_cas_below_it(self):
        answer = self.est("cacerts")
        self.assertEqual((answer.status, answer.header("content-type")), (200, "application/pkcs7-mime"))
        files = (self.house.root, self.issuing_rsa, self.issuing_p256)
        self.assertEqual(set(self.certificates(answer.body)), {openssl("x509", "-in", file).out for file in files})

    def test_csrattrs_name_the_keys_that_are_taken(self):
        answer = self.est("csrattrs")
        self.assertEqual((answer.status, answer.header("content-type")), (200, "application/csrattrs"))
        path = self.work.write("csrattrs", base64.b64decode(answer.body, validate=True))
        shown = openssl("asn1parse", "-inform", "DER", "-in", path).out
        for name in ("id-ecPublicKey", "prime256v1", "rsaEncryption"):
            self.assertIn(name, shown)

    def test_a_label_is_passed_over(self):
        self.assertEqual(self.est("phones/cacerts").body, self.est("cacerts").body)

    def test_simpleenroll_takes_a_token_for_both_kinds_of_key(self):
        for kind in ("ec", "rsa"):
            with self.subTest(kind=kind):
                device = self.add_device()
                self.enrol_by_est(device, self.add_token(device), self.new_key(kind))
                self.wait_for_outcome(device, "issued")

    def test_the_whole_token_serves_as_the_password(self):
        device, key = self.add_device(), self.new_key()
        answer = self.est("simpleenroll", "--user", f"anybody:{self.add_token(device).text}", key=key)
        self.held_by(answer, device, key)

    def test_an_answer_that_was_lost_is_given_again(self):
        device, key = self.add_device(), self.new_key()
        token = self.add_token(device)
        first, again = (self.enrol_by_est(device, token, key).certificate.read_text() for _ in range(2))
        self.assertEqual(first, again)

    def test_without_a_right_login_it_is_401_and_nothing_tells_why(self):
        device, key = self.add_device(), self.new_key()
        spent, withdrawn = self.add_token(device), self.add_token(self.add_device())
        self.enrol_by_est(device, spent)
        self.house("token", "withdraw", withdrawn.reference)
        right = self.add_token(self.add_device())
        logins = (right.reference + ":wrong", f"{right.reference}:{spent.secret}", spent.login, withdrawn.login,
                  "00000000:" + right.secret, "anybody:nothing", "anybody:")
        answers = [self.est("simpleenroll", key=key)]
        answers += [self.est("simpleenroll", "--user", login, key=key) for login in logins]
        for answer in answers:
            self.assertEqual((answer.status, answer.head, answer.body), (401, answers[0].head, answers[0].body))
        self.assertEqual(answers[0].header("www-authenticate"), 'basic realm="ringfence"')

    def test_what_is_no_request_is_400_for_whoever_has_a_login(self):
        login = self.add_token(self.add_device()).login
        for body in ("", "AAAA", "not base64", base64.b64encode(bytes(100)).decode()):
            answer = self.est("simpleenroll", "--user", login, "--data-binary", body)
            self.assertEqual(answer.status, 400)

    def test_it_is_202_until_a_person_has_decided(self):
        device, key = self.add_device(), self.new_key()
        token = self.add_token(device, "--needs-approval")
        for _ in range(2):
            answer = self.est("simpleenroll", "--user", token.login, key=key)
            self.assertEqual(answer.status, 202)
            self.assertGreater(int(answer.header("retry-after")), 0)
        self.house("enrolment", "approve", self.waiting(device))
        self.enrol_by_est(device, token, key)

    def test_it_is_403_when_a_person_refused(self):
        device, key = self.add_device(), self.new_key()
        token = self.add_token(device, "--needs-approval")
        self.est("simpleenroll", "--user", token.login, key=key)
        self.house("enrolment", "refuse", self.waiting(device))
        self.assertEqual(self.est("simpleenroll", "--user", token.login, key=key).status, 403)

    def test_simplereenroll_takes_the_present_certificate_and_nothing_else(self):
        device, key = self.add_device(), self.new_key()
        first = self.enrol_by_est(device, self.add_token(device))
        self.assertEqual(self.est("simplereenroll", key=key).status, 401)
        self.assertEqual(self.est("simplereenroll", "--user", self.add_token(self.add_device()).login, key=key).status,
                         401)
        renewed = self.held_by(self.est("simplereenroll", *self.shown(first), key=key), device, key)
        # Both hold until the set has shown the new one.
        self.assertEqual(self.est("cacerts", *self.shown(renewed)).status, 200)
        self.wait_for_outcome(device, "renewed")

    def test_a_revoked_certificate_renews_nothing(self):
        device = self.add_device()
        first = self.enrol_by_est(device, self.add_token(device))
        self.house("cert", "revoke", "--serial", self.serial_of(first.certificate))
        answer = self.est("simplereenroll", *self.shown(first), key=self.new_key())
        self.assertNotEqual(answer.status, 200, answer.body)
        self.assertEqual([each["state"] for each in self.enrolments(device)], ["issued"])

    def test_it_stands_behind_https_only(self):
        plain = f"http://{self.door('http')}"
        device = self.add_device()
        login = self.add_token(device).login
        for operation in ("cacerts", "csrattrs"):
            self.assertEqual(self.est(operation, address=plain).status, 404)
        for operation in ("simpleenroll", "simplereenroll"):
            answer = self.est(operation, "--user", login, key=self.new_key(), address=plain)
            self.assertIn(answer.status, (404, 405))
        self.assertEqual(self.state_of(device), "expected")


class CurlByDigest(AuthorityTest):
    SETTINGS = {"challenge": "digest-sha256"}
    LOGIN = ("--digest", "--user")

    def test_a_token_is_proved_without_being_shown(self):
        device, key = self.add_device(), self.new_key()
        token = self.add_token(device)
        answer = self.est("simpleenroll", key=key)
        self.assertEqual(answer.status, 401)
        self.assertIn("algorithm=sha-256", answer.header("www-authenticate"))
        wrong = self.est("simpleenroll", *self.LOGIN, f"{token.reference}:wrong", key=key)
        self.assertEqual(wrong.status, 401)
        self.enrol_by_est(device, token, key)


class StrongSwan(AuthorityTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # pki takes the root from a file of one certificate.
        cls.root = cls.work.write("swan-root.pem", openssl("x509", "-in", cls.house.root).out)

    def pki(self, *options, code=0):
        done = run([need_program("pki"), *options, "--url", f"https://{self.door('https')}", "--outform", "pem"])
        self.assertEqual(done.code, code, done)
        return done

    def enrol(self, device, key, *options):
        request = self.new_request(key, form="DER")
        certificate = self.work.path("swan.pem")
        certificate.write_bytes(self.pki("--est", "--in", request, "--cacert", self.root, "--cacert", self.issuing_rsa,
                                         *options).out_bytes)
        return self.assert_holds(certificate, device, key)

    def test_it_fetches_the_cas(self):
        ca = self.work.path("swan-ca.pem")
        self.pki("--estca", "--cacert", self.root, "--caout", ca)
        got = {path.read_text() for path in (ca, *(ca.with_name(f"{ca.stem}-{number}.pem") for number in (1, 2)))}
        self.assertEqual(got, {openssl("x509", "-in", file).out
                               for file in (self.root, self.issuing_rsa, self.issuing_p256)})

    def test_it_enrols_with_a_token_and_renews_by_its_certificate(self):
        device = self.add_device()
        first = self.enrol(device, self.new_key("rsa"), "--userpass", self.add_token(device).login)
        renewed = self.enrol(device, self.new_key("rsa"), "--cert", first.certificate, "--key", first.key)
        self.assertNotEqual(self.serial_of(first.certificate), self.serial_of(renewed.certificate))
        self.wait_for_outcome(device, "renewed")

    def test_with_a_wrong_token_it_gets_nothing(self):
        device = self.add_device()
        request = self.new_request(self.new_key("rsa"), form="DER")
        done = self.pki("--est", "--in", request, "--cacert", self.root, "--cacert", self.issuing_rsa, "--userpass",
                        f"{self.add_token(device).reference}:wrong", code=1)
        self.assertEqual(done.out, "")
        self.assertEqual(self.state_of(device), "expected")


if __name__ == "__main__":
    main_in_own_network()
