"""busybox's udhcpc asks dnsmasq as the phone does, and the phone boots from what it is told, in a network of their own."""

import os
import subprocess
import sys
import unittest

from harness import PHONE, SystemTest, find_program, need_program, run, wait_until
from phone_boot import MAC, Booted

INSIDE = "RINGFENCE_TEST_OWN_NETWORK"
MANIFEST = "[DEVICE_CONFIG]\nVERSION 000007\nFILENAME /site.cfg\n"


def may_have_a_network():
    unshare = find_program("unshare")
    return os.geteuid() == 0 and unshare is not None and subprocess.run(
        [unshare, "--net", "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


class RealDhcp(SystemTest):
    """The phone's wire leads to dnsmasq, which leases addresses and serves files by TFTP."""

    @classmethod
    def setUpClass(cls):
        if not os.environ.get(INSIDE):
            if os.environ.get("CI") == "true":
                raise AssertionError("CI must let this test have a network of its own, or nobody asks a real DHCP server")
            raise unittest.SkipTest("this machine does not let us have a network of our own")
        super().setUpClass()
        cls.phone = cls.work.start([need_program("unshare"), "--net", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        wait_until(lambda: os.readlink(f"/proc/{cls.phone.pid}/ns/net") != own, "the phone's network")
        cls.ip("link", "add", "office", "type", "veth", "peer", "name", "desk", "netns", str(cls.phone.pid))
        cls.ip("addr", "add", "192.0.2.1/24", "dev", "office")
        cls.ip("link", "set", "office", "up")
        cls.at_the_phone("ip", "link", "set", "desk", "address", MAC)
        cls.at_the_phone("ip", "link", "set", "desk", "up")
        cls.www = cls.work.folder / "www"
        cls.www.mkdir()
        cls.work.write("www/site.cfg", "BANNER hello\n")

    @staticmethod
    def ip(*args):
        return run([need_program("ip"), *args], check=True)

    @classmethod
    def at_the_phone(cls, *args, check=True, **more):
        return run([need_program("nsenter"), "-t", str(cls.phone.pid), "-n", *args], check=check, **more)

    def start_dnsmasq(self, *options):
        child = self.work.start([need_program("dnsmasq"), "--no-daemon", "--conf-file=/dev/null", "--port=0",
                                 "--user=root", "--interface=office", "--bind-interfaces", "--log-dhcp",
                                 "--dhcp-range=192.0.2.50,192.0.2.99,1h", "--dhcp-authoritative",
                                 f"--dhcp-leasefile={self.work.path('leases')}", "--enable-tftp",
                                 f"--tftp-root={self.www}", *options])
        self.addCleanup(child.stop)
        wait_until(lambda: "DHCP, IP range" in child.output(), "dnsmasq to lease addresses")
        return child

    def ask(self):
        """Runs udhcpc as the phone would ask; returns the file with what it handed its script."""
        lease = self.work.path("lease")
        script = self.work.write("script", f'#!/bin/sh\n[ "$1" = bound ] || exit 0\nip addr replace "$ip/$mask" dev '
                                           f'"$interface"\nenv > {lease}\n', mode=0o755)
        words = run([PHONE, "dhcp-request", "--mac", MAC], check=True).out.split()
        self.at_the_phone(need_program("busybox"), "udhcpc", "-i", "desk", "-f", "-q", "-n", "-s", script, *words)
        return lease

    def boot(self, lease, state, code=0):
        done = self.at_the_phone(PHONE, "boot", "--mac", MAC, "--model", "1230", "--state", state, "--dhcp-lease", lease,
                                 "--json", check=False)
        self.assertEqual(done.code, code, done)
        return Booted(done) if code == 0 else done

    def test_asks_finds_and_boots(self):
        self.work.write("www/1230SIP.cfg", MANIFEST)
        dnsmasq = self.start_dnsmasq("--dhcp-option=66,192.0.2.1", "--dhcp-option=option:domain-name,dhcp.example",
                                     "--dhcp-option=6,192.0.2.2,192.0.2.3,192.0.2.4",
                                     "--dhcp-option-force=232,VLAN-A:100+200.")
        state = self.work.path("flash")
        booted = self.boot(self.ask(), state)
        self.assertEqual(booted.manifest["url"], "tftp://192.0.2.1/1230SIP.cfg")
        self.assertEqual(booted.actions(), {"/site.cfg": "fetched"})
        said = dnsmasq.output()
        self.assertIn("vendor class: Nortel-SIP-Phone-A", said)
        self.assertIn("client provides name: T00247F0102AB", said)
        asked = "".join(line.split("requested options:")[1] for line in said.splitlines() if "requested options" in line)
        for option in ("1:", "3:", "6:", "15:", "28:", "43:", "58:", "59:", "66:", " 128", " 223", " 224", " 254"):
            self.assertIn(option, asked)
        self.assertNotIn(" 99", asked)
        parameters = run([PHONE, "show", "--state", state, "--json"], check=True).json()["parameters"]
        self.assertEqual({name: entry["value"] for name, entry in parameters.items()},
                         {"provisioning-server": "tftp://192.0.2.1/", "dns-domain": "dhcp.example",
                          "dns-servers": "192.0.2.2 192.0.2.3", "vlan-ids": "100+200"})

    def test_a_string_in_option_43_outranks_option_66(self):
        self.work.write("www/block/1230SIP.cfg", MANIFEST)
        self.start_dnsmasq("--dhcp-option=66,192.0.2.9", "--dhcp-option-force=43,"
                           "Nortel-SIP-Phone-B,prov=tftp://192.0.2.1/block;")
        booted = self.boot(self.ask(), self.work.path("flash"))
        self.assertEqual(booted.manifest["url"], "tftp://192.0.2.1/block/1230SIP.cfg")
        self.assertIn("Nortel-SIP-Phone-B", booted.notes)

    def test_udhcpc_withholds_a_url_and_the_phone_says_so(self):
        self.start_dnsmasq("--dhcp-option=66,https://prov.example.net/sets")
        lease = self.ask()
        self.assertIn("tftp=bad", lease.read_text())
        self.assertIn("a URL needs ringfence-phone dhcp-hook", self.boot(lease, self.work.path("flash"), code=1).err)


if __name__ == "__main__":
    if not os.environ.get(INSIDE) and may_have_a_network():
        os.environ[INSIDE] = "1"
        os.execv(find_program("unshare"), ["unshare", "--net", sys.executable, *sys.argv])
    # A network of one's own begins with its loopback down.
    if os.environ.get(INSIDE):
        run([need_program("ip"), "link", "set", "lo", "up"], check=True)
    unittest.main()
