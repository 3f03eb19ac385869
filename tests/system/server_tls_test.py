"""The HTTPS lanes: who is let in with what, on TLS 1.2 and 1.3, and on the legacy lane that old phones need."""

import os
import re
import ssl
import unittest

from harness import HOST, Installation, SystemTest, run
from wire import close_with_reset, connect, http_get, http_request, read_to_end, tls_context

MAC = "00:24:7F:01:02:AB"
OTHER = "00:24:7F:01:02:CD"
OWN_FILE = "SIP00247F0102AB.cfg"
OTHER_FILE = "SIP00247F0102CD.cfg"
PUBLIC_FILE = "lang/French.lng"
INTERNAL_FILE = "common/site-a.cfg"

CERTIFICATE = r"(?s)-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----"

# curl's options for one version each.
BOTH_VERSIONS = (["--tlsv1.2", "--tls-max", "1.2"], ["--tlsv1.3"])


class Lanes(SystemTest):
    doors = ("https",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.house = Installation(cls.work)
        cls.user, cls.password = cls.house.add_device(MAC)
        cls.other_user, cls.other_password = cls.house.add_device(OTHER)
        cls.house.set("AUTOLOGIN_ID_KEY01", "4711@voice.example.net", "--device", MAC)
        cls.house.put(PUBLIC_FILE, "bonjour", "--section", "LANGUAGE")
        cls.house.put(INTERNAL_FILE, "SNTP_ENABLE YES\n", "--section", "DEVICE_CONFIG")
        cls.prepare()
        cls.server = cls.house.serve(doors=cls.doors)
        cls.ports = cls.server.ports

    @classmethod
    def prepare(cls):
        """Changes to the installation before it serves."""

    def curl(self, path, *arguments, door="https"):
        """(curl's exit code, HTTP status or 0, body)"""
        body = self.work.path("body")
        done = run(["curl", "-sS", "--max-time", "30", "--cacert", self.house.root, "-o", body, "-w", "%{http_code}",
                    *arguments, self.server.url(door, path)])
        return done.code, int(done.out or 0), body.read_bytes() if body.exists() else b""

    def login(self, user=None, password=None):
        """curl's option for a login; from a file, so that no password stands in arguments."""
        config = self.work.write("login.curl", f'user = "{user or self.user}:{password or self.password}"\n', 0o600)
        return ["-K", config]

    @staticmethod
    def certificate(folder):
        return ["--cert", folder / "cert.pem", "--key", folder / "key.pem"]

    def served(self, answer):
        self.assertEqual(answer[:2], (0, 200))
        return answer[2]

    def handshake_failed(self, answer):
        code, status, body = answer
        self.assertNotEqual(code, 0)
        self.assertEqual((status, body), (0, b""))


class SingleAuthentication(Lanes):
    def test_own_password_opens_own_files_on_both_versions(self):
        for version in BOTH_VERSIONS:
            with self.subTest(version=version):
                self.assertIn(b"4711", self.served(self.curl(OWN_FILE, *version, *self.login())))
                self.served(self.curl(INTERNAL_FILE, *version, *self.login()))

    def test_no_proof_is_challenged_for_everything_but_public(self):
        self.served(self.curl(PUBLIC_FILE))
        for path in (OWN_FILE, OTHER_FILE, INTERNAL_FILE, "SIP00247FFFFFFF.cfg", "no/such.file"):
            self.assertEqual(self.curl(path)[:2], (0, 401), path)

    def test_wrong_password_is_challenged_again(self):
        self.assertEqual(self.curl(OWN_FILE, *self.login(password="wrong-one"))[:2], (0, 401))
        self.assertEqual(self.curl(OWN_FILE, *self.login(user="nobody"))[:2], (0, 401))

    def test_another_devices_file_looks_absent(self):
        self.assertEqual(self.curl(OTHER_FILE, *self.login())[:2], (0, 404))
        self.assertEqual(self.curl("SIP00247FFFFFFF.cfg", *self.login())[:2], (0, 404))

    def test_a_wrong_login_does_not_close_public_files_to_a_phone(self):
        self.assertIn(self.curl(PUBLIC_FILE, *self.login(password="wrong-one"))[1], (200, 401))

    def test_the_servers_certificate_holds_under_its_root_only(self):
        stranger = Installation(self.work, "stranger")
        done = run(["curl", "-sS", "--cacert", stranger.root, self.server.url("https", PUBLIC_FILE)])
        self.assertEqual(done.code, 60, done)
        named = run(["curl", "-sS", "--cacert", self.house.root, "--resolve", f"{HOST}:{self.ports['https']}:127.0.0.1",
                     self.server.url("https", PUBLIC_FILE, HOST)])
        self.assertEqual((named.code, named.out), (0, "bonjour"))

    def test_the_main_door_refuses_old_tls(self):
        for version in ("-tls1", "-tls1_1"):
            done = run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.ports['https']}", version, "-cipher",
                        "DEFAULT@SECLEVEL=0", "-quiet"], input="GET / HTTP/1.0\r\n\r\n")
            self.assertNotEqual(done.code, 0)
            self.assertNotIn("HTTP/1", done.out)
        done = run(["curl", "-sS", "--cacert", self.house.root, "--tlsv1.0", "--tls-max", "1.1", "--ciphers",
                    "DEFAULT@SECLEVEL=0", self.server.url("https", PUBLIC_FILE)])
        self.assertEqual(done.code, 35, done)

    def test_the_main_door_refuses_rsa_key_exchange(self):
        answer = self.curl(PUBLIC_FILE, "--tls-max", "1.2", "--ciphers", "AES128-SHA@SECLEVEL=0")
        self.assertEqual(answer[0], 35)

    def test_both_kinds_of_key_are_offered(self):
        for signature, expected in (("ECDSA+SHA256", "ECDSA"), ("RSA+SHA256:RSA-PSS+SHA256", "RSA")):
            done = run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.ports['https']}", "-CAfile", self.house.root,
                        "-verify_return_error", "-tls1_2", "-sigalgs", signature], input="")
            self.assertEqual(done.code, 0, done)
            self.assertIn("Verification: OK", done.out)
            self.assertRegex(done.out, rf"(?i)Cipher *(is|:) *ECDHE-{expected}-")


