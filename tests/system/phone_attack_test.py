"""Attackers on the phone's own wire: each is refused, the report says why in plain words, and the phone keeps what it
has, byte for byte. Phone, server and attacker are nodes on one bridge; the attacker can take the server's address."""

import contextlib
import hashlib
import shutil
import socket
import struct
import threading
import unittest

from foreign import NEEDS_LOGIN, PHONE_LOGIN, Pki, start_nginx, start_tftpd, tls_server
from harness import PATIENCE, WAIT, Installation
from namespaces import move, need_network
from phone_boot import MAC, OWN_FILE, PhoneTest, fingerprint

PHONE_ADDRESS, SERVER_ADDRESS, HIDDEN_ADDRESS = "10.77.0.2", "10.77.0.10", "10.77.0.11"
ATTACKER_ADDRESS, RELAY_ADDRESS = "10.77.0.66", "10.77.0.67"
OTHER_MAC, OTHER_FILE = "00:24:7F:01:02:AC", "SIP00247F0102AC.cfg"
TFTP_DATA = 3
FILE_SIZE = 40_000
NO_CUT = (None, 0, 0, None)
POLL = 0.1  # seconds between two looks at whether the test is over
# Seconds of silence after which the phone gives up, as few as its machine allows.
IMPATIENT = ["--patience", str(int(PATIENCE))]


