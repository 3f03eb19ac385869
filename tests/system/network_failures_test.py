"""Each way in which a phone does not get into the network, by our phone or by wpa_supplicant alone, through a real
switch and FreeRADIUS: it is told so, its port stays closed, and a login that is good still opens it."""

import contextlib
import unittest

from harness import PATIENCE, RINGFENCE, Installation, by_clock, run, wait_until
from network_walk import RADIUS_HOST, WalkTest

from lab import SERVER, SERVER_PORT

DISPLAY = "EAP Authenticate-Fail"
SECOND_ADDRESS = "10.99.0.12"


class Failures(WalkTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.login = cls.walk.onboard(cls.phone)
        cls.walk.enrol(cls.phone)
        cls.phone.join()
        cls.other = cls.walk.second_phone
        cls.walk.add_device(cls.other.mac)
        cls.other.node.set_address(SECOND_ADDRESS)

    @contextlib.contextmanager
    def nothing_passes(self, phone):
        """The port is closed from now on, whatever the phone does meanwhile, and no frame of it comes through."""
        phone.node.stop_supplicant()
        self.lab.reset_port(phone.node.port)
        with self.lab.capture(self.lab.switch, SERVER_PORT) as behind:
            yield
            self.assertEqual(phone.node.network(), "closed")
            self.assertFalse(phone.node.reaches(SERVER))
        self.assertEqual(behind.frames(source=phone.mac), [])

    def refuse(self, phone):
        with self.nothing_passes(phone):
            joined = phone.join()
            self.assertEqual((joined.code, joined.state, joined.display), (1, "closed", DISPLAY), joined)
        return joined

    def admit(self, phone, network="production"):
        phone.node.stop_supplicant()
        self.lab.reset_port(phone.node.port)
        joined = phone.join()
        self.assertEqual((joined.code, joined.state, phone.node.network()), (0, "open", network), joined)

    def test_what_is_typed_wrong_opens_nothing(self):
        identity, password = self.login
        self.addCleanup(self.phone.use_certificate)
        for what, name, secret, said in (
                ("a wrong password", identity, "wrong" + password, "its password or certificate was wrong"),
                ("an unknown user", "nobody-of-ours", password, "no device has the identity nobody-of-ours")):
            with self.subTest(what):
                self.phone.use_password(name, secret)
                self.refuse(self.phone)
                self.walk.house.wait_for_event(lambda event: (event["detail"] or "").startswith(said), said)
        self.phone.use_password(identity, password)
        with self.subTest("another's login"):
            self.other.use_password(identity, password)
            self.refuse(self.other)
            self.walk.wait_for_outcome("other-hardware", kind="alarm")
        self.admit(self.phone, "onboarding")

    def test_a_disabled_device_is_out_at_once_whatever_it_holds(self):
        self.admit(self.phone)
        self.walk.house("device", "disable", self.phone.mac)
        self.phone.node.wait_for_network("closed")
        self.refuse(self.phone)
        self.walk.house("device", "enable", self.phone.mac)
        self.admit(self.phone)

    def settings_with(self, folder):
        """Of wpa_supplicant alone: our phone would not even try with some certificates."""
        return {"ca_cert": str(self.walk.house.root), "domain_match": RADIUS_HOST,
                "client_cert": str(folder / "cert.pem"), "private_key": str(folder / "key.pem")}

    def issue_expired(self, mac):
        folder = self.work.path("expired")
        run([*by_clock("@2015-01-01 00:00:00"), RINGFENCE, "cert", "issue", mac, "--out", folder,
             "--data", self.walk.house.data], check=True)
        return folder

    def refuse_certificate(self, folder, said):
        """The device has a good one, so FreeRADIUS looks at this one."""
        log = self.walk.radius_log()
        with self.nothing_passes(self.other):
            self.other.node.supplicant().configure(eap="TLS", identity=self.other.mac, **self.settings_with(folder))
            wait_until(lambda: "Login incorrect" in self.walk.radius_log().removeprefix(log), "a refusal")
            news = self.walk.radius_log().removeprefix(log)
        self.assertIn(said, news)
        self.assertNotIn("Login OK", news)

    def test_a_certificate_that_does_not_count_opens_nothing(self):
        house, mac = self.walk.house, self.other.mac
        revoked = house.issue(mac)
        house("cert", "revoke", mac)
        good = house.issue(mac)
        stranger = Installation(self.work, "stranger")
        stranger.add_device(mac)
        looked_up = f"Invalid user: [{mac}]"
        cases = [("revoked", revoked, looked_up), ("another device's", house.issue(self.phone.mac), looked_up),
                 ("another authority's", stranger.issue(mac), "unable to get local issuer certificate")]
        if PATIENCE == 1:  # faketime and sanitizers hang each other
            cases.append(("expired", self.issue_expired(mac), "certificate has expired"))
        for what, folder, said in cases:
            with self.subTest(what):
                self.refuse_certificate(folder, said)
        self.other.node.stop_supplicant()
        self.lab.reset_port(self.other.node.port)
        self.assertEqual(self.other.node.login("TLS", mac, **self.settings_with(good)), "production")
        with self.subTest("revoked while its device is in"):
            house("cert", "revoke", mac)
            self.other.node.wait_for_network("closed")
            with self.nothing_passes(self.other):
                self.assertIsNone(self.other.node.login("TLS", mac, **self.settings_with(good)))

    def test_nobody_new_comes_in_while_radius_does_not_answer(self):
        self.walk.radius.stop()
        self.refuse(self.phone)
        self.walk.start_radius()
        self.admit(self.phone)

    def test_nobody_new_comes_in_while_our_server_does_not_answer_and_no_cache_knows_better(self):
        self.walk.server.stop()
        self.refuse(self.phone)
        self.walk.start_server()
        self.admit(self.phone)


if __name__ == "__main__":
    unittest.main()