class MutualAuthentication(Lanes):
    @classmethod
    def prepare(cls):
        cls.cert = cls.house.issue(MAC)
        cls.rsa_cert = cls.house.issue(OTHER, "rsa2048")

    def test_own_certificate_opens_own_files_on_both_versions(self):
        for version in BOTH_VERSIONS:
            with self.subTest(version=version):
                self.served(self.curl(OWN_FILE, *version, *self.certificate(self.cert)))
                self.served(self.curl(INTERNAL_FILE, *version, *self.certificate(self.cert)))
                self.served(self.curl(OTHER_FILE, *version, *self.certificate(self.rsa_cert)))

    def test_it_is_recorded_as_what_it_was(self):
        self.served(self.curl(OWN_FILE, *self.certificate(self.cert)))
        event = self.house.wait_for_event(
            lambda e: e.get("path") == OWN_FILE and e.get("proof") == "device-certificate", "the mutual fetch")
        self.assertEqual(event["wire"], "https")
        self.assertEqual(event["mac"], MAC.lower())

    def test_another_devices_file_looks_absent(self):
        self.assertEqual(self.curl(OTHER_FILE, *self.certificate(self.cert))[:2], (0, 404))

    def test_a_password_of_another_device_beside_the_certificate_opens_nothing_more(self):
        answer = self.curl(OTHER_FILE, *self.certificate(self.cert), *self.login(self.other_user, self.other_password))
        self.assertIn(answer[1], (401, 404))

    def test_a_certificate_of_another_authority_ends_the_handshake(self):
        stranger = Installation(self.work, "stranger")
        stranger.add_device(MAC)
        bad = stranger.issue(MAC)
        for version in BOTH_VERSIONS:
            with self.subTest(version=version):
                self.handshake_failed(self.curl(OWN_FILE, *version, *self.certificate(bad)))
                # Also when a good password would follow, and for what is open to anybody.
                self.handshake_failed(self.curl(OWN_FILE, *version, *self.certificate(bad), *self.login()))
                self.handshake_failed(self.curl(PUBLIC_FILE, *version, *self.certificate(bad)))
        self.house.wait_for_event(lambda e: e.get("kind") == "handshake", "the failed handshake")

    def test_a_self_signed_and_a_server_certificate_are_no_device(self):
        folder = self.work.path("self-signed")
        folder.mkdir()
        run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=00247F0102AB", "-days", "5",
             "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True)
        self.handshake_failed(self.curl(OWN_FILE, *self.certificate(folder)))

    def test_our_servers_own_certificate_is_no_device(self):
        """Our own issuing CA signed it, and it may prove a server only."""
        for name in ("p256", "rsa"):
            own = ["--cert", self.house.data / "pki" / f"server-{name}.pem", "--key",
                   self.house.data / "keys" / f"server-{name}.key"]
            for version in BOTH_VERSIONS:
                with self.subTest(key=name, version=version):
                    self.handshake_failed(self.curl(PUBLIC_FILE, *version, *own))

    def test_a_revoked_certificate_is_told_so(self):
        mac = "00:24:7F:01:02:EE"
        self.house.add_device(mac)
        cert = self.house.issue(mac)
        self.house("cert", "revoke", mac)
        for version in BOTH_VERSIONS:
            with self.subTest(version=version):
                # More than once: it depends on who is quicker whether the request is unread when the server closes.
                for _ in range(8):
                    done = run(["curl", "-sS", "--max-time", "30", "--cacert", self.house.root, *version,
                                *self.certificate(cert), self.server.url("https", PUBLIC_FILE)])
                    self.assertIn("alert certificate revoked", done.err)
        for version in ("-tls1_2", "-tls1_3"):
            with self.subTest(client="s_client", version=version):
                done = run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.ports['https']}", "-CAfile",
                            self.house.root, "-cert", cert / "cert.pem", "-key", cert / "key.pem", "-ign_eof", version],
                           input=f"GET /{PUBLIC_FILE} HTTP/1.0\r\n\r\n")
                self.assertIn("alert certificate revoked", done.err)
                self.assertNotIn("200 OK", done.out)

    def test_revoked_is_refused_at_once_by_the_running_server(self):
        mac = "00:24:7F:01:02:EF"
        self.house.add_device(mac)
        cert = self.house.issue(mac)
        path = "SIP00247F0102EF.cfg"
        self.served(self.curl(path, *self.certificate(cert)))
        self.house("cert", "revoke", mac)
        for version in BOTH_VERSIONS:
            with self.subTest(version=version):
                self.handshake_failed(self.curl(path, *version, *self.certificate(cert)))

    def test_revoked_is_refused_on_a_resumed_session_too(self):
        for version, number in ((ssl.TLSVersion.TLSv1_2, "01"), (ssl.TLSVersion.TLSv1_3, "02")):
            with self.subTest(version=version):
                mac = f"00:24:7F:01:03:{number}"
                self.house.add_device(mac)
                cert = self.house.issue(mac)
                context = tls_context(self.house.root, cert / "cert.pem", cert / "key.pem")
                context.minimum_version = context.maximum_version = version
                path = f"/SIP00247F0103{number}.cfg"

                def fetch(session):
                    plain = connect(self.ports["https"])
                    secure = context.wrap_socket(plain, server_hostname="127.0.0.1", session=session)
                    with secure:
                        secure.sendall(http_request(path))
                        got = read_to_end(secure)
                        return got, secure.session, secure.session_reused

                got, session, reused = fetch(None)
                self.assertIn(b" 200 ", got[:16])
                self.assertFalse(reused)
                got, _, reused = fetch(session)
                self.assertIn(b" 200 ", got[:16])
                self.assertTrue(reused, "the door does not resume sessions")
                self.house("cert", "revoke", mac)
                try:
                    got, _, _ = fetch(session)
                except (ssl.SSLError, ConnectionError):
                    got = b""
                self.assertEqual(got, b"")

    def test_a_session_survives_a_phone_that_never_says_goodbye(self):
        context = tls_context(self.house.root, self.cert / "cert.pem", self.cert / "key.pem")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        plain = connect(self.ports["https"])
        first = context.wrap_socket(plain, server_hostname="127.0.0.1")
        first.sendall(http_request("/" + OWN_FILE))
        self.assertIn(b" 200 ", read_to_end(first)[:16])
        session = first.session
        close_with_reset(first)
        with context.wrap_socket(connect(self.ports["https"]), server_hostname="127.0.0.1", session=session) as again:
            self.assertTrue(again.session_reused)

    def test_removing_the_device_closes_its_certificate(self):
        mac = "00:24:7F:01:02:99"
        self.house.add_device(mac)
        cert = self.house.issue(mac)
        self.served(self.curl("SIP00247F010299.cfg", *self.certificate(cert)))
        self.house("device", "remove", mac)
        self.assertNotEqual(self.curl("SIP00247F010299.cfg", *self.certificate(cert))[1], 200)

    def test_the_pkcs12_opens_with_its_password_and_holds_the_same_identity(self):
        password = (self.cert / "p12.txt").read_text().strip()
        self.assertLessEqual(len(password), 12)
        done = run(["openssl", "pkcs12", "-legacy", "-in", self.cert / "device.p12", "-passin",
                    f"file:{self.cert / 'p12.txt'}", "-nodes"], check=True)
        self.assertIn("PRIVATE KEY", done.out)
        self.assertEqual(os.stat(self.cert / "key.pem").st_mode & 0o777, 0o600)
        verified = run(["openssl", "verify", "-CAfile", self.house.root, "-untrusted", self.cert / "chain.pem",
                        self.cert / "cert.pem"])
        self.assertEqual(verified.code, 0, verified)


