"""A port follows what its device may do: our server tells the switch by Disconnect or CoA (RFC 5176). The switch is a
FreeRADIUS that listens for these, and hostapd's own listener; who is at which port comes from real logins."""

import itertools
import unittest

from harness import Installation, SystemTest, free_port, need_program, run, wait_until
from namespaces import has_own_network, main_in_own_network
from radius import RadiusServer, Supplicant

DAS_SECRET = "canary-das-secret-7731"
SWITCH_ADDRESS = "192.0.2.5"  # NAS-IP-Address of every login (radius.py)
PORT = "Gi1/0/7"

# What it was asked stands in `asked`, one line a request. It refuses for hardware that ends in EE.
SWITCH = """
prefix = /usr
libdir = /usr/lib/freeradius
name = radiusd
confdir = {folder}
logdir = {folder}
run_dir = {folder}
pidfile = {folder}/radiusd.pid
proxy_requests = no
log {{
	destination = files
	file = {folder}/radius.log
}}
client everybody {{
	ipv4addr = 0.0.0.0/0
	secret = "{secret}"
	require_message_authenticator = yes
}}
modules {{
	linelog asked {{
		filename = {folder}/asked
		format = "%{{Packet-Type}} hardware=%{{Calling-Station-Id}} user=%{{User-Name}} \\
			switch=%{{NAS-IP-Address}} \\
			name=%{{NAS-Identifier}} port=%{{NAS-Port-Id}} time=%{{integer:Event-Timestamp}} \\
			vlan=%{{Tunnel-Private-Group-Id:0}} type=%{{Tunnel-Type:0}} medium=%{{Tunnel-Medium-Type:0}}"
	}}
	always reject {{
		rcode = reject
	}}
	always ok {{
		rcode = ok
	}}
}}
server switch {{
	listen {{
		type = coa
		ipv4addr = {address}
		port = {port}
	}}
	recv-coa {{
		asked
		if (&Calling-Station-Id =~ /EE$/) {{
			update reply {{
				Error-Cause := Administratively-Prohibited
			}}
			reject
		}}
		ok
	}}
	send-coa {{
		ok
	}}
}}
"""


class Switch:
    """A FreeRADIUS that takes Disconnect and CoA."""

    def __init__(self, work, secret=DAS_SECRET):
        self.folder = work.path("switch")
        self.folder.mkdir()
        self.port = free_port()
        (self.folder / "radiusd.conf").write_text(
            SWITCH.format(folder=self.folder, secret=secret, address=SWITCH_ADDRESS, port=self.port))
        self.process = work.start([need_program("freeradius"), "-f", "-d", self.folder])
        log = self.folder / "radius.log"
        wait_until(lambda: log.exists() and "Ready to process requests" in log.read_text(), "the switch to be ready")

    def asked(self, hardware):
        """What it was asked about that device, each as a dict."""
        path = self.folder / "asked"
        lines = path.read_text().splitlines() if path.exists() else []
        words = [line.split() for line in lines]
        found = [{"code": first, **dict(pair.split("=", 1) for pair in rest)} for first, *rest in words]
        return [request for request in found if request["hardware"] == hardware.replace(":", "-").upper()]

    def wait_for_request(self, hardware, count=1):
        wait_until(lambda: len(self.asked(hardware)) >= count, "the switch to be asked")
        return self.asked(hardware)[-1]


class PortChangeTest(SystemTest):
    CHANGE = "disconnect"
    numbers = itertools.count(1)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not has_own_network():
            raise unittest.SkipTest("the switch needs an address of its own: network namespaces are not allowed here")
        if SWITCH_ADDRESS not in run(["ip", "address", "show", "dev", "lo"]).out:
            run(["ip", "address", "add", f"{SWITCH_ADDRESS}/32", "dev", "lo"], check=True)
        cls.house = Installation(cls.work)
        cls.add_switch()
        cls.server = cls.house.serve(doors=("radius", "https"))
        cls.radius = RadiusServer(cls.work, cls.house, "--server",
                                  f"http://127.0.0.1:{cls.server.ports['radius']}", "--cache",
                                  f"http://127.0.0.1:{free_port()}", source=SWITCH_ADDRESS, secret=DAS_SECRET).start()

    @classmethod
    def add_switch(cls):
        cls.switch = Switch(cls.work)
        cls.house("radius", "switch", "add", "attic", "--address", SWITCH_ADDRESS, "--secret-file", "-", "--change",
                  cls.CHANGE, "--port", cls.switch.port, input=DAS_SECRET)

    def add_device(self, last="01", mac=None):
        """A device in a staging window, its MAC ending in `last` unless it is given."""
        mac = mac or f"00:24:7f:06:{next(self.numbers):02x}:{last}"
        self.shown = self.house.json("device", "add", mac, "--model", "1230", "--network-login", "own")
        self.house("window", "open", "--net", "192.0.2.0/24", "--minutes", "30", "--device", mac)
        return mac

    def log_in(self, mac):
        login = self.radius.login(Supplicant.md5(self.shown["network_identity"], self.shown["network_password"]), mac,
                                  PORT)
        self.assertTrue(login.accepted, login.text)
        return login.segment

    def fetch(self, mac):
        """Its own file, with its own proof."""
        name = f"SIP{mac.replace(':', '').upper()}.cfg"
        config = self.work.write("curl", f'user = "{self.shown["user"]}:{self.shown["password"]}"\n', 0o600)
        run(["curl", "--silent", "--show-error", "--fail", "--cacert", self.house.root, "--config", config,
             self.server.url("https", name)], check=True)

    def wait_for_outcome(self, mac, outcome):
        return self.house.wait_for_event(lambda event: event["outcome"] == outcome, outcome, "--device", mac)

    def outcomes(self, mac):
        return [event["outcome"] for event in self.house.events("--device", mac)]

    def put_at_port(self, last="01"):
        """A device that is in production there."""
        mac = self.add_device(last)
        self.fetch(mac)
        self.assertEqual(self.log_in(mac), "production")
        return mac


