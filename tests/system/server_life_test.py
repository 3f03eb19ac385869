"""A server's life: changes seen at once, reload, drain, sudden death, backup and restore."""

import base64
import copy
import hashlib
import os
import signal
import socket
import struct
import time
import unittest

from harness import PHONE, RINGFENCE, Installation, SystemTest, free_port, is_listening, run, wait_until
from wire import (TFTP_ACK, TFTP_DATA, connect, http_get, http_request, read_to_end, tftp_ask, tftp_get, tftp_rrq,
                  tls_context, versions_of)

MAC = "00:24:7F:01:02:AB"
OWN_FILE = "SIP00247F0102AB.cfg"
PUBLIC = "lang/French.lng"
MANIFEST = "1230SIP.cfg"


class Life(SystemTest):
    def setUp(self):
        self.house = Installation(self.work)
        self.user, self.password = self.house.add_device(MAC)
        self.house.put(PUBLIC, "bonjour", "--section", "LANGUAGE")

    def fetch(self, server, path, user=None, password=None):
        login = base64.b64encode(f"{user or self.user}:{password or self.password}".encode())
        return http_get(server.ports["https"], "/" + path, tls_context(self.house.root), [b"Authorization: Basic " + login])

    def manifest(self, server):
        return tftp_get(server.ports["tftp"], MANIFEST).decode()


class Changes(Life):
    def test_what_the_command_line_changes_the_running_server_sees_at_once(self):
        server = self.house.serve()
        ports = server.ports
        self.house.put("lang/German.lng", "guten Tag", "--section", "LANGUAGE")
        self.assertEqual(tftp_get(ports["tftp"], "lang/German.lng"), b"guten Tag")
        self.assertIn("lang/German.lng", self.manifest(server))
        self.house.put("lang/German.lng", "moin", "--section", "LANGUAGE")
        self.assertEqual(tftp_get(ports["tftp"], "lang/German.lng"), b"moin")
        self.house("file", "remove", "lang/German.lng")
        self.assertEqual(http_get(ports["http"], "/lang/German.lng").status, 404)
        self.assertNotIn("lang/German.lng", self.manifest(server))

        self.house.set("AUTOLOGIN_ID_KEY01", "4711@voice.example.net", "--device", MAC)
        self.assertIn(b"AUTOLOGIN_ID_KEY01 4711@voice.example.net", self.fetch(server, OWN_FILE).body)
        self.house("setting", "unset", "AUTOLOGIN_ID_KEY01", "--device", MAC)
        self.assertNotIn(b"4711@voice.example.net", self.fetch(server, OWN_FILE).body)

        mac = "00:24:7F:01:02:CD"
        user, password = self.house.add_device(mac)
        self.assertEqual(self.fetch(server, "SIP00247F0102CD.cfg", user, password).status, 200)
        self.house("device", "remove", mac)
        self.assertEqual(self.fetch(server, "SIP00247F0102CD.cfg", user, password).status, 401)

    def test_version_rises_with_content_and_only_then(self):
        server = self.house.serve(doors=("tftp",))
        before = versions_of(self.manifest(server))
        self.assertEqual(versions_of(self.manifest(server)), before)
        self.house.put(PUBLIC, "bonsoir", "--section", "LANGUAGE")
        after = versions_of(self.manifest(server))
        self.assertGreater(int(after["LANGUAGE"]), int(before["LANGUAGE"]))
        self.assertLess(int(after["LANGUAGE"]), 2147483648)
        self.assertRegex(after["LANGUAGE"], r"^\d{6,10}$")

    def test_a_floor_from_an_older_server_is_kept(self):
        self.house.put("tones/ring.wav", "ring", "--section", "TONES", "--version", "2023081501")
        server = self.house.serve(doors=("tftp",))
        before = int(versions_of(self.manifest(server))["TONES"])
        self.assertGreaterEqual(before, 2023081501)
        self.house.put("tones/ring.wav", "rrring", "--section", "TONES")
        self.assertGreater(int(versions_of(self.manifest(server))["TONES"]), before)

    def test_events_are_there_within_a_second_and_can_be_followed(self):
        server = self.house.serve()
        follower = self.work.start([RINGFENCE, "events", "--follow", "--json", "--data", self.house.data])
        wait_until(lambda: follower.is_running(), "the follower")
        time.sleep(0.5)
        asked = time.monotonic()
        http_get(server.ports["http"], "/no-such-file")
        wait_until(lambda: "no-such-file" in follower.output(), "the event", 5)
        self.assertLess(time.monotonic() - asked, 1.5)
        follower.kill()


