"""A RADIUS server from the files that `ringfence radius config` writes, and supplicants of wpa_supplicant's eapol_test
that ask it. What is judged is FreeRADIUS's answer and what the supplicant made of it."""

import re
import time
from dataclasses import dataclass, field

from harness import WAIT, free_port, need_program, run, wait_until

SWITCH_SECRET = "canary-switch-secret-5521"
SWITCH = "sw-attic"
PATIENT = 8  # seconds: FreeRADIUS holds a refusal back for one, and a supplicant that hangs would wait for 30


@dataclass
class Login:
    """How one login ended."""

    code: int
    text: str
    seconds: float

    @property
    def accepted(self):
        return self.code == 0

    @property
    def failed(self):
        """The supplicant was told so, and did not just wait in vain."""
        return "CTRL-EVENT-EAP-FAILURE" in self.text

    def attribute(self, number):
        """The last value of a reply attribute, as eapol_test shows it."""
        found = re.findall(rf"Attribute {number} \([^)]*\) length=\d+\n\s*Value: (.*)", self.text)
        return found[-1].strip("'") if found else None

    @property
    def segment(self):
        shown = self.attribute(81)
        return bytes.fromhex(shown).decode() if shown else None

    @property
    def session(self):
        return int(self.attribute(27))


@dataclass
class Supplicant:
    """A wpa_supplicant network block. Its lines hold passwords; they stand in files of the test."""

    lines: list = field(default_factory=list)

    @classmethod
    def md5(cls, identity, password):
        return cls(["eap=MD5", f'identity="{identity}"', f'password="{password}"'])

    @classmethod
    def tls(cls, identity, folder, authority, name=None, *more):
        lines = ["eap=TLS", f'identity="{identity}"', f'ca_cert="{authority}"', f'client_cert="{folder}/cert.pem"',
                 f'private_key="{folder}/key.pem"', *more]
        return cls(lines + ([f'domain_match="{name}"'] if name else []))

    @classmethod
    def peap(cls, identity, password, authority, name, inner="MSCHAPV2", outside=None):
        return cls(["eap=PEAP", f'identity="{identity}"', f'password="{password}"', f'ca_cert="{authority}"',
                    f'domain_match="{name}"', f'phase2="auth={inner}"',
                    *([f'anonymous_identity="{outside}"'] if outside else [])])


class RadiusServer:
    """FreeRADIUS on loopback, its port its own."""

    def __init__(self, work, house, *options, folder=None, source="127.0.0.1", secret=SWITCH_SECRET):
        self.work, self.house = work, house
        self.source, self.secret = source, secret  # of the switch that asks
        self.folder = folder or work.path("radius")
        self.logs = work.path("radius-logs")
        self.logs.mkdir()
        self.port = free_port()
        self.written = house("radius", "config", "--out", self.folder, "--logs", self.logs, "--port", self.port,
                             "--address", "127.0.0.1", *options)

    def start(self):
        self.process = self.work.start([need_program("freeradius"), "-f", "-d", self.folder])
        wait_until(lambda: "Ready to process requests" in self.log(), "FreeRADIUS to be ready")
        return self

    def log(self):
        if self.process.is_running():
            path = self.logs / "radius.log"
            return path.read_text() if path.exists() else ""
        raise AssertionError(f"FreeRADIUS ended\n{self.process.output()}")

    def login(self, supplicant, hardware, port_id="Gi1/0/7", *, wait=PATIENT, ciphers=None):
        """One login at a switch's port, by eapol_test."""
        block = "\n  ".join(["network={", "key_mgmt=IEEE8021X", "eapol_flags=0", *supplicant.lines]) + "\n}\n"
        if ciphers:
            block = f"openssl_ciphers={ciphers}\n" + block
        configuration = self.work.path("supplicant.conf")
        configuration.write_text(block)
        begun = time.monotonic()
        done = run([need_program("eapol_test"), "-c", configuration, "-a", "127.0.0.1", f"-A{self.source}", "-p",
                    self.port, "-s", self.secret, "-n", "-M", hardware, "-t", wait, "-N", f"87:s:{port_id}", "-N", f"32:s:{SWITCH}",
                    "-N", "4:x:c0000205"])
        return Login(done.code, done.out, time.monotonic() - begun)
