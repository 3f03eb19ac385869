"""Every door of the server, asked by clients that we did not write: curl, wget, lftp, tftp-hpa, busybox."""

import base64
import os
import struct
import unittest

from harness import HOST, PATIENCE, Installation, SystemTest, has_ipv6, need_program, run, wait_until
from wire import (TFTP_ACK, TFTP_DATA, TFTP_ERROR, TFTP_OACK, FtpControl, close_with_reset, connect, http_get,
                  http_request, read_manifest, tftp_ask, tftp_get, tftp_give_up, tftp_rrq, tls_context)

FIRMWARE = "fw/SIP12x004.04.09.00.bin"
MAC = "00:24:7F:01:02:AB"

# The byte after the model in the 12x0's User-Agent: three control bytes and one that is no text.
ODD_BYTES = (0x14, 0x16, 0x17, 0xFF)


class Doors(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.house = Installation(cls.work)
        cls.user, cls.password = cls.house.add_device(MAC)
        # 200 whole blocks and a bit; bytes of every value, so that no door may translate them.
        cls.firmware = os.urandom(200 * 512 + 17)
        cls.house.put(FIRMWARE, cls.firmware, "--section", "FW", "--version", "SIP12x004.04.09.00")
        cls.house.put("lang/whole-blocks.lng", b"x" * 1024, "--section", "LANGUAGE")
        cls.house.put("lang/empty.lng", b"", "--section", "LANGUAGE")
        hosts = ("127.0.0.1", "::1") if has_ipv6() else ("127.0.0.1",)
        cls.server = cls.house.serve(hosts=hosts)
        cls.ports = cls.server.ports

    def curl(self, *arguments, code=0):
        done = run(["curl", "-sS", "--max-time", "30", "--cacert", self.house.root, *arguments])
        self.assertEqual(done.code, code, done)
        return done

    def delivered(self, wire, path, source="127.0.0.1"):
        """Waits for the event of a whole delivery, which also proves that the server thinks so."""
        wanted = {"wire": wire, "path": path, "source": source, "outcome": "delivered"}
        return self.house.wait_for_event(lambda e: wanted.items() <= e.items(), f"{path} delivered over {wire}")


class Curl(Doors):
    def test_fetches_public_files_over_every_protocol(self):
        for door in ("http", "https", "ftp", "tftp"):
            with self.subTest(door=door):
                done = self.curl(self.server.url(door, FIRMWARE))
                self.assertEqual(done.out_bytes, self.firmware)
                self.assertEqual(self.delivered(door, FIRMWARE)["bytes"], len(self.firmware))

    @unittest.skipUnless(has_ipv6(), "this machine has no IPv6 loopback")
    def test_fetches_over_ipv6(self):
        for door in ("http", "https", "ftp", "tftp"):
            with self.subTest(door=door):
                # The certificate names the host, not ::1.
                arguments = ["--resolve", f"{HOST}:{self.ports[door]}:[::1]"]
                done = self.curl(*arguments, self.server.url(door, FIRMWARE, HOST))
                self.assertEqual(done.out_bytes, self.firmware)
                self.delivered(door, FIRMWARE, "::1")

    def test_every_model_has_its_manifest_under_its_real_name(self):
        names = {"1210": "1210SIP.cfg", "1220": "1220SIP.cfg", "1230": "1230SIP.cfg", "1120e": "1120eSIP.cfg",
                 "1140e": "1140eSIP.cfg", "1165e": "1165eSIP.cfg"}
        for name in names.values():
            with self.subTest(name=name):
                text = self.curl(self.server.url("tftp", name)).out
                self.assertIn("[USER_KEYS]", text)
                self.assertLess(text.index("[USER_KEYS]"), text.index("[USER_CONFIG]"))
                sections = [part for part in text.split("[")[1:]]
                self.assertTrue(all("PROTOCOL" in section for section in sections), text)
                self.assertTrue(all(len(line) < 80 for line in text.splitlines()))

    def test_names_without_a_model_and_the_conversion_names_are_served(self):
        """As the manuals print them, 12x0 and 12xx, and the names that a set asks for before it speaks SIP."""
        sections = {"12x0SIP.cfg": ["USER_KEYS", "USER_CONFIG", "FW", "LANGUAGE"], "12xxBoot.cfg": ["FW"],
                    "1220.cfg": ["FW"]}
        sections["12xxSIP.cfg"] = sections["12x0SIP.cfg"]
        for door in ("tftp", "http"):
            for name, wanted in sections.items():
                with self.subTest(door=door, name=name):
                    manifest = read_manifest(self.curl(self.server.url(door, name)).out)
                    self.assertEqual([section for section, _ in manifest], wanted)
                    self.delivered(door, name)
        forced = read_manifest(self.curl(self.server.url("tftp", "1220.cfg")).out)
        self.assertEqual(forced[0][1]["DOWNLOAD_MODE"], ["FORCED"])

    def test_a_devices_settings_look_absent_in_either_case_where_nothing_is_proved(self):
        for mac in ("00247F0102AB", "00247f0102ab"):
            path = f"SIP{mac}.cfg"
            with self.subTest(path=path):
                self.assertEqual(self.curl(self.server.url("tftp", path), code=68).out, "")
                absent = self.curl("-w", "%{http_code}", self.server.url("http", "absent.cfg")).out
                self.assertEqual(self.curl("-w", "%{http_code}", self.server.url("http", path)).out, absent)
                self.assertTrue(absent.endswith("404"))
                for wire in ("tftp", "http"):
                    refused = (path, wire, "refused")
                    event = self.house.wait_for_event(lambda e: (e["path"], e["wire"], e["outcome"]) == refused,
                                                      f"{path} refused on {wire}")
                    self.assertEqual(event["mac"], MAC.lower())

    def test_range_gives_the_part_asked_for(self):
        url = self.server.url("https", FIRMWARE)
        for wanted, part in (("0-99", self.firmware[:100]), ("100-", self.firmware[100:]),
                             ("-17", self.firmware[-17:]), ("512-1023", self.firmware[512:1024])):
            with self.subTest(range=wanted):
                self.assertEqual(self.curl("-r", wanted, url).out_bytes, part)
        beyond = self.curl("-r", f"{len(self.firmware)}-", "-o", os.devnull, "-w", "%{http_code}", url)
        self.assertEqual(beyond.out, "416")

    def test_etag_spares_a_second_transfer(self):
        etag = self.work.path("etag")
        url = self.server.url("http", FIRMWARE)
        self.curl("--etag-save", etag, "-o", os.devnull, url)
        self.assertRegex(etag.read_text(), r'^"[^"]+"')
        again = self.curl("--etag-compare", etag, "-w", "%{http_code} %{size_download}", url)
        self.assertEqual(again.out, "304 0")

    def test_head_tells_the_length_without_the_body(self):
        head = self.curl("-I", self.server.url("http", FIRMWARE)).out.lower()
        self.assertIn(" 200 ", head.splitlines()[0])
        self.assertIn(f"content-length: {len(self.firmware)}", head)
        self.assertNotIn("location:", head)

    def test_answers_are_plain_for_phones(self):
        head = self.curl("-D", "-", "-o", os.devnull, "--compressed", self.server.url("http", FIRMWARE)).out.lower()
        self.assertIn(f"content-length: {len(self.firmware)}", head)
        self.assertNotIn("transfer-encoding", head)
        self.assertNotIn("content-encoding", head)

    def test_http_1_0_is_served(self):
        done = self.curl("--http1.0", self.server.url("http", FIRMWARE))
        self.assertEqual(done.out_bytes, self.firmware)

    def test_one_connection_serves_several_files(self):
        url = self.server.url("http", FIRMWARE)
        done = self.curl("-o", os.devnull, "-o", os.devnull, "-w", "%{num_connects}\n", url, url)
        self.assertEqual(done.out.split(), ["1", "0"])

    def test_writing_is_refused(self):
        local = self.work.write("upload", "x")
        put = self.curl("-T", local, "-o", os.devnull, "-w", "%{http_code}", self.server.url("http", "trust/new.pem"))
        self.assertEqual(put.out, "405")
        for door in ("ftp", "tftp"):
            done = run(["curl", "-sS", "--max-time", "30", "-T", local, self.server.url(door, "trust/new.pem")])
            self.assertNotEqual(done.code, 0)

    def test_ftp_tells_size_and_time_and_resumes(self):
        url = self.server.url("ftp", FIRMWARE)
        head = self.curl("-I", url).out
        self.assertIn(f"Content-Length: {len(self.firmware)}", head)
        self.assertIn("Last-Modified:", head)
        self.assertEqual(self.curl("-C", "1000", url).out_bytes, self.firmware[1000:])
        self.assertEqual(self.curl("--disable-epsv", url).out_bytes, self.firmware)

    def test_tftp_options_are_granted_or_ignored(self):
        for size in (8, 512, 1400):
            with self.subTest(block=size):
                done = self.curl("--tftp-blksize", str(size), self.server.url("tftp", FIRMWARE))
                self.assertEqual(done.out_bytes, self.firmware)
        done = self.curl("--tftp-no-options", self.server.url("tftp", FIRMWARE))
        self.assertEqual(done.out_bytes, self.firmware)


class OtherClients(Doors):
    def fetched(self, args, local):
        done = run(args)
        self.assertEqual(done.code, 0, done)
        return local.read_bytes()

    def test_tftp_hpa(self):
        for path, content in ((FIRMWARE, self.firmware), ("lang/whole-blocks.lng", b"x" * 1024)):
            local = self.work.path("tftp-hpa")
            args = [need_program("tftp"), "127.0.0.1", str(self.ports["tftp"]), "-m", "binary", "-c", "get", path, local]
            self.assertEqual(self.fetched(args, local), content)

    def test_an_empty_file_over_tftp(self):
        path = "lang/empty.lng"
        port = str(self.ports["tftp"])
        clients = (["tftp", "127.0.0.1", port, "-m", "binary", "-c", "get", path],
                   ["busybox", "tftp", "-g", "-r", path, "127.0.0.1", port, "-l"],
                   ["curl", "-sS", self.server.url("tftp", path), "-o"],
                   ["curl", "-sS", "--tftp-no-options", self.server.url("tftp", path), "-o"])

        def deliveries():
            return sum((e["path"], e["wire"], e["outcome"]) == (path, "tftp", "delivered") for e in self.house.events())
        for client in clients:
            with self.subTest(client=client[0]):
                before = deliveries()
                local = self.work.path("empty")
                done = run([need_program(client[0]), *client[1:], local])
                self.assertEqual(done.code, 0, done)
                self.assertEqual(local.read_bytes() if local.exists() else b"", b"")
                wait_until(lambda: deliveries() == before + 1, "the empty file is delivered")

    def test_tftp_hpa_in_netascii(self):
        self.house.put("lang/lines.lng", b"one\ntwo\r\nthree\r", "--section", "LANGUAGE")
        local = self.work.path("netascii")
        args = [need_program("tftp"), "127.0.0.1", str(self.ports["tftp"]), "-m", "ascii", "-c", "get", "lang/lines.lng",
                local]
        self.assertEqual(self.fetched(args, local), b"one\ntwo\r\nthree\r")

    def test_busybox_tftp(self):
        for extra in ([], ["-b", "1024"]):
            local = self.work.path("busybox")
            args = [need_program("busybox"), "tftp", *extra, "-g", "-r", FIRMWARE, "-l", local, "127.0.0.1",
                    str(self.ports["tftp"])]
            self.assertEqual(self.fetched(args, local), self.firmware)

    def test_lftp(self):
        local = self.work.path("lftp")
        script = f"set net:max-retries 1; set net:timeout 20; open -p {self.ports['ftp']} 127.0.0.1; get {FIRMWARE} -o {local}; bye"
        self.assertEqual(self.fetched([need_program("lftp"), "-c", script], local), self.firmware)

    def test_wget(self):
        for door in ("http", "https", "ftp"):
            with self.subTest(door=door):
                local = self.work.path("wget")
                args = [need_program("wget"), "-q", "--tries=1", f"--ca-certificate={self.house.root}", "-O", local,
                        self.server.url(door, FIRMWARE)]
                self.assertEqual(self.fetched(args, local), self.firmware)


class OddPhones(Doors):
    def test_the_odd_byte_in_the_user_agent_is_served(self):
        for tls, door in ((None, "http"), (tls_context(self.house.root), "https")):
            for odd in ODD_BYTES:
                with self.subTest(door=door, byte=hex(odd)):
                    agent = b"User-Agent: AVAYA/SIP12x0" + bytes([odd]) + b"/04.00.04.00"
                    answer = http_get(self.ports[door], "/" + FIRMWARE, tls, [agent])
                    self.assertEqual(answer.status, 200)
                    self.assertEqual(answer.body, self.firmware)

    def test_a_reset_right_after_the_last_byte_is_a_delivery(self):
        for tls, door in ((None, "http"), (tls_context(self.house.root), "https")):
            with self.subTest(door=door):
                path = f"tones/{door}.wav"
                self.house.put(path, self.firmware, "--section", "TONES")
                connection = connect(self.ports[door], tls)
                connection.sendall(http_request("/" + path).replace(b"Connection: close", b"Connection: keep-alive"))
                got = b""
                while not got.endswith(self.firmware[-64:]):
                    got += connection.recv(65536)
                close_with_reset(connection)
                self.assertEqual(self.delivered(door, path)["bytes"], len(self.firmware))

    def test_a_cut_tftp_transfer_is_recorded_as_cut_and_harms_nobody(self):
        path = "tones/cut.wav"
        self.house.put(path, self.firmware, "--section", "TONES")
        client, reply, peer = tftp_ask(self.ports["tftp"], tftp_rrq(path, options=[("timeout", 1)]))
        with client:
            self.assertEqual(reply[:2], struct.pack("!H", TFTP_OACK))
            client.sendto(struct.pack("!HH", TFTP_ACK, 0), peer)
            client.recvfrom(65536)
            tftp_give_up(client, peer)
        event = self.house.wait_for_event(lambda e: e.get("path") == path and e["kind"] == "request", "the cut transfer")
        self.assertEqual(event["outcome"], "cut")
        self.assertLess(event["bytes"], len(self.firmware))
        self.assertEqual(tftp_get(self.ports["tftp"], path), self.firmware)

    def test_tftp_repeats_a_lost_block_and_no_more(self):
        """The Sorcerer's Apprentice: a doubled acknowledgement must not double every block after it."""
        client, reply, peer = tftp_ask(self.ports["tftp"], tftp_rrq("lang/whole-blocks.lng"))
        with client:
            blocks = []
            for _ in range(2):
                client.sendto(struct.pack("!HH", TFTP_ACK, 1), peer)
            client.settimeout(0.4)
            try:
                while True:
                    packet, _ = client.recvfrom(65536)
                    blocks.append(struct.unpack("!HH", packet[:4]))
            except TimeoutError:
                pass
            tftp_give_up(client, peer)
            self.assertEqual(blocks, [(TFTP_DATA, 2)])

    def test_a_repeated_tftp_request_is_harmless(self):
        """A phone that heard nothing asks again from the same port: both answers belong to one transfer."""
        client, reply, peer = tftp_ask(self.ports["tftp"], tftp_rrq(FIRMWARE))
        with client:
            client.sendto(tftp_rrq(FIRMWARE), ("127.0.0.1", self.ports["tftp"]))
            content, expected = b"", 1
            while True:
                kind, number = struct.unpack("!HH", reply[:4])
                if kind == TFTP_DATA and number == expected & 0xFFFF:
                    content += reply[4:]
                    expected += 1
                    client.sendto(struct.pack("!HH", TFTP_ACK, number), peer)
                    if len(reply) < 516:
                        break
                reply, sender = client.recvfrom(65536)
                self.assertEqual(sender, peer)
            self.assertEqual(content, self.firmware)

    def test_tftp_windows_and_sizes(self):
        client, reply, peer = tftp_ask(self.ports["tftp"],
                                       tftp_rrq(FIRMWARE, options=[("tsize", 0), ("windowsize", 4), ("blksize", 1024)]))
        tftp_give_up(client, peer)
        self.assertEqual(reply[:2], struct.pack("!H", TFTP_OACK))
        words = reply[2:].split(b"\0")
        options = dict(zip(words[::2], words[1::2]))
        self.assertEqual(options[b"tsize"], str(len(self.firmware)).encode())
        self.assertEqual(options[b"windowsize"], b"4")
        self.assertEqual(options[b"blksize"], b"1024")

    def test_each_tftp_transfer_has_its_own_port(self):
        first, _, first_peer = tftp_ask(self.ports["tftp"], tftp_rrq(FIRMWARE))
        second, _, second_peer = tftp_ask(self.ports["tftp"], tftp_rrq(FIRMWARE))
        with first, second:
            self.assertEqual(len({first_peer[1], second_peer[1], self.ports["tftp"]}), 3)
            # A stranger who talks to somebody's transfer is told so, and disturbs nothing (error 5).
            second.sendto(struct.pack("!HH", TFTP_ACK, 1), first_peer)
            packets = []
            second.settimeout(5)
            while not packets or packets[-1][:2] != struct.pack("!H", TFTP_ERROR):
                packets.append(second.recvfrom(65536)[0])
            self.assertEqual(packets[-1][:4], struct.pack("!HH", TFTP_ERROR, 5))
            tftp_give_up(first, first_peer)
            tftp_give_up(second, second_peer)

    def test_an_empty_file_is_a_file(self):
        self.assertEqual(tftp_get(self.ports["tftp"], "lang/empty.lng"), b"")
        answer = http_get(self.ports["http"], "/lang/empty.lng")
        self.assertEqual((answer.status, answer.headers["content-length"], answer.body), (200, "0", b""))
        with FtpControl(self.ports["ftp"]) as ftp:
            ftp.log_in()
            self.assertEqual(ftp.get("lang/empty.lng")[1], b"")

    def test_the_mac_in_a_path_may_be_in_either_case(self):
        login = base64.b64encode(f"{self.user}:{self.password}".encode())
        for mac in ("00247F0102AB", "00247f0102ab"):
            answer = http_get(self.ports["https"], f"/SIP{mac}.cfg", tls_context(self.house.root),
                              [b"Authorization: Basic " + login])
            self.assertEqual(answer.status, 200, mac)

    def test_ftp_says_no_to_foreign_addresses(self):
        """Bounce: an active connection to somebody else's address is refused."""
        with FtpControl(self.ports["ftp"]) as ftp:
            ftp.log_in()
            self.assertTrue(ftp.ask("PORT 192,0,2,1,40,0").startswith(b"5"))
            self.assertTrue(ftp.ask("EPRT |1|192.0.2.1|10240|").startswith(b"5"))
            self.assertEqual(ftp.get(FIRMWARE)[1], self.firmware)

    def test_a_nul_in_an_ftp_path_is_a_name_that_is_absent(self):
        with FtpControl(self.ports["ftp"]) as ftp:
            ftp.log_in()
            for path in (FIRMWARE.encode() + b"\0", FIRMWARE.encode() + b"\0.txt", b"\0" + FIRMWARE.encode(), b"\0"):
                with self.subTest(path=path):
                    reply, content = ftp.get(path)
                    self.assertEqual((reply[:4], content), (b"550 ", None))
                    self.assertEqual(ftp.ask(b"SIZE " + path)[:4], b"550 ")
                    self.assertEqual(ftp.ask(b"MDTM " + path)[:4], b"550 ")
            self.assertEqual(ftp.get(FIRMWARE)[1], self.firmware)


class FullDoors(SystemTest):
    """One connection for each thread, and clients that ask for much and take nothing."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.house = Installation(cls.work)
        cls.big = os.urandom(8 << 20)
        cls.house.put(FIRMWARE, cls.big, "--section", "FW", "--version", "SIP12x004.04.09.00")
        cls.house.configure("loops", 1)
        toml = cls.house.data / "ringfence.toml"
        toml.write_text(toml.read_text() + "\n[limits]\ntransfers = 1\nconnections = 1\n")
        cls.server = cls.house.serve()

    def test_whoever_takes_nothing_makes_room_and_whoever_takes_is_served(self):
        """All doors wait for the same ten seconds, so they are tried together. TFTP comes first: there, silence alone
        ends a transfer after half a minute."""
        curl = ["curl", "-sS", "--cacert", self.house.root, "-o"]
        still = [self.work.start([*curl, os.devnull, "--limit-rate", "1", self.server.url(door, FIRMWARE)])
                 for door in ("ftp", "http", "https")]
        # Blocks of 8 bytes, and an acknowledgement now and then.
        client, _, peer = tftp_ask(self.server.ports["tftp"], tftp_rrq(FIRMWARE, options=[("blksize", 8)]))
        with client:
            for block in range(3):
                client.sendto(struct.pack("!HH", TFTP_ACK, block), peer)
                client.recvfrom(65536)
            for door in ("tftp", "ftp", "http", "https"):
                local = self.work.path(door)
                done = run([*curl, local, "--max-time", 25 * PATIENCE, "--tftp-blksize", "1468",
                            self.server.url(door, FIRMWARE)])
                self.assertEqual(done.code, 0, done)
                self.assertEqual(local.read_bytes(), self.big, door)
        for door in ("ftp", "http", "https", "tftp"):
            self.house.wait_for_event(lambda e: (e["wire"], e["outcome"]) == (door, "cut"), f"the one cut on {door}")
        for child in still:
            child.kill()


if __name__ == "__main__":
    unittest.main()
