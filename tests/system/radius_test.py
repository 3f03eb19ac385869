"""FreeRADIUS, run from the files that we write, asks our server who may use the network; eapol_test is the phone."""

import os
import re
import stat
import unittest

from harness import RINGFENCE, Installation, SystemTest, by_clock, free_port, need_program, run, wait_until
from namespaces import main_in_own_network
from radius import PATIENT, SWITCH, SWITCH_SECRET, RadiusServer, Supplicant

RADIUS_HOST = "radius.example.test"
HERE = "127.0.0.1/32"
ASKS_FROM = "127.0.0.1"  # whatever NAS-IP-Address eapol_test is told to say
STRANGER = "00:24:7f:99:99:99"
OLD_TLS = "tls_disable_tlsv1_1=1 tls_disable_tlsv1_2=1 tls_disable_tlsv1_3=1 tls_disable_tlsv1_0=0"


class RadiusTest(SystemTest):
    """One installation, one FreeRADIUS; each test takes devices of its own."""

    DOOR = "radius"
    OPTIONS = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.number = 0
        cls.house = Installation(cls.work)
        cls.prepare()
        cls.house("radius", "switch", "add", "attic", "--address", HERE, "--secret-file", "-", input=SWITCH_SECRET)
        cls.server = cls.serve({})
        cls.cache = f"http://127.0.0.1:{free_port()}"  # nothing listens there
        cls.radius = RadiusServer(cls.work, cls.house, "--server", cls.url(), "--host", RADIUS_HOST, "--cache",
                                  cls.cache, *cls.OPTIONS).start()

    @classmethod
    def prepare(cls):
        pass

    @classmethod
    def serve(cls, ports):
        return cls.house.serve(doors=(cls.DOOR, "https"), ports=ports)

    @classmethod
    def url(cls):
        return f"http://127.0.0.1:{cls.server.ports['radius']}"

    @classmethod
    def new_mac(cls):
        cls.number += 1
        return f"00:24:7f:05:00:{cls.number:02x}"

    @classmethod
    def add_device(cls, *options, window=True, model="1230"):
        """A device with a network login of its own; returns its MAC, identity and password."""
        mac = cls.new_mac()
        shown = cls.house.json("device", "add", mac, "--model", model, "--network-login", "own", *options)
        if window:
            cls.open_window(mac)
        return mac, shown["network_identity"], shown["network_password"]

    @classmethod
    def open_window(cls, mac, minutes=30):
        cls.house("window", "open", "--net", "192.0.2.0/24", "--minutes", str(minutes), "--device", mac)

    def tls(self, identity, folder, *more):
        return Supplicant.tls(identity, folder, self.house.root, RADIUS_HOST, *more)

    def peap(self, identity, password, **more):
        return Supplicant.peap(identity, password, self.house.root, RADIUS_HOST, **more)

    def prove(self, mac):
        """Fetches the device's own file with its login."""
        shown = self.house.json("device", "login", mac)
        run([need_program("curl"), "--silent", "--fail", "--cacert", self.house.root, "--user",
             f"{shown['user']}:{shown['password']}", "--resolve",
             f"{self.house.host}:{self.server.ports['https']}:127.0.0.1",
             f"https://{self.house.host}:{self.server.ports['https']}/SIP{mac.replace(':', '').upper()}.cfg"])
        wait_until(lambda: self.house.json("device", "show", mac)["last_proved"], "the fetch to be noted")

    def assert_accepted(self, login, segment):
        self.assertTrue(login.accepted, login.text)
        self.assertEqual(login.segment, segment)

    def assert_refused(self, login):
        """And told so at once: whoever waits in vain would be here only after PATIENT seconds."""
        self.assertFalse(login.accepted, login.text)
        self.assertTrue(login.failed, login.text)
        self.assertLess(login.seconds, PATIENT - 1, login.text)
        self.assertIsNone(login.segment)

    def assert_event(self, mac, outcome, detail=""):
        return self.house.wait_for_event(lambda e: e["outcome"] == outcome and detail in e["detail"],
                                         f"{outcome} {detail}", "--device", mac)


