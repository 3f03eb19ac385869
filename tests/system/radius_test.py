"""FreeRADIUS, run from the files that we write, asks our server who may use the network."""

import unittest

from harness import Installation, SystemTest, free_port
from namespaces import main_in_own_network
from radius import SWITCH_SECRET, RadiusServer, Supplicant

RADIUS_HOST = "radius.example.test"
HERE = "127.0.0.1/32"


class RadiusTest(SystemTest):
    """One installation, one FreeRADIUS; each test takes devices of its own."""

    OPTIONS = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.number = 0
        cls.house = Installation(cls.work)
        cls.prepare()
        cls.house("radius", "switch", "add", "attic", "--address", HERE, "--secret-file", "-", input=SWITCH_SECRET)
        cls.server = cls.house.serve(doors=("radius", "https"))
        cls.url = f"http://127.0.0.1:{cls.server.ports['radius']}"
        cls.radius = RadiusServer(cls.work, cls.house, "--server", cls.url, "--host", RADIUS_HOST, "--cache",
                                  f"http://127.0.0.1:{free_port()}", *cls.OPTIONS).start()

    @classmethod
    def prepare(cls):
        pass

    @classmethod
    def new_mac(cls):
        cls.number += 1
        return f"00:24:7f:05:00:{cls.number:02x}"

    def add_device(self, *options, window=True):
        """A device with a network login of its own; returns its MAC, identity and password."""
        mac = self.new_mac()
        shown = self.house.json("device", "add", mac, "--model", "1230", "--network-login", "own", *options)
        if window:
            self.open_window(mac)
        return mac, shown["network_identity"], shown["network_password"]

    def open_window(self, mac):
        self.house("window", "open", "--net", "192.0.2.0/24", "--minutes", "30", "--device", mac)


class Md5(RadiusTest):
    def test_a_good_password_lets_a_device_into_the_onboarding_network(self):
        mac, identity, password = self.add_device()
        login = self.radius.login(Supplicant.md5(identity, password), mac)
        self.assertTrue(login.accepted, login.text)
        self.assertEqual(login.segment, "onboarding")


if __name__ == "__main__":
    main_in_own_network()
