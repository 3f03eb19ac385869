"""What happens at a port while a phone is in: it proves itself and is brought into production, it moves, its MAC
address is seen twice, and our server dies."""

import unittest

from harness import wait_until
from network_walk import WalkTest

from lab import OFFICE, PHONE_PORT, SECOND_PHONE_PORT, SPARE_PORT

REAUTHENTICATIONS = 5


class Ports(WalkTest):
    def log_in_again(self, node):
        """The switch asks a phone that is in to prove itself anew, as it does from time to time."""
        before = self.logins()
        with self.lab.hostapd(node.port) as control:
            control.command(f"EAPOL_REAUTH {node.mac}")
        wait_until(lambda: self.logins() > before, f"{node.name} to log in again\n{self.walk.radius_log()}")

    def logins(self):
        return self.walk.radius_log().count("Login OK")


class OneAfterAnother(Ports):
    def test_the_first_proven_fetch_brings_a_phone_into_production_and_it_is_followed_from_port_to_port(self):
        phone = self.walk.phone
        login = self.walk.onboard(phone)
        phone.install_root()
        self.prove_itself(phone)
        self.move(phone)
        self.be_seen_twice(phone, login)

    def port(self):
        port = self.walk.where()["port"]
        return port["port"], port["segment"], port["proof"]

    def prove_itself(self, phone):
        user = self.walk.house.users[phone.mac]
        self.lab.reset_port(PHONE_PORT)
        client = phone.start_dhcp_client()
        agent = phone.start_agent("--device-id", user, "--password-file",
                                  phone.secret_file(self.walk.house.passwords[user]))
        wait_until(lambda: "lease of" in client.output(), "a lease behind the port that the agent opens")
        self.assertEqual(self.port(), (PHONE_PORT, "onboarding", "password"))
        self.walk.wait_for_outcome("delivered", path=phone.own_file, proof="device-password", wire="https")
        self.walk.wait_for_outcome("port-changed")
        phone.node.wait_for_network("production")
        wait_until(lambda: phone.node.reaches(OFFICE), "the office to be reached")
        self.walk.wait_for_outcome("admitted", detail=f"to production at port {PHONE_PORT} of lab-switch")
        self.assertEqual(self.port(), (PHONE_PORT, "production", "password"))
        self.assertTrue(agent.is_running())

    def move(self, phone):
        phone.node.move_to(SPARE_PORT)
        phone.node.wait_for_network("production")
        there = f"from port {PHONE_PORT} of lab-switch to port {SPARE_PORT} of lab-switch"
        self.walk.wait_for_outcome("moved", detail=there)
        self.assertEqual(self.port()[0], SPARE_PORT)

    def be_seen_twice(self, phone, login):
        """Somebody else knows the login, and takes the MAC address with it. Both log in from time to time."""
        twin = self.lab.second_phone
        twin.set_mac(phone.mac)
        self.assertEqual(twin.login("MD5", *login), "production")
        self.log_in_again(phone.node)
        alarm = self.walk.wait_for_outcome("two-ports", kind="alarm")
        self.assertIn(SPARE_PORT, alarm["detail"])
        self.assertIn(SECOND_PHONE_PORT, alarm["detail"])


class WithoutUs(Ports):
    """The network does not fall with our server: hostapd asks everybody again and again, FreeRADIUS asks the cache. The
    hour that the server may be away is tried in radius_cache_test.py."""

    def test_every_port_that_was_in_stays_in(self):
        phone, other = self.walk.phone, self.walk.second_phone
        self.walk.start_cache()
        self.walk.onboard(phone)
        self.walk.enrol(phone)
        agent = phone.start_agent()
        phone.node.wait_for_network("production")
        login = self.walk.add_device(other.mac)
        self.walk.open_window(other.mac)
        self.assertEqual(other.node.login("MD5", *login), "onboarding")
        inside = self.lab.gate()
        self.assertEqual(len(inside), 2)
        serial = self.walk.where()["certificates"][0]["serial"]
        wait_until(lambda: self.walk.is_cached(phone.mac, serial), "the cache to keep the certificate")
        wait_until(lambda: self.walk.is_cached(login[0]), "the cache to keep the password")

        self.walk.server.kill()
        decided = self.lab.agent.output()
        for _ in range(REAUTHENTICATIONS):
            for node in (phone.node, other.node):
                self.log_in_again(node)
        self.assertEqual(self.lab.gate(), inside)
        self.assertNotIn("closed", self.lab.agent.output().removeprefix(decided))
        self.assertNotIn("Login incorrect", self.walk.radius_log())
        self.assertTrue(agent.is_running())

        self.assertIsNone(other.node.login("MD5", login[0], "wrong" + login[1]))
        self.lab.reset_port(other.node.port)
        self.assertEqual(other.node.login("MD5", *login), "onboarding")


if __name__ == "__main__":
    unittest.main()