class ClientCertificates(Lanes):
    """What a door that requires certificates, or asks for none, does on both lanes."""

    doors = ("https", "https-legacy")
    client_certificates = "require"
    # The legacy lane wants an old client; its alert is of TLS 1.2.
    LANES = {"https": BOTH_VERSIONS, "https-legacy": (["--ciphers", "DEFAULT@SECLEVEL=0", "--tls-max", "1.2"],)}
    S_CLIENT = {"https": (["-tls1_2"], ["-tls1_3"]), "https-legacy": (["-tls1", "-cipher", "DEFAULT@SECLEVEL=0"],)}

    @classmethod
    def prepare(cls):
        cls.house.configure("client_certificates", cls.client_certificates)
        toml = cls.house.data / "ringfence.toml"
        toml.write_text(toml.read_text() + '\n[[listen]]\ndoor = "https-legacy"\nat = "127.0.0.1:4430"\n'
                        f'client_certificates = "{cls.client_certificates}"\n')
        cls.certs = {"https": cls.house.issue(MAC), "https-legacy": cls.house.issue(MAC, "rsa2048", "https-legacy")}
        stranger = Installation(cls.work, "stranger")
        stranger.add_device(MAC)
        cls.strange = {"https": stranger.issue(MAC), "https-legacy": stranger.issue(MAC, "rsa2048", "https-legacy")}

    def on_each(self, options, what):
        """Calls `what(door, version)` for each door and each of its versions."""
        for door, versions in options.items():
            for version in versions:
                with self.subTest(door=door, version=version):
                    what(door, version)

    def s_client(self, door, *arguments):
        return run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.ports[door]}", "-CAfile", self.house.root,
                    "-ign_eof", *arguments], input=f"GET /{PUBLIC_FILE} HTTP/1.0\r\n\r\n")