class Password(RadiusTest):
    def test_a_good_one_lets_in(self):
        mac, identity, password = self.add_device()
        login = self.radius.login(Supplicant.md5(identity, password), mac)
        self.assert_accepted(login, "onboarding")
        self.assertLessEqual(login.session, 1800)  # no longer than the window
        event = self.assert_event(mac, "admitted", "to onboarding at port Gi1/0/7 of sw-attic")
        self.assertEqual((event["source"], event["kind"]), (ASKS_FROM, "network"))
        for inner in ("MSCHAPV2", "MD5"):
            for outside in (None, "anonymous"):
                with self.subTest(inner=inner, outside=outside):
                    login = self.radius.login(self.peap(identity, password, inner=inner, outside=outside), mac)
                    self.assert_accepted(login, "onboarding")

    def test_a_wrong_one_does_not(self):
        mac, identity, _ = self.add_device()
        self.assert_refused(self.radius.login(Supplicant.md5(identity, "canary-wrong-password"), mac))
        self.assert_event(mac, "refused", "password or certificate was wrong")
        for inner in ("MSCHAPV2", "MD5"):
            with self.subTest(inner=inner):
                login = self.radius.login(self.peap(identity, "canary-wrong-password", inner=inner), mac)
                self.assertFalse(login.accepted, login.text)

    def test_nobody_is_let_in_as_nobody(self):
        self.assert_refused(self.radius.login(Supplicant.md5("nobody", "whatever"), STRANGER))
        self.assert_refused(self.radius.login(Supplicant.md5(STRANGER.replace(":", ""), "whatever"), STRANGER))
        self.assert_refused(self.radius.login(Supplicant.md5("anonymous", "whatever"), STRANGER))
        self.house.wait_for_event(lambda e: e["kind"] == "network" and "identity nobody" in e["detail"],
                                  "that nobody was refused")

    def test_disabling_and_enabling_act_at_once(self):
        mac, identity, password = self.add_device()
        phone = Supplicant.md5(identity, password)
        self.assert_accepted(self.radius.login(phone, mac), "onboarding")
        self.house("device", "disable", mac)
        self.assert_refused(self.radius.login(phone, mac))
        self.assert_event(mac, "refused", "retired or disabled")
        self.house("device", "enable", mac)
        self.assert_accepted(self.radius.login(phone, mac), "onboarding")
        self.house("device", "retire", mac)
        self.assert_refused(self.radius.login(phone, mac))

    def test_without_a_window_a_password_opens_nothing(self):
        mac, identity, password = self.add_device(window=False)
        self.assert_refused(self.radius.login(Supplicant.md5(identity, password), mac))
        self.assert_event(mac, "refused", "no staging window")
        self.open_window(mac)
        self.assert_accepted(self.radius.login(Supplicant.md5(identity, password), mac), "onboarding")

    def test_other_hardware_is_refused_and_an_alarm(self):
        mac, identity, password = self.add_device()
        self.assert_refused(self.radius.login(Supplicant.md5(identity, password), STRANGER))
        event = self.assert_event(mac, "other-hardware", STRANGER)
        self.assertEqual(event["kind"], "alarm")

    def test_a_set_with_one_field_shows_its_provisioning_login(self):
        mac = self.new_mac()
        shown = self.house.json("device", "add", mac, "--model", "1230", "--login", "keypad", "--network-login", "same")
        self.assertEqual((shown["network_identity"], shown["network_password"]), (shown["user"], shown["password"]))
        self.open_window(mac)
        login = self.radius.login(Supplicant.md5(shown["user"], shown["password"]), mac)
        self.assert_accepted(login, "onboarding")
        again = self.house.json("device", "login", mac, "--login", "keypad")
        self.assert_refused(self.radius.login(Supplicant.md5(shown["user"], shown["password"]), mac))
        self.assert_accepted(self.radius.login(Supplicant.md5(again["user"], again["password"]), mac), "onboarding")

    def test_a_removed_login_opens_nothing(self):
        mac, identity, password = self.add_device()
        self.house("device", "network-login", mac, "--remove")
        self.assert_refused(self.radius.login(Supplicant.md5(identity, password), mac))

    def test_passwords_with_signs_of_all_sorts_work(self):
        mac, identity, _ = self.add_device()
        password = "p%{User-Name}$%%\"\\\\'&=+;canary"
        self.house("device", "network-login", mac, "--password-file", "-", "--retype", "--identity", "a&b=%c d",
                   input=password)
        quoted = Supplicant(["eap=MD5", f'identity={b"a&b=%c d".hex()}', f'password={password.encode().hex()}'])
        self.assert_accepted(self.radius.login(quoted, mac), "onboarding")

    def test_whoever_proved_itself_is_in_production(self):
        mac, identity, password = self.add_device(window=False)
        self.prove(mac)
        self.assert_accepted(self.radius.login(Supplicant.md5(identity, password), mac), "production")
        self.house("device", "set", mac, "--require-certificate", "yes")
        self.assert_refused(self.radius.login(Supplicant.md5(identity, password), mac))


