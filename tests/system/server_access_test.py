"""The access table, walked cell by cell on every door; and what is unknown beside what is forbidden, byte for byte."""

import base64
import itertools
import re
import ssl
import struct
import unittest

from harness import Installation, SystemTest
from wire import (TFTP_ACK, TFTP_DATA, TFTP_ERROR, FtpControl, TftpRefused, http_get, tftp_ask, tftp_get, tftp_give_up,
                  tftp_refusal, tftp_rrq, tls_context)

OWN, OTHER, UNKNOWN = "00:24:7F:01:02:AB", "00:24:7F:01:02:CD", "00:24:7F:FF:FF:FF"

FILES = {
    "public": "lang/French.lng",
    "internal": "common/shared.cfg",
    "secret": "SIP00247F0102AB.cfg",
    "manifest with a login": "1220SIP.cfg",
}

MANIFEST_WITH_LOGIN = """[USER_CONFIG]
DOWNLOAD_MODE FORCED
VERSION 000001
PROTOCOL HTTPS
SRV_USER_NAME fleet
SRV_USER_PASS not-a-real-one
"""

HTTPS_DOORS = ("https", "https-legacy")
CLEAR_DOORS = ("tftp", "ftp", "http")

# The table of docs/TRUST.md as the asker sees it: rows are classes; True is served. A secret is OWN's file.
#   wire and proof                  public  internal secret manifest with a login
WITHOUT_WINDOW = {
    ("clear", "none"):              (True,  False,   False, False),
    ("clear", "own password"):      (True,  False,   False, False),
    ("https", "none"):              (True,  False,   False, False),
    ("https", "wrong password"):    (True,  False,   False, False),
    ("https", "site login"):        (True,  True,    False, False),
    ("https", "own password"):      (True,  True,    True,  True),
    ("https", "other password"):    (True,  True,    False, True),
    ("https", "own certificate"):   (True,  True,    True,  True),
    ("https", "other certificate"): (True,  True,    False, True),
}
# Inside a window, on its networks, internal files open on every wire; secrets do not.
INSIDE_WINDOW = {
    ("clear", "none"):              (True,  True,    False, False),
    ("clear", "own password"):      (True,  True,    False, False),
    ("https", "none"):              (True,  True,    False, False),
    ("https", "wrong password"):    (True,  True,    False, False),
    ("https", "site login"):        (True,  True,    False, False),
    ("https", "own password"):      (True,  True,    True,  True),
    ("https", "other password"):    (True,  True,    False, True),
    ("https", "own certificate"):   (True,  True,    True,  True),
    ("https", "other certificate"): (True,  True,    False, True),
}
# A window that hands out the bootstrap login opens manifests that carry one as well.
INSIDE_WINDOW_WITH_LOGIN = {asker: (public, internal, secret, True)
                            for asker, (public, internal, secret, _) in INSIDE_WINDOW.items()}


