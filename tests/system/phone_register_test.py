"""A provisioned phone gets its dial tone: our server tells it its account, `translate baresip` hands that to the real
baresip, and the real kamailio takes its registration over TLS with a certificate from our authority, or does not."""

import hashlib
import os
import unittest

from harness import HOST, PHONE, Installation, SystemTest, free_port, need_program, run, wait_until
from kamailio import OWN_SETTINGS, PASSWORD, USER, Kamailio, shared_settings

MAC = "00:24:7F:01:02:AB"
SIP_HOST = "sip.example.test"


@unittest.skipUnless(os.geteuid() == 0, "kamailio's control socket needs root")
class Register(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.house = Installation(cls.work)
        cls.house.add_device(MAC)
        cls.server = cls.house.serve(doors=("tftp", "https"))
        cls.sip_certificate = cls.certificate_for(SIP_HOST)
        cls.kamailio = Kamailio(cls.work, cls.sip_certificate)
        cls.dns = cls.start_dns()

    @classmethod
    def certificate_for(cls, host, *options):
        folder = cls.work.path("sip-cert")
        cls.house("cert", "host", host, "--out", folder, *options)
        return folder

    @classmethod
    def start_dns(cls):
        port = free_port()
        child = cls.work.start([need_program("dnsmasq"), "--no-daemon", "--conf-file=/dev/null", "--no-resolv",
                                "--no-hosts", "--bind-interfaces", "--listen-address=127.0.0.1", f"--port={port}",
                                "--pid-file=", "--address=/example.test/127.0.0.1", "--user=root"])
        child.wait_for_port(port)
        return f"127.0.0.1:{port}"

    def provision(self, house, server, port, **more):
        """What phones of this house shall be told, and a phone that booted; returns its flash."""
        settings = {**shared_settings(SIP_HOST, port), **more}
        for name, value in settings.items():
            house.set(name, value)
        if MAC not in house.users:
            house.add_device(MAC)
        for name, value in OWN_SETTINGS.items():
            house.set(name, value, "--device", MAC)
        house.set("AUTOLOGIN_PASSWD_KEY01", getattr(self, "password", PASSWORD), "--device", MAC)
        state = self.work.path("flash")
        user = house.users[MAC]
        ports = ",".join(f"{name}={number}" for name, number in server.ports.items())
        password = self.work.path("password")
        password.write_text(house.passwords[user])
        done = run([PHONE, "boot", "--mac", MAC, "--model", "1230", "--state", state, "--url", "tftp://127.0.0.1",
                    "--ports", ports, "--accept-fingerprint", hashlib.sha1(house.root.read_bytes()).hexdigest(),
                    "--device-id", user, "--password-file", password], check=True)
        self.assertNotIn(PASSWORD, str(done))
        return state

    def translate(self, state, *options):
        folder = self.work.path("baresip")
        done = run([PHONE, "translate", "baresip", "--state", state, "--out", folder, "--interface", "127.0.0.1",
                    "--sip-port", str(free_port()), "--dns-server", self.dns, "--audio", "aubridge,none", "--json",
                    *options], check=True)
        self.assertNotIn(PASSWORD, str(done))
        return folder, done.json()

    def start(self, folder):
        child = self.work.start([folder / "start"])
        self.addCleanup(child.stop)
        return child

    def tearDown(self):
        # Phones leave the table before the next test looks into it.
        self.doCleanups()
        wait_until(lambda: f"AoR: {USER}" not in self.kamailio.registered(), "the phones to leave the table")

    def expect_refusal(self, folder, kamailio, said):
        phone = self.start(folder)
        wait_until(lambda: said in phone.output(), f"baresip to say {said}\n{phone.output()}\n{kamailio.heard()}")
        self.assertNotIn("200 OK", phone.output())
        self.assertNotIn(f"AoR: {USER}", kamailio.registered())
        phone.stop()

    def expect_registration(self, folder, kamailio):
        phone = self.start(folder)
        try:
            wait_until(lambda: f"AoR: {USER}" in kamailio.registered(), "the registration")
        except AssertionError as fault:
            raise AssertionError(f"{fault}\n{phone.output()}\n{kamailio.heard()}") from None
        wait_until(lambda: "200 OK" in phone.output(), f"baresip to hear of it\n{phone.output()}")
        return phone

    def test_the_dial_tone(self):
        state = self.provision(self.house, self.server, self.kamailio.port)
        folder, report = self.translate(state)
        self.assertEqual((report["accounts"], report["refused"]), (1, []))
        for path in folder.iterdir():
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)
        phone = self.expect_registration(folder, self.kamailio)
        self.assertIn(f"<sip:{USER}-", self.kamailio.registered().replace("sip:", "<sip:"))
        self.assertIn("transport=tls", self.kamailio.registered())
        self.assertIn(f"heard REGISTER of {USER} over tls", self.kamailio.heard())
        # MWI: the mailbox is asked for.
        wait_until(lambda: f"heard SUBSCRIBE of {USER} over tls" in self.kamailio.heard(), "the mailbox")
        phone.stop()
        wait_until(lambda: f"AoR: {USER}" not in self.kamailio.registered(), "the phone to leave the table")

        with self.subTest("the wrong password"):
            self.password = "Canary-other-password"
            folder, _ = self.translate(self.provision(self.house, self.server, self.kamailio.port))
            self.expect_refusal(folder, self.kamailio, "401 Unauthorized")

    def test_no_dial_tone_with_another_root(self):
        stranger = Installation(self.work, "stranger")
        server = stranger.serve(doors=("tftp", "https"))
        folder, report = self.translate(self.provision(stranger, server, self.kamailio.port))
        self.assertEqual(report["accounts"], 1)
        self.expect_refusal(folder, self.kamailio, "Register: Protocol error")
        # The control: it is our start script that refuses, since baresip by itself takes any server.
        phone = self.work.start([need_program("baresip"), "-f", folder])
        wait_until(lambda: f"AoR: {USER}" in self.kamailio.registered(), "baresip by itself to register")
        phone.stop()
        server.stop()

    def test_no_dial_tone_at_another_server_of_the_same_root(self):
        own = self.house.data / "pki"
        provisioning = self.work.path("prov-cert")
        provisioning.mkdir()
        for name, source in (("cert.pem", own / "server-rsa.pem"), ("chain.pem", own / "issuing-rsa.pem"),
                             ("key.pem", self.house.data / "keys" / "server-rsa.key")):
            (provisioning / name).write_bytes(source.read_bytes())
        for what, certificate in (("a name", self.certificate_for("elsewhere.example.test")),
                                  ("names and an address", self.certificate_for(SIP_HOST, "--also", "127.0.0.1")),
                                  (f"{HOST}, the provisioning server", provisioning),
                                  ("a device", self.house.issue(MAC, "rsa2048"))):
            with self.subTest(what):
                kamailio = Kamailio(self.work, certificate)
                folder, _ = self.translate(self.provision(self.house, self.server, kamailio.port))
                self.expect_refusal(folder, kamailio, "Register: Protocol error")
                self.assertNotIn("heard REGISTER", kamailio.heard())
                kamailio.child.stop()

    def test_a_further_name_of_the_server_can_be_allowed(self):
        kamailio = Kamailio(self.work, self.certificate_for(SIP_HOST, "--also", "127.0.0.1"))
        state = self.provision(self.house, self.server, kamailio.port)
        folder, _ = self.translate(state, "--server-name", "127.0.0.1")
        self.expect_registration(folder, kamailio)

    def test_a_server_known_by_its_address(self):
        kamailio = Kamailio(self.work, self.certificate_for("127.0.0.1"))
        folder, _ = self.translate(self.provision(self.house, self.server, kamailio.port, SERVER_IP1_1="127.0.0.1"))
        self.expect_registration(folder, kamailio)

    def test_tls_is_never_given_up(self):
        kamailio = Kamailio(self.work, self.sip_certificate, transport="tcp")
        folder, _ = self.translate(self.provision(self.house, self.server, kamailio.port))
        phone = self.start(folder)
        # With TCP the REGISTER would come with the connection; a client hello is no SIP, and kamailio waits for more.
        wait_until(lambda: "src_ip: 127.0.0.1" in kamailio.ask("core.tcp_list"), "baresip to connect")
        phone.kill()  # it would wait half a minute for an answer
        wait_until(lambda: "src_ip" not in kamailio.ask("core.tcp_list"), "kamailio to have read what came")
        self.assertNotIn("heard", kamailio.heard())

    def test_mutual_authentication(self):
        device = self.house.issue(MAC, "rsa2048")
        kamailio = Kamailio(self.work, self.sip_certificate, client_ca=self.house.root)
        state = self.provision(self.house, self.server, kamailio.port)
        bare, _ = self.translate(state)
        phone = self.start(bare)
        wait_until(lambda: "peer did not return a certificate" in kamailio.heard(), "kamailio to refuse it")
        phone.kill()  # under TLS 1.3 it learns nothing and would wait half a minute for an answer
        self.assertNotIn("heard REGISTER", kamailio.heard())
        chain = self.work.write("device-chain.pem", (device / "cert.pem").read_bytes() +
                                (device / "chain.pem").read_bytes())
        folder, _ = self.translate(state, "--certificate", chain, "--key", device / "key.pem")
        self.expect_registration(folder, kamailio)


if __name__ == "__main__":
    unittest.main()