class CertificatesRequired(ClientCertificates):
    def test_nobody_is_served_without_one(self):
        def refused(door, version):
            self.handshake_failed(self.curl(PUBLIC_FILE, *version, door=door))
            self.handshake_failed(self.curl(OWN_FILE, *version, *self.login(), door=door))
        self.on_each(self.LANES, refused)

    def test_openssl_is_told_that_one_is_needed(self):
        def told(door, version):
            done = self.s_client(door, *version)
            self.assertNotIn("200 OK", done.out)
            self.assertRegex(done.err, "alert (certificate required|handshake failure)")
            self.assertIn("Acceptable client certificate CA names", done.out)
        self.on_each(self.S_CLIENT, told)

    def test_a_device_is_served_with_its_own(self):
        def served(door, version):
            own = self.certificate(self.certs[door])
            self.served(self.curl(OWN_FILE, *version, *own, door=door))
            self.assertEqual(self.curl(OTHER_FILE, *version, *own, door=door)[:2], (0, 404))
        self.on_each(self.LANES, served)

    def test_a_strange_one_is_refused(self):
        def refused(door, version):
            self.handshake_failed(self.curl(PUBLIC_FILE, *version, *self.certificate(self.strange[door]), door=door))
        self.on_each(self.LANES, refused)


class CertificatesOff(ClientCertificates):
    client_certificates = "off"

    def test_none_is_asked_for(self):
        def not_asked(door, version):
            done = self.s_client(door, *version)
            self.assertIn("200 OK", done.out)
            self.assertIn("No client certificate CA names sent", done.out)
        self.on_each(self.S_CLIENT, not_asked)

    def test_one_that_is_held_ready_proves_nothing_and_harms_nothing(self):
        def not_seen(door, version):
            for cert in (self.certs[door], self.strange[door]):
                self.served(self.curl(PUBLIC_FILE, *version, *self.certificate(cert), door=door))
                self.assertEqual(self.curl(OWN_FILE, *version, *self.certificate(cert), door=door)[:2], (0, 401))
        self.on_each(self.LANES, not_seen)

    def test_a_password_opens_own_files(self):
        self.on_each(self.LANES, lambda door, version: self.served(
            self.curl(OWN_FILE, *version, *self.login(), door=door)))


