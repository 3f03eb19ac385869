"""The walk: our phone against our server, from nothing to mutual authentication."""

import base64
import contextlib
import hashlib
import socket
import socketserver
import threading
import unittest

from harness import PHONE, WAIT, Installation, SystemTest, free_port, run
from wire import TftpRefused, http_get, read_manifest, tftp_get, tls_context

MAC = "00:24:7F:01:02:AB"
OTHER = "00:24:7F:01:02:CD"
OWN_FILE = "SIP00247F0102AB.cfg"
SIP_PASSWORD = "canary-walk-4188"


class Walk(SystemTest):
    def setUp(self):
        self.house = Installation(self.work)
        self.user, self.password = self.house.add_device(MAC)
        self.house.set("AUTOLOGIN_ID_KEY01", "4711@voice.example.net", "--device", MAC)
        self.house.set("AUTOLOGIN_PASSWD_KEY01", SIP_PASSWORD, "--device", MAC)
        self.house.set("SNTP_SERVER", "192.0.2.1", "--global")
        self.house.put("lang/French.lng", "bonjour", "--section", "LANGUAGE")
        self.server = self.house.serve()
        self.state = self.work.path("flash")
        self.password_file = self.work.write("password", self.password, 0o600)

    def fingerprint(self, algorithm="sha1"):
        return hashlib.new(algorithm, self.house.root.read_bytes()).hexdigest()

    def boot(self, *options, mac=MAC, state=None, door="tftp", code=0):
        """(report, {file: entry})"""
        ports = ",".join(f"{name}={port}" for name, port in self.server.ports.items())
        done = run([PHONE, "boot", "--mac", mac, "--model", "1230", "--state", state or self.state, "--url",
                    f"{door}://127.0.0.1", "--ports", ports, "--json", *options])
        self.assertEqual(done.code, code, done)
        self.assertNotIn(SIP_PASSWORD, str(done))
        self.assertNotIn(self.password, str(done))
        report = done.json()
        return report, {entry["file"]: entry for entry in report["sections"]}

    def login(self):
        return ["--device-id", self.user, "--password-file", self.password_file]

    def test_root_preload_then_single_then_mutual(self):
        # 1. A phone that knows nothing: the root comes over TFTP, and its fingerprint is confirmed. Without a login the
        #    personal file stays closed.
        _, files = self.boot("--accept-fingerprint", self.fingerprint(), code=1)
        self.assertEqual(files["trust/root.pem"]["action"], "fetched")
        self.assertTrue(files["trust/root.pem"]["url"].startswith("tftp://"))
        self.assertEqual(files["lang/French.lng"]["action"], "fetched")
        self.assertEqual(files[OWN_FILE]["action"], "failed")

        # 2. Single authentication.
        _, files = self.boot(*self.login())
        self.assertEqual(files[OWN_FILE]["action"], "fetched")
        self.assertTrue(files[OWN_FILE]["url"].startswith("https://"))
        self.assertEqual(files["lang/French.lng"]["action"], "kept")
        self.assertNotIn("trust/root.pem", [f for f, entry in files.items() if entry["action"] == "refused"])
        event = self.house.wait_for_event(
            lambda e: e.get("path") == OWN_FILE and e.get("outcome") == "delivered", "the personal file")
        self.assertEqual((event["proof"], event["wire"]), ("device-password", "https"))

        # 3. Mutual authentication.
        cert = self.house.issue(MAC, "rsa2048")
        _, files = self.boot("--certificate", cert / "cert.pem", "--key", cert / "key.pem")
        self.assertEqual(files[OWN_FILE]["action"], "fetched")
        self.house.wait_for_event(
            lambda e: e.get("path") == OWN_FILE and e.get("proof") == "device-certificate", "the mutual fetch")

        # 4. What the phone holds now, and what it wrote down.
        shown = run([PHONE, "show", "--state", self.state])
        self.assertEqual(shown.code, 0, shown)
        self.assertNotIn(SIP_PASSWORD, shown.out)
        for path in self.state.rglob("*"):
            if path.is_file():
                self.assertEqual(path.stat().st_mode & 0o077, 0, path)

        # 5. Revoked: refused, and the old configuration stays.
        held = self.held()
        self.assertIn(OWN_FILE, held)
        self.house("cert", "revoke", MAC)
        _, files = self.boot("--certificate", cert / "cert.pem", "--key", cert / "key.pem", code=1)
        self.assertIn(files[OWN_FILE]["action"], ("failed", "refused"))
        self.assertTrue(files[OWN_FILE]["reason"])
        self.assertEqual(self.held(), held)

        run([PHONE, "reset", "--state", self.state], check=True)
        self.assertNotIn(OWN_FILE, self.held())

    def test_a_set_on_the_legacy_lane_holds_the_one_root_and_proves_itself_either_way(self):
        self.house.configure("server", "127.0.0.1")
        root_before = self.root_section()
        self.server.stop()
        self.server = self.house.serve(doors=("tftp", "https-legacy"))
        self.server.ports = {"tftp": self.server.ports["tftp"], "https": self.server.ports["https-legacy"]}
        self.assertEqual(self.root_section(), root_before)

        _, files = self.boot("--accept-fingerprint", self.fingerprint(), *self.login())
        self.assertEqual(files["trust/root.pem"]["action"], "fetched")
        self.assertEqual(files[OWN_FILE]["action"], "fetched")
        for lane in ("https", "https-legacy"):
            cert = self.house.issue(MAC, "rsa2048", lane)
            _, files = self.boot("--certificate", cert / "cert.pem", "--key", cert / "key.pem")
            self.assertEqual(files[OWN_FILE]["action"], "fetched", lane)
        for proof in ("device-password", "device-certificate"):
            self.house.wait_for_event(lambda e: e.get("path") == OWN_FILE and e.get("wire") == "https-legacy" and
                                      e.get("proof") == proof and e.get("outcome") == "delivered", proof)

    def root_section(self):
        """How the manifest announces the root: a change would leave phones with the one that they hold."""
        text = tftp_get(self.server.ports["tftp"], "1230SIP.cfg").decode()
        return next(values for name, values in read_manifest(text) if name == "USER_KEYS")

    def held(self):
        """What `show` says of the phone's flash, its event log apart."""
        shown = run([PHONE, "show", "--state", self.state], check=True).out
        return "\n".join(line for line in shown.splitlines() if not line.startswith("event:"))

    def test_a_devices_own_pkcs12_is_asked_for_by_pattern_and_opens_to_it_alone(self):
        self.house.add_device(OTHER)
        paths = {mac: f"cert/phone-{mac.replace(':', '')}.p12" for mac in (MAC, OTHER)}
        issued = {mac: self.house.issue(mac, key="rsa2048") for mac in paths}
        for mac, path in paths.items():
            self.house.put(path, (issued[mac] / "device.p12").read_bytes(), "--section", "DEV_CERT", "--class", "secret",
                           "--device", mac)
        run([PHONE, "profile", "--state", self.state, "--source", "pkcs12", "--active", "yes"], check=True)
        _, files = self.boot("--accept-fingerprint", self.fingerprint(), *self.login(),
                             "--certificate-password-file", issued[MAC] / "p12.txt")
        self.assertEqual((files[paths[MAC]]["section"], files[paths[MAC]]["action"]), ("DEV_CERT", "fetched"))
        self.assertEqual(files[paths[MAC]]["url"], f"https://127.0.0.1/{paths[MAC]}")
        self.assertNotIn(paths[OTHER], files)

        login = b"Authorization: Basic " + base64.b64encode(f"{self.user}:{self.password}".encode())
        for mac, status in ((MAC, 200), (OTHER, 404)):
            answer = http_get(self.server.ports["https"], "/" + paths[mac], tls_context(self.house.root), [login])
            self.assertEqual(answer.status, status)
        with self.assertRaises(TftpRefused):
            tftp_get(self.server.ports["tftp"], paths[MAC])

    def test_the_root_is_taken_only_with_the_right_answer(self):
        for answer in ([], ["--accept-fingerprint", "00" * 20]):
            state = self.work.path("flash")
            _, files = self.boot(*answer, *self.login(), state=state, code=1)
            self.assertEqual(files["trust/root.pem"]["action"], "refused")
            self.assertNotEqual(files[OWN_FILE]["action"], "fetched")
        for algorithm in ("sha1", "sha256"):
            state = self.work.path("flash")
            digits = self.fingerprint(algorithm).upper()
            with_colons = ":".join(digits[i:i + 2] for i in range(0, len(digits), 2))
            _, files = self.boot("--accept-fingerprint", with_colons, *self.login(), state=state)
            self.assertEqual(files["trust/root.pem"]["action"], "fetched")

    def test_from_every_insecure_protocol(self):
        for door in ("tftp", "ftp", "http"):
            with self.subTest(door=door):
                _, files = self.boot("--accept-fingerprint", self.fingerprint(), *self.login(), door=door,
                                     state=self.work.path("flash"))
                self.assertTrue(files["trust/root.pem"]["url"].startswith(door + "://"))
                self.assertTrue(files[OWN_FILE]["url"].startswith("https://"))

    def test_a_second_boot_keeps_what_is_not_newer(self):
        self.boot("--accept-fingerprint", self.fingerprint(), *self.login())
        _, files = self.boot(*self.login())
        self.assertEqual(files["lang/French.lng"]["action"], "kept")
        self.house.put("lang/French.lng", "bonsoir", "--section", "LANGUAGE")
        _, files = self.boot(*self.login())
        self.assertEqual(files["lang/French.lng"]["action"], "fetched")

    def test_an_untrusted_server_gets_no_password(self):
        self.boot("--accept-fingerprint", self.fingerprint(), *self.login())
        stranger = Installation(self.work, "stranger")
        stranger.add_device(MAC)
        rogue = stranger.serve()
        genuine, self.server = self.server, rogue
        try:
            _, files = self.boot(*self.login(), code=1)
        finally:
            self.server = genuine
        self.assertIn(files[OWN_FILE]["action"], ("failed", "refused"))
        self.assertRegex(files[OWN_FILE]["reason"], r"(?i)issuer|trust|root|authority|unknown")
        self.assertFalse([e for e in stranger.events() if e.get("proof") not in (None, "", "none")])

    def test_another_devices_login_and_certificate_open_nothing(self):
        user, password = self.house.add_device(OTHER)
        other_password = self.work.write("other-password", password, 0o600)
        self.boot("--accept-fingerprint", self.fingerprint(), *self.login())
        _, files = self.boot("--device-id", user, "--password-file", other_password, code=1)
        self.assertEqual(files[OWN_FILE]["action"], "failed")
        cert = self.house.issue(OTHER, "rsa2048")
        _, files = self.boot("--certificate", cert / "cert.pem", "--key", cert / "key.pem", code=1)
        self.assertEqual(files[OWN_FILE]["action"], "failed")

    def test_a_wrong_password_is_a_clear_failure(self):
        wrong = self.work.write("wrong", "not-the-password", 0o600)
        self.boot("--accept-fingerprint", self.fingerprint(), *self.login())
        _, files = self.boot("--device-id", self.user, "--password-file", wrong, code=1)
        self.assertEqual(files[OWN_FILE]["action"], "failed")
        self.assertRegex(files[OWN_FILE]["reason"], r"(?i)password|login|401")