class Certificate(RadiusTest):
    def test_a_good_one_lets_into_production(self):
        mac, identity, _ = self.add_device(window=False)
        folder = self.house.issue(mac)
        self.assert_accepted(self.radius.login(self.tls(identity, folder), mac), "production")
        event = self.assert_event(mac, "admitted", "to production")
        self.assertEqual(event["proof"], "device-certificate")
        wait_until(lambda: self.house.json("device", "show", mac)["state"] == "active", "the device to be active")
        rsa = self.house.issue(mac, key="rsa2048")
        self.assert_accepted(self.radius.login(self.tls(mac.lower(), rsa), mac), "production")

    def test_it_outweighs_what_the_password_opens(self):
        mac, identity, password = self.add_device()
        for _ in range(2):
            self.assert_accepted(self.radius.login(Supplicant.md5(identity, password), mac), "onboarding")
        self.assert_accepted(self.radius.login(self.tls(identity, self.house.issue(mac)), mac), "production")
        # Proved inside the tunnel; what is said outside opens nothing.
        other, name, secret = self.add_device()
        login = self.radius.login(self.peap(name, secret, outside=identity), mac)
        self.assertFalse(login.accepted, login.text)

    def test_a_revoked_one_is_refused_at_once(self):
        mac, identity, _ = self.add_device()
        folder = self.house.issue(mac)
        self.assert_accepted(self.radius.login(self.tls(identity, folder), mac), "production")
        self.house("cert", "revoke", mac)
        # Also where a password would still open the port.
        self.assert_refused(self.radius.login(self.tls(identity, folder), mac))
        self.assert_event(mac, "refused")

    def test_a_disabled_device_is_refused_with_a_good_one(self):
        mac, identity, _ = self.add_device()
        folder = self.house.issue(mac)
        self.house("device", "disable", mac)
        self.assert_refused(self.radius.login(self.tls(identity, folder), mac))

    def test_an_expired_one_is_refused(self):
        mac, identity, _ = self.add_device()
        folder = self.work.path("expired")
        run([*by_clock("@2015-01-01 00:00:00"), RINGFENCE, "cert", "issue", mac, "--out", folder,
             "--data", self.house.data], check=True)
        self.assertFalse(self.radius.login(self.tls(identity, folder), mac).accepted)

    def test_one_of_another_authority_is_refused(self):
        mac, identity, _ = self.add_device()
        other = Installation(self.work, "other")
        other.add_device(mac)
        self.assertFalse(self.radius.login(self.tls(identity, other.issue(mac)), mac).accepted)

    def test_one_of_another_device_is_refused(self):
        mac, _, _ = self.add_device()
        other, identity, _ = self.add_device()
        folder = self.house.issue(mac)
        self.house.issue(other)
        self.assertFalse(self.radius.login(self.tls(identity, folder), other).accepted)
        self.assertFalse(self.radius.login(self.tls(identity, folder), mac).accepted)
        self.assertFalse(self.radius.login(self.tls("nobody", folder), mac).accepted)
        self.assertTrue(self.radius.login(self.tls(mac, folder), mac).accepted)

    def test_other_hardware_is_refused(self):
        mac, identity, _ = self.add_device()
        self.assert_refused(self.radius.login(self.tls(identity, self.house.issue(mac)), STRANGER))

    def test_one_of_a_server_is_none(self):
        mac, _, _ = self.add_device()
        folder = self.work.path("host")
        self.house("cert", "host", "sip.example.test", "--out", folder)
        self.assertFalse(self.radius.login(self.tls(mac, folder), mac).accepted)
        own = self.work.path("own")
        own.mkdir()
        (own / "cert.pem").write_bytes((self.radius.folder / "eap.pem").read_bytes())
        (own / "key.pem").write_bytes((self.radius.folder / "eap.key").read_bytes())
        self.assertFalse(self.radius.login(self.tls(mac, own), mac).accepted)

    def test_old_tls_is_refused_without_its_lane(self):
        mac, identity, _ = self.add_device()
        folder = self.house.issue(mac, key="rsa2048", lane="https-legacy")
        self.assertFalse(self.radius.login(self.tls(identity, folder), mac).accepted)
        modern = self.house.issue(mac, key="rsa2048")
        old = self.tls(identity, modern, f'phase1="{OLD_TLS}"')
        self.assertFalse(self.radius.login(old, mac, ciphers="DEFAULT@SECLEVEL=0").accepted)