class Disconnect(PortChangeTest):
    def test_a_first_proven_fetch_brings_a_device_from_onboarding_into_production(self):
        mac = self.add_device()
        self.assertEqual(self.log_in(mac), "onboarding")
        self.fetch(mac)
        request = self.switch.wait_for_request(mac)
        self.assertEqual(request["code"], "Disconnect-Request")
        self.assertEqual(request["user"], self.shown["network_identity"])
        self.assertEqual(request["switch"], SWITCH_ADDRESS)
        self.assertEqual(request["name"], "sw-attic")
        self.assertEqual(request["port"], PORT)
        self.assertNotEqual(request["time"], "")
        self.assertEqual(request["vlan"], "")
        event = self.wait_for_outcome(mac, "port-changed")
        self.assertIn("from onboarding to production", event["detail"])
        self.assertEqual(self.log_in(mac), "production")
        self.wait_until_looked_at()
        self.assertEqual(len(self.switch.asked(mac)), 1)

    def wait_until_looked_at(self):
        """Whatever was changed before has been looked at when a change after it has had its effect."""
        other = self.put_at_port()
        self.house("device", "disable", other)
        self.switch.wait_for_request(other)

    def test_a_disabled_device_is_put_out_and_another_is_left_alone(self):
        first, second = self.put_at_port(), self.put_at_port()
        self.house("device", "disable", first)
        self.assertEqual(self.switch.wait_for_request(first)["code"], "Disconnect-Request")
        self.assertIn("put out of production", self.wait_for_outcome(first, "port-changed")["detail"])
        self.assertEqual(self.switch.asked(second), [])

    def test_a_removed_device_is_put_out(self):
        mac = self.put_at_port()
        self.house("device", "remove", mac)
        self.switch.wait_for_request(mac)
        self.wait_for_outcome(mac, "port-changed")

    def test_a_refusal_is_told_with_the_switches_reason(self):
        mac = self.put_at_port("ee")
        self.house("device", "disable", mac)
        event = self.wait_for_outcome(mac, "port-change-refused")
        self.assertIn("501, administratively prohibited", event["detail"])
        self.wait_until_looked_at()
        self.assertEqual(len(self.switch.asked(mac)), 1)

    def test_an_administrator_has_a_device_log_in_anew(self):
        mac = self.put_at_port()
        done = self.house.json("radius", "reauthenticate", mac)
        self.assertEqual(done, {"mac": mac, "switch": "attic", "port": PORT})
        self.assertEqual(len(self.switch.asked(mac)), 1)
        self.assertIn("device-reauthenticated", self.outcomes(mac))
        refused = self.house("radius", "reauthenticate", self.put_at_port("ee"), code=1)
        self.assertIn("501, administratively prohibited", refused.err)
        nowhere = self.house("radius", "reauthenticate", "00:24:7f:ff:ff:ff", code=1)
        self.assertIn("no port that is known", nowhere.err)

    def test_what_changed_while_the_server_was_down_is_done_when_it_is_back(self):
        mac = self.put_at_port()
        ports = self.server.ports
        self.server.stop()
        self.house("device", "disable", mac)
        self.assertEqual(self.switch.asked(mac), [])
        type(self).server = self.house.serve(doors=("radius", "https"), ports=ports)
        self.switch.wait_for_request(mac)

    def test_no_secret_is_told(self):
        mac = self.put_at_port()
        self.house("device", "disable", mac)
        self.wait_for_outcome(mac, "port-changed")
        told = self.server.output() + "".join(map(str, self.house.events()))
        self.assertIn(mac, told)
        self.assertNotIn(DAS_SECRET, told)


class Coa(PortChangeTest):
    CHANGE = "coa"

    def test_a_device_is_moved_without_a_login(self):
        mac = self.add_device()
        self.assertEqual(self.log_in(mac), "onboarding")
        self.fetch(mac)
        request = self.switch.wait_for_request(mac)
        self.assertEqual(request["code"], "CoA-Request")
        self.assertEqual((request["vlan"], request["type"], request["medium"]), ("production", "VLAN", "IEEE-802"))
        self.assertIn("(CoA)", self.wait_for_outcome(mac, "port-changed")["detail"])
        self.house("device", "disable", mac)
        self.assertEqual(self.switch.wait_for_request(mac, 2)["code"], "Disconnect-Request")