class Relay:
    """The attacker's end of the wire while he holds the server's address: everything is handed on to the server's
    hidden address, and the transfer of the chosen number (from 0) of a protocol is cut behind so many bytes."""

    def __init__(self, node, ports, cut):
        self.node = node
        self.protocol, self.number, self.bytes, self.how = cut
        self.seen = {name: 0 for name in ports}
        self.lock = threading.Lock()
        self.was_cut = threading.Event()
        self.is_closing = False
        self.sockets = []
        self.threads = []
        for name, port in ports.items():
            kind = socket.SOCK_DGRAM if name == "tftp" else socket.SOCK_STREAM
            listener = self._socket(kind)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((SERVER_ADDRESS, port))
            if kind == socket.SOCK_STREAM:
                listener.listen()
            self._start(self._answer if name == "tftp" else self._accept, listener, name, port)

    def _socket(self, kind):
        with self.node.entered():
            return self._keep(socket.socket(socket.AF_INET, kind))

    def _keep(self, made):
        made.settimeout(POLL)  # so that every thread sees close()
        self.sockets.append(made)
        return made

    def _start(self, action, *arguments):
        thread = threading.Thread(target=action, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _is_chosen(self, name):
        with self.lock:
            number = self.seen[name]
            self.seen[name] += 1
        return (name, number) == (self.protocol, self.number)

    def _accept(self, listener, name, port):
        while not self.is_closing:
            try:
                phone, _ = listener.accept()
            except TimeoutError:
                continue
            self._keep(phone)
            server = self._socket(socket.SOCK_STREAM)
            server.settimeout(WAIT)
            server.connect((HIDDEN_ADDRESS, port))
            server.settimeout(POLL)
            self._start(self._pass, phone, server, None)
            self._start(self._pass, server, phone, self.bytes if self._is_chosen(name) else None)

    def _pass(self, source, target, limit):
        passed = 0
        while not self.is_closing:
            try:
                data = source.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                return
            if limit is not None and passed + len(data) > limit:
                with contextlib.suppress(OSError):
                    target.sendall(data[:limit - passed])
                self.was_cut.set()
                if self.how == "reset":
                    target.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    target.close()
                return  # otherwise silence
            passed += len(data)
            try:
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    return
                target.sendall(data)
            except OSError:
                return

    def _answer(self, listener, name, port):
        while not self.is_closing:
            try:
                request, phone = listener.recvfrom(2048)
            except TimeoutError:
                continue
            self._start(self._transfer, request, phone, port, self.bytes if self._is_chosen(name) else None)

    def _transfer(self, request, phone, port, limit):
        server, answering = self._socket(socket.SOCK_DGRAM), self._socket(socket.SOCK_DGRAM)
        answering.bind((SERVER_ADDRESS, 0))
        server.sendto(request, (HIDDEN_ADDRESS, port))
        peer, passed = None, 0
        while not self.is_closing:
            with contextlib.suppress(TimeoutError):
                packet, peer = server.recvfrom(2048)
                if limit is not None and passed >= limit:
                    self.was_cut.set()
                    return
                passed += len(packet) - 4 if packet[1] == TFTP_DATA else 0
                answering.sendto(packet, phone)
            with contextlib.suppress(TimeoutError):
                if peer:
                    server.sendto(answering.recvfrom(2048)[0], peer)

    def close(self):
        self.is_closing = True
        for thread in self.threads:
            thread.join()
        for each in self.sockets:
            each.close()


class Attack(PhoneTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        network = need_network(cls.work)
        cls.phone = network.add(PHONE_ADDRESS)
        cls.server = network.add(HIDDEN_ADDRESS, SERVER_ADDRESS)
        cls.attacker, cls.relay = network.add(ATTACKER_ADDRESS), network.add(RELAY_ADDRESS)
        pki = Pki(cls.work.path("pki"))
        cls.root, cls.rogue = pki.authority("root"), pki.authority("rogue")
        san = f"IP:{SERVER_ADDRESS}"
        own = pki.issue("server", cls.root, san=san)
        cls.www = cls.work.folder / "www"
        cls.evil = cls.work.folder / "evil"
        for folder in (cls.www, cls.evil):
            folder.mkdir()
        cls.nginx = cls.start_web(cls.www, cls.server, [tls_server(443, *own, NEEDS_LOGIN, "0.0.0.0")])
        start_tftpd(cls.work, cls.www, "0.0.0.0", 69, cls.server.enter)
        # What the attacker's HTTPS presents, one port each; his certificate from the right authority is for his name.
        cls.rogue_certificates = {
            "self-signed": pki.issue("selfmade", san=san),
            "unknown issuer": pki.issue("stranger", cls.rogue, san=san),
            "wrong name": pki.issue("colleague", cls.root, san=f"IP:{ATTACKER_ADDRESS}"),
            "expired": pki.issue("former", cls.root, san=san, begins=-10, ends=-1),
        }
        cls.rogue_ports = {reason: 4430 + i for i, reason in enumerate(cls.rogue_certificates)}
        cls.evil_nginx = cls.start_web(cls.evil, cls.attacker, [
            tls_server(cls.rogue_ports[reason], *pair, NEEDS_LOGIN, "0.0.0.0")
            for reason, pair in cls.rogue_certificates.items()])
        start_tftpd(cls.work, cls.evil, "0.0.0.0", 69, cls.attacker.enter)
        cls.accept = ["--accept-fingerprint", fingerprint(cls.root[0])]

    @classmethod
    def start_web(cls, www, node, tls):
        child = start_nginx(cls.work, www, ["listen 0.0.0.0:80;", *tls], node.enter)
        with node.entered():
            child.wait_for_port(443 if node is cls.server else 80)
        return child

    def setUp(self):
        super().setUp()
        self.ports = {}
        self.login = ["--device-id", PHONE_LOGIN[0], "--password-file",
                      self.work.write("password", PHONE_LOGIN[1], 0o600)]
        for folder in (self.www, self.evil):
            for path in folder.iterdir():
                path.unlink()

    def command(self, url, *options, **more):
        return [*self.phone.command(), *super().command(url, *options, **more)]

    @staticmethod
    def put(folder, files):
        for name, content in files.items():
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    def publish(self, files):
        self.put(self.www, files)

    def plant(self, files):
        self.put(self.evil, files)

    ROOT_AND_OWN = ("[USER_KEYS]\nFILENAME root.pem\n"
                    "[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL HTTPS\n")

    def be_provisioned(self):
        """An honest boot that leaves root, settings and the phone's own file; returns all that is held."""
        self.publish({"root.pem": self.root[0].read_bytes(), "fw.bin": b"genuine firmware",
                      "site.cfg": "BANNER genuine\nSNTP_SERVER ntp.example\n",
                      OWN_FILE: "AUTOLOGIN_ID_KEY01 4711\nAUTOLOGIN_PASSWD_KEY01 canary-sip-4418\n",
                      "1230SIP.cfg": self.ROOT_AND_OWN +
                      "[DEVICE_CONFIG]\nVERSION 000005\nPROTOCOL HTTPS\nFILENAME site.cfg\n"
                      "[FW]\nVERSION 000005\nPROTOCOL HTTP\nFILENAME fw.bin\n"})
        self.boot(f"tftp://{SERVER_ADDRESS}", *self.accept, *self.login)
        return self.everything()

    def everything(self):
        """What counts on the phone, with the bytes of every file."""
        shown = self.show()
        contents = {path.name: path.read_bytes() for path in (self.state / "files").iterdir()}
        return self.held(), shown["versions"], shown["settings"], shown["roots"], contents

    @contextlib.contextmanager
    def taken_over(self, taker=None):
        """The attacker, or another, holds the server's address meanwhile."""
        taker = taker or self.attacker
        move(SERVER_ADDRESS, giver=self.server, taker=taker, witness=self.phone)
        try:
            yield
        finally:
            move(SERVER_ADDRESS, giver=taker, taker=self.server, witness=self.phone)

    def assert_refused(self, booted, name, sentence, action="refused"):
        entry = booted.files[name]
        self.assertEqual(entry["action"], action, entry)
        self.assertRegex(entry["reason"], sentence)

    # ---- another root

    def test_another_root_as_the_first(self):
        self.plant({"root.pem": self.rogue[0].read_bytes()})
        for protocol in ("TFTP", "HTTP"):
            for options, how in (([], "nobody was there"), (self.accept, "not the one given")):
                with self.subTest(protocol=protocol, options=options):
                    self.state = self.work.path("flash")
                    self.plant({"1230SIP.cfg": f"[USER_KEYS]\nPROTOCOL {protocol}\nFILENAME root.pem\n"})
                    booted = self.boot(f"{protocol.lower()}://{ATTACKER_ADDRESS}", *options, code=1)
                    sentence = f"fingerprint of the root file was not accepted.*{how}"
                    self.assert_refused(booted, "root.pem", sentence)
                    self.assertEqual((self.held(), self.show()["roots"]), ({}, []))

    def test_another_root_later(self):
        before = self.be_provisioned()
        self.plant({"root.pem": self.rogue[0].read_bytes(), "other.pem": self.rogue[0].read_bytes()})
        with self.taken_over():
            for name in ("root.pem", "other.pem"):
                for mode in ("AUTO", "FORCED"):
                    for protocol in ("TFTP", "HTTP"):
                        with self.subTest(name=name, mode=mode, protocol=protocol):
                            self.plant({"1230SIP.cfg": f"[USER_KEYS]\nVERSION 999999\nDOWNLOAD_MODE {mode}\n"
                                        f"PROTOCOL {protocol}\nFILENAME {name}\n"})
                            # Even if somebody answers for it.
                            booted = self.boot(f"tftp://{SERVER_ADDRESS}", "--accept-fingerprint",
                                               fingerprint(self.rogue[0]), code=1)
                            self.assert_refused(booted, name, "root certificate is already installed.*only if it is signed")
                            self.assertEqual(self.everything(), before)

    # ---- another HTTPS server

    def test_https_servers_that_are_not_ours(self):
        before = self.be_provisioned()
        self.plant({"1230SIP.cfg": self.ROOT_AND_OWN.replace("000001", "000009"), OWN_FILE: "VMAIL evil\n",
                    "root.pem": self.root[0].read_bytes()})
        with self.taken_over():
            for reason, port in self.rogue_ports.items():
                with self.subTest(certificate=reason):
                    self.ports = {"https": port}
                    booted = self.boot(f"tftp://{SERVER_ADDRESS}", *self.login, code=1)
                    self.assert_refused(booted, OWN_FILE, reason)
                    self.assertEqual(self.everything(), before)
                    self.assertNotIn(f"{port} ", self.evil_nginx.access_log.read_text(), "no request, so no password")
        self.ports = {}
        self.boot(f"tftp://{SERVER_ADDRESS}", *self.login)

    # ---- old manifests and versions

    def test_a_replayed_manifest(self):
        self.be_provisioned()
        # What the attacker saw go by, with the files of that day.
        for path in self.www.iterdir():
            (self.evil / path.name).write_bytes(path.read_bytes())
        (self.evil / OWN_FILE).unlink()
        self.publish({"site.cfg": "BANNER newer\n", "fw.bin": b"newer firmware"})
        manifest = (self.www / "1230SIP.cfg").read_text()
        self.publish({"1230SIP.cfg": manifest.replace("000005", "000006")})
        self.boot(f"tftp://{SERVER_ADDRESS}", *self.login)
        before = self.everything()
        with self.taken_over():
            booted = self.boot(f"tftp://{SERVER_ADDRESS}", *self.login, code=1)
            self.assert_refused(booted, "fw.bin", "000005.*000006", "kept")
            self.assert_refused(booted, "site.cfg", "000005.*000006", "kept")
            self.assert_refused(booted, OWN_FILE, "does not take the connection", "failed")
            self.assertEqual(self.everything(), before)

    def test_versions_made_up(self):
        before = self.be_provisioned()
        self.plant({"fw.bin": b"evil firmware", "site.cfg": "BANNER evil\n", OWN_FILE: "VMAIL evil\n"})
        with self.taken_over():
            for mode, version in (("AUTO", "000004"), ("AUTO", "000000"), ("AUTO", "-1"), ("AUTO", "")):
                with self.subTest(mode=mode, version=version):
                    lines = f"DOWNLOAD_MODE {mode}\nVERSION {version}\n"
                    self.plant({"1230SIP.cfg": f"[FW]\n{lines}FILENAME fw.bin\n"})
                    booted = self.boot(f"tftp://{SERVER_ADDRESS}")
                    self.assert_refused(booted, "fw.bin", "version", "kept")
                    self.assertEqual(self.everything(), before)
            for mode, version in (("AUTO", "2147483647"), ("FORCED", "000001")):
                with self.subTest(mode=mode, version=version):
                    lines = f"DOWNLOAD_MODE {mode}\nVERSION {version}\n"
                    self.plant({"1230SIP.cfg": f"[USER_CONFIG]\n{lines}[DEVICE_CONFIG]\n{lines}"
                                "FILENAME site.cfg\n"})
                    booted = self.boot(f"tftp://{SERVER_ADDRESS}", *self.login, code=1)
                    for name in ("site.cfg", OWN_FILE):
                        self.assert_refused(booted, name, "came over https before and is not taken over tftp")
                    self.assertEqual(self.everything(), before)

    # ---- another phone's file

    def test_another_phones_file_over_a_clear_wire(self):
        before = self.be_provisioned()
        others = "AUTOLOGIN_ID_KEY01 4712\n"
        self.plant({OWN_FILE: others, OTHER_FILE: others})
        with self.taken_over():
            for protocol in ("TFTP", "HTTP"):
                for name in (OWN_FILE, OTHER_FILE):
                    with self.subTest(protocol=protocol, name=name):
                        self.plant({"1230SIP.cfg": "[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 000001\n"
                                    f"PROTOCOL {protocol}\nFILENAME {name}\n"})
                        booted = self.boot(f"tftp://{SERVER_ADDRESS}", *self.login, code=1)
                        self.assert_refused(booted, name,
                                            f"came over https before and is not taken over {protocol.lower()}")
                        self.assertEqual(self.everything(), before)

    # ---- the wire is cut

    def test_a_wire_that_is_cut_in_the_middle_of_each_file(self):
        old = self.be_provisioned()
        filler = "# filler\n" * (FILE_SIZE // 10)
        self.publish({"site.cfg": "BANNER newer\n" + filler, "fw.bin": b"f" * FILE_SIZE, "tone.wav": b"t" * FILE_SIZE,
                      OWN_FILE: "AUTOLOGIN_ID_KEY01 4719\n" + filler})
        # In the order of the walk; [USER_KEYS] first, so that the root is met again.
        self.publish({"1230SIP.cfg": self.ROOT_AND_OWN +
                      "[DEVICE_CONFIG]\nVERSION 000006\nPROTOCOL HTTPS\nFILENAME site.cfg\n"
                      "[TONES]\nVERSION 000006\nPROTOCOL TFTP\nFILENAME tone.wav\n"
                      "[FW]\nVERSION 000006\nPROTOCOL HTTP\nFILENAME fw.bin\n" + filler})
        start = self.state
        middle = FILE_SIZE // 2
        files = {"1230SIP.cfg": ("tftp", 0, middle), "root.pem": ("tftp", 1, 1), OWN_FILE: ("https", 0, middle),
                 "site.cfg": ("https", 1, middle), "tone.wav": ("tftp", 2, middle), "fw.bin": ("http", 0, middle)}
        with self.taken_over(self.relay):
            for name, (protocol, number, at) in files.items():
                for how in ("silence",) if protocol == "tftp" else ("silence", "reset"):
                    with self.subTest(file=name, how=how):
                        self.cut_and_mend(start, old, name, (protocol, number, at, how))

    @contextlib.contextmanager
    def relaying(self, cut):
        relay = Relay(self.relay, {"tftp": 69, "http": 80, "https": 443}, cut)
        try:
            yield relay
        finally:
            relay.close()

    def cut_and_mend(self, start, old, name, cut):
        self.state = self.work.path("flash")
        shutil.copytree(start, self.state)
        with self.relaying(cut) as relay:
            booted = self.boot(f"tftp://{SERVER_ADDRESS}", *self.login, *IMPATIENT, code=1)
        self.assertTrue(relay.was_cut.is_set())
        entry = booted.manifest if name == "1230SIP.cfg" else booted.files[name]
        self.assertEqual(entry["action"], "failed", booted.done)
        self.assertRegex(entry["reason"], "cut short|sent nothing for|in time|reset|ended the TLS")
        others = [entry["action"] for entry in booted.sections if entry["file"] != name]
        self.assertLessEqual(set(others), {"fetched", "kept"}, booted.done)
        held, versions, settings, roots, contents = self.everything()
        files, old_versions, old_settings, old_roots, old_contents = old
        self.assertEqual(roots, old_roots)
        for (section, file), digest in files.items():
            if file != name and name != "1230SIP.cfg":
                continue
            self.assertEqual(held[(section, file)], digest)
            self.assertEqual(contents[digest], old_contents[digest])
            self.assertEqual(versions.get(section), old_versions.get(section))
        self.assertEqual(("TONES", "tone.wav") in held, name not in ("tone.wav", "1230SIP.cfg"))
        if name == "1230SIP.cfg":
            self.assertEqual((versions, settings), (old_versions, old_settings))
        with self.relaying(NO_CUT):
            self.boot(f"tftp://{SERVER_ADDRESS}", *self.login)
        self.assertEqual(self.held()[("TONES", "tone.wav")], hashlib.sha256(b"t" * FILE_SIZE).hexdigest())


class AskedForAnother(PhoneTest):
    """Over HTTPS the server decides whose file it hands out: ours refuses another phone's."""

    def test_another_phones_file_over_https(self):
        network = need_network(self.work)
        phone, server, attacker = (network.add(a) for a in (PHONE_ADDRESS, SERVER_ADDRESS, ATTACKER_ADDRESS))
        house = Installation(self.work, address=SERVER_ADDRESS)
        user, password = house.add_device(MAC)
        house.add_device(OTHER_MAC)
        for mac, number in ((MAC, "4711"), (OTHER_MAC, "4712")):
            house.set("AUTOLOGIN_ID_KEY01", number, "--device", mac)
        house.serve(("http", "https"), (SERVER_ADDRESS,), {"http": 80, "https": 443}, server.enter)
        evil = self.work.folder / "evil"
        evil.mkdir()
        start_tftpd(self.work, evil, ATTACKER_ADDRESS, 69, attacker.enter)
        manifest = f"{Attack.ROOT_AND_OWN}SERVER_IP {SERVER_ADDRESS}\nFILENAME {{name}}\n"
        (evil / "root.pem").write_bytes(house.root.read_bytes())
        self.command = lambda url, *options, **more: [
            *phone.command(), *PhoneTest.command(self, url, *options, **more)]
        options = ["--accept-fingerprint", fingerprint(house.root), "--device-id", user, "--password-file",
                   self.work.write("password", password, 0o600)]
        (evil / "1230SIP.cfg").write_text(manifest.format(name=OWN_FILE))
        self.boot(f"tftp://{ATTACKER_ADDRESS}", *options)
        before = self.held(), self.show()["settings"]
        self.assertEqual(before[1]["AUTOLOGIN_ID_KEY01"]["value"], "4711")
        (evil / "1230SIP.cfg").write_text(manifest.format(name=OTHER_FILE))
        booted = self.boot(f"tftp://{ATTACKER_ADDRESS}", *options, code=1)
        self.assertEqual(booted.files[OTHER_FILE]["action"], "failed")
        self.assertRegex(booted.files[OTHER_FILE]["reason"], "login|status 403|no such file")
        self.assertEqual((self.held(), self.show()["settings"]), before)


if __name__ == "__main__":
    unittest.main()
