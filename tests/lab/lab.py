"""A network with an 802.1X switch, in namespaces: what a desk phone meets between its plug and its server.

                        switch, 10.99.0.2
    phone ----------- swp1         swp4 ----------- server, 10.99.0.1
    second_phone ---- swp2         swp5 ----------- office, 10.99.0.3
                      swp3, free

A port with a phone is closed until the phone has logged in by EAP. RADIUS says into which network it then comes
(Tunnel-Private-Group-Id holds the name): "onboarding" reaches the server alone, "production" everything. The RADIUS
server is FreeRADIUS in `server`. Names: see NAMES, in every node's hosts file.

    class Story(SystemTest):
        @classmethod
        def setUpClass(cls):
            super().setUpClass()
            cls.lab = need_lab(cls.work)        # skips where the machine allows no namespaces; in CI that is a failure

    lab.start_radius()                          # the lab's own minimal one, which knows USERS
    lab.start_radius(FOLDER)                    # with FOLDER/radiusd.conf; the switch's secret is lab.radius_secret
    lab.phone.login("MD5", "production", "a password")  -> "production", "onboarding", or None when refused
    lab.phone.login("TLS", "identity", ca_cert=..., client_cert=..., private_key=...)
    lab.phone.supplicant()                      # its wpa_supplicant: .path of its control socket, .control,
                                                # .configure(), .wait_for_login(), .status()
    lab.phone.network()                         -> "closed", "onboarding", "production": what the gate says
    lab.phone.logins()                          -> how many logins the switch has let in, re-authentications too
    lab.phone.set_address("10.99.0.11")         # or take_lease(): busybox's udhcpc
    lab.phone.cable_out(), cable_in(), move_to(SPARE_PORT)   # both ends lose carrier
    lab.second_phone.set_mac(lab.phone.mac)     # one MAC address seen on two ports
    lab.phone.reaches(address)                  # one ping
    node("ip", "address")                       # any command in a node, an AssertionError unless it ends with 0
    node.run("curl", ...)                       # any command in a node, however it ends
    node.start(["radiusd", ...])                # a process in a node, ended with the test
    node.enter                                  # as preexec of Workspace.start and Installation.serve
    with lab.capture(lab.switch, "swp1") as capture: ...   # capture.contains(secret), capture.frames(source=MAC)
    lab.disconnect(lab.phone.mac)               # RFC 5176 from the server, by radclient; the code of the answer
    lab.gate()                                  -> {(port, MAC in lower case): network}
    with lab.hostapd("swp1") as control: ...    # the authenticator: EAPOL_REAUTH MAC, STA MAC ...

Everything dies with the Workspace, and nothing of the machine's own network changes. The clock is the machine's own.
"""

import contextlib
import json
import os
import re
import secrets
import socket
import string
import sys
import time
from pathlib import Path

from capture import Capture
from control import ControlSocket
from harness import PATIENCE, WAIT, need_program, run, wait_until
from namespaces import Node, need, why_no_namespaces

HERE = Path(__file__).resolve().parent
SEARCH_PATH = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"  # daemons stand where a plain PATH lacks
SERVER, SWITCH, OFFICE = "10.99.0.1", "10.99.0.2", "10.99.0.3"
PREFIX_LENGTH = 24
FIRST_LEASE, LAST_LEASE = "10.99.0.50", "10.99.0.99"
NAMES = {"prov.example.test": SERVER, "radius.example.test": SERVER, "server": SERVER, "switch": SWITCH,
         "sip.example.test": OFFICE, "office": OFFICE}
PHONE_MAC, SECOND_PHONE_MAC = "00:24:7F:01:02:AB", "00:24:7F:01:02:CD"
PHONE_PORT, SECOND_PHONE_PORT, SPARE_PORT, SERVER_PORT, OFFICE_PORT = "swp1", "swp2", "swp3", "swp4", "swp5"
PHONE_PORTS = (PHONE_PORT, SECOND_PHONE_PORT, SPARE_PORT)
NETWORKS = ("onboarding", "production")
RADIUS_PORT, DISCONNECT_PORT, DHCP_PORT = 1812, 3799, 67
SWITCH_IDENTIFIER, SWITCH_MAC = "lab-switch", "02:99:00:00:00:02"
# user: (password, network, other reply attributes), known to the lab's own FreeRADIUS alone.
USERS = {"onboarding": ("password-of-onboarding", "onboarding"), "production": ("password-of-production", "production"),
         "nowhere": ("password-of-nowhere", "no-such-network"), "plain": ("password-of-plain", None),
         "restless": ("password-of-restless", "production", "Session-Timeout = 1",
                      "Termination-Action = RADIUS-Request")}