class WrongSecret(PortChangeTest):
    @classmethod
    def add_switch(cls):
        cls.switch = Switch(cls.work, "another-secret-0123456789")
        cls.house("radius", "switch", "add", "attic", "--address", SWITCH_ADDRESS, "--secret-file", "-", "--port",
                  cls.switch.port, input=DAS_SECRET)

    def test_a_switch_that_does_not_know_the_secret_is_told_as_silent(self):
        mac = self.put_at_port()
        self.house("device", "disable", mac)
        self.wait_for_outcome(mac, "port-change-unanswered")
        self.assertEqual(self.switch.asked(mac), [])
        self.assertNotIn("port-changed", self.outcomes(mac))


class Hostapd(PortChangeTest):
    """hostapd refuses what names a port, so it must be asked again without."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run(["ip", "link", "add", "switch0", "type", "veth", "peer", "name", "phone0"], check=True)
        for end in ("switch0", "phone0"):
            run(["ip", "link", "set", end, "up"], check=True)
        cls.switch_control = cls.work.path("switch-control")
        lines = ["interface=switch0", f"ctrl_interface={cls.switch_control}", "driver=wired", "ieee8021x=1",
                 "use_pae_group_addr=0", f"own_ip_addr={SWITCH_ADDRESS}", "nas_identifier=sw-attic",
                 "auth_server_addr=127.0.0.1", f"auth_server_port={cls.radius.port}",
                 f"auth_server_shared_secret={DAS_SECRET}", f"radius_client_addr={SWITCH_ADDRESS}", f"radius_das_port={cls.das_port}",
                 f"radius_das_client={SWITCH_ADDRESS} {DAS_SECRET}", "radius_das_require_event_timestamp=1",
                 "radius_das_require_message_authenticator=1"]
        cls.hostapd = cls.work.start(
            [need_program("hostapd"), cls.work.write("hostapd.conf", "\n".join(lines) + "\n", 0o600)])
        cls.hostapd.wait_for_line("switch0: AP-ENABLED ")

    @classmethod
    def tearDownClass(cls):
        run(["ip", "link", "delete", "switch0"])
        super().tearDownClass()

    @classmethod
    def add_switch(cls):
        cls.das_port = free_port()
        cls.house("radius", "switch", "add", "attic", "--address", SWITCH_ADDRESS, "--secret-file", "-", "--port",
                  cls.das_port, input=DAS_SECRET)

    def start_phone(self):
        self.phone_control = self.work.path("phone-control")
        block = [f"ctrl_interface={self.phone_control}", "ap_scan=0", "network={", "key_mgmt=IEEE8021X",
                 "eapol_flags=0", "eap=MD5", f'identity="{self.shown["network_identity"]}"',
                 f'password="{self.shown["network_password"]}"', "}"]
        configuration = self.work.write("supplicant.conf", "\n".join(block) + "\n", 0o600)
        self.work.start([need_program("wpa_supplicant"), "-Dwired", "-iphone0", "-c", configuration])

    def log_in_anew(self):
        """A switch asks whoever is at a port that it closed. hostapd says nothing to it, and five seconds later takes
        it off the port once more, whatever came between; so its port begins anew, and the phone too."""
        for command in ("disable", "enable"):
            run([need_program("hostapd_cli"), "-p", self.switch_control, "-i", "switch0", command], check=True)
        for command in ("logoff", "logon"):
            run([need_program("wpa_cli"), "-p", self.phone_control, "-i", "phone0", command], check=True)

    def wait_for_admission(self, mac, segment):
        return self.house.wait_for_event(
            lambda event: event["outcome"] == "admitted" and f"to {segment} at" in event["detail"], segment,
            "--device", mac)

    def test_a_phone_comes_from_onboarding_into_production_and_out(self):
        mac = run(["ip", "-json", "link", "show", "dev", "phone0"], check=True).json()[0]["address"]
        self.add_device(mac=mac)
        self.start_phone()
        self.wait_for_admission(mac, "onboarding")
        self.fetch(mac)
        self.wait_for_outcome(mac, "port-changed")
        self.log_in_anew()
        self.wait_for_admission(mac, "production")
        self.house("device", "disable", mac)
        wait_until(lambda: self.outcomes(mac).count("port-changed") == 2, "the phone to be put out")
        self.log_in_anew()
        self.wait_for_outcome(mac, "refused")

    def test_it_says_that_nobody_is_there(self):
        mac = self.put_at_port()
        self.house("device", "disable", mac)
        self.assertIn("503, session context not found", self.wait_for_outcome(mac, "port-change-refused")["detail"])
        self.assertIn("DAS: Unsupported attribute 87 in Disconnect-Request", self.hostapd.output())


if __name__ == "__main__":
    main_in_own_network()
