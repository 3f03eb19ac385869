#!/usr/bin/env python3
"""The switch of the lab: 802.1X by hostapd, a port gate in nftables, RFC 5176 Disconnect.

switch.py SETTINGS runs in the switch's network namespace until it is ended. SETTINGS is a JSON file, mode 0600:

    folder          where hostapd's files and control sockets go: FOLDER/control/PORT
    phone_ports     names of the interfaces behind which phones are; the n-th is NAS-Port n
    uplinks         names of those that the onboarding network reaches
    address         the switch's own, NAS-IP-Address
    identifier      NAS-Identifier
    called_station  Called-Station-Id
    server          the RADIUS server; the only one that may send a Disconnect-Request
    secret          shared with it
    default_network where a station goes whose Access-Accept names no network: "onboarding" or "production"
    quiet_seconds   how long a port is deaf after a refusal (quietPeriod of 802.1X, 60 on real switches); then it asks
                    who is there
    reauth_seconds  re-authentication unless the Access-Accept says otherwise (Session-Timeout with Termination-Action,
                    RFC 3580 section 3.17); not 0, with which hostapd would not listen to it either

hostapd's wired driver moves no station into a VLAN, and hostapd knows VLANs by number alone. So what it says to the
RADIUS server goes through here, unchanged, and the network is read from the Access-Accept (Tunnel-Private-Group-Id,
RFC 3580 section 3.31), as a switch does. A network of another name than the two keeps the station out, like an unknown
VLAN.
Prints `ready`, then a line `PORT STATION NETWORK` for each login, with the network "closed" for each end.

Whoever administers it sends a datagram to the Unix socket FOLDER/console, which is answered with `done` or `refused`:
    reset PORT          shutdown and no shutdown: the port forgets who was in and whom it refused
    ask PORT STATION    asks a station who it is, as switches do from time to time
"""

import ctypes
import hashlib
import json
import os
import selectors
import signal
import socket
import string
import struct
import subprocess
import sys
import time
from pathlib import Path

from control import ControlSocket

NETWORKS = ("onboarding", "production")
RADIUS_PORT, DISCONNECT_PORT = 1812, 3799
FIRST_RELAY_PORT, FIRST_HOSTAPD_DISCONNECT_PORT = 20000, 21000  # on the switch's loopback, one per phone port
PACKET_LIMIT = 4096  # RFC 2865 section 3
HEADER = struct.Struct("!BBH16s")
ACCESS_ACCEPT, DISCONNECT_ACK, DISCONNECT_NAK, COA_NAK = 2, 41, 42, 45
CALLING_STATION_ID, TUNNEL_TYPE, TUNNEL_MEDIUM_TYPE, TUNNEL_PRIVATE_GROUP_ID = 31, 64, 65, 81
TUNNEL_TYPE_VLAN, TUNNEL_MEDIUM_IEEE_802 = 13, 6
LAST_TAG = 0x1F  # RFC 2868 section 3.6: a first octet above it belongs to the text
LISTEN_SECONDS = 10
LOOK_SECONDS = 1  # how soon it is noticed that hostapd has ended
DISCONNECT_SECONDS = 0.5  # hostapd on loopback answers within milliseconds, or not at all

RTM_NEWLINK, RTMGRP_LINK = 16, 1
NLMSG_HEADER, IFINFO = struct.Struct("=IHHII"), struct.Struct("=BxHiII")
ATTRIBUTE = struct.Struct("=HH")
IFLA_IFNAME = 3
IFF_LOWER_UP = 1 << 16
PR_SET_PDEATHSIG = 1

HOSTAPD = string.Template("""\
interface=$port
driver=wired
ctrl_interface=$folder/control
logger_stdout=-1
logger_stdout_level=2
ieee8021x=1
eapol_version=2
use_pae_group_addr=1
eap_reauth_period=$reauth_seconds
own_ip_addr=$address
nas_identifier=$identifier
auth_server_addr=127.0.0.1
auth_server_port=$relay_port
auth_server_shared_secret=$secret
radius_auth_req_attr=5:d:$number
radius_auth_req_attr=30:s:$called_station
radius_auth_req_attr=61:d:15
radius_auth_req_attr=87:s:$port
radius_das_port=$disconnect_port
radius_das_client=127.0.0.1 $secret
radius_das_require_event_timestamp=1
radius_das_require_message_authenticator=1
""")


def say(words):
    print(words, flush=True)


