"""The cache beside FreeRADIUS: our server is dead, and every port that was in stays in."""

import stat
import unittest

from harness import RINGFENCE, fake_clock, need_program, run, wait_until
from namespaces import main_in_own_network
from radius import Supplicant
from radius_test import STRANGER, RadiusTest

PHONES = 6
ROUNDS = 5
HOUR = 60  # minutes


class CacheTest(RadiusTest):
    """Beside the FreeRADIUS of RadiusTest runs a cache; each test begins with the server alive and heard."""

    CACHE_OPTIONS = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = cls.work.path("answers")
        cls.start_cache()

    @classmethod
    def start_cache(cls, later=None):
        """`later`: by a clock that is so far ahead, or behind, as faketime(1) says it."""
        cls.beside = cls.work.start([RINGFENCE, "radius", "cache", "--folder", cls.folder, "--radius",
                                     cls.radius.folder, "--server", cls.url(), "--listen",
                                     cls.cache.removeprefix("http://"), *cls.CACHE_OPTIONS],
                                    env=fake_clock(later) if later else None)
        cls.beside.wait_for_line("ready")

    def setUp(self):
        if not self.server.is_running():
            type(self).server = self.serve(self.server.ports)
        wait_until(lambda: self.is_heard(), "the cache to hear the server")

    def is_heard(self):
        told = [line for line in self.beside.output().splitlines() if " heard" in line]
        return bool(told) and " is heard" in told[-1]

    def kill_server(self):
        self.server.kill()
        wait_until(lambda: not self.is_heard(), "the cache to miss the server")

    def restart_cache(self, later=None):
        self.assertEqual(self.beside.stop(), 0)
        self.start_cache(later)

    def ask_cache(self, identity, *options):
        """The status of a look-up that is put to the cache itself."""
        password = (self.radius.folder / "ringfence.password").read_text()
        login = self.work.write("login", f'user = "radius:{password}"\n', 0o600)
        return run([need_program("curl"), "--silent", "--config", login, "--output", "/dev/null", "--write-out",
                    "%{http_code}", "--data", f"identity={identity}", *options,
                    f"{self.cache}/network/v1/credential"]).out

    def wait_until_kept(self, identity):
        wait_until(lambda: self.ask_cache(identity) == "200", f"the cache to keep {identity}")

    def wait_until_forgotten(self, identity):
        wait_until(lambda: self.ask_cache(identity) == "404", f"the cache to forget {identity}")

    def add_phone(self, window=True):
        """A device that was let in, its hardware and its supplicant."""
        mac, identity, password = self.add_device(window=window)
        phone = Supplicant.md5(identity, password)
        self.assert_accepted(self.radius.login(phone, mac), "onboarding")
        self.wait_until_kept(identity)
        return mac, identity, phone


class Outage(CacheTest):
    def test_every_port_that_was_in_stays_in_for_an_hour(self):
        phones = [self.add_phone() for _ in range(PHONES)]
        certified = self.new_mac()
        shown = self.house.json("device", "add", certified, "--model", "1230", "--network-login", "own")
        self.prove(certified)
        by_certificate = self.tls(shown["network_identity"], self.house.issue(certified))
        by_password = Supplicant.md5(shown["network_identity"], shown["network_password"])
        self.assert_accepted(self.radius.login(by_certificate, certified), "production")
        self.assert_accepted(self.radius.login(by_password, certified), "production")
        self.wait_until_kept(shown["network_identity"])
        self.kill_server()
        for _ in range(ROUNDS):
            for mac, _, phone in phones:
                self.assert_accepted(self.radius.login(phone, mac), "onboarding")
            self.assert_accepted(self.radius.login(by_certificate, certified), "production")
            self.assert_accepted(self.radius.login(by_password, certified), "production")
        for minutes in range(20, HOUR + 1, 20):
            self.restart_cache(f"+{minutes}m")
            self.assert_accepted(self.radius.login(by_certificate, certified), "production")
            self.assert_accepted(self.radius.login(by_password, certified), "production")
        # Their windows would be over while the server lives, too.
        for mac, _, phone in phones:
            self.assert_refused(self.radius.login(phone, mac))
        self.restart_cache()

    def test_who_never_was_in_does_not_get_in(self):
        self.add_phone()
        mac, identity, password = self.add_device()
        folder = self.house.issue(mac)
        self.kill_server()
        self.assert_refused(self.radius.login(Supplicant.md5(identity, password), mac))
        self.assert_refused(self.radius.login(self.tls(identity, folder), mac))
        self.assert_refused(self.radius.login(Supplicant.md5("nobody", "whatever"), STRANGER))

    def test_a_wrong_password_and_other_hardware_are_refused(self):
        mac, identity, phone = self.add_phone()
        self.kill_server()
        self.assert_refused(self.radius.login(Supplicant.md5(identity, "canary-wrong-password"), mac))
        self.assert_refused(self.radius.login(phone, STRANGER))
        self.assert_accepted(self.radius.login(phone, mac), "onboarding")

    def test_the_server_is_asked_again_as_soon_as_it_is_back(self):
        mac, identity, phone = self.add_phone()
        self.kill_server()
        self.assert_accepted(self.radius.login(phone, mac), "onboarding")
        type(self).server = self.serve(self.server.ports)
        late, late_identity, password = self.add_device()
        wait_until(lambda: self.radius.login(Supplicant.md5(late_identity, password), late).accepted,
                   "FreeRADIUS to ask the server again")
        wait_until(self.is_heard, "the cache to hear the server again")
        self.wait_until_kept(late_identity)


