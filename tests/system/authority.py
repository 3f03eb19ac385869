"""What the tests of enrolment share: an authority that serves, its devices and tokens, and what an applicant needs.

Keys and requests come from the openssl command, which also judges what was issued.
"""

import base64
import itertools
import re
import unittest
from dataclasses import dataclass
from pathlib import Path

from harness import HOST, Installation, Workspace, need_program, run

WAITS = "waiting"


@dataclass(frozen=True)
class Device:
    """A set in the inventory. Its certificate says this, whatever the request says."""

    mac: str
    serial: str
    name: str

    @property
    def subject(self):
        return f"O = {HOST}, serialNumber = {self.serial}, CN = {self.mac.replace(':', '').upper()}"


BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's


@dataclass(frozen=True)
class Token:
    text: str

    @classmethod
    def of(cls, reference, secret):
        """One that reads well, right or wrong."""
        value = 0
        for symbol in reference + secret:
            value = value * len(BASE32) + BASE32.index(symbol)
        return cls(f"{reference}-{secret}-{(BASE32 + '*~$=U')[value % 37]}")

    @property
    def reference(self):
        return self.text.split("-")[0]

    @property
    def secret(self):
        return self.text.split("-")[1]

    @property
    def login(self):
        return f"{self.reference}:{self.secret}"


@dataclass(frozen=True)
class Identity:
    """A certificate that a device holds, and its key: paths of PEM files."""

    device: Device
    certificate: Path
    key: Path


def openssl(*args, **more):
    return run([need_program("openssl"), *args], check=True, **more)


class Answer:
    """What curl --include showed; of several answers the last, since Digest makes a request of two."""

    def __init__(self, done):
        begin = max(done.out_bytes.rfind(b"HTTP/1.1 "), 0)
        head, _, self.body = done.out_bytes[begin:].partition(b"\r\n\r\n")
        self.status = int(head.split()[1]) if head else 0  # 0: the connection ended without an answer
        # All that a client can see but the time.
        self.head = re.sub(r"(?m)^date:.*\n", "", head.decode().lower().replace("\r\n", "\n"))

    def header(self, name):
        found = re.search(rf"(?m)^{name}: (.*)$", self.head)
        return found.group(1) if found else None


class Place:
    """An installation that serves, and the folder of its tests."""

    def __init__(self, settings, doors):
        self.work = Workspace()
        unittest.addModuleCleanup(self.work.close)
        self.house = Installation(self.work)
        for key, value in settings.items():
            self.house.configure(key, value)
        self.server = self.house.serve(doors=doors)
        self.numbers = itertools.count(1)


