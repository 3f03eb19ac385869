"""A device certificate that is fetched once: by foreign clients, by two who race for it, and by our phone, which installs
it and then proves itself."""

import hashlib
import struct
import threading
import unittest

from harness import PHONE, Installation, SystemTest, need_program, run, wait_until
from wire import TFTP_ACK, TftpRefused, http_get, tftp_ask, tftp_get, tftp_give_up, tftp_refusal, tftp_rrq, tls_context

MAC, OTHER = "00:24:7F:01:02:AB", "00:24:7F:01:02:CD"
OWN_FILE = "SIP00247F0102AB.cfg"
SET, THIEF = "127.0.0.1", "127.0.0.2"


def path_of(mac):
    return f"cert/{mac.replace(':', '')}.p12"


class OneTime(SystemTest):
    def setUp(self):
        self.house = Installation(self.work)
        self.user, self.password = self.house.add_device(MAC)
        self.house.add_device(OTHER)
        self.house("window", "open", "--net", "127.0.0.0/8", "--minutes", "60")
        self.server = self.house.serve()
        self.path = path_of(MAC)

    def make(self, mac=MAC, *options):
        """Issues one; returns what the command says, its password among it."""
        return self.house.json("cert", "p12", mac, *options)

    def curl(self, door, *options, source=SET, path=None):
        """(how curl ended, what came)"""
        local = self.work.path("curl")
        done = run([need_program("curl"), "-sS", "--fail", "--interface", source, *options, "-o", local,
                    self.server.url(door, path or self.path)])
        return done.code, local.read_bytes() if local.exists() else b""

    def state_of_certificate(self, serial):
        return next(c["state"] for c in self.house.json_lines("cert", "list", "--device", MAC) if c["serial"] == serial)

    def alarms(self):
        return [e for e in self.house.events() if e["kind"] == "alarm"]

    def wait_for_alarm(self, source):
        return self.house.wait_for_event(
            lambda e: (e["kind"], e["outcome"], e["source"]) == ("alarm", "one-time-file", source), "the alarm")

    def wait_for_delivery(self, wire):
        return self.house.wait_for_event(
            lambda e: (e["path"], e["wire"], e["outcome"]) == (self.path, wire, "delivered"), "the delivery")

    def test_openssl_reads_it_with_the_typed_password_and_old_algorithms(self):
        made = self.make()
        code, content = self.curl("http")
        self.assertEqual(code, 0)
        self.assertRegex(made["password"], r"\A[0-9A-Za-z_.!@$%&+:^-]{12}\Z")
        p12 = self.work.write("device.p12", content)
        right = self.work.write("right", made["password"], 0o600)
        shown = run(["openssl", "pkcs12", "-legacy", "-info", "-nodes", "-in", p12, "-passin", f"file:{right}"], check=True)
        for word in ("MAC: sha1", "pbeWithSHA1And3-KeyTripleDES-CBC", "PRIVATE KEY", "00247F0102AB"):
            self.assertIn(word, shown.out + shown.err)
        self.assertEqual((shown.out + shown.err).count("BEGIN CERTIFICATE"), 2)
        wrong = self.work.write("wrong", "x" * 12, 0o600)
        self.assertNotEqual(run(["openssl", "pkcs12", "-legacy", "-in", p12, "-noout", "-passin", f"file:{wrong}"]).code, 0)
        # Neither the key nor the password is anywhere else.
        for path in self.house.data.rglob("*"):
            if path.is_file():
                self.assertNotIn(made["password"].encode(), path.read_bytes(), path)
                self.assertNotIn(content[:64], path.read_bytes(), path)

    def test_every_foreign_client_fetches_it(self):
        port = str(self.server.ports["tftp"])
        local = self.work.path("fetched")
        clients = {
            "tftp-hpa": ["tftp", SET, port, "-m", "binary", "-c", "get", self.path, local],
            "busybox": ["busybox", "tftp", "-g", "-r", self.path, "-l", local, SET, port],
            "busybox with large blocks": ["busybox", "tftp", "-b", "8192", "-g", "-r", self.path, "-l", local, SET, port],
            "curl by TFTP": ["curl", "-sS", self.server.url("tftp", self.path), "-o", local],
            "curl by FTP": ["curl", "-sS", self.server.url("ftp", self.path), "-o", local],
            "curl by HTTP": ["curl", "-sS", self.server.url("http", self.path), "-o", local],
        }
        for name, (program, *args) in clients.items():
            with self.subTest(client=name):
                made = self.make(MAC, "--replace")
                run([need_program(program), *args], check=True)
                password = self.work.write("password", made["password"], 0o600)
                run(["openssl", "pkcs12", "-legacy", "-in", local, "-noout", "-passin", f"file:{password}"], check=True)
                local.unlink()
        self.assertEqual(self.alarms(), [])

    def test_a_second_address_burns_it_revokes_the_certificate_and_alarms(self):
        for door in ("tftp", "ftp", "http"):
            with self.subTest(door=door):
                made = self.make(MAC, "--replace")
                self.assertEqual(self.curl(door)[0], 0)
                self.assertEqual(self.curl(door)[0], 0, "its own address, within the grace")
                self.assertEqual(self.state_of_certificate(made["serial"]), "good")
                before = len(self.alarms())
                code, content = self.curl(door, source=THIEF)
                self.assertNotEqual(code, 0)
                self.assertLess(len(content), 513, "at most the block that goes out before a TFTP asker is heard")
                self.assertEqual(self.state_of_certificate(made["serial"]), "revoked")
                self.assertNotEqual(self.curl(door)[0], 0, "burned for everybody")
                self.assertNotEqual(self.curl(door, source=THIEF)[0], 0)
                wait_until(lambda: len(self.alarms()) >= before + 2, "the burning and the later try are alarms")
                self.assertIn(made["serial"], self.alarms()[before]["detail"])

    def test_one_of_two_who_race_gets_it(self):
        for door in ("tftp", "http"):
            with self.subTest(door=door):
                self.make(MAC, "--replace")
                before, size = len(self.alarms()), []
                start = threading.Barrier(2)

                def fetch(source):
                    start.wait()
                    code, content = self.curl(door, source=source)
                    size.append(len(content) if code == 0 else 0)
                racers = [threading.Thread(target=fetch, args=(source,)) for source in (SET, THIEF)]
                for racer in racers:
                    racer.start()
                for racer in racers:
                    racer.join()
                self.assertEqual(sum(s > 0 for s in size), 1)
                wait_until(lambda: len(self.alarms()) == before + 1, "the second is an alarm")

    def test_a_lost_acknowledgement_and_a_cut_transfer_are_repeated(self):
        self.make()
        client, reply, peer = tftp_ask(self.server.ports["tftp"], tftp_rrq(self.path))
        client.sendto(struct.pack("!HH", TFTP_ACK, 1), peer)
        client.recvfrom(65536)
        tftp_give_up(client, peer)
        self.house.wait_for_event(lambda e: (e["path"], e["outcome"]) == (self.path, "cut"), "the cut transfer")
        whole = tftp_get(self.server.ports["tftp"], self.path)
        self.wait_for_delivery("tftp")
        # The set did not see that its last acknowledgement arrived.
        self.assertEqual(tftp_get(self.server.ports["tftp"], self.path), whole)
        with self.assertRaises(TftpRefused):
            tftp_get(self.server.ports["tftp"], self.path, source=THIEF)
        self.wait_for_alarm(THIEF)

    def test_a_request_that_nobody_stands_behind_claims_nothing(self):
        self.make()
        client, _, peer = tftp_ask(self.server.ports["tftp"], tftp_rrq(self.path), source=THIEF)
        with client:
            self.assertTrue(tftp_get(self.server.ports["tftp"], self.path))
        self.assertEqual(self.alarms(), [])

    def test_head_and_size_are_no_fetch(self):
        made = self.make()
        for door in ("http", "ftp"):
            self.assertEqual(self.curl(door, "--head", source=THIEF)[0], 0)
        self.assertEqual(self.curl("http")[0], 0)
        self.assertEqual(self.curl("http", "--head", source=THIEF)[0], 0)
        self.assertEqual(self.state_of_certificate(made["serial"]), "good")

    def test_outside_a_window_its_own_login_opens_it_and_no_other_answers_differ(self):
        self.house("window", "close", "1")
        self.make()
        context = tls_context(self.house.root)
        for mac in (MAC, OTHER, "00:24:7F:FF:FF:FF"):
            self.assertEqual(http_get(self.server.ports["http"], "/" + path_of(mac)).comparable(),
                             http_get(self.server.ports["http"], "/nothing").comparable())
            self.assertEqual(http_get(self.server.ports["https"], "/" + path_of(mac), context).status, 401)
            self.assertEqual(tftp_refusal(self.server.ports["tftp"], path_of(mac)),
                             tftp_refusal(self.server.ports["tftp"], "nothing"))
        other = self.house.users[OTHER]
        https = ["--cacert", self.house.root, "--connect-to", f"::127.0.0.1:{self.server.ports['https']}"]
        self.assertNotEqual(self.curl("https", *https, "--user", f"{other}:{self.house.passwords[other]}", "--anyauth")[0], 0)
        code, content = self.curl("https", *https, "--user", f"{self.user}:{self.password}", "--anyauth")
        self.assertEqual(code, 0)
        self.assertGreater(len(content), 2000)
        self.assertEqual(self.alarms(), [])

    def test_its_row_of_the_access_table_on_every_door(self):
        self.make()
        certificates = {"own": self.house.issue(MAC, "rsa2048"), "other": self.house.issue(OTHER, "rsa2048")}
        login = {"own": MAC, "other": OTHER}
        proofs = ("none", "own password", "other password", "own certificate", "other certificate")

        def proving(door, proof):
            who, _, means = proof.partition(" ")
            tls = ["--cacert", self.house.root] if door == "https" else []
            if means == "certificate":
                return [*tls, "--cert", certificates[who] / "cert.pem", "--key", certificates[who] / "key.pem"]
            if means == "password":
                user = self.house.users[login[who]]
                return [*tls, "--user", f"{user}:{self.house.passwords[user]}", *(["--anyauth"] if tls else [])]
            return tls
        for window in ("open", "closed"):
            if window == "closed":
                self.house("window", "close", "1")
            for door in ("tftp", "ftp", "http", "https"):
                for proof in proofs if door in ("http", "https") else ("none",):
                    if door == "http" and "certificate" in proof:
                        continue
                    with self.subTest(window=window, door=door, proof=proof):
                        served = self.curl(door, *proving(door, proof))[0] == 0
                        self.assertEqual(served, proof.startswith("own") if door == "https" else window == "open")
        self.assertEqual(self.alarms(), [], "all of it is one address within the grace")

    def test_device_show_tells_what_became_of_it(self):
        self.make()
        self.assertIn(f"file {self.path}, waits to be fetched once", self.house("device", "show", MAC).out)
        self.assertEqual(self.curl("http")[0], 0)
        self.wait_for_delivery("http")
        self.assertIn(f"file {self.path}, fetched by {SET} at ", self.house("device", "show", MAC).out)
        self.curl("http", source=THIEF)
        shown = self.house.json("device", "show", MAC)["one_time_files"]
        self.assertEqual([(f["path"], f["fetched_by"], bool(f["burned"])) for f in shown], [(self.path, SET, True)])

    def test_a_device_with_a_certificate_needs_replace_and_what_fails_leaves_no_good_certificate(self):
        first = self.make()
        self.assertIn("--replace", self.house("cert", "p12", MAC, code=1).err)
        self.house("cert", "p12", MAC, "--replace", "--password-out", self.work.path("no") / "such" / "folder", code=1)
        states = [c["state"] for c in self.house.json_lines("cert", "list", "--device", MAC)]
        self.assertEqual(sorted(states), ["good", "revoked"])
        self.assertEqual(self.state_of_certificate(first["serial"]), "good")
        password = self.work.path("typed")
        second = self.house.json("cert", "p12", MAC, "--replace", "--password-out", password)
        self.assertNotIn("password", second)
        self.assertEqual(password.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.state_of_certificate(first["serial"]), "revoked")
        self.assertEqual(self.state_of_certificate(second["serial"]), "good")

    def boot(self, *options, state, code=0):
        ports = ",".join(f"{name}={port}" for name, port in self.server.ports.items())
        done = run([PHONE, "boot", "--mac", MAC, "--model", "1230", "--state", state, "--url", "tftp://127.0.0.1",
                    "--ports", ports, "--json", *options])
        self.assertEqual(done.code, code, done)
        return {entry["file"]: entry for entry in done.json()["sections"]}

    def test_our_phone_installs_it_inside_the_window_and_then_proves_itself(self):
        self.house.set("AUTOLOGIN_ID_KEY01", "4711@voice.example.net", "--device", MAC)
        password = self.work.path("typed")
        self.house("cert", "p12", MAC, "--password-out", password)
        state = self.work.path("flash")
        run([PHONE, "profile", "--state", state, "--source", "pkcs12", "--active", "yes"], check=True)
        root = hashlib.sha1(self.house.root.read_bytes()).hexdigest()
        files = self.boot("--accept-fingerprint", root, "--certificate-password-file", password, state=state)
        self.assertEqual((files[self.path]["section"], files[self.path]["action"]), ("DEV_CERT", "fetched"))
        self.assertTrue(files[self.path]["url"].startswith("tftp://"))
        self.assertEqual(files[OWN_FILE]["action"], "fetched", "by mutual TLS in the same boot")
        event = self.house.wait_for_event(lambda e: (e["path"], e["outcome"]) == (OWN_FILE, "delivered"), "its own file")
        self.assertEqual((event["wire"], event["proof"]), ("https", "device-certificate"))
        self.assertEqual(self.house.json("device", "show", MAC)["state"], "active")

        # It keeps what it has, and nobody can put it out of service by asking for its file.
        self.assertEqual(self.boot(state=state)[self.path]["action"], "kept")
        self.assertNotEqual(self.curl("http", source=THIEF)[0], 0)
        self.wait_for_alarm(THIEF)
        self.assertEqual(self.boot(state=state)[OWN_FILE]["action"], "fetched")


if __name__ == "__main__":
    unittest.main()
