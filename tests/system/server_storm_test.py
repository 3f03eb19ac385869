"""The morning after a power cut: 3,000 phones behind one address boot within a minute, and none is limited."""

import asyncio
import base64
import struct
import time
import unittest

from harness import PATIENCE, Installation, SystemTest
from wire import TFTP_ACK, TFTP_DATA, tftp_rrq, tls_context

PHONES = 3000
STORM_SECONDS = 60 * PATIENCE
AT_ONCE = 100  # of one Python process; the server sees them come as fast as it answers

MANIFEST = "1230SIP.cfg"


class TftpPhone(asyncio.DatagramProtocol):
    """Lock-step; asks again when nothing is heard, as every phone does."""

    def __init__(self, port, path):
        self.port, self.path = port, path
        self.done = asyncio.get_running_loop().create_future()
        self.content, self.expected = b"", 1

    def connection_made(self, transport):
        self.transport = transport
        self.last = (tftp_rrq(self.path), ("127.0.0.1", self.port))
        self.send()

    def send(self):
        self.transport.sendto(*self.last)
        self.timer = asyncio.get_running_loop().call_later(2, self.send)

    def datagram_received(self, packet, peer):
        kind, number = struct.unpack("!HH", packet[:4])
        if self.done.done():
            return
        if kind != TFTP_DATA:
            self.timer.cancel()
            self.done.set_exception(AssertionError(f"TFTP answered {packet!r}"))
        elif number == self.expected:
            self.timer.cancel()
            self.content += packet[4:]
            self.expected += 1
            self.last = (struct.pack("!HH", TFTP_ACK, number), peer)
            if len(packet) < 516:
                self.transport.sendto(*self.last)
                self.done.set_result(self.content)
            else:
                self.send()


async def fetch_by_tftp(port, path):
    transport, phone = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: TftpPhone(port, path), local_addr=("127.0.0.1", 0))
    try:
        return await asyncio.wait_for(phone.done, 30 * PATIENCE)
    finally:
        transport.close()


async def read_answer(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split()[0])
    return int(head.split()[1]), await reader.readexactly(length)


async def fetch_by_https(port, path, tls, user, password):
    """As a phone does: first without a login, then, challenged, with it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    try:
        request = f"GET /{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode()
        writer.write(request + b"\r\n")
        status, _ = await read_answer(reader)
        if status != 401:
            raise AssertionError(f"the first, unauthenticated request got {status}")
        login = base64.b64encode(f"{user}:{password}".encode())
        writer.write(request + b"Authorization: Basic " + login + b"\r\n\r\n")
        status, body = await read_answer(reader)
        if status != 200:
            raise AssertionError(f"{path} with the right login got {status}")
        return body
    finally:
        writer.close()


class Storm(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.house = Installation(cls.work)
        # The quickest way to 3,000 devices is to take over an old server's folder.
        old = cls.work.path("tftpboot")
        old.mkdir()
        for number in range(PHONES):
            (old / f"SIP00247F{number:06X}.cfg").write_text("SIP_DOMAIN1 voice.example.net\n")
        added = cls.house.json_lines("import", "tftpdir", old, "--model", "1230", timeout=300)
        cls.logins = {entry["mac"].replace(":", "").upper(): (entry["user"], entry["password"])
                      for entry in added if entry["kind"] == "device"}
        assert len(cls.logins) == PHONES
        cls.server = cls.house.serve()

    async def boot(self, mac, tls, gate):
        async with gate:
            manifest = await fetch_by_tftp(self.server.ports["tftp"], MANIFEST)
            self.assertIn(b"[USER_CONFIG]", manifest)
            body = await fetch_by_https(self.server.ports["https"], f"SIP{mac}.cfg", tls, *self.logins[mac])
            self.assertIn(b"voice.example.net", body)

    async def storm(self):
        tls = tls_context(self.house.root)
        gate = asyncio.Semaphore(AT_ONCE)
        return await asyncio.gather(*(self.boot(mac, tls, gate) for mac in self.logins), return_exceptions=True)

    def test_nobody_is_limited(self):
        started = time.monotonic()
        ended = asyncio.run(self.storm())
        took = time.monotonic() - started
        failed = [repr(fault) for fault in ended if fault is not None]
        self.assertEqual(failed[:5], [], f"{len(failed)} of {PHONES} phones failed")
        self.assertLess(took, STORM_SECONDS)
        print(f"{PHONES} phones booted in {took:.1f} s", flush=True)
        self.assertTrue(self.server.is_running())


if __name__ == "__main__":
    unittest.main()
