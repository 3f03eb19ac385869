"""ringfence-phone enrols at Debian's scepserver, directly and through a hand that spoils the talk, in a network of its
own, because that server listens everywhere."""

import base64
import hashlib
import http.client
import os
import stat
import subprocess
import threading
import unittest
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import PHONE, Child, SystemTest, free_port, need_program, run
from namespaces import has_own_network, main_in_own_network

CHALLENGE = "canary-challenge-5518"


class Between(ThreadingHTTPServer):
    """Stands before the server and hands everything on, unless a test gave an operation a hand of its own."""

    daemon_threads = True

    def __init__(self, server_port):
        super().__init__(("127.0.0.1", 0), Handler)
        self.server_port_behind = server_port
        self.hands = {}     # operation -> function(handler, answer) that answers instead
        self.requests = []  # (method, operation, message)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/scep"

    def messages(self):
        return [message for _, operation, message in self.requests if operation == "PKIOperation"]

    def ask_behind(self, method, path, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.server_port_behind, timeout=20)
        connection.request(method, path, body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    def handle_error(self, request, client_address):
        """A phone that goes away is no error of ours."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        self.pass_on("GET", query, base64.b64decode(query.get("message", [""])[0] + "=="))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        self.pass_on("POST", query, body)

    def pass_on(self, method, query, message):
        operation = query["operation"][0]
        self.server.requests.append((method, operation, message))
        answer = lambda: self.server.ask_behind(method, self.path, message if method == "POST" else None)
        hand = self.server.hands.get(operation)
        if hand is None:
            self.send(*answer())
        else:
            hand(self, answer)

    def send(self, status, content, cut_at=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:cut_at])
        if cut_at is not None:
            self.hang_up()

    def hang_up(self):
        self.close_connection = True

    def log_message(self, *args):
        """Nothing on standard error."""


class Scep(SystemTest):
    @classmethod
    def setUpClass(cls):
        if not has_own_network():
            if os.environ.get("CI") == "true":
                raise AssertionError("CI must let this test have a network of its own, or nobody asks a real SCEP server")
            raise unittest.SkipTest("this machine does not let us have a network of our own")
        super().setUpClass()
        cls.depot = cls.work.path("depot")
        run([need_program("scepserver"), "ca", "-init", "-keySize", "2048", "-depot", cls.depot], check=True)
        cls.ca = cls.depot / "ca.pem"
        cls.challenge = cls.work.write("challenge", CHALLENGE + "\n", 0o600)
        cls.port = free_port()
        cls.server = cls.work.start([need_program("scepserver"), "-depot", cls.depot, "-port", cls.port, "-challenge",
                                     CHALLENGE, "-allowrenew", "0"])
        cls.server.wait_for_port(cls.port)
        cls.url = f"http://127.0.0.1:{cls.port}/scep"
        cls.macs = iter(range(1, 1000))

    def setUp(self):
        self.state = self.work.path("flash")
        # The server knows each name once, so each test has a phone of its own.
        number = next(self.macs)
        self.mac = f"00:24:7F:0A:00:{number:02X}"
        self.name = f"NTIPP0A00{number:02X}"

    def der(self, *args):
        return subprocess.run(["openssl", *map(str, args)], capture_output=True, check=True).stdout

    def fingerprint(self, algorithm="sha1"):
        return hashlib.new(algorithm, self.der("x509", "-in", self.ca, "-outform", "DER")).hexdigest()

    def command(self, *options, url=None):
        return [PHONE, "enrol", "--scep", url or self.url, "--state", self.state, "--mac", self.mac, *options]

    def usual(self, *options, url=None):
        return self.command("--accept-fingerprint", self.fingerprint(), "--challenge-file", self.challenge, *options,
                            url=url)

    def enrol(self, *options, code=0, url=None):
        done = run([*self.usual(*options, url=url), "--json"], timeout=120)
        self.assertEqual(done.code, code, done)
        self.assertNotIn(CHALLENGE, done.out + done.err)
        return done.json()

    def between(self, **hands):
        hand = Between(self.port)
        self.addCleanup(hand.server_close)
        self.addCleanup(hand.shutdown)
        hand.hands = hands
        return hand

    def identity(self):
        """What is installed: the flash's file with key and certificate."""
        held = [path for path in (self.state / "files").glob("*") if b"PRIVATE KEY" in path.read_bytes()]
        return held[0] if held else self.state / "files" / "none"

    def under_way(self):
        return self.state / "enrolment-1"

    def stored(self):
        return b"".join(path.read_bytes() for path in self.state.rglob("*") if path.is_file())

    def assert_installed(self, subject):
        identity = self.identity()
        self.assertEqual(stat.S_IMODE(identity.stat().st_mode), 0o600)
        run(["openssl", "verify", "-CAfile", self.ca, identity], check=True)
        certificate_key = self.der("x509", "-in", identity, "-noout", "-pubkey")
        self.assertEqual(certificate_key, self.der("pkey", "-in", identity, "-pubout"))
        self.assertIn(f"CN = {subject}", run(["openssl", "x509", "-in", identity, "-noout", "-subject"]).out)
        self.assertFalse(self.under_way().exists())
        self.assertNotIn(CHALLENGE.encode(), self.stored())

    def test_enrols_with_the_subject_of_a_set(self):
        report = self.enrol("--allow-des")
        self.assertEqual(report["outcome"], "enrolled")
        self.assertEqual(report["name"], self.name)
        self.assertEqual(report["sha256"], self.fingerprint("sha256"))
        self.assert_installed(self.name)

    def test_enrols_with_host_name_and_domain(self):
        self.enrol("--allow-des", "--host-name", "desk-12", "--domain", "lab.example.net", "--profile", "1")
        self.assert_installed("desk-12.lab.example.net")

    def test_single_des_is_taken_only_when_told(self):
        refused = self.enrol(code=1)
        self.assertEqual(refused["outcome"], "failed")
        self.assertIn("single DES", refused["reason"])
        self.assertFalse(self.identity().exists())
        self.assertEqual(stat.S_IMODE(self.under_way().stat().st_mode), 0o600)
        taken = self.enrol("--allow-des")
        self.assertEqual(taken["transaction"], refused["transaction"], "the same key asks again")
        self.assert_installed(self.name)

    def test_a_wrong_challenge_is_told_as_the_server_told_it(self):
        wrong = self.work.write("wrong", "not it\n", 0o600)
        done = run([*self.command("--accept-fingerprint", self.fingerprint(), "--challenge-file", wrong, "--json")])
        self.assertEqual(done.code, 1, done)
        self.assertEqual(done.json()["reason"], "the authority refused the request: badRequest")
        self.assertFalse(self.under_way().exists())

    def test_an_authority_that_is_not_the_expected_one_gets_nothing(self):
        hand = self.between()
        for options, words in ((["--accept-fingerprint", "ab" * 20], "it is not the one given"),
                               ([], "nobody was there to answer"),
                               (["--accept-fingerprint", self.fingerprint(), "--switch", "thumbprint=public-key"],
                                "it is not the one given")):
            done = run([*self.command(*options, "--challenge-file", self.challenge, url=hand.url), "--json"])
            self.assertEqual(done.code, 1, done)
            self.assertEqual(done.json()["outcome"], "refused")
            self.assertIn(words, done.json()["reason"])
        self.assertEqual(hand.messages(), [])
        self.assertFalse(self.under_way().exists())

    def test_the_fingerprint_may_be_the_public_keys(self):
        spki = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"],
                              input=self.der("x509", "-in", self.ca, "-noout", "-pubkey"), capture_output=True,
                              check=True).stdout
        done = run([*self.command("--accept-fingerprint", hashlib.sha1(spki).hexdigest(), "--switch", "thumbprint=public-key",
                                  "--challenge-file", self.challenge, "--allow-des"), "--json"])
        self.assertEqual(done.json()["outcome"], "enrolled", done)

    def test_another_authority_in_between_is_refused(self):
        depot = self.work.path("rogue")
        run([need_program("scepserver"), "ca", "-init", "-keySize", "2048", "-depot", depot], check=True)
        rogue = self.der("x509", "-in", depot / "ca.pem", "-outform", "DER")
        hand = self.between(GetCACert=lambda handler, answer: handler.send(200, rogue))
        report = self.enrol("--allow-des", url=hand.url, code=1)
        self.assertEqual(report["outcome"], "refused")
        self.assertEqual(hand.messages(), [])

    def test_what_stands_on_the_wire_is_aes_and_sha256(self):
        hand = self.between()
        self.enrol("--allow-des", url=hand.url)
        self.assertEqual([(method, operation) for method, operation, _ in hand.requests],
                         [("GET", "GetCACaps"), ("GET", "GetCACert"), ("POST", "PKIOperation")])
        outer, inner = self.open_message(hand.messages()[0])
        for part in ("PRINTABLESTRING:19", "algorithm: sha256"):
            self.assertIn(part, outer)
        self.assertIn("aes-128-cbc", inner)
        self.assertNotIn(CHALLENGE.encode(), hand.messages()[0])

    def open_message(self, message):
        path = self.work.write("message", message)
        content = self.work.folder / "message-content"
        run(["openssl", "cms", "-verify", "-noverify", "-binary", "-inform", "DER", "-in", path, "-out", content],
            check=True)
        show = ["openssl", "cms", "-cmsout", "-print", "-noout", "-inform", "DER", "-in"]
        return run([*show, path], check=True).out, run([*show, content], check=True).out

    def test_without_post_the_request_goes_by_get(self):
        hand = self.between(GetCACaps=lambda handler, answer: handler.send(200, b"AES\nSHA-256\nRenewal\n"))
        self.enrol("--allow-des", url=hand.url)
        self.assertEqual(hand.requests[-1][:2], ("GET", "PKIOperation"))
        self.assert_installed(self.name)

    def test_a_server_that_hangs_up_at_getcacaps_gets_the_oldest_form_that_is_safe(self):
        hand = self.between(GetCACaps=lambda handler, answer: handler.hang_up())
        report = self.enrol("--allow-des", url=hand.url)
        self.assertIn("does not say what it can do", report["notes"][0])
        outer, inner = self.open_message(hand.messages()[0])
        self.assertIn("algorithm: sha1", outer)
        self.assertIn("des-ede3-cbc", inner)
        self.assert_installed(self.name)

    def test_a_dead_server_ends_the_run(self):
        report = self.enrol("--allow-des", url=f"http://127.0.0.1:{free_port()}/scep", code=1)
        self.assertEqual(report["outcome"], "failed")
        self.assertIn("asking for the authority's certificate", report["reason"])
        self.assertFalse(self.under_way().exists())
        for hand in (self.between(GetCACert=lambda handler, answer: handler.send(404, b"")),
                     self.between(GetCACert=lambda handler, answer: handler.send(200, b"<html>"))):
            self.enrol("--allow-des", url=hand.url, code=1)
            self.assertEqual(hand.messages(), [])

    def test_a_silent_server_is_given_up(self):
        release = threading.Event()
        self.addCleanup(release.set)
        hand = self.between(GetCACert=lambda handler, answer: release.wait(60))
        report = self.enrol("--allow-des", "--patience", "1", url=hand.url, code=1)
        self.assertEqual(report["outcome"], "failed")

    def test_an_answer_that_breaks_off_is_asked_for_again(self):
        def cut(handler, answer):
            status, content = answer()
            handler.send(status, content, cut_at=len(content) // 2)
        hand = self.between(PKIOperation=cut)
        report = self.enrol("--allow-des", url=hand.url, code=1)
        self.assertEqual(report["outcome"], "failed")
        self.assertIn("cut short", report["reason"])
        self.assertFalse(self.identity().exists())
        hand.hands = {}
        again = self.enrol("--allow-des", url=hand.url)
        self.assertEqual(again["transaction"], report["transaction"])
        self.assert_installed(self.name)

    def test_a_changed_answer_is_refused(self):
        for damage in (lambda content: content[:-40] + bytes(40), lambda content: content + b"x", lambda content: b"",
                       lambda content: b"<html></html>"):
            hand = self.between(PKIOperation=lambda handler, answer, damage=damage: handler.send(200, damage(answer()[1])))
            self.assertEqual(self.enrol("--allow-des", url=hand.url, code=1)["outcome"], "failed")
            self.assertFalse(self.identity().exists())

    def test_a_phone_that_is_killed_goes_on_with_its_key(self):
        asked, release = threading.Event(), threading.Event()

        def hold(handler, answer):
            asked.set()
            release.wait(60)
            handler.send(*answer())
        hand = self.between(PKIOperation=hold)
        self.addCleanup(release.set)
        phone = self.work.start(self.usual("--allow-des", url=hand.url), kind=Child)
        self.assertTrue(asked.wait(30), "the request to leave")
        self.assertTrue(self.under_way().exists(), "the key is in the flash before the request leaves")
        phone.kill()
        release.set()
        hand.hands = {}
        self.enrol("--allow-des", url=hand.url)
        self.assert_installed(self.name)
        keys = {self.signer_key(message) for message in hand.messages()}
        self.assertEqual((len(hand.messages()), len(keys)), (2, 1))

    def signer_key(self, message):
        path = self.work.write("message", message)
        signer = self.work.folder / "signer.pem"
        run(["openssl", "cms", "-verify", "-noverify", "-binary", "-inform", "DER", "-in", path, "-signer", signer,
             "-out", "/dev/null"], check=True)
        return self.der("x509", "-in", signer, "-noout", "-pubkey")

    def test_a_second_enrolment_renews(self):
        first = self.enrol("--allow-des")
        before = self.identity().read_bytes()
        hand = self.between()
        second = self.enrol("--allow-des", url=hand.url)
        self.assertEqual((first["renewal"], second["renewal"]), (False, True))
        self.assertNotEqual(first["transaction"], second["transaction"], "a renewal has a key of its own")
        outer, _ = self.open_message(hand.messages()[0])
        self.assertIn("PRINTABLESTRING:17", outer)
        self.assertNotEqual(self.identity().read_bytes(), before)
        self.assert_installed(self.name)

    def test_misuse_is_2_and_touches_nothing(self):
        for options, url in (([], "tftp://127.0.0.1"), ([], "nonsense"), (["--host-name", "a b"], None),
                             (["--accept-fingerprint", "yes"], None), (["--profile", "0"], None),
                             (["--switch", "thumbprint=md5"], None), ([], "http://u:p@127.0.0.1/scep")):
            done = run(self.command(*options, url=url))
            self.assertEqual(done.code, 2, done)
            self.assertFalse(self.state.exists())

    def test_a_reset_forgets_the_certificate(self):
        self.enrol(code=1)
        self.assertTrue(self.under_way().exists())
        self.enrol("--allow-des")
        run([PHONE, "reset", "--state", self.state], check=True)
        self.assertNotIn(b"PRIVATE KEY", self.stored())


if __name__ == "__main__":
    main_in_own_network()