class Revocation(CacheTest):
    def assert_out(self, mac, phone):
        self.kill_server()
        self.assert_refused(self.radius.login(phone, mac))

    def test_a_disabled_device_stays_out(self):
        mac, identity, phone = self.add_phone()
        self.house("device", "disable", mac)
        self.wait_until_forgotten(identity)
        self.assert_out(mac, phone)
        self.restart_cache()
        self.assertEqual(self.ask_cache(identity), "404")

    def test_a_device_that_is_enabled_again_is_kept_again(self):
        mac, identity, phone = self.add_phone()
        self.house("device", "disable", mac)
        self.wait_until_forgotten(identity)
        self.house("device", "enable", mac)
        self.wait_until_kept(identity)
        self.kill_server()
        self.assert_accepted(self.radius.login(phone, mac), "onboarding")

    def test_a_revoked_certificate_opens_nothing(self):
        mac = self.new_mac()
        shown = self.house.json("device", "add", mac, "--model", "1230", "--network-login", "own")
        identity = shown["network_identity"]
        folder = self.house.issue(mac)
        phone = self.tls(identity, folder)
        self.assert_accepted(self.radius.login(phone, mac), "production")
        serial = run([need_program("openssl"), "x509", "-in", folder / "cert.pem", "-noout", "-serial"]).out
        shown = ("--data", f"certificate={serial.strip().partition('=')[2].lower()}")
        wait_until(lambda: self.ask_cache(identity, *shown) == "200", "the cache to keep the certificate")
        self.house("cert", "revoke", mac)
        wait_until(lambda: self.ask_cache(identity, *shown) == "404", "the cache to hear of the revocation")
        self.kill_server()
        login = self.radius.login(phone, mac)
        self.assertFalse(login.accepted, login.text)

    def test_a_closed_window_closes_here_too(self):
        mac, identity, phone = self.add_phone()
        window = next(each for each in self.house.json_lines("window", "list") if mac in each["devices"])
        self.house("window", "close", str(window["id"]))
        self.wait_until_forgotten(identity)
        self.assert_out(mac, phone)


class Age(CacheTest):
    CACHE_OPTIONS = ("--max-age", "20m")

    def test_answers_hold_as_long_as_the_administrator_said_and_by_no_other_clock(self):
        mac, identity, phone = self.add_phone()
        self.kill_server()
        self.restart_cache("+15m")
        self.assert_accepted(self.radius.login(phone, mac), "onboarding")
        self.restart_cache("+25m")
        self.assert_refused(self.radius.login(phone, mac))
        self.assertIn("longer ago than answers may be old", self.beside.output())
        self.restart_cache("-5m")
        self.assert_refused(self.radius.login(phone, mac))
        self.assertIn("the clock stands before", self.beside.output())
        self.restart_cache()
        self.assert_accepted(self.radius.login(phone, mac), "onboarding")


class AtRest(CacheTest):
    def test_what_it_keeps_is_sealed_and_its_owners_alone(self):
        mac, identity, password = self.add_device()
        self.assert_accepted(self.radius.login(Supplicant.md5(identity, password), mac), "onboarding")
        self.wait_until_kept(identity)
        self.restart_cache()  # what it knows is written at its end
        self.assertEqual(stat.S_IMODE(self.folder.stat().st_mode), 0o700)
        names = sorted(path.name for path in self.folder.iterdir())
        self.assertEqual(names, ["answers.key", "answers.sealed"])
        for path in self.folder.iterdir():
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600, path)
            for clear in (password, identity, mac.replace(":", "").upper()):
                self.assertNotIn(clear.encode(), path.read_bytes())
        self.assertNotIn(password, self.beside.output())
        lookup_password = (self.radius.folder / "ringfence.password").read_text()
        with open(f"/proc/{self.beside.pid}/cmdline", "rb") as arguments:
            self.assertNotIn(lookup_password.encode(), arguments.read())

    def test_it_answers_nobody_without_the_password_and_gives_no_feed(self):
        for path, method in (("credential", "POST"), ("feed?epoch=&after=0&within=60&wait=0", "GET")):
            done = run([need_program("curl"), "--silent", "--output", "/dev/null", "--write-out", "%{http_code}",
                        "--request", method, f"{self.cache}/network/v1/{path}"])
            self.assertEqual(done.out, "401")

    def test_it_does_not_start_where_passwords_would_pass_in_clear(self):
        for options, word in ((("--server", "http://192.0.2.1:18120"), "https"),
                              (("--server", self.url(), "--listen", "0.0.0.0:18121"), "loopback"),
                              (("--server", "https://prov.example.test:18122"), "--address"),
                              (("--server", self.url(), "--max-age", "0s"), "--max-age")):
            done = run([RINGFENCE, "radius", "cache", "--folder", self.work.path("none"), "--radius",
                        self.radius.folder, *options])
            self.assertEqual(done.code, 2, done)
            self.assertIn(word, done.err)


class OtherMachine(CacheTest):
    """The feed comes by mutual TLS, as from another machine."""

    DOOR = "radius-tls"

    @classmethod
    def url(cls):
        return f"https://localhost:{cls.server.ports['radius-tls']}"

    @classmethod
    def prepare(cls):
        cls.house("cert", "server", "--add", "localhost")

    CACHE_OPTIONS = ("--address", "127.0.0.1")

    def test_it_is_kept_and_revoked_as_on_one_machine(self):
        mac, identity, phone = self.add_phone()
        other, other_identity, other_phone = self.add_phone()
        self.house("device", "disable", other)
        self.wait_until_forgotten(other_identity)
        self.kill_server()
        self.assert_accepted(self.radius.login(phone, mac), "onboarding")
        self.assert_refused(self.radius.login(other_phone, other))


if __name__ == "__main__":
    main_in_own_network()
