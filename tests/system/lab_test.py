"""The network lab itself: its gate, its networks, its captures, and the command that brings it up by hand."""

import base64
import hashlib
import json
import os
import shutil
import signal
import socket
import struct
import sys
import unittest
from pathlib import Path

from harness import ROOT, SystemTest, find_program, run, wait_until
from namespaces import need

from capture import ETHERTYPE_EAPOL, mac_bytes
from lab import (OFFICE, PHONE_MAC, PHONE_PORT, SECOND_PHONE_PORT, SERVER, SPARE_PORT, SWITCH, SWITCH_IDENTIFIER,
                 SWITCH_MAC, USERS, need_lab, why_no_lab)
from switch import attributes, is_authentic, network_of

PHONE = "10.99.0.11"
EVERYONE = b"\xff" * 6
PAE_GROUP = bytes.fromhex("0180c2000003")
ETHERTYPE_EXPERIMENT = 0x88B5  # of nobody (IEEE 802): what the kernel does not send by itself
ONBOARDING, PRODUCTION = (("MD5", user, USERS[user][0]) for user in ("onboarding", "production"))
SILENCE_SECONDS = 4            # longer than wpa_supplicant waits before its first word


def send_frames(node, count, destination=EVERYONE, kind=ETHERTYPE_EXPERIMENT, interface="eth0"):
    """Frames that no program of the machine sends."""
    with node.entered():
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with raw:
        raw.bind((interface, 0))
        header = destination + raw.getsockname()[4] + struct.pack("!H", kind)
        for number in range(count):
            raw.send(header + b"frame %d" % number + bytes(50))


