"""Where the phone finds its server: typed, by DHCP as ISC dhclient hands it to its script, or where it was served last."""

import unittest

from foreign import NEEDS_LOGIN, PHONE_LOGIN, Pki, start_nginx, start_tftpd, tls_server
from harness import PHONE, free_port, run
from phone_boot import MAC, Booted, PhoneTest, fingerprint

SECRET = "canary-discovery-5512"
LAST = ("last-automatic", "dhcp")


class Found(PhoneTest):
    """On loopback, with leases as files."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pki = Pki(cls.work.path("pki"))
        cls.root = cls.pki.authority("root")
        leaf = cls.pki.issue("prov", cls.root)
        cls.www = cls.work.folder / "www"
        cls.www.mkdir()
        _, tftp = start_tftpd(cls.work, cls.www)
        cls.ports = {"http": free_port(), "https": free_port(), "tftp": tftp}
        chain = cls.pki.chain("prov", leaf[0])
        private = f"location /private/ {{ {NEEDS_LOGIN} }}"
        cls.nginx = start_nginx(cls.work, cls.www, [f"listen 127.0.0.1:{cls.ports['http']};",
                                                    tls_server(cls.ports["https"], chain, leaf[1], private)])
        cls.nginx.wait_for_port(cls.ports["https"])

    def setUp(self):
        super().setUp()
        for folder in ("", "typed/", "private/"):
            self.serve(f"{folder}1230SIP.cfg", "[DEVICE_CONFIG]\nVERSION 000007\nPROTOCOL HTTP\nFILENAME site.cfg\n")
        self.serve("site.cfg", "SNTP_SERVER 192.0.2.4\nDNS_DOMAIN files.example\n")

    def lease(self, server=None, *more):
        lines = ["reason=BOUND", "new_ip_address=192.0.2.56", "new_domain_name=dhcp.example",
                 "new_dhcp_lease_time=3600", *more]
        return self.work.write("lease", "\n".join(lines + ([f"new_tftp_server_name={server}"] if server else [])))

    def find(self, *options, code=0):
        """Boots without a URL."""
        ports = ",".join(f"{protocol}={port}" for protocol, port in self.ports.items())
        done = run([PHONE, "boot", "--mac", MAC, "--model", "1230", "--state", self.state, "--ports", ports, "--json",
                    *options])
        self.assertEqual(done.code, code, done)
        return Booted(done) if done.out else done

    def configure(self, *options, code=0, **more):
        done = run([PHONE, "configure", "--state", self.state, "--json", *options], **more)
        self.assertEqual(done.code, code, done)
        self.assertNotIn(SECRET, done.out + done.err)
        return done.json() if code == 0 else done

    def parameter(self, name):
        entry = self.show()["parameters"].get(name)
        return entry and (entry["value"], entry["source"], entry["origin"])

    def test_nobody_names_a_server(self):
        for options in ([], ["--dhcp-lease", self.lease()], ["--dhcp-lease", self.lease("0.0.0.0")],
                        ["--dhcp-lease", self.lease("prov")]):
            done = self.find(*options, code=1)
            self.assertIn("no provisioning server is known", done.err)
        self.assertEqual(self.find("--dhcp-lease", self.work.path("absent"), code=1).out, "")

    def test_option_66_in_both_forms(self):
        for server, url in (("127.0.0.1", "tftp://127.0.0.1/1230SIP.cfg"),
                            ("http://127.0.0.1/typed", "http://127.0.0.1/typed/1230SIP.cfg")):
            with self.subTest(server=server):
                self.state = self.work.path("flash")
                booted = self.find("--dhcp-lease", self.lease(server))
                self.assertEqual(booted.manifest["url"], url)
                self.assertEqual(booted.actions(), {"site.cfg": "fetched"})
                self.assertIn("by DHCP", booted.notes)
                self.assertEqual(self.parameter("provisioning-server"), (url.removesuffix("1230SIP.cfg"), *LAST)
                                 if server == "127.0.0.1" else (server, *LAST))

    def test_longest_lease_wins(self):
        short = self.work.write("short", "tftp=192.0.2.9\nlease=60\n")
        booted = self.find("--dhcp-lease", short, "--dhcp-lease", self.lease("http://127.0.0.1"))
        self.assertEqual(booted.manifest["action"], "fetched")

    def test_typed_outranks_dhcp_until_it_is_cleared(self):
        lease = ["--dhcp-lease", self.lease("http://127.0.0.1")]
        self.assertIn("/typed/", self.find(*lease, "--url", "http://127.0.0.1/typed").manifest["url"])
        self.assertIn("/typed/", self.find(*lease).manifest["url"])
        self.assertIn("/typed/", self.find().manifest["url"])
        self.assertEqual(self.parameter("provisioning-server"), ("http://127.0.0.1/typed", "manual", "manual"))
        self.configure("--clear", "provisioning-server")
        self.assertNotIn("/typed/", self.find(*lease).manifest["url"])
        self.configure("--set", "provisioning-server=http://127.0.0.1/typed")
        self.assertIn("/typed/", self.find(*lease).manifest["url"])
        self.assertNotIn("/typed/", self.find(*lease, "--url", "0.0.0.0").manifest["url"])
        run([PHONE, "reset", "--state", self.state], check=True)
        self.assertIn("no provisioning server", self.find(code=1).err)

    def test_last_server_stands_in_for_a_silent_dhcp(self):
        self.find("--dhcp-lease", self.lease("http://127.0.0.1"))
        booted = self.find()
        self.assertEqual(booted.manifest["action"], "fetched")
        self.assertIn("last automatic value, from DHCP", booted.notes)

    def test_each_parameter_has_its_source(self):
        self.configure("--set", "host-name=lobby")
        self.find("--dhcp-lease", self.lease("http://127.0.0.1", "new_unknown_232=VLAN-A:100+200.",
                                             "new_domain_name_servers=192.0.2.2 192.0.2.3 192.0.2.4"))
        self.assertEqual(self.parameter("host-name"), ("lobby", "manual", "manual"))
        self.assertEqual(self.parameter("sntp-server"), ("192.0.2.4", "files", "files"))
        self.assertEqual(self.parameter("dns-domain"), ("files.example", "files", "files"))
        self.assertEqual(self.parameter("dns-servers"), ("192.0.2.2 192.0.2.3", *LAST))
        self.assertEqual(self.parameter("vlan-ids"), ("100+200", *LAST))
        text = run([PHONE, "show", "--state", self.state], check=True).out
        self.assertIn("parameter: host-name = lobby (manual entry)\n", text)
        self.assertIn("parameter: vlan-ids = 100+200 (last automatic value, from DHCP)\n", text)

    def test_bad_entries_change_nothing(self):
        missing = self.work.path("missing")
        for options, code in ((["--set", "nonsense=1"], 2), (["--set", "host-name"], 2), (["--clear", "nonsense"], 2),
                              (["--set", "vlan-ids=4095"], 2), (["--set", "provisioning-server=prov"], 2),
                              (["--set", f"provisioning-server=https://u:{SECRET}@127.0.0.1"], 2),
                              (["--set", f"device-password={SECRET}"], 2),
                              (["--set", "host-name=lobby", "--set-from", f"device-password={missing}"], 1)):
            with self.subTest(options=options):
                self.assertTrue(self.configure(*options, code=code).err.strip())
                self.assertFalse(self.state.exists())

    def install_root(self):
        self.serve("keys/1230SIP.cfg", "[USER_KEYS]\nPROTOCOL HTTP\nFILENAME root.pem\n")
        self.serve("root.pem", self.root[0].read_bytes())
        self.find("--url", "http://127.0.0.1/keys", "--accept-fingerprint", fingerprint(self.root[0]))
        self.configure("--clear", "provisioning-server")

    def test_a_typed_login_opens_the_server_and_is_never_shown(self):
        self.install_root()
        password = self.work.write("password", PHONE_LOGIN[1] + "\n")
        url = self.work.write("url", "https://127.0.0.1/private\n")
        self.configure("--set", f"device-id={PHONE_LOGIN[0]}", "--set-from", f"device-password={password}",
                       "--set-from", f"provisioning-server={url}")
        booted = self.find()
        self.assertEqual(booted.manifest["action"], "fetched")
        self.assertIn(f"user={PHONE_LOGIN[0]}", self.nginx.access_log.read_text())
        for command in ("show", "configure"):
            for form in ([], ["--json"]):
                done = run([PHONE, command, "--state", self.state, *form], check=True)
                self.assertIn("device-password", done.out)
                self.assertNotIn(PHONE_LOGIN[1], done.out + done.err)

    def test_a_login_in_the_url_is_never_shown(self):
        url = f"https://desk:{SECRET}@127.0.0.1/private"
        booted = self.find("--dhcp-lease", self.lease(url), code=1)  # no root, so nothing is sent
        self.assertNotIn(SECRET, booted.done.out + booted.done.err)
        self.assertNotIn(SECRET, self.stored_text())
        self.configure("--set-from", "provisioning-server=-", input=url + "\n")
        self.assertIn(SECRET, (self.state / "index").read_text())
        self.assertEqual((self.state / "index").stat().st_mode & 0o777, 0o600)
        for form in ([], ["--json"]):
            self.assertNotIn(SECRET, run([PHONE, "show", "--state", self.state, *form], check=True).out)

    def test_dhcp_leads_to_no_weaker_wire_after_https(self):
        self.install_root()
        self.assertEqual(self.find("--dhcp-lease", self.lease("https://127.0.0.1")).manifest["action"], "fetched")
        for rogue in ("127.0.0.1", "http://127.0.0.1"):
            booted = self.find("--dhcp-lease", self.lease(rogue))
            self.assertEqual(booted.manifest["url"], "https://127.0.0.1/1230SIP.cfg")
            self.assertIn("passed over", booted.notes)
        typed = self.find("--url", "http://127.0.0.1")
        self.assertEqual(typed.manifest["url"], "http://127.0.0.1/1230SIP.cfg")

    def test_a_server_that_proved_nothing_binds_nobody(self):
        self.find("--dhcp-lease", self.lease("https://127.0.0.1"), code=1)
        self.assertIsNone(self.parameter("provisioning-server"))
        self.assertEqual(self.find("--dhcp-lease", self.lease("127.0.0.1")).manifest["action"], "fetched")


if __name__ == "__main__":
    unittest.main()
