"""Servers that lie, cut, stall and flood: a clear reason, nothing half installed, the old configuration kept."""

import resource
import signal
import socket
import struct
import threading
import time
import unittest

from foreign import start_nginx
from harness import Child, free_port
from phone_boot import PhoneTest

SECTION = "[FW]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL {protocol}\nFILENAME fw.bin\n"
OLD = b"the old firmware"
# Ten times less than the phone's usual patience, so that the tests are quick.
IMPATIENT = ["--patience", "2"]
TFTP_DATA, TFTP_ACK, TFTP_ERROR = 3, 4, 5


class TcpScript:
    """Answers each connection by `script(connection)`, on 127.0.0.1."""

    def __init__(self, script):
        self.port = free_port()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.script = script
        self.connections = 0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                self.script(connection)
            except OSError:
                pass  # the phone had enough

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


def http_answer(head, body=b"", linger=0.0):
    def script(connection):
        connection.recv(65536)
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        time.sleep(linger)
    return script


class UdpScript:
    """A TFTP server of one transfer at a time: `script(socket, peer)` runs on a port of its own per request."""

    def __init__(self, script):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port = free_port()
        self.socket.bind(("127.0.0.1", self.port))
        self.socket.settimeout(0.1)
        self.script = script
        self.requests = []
        self.stopping = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopping:
            try:
                request, peer = self.socket.recvfrom(2048)
            except TimeoutError:
                continue
            self.requests.append(request)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as transfer:
                transfer.settimeout(3)
                transfer.bind(("127.0.0.1", 0))
                try:
                    self.script(transfer, peer)
                except TimeoutError:
                    pass  # the phone had enough

    def close(self):
        self.stopping = True
        self.thread.join()
        self.socket.close()


def data(block, payload):
    return struct.pack("!HH", TFTP_DATA, block) + payload