class TheGate(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab = need_lab(cls.work)
        cls.radius = cls.lab.start_radius()
        cls.lab.start_dnsmasq()
        cls.phone = cls.lab.phone
        cls.phone.set_address(PHONE)

    def setUp(self):
        for phone in (self.phone, self.lab.second_phone):
            phone.stop_supplicant()
            self.lab.reset_port(phone.port)

    def test_a_closed_port_lets_nothing_through(self):
        with self.lab.capture(self.lab.server) as server, self.lab.capture(self.lab.office) as office, \
                self.lab.capture(self.lab.switch, PHONE_PORT) as port, self.lab.capture(self.phone) as phone:
            self.assertFalse(self.phone.reaches(SERVER))
            self.assertFalse(self.phone.reaches(SWITCH))
            self.assertIsNone(self.phone.take_lease())
            for destination in (EVERYONE, mac_bytes(self.lab.server.hardware_address())):
                send_frames(self.phone, 5, destination)
            send_frames(self.phone, 5, PAE_GROUP, ETHERTYPE_EAPOL)
            send_frames(self.phone, 5, EVERYONE, ETHERTYPE_EAPOL)
            send_frames(self.lab.server, 5)
            send_frames(self.lab.server, 5, mac_bytes(self.phone.mac))
            send_frames(self.lab.switch, 5, interface="br0")
            # They did leave: the near end of each wire saw them.
            wait_until(lambda: len(port.frames(self.phone.mac, ETHERTYPE_EXPERIMENT)) == 10, "the phone's frames")
            wait_until(lambda: len(port.frames(self.phone.mac, ETHERTYPE_EAPOL)) == 10, "the phone's EAPOL frames")
            wait_until(lambda: len(office.frames(self.lab.server.hardware_address(), ETHERTYPE_EXPERIMENT)) == 5,
                       "the server's frames, which everybody else gets")
            wait_until(lambda: len(office.frames(SWITCH_MAC, ETHERTYPE_EXPERIMENT)) == 5, "the switch's frames")
        self.assertEqual(server.frames(self.phone.mac), [])
        self.assertEqual(office.frames(self.phone.mac), [])
        from_elsewhere = [frame for frame in phone.frames() if frame.source != mac_bytes(self.phone.mac)]
        self.assertEqual([hex(frame.kind) for frame in from_elsewhere if frame.kind != ETHERTYPE_EAPOL], [])

    def test_radius_says_into_which_network(self):
        self.assertEqual(self.phone.login(*ONBOARDING), "onboarding")
        self.assertTrue(self.phone.reaches(SERVER))
        self.assertFalse(self.phone.reaches(OFFICE))
        self.assertFalse(self.phone.reaches(SWITCH))
        self.assertEqual(self.phone.take_lease()["serverid"], SERVER)
        with self.lab.capture(self.lab.office) as office, self.lab.capture(self.phone) as phone, \
                self.lab.capture(self.lab.server) as server, self.lab.capture(self.lab.switch, "br0") as switch:
            send_frames(self.phone, 5)
            send_frames(self.lab.office, 5)
            send_frames(self.lab.server, 5)
            wait_until(lambda: len(phone.frames(self.lab.server.hardware_address(), ETHERTYPE_EXPERIMENT)) == 5,
                       "the server's frames")
            wait_until(lambda: len(server.frames(self.phone.mac, ETHERTYPE_EXPERIMENT)) == 5, "the phone's frames")
        self.assertEqual(switch.frames(self.phone.mac), [])
        self.assertEqual(office.frames(self.phone.mac), [])
        self.assertEqual(phone.frames(self.lab.office.hardware_address()), [])

        # The next login is told otherwise, in a session that goes on.
        self.assertEqual(self.phone.login(*PRODUCTION), "production")
        self.assertTrue(self.phone.reaches(SERVER))
        self.assertTrue(self.phone.reaches(OFFICE))
        self.assertFalse(self.phone.reaches(SWITCH))

        self.assertIsNone(self.phone.login("MD5", "production", "another password"))
        self.assertFalse(self.phone.reaches(SERVER))
        self.assertIsNone(self.phone.login("MD5", "nobody", "another password"))

    def test_an_unknown_network_keeps_out_and_none_is_the_ports_own(self):
        self.assertEqual(self.phone.login("MD5", "nowhere", USERS["nowhere"][0]), "closed")
        self.assertFalse(self.phone.reaches(SERVER))
        self.assertEqual(self.phone.login("MD5", "plain", USERS["plain"][0]), "production")

    def test_who_leaves_is_out(self):
        self.assertEqual(self.phone.login(*PRODUCTION), "production")
        self.phone.supplicant().control.command("LOGOFF")
        self.phone.wait_for_network("closed")
        self.assertFalse(self.phone.reaches(SERVER))

        self.phone.supplicant().control.command("LOGON")
        self.phone.wait_for_network("production")
        self.phone.cable_out()
        self.assertIn("NO-CARRIER", self.phone("ip", "link", "show", "dev", "eth0").out)
        self.assertIn("NO-CARRIER", self.lab.switch("ip", "link", "show", "dev", PHONE_PORT).out)
        self.phone.cable_in()
        self.assertEqual(self.phone.network(), "closed")
        self.assertFalse(self.phone.reaches(SERVER))

        # At another port the first knows nothing of it any more.
        self.phone.move_to(SPARE_PORT)
        self.addCleanup(self.phone.move_to, PHONE_PORT)
        self.assertEqual(self.phone.login(*PRODUCTION), "production")
        self.assertEqual(self.lab.gate(), {(SPARE_PORT, self.phone.mac.lower()): "production"})

    def test_a_stranger_with_the_same_mac_at_a_closed_port_disturbs_nobody(self):
        self.assertEqual(self.phone.login(*PRODUCTION), "production")
        stranger = self.lab.second_phone
        mac = stranger.mac
        stranger.set_mac(self.phone.mac)
        self.addCleanup(stranger.set_mac, mac)
        server = self.lab.server.hardware_address()
        with self.lab.capture(self.lab.switch, SECOND_PHONE_PORT) as port, self.lab.capture(self.phone) as phone:
            send_frames(stranger, 5)
            wait_until(lambda: len(port.frames(stranger.mac, ETHERTYPE_EXPERIMENT)) == 5, "the stranger's frames")
            send_frames(self.lab.server, 5, mac_bytes(self.phone.mac))
            wait_until(lambda: len(phone.frames(server, ETHERTYPE_EXPERIMENT)) == 5, "what the server sends the phone")
        self.assertEqual(port.frames(server), [])

        # Logged in, it is at two ports at once, and RADIUS hears of both.
        with self.lab.capture(self.lab.server) as server:
            self.assertEqual(stranger.login(*ONBOARDING), "onboarding")
        self.assertEqual(self.lab.gate(), {(PHONE_PORT, self.phone.mac.lower()): "production",
                                           (SECOND_PHONE_PORT, self.phone.mac.lower()): "onboarding"})
        self.assertTrue(server.contains(SECOND_PHONE_PORT))

    def test_a_request_names_switch_port_and_phone(self):
        with self.lab.capture(self.lab.server) as server:
            self.assertEqual(self.phone.login(*PRODUCTION), "production")
        recording = self.work.path("radius.pcap")
        server.write(recording)
        fields = ("radius.NAS_IP_Address", "radius.NAS_Identifier", "radius.NAS_Port", "radius.NAS_Port_Id",
                  "radius.NAS_Port_Type", "radius.Calling_Station_Id", "radius.Called_Station_Id",
                  "radius.Acct_Session_Id")
        told = run([find_program("tshark"), "-r", recording, "-Y", "radius.code == 1", "-T", "json", "-J", "radius",
                    *(word for field in fields for word in ("-e", field))], check=True).json()
        first = {name: value[0] for name, value in told[0]["_source"]["layers"].items()}
        session = first.pop("radius.Acct_Session_Id")
        self.assertRegex(session, "^[0-9A-F]{16}$")
        self.assertEqual(first, {
            "radius.NAS_IP_Address": SWITCH, "radius.NAS_Identifier": SWITCH_IDENTIFIER, "radius.NAS_Port": "1",
            "radius.NAS_Port_Id": PHONE_PORT, "radius.NAS_Port_Type": "15",
            "radius.Calling_Station_Id": PHONE_MAC.replace(":", "-"),
            "radius.Called_Station_Id": SWITCH_MAC.replace(":", "-")})
        self.assertFalse(server.contains(PRODUCTION[2]))

    def test_a_disconnect_request_makes_the_phone_log_in_anew(self):
        self.assertEqual(self.phone.login(*ONBOARDING), "onboarding")
        mac = self.phone.mac
        # Silence for who does not prove the secret or is not the server.
        self.assertIsNone(self.lab.disconnect(mac, secret="not the switch's", seconds=2))
        self.assertIsNone(self.lab.disconnect(mac, node=self.lab.office, seconds=2))
        self.assertEqual(self.lab.disconnect("00:24:7F:00:00:00"), "Disconnect-NAK")
        self.assertEqual(self.phone.network(), "onboarding")

        with self.lab.hostapd() as control:
            session = control.fields(f"STA {mac}")["dot1xAuthSessionId"]
            for named in ('Calling-Station-Id = "00-24-7F-01-02-AB"', 'Acct-Session-Id = "{session}"'):
                answer = self.lab.disconnect(mac, named.format(session=session), f"NAS-IP-Address = {SWITCH}")
                self.assertEqual(answer, "Disconnect-ACK", named)
                self.assertTrue(self.phone.supplicant().wait_for_login())
                self.phone.wait_for_network("onboarding")
                before, session = session, control.fields(f"STA {mac}")["dot1xAuthSessionId"]
                self.assertNotEqual(session, before)

    def test_reauthentication_asks_radius_again(self):
        self.assertEqual(self.phone.login(*PRODUCTION), "production")
        with self.lab.hostapd() as control:
            control.command(f"EAPOL_REAUTH {self.phone.mac}")
            self.assertTrue(self.phone.supplicant().wait_for_login())
            self.assertEqual(self.phone.network(), "production")

            type(self).radius = self.replace_radius({"production": ("changed meanwhile", "production")})
            self.addCleanup(lambda: setattr(type(self), "radius", self.replace_radius(USERS)))
            control.command(f"EAPOL_REAUTH {self.phone.mac}")
            self.assertFalse(self.phone.supplicant().wait_for_login())
            self.phone.wait_for_network("closed")

    def test_radius_says_how_often_to_ask_again(self):
        self.assertEqual(self.phone.login("MD5", "restless", USERS["restless"][0]), "production")
        first = self.phone.logins()
        wait_until(lambda: self.phone.logins() >= first + 2, "two more logins")
        self.assertEqual(self.phone.network(), "production")

    def replace_radius(self, users):
        self.radius.stop()
        return self.lab.start_radius(users=users)

    def test_without_radius_nobody_comes_in(self):
        self.radius.stop()
        self.addCleanup(lambda: setattr(type(self), "radius", self.lab.start_radius()))
        self.phone.supplicant().configure(eap="MD5", identity="production", password=PRODUCTION[2])
        with self.assertRaisesRegex(AssertionError, "no end of the login"):
            self.phone.supplicant().wait_for_login(SILENCE_SECONDS)
        self.assertEqual(self.phone.network(), "closed")


class TheCapture(SystemTest):
    """What the detector of secrets sees, on the server's loopback and wire."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab = need_lab(cls.work)

    def send(self, *pieces):
        """Over TCP on the server's loopback, each piece a segment of its own."""
        with self.lab.server.entered():
            listener = socket.create_server(("127.0.0.1", 0))
            sender = socket.socket()
        with listener, sender:
            sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sender.connect(listener.getsockname())
            receiver, _ = listener.accept()
            with receiver:
                for piece in pieces:
                    sender.sendall(piece)
                    self.assertEqual(receiver.recv(len(piece), socket.MSG_WAITALL), piece)

    def test_joins_what_was_cut(self):
        secret = "a-canary-in-a-coal-mine"
        with self.lab.capture(self.lab.server, "lo") as capture:
            self.send(b"GET / a-cana", b"ry-in-a-co", b"al-mine HTTP/1.1")
            self.send(b"nothing-to-see")
        self.assertTrue(capture.contains(secret))
        self.assertTrue(capture.contains(b"nothing-to-see"))
        # Two connections are two streams.
        self.assertFalse(capture.contains("HTTP/1.1nothing"))
        self.assertFalse(capture.contains(secret + "!"))

    def test_sees_through_base64_and_hexadecimal(self):
        secret = b"a-canary-in-a-coal-mine"
        for before in (b"", b"u:", b"us:"):
            with self.subTest(before=before), self.lab.capture(self.lab.server, "lo") as capture:
                self.send(b"Authorization: Basic " + base64.b64encode(before + secret + b"\n"))
                capture.stop()
                self.assertTrue(capture.contains(secret))
                self.assertFalse(capture.contains(b"b-canary-in-a-coal-mine"))
        with self.lab.capture(self.lab.server, "lo") as capture:
            self.send(secret.hex().encode())
        self.assertTrue(capture.contains(secret))

    def test_joins_the_blocks_of_tftp(self):
        folder = self.work.path("tftp")
        folder.mkdir()
        (folder / "device.cfg").write_bytes(bytes(500) + b"a-canary-in-a-coal-mine" + bytes(500))
        (folder / "device.cfg").chmod(0o644)
        self.lab.start_dnsmasq("--enable-tftp", f"--tftp-root={folder}", "--tftp-no-blocksize")
        with self.lab.capture(self.lab.office) as capture:
            done = self.lab.office.run(find_program("busybox"), "tftp", "-g", "-r", "device.cfg", "-l",
                                       self.work.path("got"), SERVER, check=True)
        self.assertTrue(capture.contains("a-canary-in-a-coal-mine"), done)


class TheSwitchReads(unittest.TestCase):
    """The RADIUS replies of a stranger, without a network."""

    SECRET, REQUEST = b"secret", bytes(range(16))

    def accept(self, *fields):
        body = b"".join(bytes((kind, len(value) + 2)) + value for kind, value in fields)
        head = struct.pack("!BBH", 2, 7, 20 + len(body))
        return head + hashlib.md5(head + self.REQUEST + body + self.SECRET).digest() + body

    def test_the_networks_name(self):
        vlan, medium = (64, b"\0\0\0\x0d"), (65, b"\0\0\0\x06")
        self.assertEqual(network_of(self.accept(vlan, medium, (81, b"production"))), "production")
        self.assertEqual(network_of(self.accept(vlan, medium, (81, b"\x01production"))), "production")
        for fields in ((), (vlan, medium), (vlan, (81, b"production")), (medium, (81, b"production")),
                       ((64, b"\0\0\0\x01"), medium, (81, b"production")), (vlan, medium, (81, b""))):
            with self.subTest(fields=fields):
                self.assertIsNone(network_of(self.accept(*fields)))

    def test_only_what_the_server_has_sealed(self):
        packet = self.accept((81, b"production"))
        self.assertTrue(is_authentic(packet, self.REQUEST, self.SECRET))
        self.assertFalse(is_authentic(packet, self.REQUEST, b"another"))
        self.assertFalse(is_authentic(packet, bytes(16), self.SECRET))
        self.assertFalse(is_authentic(packet.replace(b"production", b"onboarding"), self.REQUEST, self.SECRET))

    def test_packets_cut_anywhere(self):
        packet = self.accept((1, b"name"), (81, b"production"))
        for length in range(len(packet)):
            self.assertLess(len(list(attributes(packet[:length]))), 2)
        self.assertEqual(list(attributes(packet[:20] + bytes(4))), [])


class TheCommand(SystemTest):
    """tests/lab/lab, which holds the same network without a test."""

    LAB = ROOT / "tests" / "lab" / "lab"

    @classmethod
    def setUpClass(cls):
        need(why_no_lab())
        super().setUpClass()

    def setUp(self):
        # Short, as /run is: the names of control sockets have a limit.
        self.states = [Path(f"/run/lab-test-{os.getpid()}-{number}") for number in range(2)]
        for state in self.states:
            self.addCleanup(shutil.rmtree, state, ignore_errors=True)
            self.addCleanup(self.lab, "down", state=state, code=None)

    def lab(self, *words, state=None, code=0):
        done = run([self.LAB, "--state", state or self.states[0], *words])
        self.assertIn(done.code, (code, done.code if code is None else code), done)
        return done

    def record(self, state=None):
        return json.loads(((state or self.states[0]) / "lab.json").read_text())

    @staticmethod
    def stat(pid):
        """(state, start time) of a process, or None."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return fields[0], int(fields[19])

    def inhabitants(self, record):
        """{process: start time} of all that live in the nodes of a lab that is up."""
        networks = {os.readlink(f"/proc/{pid}/ns/net") for pid in record["nodes"].values()}
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(process / "ns/net") in networks:
                    found[process.name] = self.stat(process.name)[1]
            except (OSError, TypeError):
                continue
        return found

    def survivors(self, processes):
        """Those that still run. Who is dead may wait long for its burial."""
        told = {pid: self.stat(pid) for pid in processes}
        return [pid for pid, stat in told.items() if stat and stat[1] == processes[pid] and stat[0] != "Z"]

    def test_up_up_down(self):
        print(self.lab("up").out.splitlines()[0], file=sys.stderr)
        first = self.inhabitants(self.record())
        self.assertGreaterEqual(len(first), 5 + 1 + 3 + 2, "holders of nodes, switch, hostapds, servers")

        self.lab("up", state=self.states[1])
        self.lab("up")
        self.assertEqual(self.survivors(first), [])
        second = self.inhabitants(self.record())

        status = self.lab("status").out
        for line in ("udp 10.99.0.1:1812", "udp 10.99.0.2:3799", "gate: nobody is in", "in phone2"):
            self.assertIn(line, status)
        self.assertEqual(self.lab("in", "office", "cat", "/etc/resolv.conf").out, f"nameserver {SERVER}\n")
        self.assertIn("there is no node desk", self.lab("in", "desk", "true", code=1).err)

        self.assertEqual(self.lab("down").out, "lab: down\n")
        self.assertEqual(self.survivors(second), [])
        self.assertEqual([left.name for left in self.states[0].iterdir()], ["lock"])
        self.assertIn("no lab is up", self.lab("status", code=1).err)
        self.assertIn("no lab was up", self.lab("down").out)
        # The other one has noticed nothing.
        self.assertIn("udp 10.99.0.1:1812", self.lab("status", state=self.states[1]).out)

    def test_the_printed_commands_log_in(self):
        self.lab("up")
        supplicant = self.work.start([self.LAB, "--state", self.states[0], "in", "phone", "wpa_supplicant", "-Dwired",
                                      "-ieth0", f"-c{self.states[0]}/production.conf"])
        wait_until(lambda: f"gate: {PHONE_PORT} {PHONE_MAC.lower()} production" in self.lab("status").out, "the login")
        self.lab("down")
        self.assertTrue(supplicant.is_running(), "down ended what it had not started")

    def test_down_also_ends_what_outlived_its_keeper(self):
        self.lab("up")
        record = self.record()
        processes = self.inhabitants(record)
        os.kill(record["keeper"], signal.SIGKILL)
        wait_until(lambda: self.lab("status", code=None).code == 1, "the keeper to be dead")
        self.lab("down")
        wait_until(lambda: self.survivors(processes) == [], "all to die")

    def test_a_process_that_got_the_same_number_is_left_alone(self):
        innocent = self.work.start(["sleep", "infinity"])
        self.lab("down")
        _, started = self.stat(innocent.pid)
        (self.states[0] / "lab.json").write_text(json.dumps({
            "keeper": innocent.pid, "nodes": {}, "processes": {str(innocent.pid): started - 1}}))
        self.assertIn("no lab was up", self.lab("down").out)
        self.assertTrue(innocent.is_running())

    def test_a_folder_of_something_else_is_refused(self):
        self.states[0].mkdir()
        (self.states[0] / "files").mkdir()
        for command in ("up", "down"):
            self.assertIn("holds something else", self.lab(command, code=1).err)
        self.assertTrue((self.states[0] / "files").is_dir())
        self.assertIn("longer than", self.lab("up", state=Path("/run/" + "x" * 100), code=1).err)


if __name__ == "__main__":
    unittest.main()
