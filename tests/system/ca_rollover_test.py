"""The CAs are replaced under phones that go on working: announced, signed by the old ones, planned, finished; and a root
whose key never comes to the server."""

import hashlib
import unittest

from authority import AuthorityTest, openssl
from harness import PHONE, RINGFENCE, Installation, SystemTest, free_port, need_program, run

ROOT = "trust/root.pem"


def own_file(device):
    return f"SIP{device.mac.replace(':', '').upper()}.cfg"


class Rollover(AuthorityTest):
    DOORS = ("tftp", "http", "https")

    def boot(self, device, *options, code=0):
        """{file: entry} of the report."""
        ports = ",".join(f"{name}={port}" for name, port in self.server.ports.items())
        done = run([PHONE, "boot", "--mac", device.mac, "--model", "1230", "--state", self.states[device], "--url",
                    "tftp://127.0.0.1", "--ports", ports, "--json", *options])
        self.assertEqual(done.code, code, done)
        return {entry["file"]: entry for entry in done.json()["sections"]}

    def issuing_fingerprint(self, generation=""):
        issuing = self.house.data / "pki" / generation / "issuing-rsa.pem"
        return hashlib.sha256(openssl("x509", "-in", issuing, "-outform", "DER").out_bytes).hexdigest()

    def enrol(self, device, *options, generation=""):
        done = run([PHONE, "enrol", "--scep", self.server.url("http", "scep"), "--state", self.states[device], "--mac",
                    device.mac, "--accept-fingerprint", self.issuing_fingerprint(generation), "--json", *options],
                   timeout=120)
        self.assertEqual(done.code, 0, done)
        return done.json()

    def restart(self):
        self.server.stop()
        type(self).server = self.house.serve(doors=self.DOORS, ports=self.server.ports)

    def plan(self):
        """(summary, {mac: row})"""
        lines = self.house.json_lines("ca", "rollover", "plan")
        rows = {line["mac"]: line for line in lines if line["kind"] == "device"}
        return next(line for line in lines if line["kind"] == "summary"), rows

    def root_accepted(self):
        return ["--accept-fingerprint", hashlib.sha1(self.house.root.read_bytes()).hexdigest()]

    def test_phones_take_the_new_root_before_the_old_one_goes(self):
        here, absent = self.add_device(), self.add_device()
        self.states = {device: self.work.path("flash") for device in (here, absent)}

        # Both hold the present root, and one has a certificate below it.
        self.boot(absent, *self.root_accepted(), code=1)
        self.boot(here, *self.root_accepted(), code=1)
        challenge = self.work.write("challenge", self.add_token(here, "--challenge").text + "\n", 0o600)
        self.assertFalse(self.enrol(here, "--challenge-file", challenge)["renewal"])
        self.assertEqual(self.boot(here)[own_file(here)]["action"], "fetched")

        # Announced: nothing is issued by the new CAs yet, and the phone asks nobody.
        old_root = self.house.root.read_bytes()
        self.house("ca", "rollover", "start")
        self.house("check")
        summary, rows = self.plan()
        self.assertEqual((summary["holds"], summary["unseen"]), (0, 2), summary)
        files = self.boot(here)
        self.assertEqual(files[ROOT]["action"], "fetched", files[ROOT])
        self.assertTrue(files[ROOT]["url"].startswith("tftp://"))
        self.assertEqual(files[own_file(here)]["action"], "fetched")
        summary, rows = self.plan()
        self.assertEqual((rows[here.mac]["standpoint"], rows[here.mac]["evidence"]), ("holds", "fetched"))
        self.assertEqual(rows[absent.mac]["standpoint"], "unseen")
        self.assertEqual(summary["device_certificates"], 1)

        # Finished, with one set left behind knowingly.
        refused = self.house("ca", "rollover", "finish", code=1)
        self.assertIn("1 set would be locked out", refused.err)
        self.house("ca", "rollover", "finish", "--accept-lockout", "1")
        self.house("ca", "rollover", "finish", code=1)
        self.house("check")
        self.assertNotEqual(self.house.root.read_bytes(), old_root)
        self.restart()

        # The old device certificate is good below the new server's.
        self.assertEqual(self.boot(here)[own_file(here)]["action"], "fetched")
        event = self.house.wait_for_event(
            lambda e: e.get("path") == own_file(here) and e.get("outcome") == "delivered", "the phone's own file")
        self.assertEqual((event["proof"], event["wire"]), ("device-certificate", "https"))
        shown = run([need_program("openssl"), "s_client", "-connect", f"127.0.0.1:{self.server.ports['https']}", "-CAfile",
                     self.work.write("old-root.pem", old_root), "-verify_return_error"])
        self.assertNotEqual(shown.code, 0, shown)

        # It renews, and what it gets stands below the new CA.
        self.assertTrue(self.enrol(here, generation="2")["renewal"])
        (held,) = [path for path in (self.states[here] / "files").glob("*") if b"PRIVATE KEY" in path.read_bytes()]
        openssl("verify", "-partial_chain", "-trusted", self.house.data / "pki" / "2" / "issuing-rsa.pem", held)
        self.assertEqual(self.boot(here)[own_file(here)]["action"], "fetched")

        # A new set is told the new root alone; the absent one, where it can fetch over a clear wire, takes the root at
        # last, because the old file signer signed it.
        files = self.boot(absent, code=1)
        self.assertEqual(files[ROOT]["action"], "fetched", files[ROOT])
        self.assertNotIn("untrusted", files[own_file(absent)]["reason"])


