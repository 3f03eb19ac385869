"""Clients written by hand, for what ready-made ones will not send: odd bytes, cut transfers, resets."""

import contextlib
import re
import socket
import ssl
import struct

from harness import WAIT


def connect(port, tls=None, host="127.0.0.1", name=None):
    """A TCP connection, inside TLS when a context is given."""
    plain = socket.create_connection((host, port), timeout=WAIT)
    return tls.wrap_socket(plain, server_hostname=name or host) if tls else plain


def tls_context(root, cert=None, key=None):
    context = ssl.create_default_context(cafile=str(root))
    if cert:
        context.load_cert_chain(str(cert), str(key))
    return context


def read_to_end(connection):
    """All bytes until the peer closes; a reset ends them too."""
    got = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while chunk := connection.recv(65536):
            got += chunk
    return got


class HttpAnswer:
    def __init__(self, raw):
        self.raw = raw
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        self.status = int(lines[0].split()[1]) if lines[0].startswith(b"HTTP/1.") else 0
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            self.headers[name.decode("latin-1").lower()] = value.strip().decode("latin-1")

    def comparable(self):
        """Every byte but the Date header and nonces."""
        raw = re.sub(rb"(?im)^Date:[^\r\n]*", b"Date:", self.raw)
        return re.sub(rb'(nonce|opaque)="[^"]*"', rb'\1=""', raw)


def http_raw(port, request, tls=None, host="127.0.0.1"):
    """Sends these bytes and reads until the server closes, so the request should ask for that."""
    with connect(port, tls, host) as connection:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            connection.sendall(request)
        return HttpAnswer(read_to_end(connection))


def http_request(target, method="GET", headers=()):
    if isinstance(target, str):
        target = target.encode("latin-1")
    lines = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: prov.example.test", b"Connection: close", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def http_get(port, target, tls=None, headers=(), method="GET", host="127.0.0.1"):
    return http_raw(port, http_request(target, method, headers), tls, host)


def close_with_reset(connection):
    """The peer sees RST instead of FIN, as from a phone that has had enough."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # A TLS socket would say goodbye first.
    socket.socket(fileno=connection.detach()).close()


TFTP_RRQ, TFTP_WRQ, TFTP_DATA, TFTP_ACK, TFTP_ERROR, TFTP_OACK = range(1, 7)


def tftp_rrq(path, mode=b"octet", options=()):
    if isinstance(path, str):
        path = path.encode("latin-1")
    return struct.pack("!H", TFTP_RRQ) + path + b"\0" + mode + b"\0" + b"".join(
        str(name).encode() + b"\0" + str(value).encode() + b"\0" for name, value in options)


def tftp_ask(port, packet, timeout=WAIT, source=""):
    """Sends one packet from a fresh port and returns (socket, reply, the server's transfer address)."""
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind((source, 0))
    client.settimeout(timeout)
    client.sendto(packet, ("127.0.0.1", port))
    reply, peer = client.recvfrom(65536)
    return client, reply, peer


def tftp_give_up(client, peer):
    """Tells the server that nobody waits any more, so that it need not be patient, and closes the port."""
    client.sendto(struct.pack("!HH", TFTP_ERROR, 0) + b"given up\0", peer)
    client.close()


class TftpRefused(Exception):
    def __init__(self, packet):
        self.packet = packet
        self.code = struct.unpack("!H", packet[2:4])[0]
        super().__init__(f"TFTP error {self.code}: {packet[4:].rstrip(bytes(1))!r}")


def tftp_get(port, path, options=(), block=512, source=""):
    """A whole file in lock-step. `block` is what the options, when granted, make of the block size."""
    client, reply, peer = tftp_ask(port, tftp_rrq(path, options=options), source=source)
    with client:
        if reply[:2] == struct.pack("!H", TFTP_OACK):
            client.sendto(struct.pack("!HH", TFTP_ACK, 0), peer)
            reply, peer = client.recvfrom(65536)
        else:
            block = 512
        content, expected = b"", 1
        while True:
            kind, number = struct.unpack("!HH", reply[:4])
            if kind == TFTP_ERROR:
                raise TftpRefused(reply)
            if kind == TFTP_DATA and number == expected & 0xFFFF:
                content += reply[4:]
                expected += 1
                client.sendto(struct.pack("!HH", TFTP_ACK, number), peer)
                if len(reply) - 4 < block:
                    return content
            reply, peer = client.recvfrom(65536)


def tftp_refusal(port, path):
    """The error packet that the request gets; AssertionError when it is served."""
    client, reply, peer = tftp_ask(port, tftp_rrq(path))
    tftp_give_up(client, peer)
    if reply[:2] != struct.pack("!H", TFTP_ERROR):
        raise AssertionError(f"TFTP served {path!r}")
    return reply


class FtpControl:
    """A control connection; ask() returns one whole reply, many-line ones included."""

    def __init__(self, port, host="127.0.0.1"):
        self.host = host
        self.connection = socket.create_connection((host, port), timeout=WAIT)
        self.file = self.connection.makefile("rb")
        self.greeting = self.read_reply()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.connection.close()

    def read_reply(self):
        reply = line = self.file.readline()
        while line and line[3:4] == b"-":
            while line and not (line[:3] == reply[:3] and line[3:4] == b" "):
                line = self.file.readline()
                reply += line
            break
        return reply

    def ask(self, command):
        if isinstance(command, str):
            command = command.encode("latin-1")
        self.connection.sendall(command + b"\r\n")
        return self.read_reply()

    def log_in(self, user="anonymous", password=""):
        reply = self.ask(f"USER {user}")
        return self.ask(f"PASS {password}") if reply.startswith(b"331") else reply

    def open_passive(self):
        reply = self.ask("EPSV")
        port = int(re.search(rb"\|\|\|(\d+)\|", reply).group(1))
        return socket.create_connection((self.host, port), timeout=WAIT)

    def get(self, path):
        """(first reply, content); content is None when refused."""
        self.ask("TYPE I")
        with self.open_passive() as data:
            reply = self.ask(b"RETR " + (path if isinstance(path, bytes) else path.encode("latin-1")))
            if not reply.startswith(b"1"):
                return reply, None
            content = read_to_end(data)
        self.read_reply()
        return reply, content


def read_manifest(text):
    """A manifest as the list of its sections, each (name, {keyword: [values]})."""
    sections = []
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("["):
            sections.append((line.strip("[]"), {}))
        elif line:
            keyword, _, value = line.partition(" ")
            sections[-1][1].setdefault(keyword, []).append(value.strip())
    return sections


def versions_of(text):
    return {name: values["VERSION"][0] for name, values in read_manifest(text) if "VERSION" in values}
