"""SCEP messages (RFC 8894) written by hand, for what ready-made clients will not send: other recipients, foreign
transactions, broken content. The openssl command encrypts, signs and opens; the layers around it are put together here.
"""

import http.client
import os
import re
from dataclasses import dataclass
from pathlib import Path

from authority import openssl

SEQUENCE, SET, OBJECT, INTEGER, OCTETS, PRINTABLE, NOTHING, FIRST = 0x30, 0x31, 0x06, 0x02, 0x04, 0x13, 0x05, 0xA0
DATA, SIGNED_DATA = bytes.fromhex("2a864886f70d010701"), bytes.fromhex("2a864886f70d010702")
CONTENT_TYPE, DIGEST = bytes.fromhex("2a864886f70d010903"), bytes.fromhex("2a864886f70d010904")
HASHES = {"sha1": bytes.fromhex("2b0e03021a"), "sha256": bytes.fromhex("608648016503040201")}
RSA = bytes.fromhex("2a864886f70d010101")
ATTRIBUTES = bytes.fromhex("6086480186f8450109")  # 2.16.840.1.113733.1.9
MESSAGE_TYPE, STATUS, FAILURE, SENDER_NONCE, TRANSACTION = 2, 3, 4, 5, 7
REQUEST, RENEWAL, POLL = "19", "17", "20"

SUCCESS, REFUSED, PENDING = "0", "2", "3"
BAD_ALGORITHM, BAD_MESSAGE_CHECK, BAD_REQUEST, _, BAD_CERTIFICATE_ID = "01234"


def der(tag, *parts):
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def elements(content):
    """The DER elements that follow each other, each as (tag, what is in it, all of it)."""
    while content:
        head = 2 if content[1] < 0x80 else 2 + (content[1] & 0x7F)
        size = content[1] if head == 2 else int.from_bytes(content[2:head], "big")
        yield content[0], content[head:head + size], content[:head + size]
        content = content[head + size:]


def issuer_and_serial(certificate):
    """Of a certificate of version 3."""
    (_, whole, _), = elements(certificate)
    fields = list(elements(next(elements(whole))[1]))
    _, serial, _, issuer = (field[2] for field in fields[:4])
    return der(SEQUENCE, issuer, serial)


class Reply:
    """How a server answered: HTTP's part, and what stands in the signed attributes when it is a CertRep."""

    def __init__(self, status, kind, body):
        self.http, self.kind, self.body = status, kind, body
        self.status = self._attribute(STATUS)
        self.failure = self._attribute(FAILURE)

    def _attribute(self, number):
        head = der(OBJECT, ATTRIBUTES + bytes((number,)))
        place = self.body.find(head)
        if place < 0:
            return None
        value = next(elements(self.body[place + len(head):]))[1]
        return next(elements(value))[1].decode()


@dataclass(frozen=True)
class Hand:
    """Whoever signs messages: certificate and key, paths of PEM files."""

    certificate: Path
    key: Path


class ScepWire:
    """An applicant at the SCEP server on that port, who knows its registration authority."""

    def __init__(self, work, port):
        self.work, self.port = work, port
        got = self.work.path("authority.p7")
        got.write_bytes(self.get("operation=GetCACert").body)
        shown = openssl("pkcs7", "-inform", "DER", "-in", got, "-print_certs").out
        registration, = re.findall(r"subject=.*Registration.*\n.*\n(-----BEGIN[^:]*?END CERTIFICATE-----\n)", shown)
        self.registration = self.work.write("registration.pem", registration)

    def get(self, query):
        return self._ask("GET", f"/scep?{query}", None)

    def post(self, message):
        return self._ask("POST", "/scep?operation=PKIOperation", message)

    def _ask(self, method, target, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, target, body)
        answer = connection.getresponse()
        reply = Reply(answer.status, answer.getheader("Content-Type"), answer.read())
        connection.close()
        return reply

    def hand(self, key, subject="/CN=NTIPP0102AB"):
        """A first request is signed by a certificate of its own key."""
        certificate = self.work.path("hand.pem")
        openssl("req", "-x509", "-new", "-key", key, "-subj", subject, "-days", "30", "-out", certificate)
        return Hand(certificate, key)

    def seal(self, content, *recipients, cipher="-aes-128-cbc"):
        """EnvelopedData to the registration authority, or to these."""
        path = self.work.write("content", content)
        return openssl("cms", "-encrypt", "-binary", cipher, "-outform", "DER", "-in", path,
                       *(recipients or (self.registration,))).out_bytes

    def sign(self, content, hand, kind=REQUEST, transaction=b"transaction", hash="sha256"):
        """The outer layer, SignedData with SCEP's attributes; PKCS#7's form of it."""
        path = self.work.write("signed", content)
        digest = openssl("dgst", f"-{hash}", "-binary", path).out_bytes
        certificate = openssl("x509", "-in", hand.certificate, "-outform", "DER").out_bytes

        def attribute(name, value):
            return der(SEQUENCE, der(OBJECT, name), der(SET, value))

        def of_scep(number, value):
            return attribute(ATTRIBUTES + bytes((number,)), value)
        attributes = b"".join(sorted((
            attribute(CONTENT_TYPE, der(OBJECT, DATA)), attribute(DIGEST, der(OCTETS, digest)),
            of_scep(MESSAGE_TYPE, der(PRINTABLE, kind.encode())), of_scep(SENDER_NONCE, der(OCTETS, os.urandom(16))),
            of_scep(TRANSACTION, der(PRINTABLE, transaction)))))
        path = self.work.write("attributes", der(SET, attributes))
        signature = openssl("dgst", f"-{hash}", "-sign", hand.key, "-binary", path).out_bytes
        algorithm = der(SEQUENCE, der(OBJECT, HASHES[hash]), der(NOTHING))
        signer = der(SEQUENCE, der(INTEGER, b"\1"), issuer_and_serial(certificate), algorithm,
                     der(FIRST, attributes), der(SEQUENCE, der(OBJECT, RSA), der(NOTHING)), der(OCTETS, signature))
        signed = der(SEQUENCE, der(INTEGER, b"\1"), der(SET, algorithm),
                     der(SEQUENCE, der(OBJECT, DATA), der(FIRST, der(OCTETS, content))), der(FIRST, certificate),
                     der(SET, signer))
        return der(SEQUENCE, der(OBJECT, SIGNED_DATA), der(FIRST, signed))

    def open(self, reply, hand):
        """The path of the certificate that a reply brings to its hand."""
        outer, sealed, inner, certificate = (self.work.path(name) for name in ("reply", "sealed", "inner", "got.pem"))
        outer.write_bytes(reply.body)
        openssl("cms", "-verify", "-noverify", "-binary", "-inform", "DER", "-in", outer, "-out", sealed)
        openssl("cms", "-decrypt", "-binary", "-inform", "DER", "-in", sealed, "-recip", hand.certificate, "-inkey",
                hand.key, "-out", inner)
        openssl("pkcs7", "-inform", "DER", "-in", inner, "-print_certs", "-out", certificate)
        return certificate
