"""Path tricks and broken requests on every door: a clear refusal, nothing that is not ours, and a server that goes on."""

import contextlib
import re
import socket
import struct
import unittest

from harness import Installation, SystemTest, wait_until
from wire import (TFTP_ERROR, TFTP_WRQ, FtpControl, connect, http_get, http_raw, read_to_end, tftp_ask, tftp_get,
                  tftp_refusal, tftp_rrq, tls_context)

PUBLIC = "lang/French.lng"
CONTENT = b"bonjour"

# Spellings that must name nothing, least of all the file itself or one outside of what is served.
TRICKS = [
    b"../ringfence.toml",
    b"../../../../../../../../etc/passwd",
    b"lang/../lang/French.lng",
    b"lang/./French.lng",
    b"./lang/French.lng",
    b"lang//French.lng",
    b"//lang/French.lng",
    b"lang/French.lng/",
    b"lang/French.lng/..",
    b"lang\\French.lng",
    b"..\\..\\ringfence.toml",
    b"/etc/passwd",
    b"//etc/passwd",
    b"C:\\boot.ini",
    b"LANG/FRENCH.LNG",
    b"lang/French.lng ",
    b" lang/French.lng",
    b"lang/French.lng\x7f",
    b"lang/Fr\xc3\xa9nch.lng",
    b"\xff\xfe",
    b"%2e%2e/ringfence.toml",
    b"lang%2fFrench.lng",
    b"registry.db",
    b"keys/seal.key",
    b"root.key",
    b"a" * 300,
    b"a/" * 140,
]
# In a URL these are percent-encoded bytes; TFTP and FTP take them as they stand, where '%' is just a byte.
HTTP_ONLY = [
    b"lang/French.lng%00",
    b"lang/French.lng%00.txt",
    b"lang%2FFrench.lng",
    b"%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    b"..%2fringfence.toml",
    b"..%5cringfence.toml",
    b"%252e%252e/ringfence.toml",
    b"lang/French.lng%",
    b"lang/French.lng%zz",
    b"lang/French.lng#x",
    b"a" * 8000,
]


class Paths(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.house = Installation(cls.work)
        cls.house.put(PUBLIC, CONTENT, "--section", "LANGUAGE")
        cls.server = cls.house.serve()
        cls.ports = cls.server.ports
        cls.tls = tls_context(cls.house.root)

    def assert_silent_or_error(self, packet):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.2)
            client.sendto(packet, ("127.0.0.1", self.ports["tftp"]))
            try:
                self.assertEqual(client.recv(65536)[:2], struct.pack("!H", TFTP_ERROR))
            except TimeoutError:
                pass

    def tearDown(self):
        """Whatever was asked, the next phone is served on every door."""
        self.assertTrue(self.server.is_running(), self.server.output())
        self.assertEqual(tftp_get(self.ports["tftp"], PUBLIC), CONTENT)
        self.assertEqual(http_get(self.ports["http"], "/" + PUBLIC).body, CONTENT)
        self.assertEqual(http_get(self.ports["https"], "/" + PUBLIC, self.tls).body, CONTENT)
        with FtpControl(self.ports["ftp"]) as ftp:
            ftp.log_in()
            self.assertEqual(ftp.get(PUBLIC)[1], CONTENT)


class Tricks(Paths):
    def test_on_http(self):
        for trick in TRICKS + HTTP_ONLY:
            with self.subTest(path=trick[:60]):
                answer = http_get(self.ports["http"], b"/" + trick)
                self.assertIn(answer.status, (400, 404, 414))
                self.assertNotIn(CONTENT, answer.body)

    def test_on_https(self):
        for trick in TRICKS + HTTP_ONLY:
            with self.subTest(path=trick[:60]):
                answer = http_get(self.ports["https"], b"/" + trick, self.tls)
                self.assertIn(answer.status, (400, 401, 414))
                self.assertNotIn(CONTENT, answer.body)

    def test_in_other_forms_of_target(self):
        for target in (b"*", b"file:///etc/passwd", b"http://[::1", b"//", b"?", b"/?" + PUBLIC.encode()):
            with self.subTest(target=target):
                self.assertIn(http_get(self.ports["http"], target).status, (400, 404))

    def test_on_tftp(self):
        for trick in TRICKS:
            with self.subTest(path=trick[:60]):
                refusal = tftp_refusal(self.ports["tftp"], trick)
                self.assertIn(struct.unpack("!H", refusal[2:4])[0], (1, 4))

    def test_a_nul_ends_a_tftp_name(self):
        """What follows is the mode, so nothing can hide behind it: the packet is no request, and is not answered."""
        self.assert_silent_or_error(tftp_rrq(PUBLIC.encode() + b"\0../ringfence.toml"))

    def test_on_ftp(self):
        for trick in TRICKS:
            with self.subTest(path=trick[:60]), FtpControl(self.ports["ftp"]) as ftp:
                ftp.log_in()
                reply, content = ftp.get(trick)
                self.assertRegex(reply, rb"^5\d\d ")
                self.assertIsNone(content)
                self.assertRegex(ftp.ask(b"SIZE " + trick), rb"^5\d\d ")

    def test_on_ftp_by_way_of_folders(self):
        for folder in ("..", "/", "../..", "lang/..", "keys"):
            with self.subTest(folder=folder), FtpControl(self.ports["ftp"]) as ftp:
                ftp.log_in()
                ftp.ask(f"CWD {folder}")
                self.assertIsNone(ftp.get("ringfence.toml")[1])
                self.assertIsNone(ftp.get("registry.db")[1])

    def test_ftp_lists_nothing(self):
        with FtpControl(self.ports["ftp"]) as ftp:
            ftp.log_in()
            for verb in ("LIST", "NLST", "MLSD"):
                with self.subTest(verb=verb):
                    data = ftp.open_passive()
                    reply = ftp.ask(verb)
                    if reply.startswith(b"1"):
                        self.assertEqual(read_to_end(data), b"")
                        ftp.read_reply()
                    data.close()


