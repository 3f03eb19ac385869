"""ringfence-phone at an 802.1X port: wpa_supplicant, which it drives, against hostapd with its own EAP server, over a
cable between two namespaces."""

import contextlib
import json
import os
import signal
import socket
import stat
import struct
import unittest
from pathlib import Path

from foreign import Pki, revocation_list, start_nginx, tls_server
from harness import PATIENCE, PHONE, WAIT, by_clock, fake_clock, free_port, need_program, run, wait_until
from namespaces import need_network
from phone_boot import MAC, PhoneTest, fingerprint

SWITCH, DESK = "10.88.0.1", "10.88.0.2"
SERVER_NAME = "radius.example.test"
PASSWORD, WRONG = "Canary-5081-right", "Canary-5082-wrong"
P12_PASSWORD = "Set-2031!"
USERS = f'''"4711" MD5 "{PASSWORD}"
"outer" PEAP
"00247F0102AB" TLS
"inner" MD5,MSCHAPV2 "{PASSWORD}" [2]
'''
ETHERTYPE_EAPOL = 0x888E
PAE_GROUP = bytes.fromhex("0180c2000003")
EAPOL_EAP = 0
EAP_REQUEST, EAP_RESPONSE, EAP_IDENTITY = 1, 2, 1
FAIL = "EAP Authenticate-Fail"
LONG_AGO = "@1970-01-01 00:01:00"


class Switch:
    """hostapd on its end of the cable."""

    def __init__(self, work, node, server, users=USERS, **options):
        self.work, self.node = work, node
        self.folder = work.path("switch")
        self.folder.mkdir()
        root, (certificate, key) = server
        (self.folder / "users").write_text(users)
        settings = {"interface": "swp1", "driver": "wired", "ieee8021x": 1, "use_pae_group_addr": 0, "eap_server": 1,
                    "eap_user_file": self.folder / "users", "ca_cert": root[0], "server_cert": certificate,
                    "private_key": key, "ctrl_interface": self.folder / "control", **options}
        (self.folder / "conf").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        self.start()

    def start(self):
        self.hostapd = self.work.start([need_program("hostapd"), self.folder / "conf"], preexec=self.node.enter)
        wait_until(lambda: "AP-ENABLED" in self.hostapd.output(), "hostapd")

    def stop(self):
        self.hostapd.stop()

    def ask(self, *words):
        return run([need_program("hostapd_cli"), "-p", self.folder / "control", "-i", "swp1", *words], check=True).out

    def reset(self):
        """Forgets everybody, and that it does not want to hear of some for a minute."""
        self.ask("disable")
        self.ask("enable")

    def has_let_in(self):
        return "flags=[AUTHORIZED]" in self.ask("all_sta")

    def logins(self):
        return self.hostapd.output().count("CTRL-EVENT-EAP-SUCCESS ")


def children(pid):
    """The numbers of a process's children, also of its threads'."""
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/task/{task}/children") as listed:
            found += map(int, listed.read().split())
    return found