class DigestByMd5(Lanes):
    kind = "digest-md5"
    algorithm = "MD5"

    @classmethod
    def prepare(cls):
        cls.house.configure("challenge", cls.kind)

    def test_digest_opens_own_files(self):
        self.served(self.curl(OWN_FILE, "--digest", *self.login()))
        self.assertEqual(self.curl(OTHER_FILE, "--digest", *self.login())[:2], (0, 404))
        self.assertEqual(self.curl(OWN_FILE, "--digest", *self.login(password="wrong-one"))[:2], (0, 401))

    def test_basic_is_accepted_beside_it(self):
        self.served(self.curl(OWN_FILE, *self.login()))

    def test_there_is_one_challenge(self):
        answer = http_get(self.ports["https"], "/" + OWN_FILE, tls_context(self.house.root))
        self.assertEqual(answer.raw.lower().count(b"www-authenticate:"), 1)
        self.assertTrue(answer.headers["www-authenticate"].startswith("Digest "))
        self.assertIn(f"algorithm={self.algorithm}", answer.headers["www-authenticate"])

    def test_a_replayed_answer_is_refused(self):
        trace = self.work.path("trace")
        self.served(self.curl(OWN_FILE, "--digest", *self.login(), "--trace-ascii", trace))
        lines = [line.split(": ", 1)[1] for line in trace.read_text().splitlines() if ": Authorization: Digest" in line]
        header = max(lines, key=len).encode()
        tls = tls_context(self.house.root)
        self.assertEqual(http_get(self.ports["https"], "/" + OWN_FILE, tls, [header]).status, 401)


class DigestBySha256(DigestByMd5):
    kind = "digest-sha256"
    algorithm = "SHA-256"