class Reload(Life):
    def challenge(self, server):
        return http_get(server.ports["https"], "/" + OWN_FILE, tls_context(self.house.root)).headers["www-authenticate"]

    def test_a_good_file_is_taken_whole_and_a_bad_one_not_at_all(self):
        server = self.house.serve()
        self.assertTrue(self.challenge(server).startswith("Basic "))
        good = (self.house.data / "ringfence.toml").read_text()

        for bad in ("this is [not toml", good + '\nno_such_setting = "x"\n', ""):
            with self.subTest(bad=bad[-40:]):
                (self.house.data / "ringfence.toml").write_text(bad)
                said = server.output()
                server.signal(signal.SIGHUP)
                wait_until(lambda: server.output() != said, "the server to say what is wrong")
                self.assertTrue(server.is_running())
                self.assertEqual(self.fetch(server, OWN_FILE).status, 200)
                self.assertEqual(self.house("check", code=1).code, 1)

        (self.house.data / "ringfence.toml").write_text(good)
        self.house.configure("challenge", "digest-md5")
        server.signal(signal.SIGHUP)
        wait_until(lambda: self.challenge(server).startswith("Digest "), "the new setting")
        self.assertEqual(self.fetch(server, OWN_FILE).status, 200)


class Drain(Life):
    def setUp(self):
        super().setUp()
        self.big = os.urandom(8 << 20)
        self.house.put("fw/big.lng", self.big, "--section", "LANGUAGE")

    def test_sigterm_lets_transfers_end_and_takes_no_new_ones(self):
        server = self.house.serve()
        ports = server.ports
        connections = {}
        for door, tls in (("http", None), ("https", tls_context(self.house.root))):
            connections[door] = connect(ports[door], tls)
            connections[door].sendall(http_request("/fw/big.lng"))
            connections[door].recv(10)
        client, reply, peer = tftp_ask(ports["tftp"], tftp_rrq("fw/big.lng", options=[("blksize", 1400)]))
        client.sendto(struct.pack("!HH", TFTP_ACK, 0), peer)
        client.recvfrom(65536)

        server.signal(signal.SIGTERM)
        wait_until(lambda: not is_listening(ports["http"]), "the door to close")
        self.assertTrue(server.is_running())
        for door, connection in connections.items():
            with self.subTest(door=door), connection:
                self.assertTrue(read_to_end(connection).endswith(self.big[-1000:]))
        content = self.finish(client, peer)
        self.assertEqual(content, self.big)
        self.assertEqual(server.wait(), 0)

    @staticmethod
    def finish(client, peer):
        """The rest of a TFTP transfer of which block 1 has come."""
        content, expected = b"", 1
        client.sendto(struct.pack("!HH", TFTP_ACK, 0), peer)
        with client:
            while True:
                packet, _ = client.recvfrom(65536)
                kind, number = struct.unpack("!HH", packet[:4])
                if kind == TFTP_DATA and number == expected & 0xFFFF:
                    content += packet[4:]
                    expected += 1
                    client.sendto(struct.pack("!HH", TFTP_ACK, number), peer)
                    if len(packet) < 1404:
                        return content

    def test_an_idle_server_ends_at_once(self):
        server = self.house.serve()
        started = time.monotonic()
        self.assertEqual(server.stop(), 0)
        self.assertLess(time.monotonic() - started, 5)

    def test_idle_connections_do_not_hold_it_up(self):
        server = self.house.serve()
        idle = [connect(server.ports[door]) for door in ("http", "https", "ftp")]
        started = time.monotonic()
        self.assertEqual(server.stop(), 0)
        self.assertLess(time.monotonic() - started, 15)
        for connection in idle:
            connection.close()


