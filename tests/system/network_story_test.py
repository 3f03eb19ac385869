"""The whole story, from link-up to the dial tone: a phone on a cable to a port that is closed, an 802.1X switch, and
behind it FreeRADIUS, Kea, our server and Kamailio."""

import unittest

from harness import wait_until
from kamailio import USER
from network_walk import FEW_TRIES, WalkTest, by_file

from lab import OFFICE, PHONE_PORT, SERVER, SERVER_PORT


class Story(WalkTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.walk.start_office()

    def test_from_link_up_to_the_dial_tone(self):
        identity, password = self.walk.add_device()
        self.walk.add_account()
        self.find_the_port_closed()
        self.log_in_to_onboarding(identity, password)
        self.take_a_lease()
        self.fetch_manifest_and_root_by_tftp()
        self.enrol()
        self.log_in_to_production()
        self.fetch_settings_by_mutual_tls()
        self.register()

    def expect_admission(self, segment, proof):
        event = self.walk.wait_for_outcome("admitted", proof=proof)
        self.assertIn(f"to {segment} at port {PHONE_PORT}", event["detail"])
        self.assertEqual(self.lab.phone.network(), segment)

    def find_the_port_closed(self):
        with self.lab.capture(self.lab.switch, SERVER_PORT) as behind, \
                self.lab.capture(self.lab.switch, PHONE_PORT) as port:
            self.assertIsNone(self.phone.take_lease(FEW_TRIES))
            wait_until(lambda: port.frames(source=self.phone.mac), "the phone to be heard at its port")
        self.assertEqual(behind.frames(source=self.phone.mac), [])
        self.assertEqual(self.lab.phone.network(), "closed")

    def log_in_to_onboarding(self, identity, password):
        self.walk.open_window()
        self.phone.use_password(identity, password)
        joined = self.phone.join()
        self.assertEqual((joined.code, joined.state), (0, "open"), joined)
        self.expect_admission("onboarding", "device-password")

    def take_a_lease(self):
        lease = self.phone.take_lease()
        self.assertIsNotNone(lease, self.walk.kea.output())
        self.assertEqual(lease["tftp"], SERVER)
        wait_until(lambda: self.lab.phone.reaches(SERVER), "the server to be reached")
        self.assertFalse(self.lab.phone.reaches(OFFICE))

    def fetch_manifest_and_root_by_tftp(self):
        # Nobody is there to look at the fingerprint, so there is no root, and nothing that needs one.
        files = by_file(self.phone.boot(code=1))
        self.assertEqual({name: entry["action"] for name, entry in files.items()},
                         {"trust/root.pem": "refused", self.phone.own_file: "refused"})
        report = self.phone.install_root()
        files = by_file(report)
        self.assertTrue(report["manifest"]["url"].startswith(f"tftp://{SERVER}/"), report["manifest"])
        self.assertTrue(files["trust/root.pem"]["url"].startswith(f"tftp://{SERVER}/"), files)
        # That it has no login yet is all that is missing.
        self.assertEqual(files[self.phone.own_file]["action"], "failed")
        self.assertIn("wants a login", files[self.phone.own_file]["reason"])

    def enrol(self):
        report = self.phone.enrol(self.walk.make_token())
        self.assertEqual((report["outcome"], report["accepted_by"]), ("enrolled", "it is an installed root"))

    def log_in_to_production(self):
        self.phone.use_certificate()
        joined = self.phone.join()
        self.assertEqual((joined.code, joined.state), (0, "open"), joined)
        self.expect_admission("production", "device-certificate")
        wait_until(lambda: self.lab.phone.reaches(OFFICE), "the office to be reached")

    def fetch_settings_by_mutual_tls(self):
        files = by_file(self.phone.boot())
        own = files[self.phone.own_file]
        self.assertEqual((own["action"], own["url"]), ("fetched", f"https://{SERVER}/{self.phone.own_file}"))
        self.walk.wait_for_outcome("delivered", path=self.phone.own_file, proof="device-certificate", wire="https")

    def register(self):
        baresip, kamailio = self.phone.start_baresip(), self.walk.kamailio
        try:
            wait_until(lambda: f"AoR: {USER}" in kamailio.registered(), "the registration")
        except AssertionError as fault:
            raise AssertionError(f"{fault}\n{baresip.output()}\n{kamailio.heard()}") from None
        self.assertIn(f"heard REGISTER of {USER} over tls", kamailio.heard())
        wait_until(lambda: "200 OK" in baresip.output(), "baresip to hear of it")


if __name__ == "__main__":
    unittest.main()