class LegacyLane(Lanes):
    doors = ("https", "https-legacy")
    LOW = ["--ciphers", "DEFAULT@SECLEVEL=0"]

    @classmethod
    def prepare(cls):
        cls.cert = cls.house.issue(MAC, "rsa2048", "https-legacy")

    def curl(self, path, *arguments, door="https-legacy"):
        return super().curl(path, *self.LOW, *arguments, door=door)

    def s_client(self, *arguments, path=PUBLIC_FILE, extra=""):
        request = f"GET /{path} HTTP/1.0\r\n{extra}\r\n"
        return run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.ports['https-legacy']}", "-CAfile",
                    self.house.root, "-cipher", "DEFAULT@SECLEVEL=0", "-ign_eof", *arguments], input=request)

    def test_the_sets_that_still_need_the_lane_are_listed(self):
        other = "00:24:7F:01:02:AA"
        self.house.add_device(other)
        self.served(self.curl(OWN_FILE, *self.certificate(self.cert)))
        listed = self.house.json_lines("device", "list", "--lane", "https-legacy")
        self.assertEqual([d["mac"].lower() for d in listed], [MAC.lower()])
        self.assertTrue(listed[0]["last_proved_legacy"])
        self.assertIn("device list --lane https-legacy", self.house("check", code=None).out)
        self.house("device", "remove", other)

    def test_tls_1_0_is_served(self):
        for version in ("-tls1", "-tls1_1", "-tls1_2"):
            with self.subTest(version=version):
                done = self.s_client(version)
                self.assertIn("200 OK", done.out)
                self.assertIn("bonjour", done.out)

    def test_rsa_key_exchange_with_cbc_is_served_without_sni(self):
        done = self.s_client("-tls1", "-cipher", "AES128-SHA@SECLEVEL=0", "-noservername")
        self.assertIn("bonjour", done.out)
        self.assertIn("AES128-SHA", done.out)

    def test_curl_at_security_level_0(self):
        self.served(self.curl(OWN_FILE, "--tls-max", "1.0", "--tlsv1.0", *self.login()))
        self.served(self.curl(OWN_FILE, "--tls-max", "1.1", "--tlsv1.0", *self.certificate(self.cert)))
        self.assertEqual(self.curl(OTHER_FILE, *self.certificate(self.cert))[:2], (0, 404))
        self.assertEqual(self.curl(OWN_FILE)[:2], (0, 401))

    def test_it_has_no_tls_1_3_and_no_broken_ciphers(self):
        self.assertNotIn("200 OK", self.s_client("-tls1_3").out)
        for cipher in ("RC4", "NULL", "aNULL", "EXP", "DES"):
            done = self.s_client("-tls1", "-cipher", f"{cipher}@SECLEVEL=0")
            self.assertNotIn("200 OK", done.out, cipher)

    def test_it_sends_an_rsa_leaf_that_began_in_2000(self):
        done = self.s_client("-tls1", "-showcerts")
        leaf = self.work.write("leaf.pem", done.out[done.out.index("-----BEGIN"):])
        text = run(["openssl", "x509", "-in", leaf, "-noout", "-text"], check=True).out
        self.assertRegex(text, r"Not Before: .* 2000 GMT")
        self.assertRegex(text, r"Public-Key: \(2048 bit\)")
        self.assertNotRegex(text, r"Not After : .* (20[4-9]\d|2038|2039) GMT")

    def test_it_sends_no_authority_that_phones_do_not_hold(self):
        """A set refuses a chain with a CA that it has not installed."""
        done = self.s_client("-tls1", "-showcerts")
        sent = re.findall(CERTIFICATE, done.out)
        held = re.findall(CERTIFICATE, self.house.root.read_text())
        self.assertEqual(len(held), 3)
        self.assertLessEqual(set(sent[1:]), set(held))

    def test_a_certificate_of_the_main_door_is_taken_here_but_not_the_reverse(self):
        modern = self.house.issue(MAC, "rsa2048")
        self.served(self.curl(OWN_FILE, "--tls-max", "1.0", "--tlsv1.0", *self.certificate(modern)))
        done = self.s_client("-tls1", "-cert", modern / "cert.pem", "-key", modern / "key.pem", "-cert_chain",
                             modern / "chain.pem", path=OWN_FILE)
        self.assertIn("200 OK", done.out)
        for login in ([], self.login()):
            self.handshake_failed(self.curl(OWN_FILE, *self.certificate(self.cert), *login, door="https"))

    def test_a_bad_certificate_ends_the_handshake(self):
        stranger = Installation(self.work, "stranger")
        stranger.add_device(MAC)
        self.handshake_failed(self.curl(OWN_FILE, *self.certificate(stranger.issue(MAC, "rsa2048", "https-legacy")), *self.login()))


if __name__ == "__main__":
    unittest.main()
