"""A phone whose clock is lost or wrong (faketime), its provisioning server, and time servers that are right, wrong or
hostile: toybox's, which we did not write, and a few lines of ours that no honest program would say."""

import contextlib
import hashlib
import re
import socket
import struct
import threading
import unittest

from harness import PATIENCE, PHONE, Installation, SystemTest, by_clock, need_program, run, wait_until
from namespaces import need_network

MAC, MODEL = "00:24:7F:01:02:AB", "1230"
OWN_FILE = "SIP00247F0102AB.cfg"
SERVER, PHONE_AT, RIGHT, AHEAD, BEHIND, LIAR, NOBODY = (f"10.99.0.{n}" for n in (1, 9, 3, 4, 5, 6, 7))
LEGACY_PORT = 4430
SNTP_PORT = 123
LOST, OLD, FUTURE = "1970-01-01 00:01:00", "2000-06-01 00:00:00", "2037-06-01 00:00:00"
YEAR_2000, YEAR_2038 = "2000-01-01", "2038-01-01"
EXIT_FAILED = 1

ANSWER = 0x24  # version 4, mode "server"
UNSYNCHRONISED = 0xE4
TODAY_2036 = 0xFF000000 << 32


class Liar(threading.Thread):
    """Answers each question with what `lie` makes of it; None: not at all."""

    def __init__(self, node):
        super().__init__(daemon=True)
        with node.entered():
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LIAR, SNTP_PORT))
        self.lie, self.questions = None, []
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                question, phone = self.socket.recvfrom(2048)
                self.questions.append(question)
                for answer in self.lie(question) or ():
                    self.socket.sendto(answer, phone)


def answer(question, first=ANSWER, stratum=2, reference=b"LIAR", origin=None, time=TODAY_2036):
    origin = question[40:48] if origin is None else origin
    return struct.pack("!BBBb8s4s8s8sQQ", first, stratum, 0, 0, b"", reference, b"", origin, time, time)


# What is no time at all, by the words that the report has for it.
NO_TIMES = {
    "it does not answer": lambda q: [answer(q, origin=b"\1" * 8), answer(q)[:47], answer(q) + bytes(1000), b""],
    "it does not want to be asked (DENY)": lambda q: [answer(q, stratum=0, reference=b"DENY")],
    "it does not know the time itself": lambda q: [answer(q, first=UNSYNCHRONISED)],
    "it does not answer as a time server does": lambda q: [answer(q, first=0x25)],
}