def has_ended(pid):
    """Also when nobody has collected it yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


class PortTest(PhoneTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        network = need_network(cls.work)
        for program in ("wpa_supplicant", "hostapd"):
            need_program(program)
        cls.switch_node, cls.desk = network.wire, network.add(DESK)
        # The cable leads to hostapd's interface itself, not to the bridge.
        port = f"to-{cls.desk.pid}"
        cls.switch_node("ip", "link", "set", port, "down")
        cls.switch_node("ip", "link", "set", port, "nomaster")
        cls.switch_node("ip", "link", "set", port, "name", "swp1", "up")
        cls.switch_node("ip", "address", "add", f"{SWITCH}/24", "dev", "swp1")
        pki = cls.pki = Pki(cls.work.path("pki"))
        cls.root, cls.other_root = pki.authority("root"), pki.authority("other-root")
        cls.server = pki.issue("radius", cls.root, san=f"DNS:{SERVER_NAME}")
        cls.www = cls.work.folder / "www"
        cls.www.mkdir()
        cls.ports = {"http": free_port(), "https": free_port()}
        cls.web = pki.issue("web", cls.root, san=f"IP:{SWITCH}")
        cls.start_server()

    @classmethod
    def start_server(cls):
        cls.nginx = start_nginx(cls.work, cls.www, [f"listen {SWITCH}:{cls.ports['http']};",
                                                    tls_server(cls.ports["https"], *cls.web, address=SWITCH)],
                                preexec=cls.switch_node.enter)

    def setUp(self):
        super().setUp()
        self.url = f"http://{SWITCH}"

    def switch(self, server=None, **options):
        made = Switch(self.work, self.switch_node, (self.root, server or self.server), **options)
        self.addCleanup(made.stop)
        return made

    def phone(self, *words, code=0, before=(), **more):
        done = run(self.desk.command(*before, PHONE, *words, "--state", self.state), **more)
        if code is not None:
            self.assertEqual(done.code, code, done)
        self.assertNotIn("Canary", done.out + done.err)
        return done

    def configure(self, password=None, code=0, **fields):
        words = [word for name, value in fields.items() for word in ("--set", f"eap-{name.replace('_', '-')}={value}")]
        if password is not None:
            words += ["--set-from", "eap-password=-"]
        return self.phone("configure", *words, input=password, code=code)

    def join(self, *options, code=0, **more):
        return self.phone("join", "--interface", "eth0", "--json", *options, code=code, **more).json()

    def events(self):
        """Those of 802.1X."""
        return [event for event in self.show()["events"] if event.startswith("0x103")]

    def install(self, root=None, certificate=None, before=()):
        """Root and device certificate come by a boot, as at a set."""
        manifest, options = "", []
        if root is not None:
            manifest += "[USER_KEYS]\nPROTOCOL HTTP\nFILENAME root.pem\n"
            self.serve("root.pem", root[0].read_bytes())
            options += ["--accept-fingerprint", fingerprint(root[0])]
        if certificate is not None:
            self.configure()
            self.phone("profile", "--source", "pkcs12", "--active", "yes")
            manifest += "[DEV_CERT]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL HTTP\nFILENAME phone-*.p12\n"
            self.serve("phone-00247F0102AB.p12", self.pki.pkcs12(certificate, P12_PASSWORD))
            options += ["--certificate-password-file", self.work.write("p12-password", P12_PASSWORD, 0o600),
                        "--switch", "certificate-issuer=any"]
        self.serve("1230SIP.cfg", manifest)
        wait_until(lambda: run(self.desk.command("bash", "-c", f": </dev/tcp/{SWITCH}/{self.ports['http']}")).code == 0,
                   "nginx")
        done = run(self.desk.command(*before, *self.command(self.url, "--json", *options)), timeout=120)
        self.assertEqual(done.code, 0, done)

    def prove_time(self):
        """A boot by HTTPS, whose Date is proved; a clock that is never so is not believed for long."""
        self.serve("1230SIP.cfg", "[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL HTTPS\nFILENAME site.cfg\n")
        self.serve("site.cfg", "BANNER hello\n")
        done = run(self.desk.command(*self.command(f"https://{SWITCH}", "--json")))
        self.assertEqual(done.code, 0, done)

    def start_supplicant(self, env=None):
        """One that runs already; its control socket."""
        folder = self.work.path("wpa")
        child = self.work.start([need_program("wpa_supplicant"), "-dd", "-Dwired", "-i", "eth0", "-C", folder],
                                preexec=self.desk.enter, env=env)
        self.addCleanup(child.stop)
        wait_until((folder / "eth0").exists, "wpa_supplicant")
        return child, folder / "eth0"


class Join(PortTest):
    def assert_refused(self, said, code, words=""):
        self.assertEqual((said["state"], said["network"], said["display"]), ("closed", False, FAIL), said)
        self.assertIn(words, said["reason"])
        self.assertTrue(self.events(), self.show()["events"])
        self.assertTrue(self.events()[-1].startswith(code), self.events())
        self.assertIn(said["reason"], self.events()[-1])

    def test_md5(self):
        switch = self.switch()
        self.configure(mode="md5", id1="4711", password=PASSWORD)
        said = self.join()
        self.assertEqual((said["state"], said["network"], said["display"]), ("open", True, ""), said)
        self.assertTrue(switch.has_let_in())
        self.assertEqual(self.events(), [])
        for case, fields in {"wrong password": {"password": WRONG}, "unknown": {"id1": "4712", "password": PASSWORD}}.items():
            with self.subTest(case):
                switch.reset()
                self.configure(**fields)
                self.assert_refused(self.join(code=1), "0x1030", "md5 was refused")
                self.assertFalse(switch.has_let_in())
        shown = self.show()["port"]
        self.assertEqual((shown["mode"], shown["state"], shown["password"]), ("md5", "closed", "********"), shown)
        self.assertIn("port: closed: ", self.phone("show").out)

    def test_peap_with_both_methods_inside(self):
        switch = self.switch()
        self.install(self.root)
        self.configure(mode="peap", id1="outer", id2="inner", password=PASSWORD)
        for inner in ("md5", "mschapv2"):
            with self.subTest(inner):
                switch.reset()
                self.configure(inner=inner)
                self.assertEqual(self.join()["state"], "open")
                self.assertTrue(switch.has_let_in())
        switch.reset()
        self.configure(password=WRONG)
        self.assert_refused(self.join(code=1), "0x1034", "peap was refused")
        switch.reset()
        self.configure(password=PASSWORD, server_name="other.example.test")
        self.assert_refused(self.join(code=1), "0x1034", "Domain mismatch")

    def test_a_root_that_is_not_the_radius_servers(self):
        self.switch()
        self.install(self.other_root)
        self.configure(mode="peap", id1="outer", id2="inner", password=PASSWORD)
        self.assert_refused(self.join(code=1), "0x1032", "self-signed certificate in certificate chain")

    def test_tls(self):
        switch = self.switch()
        self.install(self.root, self.pki.issue("good", self.root, "client", key="rsa"))
        self.configure(mode="tls", id1="00247F0102AB", server_name=SERVER_NAME)
        self.assertEqual(self.join()["state"], "open")
        self.assertTrue(switch.has_let_in())
        for name in ("port-identity.pem", "port-roots.pem"):
            self.assertEqual(stat.S_IMODE((self.state / name).stat().st_mode), 0o600)
        switch.reset()
        self.configure(server_name="other.example.test")
        self.assert_refused(self.join(code=1), "0x1033", "Domain mismatch")
        self.configure(mode="disabled")
        self.assertEqual(self.join()["state"], "unguarded")
        self.assertFalse((self.state / "port-identity.pem").exists())

    def test_a_device_certificate_of_another_authority(self):
        switch = self.switch()
        self.install(self.root, self.pki.issue("stranger", self.other_root, "client", key="rsa"))
        self.configure(mode="tls", id1="00247F0102AB")
        self.assert_refused(self.join(code=1), "0x1033")
        self.assertFalse(switch.has_let_in())

    @unittest.skipIf(PATIENCE > 1, "faketime and sanitizers hang each other")
    def test_a_device_certificate_that_has_expired(self):
        self.switch()
        self.install(self.root, self.pki.issue("old", self.root, "client", key="rsa", begins=-30, ends=-10),
                     before=by_clock("-20d"))
        self.configure(mode="tls", id1="00247F0102AB")
        self.assert_refused(self.join(code=1), "0x1031", "has expired at")

    def test_a_switch_that_offers_a_weaker_method_is_refused(self):
        switch = self.switch(users=f'"outer" MD5 "{PASSWORD}"\n')
        self.install(self.root)
        self.configure(mode="peap", id1="outer", password=PASSWORD)
        self.assert_refused(self.join(code=1), "0x1034")
        self.assertFalse(switch.has_let_in())
        switch.reset()
        self.configure(mode="md5")
        self.assertEqual(self.join()["state"], "open", "the password was right")

    def test_old_tls_takes_a_switch(self):
        switch = self.switch(tls_flags="[DISABLE-TLSv1.1][DISABLE-TLSv1.2][DISABLE-TLSv1.3]",
                             openssl_ciphers="DEFAULT@SECLEVEL=0")
        self.install(self.root)
        self.configure(mode="peap", id1="outer", id2="inner", password=PASSWORD)
        self.assert_refused(self.join(code=1), "0x1034")
        switch.reset()
        self.assertEqual(self.join("--switch", "eap-tls=legacy")["state"], "open")
        self.assertTrue(switch.has_let_in())

    def test_a_radius_server_that_is_revoked_is_refused(self):
        self.switch()
        self.install(self.root)
        self.prove_time()
        self.configure(mode="peap", id1="outer", id2="inner", password=PASSWORD)
        self.assertEqual(self.join()["state"], "open")
        self.install((self.work.write("listed.pem", self.root[0].read_bytes() +
                                      revocation_list(self.work, self.root, self.server[0])), self.root[1]))
        self.assert_refused(self.join(code=1), "0x1034", "revoked")

    def test_disabled_answers_nobody(self):
        switch = self.switch()
        _, control = self.start_supplicant()
        self.configure(mode="md5", id1="4711", password=PASSWORD)
        self.join("--supplicant", control)
        self.assertEqual(self.who_is_there(), b"4711")
        self.assertIn("nothing else of 802.1X is kept", self.configure(id1="4713", mode="disabled", code=2).err)
        self.configure(mode="disabled")
        self.assertNotIn("4711", self.stored_text())
        self.assertNotIn(PASSWORD, self.stored_text())
        said = self.join("--supplicant", control)
        self.assertEqual((said["state"], said["network"]), ("unguarded", True))
        self.assertIsNone(self.who_is_there(wait=1))
        self.assertEqual(self.phone("join", "--interface", "eth0").out, "port unguarded: 802.1X is disabled\n")
        switch.stop()

    def who_is_there(self, wait=WAIT):
        """The identity that the phone gives to whoever asks on its cable, or None."""
        with self.switch_node.entered():
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE_EAPOL))
        with wire:
            wire.bind(("swp1", ETHERTYPE_EAPOL))
            wire.settimeout(wait)
            eap = struct.pack("!BBHB", EAP_REQUEST, 77, 5, EAP_IDENTITY)
            mine = wire.getsockname()[4]
            wire.send(PAE_GROUP + mine + struct.pack("!HBBH", ETHERTYPE_EAPOL, 2, EAPOL_EAP, len(eap)) + eap)
            with contextlib.suppress(TimeoutError):
                while True:
                    frame = wire.recv(2048)
                    code, number, length, kind = struct.unpack("!BBHB", frame[18:23]) if len(frame) >= 23 else (0,) * 4
                    if frame[6:12] != mine and frame[15] == EAPOL_EAP and (code, number, kind) == (
                            EAP_RESPONSE, 77, EAP_IDENTITY):
                        return frame[23:18 + length]
        return None

    def test_material_comes_before_the_mode(self):
        self.assertIn("eap-id1 must be typed in", self.configure(mode="md5", code=1).err)
        self.assertIn("eap-password must be typed in", self.configure(mode="md5", id1="4711", code=1).err)
        self.assertIn("a root certificate must be installed before eap-mode is peap",
                      self.configure(mode="peap", id1="outer", password=PASSWORD, code=1).err)
        self.install(self.root)
        self.assertIn("a device certificate must be installed before eap-mode is tls",
                      self.configure(mode="tls", id1="outer", code=1).err)
        self.assertEqual(self.show()["port"], {"mode": "disabled"})

    def test_misuse(self):
        for words in (["--set", f"eap-password={PASSWORD}"], ["--set", "eap-mode=wpa"], ["--set", "eap-id1=4711"],
                      ["--set", "eap-server-name=not a name"], ["--set", f"eap-id1={'x' * 254}"]):
            self.assertEqual(run([PHONE, "configure", "--state", self.state, *words]).code, 2, words)
        self.configure()
        self.assertEqual(self.phone("join", "--interface", "eth0/", code=2).out, "")
        self.assertIn("there is no interface eth7", self.phone("join", "--interface", "eth7", code=1).err)
        self.assertEqual(self.phone("join", "--supplicant", "/x", code=2).out, "")
        self.assertEqual(self.phone("join", "--interface", "eth0", "--switch", "eap-tls=old", code=2).out, "")

    def test_without_a_supplicant_or_a_cable(self):
        self.configure(mode="md5", id1="4711", password=PASSWORD)
        said = self.join("--supplicant", self.work.path("nobody"), "--wait", "5", code=1)
        self.assertEqual(said["state"], "no supplicant")
        self.assertIn("no wpa_supplicant answers at", said["reason"])
        self.switch_node("ip", "link", "set", "swp1", "down")
        try:
            self.assertEqual(self.join("--wait", "2", code=1)["state"], "no link")
        finally:
            self.switch_node("ip", "link", "set", "swp1", "up")

    @unittest.skipIf(PATIENCE > 1, "faketime and sanitizers hang each other")
    def test_a_phone_in_1970_logs_in_by_tls(self):
        switch = self.switch()
        self.install(self.root, self.pki.issue("early", self.root, "client", key="rsa"))
        self.configure(mode="tls", id1="00247F0102AB", server_name=SERVER_NAME)
        self.prove_time()
        early = by_clock(LONG_AGO)
        _, control = self.start_supplicant(env=fake_clock(LONG_AGO))
        said = self.join("--supplicant", control, code=1)
        self.assertIn("not yet valid", said["reason"])
        switch.reset()
        said = self.join("--supplicant", control, before=early)
        self.assertIn("judged later", said["reason"])
        self.assertTrue(switch.has_let_in())
        # The chain and the name count all the same.
        switch.reset()
        self.configure(server_name="other.example.test")
        self.assertIn("Domain mismatch", self.join("--supplicant", control, code=1, before=early)["reason"])


class Run(PortTest):
    def start(self, *options, url=None, env=None):
        ports = ",".join(f"{protocol}={port}" for protocol, port in self.ports.items())
        words = [PHONE, "run", "--mac", MAC, "--model", "1230", "--state", self.state, "--url", url or self.url,
                 "--interface", "eth0", "--ports", ports, "--patience", str(int(2 * PATIENCE)), "--json", *options]
        child = self.work.start(words, preexec=self.desk.enter, env=env)
        child.said = lambda: [json.loads(line) for line in child.output().splitlines() if line.startswith("{")]
        child.events = lambda kind: [entry["text"] for entry in child.said() if entry.get("event") == kind]
        child.boots = lambda: [entry for entry in child.said() if "manifest" in entry]
        self.addCleanup(child.stop)
        return child

    def wait_for(self, question, child, what):
        try:
            wait_until(question, what, 2 * WAIT)
        except AssertionError as fault:
            raise AssertionError(f"{fault}\n{child.output()}") from None

    def begin(self, switch, *options):
        self.serve("1230SIP.cfg", "[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL HTTP\nFILENAME site.cfg\n")
        self.serve("site.cfg", "BANNER hello\n")
        self.configure(mode="md5", id1="4711", password=PASSWORD)
        child = self.start(*options)
        self.wait_for(lambda: child.boots(), child, "a boot")
        self.assertTrue(switch.has_let_in())
        return child

    def test_boots_once_the_port_is_open_and_again_after_the_cable_was_out(self):
        switch = self.switch()
        child = self.begin(switch)
        self.assertEqual(child.events("boot"), ["power-up"])
        states = [text.split(":")[0] for text in child.events("port")]
        self.assertEqual(states[-1], "open", states)
        self.switch_node("ip", "link", "set", "swp1", "down")
        self.wait_for(lambda: child.events("port")[-1].startswith("no link"), child, "the loss to be seen")
        self.assertEqual(self.show()["port"]["state"], "no link")
        self.switch_node("ip", "link", "set", "swp1", "up")
        self.wait_for(lambda: len(child.boots()) == 2, child, "another boot")
        self.assertEqual(child.events("boot"), ["power-up", "the network is back"])
        self.assertEqual(switch.logins(), 2)
        self.assertEqual(child.stop(), 0)

    def test_a_mere_restart_takes_the_port_for_open(self):
        switch = self.switch()
        _, control = self.start_supplicant()
        child = self.begin(switch, "--supplicant", control)
        self.assertEqual(child.stop(), 0)
        child = self.start("--supplicant", control)
        self.wait_for(lambda: child.boots(), child, "a boot")
        self.assertTrue(child.events("port")[-1].startswith("open: taken for open"), child.events("port"))
        self.assertEqual(switch.logins(), 1)
        self.assertEqual(child.stop(), 0)
        # The cable was out meanwhile: nothing is taken for granted, though the supplicant noticed nothing.
        self.switch_node("ip", "link", "set", "swp1", "down")
        self.switch_node("ip", "link", "set", "swp1", "up")
        child = self.start("--supplicant", control)
        self.wait_for(lambda: child.boots(), child, "a boot")
        self.assertEqual(switch.logins(), 2)
        self.assertEqual(child.stop(), 0)

    def test_without_a_login_nothing_is_booted_until_the_settings_are_right(self):
        switch = self.switch()
        self.serve("1230SIP.cfg", "")
        self.configure(mode="md5", id1="4711", password=WRONG)
        child = self.start()
        self.wait_for(lambda: any(FAIL in text for text in child.events("port")), child, "the refusal")
        self.assertEqual(child.events("boot"), [])
        self.wait_for(lambda: self.show()["events"], child, "the log")
        self.assertTrue(self.show()["events"][-1].startswith("0x1030"))
        switch.reset()
        self.configure(password=PASSWORD)
        child.signal(signal.SIGHUP)
        self.wait_for(lambda: child.events("boot"), child, "a boot")
        self.assertTrue(switch.has_let_in())
        self.assertEqual(child.stop(), 0)

    def test_reauthentication_runs_in_the_background_until_it_fails(self):
        switch = self.switch(eap_reauth_period=2)
        supplicant, control = self.start_supplicant()
        child = self.begin(switch, "--supplicant", control)
        self.wait_for(lambda: switch.logins() >= 3, child, "re-authentications")
        self.assertTrue(child.events("port")[-1].startswith("open"), child.events("port"))
        self.assertEqual(len(child.boots()), 1)
        # As if the RADIUS server had another password now.
        run([need_program("wpa_cli"), "-p", control.parent, "-i", "eth0", "set_network", "0", "password", f'"{WRONG}"'],
            check=True)
        self.wait_for(lambda: any(FAIL in text for text in child.events("port")), child, "the refusal")
        self.assertFalse(switch.has_let_in())
        self.assertEqual(self.show()["port"]["state"], "closed")
        switch.reset()
        self.wait_for(lambda: child.events("port")[-1].startswith("open"), child, "another login")
        self.wait_for(lambda: len(child.boots()) == 2, child, "another boot")
        self.assertEqual(child.stop(), 0)
        self.assertNotIn(PASSWORD, supplicant.output())

    def test_a_switch_that_forgot_everybody_is_asked_when_the_server_is_not_reached(self):
        switch = self.switch()
        child = self.begin(switch)
        switch.stop()
        switch.start()
        self.assertFalse(switch.has_let_in())
        self.nginx.stop()
        try:
            child.signal(signal.SIGHUP)
            self.wait_for(switch.has_let_in, child, "another login")
            self.assertTrue(child.events("port")[-1].startswith("open"), child.events("port"))
        finally:
            type(self).start_server()
        self.assertEqual(child.stop(), 0)

    def test_a_radius_server_that_was_revoked_is_refused_though_the_supplicant_takes_it(self):
        self.switch()
        self.install(self.root)
        self.serve("site.cfg", "BANNER hello\n")
        self.configure(mode="peap", id1="outer", id2="inner", password=PASSWORD)
        child = self.start()
        self.wait_for(lambda: child.boots(), child, "a boot")
        # Its revocation reaches the phone with its roots.
        self.serve("root.pem", self.root[0].read_bytes() + revocation_list(self.work, self.root, self.server[0]))
        child.signal(signal.SIGHUP)
        self.wait_for(lambda: any(FAIL in text for text in child.events("port")), child, "the refusal")
        self.assertIn("the RADIUS server's certificate is not accepted", child.events("port")[-1])
        self.assertIn("revoked", child.events("port")[-1])
        self.assertEqual(child.stop(), 0)

    @unittest.skipIf(PATIENCE > 1, "faketime and sanitizers hang each other")
    def test_a_phone_in_1970_judges_the_radius_server_once_it_knows_the_time(self):
        self.install(self.root)
        self.configure(mode="peap", id1="outer", id2="inner", password=PASSWORD, server_name=SERVER_NAME)
        env = fake_clock(LONG_AGO)
        self.serve("1230SIP.cfg", "")
        expired = self.pki.issue("expired", self.root, san=f"DNS:{SERVER_NAME}", begins=-30, ends=-10)
        for server, is_good in ((self.server, True), (expired, False)):
            with self.subTest(is_good=is_good):
                switch = self.switch(server)
                supplicant, control = self.start_supplicant(env=env)
                child = self.start("--supplicant", control, url=f"https://{SWITCH}", env=env)
                self.wait_for(lambda: child.boots(), child, "a boot")
                self.assertTrue(any("judged later" in text for text in child.events("port")), child.output())
                if is_good:
                    self.assertTrue(child.events("port")[-1].startswith("open"), child.output())
                else:
                    self.wait_for(lambda: FAIL in child.events("port")[-1], child, "the refusal")
                    self.assertIn("expired", child.events("port")[-1])
                self.assertEqual(child.stop(), 0)
                supplicant.stop()
                switch.stop()
                # Else a restart would take the port for open.
                self.switch_node("ip", "link", "set", "swp1", "down")
                self.switch_node("ip", "link", "set", "swp1", "up")

    def test_a_supplicant_that_is_killed_is_started_again(self):
        switch = self.switch()
        child = self.begin(switch)
        supplicant, = children(child.pid)
        self.assertEqual(stat.S_IMODE((self.state / "supplicant").stat().st_mode), 0o700)
        words = [Path(f"/proc/{pid}/cmdline").read_text() for pid in (child.pid, supplicant)]
        self.assertIn("wpa_supplicant", words[1])
        self.assertNotIn("Canary", "".join(words))
        self.assertNotIn(PASSWORD.encode().hex(), "".join(words))
        os.kill(supplicant, signal.SIGKILL)
        self.wait_for(lambda: any("wpa_supplicant was ended by signal 9; it is started again" in text
                                  for text in child.events("port")), child, "it to be told")
        self.wait_for(lambda: switch.logins() == 2, child, "another login")
        self.assertEqual(len(child.boots()), 1, "the port stayed open")
        again, = children(child.pid)
        self.assertEqual(child.stop(), 0)
        self.assertNotIn("Canary", child.output())
        self.assertTrue(has_ended(again), "the supplicant ends with the phone")

    def test_the_supplicant_dies_with_a_phone_that_is_killed(self):
        child = self.begin(self.switch())
        supplicant, = children(child.pid)
        child.kill()
        wait_until(lambda: has_ended(supplicant), "the supplicant to end with the phone")


if __name__ == "__main__":
    unittest.main()
