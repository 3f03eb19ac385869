"""Kea and dnsmasq run what `ringfence dhcp config` wrote; `ringfence dhcp check` asks them as a set does."""

import json
import os

from harness import PHONE, RINGFENCE, Installation, SystemTest, need_program, run, wait_until
from namespaces import main_in_own_network, need_network
from phone_boot import MAC, Booted

KEA, DNSMASQ = "10.77.0.2", "10.77.0.3"
MANIFEST = "[DEVICE_CONFIG]\nVERSION 000007\nPROTOCOL HTTP\nFILENAME /site.cfg\n"
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
        self.plan()

    def plan(self, **keys):
        """The settings file, with this as its [dhcp]."""
        lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
        path = self.ours.data / "ringfence.toml"
        path.write_text(f"[server]\nhost = \"prov.example.test\"\naddress = \"{KEA}\"\n[dhcp]\n" + "\n".join(lines))

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
        config.write_text("port=0\ninterface=eth0\nbind-interfaces\nno-resolv\nno-hosts\nuser=root\nlog-dhcp\n"
                          f"no-ping\ndhcp-leasefile={folder}/leases\ndhcp-range=10.77.0.150,10.77.0.199,{seconds}\n"
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
        done = run(self.desk.command(RINGFENCE, "dhcp", "check", "--interface", "eth0", "--data", self.ours.data,
                                     "--json", *options))
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

    def test_without_a_word_in_the_settings_phones_are_led_to_the_installation_by_tftp(self):
        for name, start in (("kea", self.start_kea), ("dnsmasq", self.start_dnsmasq)):
            with self.subTest(name):
                child = start()
                checked = self.check(code=0)
                self.assertEqual(checked["server"], f"tftp://{KEA}/")
                self.assertIn("an address alone, which means TFTP", self.said(checked))
                child.stop()

    def test_windows_and_cisco_are_commands_to_paste(self):
        self.assertIn("Set-DhcpServerv4OptionValue", self.ours("dhcp", "config", "--for", "windows").out)
        self.assertIn(f'option 66 ascii "{KEA}"', self.ours("dhcp", "config", "--for", "cisco").out)
        self.ours("dhcp", "config", "--for", "dhcpd", code=2)

    def test_a_login_is_not_handed_to_everybody(self):
        self.plan(server="ftp://login:canary@prov.example.test/")
        done = self.ours("dhcp", "config", "--for", "kea", code=1)
        self.assertIn("must hold no login", done.err)
        self.assertNotIn("canary", done.out + done.err)


class Check(DhcpTest):
    def test_nobody(self):
        checked = self.check("--seconds", "1", code=1)
        self.assertEqual(checked["offers"], [])
        self.assertIn("nobody offers an address", self.differences(checked)[0])

    def test_no_lease_is_taken(self):
        dnsmasq = self.start_dnsmasq()
        self.check(code=0)
        self.assertIn("DHCPOFFER", dnsmasq.output())
        self.assertNotIn("DHCPREQUEST", dnsmasq.output())
        self.assertNotIn("DHCPACK", dnsmasq.output())

    def test_of_two_servers_the_longest_lease_wins_and_their_disagreement_is_told(self):
        self.start_kea(seconds=7200)
        self.plan(server="http://prov.example.test/")
        self.start_dnsmasq(seconds=3600)

        def both():
            checked = self.check("--seconds", "2")
            return checked if len(checked["offers"]) == 2 else None
        checked = wait_until(both, "offers of both servers")
        self.assertFalse(checked["as_planned"])
        offers = {offer["server"]: offer for offer in checked["offers"]}
        self.assertEqual({server: (offer["lease_seconds"], offer["wins"]) for server, offer in offers.items()},
                         {KEA: (7200, True), DNSMASQ: (3600, False)})
        self.assertEqual(checked["server"], f"tftp://{KEA}/")
        self.assertIn("its lease is the longest", self.said(checked))
        self.assertIn(f"{KEA} and {DNSMASQ} disagree", "\n".join(self.differences(checked)))
        self.assertIn("option 66 is not what [dhcp] hands out", self.differences(checked))

    def test_what_every_class_is_handed_is_told(self):
        self.start_dnsmasq(more=f'dhcp-option-force=66,"{KEA}"\n')
        checked = self.check(code=1)
        self.assertEqual(self.differences(checked), ["devices of any class are handed option 66 too"])

    def test_option_43_of_other_devices_is_passed_over(self):
        self.start_dnsmasq(more="dhcp-option-force=43,01:04:c0:00:02:01\n")
        checked = self.check(code=0)
        self.assertIn("option 43 holds 6 bytes that are no string of a set", self.said(checked))

    def test_root_may_ask_for_an_installation_of_somebody_else(self):
        self.start_dnsmasq()
        os.chown(self.ours.data, 65534, 65534)
        self.addCleanup(os.chown, self.ours.data, 0, 0)
        self.check(code=0)

    def test_it_says_what_it_needs(self):
        done = run(self.desk.command("setpriv", "--bounding-set=-net_raw", RINGFENCE, "dhcp", "check", "--interface",
                                     "eth0", "--data", self.ours.data))
        self.assertEqual(done.code, 1, done)
        self.assertIn("needs root, or CAP_NET_RAW", done.err)
        done = run(self.desk.command(RINGFENCE, "dhcp", "check", "--interface", "nowhere", "--data", self.ours.data))
        self.assertEqual(done.code, 1)
        self.assertIn("there is no interface nowhere", done.err)


class PhoneAsks(DhcpTest):
    """udhcpc and dhclient run ringfence-phone as their script; the phone then boots from what they were given."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hook = cls.work.folder / "ringfence-dhcp-hook"
        cls.hook.symlink_to(PHONE)
        cls.work.write("www/1230SIP.cfg", MANIFEST)
        cls.work.write("www/site.cfg", "BANNER hello\n")
        web = cls.work.start(["python3", "-u", "-m", "http.server", "80", "--bind", KEA, "--directory",
                              cls.work.folder / "www"], preexec=cls.kea_node.enter)
        wait_until(lambda: "Serving HTTP" in web.output(), "the web server")

    def setUp(self):
        super().setUp()
        self.state = self.work.path("flash")
        self.plan(server=f"http://{KEA}", time_servers=[DNSMASQ], vlan_ids=[100, 200])
        # Whoever starts the client may have secrets of his own.
        self.environment = {"RINGFENCE_PHONE_STATE": str(self.state), "RINGFENCE_PHONE_CONFIGURE": "1",
                            "SECRET": "canary"}
        self.addCleanup(lambda: self.desk("ip", "-4", "address", "flush", "dev", "eth0"))

    def udhcpc(self, *words):
        asked = words or run([PHONE, "dhcp-request", "--mac", MAC], check=True).out.split()
        return run(self.desk.command(need_program("busybox"), "udhcpc", "-i", "eth0", "-f", "-q", "-n", "-s", self.hook,
                                     *asked), env=self.environment, check=True)

    def dhclient(self, *prefix, script=None):
        folder = self.work.path("dhclient")
        folder.mkdir()
        config = folder / "dhclient.conf"
        asked = run([PHONE, "dhcp-request", "--mac", MAC, "--for", "dhclient"], check=True).out
        config.write_text(asked + "timeout 10;\n")
        words = [word for name, value in self.environment.items() for word in ("-e", f"{name}={value}")]
        client = self.work.start([*prefix, need_program("dhclient"), "-d", "-1", "-v", "-sf", script or self.hook,
                                  *words, "-cf", config,
                                  "-lf", folder / "leases", "-pf", folder / "pid", "eth0"], preexec=self.desk.enter)
        self.addCleanup(client.stop)
        wait_until(lambda: "bound to" in client.output() or not client.is_running(), "dhclient to be bound")
        self.assertIn("bound to", client.output())
        return client

    def address(self):
        shown = self.desk("ip", "-json", "-4", "address", "show", "dev", "eth0").json()
        return [(entry["local"], entry["prefixlen"]) for entry in shown[0]["addr_info"]] if shown else []

    def boot(self):
        done = run(self.desk.command(PHONE, "boot", "--mac", MAC, "--model", "1230", "--state", self.state, "--json"))
        self.assertEqual(done.code, 0, done)
        return Booted(done)

    def see_the_phone_boot(self):
        lease = self.state / "dhcp" / "lease"
        self.assertEqual(lease.stat().st_mode & 0o777, 0o600)
        self.assertNotIn(b"canary", lease.read_bytes())
        self.assertRegex(lease.read_bytes(), rb"(ntpsrv|new_ntp_servers)=10\.77\.0\.3")
        self.assertEqual([prefix for _, prefix in self.address()], [24])
        booted = self.boot()
        self.assertEqual(booted.manifest["url"], f"http://{KEA}/1230SIP.cfg")
        self.assertEqual(booted.actions(), {"/site.cfg": "fetched"})
        self.assertNotIn("withheld", booted.notes)
        parameters = run([PHONE, "show", "--state", self.state, "--json"], check=True).json()["parameters"]
        self.assertEqual(parameters["vlan-ids"]["value"], "100+200")

    def test_udhcpc_withholds_a_url_and_the_hook_asks_kea_for_it(self):
        self.start_kea()
        self.udhcpc()
        self.see_the_phone_boot()

    def test_udhcpc_withholds_a_url_and_the_hook_asks_dnsmasq_for_it(self):
        dnsmasq = self.start_dnsmasq()
        self.udhcpc()
        wait_until(lambda: "DHCPINFORM" in dnsmasq.output(), "dnsmasq to be asked again")
        self.see_the_phone_boot()

    def see_dhclient_hand_it_over(self):
        self.dhclient()
        self.assertNotIn(b"opt66=", (self.state / "dhcp" / "lease").read_bytes())
        self.see_the_phone_boot()

    def test_dhclient_hands_over_whole_what_kea_gave(self):
        self.start_kea()
        self.see_dhclient_hand_it_over()

    def test_dhclient_hands_over_whole_what_dnsmasq_gave_and_asks_as_the_set(self):
        dnsmasq = self.start_dnsmasq()
        self.see_dhclient_hand_it_over()
        said = dnsmasq.output()
        self.assertIn("vendor class: Nortel-SIP-Phone-A", said)
        self.assertIn("client provides name: T00247F0102AB", said)
        asked = "".join(line.partition("requested options:")[2] for line in said.splitlines())
        for option in ("1:", "3:", "6:", "15:", "28:", "43:", "58:", "59:", "66:", " 128", " 223", " 224", " 254"):
            self.assertIn(option, asked)

    def test_it_is_a_hook_of_dhclients_own_script_too(self):
        """As Debian has it: the script configures the address, and runs what stands in its folder of hooks."""
        hooks = self.work.path("hooks")
        hooks.mkdir()
        (hooks / "ringfence").write_text(f"{self.hook}\n")
        del self.environment["RINGFENCE_PHONE_CONFIGURE"]
        self.start_kea()
        # What it does to the machine's files stays in its own view of them.
        own_view = (f"mount --bind {hooks} /etc/dhcp/dhclient-exit-hooks.d && "
                    f"mount --bind {self.work.write('resolv.conf', '')} /etc/resolv.conf && exec \"$@\"")
        self.dhclient("unshare", "--mount", "sh", "-c", own_view, "sh", script=need_program("dhclient-script"))
        self.see_the_phone_boot()

    def test_a_rogue_that_answers_in_the_servers_place_is_not_heard(self):
        self.start_kea()
        self.udhcpc()
        lease = self.state / "dhcp" / "lease"
        ours = f"opt66={f'http://{KEA}'.encode().hex()}".encode()
        self.assertIn(ours, lease.read_bytes())
        lease.unlink()
        self.plan(server="http://10.77.0.66")
        rogue = self.start_dnsmasq()
        run(self.desk.command(self.hook, "renew"), check=True,
            env={"RINGFENCE_PHONE_STATE": str(self.state), "interface": "eth0", "ip": self.address()[0][0],
                 "subnet": "255.255.255.0", "serverid": KEA, "tftp": "bad"})
        wait_until(lambda: "DHCPINFORM" in rogue.output(), "the rogue to be asked too")
        self.assertIn(ours, lease.read_bytes())

    def test_another_class_gets_an_address_and_nothing_more(self):
        for start in (self.start_kea, self.start_dnsmasq):
            child = start()
            self.udhcpc("-V", "another", "-O", "66", "-O", "43", "-O", "42", "-O", "232")
            lease = (self.state / "dhcp" / "lease").read_bytes()
            self.assertIn(b"ip=10.77.0.", lease)
            for name in (b"tftp=", b"opt66=", b"opt43=", b"ntpsrv=", b"opt232="):
                self.assertNotIn(name, lease)
            child.stop()

    def test_a_lease_that_is_lost_leads_nowhere(self):
        self.start_kea()
        self.udhcpc()
        self.assertTrue(self.address())
        run(self.desk.command(self.hook, "deconfig"), env={**self.environment, "interface": "eth0"}, check=True)
        self.assertEqual(self.address(), [])
        self.assertFalse((self.state / "dhcp" / "lease").exists())

    def test_the_hook_leaves_a_foreign_folder_alone(self):
        self.state.mkdir()
        (self.state / "letter").write_text("dear")
        done = run([self.hook, "bound"], env={**self.environment, "interface": "eth0", "ip": "192.0.2.1",
                                              "RINGFENCE_PHONE_CONFIGURE": "0"})
        self.assertEqual(done.code, 1, done)
        self.assertEqual(os.listdir(self.state), ["letter"])


if __name__ == "__main__":
    main_in_own_network()