def attributes(packet):
    """(type, value) of each attribute of a RADIUS packet, as far as they are whole."""
    at = HEADER.size
    while at + 2 <= len(packet) and 2 <= packet[at + 1] <= len(packet) - at:
        yield packet[at], packet[at + 2:at + packet[at + 1]]
        at += packet[at + 1]


def network_of(accept):
    """The network's name in an Access-Accept, or None when it names none."""
    found = dict(attributes(accept))
    kind, medium = (int.from_bytes(found.get(name, b"")[1:], "big") for name in (TUNNEL_TYPE, TUNNEL_MEDIUM_TYPE))
    name = found.get(TUNNEL_PRIVATE_GROUP_ID, b"")
    if kind != TUNNEL_TYPE_VLAN or medium != TUNNEL_MEDIUM_IEEE_802 or not name:
        return None
    return (name[1:] if name[0] <= LAST_TAG else name).decode("utf-8", "replace")


def station_of(request):
    """The station's address in an Access-Request, as hostapd's events write it."""
    return dict(attributes(request)).get(CALLING_STATION_ID, b"").decode("latin-1").replace("-", ":").lower()


def is_authentic(reply, request_authenticator, secret):
    """RFC 2865 section 3: the Response Authenticator."""
    signed = reply[:4] + request_authenticator + reply[HEADER.size:] + secret
    return hashlib.md5(signed).digest() == reply[4:HEADER.size]


def udp_socket(address):
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    made.bind(address)
    return made


class Relay:
    """Between hostapd on one port and the RADIUS server: bytes pass unchanged, the network of each station is noted."""

    def __init__(self, port, settings):
        self.secret = settings["secret"].encode()
        self.inner = udp_socket(("127.0.0.1", port))
        self.outer = udp_socket((settings["address"], 0))
        self.outer.connect((settings["server"], RADIUS_PORT))
        self.hostapd = None
        self._asked = {}     # by identifier, one octet: (request authenticator, station)
        self._networks = {}  # by station

    def network(self, station):
        return self._networks.get(station)

    def from_hostapd(self):
        request, self.hostapd = self.inner.recvfrom(PACKET_LIMIT)
        if len(request) < HEADER.size:
            return
        self._asked[request[1]] = (request[4:HEADER.size], station_of(request))
        try:
            self.outer.send(request)
        except ConnectionRefusedError:  # what ICMP said about the request before
            self.outer.send(request)

    def from_server(self):
        try:
            reply = self.outer.recv(PACKET_LIMIT)
        except ConnectionRefusedError:
            return
        if len(reply) < HEADER.size or reply[1] not in self._asked:
            return
        authenticator, station = self._asked[reply[1]]
        if not is_authentic(reply, authenticator, self.secret):
            say("a RADIUS reply with a wrong authenticator was dropped")
            return
        if reply[0] == ACCESS_ACCEPT:
            self._networks[station] = network_of(reply)
        self.inner.sendto(reply, self.hostapd)


class Gate:
    """Which station is in which network; each change is one transaction of nftables."""

    def __init__(self, settings):
        self._stations = {}  # (port, station): network
        names = {"PHONE_PORTS": settings["phone_ports"], "ONBOARDING_UPLINKS": settings["uplinks"]}
        quoted = {name: ", ".join(f'"{port}"' for port in ports) for name, ports in names.items()}
        self._load(string.Template(Path(__file__).with_name("gate.nft").read_text()).substitute(quoted))

    @staticmethod
    def _load(rules):
        subprocess.run(["nft", "-f", "-"], input=rules.encode(), check=True)

    def let_in(self, port, station, network):
        if self._stations.get((port, station)) != network:
            self._stations[port, station] = network
            self._apply()
        say(f"{port} {station} {network}")

    def close(self, port, station=None):
        """Puts one station out, or all of a port."""
        gone = [place for place in self._stations if place[0] == port and station in (None, place[1])]
        if not gone:
            return
        for place in gone:
            del self._stations[place]
        self._apply()
        for at, who in gone:
            say(f"{at} {who} closed")

    def _apply(self):
        rules = []
        for network in NETWORKS:
            inside = [place for place, where in self._stations.items() if where == network]
            rules += [f"flush set bridge gate {network}", f"flush set bridge gate {network}_ports"]
            rules += [f'add element bridge gate {network} {{ "{port}" . {station} }}' for port, station in inside]
            ports = {port for port, _ in inside}
            rules += [f'add element bridge gate {network}_ports {{ "{port}" }}' for port in ports]
        self._load("\n".join(rules) + "\n")