class SuddenDeath(Life):
    def test_kill_and_restart_keeps_everything(self):
        server = self.house.serve()
        cert = self.house.issue(MAC)
        self.house.set("AUTOLOGIN_ID_KEY01", "4711@voice.example.net", "--device", MAC)
        http_get(server.ports["http"], "/remembered")
        self.house.wait_for_event(lambda e: e.get("path") == "remembered", "the request")
        manifest, device_file = self.manifest(server), self.fetch(server, OWN_FILE).body
        before = {name: self.house(*command).out for name, command in {
            "devices": ("device", "list"), "files": ("file", "list"), "certificates": ("cert", "list"),
            "root": ("root", "show")}.items()}
        for round_number in range(3):
            server.kill()
            server = self.house.serve(ports=server.ports)
            self.assertEqual(self.manifest(server), manifest)
            self.assertEqual(self.fetch(server, OWN_FILE).body, device_file)
        self.assertIn("remembered", self.house("events").out)
        for name, command in {"devices": ("device", "list"), "files": ("file", "list"), "certificates": ("cert", "list"),
                              "root": ("root", "show")}.items():
            self.assertEqual(self.house(*command).out.splitlines()[0], before[name].splitlines()[0], name)
        answer = http_get(server.ports["https"], "/" + OWN_FILE,
                          tls_context(self.house.root, cert / "cert.pem", cert / "key.pem"))
        self.assertEqual(answer.body, device_file)
        self.house("cert", "revoke", MAC)
        server.kill()
        server = self.house.serve(ports=server.ports)
        done = run(["curl", "-sS", "--cacert", self.house.root, "--cert", cert / "cert.pem", "--key", cert / "key.pem",
                    server.url("https", OWN_FILE)])
        self.assertNotEqual(done.code, 0)
        self.house("check")

    def test_a_server_that_cannot_listen_says_so_and_ends(self):
        port = free_port()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", port))
            taken.listen()
            done = run([RINGFENCE, "serve", "--data", self.house.data, "--listen", f"http=127.0.0.1:{port}"])
        self.assertEqual(done.code, 1, done)
        self.assertIn(str(port), done.err)
        self.assertNotIn("ready", done.out.splitlines())


class Realm(Life):
    def test_another_realm_than_the_logins_was_made_for_is_refused_plainly(self):
        self.house.configure("realm", "other")
        done = self.house("serve", "--listen", f"http=127.0.0.1:{free_port()}", code=1)
        self.assertIn('bound to "ringfence"', done.err)
        self.assertIn('bound to "ringfence"', self.house("check", code=1).out)
        self.house("device", "add", "00:24:7F:0C:0C:0C", "--model", "1230", code=1)
        self.house.configure("realm", "ringfence")
        self.assertEqual(self.fetch(self.house.serve(), OWN_FILE).status, 200)


