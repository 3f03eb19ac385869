"""The lab's network with all of ours in it: the built server and FreeRADIUS as `ringfence radius config` set it up, Kea
with what `ringfence dhcp config` wrote, Kamailio in the office, and our phone on the cable. Each step of the way from
link-up to the dial tone is one method; the story, its failures, its captures and the demo take them in turn."""

import base64
import hashlib
import re
from dataclasses import dataclass

from harness import PHONE, RINGFENCE, Installation, Server, SystemTest, free_port, need_program, wait_until
from kamailio import OWN_SETTINGS, PASSWORD, Kamailio, shared_settings

from lab import FIRST_LEASE, LAST_LEASE, OFFICE, PHONE_MAC, SERVER, SWITCH, need_lab

MODEL = "1230"
PROVISIONING_HOST, RADIUS_HOST, SIP_HOST = "prov.example.test", "radius.example.test", "sip.example.test"
LOOKUP_PORT, CACHE_PORT = 18120, 18121
DNS_PORT = 53
PKCS8_P256_SECRET = slice(36, 68)  # where RFC 5958 and RFC 5915 have it, for a key of this curve
LEASE_SECONDS = 3600
LEASE_TRIES, FEW_TRIES = 20, 2
JOIN_SECONDS = 40  # longer than our phone waits for an answer
KEA = """{{ "Dhcp4": {{
    "interfaces-config": {{ "interfaces": [ "eth0" ], "dhcp-socket-type": "raw" }},
    "lease-database": {{ "type": "memfile", "persist": false }},
    "valid-lifetime": {seconds}, "authoritative": true,
    "client-classes": [ <?include "{fragment}"?> ],
    "subnet4": [ {{ "subnet": "10.99.0.0/24", "interface": "eth0", "pools": [ {{ "pool": "{first} - {last}" }} ] }} ],
    "loggers": [ {{ "name": "kea-dhcp4", "severity": "INFO", "output_options": [ {{ "output": "stdout" }} ] }} ]
}} }}
"""


@dataclass
class Joined:
    """How `ringfence-phone join` ended."""

    code: int
    state: str
    display: str
    reason: str


class Phone:
    """Our phone in a node of the lab: its flash, and the programs that run on it."""

    def __init__(self, walk, node):
        self.walk, self.node, self.work = walk, node, walk.work
        self.mac = node.mac
        self.state = self.work.path("flash")
        self.own_file = f"SIP{self.mac.replace(':', '')}.cfg"

    def run(self, *words, **more):
        return self.node.run(PHONE, *words, "--state", self.state, **more)

    def secret_file(self, secret):
        return self.work.write(self.work.path("secret").name, secret, mode=0o600)

    def type_in(self, **fields):
        """802.1X as it is typed at the set: mode, id1, password ..."""
        words = []
        for name, value in fields.items():
            name = f"eap-{name.replace('_', '-')}"
            words += ["--set-from", f"{name}={self.secret_file(value)}"] if name == "eap-password" else \
                ["--set", f"{name}={value}"]
        done = self.run("configure", *words)
        assert done.code == 0, done
        return words

    def use_password(self, identity, password):
        return self.type_in(mode="md5", id1=identity, password=password)

    def use_certificate(self):
        return self.type_in(mode="tls", id1=self.mac.replace(":", ""), server_name=RADIUS_HOST)

    def join(self, seconds=JOIN_SECONDS):
        done = self.run("join", "--interface", "eth0", "--wait", seconds, "--json", timeout=seconds + 20)
        assert done.code in (0, 1), done
        told = done.json()
        return Joined(done.code, told["state"], told["display"], told["reason"])

    def lease_command(self):
        asked = self.node(PHONE, "dhcp-request", "--mac", self.mac).out.split()
        return [need_program("busybox"), "udhcpc", "-i", "eth0", "-f", "-T1", "-s", self.walk.dhcp_hook, *asked]

    def lease_environment(self):
        return {"RINGFENCE_PHONE_STATE": str(self.state), "RINGFENCE_PHONE_CONFIGURE": "1"}

    def take_lease(self, tries=LEASE_TRIES):
        """What udhcpc handed to the phone's hook, or None; it tries once a second."""
        done = self.node.run(*self.lease_command(), "-q", "-n", f"-t{tries}", env=self.lease_environment())
        lease = self.state / "dhcp" / "lease"
        if done.code != 0 or not lease.exists():
            return None
        return dict(entry.split("=", 1) for entry in lease.read_text().split("\0") if "=" in entry)

    def start_dhcp_client(self):
        return self.node.start([*self.lease_command(), "-A1"], env=self.lease_environment())

    def start_agent(self, *options):
        """`ringfence-phone run` keeps the port from here on."""
        return self.node.start([PHONE, "run", "--interface", "eth0", "--mac", self.mac, "--model", MODEL, "--state",
                                self.state, "--url", f"https://{PROVISIONING_HOST}", *options])

    def install_root(self):
        """The root comes by TFTP, and somebody says yes to its fingerprint; the rest needs a login."""
        report = self.boot("--accept-fingerprint", self.walk.root_fingerprint(), code=1)
        assert by_file(report)["trust/root.pem"]["action"] == "fetched", report
        return report

    def boot(self, *options, code=0):
        """The report of a boot."""
        done = self.run("boot", "--mac", self.mac, "--model", MODEL, "--json", *options, timeout=120)
        assert done.code == code and done.out, done
        return done.json()

    def enrol(self, token):
        done = self.run("enrol", "--mac", self.mac, "--token-file", token, "--server", f"http://{PROVISIONING_HOST}",
                        "--json", timeout=120)
        assert done.code == 0, done
        return done.json()

    def start_baresip(self):
        """A SIP program on the phone, with what the phone was provisioned with."""
        folder = self.work.path("baresip")
        done = self.run("translate", "baresip", "--out", folder, "--interface", "eth0", "--sip-port", free_port(),
                        "--dns-server", f"{SERVER}:{DNS_PORT}", "--audio", "aubridge,none")
        assert done.code == 0, done
        return self.node.start([folder / "start"])

    def show(self):
        return self.run("show", "--json").json()

    def private_keys(self):
        """The secret numbers of the elliptic-curve keys that the flash holds."""
        keys = []
        for path in self.state.rglob("*"):
            text = path.read_text(errors="replace") if path.is_file() else ""
            for block in re.findall("-----BEGIN PRIVATE KEY-----(.+?)-----END", text, re.DOTALL):
                keys.append(base64.b64decode(block)[PKCS8_P256_SECRET])
        return keys

    def handed_out_password(self):
        """Of the login that came with the certificate."""
        line = next(line for line in (self.state / "index").read_text().splitlines() if "device-password" in line)
        return line.split()[-1]