class Port:
    """One port with a phone: its hostapd interface, its relay, and what hostapd tells."""

    def __init__(self, name, number, settings, gate):
        self.name, self.gate = name, gate
        self.settings = settings
        self.relay = Relay(FIRST_RELAY_PORT + number, settings)
        self.disconnect_port = FIRST_HOSTAPD_DISCONNECT_PORT + number
        self.configuration = Path(settings["folder"]) / f"{name}.conf"
        self.control = None
        self._inside = set()  # stations that hostapd lets in
        self._quiet = {}      # station: when the port listens to it again
        descriptor = os.open(self.configuration, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="ascii") as out:
            out.write(HOSTAPD.substitute(settings, port=name, number=number, relay_port=FIRST_RELAY_PORT + number,
                                         disconnect_port=self.disconnect_port))

    def attach(self):
        path = Path(self.settings["folder"]) / "control" / self.name
        end = time.monotonic() + LISTEN_SECONDS
        while True:
            try:
                self.control = ControlSocket(path)
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def from_control(self):
        while (event := self.control.next_event()) is not None:
            self.handle(*(event.split() + ["", ""])[:2])

    def handle(self, event, station):
        if event in ("CTRL-EVENT-EAP-FAILURE", "CTRL-EVENT-EAP-FAILURE2"):
            self._quiet[station] = time.monotonic() + self.settings["quiet_seconds"]
        elif event == "AP-STA-CONNECTED":
            self._inside.add(station)
            self.let_in(station)
        elif event == "CTRL-EVENT-EAP-SUCCESS2" and station in self._inside:
            # Who was in has logged in again: perhaps to another network.
            self.let_in(station)
        elif event == "AP-STA-DISCONNECTED" and station in self._inside:
            self._inside.discard(station)
            self.gate.close(self.name, station)
            # After a refusal it is quiet already; after a logoff or a Disconnect-Request it need not be.
            self._quiet.setdefault(station, time.monotonic())
        elif event == "AP-DISABLED":
            self.forget()

    def let_in(self, station):
        network = self.relay.network(station) or self.settings["default_network"]
        if network in NETWORKS:
            self.gate.let_in(self.name, station, network)
        else:
            self.gate.close(self.name, station)
            say(f"{self.name} {station} kept out: there is no network {network!a}")

    def seconds_of_quiet(self):
        """Until the next station is listened to again, or None."""
        return max(0, min(self._quiet.values()) - time.monotonic()) if self._quiet else None

    def end_quiet(self):
        now = time.monotonic()
        again = [station for station, end in self._quiet.items() if end <= now]
        if not again:
            return
        self.reset()
        # As after link-up, the port asks who is there.
        for station in again:
            self.ask(station)

    def reset(self):
        """Forgets every station. hostapd's own way of putting one out, after a refusal too, makes it deaf to that
        station for 5 s, and then ends whatever login there is."""
        self.forget()
        self.control.command("DISABLE")
        self.control.command("ENABLE")

    def forget(self):
        self._quiet.clear()
        self._inside.clear()
        self.gate.close(self.name)

    def ask(self, station):
        if self.control.request(f"NEW_STA {station}") != "OK":
            self.control.request(f"EAPOL_REAUTH {station}")


class Console:
    """What an administrator types."""

    def __init__(self, settings, ports):
        self.ports = {port.name: port for port in ports}
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.socket.bind(str(Path(settings["folder"]) / "console"))

    def handle(self):
        line, sender = self.socket.recvfrom(PACKET_LIMIT)
        self.socket.sendto(b"done" if self.obey(*line.decode("ascii", "replace").split()) else b"refused", sender)

    def obey(self, verb="", port="", *stations):
        if port not in self.ports or (verb, len(stations)) not in (("reset", 0), ("ask", 1)):
            return False
        getattr(self.ports[port], verb)(*stations)
        return True