@unittest.skipIf(PATIENCE > 1, "faketime and sanitizers hang each other")
class Clock(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        network = need_network(cls.work)
        cls.phone = network.add(PHONE_AT)
        cls.house = Installation(cls.work, address=SERVER)
        cls.user, password = cls.house.add_device(MAC)
        cls.password_file = cls.work.write("password", password, 0o600)
        cls.certificate = cls.house.issue(MAC, "rsa2048")
        cls.house.set("AUTOLOGIN_ID_KEY01", "4711@voice.example.net", "--device", MAC)
        cls.server = cls.house.serve(doors=("tftp", "http", "https", "https-legacy"), hosts=(SERVER,),
                                     ports={"tftp": 69, "http": 80, "https": 443, "https-legacy": LEGACY_PORT},
                                     preexec=network.add(SERVER).enter)
        toybox = [need_program("toybox"), "sntp", "-S"]
        cls.start_time_server(network.add(RIGHT), toybox)
        cls.start_time_server(network.add(AHEAD), [*by_clock("+3650d"), *toybox])  # its count has begun anew, in 2036
        cls.start_time_server(network.add(BEHIND), [*by_clock("-100d"), *toybox])
        cls.liar = Liar(network.add(LIAR))
        cls.addClassCleanup(cls.liar.socket.close)

    @classmethod
    def start_time_server(cls, node, command):
        child = cls.work.start(command, preexec=node.enter)
        wait_until(lambda: f":{SNTP_PORT} " in node("ss", "-Hlun").out, "a time server to listen")
        return child

    def setUp(self):
        self.state = self.work.path("flash")
        self.login = ["--device-id", self.user, "--password-file", self.password_file]
        self.mutual = ["--certificate", self.certificate / "cert.pem", "--key", self.certificate / "key.pem"]

    def at(self, time, *command):
        """This command of the phone, run there and then."""
        fake = by_clock(f"@{time}") if time else []
        return self.phone.command(*fake, PHONE, *command)

    def boot(self, time, *options, url=f"https://{SERVER}", code=0):
        done = run(self.at(time, "boot", "--mac", MAC, "--model", MODEL, "--state", self.state, "--url", url, "--json",
                           *options))
        if code is not None:
            self.assertEqual(done.code, code, done)
        report = done.json()
        self.notes = "\n".join(note["text"] for note in report["notes"])
        return report

    def boot_by_tftp(self, time, *options):
        """The first boot: the root, and what else is public. What is not stays closed, hence its exit code."""
        fingerprint = hashlib.sha1(self.house.root.read_bytes()).hexdigest()
        return self.boot(time, "--accept-fingerprint", fingerprint, *options, url=f"tftp://{SERVER}", code=EXIT_FAILED)

    def served(self, report):
        self.assertEqual(report["manifest"]["action"], "fetched", report)
        actions = {entry["file"]: entry["action"] for entry in report["sections"]}
        self.assertIn(actions[OWN_FILE], ("fetched", "kept"), report)

    def refused(self, report, *words):
        self.assertEqual(report["manifest"]["action"], "refused", report)
        for word in words:
            self.assertIn(word, report["manifest"]["reason"])

    def lease(self, *servers):
        return ["--dhcp-lease", self.work.write("lease", f"ntpsrv={' '.join(servers)}\n")]

    @contextlib.contextmanager
    def settings(self, **settings):
        for name, value in settings.items():
            self.house.set(name, value)
        yield
        for name in settings:
            self.house("setting", "unset", name, "--global")

    def test_a_lost_clock_needs_no_time_server(self):
        self.boot_by_tftp(LOST)
        for proof in (self.login, self.mutual):
            self.served(self.boot(LOST, *proof))
        self.assertNotIn("time server", self.notes)

    def test_a_lost_clock_is_told_the_time(self):
        self.boot_by_tftp(LOST)
        for proof in (self.login, self.mutual):
            self.served(self.boot(LOST, *proof, *self.lease(RIGHT)))
            self.assertRegex(self.notes, f"clock says 1970-01-01T00:01:0.Z, and the time server {RIGHT} says 20")

    def test_a_clock_in_the_future_is_put_right_by_a_time_server_alone(self):
        self.boot_by_tftp(None)
        self.refused(self.boot(FUTURE, *self.login, code=EXIT_FAILED), "expired", "and it is 2037-06-01T")
        for proof in (self.login, self.mutual):
            self.served(self.boot(FUTURE, *proof, *self.lease(NOBODY, RIGHT)))
            self.assertRegex(self.notes, f"clock says 2037-06-01T.*, and the time server {RIGHT} says 20")
        # DHCP's first is remembered, where no lease is at hand.
        self.boot(FUTURE, *self.login, *self.lease(RIGHT))
        self.served(self.boot(FUTURE, *self.login))

    def test_a_phone_that_begins_in_the_future_takes_its_root_once_it_is_told_the_time(self):
        report = self.boot_by_tftp(FUTURE)
        (root,) = [entry for entry in report["sections"] if entry["section"] == "USER_KEYS"]
        self.assertEqual(root["action"], "refused", root)
        self.assertIn("and it is 2037-06-01T", root["reason"])
        self.boot_by_tftp(FUTURE, *self.lease(RIGHT))
        self.served(self.boot(FUTURE, *self.login))

    def test_an_enrolment_asks_too(self):
        mac = "00:24:7F:01:02:AC"
        self.house.add_device(mac)
        token = self.work.write("token", self.house.json("token", "add", mac)["token"], 0o600)
        enrol = self.at(FUTURE, "enrol", "--mac", mac, "--state", self.state, "--json", "--token-file", token, "--by",
                        "est", "--server", f"https://{SERVER}")
        self.boot_by_tftp(None)
        failed = run(enrol)
        self.assertEqual(failed.code, EXIT_FAILED, failed)
        self.assertIn("and it is 2037-06-01T", failed.json()["reason"])
        self.boot_by_tftp(None, *self.lease(RIGHT))  # whose time server is remembered
        self.assertEqual(run(enrol, check=True).json()["outcome"], "enrolled")

    def test_a_false_time_does_not_hinder_the_first_enrolment(self):
        for number, off in enumerate((BEHIND, AHEAD)):
            state = self.work.path("flash")
            run([PHONE, "configure", "--state", state, "--set", f"sntp-server={off}"], check=True)
            # By CMP, which brings the root, then over HTTPS; nothing has proved the time by then.
            for profile, by in enumerate((["cmp", "--server", f"http://{SERVER}"],
                                          ["est", "--server", f"https://{SERVER}"]), start=1):
                mac = f"00:24:7F:01:03:{number}{profile}"
                self.house.add_device(mac)
                token = self.work.write("token", self.house.json("token", "add", mac)["token"], 0o600)
                done = run(self.at(None, "enrol", "--mac", mac, "--state", state, "--profile", profile, "--json",
                                   "--token-file", token, "--by", *by), check=True)
                self.assertEqual(done.json()["outcome"], "enrolled")

    def test_public_settings_name_the_time_server(self):
        self.boot_by_tftp(None)
        with self.settings(SNTP_SERVER=RIGHT, SNTP_ENABLE="YES"):
            # The same boot that brings the setting asks: what comes over TFTP may name whom HTTPS then needs.
            self.boot_by_tftp(FUTURE)
            self.assertIn(f"the time server {RIGHT} says", self.notes)
            self.served(self.boot(FUTURE, *self.login))
            self.assertIn(f"the time server {RIGHT} says", self.notes)
        with self.settings(SNTP_SERVER=RIGHT, SNTP_ENABLE="NO"):
            run([PHONE, "reset", "--state", self.state], check=True)
            self.boot_by_tftp(None)
            self.refused(self.boot(FUTURE, *self.login, code=EXIT_FAILED), "expired")

    def test_a_time_server_may_have_a_name(self):
        server = self.start_time_server(self.phone, [need_program("toybox"), "sntp", "-S"])
        self.addCleanup(server.stop)
        self.boot_by_tftp(None)
        for name, told in (("localhost", "the time server localhost says"),
                           ("nobody.invalid", "nobody.invalid: its name leads to no address")):
            run([PHONE, "configure", "--state", self.state, "--set", f"sntp-server={name}"], check=True)
            self.boot(FUTURE, *self.login, code=None)
            self.assertIn(told, self.notes)

    def test_a_time_server_that_is_years_off_locks_nobody_out(self):
        self.boot_by_tftp(None)
        for off in (AHEAD, BEHIND):
            for time in (LOST, None):
                with self.subTest(off=off, time=time):
                    self.served(self.boot(time, *self.login, *self.lease(off)))
        # Nor does it raise the floor: the right clock is believed, and asks nobody.
        self.served(self.boot(None, *self.login, *self.lease(AHEAD)))
        self.assertNotIn("time server", self.notes)

    def test_what_is_no_time_is_none(self):
        self.boot_by_tftp(LOST)
        for words, lie in NO_TIMES.items():
            with self.subTest(words):
                self.liar.lie = lie
                self.served(self.boot(LOST, *self.login, *self.lease(LIAR)))
                self.assertIn(f"{LIAR}: {words}", self.notes)
        self.served(self.boot(LOST, *self.login, *self.lease(NOBODY)))
        self.assertIn(f"{NOBODY}: ", self.notes)

    def test_a_question_tells_nothing_and_is_never_the_same(self):
        self.boot_by_tftp(LOST)
        self.liar.questions.clear()
        self.liar.lie = lambda q: [answer(q)]
        for _ in range(2):
            self.served(self.boot(LOST, *self.login, *self.lease(LIAR)))
        first, second = self.liar.questions
        self.assertEqual(first[:40], b"\x23" + bytes(39))
        self.assertEqual(second[:40], first[:40])
        self.assertNotEqual(second[40:], first[40:])

    # A simulated set, whose clock is right whatever it tells.

    SET = ("--switch", "clock=believed")

    def legacy(self, time, *options, **more):
        return self.boot(time, *self.SET, *self.login, *options, url=f"https://{SERVER}:{LEGACY_PORT}", **more)

    def test_a_set_in_an_old_or_far_year_lives_on_the_legacy_lane_alone(self):
        self.boot_by_tftp(OLD, *self.SET)
        for time, words in ((OLD, ("not yet valid", "it is 2000-06-01T")), (FUTURE, ("expired", "it is 2037-06-01T"))):
            with self.subTest(time):
                self.served(self.legacy(time))
                self.refused(self.boot(time, *self.SET, *self.login, code=EXIT_FAILED), *words)
        self.refused(self.legacy(LOST, code=EXIT_FAILED), "not yet valid", "it is 1970-01-01T")

    def test_a_set_that_is_told_the_time_lives_on_any_lane(self):
        with self.settings(SNTP_SERVER=RIGHT, SNTP_ENABLE="YES"):
            self.boot_by_tftp(LOST, *self.SET)
            for time in (LOST, OLD, FUTURE):
                self.served(self.boot(time, *self.SET, *self.login))
        with self.settings(SNTP_SERVER=AHEAD, SNTP_ENABLE="YES"):
            run([PHONE, "reset", "--state", self.state], check=True)
            self.boot_by_tftp(LOST, *self.SET)
            self.refused(self.boot(LOST, *self.SET, *self.login, code=EXIT_FAILED), "expired")

    def test_the_legacy_lane_begins_in_2000_and_ends_before_2038(self):
        shown = run(self.phone.command(need_program("openssl"), "s_client", "-connect", f"{SERVER}:{LEGACY_PORT}",
                                       "-showcerts", "-tls1_2", "-cipher", "DEFAULT@SECLEVEL=0"), input="").out
        presented = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", shown, re.S)
        issuing = [path.read_text() for path in (self.house.data / "pki").glob("issuing-legacy*.pem")]
        self.assertTrue(presented and issuing, shown)
        for pem in (*presented, *issuing, self.house.root.read_text()):
            dates = run(["openssl", "x509", "-noout", "-subject", "-dates", "-dateopt", "iso_8601"], input=pem,
                        check=True).out
            begin, end = re.search(r"notBefore=(\S+).*\nnotAfter=(\S+)", dates).groups()
            self.assertEqual(begin, YEAR_2000, dates)
            self.assertLess(end, YEAR_2038, dates)


if __name__ == "__main__":
    unittest.main()