def by_file(report):
    """The sections of a boot's report, by the name of their file."""
    return {entry["file"]: entry for entry in report["sections"]}


class Walk:
    def __init__(self, work, lab):
        self.work, self.lab = work, lab
        self.house = Installation(work, host=PROVISIONING_HOST, address=SERVER)
        self._open_lookup_door()
        self.house("radius", "switch", "add", "lab", "--address", SWITCH, "--secret-file", "-", input=lab.radius_secret)
        self.dhcp_hook = work.folder / "ringfence-dhcp-hook"
        self.dhcp_hook.symlink_to(PHONE)
        self.phone = Phone(self, lab.phone)
        self.second_phone = Phone(self, lab.second_phone)

    def _open_lookup_door(self):
        with open(self.house.data / "ringfence.toml", "a") as settings:
            settings.write(f'\n[[listen]]\ndoor = "radius"\nat = "127.0.0.1:{LOOKUP_PORT}"\n')

    # ---- the servers

    def start_server(self):
        """Ours, on the standard ports, as its settings file says."""
        self.server = self.work.start([RINGFENCE, "serve", "--data", self.house.data], kind=Server,
                                      preexec=self.lab.server.enter)
        self.server.wait_ready()
        return self.server

    def start_radius(self):
        if not hasattr(self, "radius_folder"):
            self.radius_folder, self.radius_logs = self.work.path("radius"), self.work.path("radius-logs")
            self.radius_logs.mkdir()
            self.house("radius", "config", "--out", self.radius_folder, "--logs", self.radius_logs, "--host",
                       RADIUS_HOST, "--address", SERVER)
        self.radius = self.lab.start_radius(self.radius_folder)
        return self.radius

    def start_cache(self):
        """What answers FreeRADIUS while our server does not."""
        self.cache = self.lab.server.start(
            [RINGFENCE, "radius", "cache", "--folder", self.work.path("cache"), "--radius", self.radius_folder,
             "--server", f"http://127.0.0.1:{LOOKUP_PORT}"])
        self.cache.wait_for_line("ready")
        return self.cache

    def is_cached(self, identity, certificate=""):
        """Whether the cache would let this identity go on, with this certificate's serial number."""
        password = (self.radius_folder / "ringfence.password").read_text()
        login = self.work.write(self.work.path("login").name, f'user = "radius:{password}"\n', mode=0o600)
        done = self.lab.server(need_program("curl"), "--silent", "--config", login, "--output", "/dev/null",
                               "--write-out", "%{http_code}", "--data", f"identity={identity}&certificate={certificate}",
                               f"http://127.0.0.1:{CACHE_PORT}/network/v1/credential")
        return done.out == "200"

    def radius_log(self):
        return (self.radius_logs / "radius.log").read_text()

    def start_kea(self):
        folder = self.work.path("kea")
        folder.mkdir()
        fragment = folder / "ringfence-phones.json"
        fragment.write_text(self.house("dhcp", "config", "--for", "kea").out)
        settings = folder / "kea.conf"
        settings.write_text(KEA.format(seconds=LEASE_SECONDS, fragment=fragment, first=FIRST_LEASE, last=LAST_LEASE))
        self.kea = self.lab.server.start([need_program("kea-dhcp4"), "-c", settings],
                                         env={"KEA_PIDFILE_DIR": str(folder), "KEA_LOCKFILE_DIR": str(folder)})

        def is_up():
            assert self.kea.is_running(), self.kea.output()
            return "DHCP4_STARTED" in self.kea.output()
        wait_until(is_up, "Kea to start")
        return self.kea

    def start_office(self):
        """Kamailio in the office, which only the production network reaches, and a name server that knows it."""
        certificate = self.work.path("sip-certificate")
        self.house("cert", "host", SIP_HOST, "--out", certificate)
        self.kamailio = Kamailio(self.work, certificate, node=self.lab.office, address=OFFICE)
        self.lab.server.start_bound(
            [need_program("dnsmasq"), "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
             "--user=root", "--bind-interfaces", f"--listen-address={SERVER}", "--pid-file=",
             f"--address=/{SIP_HOST}/{OFFICE}"], DNS_PORT)
        for name, value in shared_settings(SIP_HOST, self.kamailio.port).items():
            self.house.set(name, value)

    # ---- the administrator

    def add_device(self, mac=PHONE_MAC):
        """A device with a login for the network; (identity, password)."""
        shown = self.house.json("device", "add", mac, "--model", MODEL, "--network-login", "own")
        self.house.users[mac], self.house.passwords[shown["user"]] = shown["user"], shown["password"]
        return shown["network_identity"], shown["network_password"]

    def add_account(self, mac=PHONE_MAC):
        """What Kamailio lets register, in this device's own settings."""
        for name, value in {**OWN_SETTINGS, "AUTOLOGIN_PASSWD_KEY01": PASSWORD}.items():
            self.house.set(name, value, "--device", mac)

    def open_window(self, mac=PHONE_MAC):
        self.house("window", "open", "--net", "10.99.0.0/24", "--minutes", "30", "--device", mac)

    def onboard(self, phone):
        """Brings a phone that nobody knows into the onboarding network, with an address; (identity, password)."""
        identity, password = self.add_device(phone.mac)
        self.open_window(phone.mac)
        phone.use_password(identity, password)
        joined = phone.join()
        assert joined.code == 0 and phone.node.network() == "onboarding", joined
        assert phone.take_lease() is not None, self.kea.output()
        return identity, password

    def enrol(self, phone):
        """Gives an onboarded phone its certificate and root, and switches its 802.1X to them."""
        phone.enrol(self.make_token(phone.mac))
        phone.use_certificate()

    def make_token(self, mac=PHONE_MAC):
        token = self.house.json("token", "add", mac)["token"]
        return self.work.write(self.work.path("token").name, token + "\n", 0o600)

    def root_fingerprint(self):
        return hashlib.sha1(self.house.root.read_bytes()).hexdigest()

    def where(self, mac=PHONE_MAC):
        return self.house.json("device", "show", mac)

    def wait_for_outcome(self, outcome, mac=PHONE_MAC, **facts):
        return self.house.wait_for_event(
            lambda event: event.get("outcome") == outcome and (event.get("mac") or "").lower() == mac.lower() and
            all(event.get(name) == value for name, value in facts.items()), f"{outcome} of {mac}")


class WalkTest(SystemTest):
    """A lab with server, FreeRADIUS and Kea, and a phone at a closed port."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab = need_lab(cls.work)
        cls.walk = Walk(cls.work, cls.lab)
        cls.walk.start_server()
        cls.walk.start_radius()
        cls.walk.start_kea()
        cls.phone = cls.walk.phone