class Disconnects:
    """RFC 5176: one port of the switch's address for all its ports; hostapd judges the request, each port in turn. It
    refuses every CoA-Request."""

    def __init__(self, settings, ports):
        self.server, self.ports = settings["server"], ports
        self.outer = udp_socket((settings["address"], DISCONNECT_PORT))
        self.inner = udp_socket(("127.0.0.1", 0))
        self.inner.settimeout(DISCONNECT_SECONDS)

    def handle(self):
        request, sender = self.outer.recvfrom(PACKET_LIMIT)
        if sender[0] != self.server or len(request) < HEADER.size:
            return
        refusal = None
        for port in self.ports:
            answer = self.ask(port, request)
            if answer is not None and answer[0] == DISCONNECT_ACK:
                self.outer.sendto(answer, sender)
                return
            refusal = refusal or answer
        if refusal is not None:
            self.outer.sendto(refusal, sender)

    def ask(self, port, request):
        """hostapd's answer, or None: it is silent when the request is not authentic."""
        self.inner.sendto(request, ("127.0.0.1", port.disconnect_port))
        try:
            answer = self.inner.recv(PACKET_LIMIT)
        except TimeoutError:
            return None
        expected = [bytes((code, request[1])) for code in (DISCONNECT_ACK, DISCONNECT_NAK, COA_NAK)]
        return answer if answer[:2] in expected else None


class CarrierWatch:
    """hostapd's wired driver does not notice a pulled cable; the kernel tells who asks (rtnetlink)."""

    def __init__(self, ports):
        self.ports = {port.name: port for port in ports}
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self.socket.bind((0, RTMGRP_LINK))
        self.without = set()

    def handle(self):
        for name, has_carrier in self.read():
            port = self.ports.get(name)
            if port is None or has_carrier == (name not in self.without):
                continue
            (self.without.discard if has_carrier else self.without.add)(name)
            say(f"{name} carrier {'up' if has_carrier else 'lost'}")
            if not has_carrier:
                port.reset()

    def read(self):
        """(interface, has carrier) of each change that the kernel tells."""
        told = self.socket.recv(1 << 16)
        while len(told) >= NLMSG_HEADER.size:
            length, kind, *_ = NLMSG_HEADER.unpack_from(told)
            message, told = told[NLMSG_HEADER.size:length], told[(length + 3) & ~3:]
            if kind != RTM_NEWLINK:
                continue
            flags = IFINFO.unpack_from(message)[3]
            yield self.interface_name(message[IFINFO.size:]), bool(flags & IFF_LOWER_UP)

    @staticmethod
    def interface_name(told):
        while len(told) >= ATTRIBUTE.size:
            length, kind = ATTRIBUTE.unpack_from(told)
            if kind == IFLA_IFNAME:
                return told[ATTRIBUTE.size:length].rstrip(b"\0").decode()
            told = told[(max(length, ATTRIBUTE.size) + 3) & ~3:]
        return ""


def start_hostapd(port):
    """One process for each port: it would take a station that comes to one of its ports from its others."""
    libc = ctypes.CDLL(None)
    return subprocess.Popen(["hostapd", str(port.configuration)], stdin=subprocess.DEVNULL,
                            preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))


def serve(settings, daemons, ports, gate):
    """Until a hostapd ends, which leaves the gate closed."""
    carrier = CarrierWatch(ports)
    disconnects = Disconnects(settings, ports)
    console = Console(settings, ports)
    told = selectors.DefaultSelector()
    for port in ports:
        port.attach()
        told.register(port.control, selectors.EVENT_READ, port.from_control)
        told.register(port.relay.inner, selectors.EVENT_READ, port.relay.from_hostapd)
        told.register(port.relay.outer, selectors.EVENT_READ, port.relay.from_server)
    told.register(carrier.socket, selectors.EVENT_READ, carrier.handle)
    told.register(disconnects.outer, selectors.EVENT_READ, disconnects.handle)
    told.register(console.socket, selectors.EVENT_READ, console.handle)
    say("ready")
    while all(daemon.poll() is None for daemon in daemons):
        quiet = [seconds for port in ports if (seconds := port.seconds_of_quiet()) is not None]
        for key, _ in told.select(timeout=min([LOOK_SECONDS, *quiet])):
            key.data()
        # A command that waited for its reply may have met events before it.
        for port in ports:
            port.from_control()
            port.end_quiet()
    for port in ports:
        gate.close(port.name)
    sys.exit("hostapd has ended")


def main():
    settings = json.loads(Path(sys.argv[1]).read_text())
    gate = Gate(settings)
    ports = [Port(name, number, settings, gate) for number, name in enumerate(settings["phone_ports"], 1)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    daemons = []
    try:
        for port in ports:
            daemons.append(start_hostapd(port))
        serve(settings, daemons, ports, gate)
    finally:
        for daemon in daemons:
            daemon.kill()
            daemon.wait()


if __name__ == "__main__":
    main()