LOGIN_SECONDS = 20 * PATIENCE  # wpa_supplicant's own 2 s before its first word included
PING_SECONDS = 1
CONSOLE_LIMIT = 64
DISCONNECT_SECONDS = 5
FORWARD_EAPOL = 1 << 3         # group_fwd_mask: a cable carries 01-80-C2-00-00-03 too
UNQUOTED = ("key_mgmt", "eap", "eapol_flags", "fragment_size")  # the words among wpa_supplicant's settings
LEASE_SCRIPT = """#!/bin/sh
# What udhcpc calls with a lease in its environment.
[ "$1" = bound ] || exit 0
ip address replace "$ip/$mask" dev "$interface"
env > $LEASE
"""


def need_lab(work, **options):
    """A Lab, or the test is skipped and says why this machine allows none."""
    need(why_no_lab())
    return Lab(work, **options)


def why_no_lab():
    """Why this machine allows no lab, in one sentence, or None when it does."""
    reason = why_no_namespaces()
    if reason is not None:
        return reason
    probe = run(["unshare", "--net", need_program("nft"), "add", "table", "bridge", "probe"])
    return f"the kernel has no nftables for bridges: {probe.err.strip()}" if probe.code != 0 else None


def hosts_file():
    return "127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in NAMES.items())


class LabNode(Node):
    """A Node where the lab's names are known."""

    def __init__(self, work, name):
        super().__init__(work, {"/etc/hosts": hosts_file(), "/etc/resolv.conf": f"nameserver {SERVER}\n"})
        self.work, self.name = work, name

    def run(self, *words, **more):
        return run(self.command(*words), **more)

    def start(self, args, **more):
        return self.work.start(args, preexec=self.enter, **more)

    def set_address(self, address):
        self("ip", "address", "replace", f"{address}/{PREFIX_LENGTH}", "dev", "eth0")

    def is_bound(self, port, protocol):
        """Whether a socket of this node is bound to a port; protocol is "udp" or "tcp"."""
        tables = [Path(f"/proc/{self.pid}/net/{protocol}{version}") for version in ("", "6")]
        return any(line.split()[1].endswith(f":{port:04X}") for table in tables if table.exists()
                   for line in table.read_text().splitlines()[1:])

    def reaches(self, address):
        done = self.run(need_program("busybox"), "ping", "-c1", f"-W{PING_SECONDS}", "-q", address)
        if "packets transmitted" not in done.out:
            raise AssertionError(str(done))
        return done.code == 0

    def connect_control(self, path, child):
        """The control socket of a daemon in this node that is about to open it."""
        def connected():
            need_running(child)
            with self.entered(), contextlib.suppress(OSError):
                return ControlSocket(path)
        return wait_until(connected, f"{path} to answer")

    def start_bound(self, args, port, protocol="udp", **more):
        """A process of this node that is to open a port."""
        child = self.start(args, **more)
        wait_until(lambda: need_running(child) and self.is_bound(port, protocol), f"{args[0]} to open {port}")
        return child


def need_running(child):
    if child.is_running():
        return True
    raise AssertionError(f"{' '.join(child.args)} ended with {child.process.returncode}\n{child.output()}")


