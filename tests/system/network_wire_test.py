"""No secret on the wire: every stage of a phone's way into the network is recorded at its cable, at the server's, in
the office and within the server's machine, and searched for every secret that there is. What is told in the clear
elsewhere is found by the same search."""

import contextlib
import unittest

from harness import need_program, wait_until
from kamailio import PASSWORD, USER
from network_walk import PROVISIONING_HOST, RADIUS_HOST, SIP_HOST, WalkTest

from lab import OFFICE_PORT, PHONE_PORT, SERVER, SERVER_PORT

CABLE, SERVERS_WIRE, OFFICE_WIRE = "the phone's cable", "the server's cable", "the office's cable"
WITHIN = "the server's loopback"
SITE_FILE, SITE_TEXT = "site.cfg", "BANNER for people of this site only\n"
LEAFLET, PUBLIC_CANARY = "leaflet.txt", "canary-that-somebody-put-where-all-may-read"


class Wire(WalkTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.walk.start_office()
        cls.eap_identity, cls.eap_password = cls.walk.add_device()
        cls.walk.add_account()
        cls.site_user, cls.site_password = cls.walk.house.add_site("attic", "10.99.0.0/24", login=True)
        cls.walk.house.put(SITE_FILE, SITE_TEXT, "--class", "internal")
        cls.walk.house.put(LEAFLET, f"{PUBLIC_CANARY}\n", "--class", "public")
        cls.user = cls.walk.house.users[cls.phone.mac]
        cls.password = cls.walk.house.passwords[cls.user]

    def setUp(self):
        self.recorded = {}

    @contextlib.contextmanager
    def stage(self, name, seen):
        """`seen` is no secret, and passes at the phone's cable: so the recording shows what it should."""
        with contextlib.ExitStack() as stack:
            captures = {point: stack.enter_context(self.lab.capture(node, interface)) for point, node, interface in (
                (CABLE, self.lab.switch, PHONE_PORT), (SERVERS_WIRE, self.lab.switch, SERVER_PORT),
                (OFFICE_WIRE, self.lab.switch, OFFICE_PORT), (WITHIN, self.lab.server, "lo"))}
            yield
        self.assertTrue(captures[CABLE].contains(seen), name)
        self.recorded.update({(name, point): capture for point, capture in captures.items()})

    def where(self, secret):
        """The stages and points at which this passed in the clear."""
        return [place for place, capture in self.recorded.items() if capture.contains(secret)]

    def curl(self, url, *options, login=None):
        """curl on the phone, with a login that no argument shows."""
        if login:
            told = self.work.write(self.work.path("login").name, f'user = "{":".join(login)}"\n', 0o600)
            options += ("--config", told)
        return self.lab.phone.run(need_program("curl"), "--silent", "--show-error", "--cacert", self.walk.house.root,
                                  *options, url).out

    def take_the_way(self):
        """All of it, and what else may be done by password."""
        phone, host = self.phone, PROVISIONING_HOST
        self.walk.open_window()
        phone.use_password(self.eap_identity, self.eap_password)
        with self.stage("EAP-MD5", seen=self.eap_identity):
            self.assertEqual(phone.join().code, 0)
        with self.stage("DHCP", seen="Nortel-SIP-Phone-A"):
            self.assertIsNotNone(phone.take_lease())
        with self.stage("TFTP", seen="1230SIP.cfg"):
            phone.install_root()
        token = self.walk.make_token()
        with self.stage("enrolment", seen="pkixcmp"):
            phone.enrol(token)
        phone.use_certificate()
        with self.stage("EAP-TLS", seen=RADIUS_HOST):
            self.assertEqual(phone.join().code, 0)
        with self.stage("HTTPS, mutual", seen=host):
            phone.boot("--url", f"https://{host}")
        with self.stage("HTTPS, the device's password", seen=host):
            self.assertIn(PASSWORD, self.curl(f"https://{host}/{phone.own_file}", login=(self.user, self.password)))
        with self.stage("HTTPS, the site's password", seen=host):
            login = (self.site_user, self.site_password)
            self.assertEqual(self.curl(f"https://{host}/{SITE_FILE}", login=login), SITE_TEXT)
        with self.stage("SIP", seen=SIP_HOST.split(".")[0]):
            phone.start_baresip()
            wait_until(lambda: f"AoR: {USER}" in self.walk.kamailio.registered(), "the registration")
        self.lab.reset_port(PHONE_PORT)
        with self.stage("PEAP", seen="anonymous"):
            network = self.lab.phone.login("PEAP", self.eap_identity, self.eap_password, anonymous_identity="anonymous",
                                           ca_cert=str(self.walk.house.root), domain_match=RADIUS_HOST,
                                           phase2="auth=MSCHAPV2")
            self.assertEqual(network, "production")
        return token.read_text().strip()

    def test_no_stage_tells_a_secret(self):
        token = self.take_the_way()
        keys = self.phone.private_keys()
        self.assertTrue(keys)
        lookup_password = (self.walk.radius_folder / "ringfence.password").read_text().strip()
        secrets = {"the device's password": self.password, "the site's password": self.site_password,
                   "the token's secret": token.split("-")[1], "the SIP password": PASSWORD,
                   "the password that was handed out": self.phone.handed_out_password(),
                   "the switch's secret": self.lab.radius_secret,
                   **{f"private key {number}": key for number, key in enumerate(keys)}}
        for what, secret in secrets.items():
            with self.subTest(what):
                self.assertEqual(self.where(secret), [])
        # FreeRADIUS asks our server on the same machine, and in the clear: there, and nowhere else.
        for what, secret in (("the password of EAP", self.eap_password), ("FreeRADIUS's own", lookup_password)):
            with self.subTest(what):
                places = self.where(secret)
                self.assertEqual({point for _, point in places}, {WITHIN})
                self.assertIn(("EAP-MD5", WITHIN), places)
        with self.subTest("what EAP tells who listens"):
            named = [stage for stage, point in self.where(self.eap_identity) if point == CABLE]
            self.assertIn("EAP-MD5", named)
            self.assertNotIn("PEAP", named)

    def test_what_is_told_in_the_clear_is_found(self):
        host, name = f"http://{PROVISIONING_HOST}", self.phone.own_file
        self.walk.open_window()
        self.assertIsNotNone(self.lab.phone.login("MD5", self.eap_identity, self.eap_password))
        self.lab.phone.set_address("10.99.0.60")
        login = (self.user, self.password)
        for what, secret, seen, fetch in (
                ("HTTP", PUBLIC_CANARY, LEAFLET, lambda: self.curl(f"{host}/{LEAFLET}")),
                ("TFTP", PUBLIC_CANARY, LEAFLET, lambda: self.curl(f"tftp://{SERVER}/{LEAFLET}")),
                ("FTP", PUBLIC_CANARY, LEAFLET, lambda: self.curl(f"ftp://{SERVER}/{LEAFLET}")),
                ("Basic over HTTP", self.password, name, lambda: self.curl(f"{host}/{name}", "--basic", login=login)),
                ("FTP with a login", self.password, self.user,
                 lambda: self.curl(f"ftp://{SERVER}/{name}", login=login))):
            with self.subTest(what):
                with self.stage(what, seen):
                    self.assertNotIn(PASSWORD, fetch())
                self.assertIn((what, CABLE), self.where(secret))
                self.assertIn((what, SERVERS_WIRE), self.where(secret))
        self.assertEqual(self.where(PASSWORD), [])


if __name__ == "__main__":
    unittest.main()
