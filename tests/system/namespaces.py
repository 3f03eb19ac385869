"""A small network of our own: nodes, each in a network namespace, on one bridge.

It needs root and a kernel that allows namespaces; need_network() skips the test where that is not so. A namespace
lives as long as the process that holds it, which the Workspace ends: nothing has a name that could meet another run's,
nothing of the machine's own network changes, and nothing stays, however the test ends.
"""

import contextlib
import ctypes
import os
import socket
import struct
import subprocess
import sys
import unittest

from harness import find_program, need_program, run, wait_until

INSIDE = "RINGFENCE_TEST_OWN_NETWORK"
CLONE_NEWNET, CLONE_NEWNS = 0x40000000, 0x00020000
MS_BIND, MS_REC, MS_SLAVE = 0x1000, 0x4000, 0x80000
ETHERTYPE_IPV4, ETHERTYPE_ARP = 0x0800, 0x0806
HARDWARE_ETHERNET, ARP_REPLY = 1, 2
EVERYONE = b"\xff" * 6
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _enter(path, kind):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _check(_libc.setns(descriptor, kind), path)
    finally:
        os.close(descriptor)


def has_own_network():
    return bool(os.environ.get(INSIDE))


def main_in_own_network():
    """unittest.main() of a test whose programs see nothing but a loopback of their own; where the machine allows no
    such network they have the machine's, and has_own_network() says so."""
    unshare = find_program("unshare")
    if not has_own_network() and os.geteuid() == 0 and unshare is not None and subprocess.run(
            [unshare, "--net", "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
        os.environ[INSIDE] = "1"
        os.execv(unshare, ["unshare", "--net", sys.executable, *sys.argv])
    # A network of one's own begins with its loopback down.
    if has_own_network():
        run([need_program("ip"), "link", "set", "lo", "up"], check=True)
    unittest.main()


def _cover(files):
    """This process and its children see these files of the machine with other content: {path: file to show}."""
    _check(_libc.unshare(CLONE_NEWNS), "unshare")
    # What the machine mounts later is seen here; what is mounted here is not seen there.
    _check(_libc.mount(None, b"/", None, MS_REC | MS_SLAVE, None), "keeping mounts apart")
    for path, source in files.items():
        _check(_libc.mount(os.fsencode(source), os.fsencode(path), None, MS_BIND, None), path)


class Node:
    """A namespace; with a cable its interface is eth0. `files` are files of the machine that stand in this node with
    another content, such as /etc/hosts: {path: content}."""

    def __init__(self, work, files=None):
        shown = {path: work.write(work.path(os.path.basename(path)).name, content)
                 for path, content in (files or {}).items()}

        def separate():
            _check(_libc.unshare(CLONE_NEWNET), "unshare")
            if shown:
                _cover(shown)
        holder = work.start(["sleep", "infinity"], preexec=separate)
        self.pid = holder.pid
        self.path = f"/proc/{holder.pid}/ns/net"
        self.mounts = f"/proc/{holder.pid}/ns/mnt" if shown else None
        self("ip", "link", "set", "lo", "up")

    def enter(self):
        """A child's preexec: it then lives in this node."""
        _enter(self.path, CLONE_NEWNET)
        if self.mounts:
            folder = os.getcwd()  # entering leads to the root folder
            _enter(self.mounts, CLONE_NEWNS)
            os.chdir(folder)

    @contextlib.contextmanager
    def entered(self):
        """Sockets that this thread makes meanwhile belong to this node, and go on belonging to it."""
        home = os.open(f"/proc/self/task/{_libc.gettid()}/ns/net", os.O_RDONLY)
        try:
            _enter(self.path, CLONE_NEWNET)
            yield self
        finally:
            _check(_libc.setns(home, CLONE_NEWNET), "going home")
            os.close(home)

    def command(self, *words):
        """The same command, run in this node."""
        mounts = [f"--mount={self.mounts}", f"--wdns={os.getcwd()}"] if self.mounts else []
        return ["nsenter", f"--net={self.path}", *mounts, "--", *words]

    def __call__(self, *words):
        return run(self.command(*words), check=True)

    def add_address(self, address):
        self("ip", "address", "add", f"{address}/24", "dev", "eth0")

    def drop_address(self, address):
        self("ip", "address", "delete", f"{address}/24", "dev", "eth0")

    def hardware_address(self):
        return self("ip", "-json", "link", "show", "dev", "eth0").json()[0]["address"]


class Network:
    def __init__(self, work):
        self.work = work
        self.wire = Node(work)
        self.wire("ip", "link", "add", "bridge", "type", "bridge")
        self.wire("ip", "link", "set", "bridge", "up")

    def add(self, *addresses):
        """A node with these addresses, each in a /24, its cable plugged into the bridge. The first can not move away
        alone: the kernel drops the others of its network with it."""
        node = Node(self.work)
        port = f"to-{node.pid}"
        self.wire("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(node.pid))
        self.wire("ip", "link", "set", port, "master", "bridge", "up")
        node("ip", "link", "set", "eth0", "up")
        for address in addresses:
            node.add_address(address)
        return node


def why_no_namespaces():
    """Why this machine allows no networks of our own, in one sentence, or None when it does."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    probe = run(["unshare", "--net", "--mount", "true"])
    return f"network namespaces are not allowed here: {probe.err.strip()}" if probe.code != 0 else None


def need(reason):
    """Skips the test when there is a reason why this machine cannot run it. CI has to, or nobody does."""
    if reason is None:
        return
    if os.environ.get("CI") == "true":
        raise AssertionError(f"CI must run this test, but {reason}")
    raise unittest.SkipTest(reason)


def need_network(work):
    """A Network, or the test is skipped and says why this machine allows none."""
    need(why_no_namespaces())
    return Network(work)


def announce(node, address):
    """Tells everyone on the wire that this address is at this node, as whoever is on the wire can (RFC 826)."""
    with node.entered():
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with wire:
        wire.bind(("eth0", ETHERTYPE_ARP))
        mine, address = wire.getsockname()[4], socket.inet_aton(address)
        frame = EVERYONE + mine + struct.pack("!H", ETHERTYPE_ARP)
        reply = struct.pack("!HHBBH", HARDWARE_ETHERNET, ETHERTYPE_IPV4, len(mine), len(address), ARP_REPLY)
        wire.send(frame + reply + mine + address + EVERYONE + address)


def move(address, *, giver, taker, witness):
    """The taker answers at the address from here on, and the witness believes it."""
    giver.drop_address(address)
    taker.add_address(address)
    hardware = taker.hardware_address()

    def is_believed():
        announce(taker, address)
        known = witness("ip", "neighbour", "show", address).out.strip()
        return hardware in known or not known
    wait_until(is_believed, f"{address} to have moved")
