"""Attacks on enrolment: what a token or certificate of one device is worth for another, spent, guessed and old tokens,
requests that want too much, and messages that no client would send. What must look alike is compared to the byte."""

import re
import unittest

from authority import AuthorityTest, Identity, Token, openssl
from harness import PATIENCE, RINGFENCE, by_clock, need_program, run
from namespaces import main_in_own_network
from scep_wire import (BAD_ALGORITHM, BAD_CERTIFICATE_ID, BAD_MESSAGE_CHECK, BAD_REQUEST, PENDING, POLL, REFUSED,
                       RENEWAL, REQUEST, SUCCESS, ScepWire)
from wire import http_get, tls_context

TOO_MUCH = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-addext", "extendedKeyUsage=serverAuth,codeSigning",
            "-addext", "subjectAltName=DNS:prov.example.test,DNS:*.example.test,IP:127.0.0.1")


class Attack(AuthorityTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.scep = ScepWire(cls.work, cls.server.ports["http"])
        # One key of RSA serves all messages whose key does not matter.
        cls.rsa = cls.new_key("rsa")
        cls.hand = cls.scep.hand(cls.rsa)

    def ask_by_scep(self, hand, secret=None, kind=REQUEST):
        """Signs and posts a request for the hand's own key."""
        return self.scep.post(self.scep.sign(self.scep.seal(self.scep_request(hand.key, secret)), hand, kind))

    def scep_request(self, key, secret=None, *options, subject="/CN=NTIPP0102AB"):
        if secret is not None:
            quoted = secret.replace("$", r"\$")  # one of a token's check symbols
            config = self.work.write("challenge.cnf", "[req]\nprompt=no\ndistinguished_name=name\nattributes=more\n"
                                     f"[name]\nCN={subject.rpartition('=')[2]}\n[more]\nchallengePassword={quoted}\n")
            options = (*options, "-config", config)
        else:
            options = (*options, "-subj", subject)
        request = self.work.path("request.der")
        openssl("req", "-new", "-key", key, "-outform", "DER", "-out", request, *options)
        return request.read_bytes()

    def enrol_by_scep(self, device, token):
        hand = self.scep.hand(self.new_key("rsa"))
        reply = self.ask_by_scep(hand, token.text)
        self.assertEqual(reply.status, SUCCESS)
        return self.assert_holds(self.scep.open(reply, hand), device, hand.key)

    def reply_shape(self, reply):
        """All that whoever cannot check signatures sees of an answer: HTTP's part, and of CMS what never changes."""
        answer = self.work.write("answer.der", reply.body)
        shown = re.sub(r"UTCTIME +:.*", "UTCTIME", self.shape_of(answer))
        return f"{reply.http} {reply.kind} {len(reply.body)}\n{shown}"

    def state_of_token(self, token):
        (found,) = [each["state"] for each in self.house.json_lines("token", "list")
                    if each["reference"] == token.reference]
        return found

    def assert_alike(self, replies):
        shapes = [self.reply_shape(reply) for reply in replies]
        for shape in shapes:
            self.assertEqual(shape, shapes[0])

    def assert_nothing_by_any_protocol(self, token):
        """No protocol gives anything for it to a new key."""
        reply = self.ask_by_scep(self.scep.hand(self.new_key("rsa")), token.text)
        self.assertEqual((reply.http, reply.status, reply.failure), (200, REFUSED, BAD_REQUEST))
        answer = self.est("simpleenroll", "--user", token.login, key=self.new_key())
        self.assertIn(answer.status, (401, 403))
        got = self.work.path("got.pem")
        self.cmp("ir", "-newkey", self.new_key(), "-subject", "/CN=x", *self.by_token(token), "-certout", got, code=1)
        self.assertFalse(got.exists())

    def assert_renews_nothing(self, held):
        """No protocol gives anything to whoever shows this certificate and has its key."""
        got = self.work.path("got.pem")
        self.assertNotEqual(self.est("simplereenroll", *self.shown(held), key=self.new_key()).status, 200)
        self.cmp("kur", "-newkey", self.new_key(), *self.by_certificate(held), "-certout", got, code=1)
        self.assertFalse(got.exists())


class Tokens(Attack):
    def test_a_spent_token_is_worth_nothing_and_an_alarm(self):
        device = self.add_device()
        token = self.add_token(device)
        held = self.enrol_by_est(device, token)
        self.assert_nothing_by_any_protocol(token)
        self.wait_for_outcome(device, "second-enrolment", kind="alarm", detail="nothing was issued")
        self.assertEqual(len(self.enrolments(device)), 1)
        self.assert_holds(held.certificate, device, held.key)
        self.assertEqual(self.est("simplereenroll", *self.shown(held), key=self.new_key()).status, 200)

    @unittest.skipIf(PATIENCE > 1, "faketime and sanitizers hang each other")
    def test_a_token_that_is_over_is_worth_nothing(self):
        device = self.add_device()
        made = run([*by_clock("-2h"), RINGFENCE, "token", "add", device.mac, "--hours", "1",
                    "--data", self.house.data, "--json"], check=True)
        token = Token(made.json()["token"])
        self.assertEqual(self.state_of_token(token), "over")
        self.assert_nothing_by_any_protocol(token)
        self.assertEqual(self.state_of(device), "expected")

    def test_a_token_that_was_withdrawn_is_worth_nothing(self):
        device = self.add_device()
        token = self.add_token(device)
        self.house("token", "withdraw", token.reference)
        self.assert_nothing_by_any_protocol(token)

    def test_five_guesses_lock_a_challenge_and_no_other(self):
        device, neighbour = self.add_device(), self.add_device()
        challenge, other = (self.add_token(each, "--challenge") for each in (device, neighbour))
        wrong = challenge.text[:8] + "".join(str((int(digit) + 1) % 10) for digit in challenge.text[8:])
        replies = [self.ask_by_scep(self.hand, wrong) for _ in range(5)]
        replies.append(self.ask_by_scep(self.hand, challenge.text))  # right, and too late
        self.assert_alike(replies)
        self.assertEqual(replies[0].failure, BAD_REQUEST)
        self.assertEqual(self.state_of_token(Token(challenge.text[:8])), "locked")
        self.wait_for_outcome(device, "token-guessed", kind="alarm", detail="which is locked now")
        self.enrol_by_scep(neighbour, other)

    def test_guesses_at_a_token_lock_nobody_out(self):
        device = self.add_device()
        token, other = self.add_token(device), self.add_token(self.add_device())
        wrong = Token.of(token.reference, other.secret)
        for _ in range(12):
            reply = self.ask_by_scep(self.hand, wrong.text)
            self.assertEqual((reply.status, reply.failure), (REFUSED, BAD_REQUEST))
            self.assertEqual(self.est("simpleenroll", "--user", wrong.login, key=self.rsa).status, 401)
        self.wait_for_outcome(device, "token-guessed", kind="alarm")
        self.enrol_by_scep(device, token)

    def test_an_enrolled_device_is_not_enrolled_again_unseen(self):
        device = self.add_device()
        first, second = self.add_token(device), self.add_token(device)
        held = self.enrol_by_est(device, first)
        self.assert_nothing_by_any_protocol(second)
        self.wait_for_outcome(device, "second-enrolment", kind="alarm")
        self.house("token", "add", device.mac, code=1)
        # With an administrator's word it is, and what it had is revoked.
        self.enrol_by_est(device, self.add_token(device, "--replace"))
        self.assert_renews_nothing(held)

    def test_a_request_gets_what_the_inventory_says_whatever_it_wants(self):
        other = self.add_device()
        name = other.mac.replace(":", "").upper()
        wishes = ("-addext", f"subjectAltName=DNS:{other.name}"), TOO_MUCH
        for wish in wishes:
            with self.subTest(wish=wish):
                device, key = self.add_device(), self.new_key()
                token = self.add_token(device)
                subject = f"/O=prov.example.test/serialNumber={other.serial}/CN={name}"
                request = self.new_request(key, *wish, subject=subject, form="DER")
                answer = self.est("simpleenroll", "--user", token.login, request=request)
                self.held_by(answer, device, key)

                device, hand = self.add_device(), self.scep.hand(self.new_key("rsa"), subject)
                content = self.scep_request(hand.key, self.add_token(device).text, *wish, subject=f"/CN={name}")
                reply = self.scep.post(self.scep.sign(self.scep.seal(content), hand))
                self.assert_holds(self.scep.open(reply, hand), device, hand.key)

                device, got = self.add_device(), self.work.path("got.pem")
                self.cmp("p10cr", "-csr", self.new_request(key, *wish, subject=subject),
                         *self.by_token(self.add_token(device)), "-certout", got)
                self.assert_holds(got, device, key)
        self.assertEqual(self.state_of(other), "expected")

    def test_a_retired_device_can_do_nothing(self):
        device = self.add_device()
        held = self.enrol_by_est(device, self.add_token(device))
        unused = self.add_token(device, "--replace")
        self.house("device", "retire", device.mac)
        self.assert_nothing_by_any_protocol(unused)
        self.assert_renews_nothing(held)
        self.house("token", "add", device.mac, "--replace", code=1)


class Certificates(Attack):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.mine, cls.other = cls.add_device(), cls.add_device()
        for device in (cls.mine, cls.other):
            cls.house.set("AUTOLOGIN_ID_KEY01", "4711@voice.example.net", "--device", device.mac)

    def setUp(self):
        self.held = self.enrol_by_est(self.mine, self.add_token(self.mine, "--replace"))

    def status_of(self, device, held):
        """What the HTTPS door says to whoever asks for this device's settings by that certificate; 0: not a word."""
        path = f"/SIP{device.mac.replace(':', '').upper()}.cfg"
        proof = tls_context(self.house.root, held.certificate, held.key)
        return http_get(self.server.ports["https"], path, proof).status

    def test_it_opens_its_own_devices_files(self):
        self.assertEqual(self.status_of(self.mine, self.held), 200)
        self.assertEqual(self.status_of(self.other, self.held), 404)

    def test_the_login_that_it_is_handed_opens_its_own_devices_files(self):
        address = f"https://{self.door('https')}"
        curl = (need_program("curl"), "--silent", "--cacert", self.house.root)
        handed = run([*curl, *self.shown(self.held), "--request", "POST", f"{address}/.well-known/ringfence/login"],
                     check=True).json()
        login = self.work.write("login.curl", f'user = "{handed["user"]}:{handed["password"]}"\n', 0o600)
        for device, status in ((self.mine, "200"), (self.other, "404")):
            path = f"SIP{device.mac.replace(':', '').upper()}.cfg"
            done = run([*curl, "--config", login, "--output", "/dev/null", "--write-out", "%{http_code}",
                        f"{address}/{path}"])
            self.assertEqual(done.out, status)
        for shown in ((), self.shown(self.forge())):
            done = run([*curl, *shown, "--request", "POST", f"{address}/.well-known/ringfence/login"])
            self.assertNotIn("password", done.out)

    def test_it_renews_its_own_device_whoever_is_named(self):
        other = self.add_device()
        name = f"/O=prov.example.test/serialNumber={other.serial}/CN={other.mac.replace(':', '').upper()}"
        key = self.new_key("rsa")
        request = self.new_request(key, "-addext", f"subjectAltName=DNS:{other.name}", subject=name, form="DER")
        renewed = self.held_by(self.est("simplereenroll", *self.shown(self.held), request=request), self.mine, key)
        got = self.work.path("got.pem")
        self.cmp("kur", "-newkey", key, "-subject", name, "-sans", other.name, *self.by_certificate(renewed),
                 "-certout", got)
        by_cmp = self.assert_holds(got, self.mine, key)
        reply = self.scep.post(self.scep.sign(self.scep.seal(request.read_bytes()), by_cmp, RENEWAL))
        self.assert_holds(self.scep.open(reply, by_cmp), self.mine, key)
        self.assertEqual(self.enrolments(other), [])

    def test_it_does_not_revoke_anothers(self):
        victim = self.enrol_by_est(self.other, self.add_token(self.other, "--replace"))
        said = self.cmp("rr", "-oldcert", victim.certificate, *self.by_certificate(self.held), code=1)
        self.assertIn("rejection", said)
        self.assertEqual(self.status_of(self.other, victim), 200)

    def test_a_server_of_ours_is_no_device(self):
        folder = self.work.path("proxy")
        self.house("cert", "host", "proxy.example.test", "--out", folder)
        self.assert_renews_nothing(Identity(self.mine, folder / "cert.pem", folder / "key.pem"))

    def test_a_forged_certificate_of_our_names_renews_nothing(self):
        forged = self.forge()
        self.assertEqual(self.status_of(self.mine, forged), 0)
        self.assert_renews_nothing(forged)
        reply = self.ask_by_scep(forged, kind=RENEWAL)
        self.assertEqual((reply.status, reply.failure), (REFUSED, BAD_REQUEST))

    def forge(self):
        """A device's certificate in every word, below a CA with the name of our own."""
        subjects = [openssl("x509", "-in", path, "-noout", "-subject", "-nameopt", "compat").out.strip()
                    .partition("subject=")[2] for path in (self.issuing_rsa, self.held.certificate)]
        ca, ca_key, key = self.work.path("ca.pem"), self.new_key(), self.new_key("rsa")
        openssl("req", "-x509", "-key", ca_key, "-subj", subjects[0], "-out", ca)
        request, certificate = self.new_request(key, subject=subjects[1]), self.work.path("forged.pem")
        extensions = self.work.write("extensions", "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\n")
        serial = "0x" + self.serial_of(self.held.certificate)
        openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-set_serial", serial, "-days", "30",
                "-extfile", extensions, "-out", certificate)
        return Identity(self.mine, certificate, key)

    def test_what_old_algorithms_vouch_for_is_worth_nothing_at_the_main_door(self):
        folder = self.house.issue(self.other.mac, "rsa2048", "https-legacy")
        legacy = Identity(self.other, folder / "cert.pem", folder / "key.pem")
        self.assert_renews_nothing(legacy)
        reply = self.ask_by_scep(legacy, kind=RENEWAL)
        self.assertEqual((reply.status, reply.failure), (REFUSED, BAD_REQUEST))