class AuthorityTest(unittest.TestCase):
    """A module's classes share one installation, since its keys take a while; each test takes devices of its own."""

    # A class with other ones gets an installation of its own.
    SETTINGS = {}  # of ringfence.toml
    DOORS = ("http", "https")
    LOGIN = ("--user",)  # how curl shows a token
    maxDiff = None
    places = {}

    @classmethod
    def setUpClass(cls):
        wanted = str((cls.SETTINGS, cls.DOORS))
        if wanted not in cls.places:
            cls.places[wanted] = Place(cls.SETTINGS, cls.DOORS)
        place = cls.places[wanted]
        cls.work, cls.house, cls.server, cls.numbers = place.work, place.house, place.server, place.numbers
        cls.issuing_rsa = cls.house.data / "pki" / "issuing-rsa.pem"
        cls.issuing_p256 = cls.house.data / "pki" / "issuing-p256.pem"
        cls.issuers = cls.work.write("issuers.pem", cls.issuing_rsa.read_bytes() + cls.issuing_p256.read_bytes())

    @classmethod
    def add_device(cls):
        number = next(cls.numbers)
        device = Device(f"00:24:7f:01:02:{number:02x}", f"SN-{number}", f"desk-{number}.example.test")
        cls.house.add_device(device.mac, "1230", "--serial", device.serial, "--name", device.name)
        return device

    def add_token(self, device, *options):
        return Token(self.house.json("token", "add", device.mac, *options)["token"])

    def state_of(self, device):
        return self.house.json("device", "show", device.mac)["state"]

    def enrolments(self, device):
        return [each for each in self.house.json_lines("enrolment", "list") if each["device"] == device.mac]

    def waiting(self, device):
        """The number of the one enrolment of this device that waits for a person."""
        (found,) = [each["id"] for each in self.enrolments(device) if each["state"] == WAITS]
        return str(found)

    def wait_for_outcome(self, device, outcome, kind="enrolment", detail=""):
        """An event of that kind and outcome; events are written a moment after what they tell."""
        def matches(event):
            return (event["kind"], event["outcome"]) == (kind, outcome) and detail in event["detail"]
        self.house.wait_for_event(matches, outcome, "--device", device.mac)

    @classmethod
    def new_key(cls, kind="ec"):
        key = cls.work.path(f"{kind}.key")
        algorithm = {"ec": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
                     "rsa": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]}[kind]
        openssl("genpkey", "-algorithm", *algorithm, "-out", key)
        return key

    def new_request(self, key, *options, subject="/CN=whatever", form="PEM"):
        request = self.work.path("request")
        openssl("req", "-new", "-key", key, "-subj", subject, "-outform", form, "-out", request, *options)
        return request

    def serial_of(self, certificate):
        return openssl("x509", "-in", certificate, "-noout", "-serial").out.strip().partition("=")[2].lower()

    def show(self, certificate):
        return openssl("x509", "-in", certificate, "-noout", "-text").out

    def assert_holds(self, certificate, device, key, anchors=None):
        """It is this device's, for this key, and nothing but what the inventory says of the device."""
        openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", anchors or self.house.root, "-untrusted",
                self.issuers, certificate)
        self.assertEqual(openssl("x509", "-in", certificate, "-noout", "-pubkey").out,
                         openssl("pkey", "-in", key, "-pubout").out)
        text = self.show(certificate)
        self.assertEqual(re.search(r"Subject: (.*)", text).group(1), device.subject)
        self.assertEqual(re.findall(r"(?m)Subject Alternative Name:.*\n\s*(.*)$", text), [f"DNS:{device.name}"])
        self.assertEqual(re.findall(r"(?m)Extended Key Usage:.*\n\s*(.*)$", text), ["TLS Web Client Authentication"])
        self.assertEqual(re.findall(r"(?m)Basic Constraints:.*\n\s*(.*)$", text), ["CA:FALSE"])
        self.assertEqual(re.findall(r"(?m)X509v3 Key Usage:.*\n\s*(.*)$", text), ["Digital Signature"])
        return Identity(device, Path(certificate), Path(key))

    @classmethod
    def door(cls, name="http"):
        return f"127.0.0.1:{cls.server.ports[name]}"

    def certificates(self, body):
        """The PEM of each certificate in a certs-only answer."""
        path = self.work.write("answer.p7", base64.b64decode(body, validate=True))
        shown = openssl("pkcs7", "-inform", "DER", "-in", path, "-print_certs").out
        return re.findall(r"-----BEGIN.*?END CERTIFICATE-----\n", shown, re.S)

    def est(self, operation, *options, key=None, request=None, address=None):
        """Posts a request in DER, or one for this key."""
        if key is not None:
            request = self.new_request(key, form="DER")
        if request is not None:
            body = self.work.write("body", base64.b64encode(request.read_bytes()))
            options = (*options, "--header", "Content-Type: application/pkcs10", "--data-binary", f"@{body}")
        return Answer(run([need_program("curl"), "--silent", "--include", "--cacert", self.house.root, *options,
                           f"{address or 'https://' + self.door('https')}/.well-known/est/{operation}"]))

    def enrol_by_est(self, device, token, key=None):
        key = key or self.new_key()
        answer = self.est("simpleenroll", *self.LOGIN, token.login, key=key)
        self.assertEqual((answer.status, answer.header("content-type")),
                         (200, "application/pkcs7-mime; smime-type=certs-only"))
        return self.held_by(answer, device, key)

    def held_by(self, answer, device, key):
        (pem,) = self.certificates(answer.body)
        certificate = self.work.path("curl.pem")
        certificate.write_text(pem)
        return self.assert_holds(certificate, device, key)

    def shown(self, identity):
        return ("--cert", identity.certificate, "--key", identity.key)

    def cmp(self, command, *options, code=0):
        done = run([need_program("openssl"), "cmp", "-config", "", "-server", self.door(), "-path", ".well-known/cmp",
                    "-cmd", command, *options])
        self.assertEqual(done.code, code, done)
        return done.out + done.err

    def by_token(self, token, secret=None):
        return ("-ref", token.reference, "-secret", f"pass:{secret or token.secret}")

    def by_certificate(self, identity):
        return ("-cert", identity.certificate, "-key", identity.key, "-untrusted", self.issuers, "-trusted",
                self.house.root)

    def shape_of(self, answer):
        """What an answer says, and how long each part is, but for times, nonces, salts and the protection over them."""
        changing = r"(?m)((?:OCTET|BIT) STRING +\[HEX DUMP\]|GENERALIZEDTIME +).*$"
        return re.sub(changing, r"\1", openssl("asn1parse", "-inform", "DER", "-in", answer).out)