class Supplicant:
    """A running wpa_supplicant. Settings reach it through its control socket alone, so no password is in a file."""

    def __init__(self, node):
        folder = node.work.path("supplicant")
        folder.mkdir(mode=0o700)
        configuration = node.work.write(f"{folder.name}.conf", f"ctrl_interface={folder}\nap_scan=0\n", mode=0o600)
        self.path = folder / "eth0"
        self.child = node.start([need_program("wpa_supplicant"), "-Dwired", "-ieth0", f"-c{configuration}"])
        self.control = node.connect_control(self.path, self.child)

    def configure(self, **settings):
        """Begins to log in with these settings alone: names and values as in wpa_supplicant.conf, without quotes."""
        self.control.command("REMOVE_NETWORK all")
        while self.control.next_event() is not None:
            pass  # what an earlier login said
        number = self.control.request("ADD_NETWORK")
        for name, value in {"key_mgmt": "IEEE8021X", "eapol_flags": "0", **settings}.items():
            shown = value if name in UNQUOTED else f'"{value}"'
            self.control.command(f"SET_NETWORK {number} {name} {shown}")
        self.control.command(f"SELECT_NETWORK {number}")
        if not self.control.wait_for_event(lambda event: event.startswith("Associated"), LOGIN_SECONDS):
            raise AssertionError(f"wpa_supplicant does not begin\n{self.child.output()}")

    def wait_for_login(self, seconds=LOGIN_SECONDS):
        """True after EAP-Success, False after EAP-Failure. Neither is an AssertionError."""
        event = self.control.wait_for_event(
            lambda event: event.startswith(("CTRL-EVENT-EAP-SUCCESS", "CTRL-EVENT-EAP-FAILURE")), seconds)
        if event is None:
            raise AssertionError(f"no end of the login in {seconds:.0f} s\n{self.status()}\n{self.child.output()}")
        return event.startswith("CTRL-EVENT-EAP-SUCCESS")

    def status(self):
        return self.control.fields("STATUS")

    def stop(self):
        self.control.close()
        self.child.stop()


class Phone(LabNode):
    """A node on a cable to a port that is closed at first. The cable is a bridge in a node of its own, so that both
    ends lose carrier when it is pulled."""

    def __init__(self, lab, name, mac, port):
        super().__init__(lab.work, name)
        self.lab, self.mac, self.port = lab, mac, port
        self._supplicant = None
        self._end, self._cable = f"{name}-end", f"{name}-cable"
        lab.wire("ip", "link", "add", self._cable, "type", "bridge", "mcast_snooping", "0", "group_fwd_mask",
                 str(FORWARD_EAPOL))
        lab.wire("ip", "link", "set", self._cable, "up")
        lab.add_link(self, "eth0", lab.wire, self._end)
        lab.wire("ip", "link", "set", self._end, "master", self._cable, "up")
        self.set_mac(mac)
        self._plug(port)

    def set_mac(self, mac):
        self.mac = mac
        self("ip", "link", "set", "eth0", "down")
        self("ip", "link", "set", "eth0", "address", mac, "up")

    def _plug(self, port):
        self.port = port
        self.lab.wire("ip", "link", "set", f"{port}-end", "master", self._cable)
        self.cable_in()

    def cable_in(self):
        for end in (self._end, f"{self.port}-end"):
            self.lab.wire("ip", "link", "set", end, "up")

    def cable_out(self):
        """Neither end has carrier, and the gate has noticed."""
        for end in (self._end, f"{self.port}-end"):
            self.lab.wire("ip", "link", "set", end, "down")
        wait_until(lambda: self.network() == "closed", f"the gate of {self.port} to close")

    def move_to(self, port):
        """Pulls the cable out of one port and plugs it into another, which is free."""
        self.cable_out()
        self.lab.wire("ip", "link", "set", f"{self.port}-end", "nomaster")
        self._plug(port)

    def network(self):
        """What the gate says of this phone at its port."""
        return self.lab.gate().get((self.port, self.mac.lower()), "closed")

    def supplicant(self):
        """The phone's wpa_supplicant, started at the first call."""
        if self._supplicant is None:
            self._supplicant = Supplicant(self)
        return self._supplicant

    def stop_supplicant(self):
        if self._supplicant is not None:
            self._supplicant.stop()
            self._supplicant = None

    def login(self, eap, identity, password=None, **settings):
        """Logs in by EAP: what network() says after EAP-Success, or None after EAP-Failure. A switch that does not
        agree with the phone is an AssertionError."""
        if password is not None:
            settings["password"] = password
        supplicant, decided = self.supplicant(), self.logins()
        supplicant.configure(eap=eap, identity=identity, **settings)
        # The phone's own Start would come two seconds later.
        self.lab.console(f"ask {self.port} {self.mac}")
        if not supplicant.wait_for_login():
            wait_until(lambda: self.network() == "closed", "the gate to close after EAP-Failure")
            return None
        # The gate opens some milliseconds after the phone has seen EAP-Success.
        wait_until(lambda: self.logins() > decided, f"{self.port} to open after EAP-Success")
        return self.network()

    def logins(self):
        """How many successful logins of this phone the switch has seen at this port, re-authentications too."""
        return len(re.findall(rf"(?m)^{self.port} {self.mac.lower()} (?!closed$)", self.lab.agent.output()))

    def wait_for_network(self, network):
        """Waits until network() is this one."""
        wait_until(lambda: self.network() == network, f"{self.name} to be in {network}")

    def take_lease(self, *options):
        """Asks for an address as busybox's udhcpc does: the lease as it hands it to its script, or None."""
        lease = self.work.path("lease")
        script = self.work.write(f"{lease.name}.sh", LEASE_SCRIPT.replace("$LEASE", str(lease)), mode=0o755)
        self.run("env", "-i", f"PATH={SEARCH_PATH}", need_program("busybox"), "udhcpc", "-i", "eth0", "-f", "-q", "-n",
                 "-t3", "-T1", "-s", script, *options)
        if not lease.exists():
            return None
        return dict(line.split("=", 1) for line in lease.read_text().splitlines() if "=" in line)