class Whereabouts(RadiusTest):
    def test_the_port_stands_beside_the_device_and_a_move_is_an_event(self):
        mac, identity, password = self.add_device()
        phone = Supplicant.md5(identity, password)
        self.assert_accepted(self.radius.login(phone, mac, "Gi1/0/1"), "onboarding")
        port = self.house.json("device", "show", mac)["port"]
        self.assertEqual((port["switch"], port["switch_name"], port["port"], port["segment"], port["proof"]),
                         (ASKS_FROM, SWITCH, "Gi1/0/1", "onboarding", "password"))
        self.assertIn("Gi1/0/1", self.house("device", "show", mac).out)
        self.assertIn("Gi1/0/1", self.house("device", "list").out)
        self.assert_accepted(self.radius.login(phone, mac, "Gi1/0/2"), "onboarding")
        self.assert_event(mac, "moved", "from port Gi1/0/1 of sw-attic to port Gi1/0/2")
        self.assert_accepted(self.radius.login(phone, mac, "Gi1/0/1"), "onboarding")
        self.assertEqual(self.assert_event(mac, "two-ports", "in turn")["kind"], "alarm")


class Silence(RadiusTest):
    def test_nobody_is_let_in_while_we_are_silent_and_everybody_after_that(self):
        mac, identity, password = self.add_device()
        folder = self.house.issue(mac)
        self.assert_accepted(self.radius.login(Supplicant.md5(identity, password), mac), "onboarding")
        self.server.stop()
        self.assert_refused(self.radius.login(Supplicant.md5(identity, password), mac))
        self.assert_refused(self.radius.login(self.tls(identity, folder), mac))
        self.assert_refused(self.radius.login(self.peap(identity, password), mac))
        self.server = self.serve(self.server.ports)
        late, late_identity, late_password = self.add_device()
        wait_until(lambda: self.radius.login(Supplicant.md5(late_identity, late_password), late).accepted,
                   "FreeRADIUS to ask again")


class Secrets(RadiusTest):
    def test_none_shows(self):
        mac, identity, password = self.add_device()
        self.assert_accepted(self.radius.login(Supplicant.md5(identity, password), mac), "onboarding")
        self.assert_refused(self.radius.login(Supplicant.md5(identity, "canary-wrong-password"), mac))
        self.assert_accepted(self.radius.login(self.peap(identity, password), mac), "onboarding")
        basic = re.search(r'password = "([0-9a-f]{32})"', (self.radius.folder / "modules.conf").read_text()).group(1)
        self.assert_event(mac, "refused")
        self.house.backup(self.work.path("backup"))
        seen = {"the server's log": self.server.output(), "FreeRADIUS's log": self.radius.log(),
                "events": str(self.house.events()), "what radius config said": str(self.radius.written),
                "the list": self.house("device", "list").out + self.house("device", "show", mac).out +
                self.house("device", "network-login", mac).out + self.house("radius", "switch", "list").out,
                "arguments": " ".join(self.server.args + self.radius.process.args)}
        for name in os.listdir(self.house.data):
            path = self.house.data / name
            if path.is_file():
                seen[name] = path.read_bytes().decode("latin-1")
        for secret in (password, SWITCH_SECRET, basic, "canary-wrong-password"):
            for where, text in seen.items():
                with self.subTest(secret=secret[:6], where=where):
                    self.assertNotIn(secret, text)
        revealed = self.house.json("device", "network-login", mac, "--reveal")
        self.assertEqual(revealed["password"], password)
        self.assert_event(mac, "network-login-revealed")

    def test_the_files_are_their_owners_alone(self):
        self.assertEqual(stat.S_IMODE(self.radius.folder.stat().st_mode), 0o700)
        for path in self.radius.folder.iterdir():
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600, path)


