"""The commands for the network door: logins that a set does not unlearn by itself, switches, what is shown and sealed."""

import unittest

from harness import Installation, SystemTest

MAC = "00:24:7f:06:00:{:02x}"


class NetworkCommands(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.number = 0
        cls.house = Installation(cls.work)

    def add_device(self, *options):
        type(self).number += 1
        mac = MAC.format(self.number)
        return mac, self.house.json("device", "add", mac, "--model", "1230", *options)

    def login(self, mac, *options, **more):
        return self.house.json("device", "network-login", mac, *options, **more)


class Logins(NetworkCommands):
    def test_none_is_made_unasked(self):
        mac, shown = self.add_device()
        self.assertNotIn("network_password", shown)
        self.house("device", "network-login", mac, code=1)

    def test_it_is_made_shown_once_and_revealed_on_demand(self):
        mac, _ = self.add_device()
        made = self.login(mac, "--new")
        self.assertEqual((made["identity"], made["login"]), (mac.replace(":", "").upper(), "random"))
        self.assertGreaterEqual(len(made["password"]), 22)
        self.assertNotIn("password", self.login(mac))
        self.assertEqual(self.login(mac, "--reveal")["password"], made["password"])

    def test_it_is_replaced_only_where_somebody_will_retype_it(self):
        mac, _ = self.add_device()
        made = self.login(mac, "--new", "--keypad")
        self.assertRegex(made["identity"] + made["password"], r"^\d{20}$")
        refused = self.house("device", "network-login", mac, "--new", code=1)
        self.assertIn("--retype", refused.err)
        self.assertEqual(self.login(mac, "--reveal")["password"], made["password"])
        self.assertNotEqual(self.login(mac, "--new", "--retype")["password"], made["password"])

    def test_a_login_for_provisioning_leaves_one_of_its_own_alone(self):
        mac, shown = self.add_device("--network-login", "own")
        self.house("device", "login", mac)
        self.assertEqual(self.login(mac, "--reveal")["password"], shown["network_password"])

    def test_one_for_both_follows(self):
        mac, shown = self.add_device("--network-login", "same", "--login", "keypad")
        self.assertEqual(shown["network_password"], shown["password"])
        again = self.house.json("device", "login", mac, "--login", "keypad")
        revealed = self.login(mac, "--reveal")
        self.assertEqual((revealed["identity"], revealed["password"]), (again["user"], again["password"]))
        self.assertTrue(revealed["same_as_provisioning"])

    def test_the_same_later_needs_the_password_that_only_hashes_are_kept_of(self):
        mac, shown = self.add_device("--login", "keypad")
        refused = self.house("device", "network-login", mac, "--same-as-provisioning", "--password-file", "-",
                             input="123456789012", code=1)
        self.assertIn("not the password", refused.err)
        self.login(mac, "--same-as-provisioning", "--password-file", "-", input=shown["password"])
        self.assertEqual(self.login(mac, "--reveal")["identity"], shown["user"])

    def test_an_identity_has_one_owner(self):
        first, _ = self.add_device()
        second, _ = self.add_device()
        self.login(first, "--new", "--identity", "desk")
        self.house("device", "network-login", second, "--new", "--identity", "desk", code=1)

    def test_options_that_do_not_fit_are_refused(self):
        mac, _ = self.add_device()
        for options in (("--retype",), ("--keypad",), ("--new", "--remove"), ("--reveal", "--remove"),
                        ("--same-as-provisioning",), ("--identity", "x")):
            with self.subTest(options=options):
                self.house("device", "network-login", mac, *options, code=2)

    def test_a_list_is_imported_with_them(self):
        rows = self.work.write("list.csv", "00:24:7f:07:00:01,1230\n00:24:7f:07:00:02,1230\n")
        for row in self.house.json_lines("device", "import", rows, "--network-login", "own"):
            self.assertEqual(self.login(row["mac"], "--reveal")["password"], row["network_password"])

    def test_a_removed_device_takes_it_along(self):
        mac, _ = self.add_device("--network-login", "own")
        self.house("device", "remove", mac)
        self.house("device", "network-login", mac, code=1)


class Service(NetworkCommands):
    def test_a_disabled_device_shows_and_comes_back(self):
        mac, _ = self.add_device()
        self.house("device", "disable", mac)
        self.assertTrue(self.house.json("device", "show", mac)["disabled"])
        self.assertIn("disabled", self.house("device", "list").out)
        self.house("device", "enable", mac)
        self.assertFalse(self.house.json("device", "show", mac)["disabled"])
        self.house("device", "disable", MAC.format(255), code=1)


class Switches(NetworkCommands):
    def test_they_are_added_listed_and_removed(self):
        made = self.house.json("radius", "switch", "add", "attic", "--address", "192.0.2.0/28", "--change", "coa")
        self.assertGreaterEqual(len(made["secret"]), 26)
        self.house("radius", "switch", "add", "attic", "--address", "192.0.2.77", code=1)
        self.house("radius", "switch", "add", "cellar", "--address", "192.0.2.0/28", code=1)
        (listed,) = self.house.json_lines("radius", "switch", "list")
        self.assertEqual(listed, {"name": "attic", "address": "192.0.2.0/28", "change": "coa", "port": 3799})
        self.house("radius", "switch", "remove", "attic")
        self.house("radius", "switch", "remove", "attic", code=1)

    def test_a_secret_that_is_short_or_not_plain_is_refused(self):
        for secret in ("short", "with a blank in it xx", 'with-a-"-in-it-xxxx', "with-${x}-in-it-xxx"):
            with self.subTest(secret=secret):
                done = self.house("radius", "switch", "add", "s", "--address", "192.0.2.9", "--secret-file", "-",
                                  input=secret, code=1)
                self.assertNotIn(secret, done.err)


if __name__ == "__main__":
    unittest.main()
