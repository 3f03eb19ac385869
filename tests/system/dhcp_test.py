"""Kea and dnsmasq run what `ringfence dhcp config` wrote; `ringfence dhcp check` asks them as a set does."""

import json
import os
import subprocess
import unittest

from harness import PHONE, RINGFENCE, Installation, SystemTest, need_program, run, wait_until
from namespaces import main_in_own_network, need_network
from phone_boot import MAC, Booted

KEA, DNSMASQ = "10.77.0.2", "10.77.0.3"
MANIFEST = "[DEVICE_CONFIG]\nVERSION 000007\nFILENAME /site.cfg\n"
# What no syntax may take for its own.
ODD = r"""a"b'c\d$e`f;g#h!i?j{k}l,m"""


class DhcpTest(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.network = need_network(cls.work)
        cls.kea_node = cls.network.add(KEA)
        cls.dnsmasq_node = cls.network.add(DNSMASQ)
        cls.desk = cls.network.add()
        cls.desk("ip", "link", "set", "eth0", "address", MAC)
        cls.ours = Installation(cls.work, address=KEA)

    def setUp(self):
        self.ours.data.joinpath("ringfence.toml").write_text(
            "[server]\nhost = \"prov.example.test\"\naddress = \"10.77.0.2\"\n")

    def plan(self, **keys):
        """Puts [dhcp] into the settings file."""
        path = self.ours.data / "ringfence.toml"
        lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
        path.write_text(path.read_text() + "[dhcp]\n" + "\n".join(lines) + "\n")

    def start_kea(self, seconds=3600, element=None):
        """Kea with the written class, or with another element in its place."""
        folder = self.work.path("kea")
        folder.mkdir()
        fragment = folder / "ringfence-phones.json"
        fragment.write_text(element or self.ours("dhcp", "config", "--for", "kea").out)
        config = folder / "kea.conf"
        config.write_text(f"""{{ "Dhcp4": {{
            "interfaces-config": {{ "interfaces": [ "eth0" ], "dhcp-socket-type": "raw" }},
            "lease-database": {{ "type": "memfile", "persist": false }},
            "valid-lifetime": {seconds}, "authoritative": true,
            "client-classes": [ <?include "{fragment}"?> ],
            "subnet4": [ {{ "subnet": "10.77.0.0/24", "interface": "eth0",
                            "pools": [ {{ "pool": "10.77.0.50 - 10.77.0.99" }} ] }} ],
            "loggers": [ {{ "name": "kea-dhcp4", "severity": "INFO", "output_options": [ {{ "output": "stdout" }} ] }} ]
        }} }}""")
        child = self.work.start([need_program("kea-dhcp4"), "-c", config], preexec=self.kea_node.enter,
                                env={"KEA_PIDFILE_DIR": str(folder), "KEA_LOCKFILE_DIR": str(folder)})
        self.addCleanup(child.stop)
        self.wait_for(child, "DHCP4_STARTED")
        return child

    def start_dnsmasq(self, seconds=3600, more=""):
        folder = self.work.path("dnsmasq")
        folder.mkdir()
        config = folder / "dnsmasq.conf"
        config.write_text(f"port=0\ninterface=eth0\nbind-interfaces\nno-resolv\nno-hosts\nuser=root\nlog-dhcp\nno-ping\n"
                          f"dhcp-leasefile={folder}/leases\ndhcp-range=10.77.0.150,10.77.0.199,{seconds}\n"
                          f"dhcp-authoritative\n" + more + self.ours("dhcp", "config", "--for", "dnsmasq").out)
        child = self.work.start([need_program("dnsmasq"), "--keep-in-foreground", "--log-facility=-",
                                 f"--conf-file={config}"], preexec=self.dnsmasq_node.enter)
        self.addCleanup(child.stop)
        self.wait_for(child, "DHCP, IP range")
        return child

    def wait_for(self, child, words):
        def said():
            if not child.is_running():
                raise AssertionError(child.output())
            return words in child.output()
        wait_until(said, f"{child.args[0]} to say {words}")

    def check(self, *options, code=None):
        done = run(self.desk.command(RINGFENCE, "dhcp", "check", "--interface", "eth0", "--data", self.ours.data, "--json",
                                     *options))
        if code is not None:
            self.assertEqual(done.code, code, done)
        return done.json()

    def differences(self, checked):
        return [finding["text"] for finding in checked["findings"] if finding["differs"]]

    def said(self, checked):
        return "\n".join(finding["text"] for finding in checked["findings"])


class WrittenConfiguration(DhcpTest):
    def test_kea_and_dnsmasq_hand_out_what_the_settings_say(self):
        for name, start in (("kea", self.start_kea), ("dnsmasq", self.start_dnsmasq)):
            with self.subTest(name):
                self.setUp()
                self.plan(server="https://prov.example.test/", vlan_ids=[100, 200], vlan_option=247, option_43=ODD,
                          time_servers=["10.77.0.2", "10.77.0.9"])
                child = start()
                checked = self.check(code=0)
                self.assertEqual(self.differences(checked), [])
                self.assertEqual(checked["server"], "https://prov.example.test/")
                self.assertEqual({lead["option"]: lead["leads_to"] for lead in checked["offers"][0]["leads"]},
                                 {66: "https://prov.example.test/ by HTTPS", 247: "VLAN-A:100+200."})
                self.assertIn("shared with other devices", self.said(checked))
                child.stop()


if __name__ == "__main__":
    main_in_own_network()
