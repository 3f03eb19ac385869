"""Canaries: secrets that we know, searched for in everything that the programs say or keep in the clear."""

import base64
import re
import unittest

from harness import RINGFENCE, Installation, SystemTest, run
from wire import FtpControl, http_get, tftp_refusal, tls_context

MAC = "00:24:7F:01:02:AB"
OTHER = "00:24:7F:01:02:CD"
OWN_FILE = "SIP00247F0102AB.cfg"

SIP_PASSWORD = "canary-sip-7431"
ADMIN_PASSWORD = "canary-admin-9852"
GUESS = "canary-guess-1177"
CHOSEN_PASSWORD = "canary-chosen-6620-k"
PASSPHRASE = "canary-passphrase-5500"
PEM_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(.+?)-----END", re.DOTALL)
# Where a private key may stand, below the data folder.
KEY_FOLDERS = ("keys", "pki")


def body_lines(pem):
    """Of a private key, every full line of its base64: any of them in another place is a leak."""
    return {line for key in PEM_KEY.findall(pem) for line in key.split() if len(line) == 64}


class Canaries(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.house = Installation(cls.work)
        cls.said = []  # everything that a command printed, device add's own answer apart
        cls.user, cls.password = cls.house.add_device(MAC)
        chosen = cls.work.write("chosen", CHOSEN_PASSWORD, 0o600)
        cls.house("device", "add", OTHER, "--model", "1230", "--password-file", chosen)
        cls.command("setting", "set", "AUTOLOGIN_PASSWD_KEY01", "--value-file", "-", "--device", MAC, input=SIP_PASSWORD)
        cls.command("setting", "set", "ADMIN_PASSWORD", "--value-file", "-", "--global", input=ADMIN_PASSWORD)
        cls.cert = cls.house.issue(MAC)
        cls.p12_password = (cls.cert / "p12.txt").read_text().strip()
        cls.site_password = cls.house.json("site", "add", "berlin", "--net", "192.0.2.0/24", "--login")["login_password"]
        cls.passphrase = cls.work.write("passphrase", PASSPHRASE, 0o600)
        cls.keys = body_lines((cls.cert / "key.pem").read_text())
        assert cls.keys
        for path in cls.house.data.rglob("*"):
            if path.is_file() and path.relative_to(cls.house.data).parts[0] in KEY_FOLDERS:
                cls.keys |= body_lines(path.read_bytes().decode("latin-1"))
        cls.server = cls.house.serve()
        cls.secrets = {SIP_PASSWORD, ADMIN_PASSWORD, GUESS, CHOSEN_PASSWORD, PASSPHRASE, cls.password, cls.p12_password,
                       cls.site_password}

    @classmethod
    def command(cls, *args, code=0, **more):
        done = cls.house(*args, code=code, **more)
        cls.said.append(str(done))
        return done

    def assert_clean(self, text, what):
        self.assert_no_key(text, what)
        for secret in self.secrets:
            for form in (secret, secret.encode().hex(), base64.b64encode(secret.encode()).decode()):
                self.assertNotIn(form, text, f"a secret stands in {what}")

    def assert_no_key(self, text, what):
        self.assertNotRegex(text, "BEGIN [A-Z ]*PRIVATE KEY", f"a private key stands in {what}")
        for line in self.keys:
            self.assertNotIn(line, text, f"a piece of a private key stands in {what}")

    def basic(self, password):
        return b"Authorization: Basic " + base64.b64encode(f"{self.user}:{password}".encode())

    def busy_day(self):
        tls = tls_context(self.house.root)
        ports = self.server.ports
        self.assertIn(SIP_PASSWORD.encode(), http_get(ports["https"], "/" + OWN_FILE, tls, [self.basic(self.password)]).body)
        for password in (GUESS, CHOSEN_PASSWORD):
            self.assertEqual(http_get(ports["https"], "/" + OWN_FILE, tls, [self.basic(password)]).status, 401)
        # Secrets in places where they do not belong.
        http_get(ports["http"], "/" + OWN_FILE, None, [self.basic(self.password)])
        http_get(ports["https"], f"/SIP00247F0102AB.cfg?password={self.password}", tls, [b"Authorization: " + self.password.encode()])
        http_get(ports["https"], f"/{OWN_FILE}", tls, [b"Authorization: Digest username=\"" + self.password.encode() + b'"'])
        with FtpControl(ports["ftp"]) as ftp:
            ftp.log_in(self.user, self.password)
            ftp.get(OWN_FILE)
            ftp.ask(f"PASS {self.password} again")
        tftp_refusal(ports["tftp"], OWN_FILE)

    def test_nothing_that_the_programs_say_holds_a_secret(self):
        self.busy_day()
        self.house.wait_for_event(lambda e: e.get("wire") == "tftp" and e.get("path") == OWN_FILE, "the last request")

        self.command("render", MAC)
        self.command("render", MAC, "--json")
        self.command("render", MAC, "1230SIP.cfg")
        for scope in (["--device", MAC], ["--global"]):
            self.command("setting", "show", "AUTOLOGIN_PASSWD_KEY01", *scope, code=None)
            self.command("setting", "show", "ADMIN_PASSWORD", *scope, code=None)
            self.command("setting", "show", "ADMIN_PASSWORD", *scope, "--json", code=None)
        for command in (["device", "list"], ["device", "show", MAC], ["device", "show", OTHER], ["file", "list"],
                        ["cert", "list"], ["site", "list"], ["window", "list"], ["events"], ["events", "--text"], ["check"], ["root", "show"]):
            self.command(*command)
            self.command(*command, "--json")
        self.command("backup", "--to", self.work.path("sealed"), "--passphrase-file", self.passphrase)
        self.command("restore", "--from", self.work.path("nothing"), "--passphrase-file", self.passphrase, code=1)
        self.command("cert", "server", "--add", "canary.example.test")
        # What fails must not quote what it was given.
        self.command("setting", "set", "AUTOLOGIN_PASSWD_KEY01", "--value-file", "-", "--device", MAC, input=GUESS + " # no",
                     code=1)
        self.command("setting", "set", "AUTOLOGIN_PASSWD_KEY01", "--value-file", "-", "--device", MAC, input=GUESS * 20, code=1)
        for said in self.said:
            self.assert_clean(said, f"what a command said:\n{said}")

        self.assert_clean(self.server.output(), "the server's log")
        self.server.stop()
        self.assert_clean(self.server.output(), "the server's log")
        keys_seen = 0
        for path in self.house.data.rglob("*"):
            if not path.is_file():
                continue
            text = path.read_bytes().decode("latin-1")
            may_hold_key = path.relative_to(self.house.data).parts[0] in KEY_FOLDERS and PEM_KEY.search(text)
            keys_seen += bool(may_hold_key)
            self.assert_clean(PEM_KEY.sub("", text) if may_hold_key else text, path)
        self.assertGreater(keys_seen, 2, "the authority's own keys were not found, so nothing was shown of them")

    def test_reveal_shows_and_is_recorded(self):
        masked = self.command("render", MAC).out
        self.assertIn("AUTOLOGIN_PASSWD_KEY01", masked)
        revealed = self.house("render", MAC, "--reveal").out
        self.assertIn(f"AUTOLOGIN_PASSWD_KEY01 {SIP_PASSWORD}", revealed)
        self.house.wait_for_event(lambda e: e.get("kind") == "revealed", "the reveal")

    def test_files_that_hold_secrets_are_private(self):
        for path in self.house.data.rglob("*"):
            if path.is_file() and (path.suffix in (".key", ".db", ".toml") or "keys" in path.parts):
                self.assertEqual(path.stat().st_mode & 0o077, 0, path)
        self.assertEqual(self.house.data.stat().st_mode & 0o007, 0)
        for name in ("key.pem", "p12.txt", "device.p12"):
            self.assertEqual((self.cert / name).stat().st_mode & 0o077, 0, name)

    def test_a_backup_with_a_passphrase_holds_nothing_readable(self):
        archive = self.work.path("backup")
        self.house("backup", "--to", archive, "--passphrase-file", self.passphrase)
        self.assert_clean(archive.read_bytes().decode("latin-1"), "the backup")

    def test_secrets_never_stand_in_arguments(self):
        """There is no option that would take one."""
        for command in (["setting", "set"], ["device", "add"], ["backup"], ["restore"]):
            help_text = run([RINGFENCE, *command, "--help"]).out
            self.assertNotRegex(help_text, r"--password[ =](?!-file)|--value[ =](?!-file)|--passphrase[ =](?!-file)")


if __name__ == "__main__":
    unittest.main()