class AccessTest(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.house = Installation(cls.work)
        site_login = cls.house.add_site("berlin", "198.51.100.0/24", login=True)
        cls.logins = {"own password": cls.house.add_device(OWN, "1230", "--site", "berlin"),
                      "other password": cls.house.add_device(OTHER, "1230", "--site", "berlin")}
        cls.logins["wrong password"] = (cls.logins["own password"][0], "not-the-password")
        cls.logins["site login"] = site_login
        cls.house.set("AUTOLOGIN_ID_KEY01", "4711@voice.example.net", "--device", OWN)
        cls.house.put(FILES["public"], "public words", "--section", "LANGUAGE")
        cls.house.put(FILES["internal"], "SNTP_ENABLE YES\n", "--section", "DEVICE_CONFIG")
        cls.house.put(FILES["manifest with a login"], MANIFEST_WITH_LOGIN)
        cls.contexts = {(door, proof): cls.context(cls.house.issue(mac, "rsa2048", door)) for door in HTTPS_DOORS
                        for proof, mac in (("own certificate", OWN), ("other certificate", OTHER))}
        cls.plain_context = cls.context()
        cls.server = cls.house.serve(doors=CLEAR_DOORS + HTTPS_DOORS)
        cls.ports = cls.server.ports

    @classmethod
    def context(cls, folder=None):
        """Python's TLS at a security level that the legacy lane can meet as well."""
        context = tls_context(cls.house.root)
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        if folder:
            context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        return context

    def basic(self, proof):
        user, password = self.logins[proof]
        return b"Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode())

    def https(self, door, proof, path, method="GET"):
        headers = [self.basic(proof)] if proof in self.logins else []
        return http_get(self.ports[door], "/" + path, self.contexts.get((door, proof), self.plain_context), headers, method)

    def ask_http(self, proof, path):
        headers = [self.basic(proof)] if proof in self.logins else []
        return http_get(self.ports["http"], "/" + path, None, headers)

    def ask_ftp(self, proof, path):
        with FtpControl(self.ports["ftp"]) as ftp:
            user, password = self.logins.get(proof, ("anonymous", ""))
            self.assertTrue(ftp.log_in(user, password).startswith(b"230"))
            return ftp.get(path)

    def is_served(self, door, proof, path):
        """Whether the content came; a refusal must be the one that the table prescribes."""
        if door == "tftp":
            try:
                return bool(tftp_get(self.ports["tftp"], path))
            except TftpRefused as refused:
                self.assertEqual(refused.code, 1)
                return False
        if door == "ftp":
            reply, content = self.ask_ftp(proof, path)
            self.assertTrue(content or reply.startswith(b"550"), reply)
            return bool(content)
        if door == "http":
            answer = self.ask_http(proof, path)
            self.assertIn(answer.status, (200, 404))
            self.assertNotIn("www-authenticate", answer.headers)
            return answer.status == 200
        answer = self.https(door, proof, path)
        refused = 401 if proof in ("none", "wrong password") else 404
        self.assertIn(answer.status, (200, refused))
        self.assertEqual("www-authenticate" in answer.headers, answer.status == 401)
        return answer.status == 200

    def close_windows(self):
        for window in self.house.json_lines("window", "list"):
            if window["state"] in ("open", "full"):
                self.house("window", "close", str(window["id"]))


class Retired(AccessTest):
    def ends_handshake(self, door, path):
        """Whether OWN's certificate does; TLS 1.3 tells the client only when it reads the answer."""
        try:
            return self.https(door, "own certificate", path).status == 0
        except ssl.SSLError:
            return True

    def test_a_retired_set_is_let_in_nowhere(self):
        own = FILES["secret"]
        for proof in ("own password", "own certificate"):
            self.assertTrue(self.is_served("https", proof, own))
        self.house("device", "retire", OWN)
        for door in HTTPS_DOORS:
            self.assertEqual(self.https(door, "own password", own).status, 401)
            self.assertTrue(self.ends_handshake(door, own))
        for door in CLEAR_DOORS:
            self.assertFalse(self.is_served(door, "own password", own))
        self.assertTrue(self.is_served("https", "other certificate", FILES["internal"]))


class Table(AccessTest):
    def walk(self, table):
        for (wire, proof), row in table.items():
            for door in CLEAR_DOORS if wire == "clear" else HTTPS_DOORS:
                for (content_class, path), expected in zip(FILES.items(), row):
                    with self.subTest(door=door, proof=proof, content=content_class):
                        self.assertEqual(self.is_served(door, proof, path), expected)

    def test_every_cell_without_a_window(self):
        self.walk(WITHOUT_WINDOW)

    def walk_inside(self, table, *options, net="127.0.0.0/8"):
        self.house("window", "open", "--minutes", "5", "--net", net, *options)
        try:
            self.walk(table)
        finally:
            self.close_windows()

    def test_every_cell_inside_a_window_and_after_it(self):
        self.walk_inside(INSIDE_WINDOW)
        self.assertFalse(self.is_served("tftp", "none", FILES["internal"]))

    def test_every_cell_inside_a_window_that_hands_out_the_login_and_after_it(self):
        self.walk_inside(INSIDE_WINDOW_WITH_LOGIN, "--bootstrap-login")
        self.assertFalse(self.is_served("tftp", "none", FILES["manifest with a login"]))

    def test_every_cell_inside_a_window_for_the_device_that_the_address_named(self):
        tftp_refusal(self.ports["tftp"], FILES["secret"])
        self.walk_inside(INSIDE_WINDOW, "--device", OWN)

    def test_a_window_for_another_device_opens_nothing(self):
        tftp_refusal(self.ports["tftp"], FILES["secret"])
        self.walk_inside(WITHOUT_WINDOW, "--device", OTHER, "--bootstrap-login")

    def test_a_window_elsewhere_opens_nothing_here(self):
        self.walk_inside(WITHOUT_WINDOW, net="203.0.113.0/24")


class CountedWindow(AccessTest):
    """Who uses up a window's --count: sets of the inventory and addresses, each once, and nobody who is not there."""

    def setUp(self):
        self.house("window", "open", "--minutes", "5", "--net", "127.0.0.0/8", "--count", "1")
        self.addCleanup(self.close_windows)

    def used(self):
        return self.house.json_lines("window", "list")[0]["used"]

    def test_made_up_macs_of_one_address_are_one_visitor(self):
        for i in range(3):
            self.assertEqual(http_get(self.ports["http"], f"/SIP0000000000A{i}.cfg").status, 404)
            self.assertTrue(self.is_served("http", "none", FILES["internal"]))
        self.assertEqual(self.used(), 1)

    def test_a_sender_that_never_answers_counts_as_nobody(self):
        for host in range(2, 5):
            client, reply, _ = tftp_ask(self.ports["tftp"], tftp_rrq(FILES["internal"]), source=f"127.0.0.{host}")
            client.close()
            self.assertEqual(reply[:2], b"\0\3")
        self.assertEqual(self.used(), 0)
        self.assertTrue(self.is_served("tftp", "none", FILES["internal"]))
        self.assertEqual(self.used(), 1)

        with self.assertRaises(TftpRefused):
            tftp_get(self.ports["tftp"], FILES["internal"], source="127.0.0.9")
        self.house.wait_for_event(lambda e: e["source"] == "127.0.0.9" and re.search(r"window \d+ is full", e["detail"]),
                                  "the full window")

    def test_a_window_that_fills_up_ends_the_transfer_at_its_first_acknowledgement(self):
        path = "licence.lic"
        self.house.put(path, "x" * 1500, "--section", "LICENSING")
        first, _, first_peer = tftp_ask(self.ports["tftp"], tftp_rrq(path), source="127.0.0.2")
        second, _, second_peer = tftp_ask(self.ports["tftp"], tftp_rrq(path), source="127.0.0.3")
        with first, second:
            first.sendto(struct.pack("!HH", TFTP_ACK, 1), first_peer)
            self.assertEqual(first.recv(1024)[:4], struct.pack("!HH", TFTP_DATA, 2))
            second.sendto(struct.pack("!HH", TFTP_ACK, 1), second_peer)
            self.assertEqual(second.recv(1024)[:4], struct.pack("!HH", TFTP_ERROR, 1))
            tftp_give_up(first, first_peer)


class UnknownAndForbidden(AccessTest):
    """The forbidden is a file that exists and belongs to another; the unknown was never there."""

    forbidden = "SIP00247F0102CD.cfg"
    unknown = "SIP00247FFFFFFF.cfg"
    pairs = ((forbidden, unknown), ("common/shared.cfg", "common/absent.cfg"))

    def test_on_tftp(self):
        for forbidden, unknown in self.pairs:
            self.assertEqual(tftp_refusal(self.ports["tftp"], forbidden), tftp_refusal(self.ports["tftp"], unknown))

    def test_on_ftp(self):
        for (forbidden, unknown), proof in itertools.product(self.pairs, ("none", "own password", "other password")):
            self.assertEqual(self.ask_ftp(proof, forbidden), self.ask_ftp(proof, unknown))
            with FtpControl(self.ports["ftp"]) as ftp:
                ftp.log_in()
                for verb in ("SIZE", "MDTM"):
                    self.assertEqual(ftp.ask(f"{verb} {forbidden}"), ftp.ask(f"{verb} {unknown}"))

    def test_on_http(self):
        for (forbidden, unknown), proof in itertools.product(self.pairs, ("none", "own password")):
            self.assertEqual(self.ask_http(proof, forbidden).comparable(), self.ask_http(proof, unknown).comparable())

    def test_on_https(self):
        for door, method in itertools.product(HTTPS_DOORS, ("GET", "HEAD")):
            for proof in ("none", "wrong password", "site login", "own password", "own certificate"):
                with self.subTest(door=door, method=method, proof=proof):
                    forbidden = self.https(door, proof, self.forbidden, method)
                    unknown = self.https(door, proof, self.unknown, method)
                    self.assertEqual(forbidden.comparable(), unknown.comparable())
                    self.assertEqual(forbidden.status, 401 if proof in ("none", "wrong password") else 404)

    def test_a_range_or_etag_tells_nothing_either(self):
        for header in (b"Range: bytes=0-0", b'If-None-Match: "x"', b"If-None-Match: *"):
            answers = [http_get(self.ports["https"], "/" + path, self.plain_context,
                                [self.basic("own password"), header]).comparable()
                       for path in (self.forbidden, self.unknown)]
            self.assertEqual(*answers)

    def test_an_unknown_user_is_answered_like_a_wrong_password(self):
        answers = []
        for user in (self.logins["own password"][0], "nobody-of-that-name"):
            login = b"Authorization: Basic " + base64.b64encode(f"{user}:wrong".encode())
            answers.append(http_get(self.ports["https"], "/" + self.forbidden, self.plain_context, [login]).comparable())
        self.assertEqual(*answers)


class Downgrade(AccessTest):
    def test_a_device_seen_on_https_and_then_on_tftp_is_an_event(self):
        self.assertTrue(self.is_served("https", "own password", FILES["secret"]))
        tftp_refusal(self.ports["tftp"], FILES["secret"])
        self.house.wait_for_event(lambda e: e.get("kind") == "downgrade" and e.get("path") == FILES["secret"],
                                  "the downgrade")


if __name__ == "__main__":
    unittest.main()