class Lab:
    """The whole network, up when it is made. `default_network` is where a phone comes whose Access-Accept names none;
    `quiet_seconds` how long a port is deaf after a refusal; `reauth_seconds` when it asks again unless RADIUS says
    otherwise by Session-Timeout."""

    def __init__(self, work, phone_mac=PHONE_MAC, second_phone_mac=SECOND_PHONE_MAC, default_network="production",
                 quiet_seconds=1, reauth_seconds=3600):
        self.work = work
        self.radius_secret = secrets.token_hex(16)
        self.wire = Node(work)
        self.switch, self.server, self.office = (LabNode(work, name) for name in ("switch", "server", "office"))
        for silent in (self.wire, self.switch):
            # Cables and ports have nothing to say themselves.
            silent("sh", "-c", "for each in all default; do echo 1 > /proc/sys/net/ipv6/conf/$each/disable_ipv6; done")
        self._build_switch()
        for node, port, address in ((self.server, SERVER_PORT, SERVER), (self.office, OFFICE_PORT, OFFICE)):
            self.add_link(node, "eth0", self.switch, port)
            self.switch("ip", "link", "set", port, "master", "br0", "up")
            node.set_address(address)
            node("ip", "link", "set", "eth0", "up")
        self.agent = self._start_agent(default_network, quiet_seconds, reauth_seconds)
        self.phone = Phone(self, "phone", phone_mac, PHONE_PORT)
        self.second_phone = Phone(self, "phone2", second_phone_mac, SECOND_PHONE_PORT)
        nodes = (self.phone, self.second_phone, self.switch, self.server, self.office)
        self.nodes = {node.name: node for node in nodes}

    @staticmethod
    def add_link(node, name, other, other_name):
        node("ip", "link", "add", name, "type", "veth", "peer", "name", other_name, "netns", str(other.pid))

    def _build_switch(self):
        self.switch("ip", "link", "add", "br0", "address", SWITCH_MAC, "type", "bridge", "mcast_snooping", "0")
        for port in PHONE_PORTS:
            self.add_link(self.switch, port, self.wire, f"{port}-end")
            self.switch("ip", "link", "set", port, "master", "br0", "up")
        self.switch("ip", "address", "add", f"{SWITCH}/{PREFIX_LENGTH}", "dev", "br0")
        self.switch("ip", "link", "set", "br0", "up")

    def _start_agent(self, default_network, quiet_seconds, reauth_seconds):
        folder = self.work.path("switch")
        folder.mkdir(mode=0o700)
        self._folder = folder
        settings = {"folder": str(folder), "phone_ports": PHONE_PORTS, "uplinks": [SERVER_PORT],
                    "address": SWITCH, "identifier": SWITCH_IDENTIFIER, "called_station": SWITCH_MAC.replace(":", "-"),
                    "server": SERVER, "secret": self.radius_secret, "default_network": default_network,
                    "quiet_seconds": quiet_seconds, "reauth_seconds": reauth_seconds}
        path = self.work.write(f"{folder.name}.json", json.dumps(settings), mode=0o600)
        agent = self.switch.start([sys.executable, "-B", HERE / "switch.py", path],
                                  env={"PATH": SEARCH_PATH})
        agent.wait_for_line("ready")
        return agent

    def gate(self):
        """Who is in: {(port, MAC address in lower case): network}, as nftables has it."""
        return read_gate(self.switch)

    def hostapd(self, port=PHONE_PORT):
        """A control socket of the authenticator, for `with`."""
        return contextlib.closing(self.switch.connect_control(self._folder / "control" / port, self.agent))

    def console(self, words):
        """Types a line at the switch (see switch.py) and waits until it is done."""
        with self.switch.entered():
            line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with line:
            line.settimeout(WAIT)
            line.bind(b"")
            line.connect(str(self._folder / "console"))
            line.send(words.encode())
            if line.recv(CONSOLE_LIMIT) != b"done":
                raise AssertionError(f"the switch refused '{words}'")

    def reset_port(self, port=PHONE_PORT):
        """The port forgets who was in and whom it refused, as after an administrator's shutdown and no shutdown."""
        self.console(f"reset {port}")

    def capture(self, node, interface="eth0"):
        return Capture(node, interface)

    def start_radius(self, folder=None, users=USERS):
        """FreeRADIUS in the server, with the radiusd.conf of this folder, or with the lab's own and these users."""
        folder = folder or self._write_radius(users)
        return self.server.start_bound([need_program("freeradius"), "-f", "-n", "radiusd", "-d", folder], RADIUS_PORT)

    def _write_radius(self, known):
        folder = self.work.path("radius")
        folder.mkdir(mode=0o700)
        values = {"FOLDER": folder, "SWITCH": SWITCH, "SERVER": SERVER, "SECRET": self.radius_secret,
                  "PORT": RADIUS_PORT}
        text = string.Template((HERE / "radius" / "radiusd.conf").read_text()).safe_substitute(values)
        self.work.write(f"{folder.name}/radiusd.conf", text, mode=0o600)
        users = "".join(user_entry(user, *what) for user, what in known.items())
        self.work.write(f"{folder.name}/users", users, mode=0o600)
        return folder

    def start_dnsmasq(self, *options):
        """DHCP for the phones and the lab's names, by dnsmasq in the server, with these options besides."""
        names = [f"--host-record={name},{address}" for name, address in NAMES.items()]
        return self.server.start_bound(
            [need_program("dnsmasq"), "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--no-hosts",
             "--no-resolv", "--local=/example.test/", "--interface=eth0", "--bind-interfaces", "--no-ping",
             "--dhcp-authoritative",
             f"--dhcp-range={FIRST_LEASE},{LAST_LEASE},1h", f"--dhcp-leasefile={self.work.path('leases')}",
             f"--pid-file={self.work.path('dnsmasq.pid')}", *names, *options], DHCP_PORT)

    def disconnect(self, mac, *attributes, secret=None, node=None, seconds=DISCONNECT_SECONDS):
        """Asks the switch to end a station's session (RFC 5176): "Disconnect-ACK", "Disconnect-NAK" or None.

        `attributes`, as radclient writes them, replace Calling-Station-Id; `node` asks in the server's place;
        `seconds` is how long it waits for an answer."""
        shared = self.work.write(self.work.path("secret").name, secret or self.radius_secret, mode=0o600)
        who = attributes or (f'Calling-Station-Id = "{mac.replace(":", "-").upper()}"',)
        request = [f"Event-Timestamp = {int(time.time())}", "Message-Authenticator = 0x00", *who]
        done = (node or self.server).run("radclient", "-x", "-r1", f"-t{seconds}", "-S", shared,
                                         f"{SWITCH}:{DISCONNECT_PORT}", "disconnect", input="\n".join(request) + "\n")
        answers = [code for code in ("Disconnect-ACK", "Disconnect-NAK") if f"Received {code}" in done.out]
        return answers[0] if answers else None


def read_gate(switch):
    """What gate() promises; `switch` runs a command in the switch."""
    inside = {}
    for network in NETWORKS:
        told = switch("nft", "-j", "list", "set", "bridge", "gate", network).json()
        elements = next(entry["set"] for entry in told["nftables"] if "set" in entry).get("elem", [])
        inside.update({tuple(element["concat"]): network for element in elements})
    return inside


def user_entry(user, password, network, *more):
    """A user as FreeRADIUS's files module reads it."""
    place = ["Tunnel-Type = VLAN", "Tunnel-Medium-Type = IEEE-802", f'Tunnel-Private-Group-Id = "{network}"']
    reply = ", ".join([*(place if network else []), *more])
    return f'{user} Cleartext-Password := "{password}"\n' + (f"    {reply}\n" if reply else "")