class Messages(Attack):
    def setUp(self):
        self.device = self.add_device()
        self.token = self.add_token(self.device)
        self.request = self.scep_request(self.rsa, self.token.text)

    def reply_to(self, sealed, hand=None):
        return self.scep.post(self.scep.sign(sealed, hand or self.hand))

    def broken_key(self):
        """An envelope to the right recipient whose RSA ciphertext is not what was made."""
        sealed = bytearray(self.scep.seal(self.request))
        place = sealed.index(b"\x04\x82\x01\x00") + 100  # the encrypted key, 256 bytes
        sealed[place] ^= 1
        return bytes(sealed)

    def test_whatever_is_wrong_inside_looks_the_same(self):
        stranger = self.scep.hand(self.new_key("rsa"))
        broken_content = bytearray(self.scep.seal(self.request))
        broken_content[-1] ^= 1
        broken_request = bytearray(self.request)
        broken_request[-1] ^= 1
        registration, seal = self.scep.registration, self.scep.seal
        messages = {
            "another recipient": seal(self.request, stranger.certificate),
            "two recipients": seal(self.request, registration, stranger.certificate),
            "two recipients, ours last": seal(self.request, stranger.certificate, registration),
            "twice ourselves": seal(self.request, registration, registration),
            "the root for recipient": seal(self.request, self.house.root),
            "a key that does not open": self.broken_key(),
            "content that does not open": bytes(broken_content),
            "no request inside": seal(b"nonsense" * 100),
            "nothing inside": seal(b""),
            "half a request inside": seal(self.request[:len(self.request) // 2]),
            "a request that is not signed by its key": seal(bytes(broken_request)),
            "a request for another's key": seal(self.scep_request(stranger.key, self.token.text)),
            "not enveloped at all": self.request,
            "an empty envelope": b"",
        }
        replies = {name: self.reply_to(sealed) for name, sealed in messages.items()}
        for name, reply in replies.items():
            with self.subTest(name):
                self.assertEqual((reply.http, reply.status, reply.failure), (200, REFUSED, BAD_MESSAGE_CHECK))
                self.assertEqual(self.reply_shape(reply), self.reply_shape(replies["another recipient"]))
        self.assertEqual(self.state_of(self.device), "expected")
        self.assertEqual(self.reply_to(seal(self.request)).status, SUCCESS)

    def test_nothing_tells_a_listener_whether_an_envelope_opened(self):
        listener = self.scep.hand(self.new_key("rsa"))
        token = self.add_token(self.add_device(), "--needs-approval")
        own = self.scep.seal(self.scep_request(listener.key, token.text))
        self.assertEqual(self.scep.post(self.scep.sign(own, listener, transaction=b"own")).status, PENDING)
        # Whatever the type and the signature over it, and however far its own request has come.
        ways = ({}, {"kind": RENEWAL}, {"kind": POLL}, {"kind": POLL, "transaction": b"own"}, {"hash": "sha1"})
        for cipher in ("-aes-128-cbc", "-des3"):
            heard = self.scep.seal(self.request, cipher=cipher)
            changed = heard[:-1] + bytes((heard[-1] ^ 1,))  # does not open: its padding is wrong
            for way in ways:
                with self.subTest(cipher=cipher, way=way):
                    self.assert_alike([self.scep.post(self.scep.sign(envelope, listener, **way))
                                       for envelope in (heard, changed)])

    def test_old_algorithms_are_refused_by_name(self):
        replies = [self.reply_to(self.scep.seal(self.request, cipher="-des3")),
                   self.scep.post(self.scep.sign(self.scep.seal(self.request), self.hand, hash="sha1"))]
        for reply in replies:
            self.assertEqual((reply.status, reply.failure), (REFUSED, BAD_ALGORITHM))
        self.assertEqual(self.state_of(self.device), "expected")

    def test_a_message_that_was_cut_or_changed_outside_is_400(self):
        whole = self.scep.sign(self.scep.seal(self.request), self.hand)
        size = len(whole)
        broken_signature = whole[:-1] + bytes((whole[-1] ^ 1,))
        cuts = [whole[:length] for length in (0, 1, 2, 4, 20, size // 4, size // 2, size - 257, size - 1)]
        for message in (*cuts, broken_signature, whole + b"\0", whole[1:], b"\0" * size):
            reply = self.scep.post(message)
            self.assertEqual((reply.http, reply.kind, reply.body), (400, "text/plain", b"This is no SCEP message.\n"))
        self.assertEqual(self.state_of(self.device), "expected")

    def test_a_replay_brings_the_same_certificate_to_the_same_key(self):
        message = self.scep.sign(self.scep.seal(self.request), self.hand)
        first, again = self.scep.post(message), self.scep.post(message)
        self.assertEqual((first.status, again.status), (SUCCESS, SUCCESS))
        certificates = [self.scep.open(reply, self.hand).read_text() for reply in (first, again)]
        self.assertEqual(*certificates)
        self.assertEqual(len(self.enrolments(self.device)), 1)
        # Whoever heard it cannot open the answer.
        thief = self.scep.hand(self.new_key("rsa"))
        with self.assertRaises(AssertionError):
            self.scep.open(again, thief)

    def test_an_envelope_that_was_heard_is_worth_nothing_to_another_signer(self):
        thief = self.scep.hand(self.new_key("rsa"))
        reply = self.reply_to(self.scep.seal(self.request), thief)
        self.assertEqual((reply.status, reply.failure), (REFUSED, BAD_MESSAGE_CHECK))
        self.assertEqual(self.state_of(self.device), "expected")

    def test_a_poll_for_a_foreign_transaction_tells_nothing(self):
        token = self.add_token(self.device, "--needs-approval")
        content = self.scep.seal(self.scep_request(self.rsa, token.text))
        waits = self.scep.post(self.scep.sign(content, self.hand, transaction=b"mine"))
        self.assertEqual(waits.status, PENDING)
        thief = self.scep.hand(self.new_key("rsa"))
        foreign, absent = self.poll(thief, b"mine"), self.poll(thief, b"none")
        self.assertEqual((foreign.status, foreign.failure), (REFUSED, BAD_CERTIFICATE_ID))
        self.assertEqual(self.reply_shape(foreign), self.reply_shape(absent).replace(":none", ":mine"))
        self.house("enrolment", "approve", self.waiting(self.device))
        self.assertEqual(self.poll(thief, b"mine").failure, BAD_CERTIFICATE_ID)
        self.assertEqual(self.poll(self.hand, b"none").failure, BAD_CERTIFICATE_ID)
        reply = self.poll(self.hand, b"mine")
        self.assertEqual(reply.status, SUCCESS)
        self.assert_holds(self.scep.open(reply, self.hand), self.device, self.rsa)

    def poll(self, hand, transaction):
        """Its content is an IssuerAndSubject of empty names: transaction and key tell what is meant."""
        return self.scep.post(self.scep.sign(self.scep.seal(bytes.fromhex("300430003000")), hand, POLL, transaction))


if __name__ == "__main__":
    main_in_own_network()