class BackupAndRestore(Life):
    def test_a_restored_installation_is_the_same_and_versions_never_fall(self):
        self.house.set("AUTOLOGIN_ID_KEY01", "4711@voice.example.net", "--device", MAC)
        cert = self.house.issue(MAC)
        server = self.house.serve()
        archive = self.work.path("backup")
        self.house.backup(archive)
        self.assertEqual(archive.stat().st_mode & 0o077, 0)

        # Phones see versions that the backup does not know.
        for words in ("bonsoir", "salut", "coucou"):
            self.house.put(PUBLIC, words, "--section", "LANGUAGE")
        seen = int(versions_of(self.manifest(server))["LANGUAGE"])
        server.stop()

        time.sleep(3.1)  # nobody changes more than one thing a second for long
        restored = self.house.restore(archive)
        self.assertEqual(restored.root.read_bytes(), self.house.root.read_bytes())
        restored("check")
        again = restored.serve()
        self.assertEqual(tftp_get(again.ports["tftp"], PUBLIC), b"bonjour")
        self.assertGreater(int(versions_of(self.manifest(again))["LANGUAGE"]), seen)
        self.assertIn(b"4711", self.fetch(again, OWN_FILE).body)
        answer = http_get(again.ports["https"], "/" + OWN_FILE,
                          tls_context(self.house.root, cert / "cert.pem", cert / "key.pem"))
        self.assertEqual(answer.status, 200)

    def test_what_was_taken_away_since_the_backup_stays_away(self):
        cert = self.house.issue(MAC)
        other = "00:24:7F:0B:0B:0B"
        self.house.add_device(other)
        self.house("window", "open", "--minutes", "60", "--net", "127.0.0.0/8")
        archive = self.work.path("backup-before")
        self.house.backup(archive)
        self.house("cert", "revoke", MAC)
        self.house("device", "remove", other)
        floor = 1900000000
        self.house("version", "floor", str(floor))

        unaware = copy.copy(self.house)
        unaware.data = self.work.path("unaware")
        done = unaware("restore", "--from", archive)
        self.assertIn("must be revoked, removed and changed again", done.out)
        self.assertIn("version floor", done.out)
        self.assertEqual([w["state"] for w in unaware.json_lines("window", "list")], ["closed"])
        unaware.wait_for_event(lambda e: e["outcome"] == "restored" and "again" in e["detail"], "restored")

        aware = copy.copy(self.house)
        aware.data = self.work.path("aware")
        done = aware.json("restore", "--from", archive, "--previous", self.house.data)
        self.assertEqual((done["revoked"], done["removed_devices"], done["windows_closed"]), (1, 1, 1))
        self.assertGreater(done["last_version"], floor)
        self.assertNotIn(other, [d["mac"] for d in aware.json_lines("device", "list")])
        server = aware.serve()
        self.assertNotEqual(http_get(server.ports["http"], "/" + OWN_FILE).status, 200)
        shown = http_get(server.ports["https"], "/" + OWN_FILE,
                         tls_context(self.house.root, cert / "cert.pem", cert / "key.pem"))
        self.assertEqual(shown.status, 0, "the handshake with a revoked certificate must fail")

    def test_a_damaged_or_misplaced_backup_is_refused(self):
        archive = self.work.path("backup")
        self.house.backup(archive)
        whole = archive.read_bytes()
        for damaged in (whole[:len(whole) // 2], whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:], b"", b"not a backup"):
            bad = self.work.path("bad-backup")
            bad.write_bytes(damaged)
            target = self.work.path("restored")
            done = run([RINGFENCE, "restore", "--from", bad, "--data", target])
            self.assertEqual(done.code, 1, done)
            self.assertFalse(target.exists() and any(target.iterdir()), "something was half restored")
        done = run([RINGFENCE, "restore", "--from", archive, "--data", self.house.data])
        self.assertEqual(done.code, 1, "a living installation was overwritten")


class CommandLine(Life):
    def test_exit_codes(self):
        self.assertEqual(run([RINGFENCE, "--help"]).code, 0)
        self.assertEqual(run([PHONE, "--help"]).code, 0)
        for misuse in ([], ["no-such-command"], ["device", "add"], ["device", "add", MAC, "--no-such-option"],
                       ["serve", "--listen", "http=nowhere"], ["window", "open"]):
            with self.subTest(misuse=misuse):
                self.assertEqual(run([RINGFENCE, *misuse, "--data", self.house.data] if misuse else [RINGFENCE]).code, 2)
        for refused in (["device", "add", MAC, "--model", "1230"], ["device", "add", "00:24:7F:01:02:CE", "--model", "9999"],
                        ["device", "show", "00:24:7F:FF:FF:FF"], ["file", "remove", "no/such.file"],
                        ["cert", "issue", "00:24:7F:FF:FF:FF", "--out", self.work.path("never")]):
            with self.subTest(refused=refused):
                done = self.house(*refused, code=1)
                self.assertRegex(done.err, r"\w+ \w+")
        done = run([RINGFENCE, "device", "list", "--data", self.work.path("nowhere")])
        self.assertEqual(done.code, 1, done)

    def test_every_command_has_help_and_json(self):
        for command in (["init"], ["check"], ["serve"], ["device", "add"], ["device", "list"], ["device", "show"],
                        ["device", "remove"], ["site", "add"], ["site", "list"], ["site", "remove"], ["setting", "set"],
                        ["setting", "unset"], ["setting", "show"], ["render"], ["file", "put"], ["file", "list"],
                        ["file", "remove"], ["window", "open"], ["window", "close"], ["window", "list"], ["cert", "issue"],
                        ["cert", "revoke"], ["cert", "list"], ["root", "show"], ["events"], ["backup"], ["restore"],
                        ["import", "tftpdir"]):
            with self.subTest(command=command):
                done = run([RINGFENCE, *command, "--help"])
                self.assertEqual(done.code, 0, done)
                self.assertIn("--json", done.out)

    def test_values_that_a_phone_would_misread_are_refused_when_set(self):
        for value in ("name # comment", "gr\u00fcn", " edge", "edge ", "x" * 100, "two\nlines"):
            with self.subTest(value=value):
                done = self.house("setting", "set", "SIP_DOMAIN1", "--value-file", "-", "--global", input=value, code=1)
                self.assertTrue(done.err.strip())
        self.house("setting", "set", "NO_SUCH_SETTING", "x", "--global", code=1)

    def test_the_root_is_shown_by_the_fingerprint_of_the_file(self):
        sha1 = hashlib.sha1(self.house.root.read_bytes()).hexdigest().upper()
        shown = self.house("root", "show").out.replace(":", "").replace(" ", "").upper()
        self.assertIn(sha1, shown)
        self.assertIn(sha1[:20], shown)


if __name__ == "__main__":
    unittest.main()
