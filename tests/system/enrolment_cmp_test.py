"""CMP (RFC 9810, profile 9483) as the openssl command speaks it: with a token and no anchor, then by certificate."""

from authority import AuthorityTest, Token, openssl
from namespaces import main_in_own_network


class OpenSslCmp(AuthorityTest):
    def outputs(self):
        self.got, self.cas = self.work.path("cmp.pem"), self.work.path("cmp-cas.pem")
        return ("-certout", self.got, "-cacertsout", self.cas)

    def ir(self, key, shown, *options, code=0):
        return self.cmp("ir", "-newkey", key, "-subject", "/CN=NTIPP0102AB", *shown, *self.outputs(), *options,
                        code=code)

    def enrol(self, device, token, *options):
        key = self.new_key()
        self.ir(key, self.by_token(token), *options)
        return self.assert_holds(self.got, device, key)

    def update(self, held, *options):
        key = self.new_key()
        self.cmp("kur", "-newkey", key, *self.by_certificate(held), *self.outputs(), *options)
        return self.assert_holds(self.got, held.device, key)

    def assert_refused(self, command, *options, says="rejection"):
        self.got = self.work.path("refused.pem")
        self.assertIn(says, self.cmp(command, *options, "-certout", self.got, code=1))
        self.assertFalse(self.got.exists())

    def test_ir_with_a_token_brings_the_certificate_and_the_ca_to_trust(self):
        for kind in ("ec", "rsa"):
            with self.subTest(kind=kind):
                device, key, extra = self.add_device(), self.new_key(kind), self.work.path("extra.pem")
                self.ir(key, self.by_token(self.add_token(device)), "-extracertsout", extra)
                # Nothing but what the answer brought, which the token vouches for.
                openssl("verify", "-CAfile", self.cas, "-untrusted", extra, "-purpose", "sslclient", self.got)
                self.assertEqual(openssl("x509", "-in", self.cas).out, openssl("x509", "-in", self.house.root).out)
                self.assert_holds(self.got, device, key)
                self.wait_for_outcome(device, "issued")

    def test_confirmation_may_be_implicit(self):
        for options, confirms in (((), True), (("-implicit_confirm",), False)):
            with self.subTest(options=options):
                device, key = self.add_device(), self.new_key()
                said = self.ir(key, self.by_token(self.add_token(device)), *options)
                self.assertEqual("sending CERTCONF" in said, confirms)
                self.assert_holds(self.got, device, key)

    def test_a_transaction_may_take_a_connection_for_each_message(self):
        device = self.add_device()
        self.enrol(device, self.add_token(device), "-keep_alive", "0")

    def test_p10cr_takes_what_is_pkcs10(self):
        device, key = self.add_device(), self.new_key()
        self.cmp("p10cr", "-csr", self.new_request(key), *self.by_token(self.add_token(device)), *self.outputs())
        self.assert_holds(self.got, device, key)

    def test_a_certificate_that_its_holder_will_not_have_is_revoked(self):
        device, key = self.add_device(), self.new_key()
        # It checks what it got against anchors that know nothing of our authority, and rejects it by certConf.
        stranger = self.work.path("stranger.pem")
        openssl("req", "-x509", "-key", self.new_key(), "-subj", "/CN=Stranger", "-out", stranger)
        self.ir(key, self.by_token(self.add_token(device)), "-out_trusted", stranger, code=1)
        self.wait_for_outcome(device, "revoked")

    def test_a_wrong_secret_and_an_unknown_reference_get_the_same_answer(self):
        device = self.add_device()
        token, key = self.add_token(device), self.new_key()
        unknown = Token.of("00000000", token.secret)
        said = []
        for shown in (self.by_token(token, "0" * 26), self.by_token(unknown)):
            answer = self.work.path("answer.der")
            self.ir(key, shown, "-rspout", answer, code=1)
            self.assertFalse(self.got.exists())
            said.append(self.shape_of(answer).replace(shown[1], "REFERENCE"))
        self.assertEqual(said[0], said[1])
        self.assertEqual(self.state_of(device), "expected")
        self.enrol(device, token)

    def test_a_challenge_is_too_short_for_it(self):
        device = self.add_device()
        text = self.add_token(device, "--challenge").text
        self.ir(self.new_key(), ("-ref", text[:8], "-secret", f"pass:{text[8:]}"), code=1)
        self.assertEqual(self.state_of(device), "expected")

    def test_kur_renews_for_a_new_key(self):
        device = self.add_device()
        first = self.enrol(device, self.add_token(device))
        for options in ((), ("-implicit_confirm",)):
            with self.subTest(options=options):
                renewed = self.update(first, *options)
                self.assertNotEqual(self.serial_of(first.certificate), self.serial_of(renewed.certificate))
                first = renewed
        self.wait_for_outcome(device, "renewed")

    def test_rr_revokes_what_it_is_signed_with(self):
        device = self.add_device()
        held = self.enrol(device, self.add_token(device))
        said = self.cmp("rr", "-oldcert", held.certificate, "-revreason", "1", *self.by_certificate(held))
        self.assertIn("revocation accepted", said)
        self.wait_for_outcome(device, "revoked")
        self.assert_refused("kur", "-newkey", self.new_key(), *self.by_certificate(held))

    def test_rr_does_not_revoke_another_devices_certificate(self):
        mine, other = (self.enrol(device, self.add_token(device)) for device in (self.add_device(), self.add_device()))
        said = self.cmp("rr", "-oldcert", other.certificate, *self.by_certificate(mine), code=1)
        self.assertIn("badCertId", said)
        self.update(other)

    def test_genm_tells_the_ca_certificates(self):
        device = self.add_device()
        held = self.enrol(device, self.add_token(device))
        said = self.cmp("genm", "-infotype", "caCerts", *self.by_certificate(held))
        self.assertIn("genp contains ITAV of type: id-it-caCerts", said)

    def test_a_person_decides_while_it_waits(self):
        device, key = self.add_device(), self.new_key()
        token = self.add_token(device, "--needs-approval")
        # It would poll after as long as the server says; told to give up earlier, it asks anew.
        self.ir(key, self.by_token(token), "-total_timeout", "1", code=1)
        self.house("enrolment", "approve", self.waiting(device))
        self.ir(key, self.by_token(token))
        self.assert_holds(self.got, device, key)


if __name__ == "__main__":
    main_in_own_network()