class Hostile(PhoneTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ports = {"http": free_port()}
        cls.www = cls.work.folder / "www"
        cls.www.mkdir()
        cls.nginx = start_nginx(cls.work, cls.www, [f"listen 127.0.0.1:{cls.ports['http']};"])
        cls.nginx.wait_for_port(cls.ports["http"])

    def setUp(self):
        super().setUp()
        self.serve("1230SIP.cfg", SECTION.format(protocol="HTTP"))
        self.serve("fw.bin", OLD)
        self.boot("http://127.0.0.1")
        self.before = self.held()

    def against(self, server, protocol="http", *options):
        """Boots from nginx's manifest, with the firmware on the hostile server; everything old must stay."""
        self.addCleanup(server.close)
        honest = f"http://127.0.0.1:{self.ports['http']}"
        everyone, self.ports = self.ports, {protocol: server.port}
        # The manifest's port must not serve the section too, so the section names its server by another word.
        self.serve("1230SIP.cfg", SECTION.format(protocol=protocol.upper()) + "SERVER_IP localhost\n")
        try:
            booted = self.boot(honest, *IMPATIENT, *options, code=1)
        finally:
            self.ports = everyone
        self.assertEqual(self.held(), self.before)
        self.assertEqual(booted.manifest["action"], "fetched")
        return booted.files["fw.bin"]

    def assert_failed(self, entry, reason, action="failed"):
        self.assertEqual(entry["action"], action, entry)
        self.assertRegex(entry["reason"], reason)

    def test_a_content_length_that_promises_too_much(self):
        self.assert_failed(self.against(TcpScript(http_answer("HTTP/1.1 200 OK\nContent-Length: 1000", b"short"))), "cut")

    def test_a_content_length_that_hides_the_rest(self):
        self.assert_failed(self.against(TcpScript(http_answer("HTTP/1.1 200 OK\nContent-Length: 5", b"much longer"))),
                           "more than its Content-Length")

    def test_a_content_length_that_is_none(self):
        for length in ("-5", "many", "5, 6", "5x", "5\nContent-Length: 6", "6\nContent-Length: 5"):
            with self.subTest(length=length):
                head = f"HTTP/1.1 200 OK\nContent-Length: {length}"
                self.assert_failed(self.against(TcpScript(http_answer(head, b"bytes"))), ".")

    def test_a_body_without_a_known_end(self):
        self.assert_failed(self.against(TcpScript(http_answer("HTTP/1.0 200 OK", b"perhaps cut"))), "how long")

    def test_a_chunked_body_that_is_cut(self):
        head = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked"
        self.assert_failed(self.against(TcpScript(http_answer(head, b"5\r\nhello\r\n"))), "cut|fail")

    def test_a_connection_that_says_nothing(self):
        self.assert_failed(self.against(TcpScript(lambda connection: connection.recv(65536))), "cut")

    def test_what_is_no_http(self):
        self.assert_failed(self.against(TcpScript(lambda c: c.sendall(b"SSH-2.0-nonsense\r\n"))), ".")

    def test_a_redirect_is_not_followed(self):
        target = TcpScript(http_answer("HTTP/1.1 200 OK\nContent-Length: 4", b"evil"))
        self.addCleanup(target.close)
        for status in ("301 Moved Permanently", "302 Found", "307 Temporary Redirect"):
            with self.subTest(status=status):
                head = f"HTTP/1.1 {status}\nLocation: http://127.0.0.1:{target.port}/fw.bin\nContent-Length: 0"
                self.assert_failed(self.against(TcpScript(http_answer(head))), "redirect")
        self.assertEqual(target.connections, 0)

    def test_a_part_or_a_compressed_file_is_no_file(self):
        head = "HTTP/1.1 206 Partial Content\nContent-Range: bytes 0-3/9\nContent-Length: 4"
        self.assert_failed(self.against(TcpScript(http_answer(head, b"part"))), "206")
        head = "HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 4"
        self.assert_failed(self.against(TcpScript(http_answer(head, b"\x1f\x8b\x08\x00"))), "compressed")

    def test_a_file_beyond_the_limit(self):
        head = "HTTP/1.1 200 OK\nContent-Length: 99999999999"
        self.assert_failed(self.against(TcpScript(http_answer(head, b"x" * 1000))), "larger than", "refused")

        def endless(connection):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
            while True:
                connection.sendall(chunk)
        self.assert_failed(self.against(TcpScript(endless)), "larger than", "refused")

    def test_a_server_that_stalls(self):
        stalled = http_answer("HTTP/1.1 200 OK\nContent-Length: 1000", b"x" * 10, linger=60)
        begun = time.monotonic()
        self.assert_failed(self.against(TcpScript(stalled)), "sent nothing")
        self.assertLess(time.monotonic() - begun, 30)
        self.assert_failed(self.against(TcpScript(lambda connection: time.sleep(60))), "sent nothing")

    def test_a_slow_server_is_waited_for(self):
        def slow(connection):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
            for byte in b"slowly":
                time.sleep(0.6)
                connection.sendall(bytes([byte]))
        server = TcpScript(slow)
        self.addCleanup(server.close)
        self.ports = {"http": server.port}
        self.serve("1230SIP.cfg", SECTION.format(protocol="HTTP") + "SERVER_IP localhost\n")
        honest = type(self).ports["http"]
        booted = self.boot(f"http://127.0.0.1:{honest}", *IMPATIENT)
        self.assertEqual(booted.files["fw.bin"]["bytes"], 6)

    def test_a_challenge_again_and_again(self):
        def challenge(connection):
            while connection.recv(65536):
                connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"
                                   b"Content-Length: 0\r\n\r\n")
        self.assert_failed(self.against(TcpScript(challenge)), "login")

    def test_a_tftp_transfer_that_is_cut(self):
        def cut(transfer, peer):
            transfer.sendto(data(1, b"x" * 512), peer)
            transfer.recvfrom(2048)
            transfer.sendto(data(2, b"x" * 512), peer)
            transfer.recvfrom(2048)  # and silence
        server = UdpScript(cut)
        self.assert_failed(self.against(server, "tftp"), "sent nothing|in time")
        # Plain lock-step: a set sends no options.
        self.assertEqual(server.requests[0], b"\0\1fw.bin\0octet\0")

    def test_a_tftp_server_that_gives_up(self):
        def give_up(transfer, peer):
            transfer.sendto(data(1, b"x" * 512), peer)
            transfer.recvfrom(2048)
            transfer.sendto(struct.pack("!HH", TFTP_ERROR, 0) + b"disk trouble\0", peer)
        self.assert_failed(self.against(UdpScript(give_up), "tftp"), ".")

    def test_a_tftp_flood(self):
        def flood(transfer, peer):
            for block in range(1, 100_000):
                transfer.sendto(data(block & 0xFFFF, b"x" * 512), peer)
                answer, _ = transfer.recvfrom(2048)
                if answer[:2] == struct.pack("!H", TFTP_ERROR):
                    return
        # Tones are small; a firmware's limit would take longer to reach.
        server = UdpScript(flood)
        self.addCleanup(server.close)
        self.serve("1230SIP.cfg", "[TONES]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nFILENAME t.wav\n")
        self.ports = {**self.ports, "tftp": server.port}
        booted = self.boot("http://127.0.0.1", code=1)
        self.assert_failed(booted.files["t.wav"], "larger than", "refused")

    def test_a_huge_manifest(self):
        self.serve("1230SIP.cfg", SECTION.format(protocol="HTTP") + "# filler\n" * 100_000)
        booted = self.boot("http://127.0.0.1", code=1)
        self.assertEqual(booted.manifest["action"], "refused")
        self.assertIn("larger than", booted.manifest["reason"])
        self.assertEqual(booted.sections, [])
        self.assertEqual(self.held(), self.before)

    def test_manifests_that_are_none(self):
        for text in (b"", b"<html><body>404</body></html>", b"\0" * 1000, bytes(range(256)) * 20):
            with self.subTest(text=text[:20]):
                self.serve("1230SIP.cfg", text)
                self.assertEqual(self.boot("http://127.0.0.1", code=1).manifest["action"], "failed")
                self.assertEqual(self.held(), self.before)

    def test_file_names_that_lead_astray(self):
        self.serve("1230SIP.cfg", "[TONES]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL HTTP\n"
                                  "FILENAME ../../../etc/passwd\nFILENAME /../x\n")
        booted = self.boot("http://127.0.0.1", code=1)
        self.assertEqual(set(booted.actions().values()), {"refused"})
        self.assertEqual(self.held(), self.before)

    def test_nobody_is_there(self):
        self.ports = {"http": free_port(), "tftp": free_port()}
        booted = self.boot("http://127.0.0.1", code=1)
        self.assertEqual(booted.manifest["action"], "failed")
        self.assertIn("connection", booted.manifest["reason"])
        begun = time.monotonic()
        self.assertEqual(self.boot("tftp://127.0.0.1", *IMPATIENT, code=1).manifest["action"], "failed")
        self.assertLess(time.monotonic() - begun, 30)
        booted = self.boot("http://no-such-host.invalid", code=1)
        self.assertIn("no address", booted.manifest["reason"])

    def test_a_full_disk(self):
        self.serve("1230SIP.cfg", SECTION.format(protocol="HTTP"))
        self.serve("fw.bin", b"z" * 1_000_000)

        def no_room():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        log = self.work.path("boot.log")
        child = Child(self.command("http://127.0.0.1"), log, preexec=no_room)
        self.assertEqual(child.wait(), 1, child.output())
        self.assertRegex(child.output(), r"(?s)failed.*fw\.bin.*[Ff]ile too large")
        self.assertEqual(self.held(), self.before)
        self.assertEqual(self.boot("http://127.0.0.1").actions(), {"fw.bin": "fetched"})

    def test_killed_at_any_moment(self):
        self.serve("1230SIP.cfg", "".join(
            f"[{section}]\nDOWNLOAD_MODE FORCED\nVERSION 000002\nPROTOCOL HTTP\nFILENAME {name}\n"
            for section, name in (("DEVICE_CONFIG", "site.cfg"), ("FW", "fw.bin"), ("TONES", "t.wav"))))
        self.serve("site.cfg", "BANNER new\n")
        self.serve("t.wav", b"tone" * 1000)
        self.serve("fw.bin", b"new firmware" * 10_000)
        for moment in range(12):
            child = Child(self.command("http://127.0.0.1"), self.work.path("boot.log"))
            time.sleep(0.004 * moment)
            child.kill()
            for entry in self.show()["files"]:
                stored = (self.state / "files" / entry["sha256"]).read_bytes()
                self.assertEqual(len(stored), entry["bytes"])
        booted = self.boot("http://127.0.0.1")
        self.assertTrue(booted.report["clean"], booted.report)
        self.assertEqual(len(list((self.state / "files").iterdir())), 3)
        self.assertFalse([path for path in self.state.iterdir() if path.name.endswith("~")])


if __name__ == "__main__":
    unittest.main()