class Relay(socketserver.ThreadingTCPServer):
    """Hands on connections, each from an address of its own: the server then sees a set on another network."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, place, target, source):
        self.target, self.source = target, source
        super().__init__(place, self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with socket.create_connection(self.server.target, timeout=WAIT, source_address=(self.server.source, 0)) as out:
                back = threading.Thread(target=self.copy, args=(out, self.request), daemon=True)
                back.start()
                self.copy(self.request, out)
                back.join(WAIT)

        @staticmethod
        def copy(source, target):
            with contextlib.suppress(OSError):
                while chunk := source.recv(65536):
                    target.sendall(chunk)
                target.shutdown(socket.SHUT_WR)


class TwoSites(SystemTest):
    """Two sets of one model on two networks: each site's server, time server and common file."""

    SITES = {"berlin": ("127.0.1.0/24", "127.0.1.1", "127.0.1.77", "192.0.2.1", MAC),
             "hamburg": ("127.0.2.0/24", "127.0.2.1", "127.0.2.77", "192.0.2.2", OTHER)}

    def test_each_set_is_told_what_its_site_says(self):
        house = Installation(self.work)
        for name, (net, server, _, time_server, mac) in self.SITES.items():
            house("site", "add", name, "--net", net, "--server", server)
            house.set("SNTP_SERVER", time_server, "--site", name)
            house.add_device(mac, "1230", "--site", name)
        server = house.serve(doors=("http", "https"))
        digits = hashlib.sha1(house.root.read_bytes()).hexdigest()
        for name, (_, host, source, time_server, mac) in self.SITES.items():
            with self.subTest(site=name):
                ports = {}
                for door in ("http", "https"):
                    ports[door] = free_port()
                    relay = Relay((host, ports[door]), ("127.0.0.1", server.ports[door]), source)
                    self.addCleanup(relay.close)
                user = house.users[mac]
                password = self.work.write(f"password-{name}", house.passwords[user], 0o600)
                state = self.work.path("flash")
                done = run([PHONE, "boot", "--mac", mac, "--model", "1230", "--state", state, "--url", f"http://{host}",
                            "--ports", ",".join(f"{door}={port}" for door, port in ports.items()), "--json",
                            "--accept-fingerprint", digits, "--device-id", user, "--password-file", password])
                self.assertEqual(done.code, 0, done)
                files = {entry["file"]: entry for entry in done.json()["sections"]}
                own = f"SIP{mac.replace(':', '')}.cfg"
                self.assertEqual(files[own]["url"], f"https://{host}/{own}")
                common = f"common/1230-{name}.cfg"
                self.assertEqual(files[common]["action"], "fetched")
                answer = http_get(ports["http"], "/" + common, host=host)
                self.assertIn(f"SNTP_SERVER {time_server}\n".encode(), answer.body)
                event = house.wait_for_event(lambda e: e["path"] == own and e["outcome"] == "delivered", own)
                self.assertEqual((event["site"], event["source"]), (name, source))


if __name__ == "__main__":
    unittest.main()