class OfflineRoot(SystemTest):
    def test_a_server_whose_root_key_is_elsewhere(self):
        house = Installation(self.work, options=("--offline-root",))
        requests = house.data / "pki" / "requests.pem"
        for command in (["root", "show"], ["check"], ["serve", "--listen", f"http=127.0.0.1:{free_port()}"]):
            done = house(*command, code=1)
            self.assertIn("waits for its root", done.out + done.err)
        restored = house.restore(self.back_up(house))

        root = self.work.path("root")
        ringfence("root", "create", "--out", root, "--name", "Example AG")
        self.assertEqual((root / "root.key").stat().st_mode & 0o777, 0o600)
        asked = ringfence("root", "sign", "--root", root, "--requests", requests)
        self.assertIn("Nothing was written", asked.out)
        certificates = self.work.path("certs.pem")
        ringfence("root", "sign", "--root", root, "--requests", requests, "--out", certificates)

        # openssl judges what was signed.
        issuing = self.work.write("issuing.pem", certificates.read_text().split("-----END CERTIFICATE-----\n", 1)[1])
        openssl("verify", "-x509_strict", "-CAfile", root / "root.pem", issuing)
        self.assertIn("pathlen:0", openssl("x509", "-in", issuing, "-noout", "-text").out)

        for place in (house, restored):
            place("ca", "install", certificates)
            place("check")
            place("ca", "install", certificates, code=1)
            self.assertFalse((place.data / "keys" / "root.key").exists())
            place.serve(doors=("http", "https")).stop()
        self.assertIn("Example AG", openssl("x509", "-in", house.root, "-noout", "-subject").out)

        # The next root comes the same way, and is another one.
        house("ca", "rollover", "start", "--offline-root")
        more = house.data / "pki" / "2" / "requests.pem"
        ringfence("root", "sign", "--root", root, "--requests", more, "--out", certificates)
        refused = house("ca", "install", certificates, code=1)
        self.assertIn("make a new one", refused.err)
        next_root = self.work.path("next-root")
        ringfence("root", "create", "--out", next_root, "--name", "Example AG")
        ringfence("root", "sign", "--root", next_root, "--requests", more, "--out", certificates)
        house("ca", "install", certificates)
        self.assertEqual(house.root.read_bytes().count(b"BEGIN CERTIFICATE"), 6)
        house("ca", "rollover", "abort")
        self.assertEqual(house.root.read_bytes().count(b"BEGIN CERTIFICATE"), 3)
        house("check")

    def back_up(self, house):
        archive = self.work.path("backup")
        house.backup(archive)
        return archive


def ringfence(*args):
    return run([RINGFENCE, *args], check=True)


if __name__ == "__main__":
    unittest.main()