class BrokenRequests(Paths):
    def answer(self, request, door="http"):
        return http_raw(self.ports[door], request, self.tls if door == "https" else None)

    def test_http_that_is_no_http(self):
        for request in (b"\0" * 100 + b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n",
                        b"GET / HTTP/1.1\r\nHost: a\r\nbroken header\r\n\r\n"):
            with self.subTest(request=request[:30]):
                self.assertIn(self.answer(request).status, (0, 400, 404, 505))

    def test_a_head_without_end_is_cut_off(self):
        with connect(self.ports["http"]) as connection:
            connection.settimeout(30)
            try:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"y" * 1_000_000)
            except ConnectionError:
                return
            self.assertRegex(read_to_end(connection)[:12], rb"^(HTTP/1\.1 4\d\d)?")

    def test_lying_and_truncated_lengths(self):
        get = b"GET /" + PUBLIC.encode() + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        for header in (b"Content-Length: -1", b"Content-Length: 99999999999999999999", b"Content-Length: 1\r\nContent-Length: 2",
                       b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"Content-Length: x"):
            with self.subTest(header=header):
                self.assertIn(self.answer(get + header + b"\r\n\r\nhello").status, (0, 400, 413))
        # Fewer bytes than announced, and then silence from a peer that has gone.
        with connect(self.ports["http"]) as connection:
            connection.sendall(get + b"Content-Length: 100\r\n\r\nonly this")
            connection.shutdown(socket.SHUT_WR)
            self.assertNotIn(b" 5", read_to_end(connection)[:12])

    def test_nothing_is_smuggled_behind_a_body(self):
        hidden = b"GET /" + PUBLIC.encode() + b" HTTP/1.1\r\nHost: a\r\n\r\n"
        outer = b"GET /absent HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(hidden)
        self.assertNotIn(CONTENT, self.answer(outer + hidden).raw)

    def test_tftp_that_is_no_tftp(self):
        packets = [b"", b"\0", b"\0\1", b"\0\1x", b"\0\1x\0", b"\0\1x\0octet", b"\0\x09abc", b"\0\4\0\1", b"\0\5\0\1no\0",
                           b"\0\1" + b"a" * 600 + b"\0octet\0", tftp_rrq(PUBLIC, mode=b"mail")]
        for packet in packets:
            with self.subTest(packet=packet[:20]):
                self.assert_silent_or_error(packet)

    def test_tftp_writing_is_refused(self):
        packet = struct.pack("!H", TFTP_WRQ) + b"lang/new.lng\0octet\0"
        client, reply, _ = tftp_ask(self.ports["tftp"], packet)
        client.close()
        self.assertEqual(reply[:2], struct.pack("!H", TFTP_ERROR))

    def test_ftp_lines_without_end_are_survived(self):
        with FtpControl(self.ports["ftp"]) as ftp:
            reply = ftp.ask(b"USER " + b"a" * 100_000)
            self.assertRegex(reply, rb"^(5\d\d .*|)")
        with FtpControl(self.ports["ftp"]) as ftp:
            ftp.connection.sendall(b"NOOP\r\n" * 500)
            self.assertTrue(re.match(rb"(200|421|5\d\d|530)", ftp.read_reply()))

    def test_tls_that_is_no_tls(self):
        for garbage in (b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 100, b"\0" * 1000):
            with connect(self.ports["https"]) as connection:
                with contextlib.suppress(OSError):  # it may have hung up already
                    connection.sendall(garbage)
                    connection.shutdown(socket.SHUT_WR)
                self.assertNotIn(b"200 OK", read_to_end(connection))

    def test_many_idle_connections_hold_nobody_up(self):
        idle = [connect(self.ports[door]) for door in ("http", "https", "ftp") for _ in range(100)]
        try:
            self.assertEqual(http_get(self.ports["http"], "/" + PUBLIC).body, CONTENT)
            self.assertEqual(http_get(self.ports["https"], "/" + PUBLIC, self.tls).body, CONTENT)
        finally:
            for connection in idle:
                connection.close()
        wait_until(self.server.is_running, "the server to go on")


if __name__ == "__main__":
    unittest.main()