class Door(RadiusTest):
    def ask(self, path, *options, form="identity=nobody"):
        done = run([need_program("curl"), "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--data",
                    form, *options, f"{self.url()}{path}"])
        return int(done.out)

    def test_it_answers_nobody_without_the_password(self):
        basic = re.search(r'password = "([0-9a-f]{32})"', (self.radius.folder / "modules.conf").read_text()).group(1)
        mac, identity, _ = self.add_device()
        form = f"identity={identity}"
        path = "/network/v1/credential"
        self.assertEqual(self.ask(path, form=form), 401)
        self.assertEqual(self.ask(path, "--user", "radius:wrong", form=form), 401)
        self.assertEqual(self.ask(path, "--user", f"other:{basic}", form=form), 401)
        self.house.wait_for_event(lambda e: e["kind"] == "login-failed" and e["wire"] == "radius", "the stranger")
        own = ("--user", f"radius:{basic}")
        self.assertEqual(self.ask(path, *own, form=form), 200)
        self.assertEqual(self.ask(path, *own), 404)
        self.assertEqual(self.ask("/network/v1/nothing", *own), 404)
        self.assertEqual(self.ask("/SIP00247F050001.cfg", *own), 404)
        self.assertEqual(self.ask(path, *own, form="x" * 5000), 400)
        self.assertEqual(self.ask(path, *own, form=f"identity={'x' * 300}"), 400)
        self.assertEqual(self.ask(path, *own, form="identity=%zz"), 400)

    def test_it_is_not_opened_to_other_machines(self):
        done = self.house("serve", "--listen", f"radius=0.0.0.0:{free_port()}", code=None)
        self.assertEqual(done.code, 2)
        self.assertIn("radius-tls", done.err)


class OtherMachine(RadiusTest):
    """FreeRADIUS asks by mutual TLS, as it does from another machine."""

    DOOR = "radius-tls"

    @classmethod
    def url(cls):
        return f"https://localhost:{cls.server.ports['radius-tls']}"

    @classmethod
    def prepare(cls):
        cls.house("cert", "server", "--add", "localhost")

    def ask(self, *options):
        return run([need_program("curl"), "--silent", "--show-error", "--output", "/dev/null", "--write-out",
                    "%{http_code}", "--cacert", self.house.root, "--data", "identity=nobody", *options,
                    f"{self.url()}/network/v1/credential"])

    def test_it_lets_devices_in(self):
        mac, identity, password = self.add_device()
        self.assert_accepted(self.radius.login(Supplicant.md5(identity, password), mac), "onboarding")
        self.assert_refused(self.radius.login(Supplicant.md5(identity, "canary-wrong-password"), mac))
        self.assert_accepted(self.radius.login(self.tls(identity, self.house.issue(mac)), mac), "production")

    def test_only_a_radius_servers_certificate_opens_the_door(self):
        mac, _, _ = self.add_device()
        own = ("--cert", self.radius.folder / "eap.pem", "--key", self.radius.folder / "eap.key")
        self.assertEqual(self.ask(*own).out, "404")
        device = self.house.issue(mac)
        self.assertNotEqual(self.ask("--cert", device / "cert.pem", "--key", device / "key.pem").code, 0)
        host = self.work.path("host")
        self.house("cert", "host", "sip.example.test", "--out", host)
        self.assertNotEqual(self.ask("--cert", host / "cert.pem", "--key", host / "key.pem").code, 0)
        self.assertNotEqual(self.ask().code, 0)
        files = run([need_program("curl"), "--silent", "--cacert", self.house.root, *own,
                     f"https://localhost:{self.server.ports['https']}/SIP{mac.replace(':', '').upper()}.cfg"])
        self.assertNotEqual(files.code, 0)

    def test_a_revoked_one_opens_it_no_more(self):
        spare = RadiusServer(self.work, self.house, "--server", self.url(), "--host", "spare.example.test")
        own = ("--cert", spare.folder / "eap.pem", "--key", spare.folder / "eap.key")
        self.assertEqual(self.ask(*own).out, "404")
        serial = spare.written.json()["issued"][0] if spare.written.out.startswith("{") else None
        serial = serial or run([need_program("openssl"), "x509", "-in", spare.folder / "eap.pem", "-noout",
                                "-serial"]).out.strip().partition("=")[2]
        self.house("cert", "revoke", "--serial", serial)
        self.assertNotEqual(self.ask(*own).code, 0)


