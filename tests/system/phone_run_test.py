"""`ringfence-phone run`: the agent that stays on, and looks for updates when it is time, when asked by NOTIFY, and when
its user asks."""

import datetime
import json
import signal
import socket
import time
import unittest

from foreign import start_nginx
from harness import PATIENCE, PHONE, find_program, free_port, run, wait_until
from phone_boot import MAC, PhoneTest


class Run(PhoneTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        www = cls.work.folder / "www"
        www.mkdir()
        cls.ports = {"http": free_port()}
        cls.server = start_nginx(cls.work, www, [f"listen 127.0.0.1:{cls.ports['http']};"])
        cls.server.wait_for_port(cls.ports["http"])

    def serve_settings(self, **settings):
        self.serve("1230SIP.cfg", "[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL HTTP\n"
                                  "FILENAME site.cfg\n")
        self.serve("site.cfg", "".join(f"{name} {value}\n" for name, value in settings.items()))

    def start(self, *options, url="http://127.0.0.1"):
        child = self.work.start([PHONE, "run", "--mac", MAC, "--model", "1230", "--state", self.state, "--url", url,
                                 "--ports", f"http={self.ports['http']}", "--json", *options])
        child.said = lambda: [json.loads(line) for line in child.output().splitlines() if line.startswith("{")]
        child.events = lambda kind: [entry["text"] for entry in child.said() if entry.get("event") == kind]
        child.boots = lambda: [entry for entry in child.said() if "manifest" in entry]
        return child

    def wait_for_boots(self, child, count):
        wait_until(lambda: len(child.boots()) >= count, f"{count} boots\n{child.output()}")

    def test_sighup_looks_for_updates_and_sigterm_ends_it(self):
        self.serve_settings(BANNER="one")
        child = self.start()
        self.wait_for_boots(child, 1)
        self.serve_settings(BANNER="two")
        child.signal(signal.SIGHUP)
        self.wait_for_boots(child, 2)
        self.assertEqual(self.show()["settings"]["BANNER"]["value"], "two")
        second = run([PHONE, "run", "--mac", MAC, "--model", "1230", "--state", self.state, "--url", "http://127.0.0.1"])
        self.assertEqual(second.code, 1)
        self.assertIn("another run holds", second.err)
        child.signal(signal.SIGTERM)
        self.assertEqual(child.wait(), 0)
        self.assertEqual(child.events("boot"), ["power-up", "asked for"])

    def test_a_lease_is_reason_enough_to_try_again(self):
        self.serve_settings()
        child = self.work.start([PHONE, "run", "--mac", MAC, "--model", "1230", "--state", self.state, "--ports",
                                 f"http={self.ports['http']}"])
        wait_until(lambda: "retry: in" in child.output(), f"a boot that leads nowhere\n{child.output()}")
        server = "http://127.0.0.1".encode().hex()
        run([PHONE, "dhcp-hook", "bound", "--state", self.state], check=True,
            env={"interface": "lo", "ip": "127.0.0.1", "subnet": "255.0.0.0", "opt66": server})
        wait_until(lambda: "boot: DHCP gave a lease" in child.output(), f"another boot\n{child.output()}")
        wait_until(lambda: "done: 1 fetched" in child.output(), f"its end\n{child.output()}")
        self.assertEqual(child.output().count("boot: "), 2, child.output())

    def notify(self, port, event="check-sync", source="127.0.0.1"):
        """Sends a NOTIFY and returns the first line of the answer, or None."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((source, 0))
            client.settimeout(1 * PATIENCE)
            here = client.getsockname()
            client.sendto((f"NOTIFY sip:4711@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {here[0]}:{here[1]};branch=z9hG4bK1\r\n"
                           f"To: <sip:4711@example.net>\r\nFrom: <sip:s@example.net>;tag=1\r\nCall-ID: {time.time()}\r\n"
                           f"CSeq: 1 NOTIFY\r\nEvent: {event}\r\nContent-Length: 0\r\n\r\n").encode(), ("127.0.0.1", port))
            try:
                return client.recv(4096).split(b"\r\n")[0].decode()
            except TimeoutError:
                return None

    def test_check_sync(self):
        self.serve_settings(SERVER_IP1_1="127.0.0.1")
        port = free_port()
        child = self.start("--sip-listen", f"127.0.0.1:{port}")
        self.wait_for_boots(child, 1)
        self.assertEqual(wait_until(lambda: self.notify(port), "an answer"), "SIP/2.0 403 Forbidden")
        self.serve_settings(SERVER_IP1_1="127.0.0.1", REMOTE_CHECK_FOR_UPDATE="YES")
        child.signal(signal.SIGHUP)
        self.wait_for_boots(child, 2)
        self.assertIsNone(self.notify(port, source="127.0.0.2"), "only the provisioned servers are heard")
        self.assertEqual(self.notify(port, event="presence"), "SIP/2.0 489 Bad Event")
        if find_program("sipsak"):
            request = self.work.write("notify", f"NOTIFY sip:4711@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1\r\n"
                                      "To: <sip:4711@127.0.0.1>\r\nFrom: <sip:s@127.0.0.1>;tag=2\r\nCall-ID: by-sipsak\r\n"
                                      "CSeq: 2 NOTIFY\r\nEvent: check-sync\r\nContent-Length: 0\r\n\r\n")
            done = run(["sipsak", "-v", "-f", request, "-L", "-s", f"sip:4711@127.0.0.1:{port}"])
            self.assertEqual(done.code, 0, done)
        for _ in range(20):
            self.assertEqual(self.notify(port), "SIP/2.0 200 OK")
        # A flood is one check, and not within a minute of the last.
        self.assertEqual(len(child.events("check-sync")), 1)
        self.assertEqual(len(child.boots()), 2)
        self.assertEqual(child.stop(), 0)

    def test_check_sync_of_the_load_that_waits_for_a_key(self):
        self.serve_settings(SERVER_IP1_1="127.0.0.1", REMOTE_CHECK_FOR_UPDATE="YES")
        port = free_port()
        child = self.start("--sip-listen", f"127.0.0.1:{port}", "--sip-from", "127.0.0.2",
                           "--switch", "check-sync=needs-key")
        self.wait_for_boots(child, 1)
        self.assertIsNone(self.notify(port), "--sip-from stands in for the provisioned servers")
        self.assertEqual(self.notify(port, source="127.0.0.2"), "SIP/2.0 200 OK")
        wait_until(lambda: child.events("check-sync"), "it is told")
        self.assertIn("waits for a key", child.events("check-sync")[0])
        child.signal(signal.SIGHUP)
        self.wait_for_boots(child, 2)
        self.assertEqual(child.stop(), 0)

    def test_the_daily_check_is_announced_in_its_window(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        begin = (now + datetime.timedelta(hours=2)).replace(microsecond=0)
        seconds = begin.hour * 3600 + begin.minute * 60 + begin.second
        self.serve_settings(AUTO_UPDATE="YES", AUTO_UPDATE_TIME=seconds, AUTO_UPDATE_TIME_RANGE=2)
        child = self.start()
        wait_until(lambda: child.events("next"), "the next check")
        planned = datetime.datetime.fromisoformat(child.events("next")[0].rsplit(" ", 1)[1].replace("Z", "+00:00"))
        self.assertGreaterEqual(planned, begin)
        self.assertLess(planned, begin + datetime.timedelta(hours=2))
        self.assertEqual(child.stop(), 0)

    def test_a_stalled_transfer_does_not_hold_sigterm_up(self):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(8)
            child = self.start(url=f"http://127.0.0.1:{deaf.getsockname()[1]}")
            connection, _ = deaf.accept()
            with connection:
                begun = time.monotonic()
                self.assertEqual(child.stop(), 0)
                self.assertLess(time.monotonic() - begun, 5 * PATIENCE)
        self.assertEqual(self.show()["stage"], "idle")

    def test_a_server_that_is_away_is_asked_again(self):
        child = self.start(url=f"http://127.0.0.1:{free_port()}")
        wait_until(lambda: child.events("retry"), "a retry is planned")
        self.assertEqual(len(child.boots()), 1)
        self.assertEqual(child.stop(), 0)

    def test_misuse(self):
        base = [PHONE, "run", "--mac", MAC, "--model", "1230", "--state", self.state, "--url", "http://127.0.0.1"]
        for more in (["--sip-listen", "nowhere"], ["--sip-from", "everybody"], ["--url-file", "-"],
                     ["--switch", "no=such"]):
            self.assertEqual(run([*base, *more]).code, 2, more)


if __name__ == "__main__":
    unittest.main()
