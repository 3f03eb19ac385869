"""A phone that has nothing but a token and its server's name: CMP and EST, the login that follows, and renewals. What
crosses the open wire is recorded and searched for secrets."""

import contextlib
import json
import socket
import sqlite3
import threading
import unittest

from harness import PHONE, RINGFENCE, Installation, SystemTest, by_clock, need_program, run, wait_until

MODEL = "1230"
EXIT_FAILED, EXIT_MISUSED, EXIT_PENDING = 1, 2, 3
# Past two thirds of a device certificate's five years, and before their end.
LATER = "+1500d"


class Tap(threading.Thread):
    """Stands before the HTTP door and records both directions."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.behind, self.recorded = port, bytearray()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            phone, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(phone,), daemon=True).start()

    def serve(self, phone):
        with phone, socket.create_connection(("127.0.0.1", self.behind)) as server:
            back = threading.Thread(target=self.carry, args=(server, phone), daemon=True)
            back.start()
            self.carry(phone, server)
            back.join()

    def carry(self, source, sink):
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                self.recorded += chunk
                sink.sendall(chunk)
            sink.shutdown(socket.SHUT_WR)


class Token(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.house = Installation(cls.work)
        cls.server = cls.house.serve(doors=("http", "https"))
        cls.addClassCleanup(cls.server.stop)
        cls.tap = Tap(cls.server.ports["http"])
        cls.https = cls.server.ports["https"]
        cls.macs = (f"00:24:7F:0C:00:{number:02X}" for number in range(1, 256))

    def setUp(self):
        self.state = self.work.path("flash")
        self.mac = next(self.macs)
        self.house.add_device(self.mac, MODEL)

    def token(self, *options):
        """A file with a fresh token."""
        text = self.house.json("token", "add", self.mac, *options)["token"]
        return self.work.write(f"token-{text[:8]}", text + "\n", 0o600)

    def enrol(self, *options, code=0, input=None, state=None):
        done = run([PHONE, "enrol", "--state", state or self.state, "--mac", self.mac, "--json", *options], input=input)
        self.assertEqual(done.code, code, done)
        return done.json() if done.out else done

    def by_cmp(self, token, *options, **more):
        return self.enrol("--token-file", token, "--server", f"http://127.0.0.1:{self.tap.port}", "--https-port",
                          self.https, *options, **more)

    def by_est(self, token, *options, **more):
        return self.enrol("--token-file", token, "--by", "est", "--server", f"https://127.0.0.1:{self.https}", *options,
                          **more)

    def boot(self, *options):
        done = run([PHONE, "boot", "--mac", self.mac, "--model", MODEL, "--state", self.state, "--json", "--url",
                    f"https://127.0.0.1:{self.https}/", *options])
        self.assertEqual(done.code, 0, done)
        return done.json()

    def profile(self):
        shown = run([PHONE, "show", "--state", self.state, "--json"], check=True).json()
        return next(p for p in shown["profiles"] if p["profile"] == 1)

    def device(self):
        return self.house.json("device", "show", self.mac)

    def serials(self):
        return [c["serial"] for c in self.device()["certificates"]]

    def stored(self):
        return b"".join(p.read_bytes() for p in self.state.rglob("*") if p.is_file())

    def wait_for_proof(self, proof):
        self.house.wait_for_event(lambda e: e["mac"] == self.mac.lower() and e["proof"] == proof, proof)

    def test_from_nothing_to_a_boot_over_mutual_tls_and_with_the_login(self):
        token = self.token()
        report = self.by_cmp(token)
        self.assertEqual((report["outcome"], report["accepted_by"]), ("enrolled", "the token proved who named it"))
        self.assertEqual(report["authority"], run([need_program("openssl"), "x509", "-in", self.house.root, "-noout",
                                                   "-subject", "-nameopt", "RFC2253"], check=True).out[8:].strip())
        self.assertEqual(self.profile()["source"], "cmp")
        self.boot()
        self.assertEqual(self.device()["state"], "active")
        self.wait_for_proof("device-certificate")

        handed_out = next(e for e in self.house.events()
                          if e["mac"] == self.mac.lower() and e["outcome"] == "login-handed-out")
        user = handed_out["detail"].split()[1].rstrip(",")
        self.assertNotEqual(self.device()["user"], user, "the one before holds until this one is used")
        run([PHONE, "profile", "--state", self.state, "--index", "1", "--active", "no"], check=True)
        self.boot()
        self.wait_for_proof("device-password")
        self.assertEqual(self.device()["user"], user)

        self.assert_secrets_stay_inside(token, report)

    def assert_secrets_stay_inside(self, token, report):
        text = token.read_text().strip()
        secret = text.split("-")[1].encode()
        parameters = (self.state / "index").read_text().splitlines()
        password = next(line.split()[-1] for line in parameters if "device-password" in line).encode()
        self.assertGreaterEqual(len(password), 22)
        self.assertIn(b"pkixcmp", self.tap.recorded)
        events = json.dumps(self.house.events()).encode()
        log = b"".join(p.read_bytes() for p in self.state.glob("events.*"))
        for what, places in ((secret, (self.tap.recorded, events, self.stored(), json.dumps(report).encode())),
                             (password, (self.tap.recorded, events, log, json.dumps(report).encode(),
                                         self.server.output().encode()))):
            for place in places:
                self.assertNotIn(what, place)
        for path in self.state.rglob("*"):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)

    def test_est_needs_a_root_and_shows_the_token_to_no_other_server(self):
        token = self.token()
        report = self.by_est(token, code=EXIT_FAILED)
        self.assertIn("no root certificate is installed", report["reason"])
        self.enrol("--token-file", token, "--by", "est", "--server", f"http://127.0.0.1:{self.tap.port}",
                   code=EXIT_MISUSED)
        # It was shown to nobody: it still serves.
        self.assertEqual(self.by_cmp(token, "--no-login")["outcome"], "enrolled")
        self.assertNotIn(b"device-password", (self.state / "index").read_bytes())
        report = self.by_est(self.token("--replace"))
        self.assertEqual(report["outcome"], "enrolled")
        self.assertEqual(self.profile()["source"], "est")
        self.boot()

    def test_a_token_serves_one_phone_and_once(self):
        token = self.token()
        self.by_cmp(token, "--key", "rsa2048")
        first = self.serials()
        thief = self.work.path("thief")
        for options in ((), ("--key", "rsa2048")):
            self.by_cmp(token, *options, state=thief, code=EXIT_FAILED)
        self.assertEqual(self.serials(), first)

    def test_wrong_tokens_bring_nothing(self):
        misread = self.work.write("misread", "ABCDEFGH-0123456789ABCDEFGHJKMNPQRS-0\n")
        done = run([PHONE, "enrol", "--state", self.state, "--mac", self.mac, "--token-file", misread, "--server",
                    "http://127.0.0.1:9"])
        self.assertEqual(done.code, EXIT_FAILED)
        self.assertNotIn("0123456789ABCDEFGH", done.out + done.err)
        withdrawn = self.token()
        self.house("token", "withdraw", withdrawn.read_text()[:8])
        expired = self.work.write("expired", run(
            [*by_clock("-2h"), *self.house_command("token", "add", self.mac, "--hours", "1", "--json")],
            check=True).json()["token"])
        for token in (withdrawn, expired):
            report = self.by_cmp(token, code=EXIT_FAILED)
            self.assertIn("wrong token?", report["reason"])
        self.assertEqual(self.serials(), [])
        # The same flash takes the right one, from standard input.
        self.assertEqual(self.by_cmp("-", input=self.token().read_bytes())["outcome"], "enrolled")

    def house_command(self, *args):
        return [RINGFENCE, *args, "--data", self.house.data]

    def test_a_person_decides_and_the_same_command_goes_on(self):
        token = self.token("--needs-approval")
        report = self.by_cmp(token, "--polls", "0", code=EXIT_PENDING)
        kept = (self.state / "enrolment-1").read_bytes()
        self.by_cmp(token, "--polls", "0", code=EXIT_PENDING)
        self.assertEqual((self.state / "enrolment-1").read_bytes(), kept)
        waiting = [e for e in self.house.json_lines("enrolment", "list") if e["state"] == "waiting"]
        self.assertEqual(len(waiting), 1, waiting)
        self.house("enrolment", "approve", str(waiting[0]["id"]))
        report = self.by_cmp(token, "--polls", "0")
        self.assertEqual(report["outcome"], "enrolled")
        self.assertFalse((self.state / "enrolment-1").exists())

    def test_another_servers_root_needs_its_fingerprint(self):
        self.by_cmp(self.token(), "--no-login")
        other = Installation(self.work, "other")
        other.add_device(self.mac, MODEL)
        server = other.serve(doors=("http",))
        token = self.work.write("others", other.json("token", "add", self.mac)["token"])
        where = ("--token-file", token, "--server", f"http://127.0.0.1:{server.ports['http']}", "--no-login")
        report = self.enrol(*where, code=EXIT_FAILED)
        self.assertIn("has a root already", report["reason"])
        report = self.enrol(*where, "--accept-fingerprint", report["sha256"])
        self.assertEqual(report["outcome"], "enrolled")
        server.stop()

    def test_renews_where_it_came_from(self):
        self.by_cmp(self.token())
        report = self.enrol("--renew")
        self.assertTrue(report["renewal"], report)
        self.assertEqual(len(self.serials()), 2)
        self.by_est(self.token("--replace"), "--no-login")
        self.assertTrue(self.enrol("--renew")["renewal"])
        self.assertEqual(self.profile()["source"], "est")
        self.boot()

    def test_run_renews_when_it_is_time(self):
        self.by_cmp(self.token())
        command = [PHONE, "run", "--mac", self.mac, "--model", MODEL, "--state", self.state, "--json", "--url",
                   f"https://127.0.0.1:{self.https}/"]
        events = lambda child: [json.loads(line).get("event") for line in child.output().splitlines()]
        early = self.work.start(command)
        wait_until(lambda: "next" in events(early) or "manifest" in early.output(), "the first boot")
        early.stop()
        self.assertNotIn("renewed", events(early))
        before = self.serials()
        late = self.work.start([*by_clock(LATER), *command])
        wait_until(lambda: "renewed" in events(late), "the renewal")
        late.stop()
        self.assertEqual(events(late).count("renewed"), 1)
        self.assertEqual(len(self.serials()), len(before) + 1)

    def curl(self, *options, door="https"):
        done = run([need_program("curl"), "-si", "--cacert", self.house.root, "--data-binary", '{"anchors":[]}', *options,
                    self.server.url(door, ".well-known/ringfence/login")], check=True)
        head, _, body = done.out.partition("\r\n\r\n" if "\r\n\r\n" in done.out else "\n\n")
        return int(head.split()[1]), head.lower(), body

    def test_a_login_is_handed_out_inside_mutual_tls_only(self):
        folder = self.house.issue(self.mac)
        shown = ("--cert", folder / "cert.pem", "--key", folder / "key.pem")
        user, password = self.house.users[self.mac], self.house.passwords[self.house.users[self.mac]]
        self.assertEqual(self.curl()[0], 401)
        self.assertEqual(self.curl("-u", f"{user}:{password}")[0], 401, "a password is not enough")
        self.assertEqual(self.curl(door="http")[0], 405)
        status, head, body = self.curl(*shown)
        self.assertEqual(status, 200)
        self.assertIn("cache-control: no-store", head)
        self.assertEqual(set(json.loads(body)), {"user", "password"})
        status, head, _ = self.curl(*shown)
        self.assertEqual(status, 503)
        self.assertIn("retry-after: 60", head)

    def test_what_was_typed_on_a_keypad_is_kept(self):
        mac = next(self.macs)
        self.house.add_device(mac, MODEL, "--login", "keypad")
        folder = self.house.issue(mac)
        self.assertEqual(self.curl("--cert", folder / "cert.pem", "--key", folder / "key.pem")[0], 404)

    def test_the_roots_that_a_phone_holds_are_noted(self):
        self.by_cmp(self.token())
        with sqlite3.connect(f"file:{self.house.data}/registry.db?mode=ro", uri=True) as registry:
            rows = registry.execute("SELECT count(*) FROM device_anchors").fetchone()
        self.assertGreater(rows[0], 0)


if __name__ == "__main__":
    unittest.main()