class OldTls(RadiusTest):
    """The lane of old TLS is open, for one model."""

    @classmethod
    def prepare(cls):
        cls.house.configure("legacy_eap", True)
        cls.house.configure("models", ["1120e"])
        path = cls.house.data / "ringfence.toml"
        path.write_text(path.read_text().replace("# [radius]", "[radius]"))

    def old(self, identity, folder):
        return Supplicant.tls(identity, folder, self.house.root, RADIUS_HOST, f'phase1="{OLD_TLS}"')

    def test_it_serves_those_it_is_for_and_nobody_else(self):
        mac, identity, password = self.add_device(model="1120e")
        folder = self.house.issue(mac, key="rsa2048", lane="https-legacy")
        login = self.radius.login(self.old(identity, folder), mac, ciphers="DEFAULT@SECLEVEL=0")
        self.assert_accepted(login, "production")
        self.assertIn("TLSv1", login.text)
        self.assert_accepted(self.radius.login(Supplicant.md5(identity, password), mac), "onboarding")
        self.house("device", "disable", mac)
        login = self.radius.login(self.old(identity, folder), mac, ciphers="DEFAULT@SECLEVEL=0")
        self.assert_refused(login)

        other, identity, password = self.add_device(model="1230")
        folder = self.house.issue(other, key="rsa2048")
        login = self.radius.login(self.old(identity, folder), other, ciphers="DEFAULT@SECLEVEL=0")
        self.assertFalse(login.accepted, login.text)
        self.assert_accepted(self.radius.login(self.tls(identity, folder), other), "production")
        legacy = self.house.issue(other, key="rsa2048", lane="https-legacy")
        self.assertFalse(self.radius.login(self.tls(identity, legacy), other).accepted)


class Files(RadiusTest):
    def write(self, folder, code=0, *options):
        return self.house("radius", "config", "--out", folder, "--server", self.url(), *options, code=code)

    def test_again_keeps_the_certificate_until_its_last_third(self):
        folder = self.work.path("again")
        self.write(folder)
        first = {path.name: path.read_bytes() for path in folder.iterdir()}
        self.write(folder)
        self.assertEqual({path.name: path.read_bytes() for path in folder.iterdir()}, first)
        self.assertEqual([each.name for each in folder.parent.iterdir() if each.name.startswith(folder.name)],
                         [folder.name])
        run([*by_clock("+600d"), RINGFENCE, "radius", "config", "--out", folder, "--server", self.url(),
             "--data", self.house.data], check=True)
        self.assertNotEqual((folder / "eap.pem").read_bytes(), first["eap.pem"])
        self.assertNotEqual((folder / "eap.key").read_bytes(), first["eap.key"])

    def test_a_folder_of_others_is_left_alone(self):
        folder = self.work.path("others")
        folder.mkdir()
        (folder / "radiusd.conf").write_text("# mine\n")
        self.write(folder, 1)
        self.assertEqual([path.name for path in folder.iterdir()], ["radiusd.conf"])

    def test_a_password_is_not_sent_to_other_machines(self):
        done = self.house("radius", "config", "--out", self.work.path("far"), "--server", "http://192.0.2.1:18120",
                          code=2)
        self.assertIn("--server", done.err)


if __name__ == "__main__":
    main_in_own_network()
