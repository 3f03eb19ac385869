"""The administration's command line: exit codes, JSON shapes, secrets shown once and never elsewhere, nothing half done."""

import base64
import hashlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import time
import unittest

from harness import RINGFENCE, Installation, SystemTest, run, wait_until

MAC = "00:24:7F:01:02:AB"
BARE = "00247F0102AB"
CROCKFORD = r"[0-9A-HJKMNP-TV-Z]{26}"


def mac(number):
    return f"00:24:7f:00:00:{number:02x}"


class WithInstallation(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.house = Installation(cls.work)

    def refused(self, *args, code=1, **more):
        """What a refused command says; it is one sentence and nothing stands on standard output."""
        done = self.house(*args, code=code, **more)
        self.assertEqual(done.out, "")
        self.assertRegex(done.err, r"^(ringfence: note: .+\n)*ringfence: .+\n$")
        return done.err

    def event_with(self, outcome):
        return self.house.wait_for_event(lambda e: e["outcome"] == outcome, outcome)


class Init(SystemTest):
    def init(self, data, *more, name="prov.example.test", address="192.0.2.10"):
        return run([RINGFENCE, "init", "--name", name, "--address", address, *more, "--data", data])

    def test_it_makes_everything_and_says_what_to_do_next(self):
        data = self.work.path("data")
        done = self.init(data)
        self.assertEqual(done.code, 0, done)
        for word in ("device add", "serve", "root show", "backup"):
            self.assertIn(word, done.out)
        names = {path.name for path in data.iterdir()}
        self.assertLessEqual({"ringfence.toml", "registry.db", "keys", "pki", "root.pem"}, names)
        self.assertFalse([n for n in data.parent.iterdir() if n.name.endswith("~")])
        self.assertEqual(data.stat().st_mode & 0o077, 0)
        self.assertEqual(run([RINGFENCE, "check", "--data", data]).code, 0)

    def test_json_names_the_root(self):
        data = self.work.path("data")
        shown = self.init(data, "--json").json()
        self.assertEqual(shown["root"], str(data / "root.pem"))
        self.assertRegex(shown["root_sha1"], r"^[0-9A-F]{40}$")

    def test_a_second_one_is_refused_and_changes_nothing(self):
        data = self.work.path("data")
        self.init(data)
        before = (data / "root.pem").read_bytes(), (data / "ringfence.toml").read_bytes()
        done = self.init(data, address="192.0.2.99")
        self.assertEqual(done.code, 1, done)
        self.assertIn("already", done.err)
        self.assertEqual(before, ((data / "root.pem").read_bytes(), (data / "ringfence.toml").read_bytes()))

    def test_an_empty_folder_is_taken_and_a_full_one_is_not(self):
        empty = self.work.path("empty")
        empty.mkdir()
        self.assertEqual(self.init(empty).code, 0)
        full = self.work.path("full")
        full.mkdir()
        (full / "thesis.txt").write_text("years of work")
        self.assertEqual(self.init(full).code, 1)
        self.assertEqual([p.name for p in full.iterdir()], ["thesis.txt"])

    def test_what_a_kill_left_in_an_empty_folder_is_made_anew(self):
        for after in (0.02, 0.05, 0.1, 0.15, 0.2, 0.3):
            with self.subTest(after=after):
                data = self.work.path("killed")
                data.mkdir()
                child = subprocess.Popen([RINGFENCE, "init", "--name", "prov.example.test", "--address", "192.0.2.10",
                                          "--data", data], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(after)
                child.kill()
                child.wait()
                if not (data / "ringfence.toml").exists():
                    self.assertEqual(self.init(data).code, 0)
                    self.assertFalse([p.name for p in data.iterdir() if p.name.endswith("~")])
                self.assertEqual(run([RINGFENCE, "check", "--data", data]).code, 0)
                shutil.rmtree(data)

    def test_bad_names_leave_nothing_behind(self):
        for name, address, code in (("not a name", "192.0.2.1", 1), ("prov.example.test", "not-an-address", 2)):
            with self.subTest(name=name, address=address):
                data = self.work.path("data")
                done = self.init(data, name=name, address=address)
                self.assertEqual(done.code, code, done)
                self.assertFalse([p.name for p in data.parent.iterdir() if p.name.startswith(data.name)])

    def test_folders_above_are_made_and_a_slash_at_the_end_is_fine(self):
        data = self.work.path("above") / "below"
        self.assertEqual(self.init(f"{data}/").code, 0)
        self.assertEqual(run([RINGFENCE, "device", "list", "--data", f"{data}//"]).code, 0)

    def test_the_folder_may_come_from_the_environment(self):
        data = self.work.path("data")
        self.init(data)
        self.assertEqual(run([RINGFENCE, "device", "list"], env={"RINGFENCE_DATA": str(data)}).code, 0)
        self.assertEqual(run([RINGFENCE, "device", "list"]).code, 2)


class CommandLine(WithInstallation):
    def test_help_on_every_level(self):
        self.assertIn("device add", run([RINGFENCE, "--help"]).out)
        below = run([RINGFENCE, "device", "--help"])
        self.assertEqual(below.code, 0)
        self.assertIn("device login", below.out)
        self.assertNotIn("site add", below.out)
        leaf = run([RINGFENCE, "device", "add", "--help"])
        for word in ("--model", "--login", "--password-file", "--require-certificate", "--data", "--json", "--help"):
            self.assertIn(word, leaf.out)
        for done in (run([RINGFENCE, "--help"]), below, leaf):
            self.assertLessEqual(max(map(len, done.out.splitlines())), 110)

    def test_version(self):
        self.assertRegex(run([RINGFENCE, "--version"]).out, r"^ringfence \d+\.\d+\.\d+\n$")

    def test_misuse_is_told_in_one_line(self):
        for misuse in (["device"], ["device", "ad"], ["device", "add", "not-a-mac", "--model", "1230"],
                       ["device", "add", MAC, "--model", "1230", "--login", "blank"], ["device", "list", "extra"],
                       ["window", "open", "--minutes", "0", "--net", "192.0.2.0/24"],
                       ["window", "open", "--minutes", "5", "--net", "192.0.2.1/24"],
                       ["window", "close", "one"], ["setting", "set", "BANNER", "hello"],
                       ["setting", "set", "BANNER", "--global"],
                       ["setting", "set", "BANNER", "hello", "--global", "--device", MAC],
                       ["setting", "set", "BANNER", "hello", "--value-file", "-", "--global"],
                       ["cert", "revoke"], ["cert", "revoke", MAC, "--serial", "01"],
                       ["file", "put", "a.bin", "--from", "/dev/null", "--class", "open"],
                       ["file", "put", "a.bin", "--from", "/dev/null", "--section", "NOWHERE"],
                       ["events", "--limit", "0"], ["site", "add", "not a name", "--net", "192.0.2.0/24"],
                       ["version", "floor", "-1"], ["serve", "--listen", "gopher=127.0.0.1:70"]):
            with self.subTest(misuse=misuse):
                self.refused(*misuse, code=2)
        self.assertIn("there is no command 'ad' here; see ringfence device --help", self.refused("device", "ad", code=2))

    def test_output_that_reaches_nobody_is_a_failure(self):
        with open("/dev/full", "wb") as full:
            ended = subprocess.run([RINGFENCE, "root", "show", "--data", self.house.data], stdout=full,
                                   stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(ended.returncode, 1)


class Devices(WithInstallation):
    def test_a_random_login_has_130_bits(self):
        shown = self.house.json("device", "add", mac(1), "--model", "1230")
        self.assertEqual(shown["mac"], mac(1))
        self.assertEqual(shown["model"], "1230")
        self.assertRegex(shown["user"], r"^d[0-9a-z]{10}$")
        self.assertRegex(shown["password"], f"^{CROCKFORD}$")
        self.assertEqual(shown["login"], "random")
        self.assertIsNone(shown["site"])

    def test_a_keypad_login_is_all_digits(self):
        shown = self.house.json("device", "add", mac(2), "--model", "1220", "--login", "keypad")
        self.assertRegex(shown["user"], r"^\d{8}$")
        self.assertRegex(shown["password"], r"^\d{12}$")
        self.assertEqual(shown["login"], "keypad")

    def test_a_password_can_come_from_a_file_or_standard_input(self):
        chosen = self.work.write("chosen", "a-password-4\n", 0o600)
        self.assertEqual(self.house.json("device", "add", mac(3), "--model", "1230", "--password-file", chosen)["password"],
                         "a-password-4")
        shown = self.house.json("device", "add", mac(4), "--model", "1230", "--password-file", "-", input="12345678901")
        self.assertEqual(shown["password"], "12345678901")
        self.assertEqual(shown["login"], "keypad")  # what a person chose can be guessed

    def test_weak_passwords_are_refused_without_being_repeated(self):
        for login, password in (("keypad", "123456789"), ("random", "canary-too-short"), ("keypad", "canary with blanks"),
                                ("keypad", "canary#hash-mark"), ("keypad", "canary" * 20)):
            with self.subTest(password=password):
                said = self.refused("device", "add", mac(5), "--model", "1230", "--login", login, "--password-file", "-",
                                    input=password)
                self.assertNotIn(password[:6], said)
        self.refused("device", "show", mac(5))

    def test_the_same_mac_in_another_spelling_is_the_same_device(self):
        self.house("device", "add", "00-24-7F-00-00-06", "--model", "1230")
        self.refused("device", "add", "00247f000006", "--model", "1230")
        self.assertEqual(self.house.json("device", "show", "00247F000006")["mac"], mac(6))

    def test_unknown_models_and_sites_are_refused_with_what_is_known(self):
        self.assertIn("1140e", self.refused("device", "add", mac(7), "--model", "1240"))
        self.refused("device", "add", mac(7), "--model", "1230", "--site", "nowhere")

    def test_list_and_show_never_show_a_password(self):
        shown = self.house.json("device", "add", mac(8), "--model", "1230")
        for command in (["device", "list"], ["device", "show", mac(8)], ["events"]):
            for more in ([], ["--json"]):
                self.assertNotIn(shown["password"], self.house(*command, *more).out)
        listed = {d["mac"]: d for d in self.house.json_lines("device", "list")}
        self.assertEqual(listed[mac(8)]["user"], shown["user"])
        self.assertEqual(set(listed[mac(8)]),
                         {"mac", "model", "site", "user", "login", "requires_certificate", "added", "last_proved",
                          "last_proved_legacy", "state", "disabled", "serial", "names", "port"})

    def test_show_tells_how_the_login_reaches_the_set_and_what_is_missing(self):
        self.house("device", "add", mac(9), "--model", "1230")
        self.assertEqual(self.house.json("device", "show", mac(9))["login_by"], ["typed"])
        self.house("device", "set", mac(9), "--require-certificate", "yes")
        shown = self.house.json("device", "show", mac(9))
        self.assertEqual(shown["login_by"], [])
        self.assertEqual(len(shown["missing"]), 1)
        self.house.issue(mac(9))
        shown = self.house.json("device", "show", mac(9))
        self.assertEqual((shown["login_by"], shown["missing"]), (["certificate"], []))
        self.assertEqual(len(shown["certificates"]), 1)

    def test_serial_and_names_are_kept_and_changed(self):
        added = self.house.json("device", "add", mac(12), "--model", "1230", "--serial", "15NT4711",
                                "--name", "desk-1.example.net", "--name", "desk-1")
        self.assertEqual((added["serial"], added["names"]), ("15NT4711", ["desk-1.example.net", "desk-1"]))
        self.assertIn("desk-1.example.net, desk-1", self.house("device", "show", mac(12)).out)
        self.assertIn("15NT4711", self.house("device", "list").out)
        changed = self.house.json("device", "set", mac(12), "--name", "desk-2", "--serial", "-")
        self.assertEqual((changed["serial"], changed["names"]), (None, ["desk-2"]))
        self.assertEqual(self.house.json("device", "set", mac(12), "--model", "1220")["names"], ["desk-2"])
        self.assertEqual(self.house.json("device", "set", mac(12), "--name", "-")["names"], [])
        self.assertIn("is not a DNS name", self.refused("device", "set", mac(12), "--name", "two words"))

    def test_a_retired_set_stays_in_the_list_and_is_good_for_nothing(self):
        self.house("device", "add", mac(13), "--model", "1230")
        self.assertEqual(self.house.json("device", "show", mac(13))["state"], "expected")
        self.house.issue(mac(13))
        self.assertEqual(self.house.json("device", "show", mac(13))["state"], "enrolled")
        self.assertEqual(self.house.json("device", "retire", mac(13)), {"mac": mac(13), "state": "retired"})
        shown = self.house.json("device", "show", mac(13))
        self.assertEqual((shown["state"], shown["login_by"], shown["missing"]), ("retired", [], []))
        self.assertEqual([c["reason"] for c in shown["certificates"]], ["cessation-of-operation"])
        self.assertIn("is retired; it cannot become retired", self.refused("device", "retire", mac(13)))
        self.assertEqual(self.event_with("device-retired")["mac"], mac(13))
        self.assertIn("is retired", self.refused("cert", "issue", mac(13), "--out", self.work.path("none")))

    def test_a_new_login_voids_the_old_one(self):
        old = self.house.json("device", "add", mac(10), "--model", "1230")
        new = self.house.json("device", "login", mac(10), "--login", "keypad")
        self.assertNotEqual(old["user"], new["user"])
        self.assertEqual(self.house.json("device", "show", mac(10))["user"], new["user"])
        self.assertEqual(self.event_with("device-login-made")["mac"], mac(10))

    def test_removing_takes_everything_along(self):
        self.house("device", "add", mac(11), "--model", "1230")
        self.house.set("AUTOLOGIN_ID_KEY01", "4711@example.net", "--device", mac(11))
        self.house.issue(mac(11))
        self.house("device", "remove", mac(11))
        self.refused("device", "show", mac(11))
        self.refused("device", "remove", mac(11))
        states = {c["state"] for c in self.house.json_lines("cert", "list") if c["mac"] == mac(11)}
        self.assertEqual(states, {"revoked"})

    def test_a_list_is_imported_row_by_row(self):
        self.house("site", "add", "berlin", "--net", "198.51.100.0/24")
        rows = f"mac,model,site\n{mac(20)},1230,berlin\n{mac(21)},9999\nnonsense,1230\n\n{mac(22)}, 1140e\n{mac(20)},1230\n"
        path = self.work.write("sets.csv", rows)
        done = self.house("device", "import", path, "--json", code=1)
        results = done.json_lines()
        self.assertEqual([r["result"] for r in results], ["added", "refused", "refused", "added", "refused"])
        self.assertEqual([r["line"] for r in results], [2, 3, 4, 6, 7])
        self.assertRegex(results[0]["password"], f"^{CROCKFORD}$")
        self.assertEqual(self.house.json("device", "show", mac(20))["site"], "berlin")
        self.assertIn("3 of 5 rows", done.err)


class Sites(WithInstallation):
    def test_add_list_set_remove(self):
        self.house("site", "add", "Berlin-1", "--net", "192.0.2.0/25", "--net", "2001:db8::/48")
        def listed():
            return next(s for s in self.house.json_lines("site", "list") if s["name"] == "Berlin-1")
        self.assertEqual(listed(), {"name": "Berlin-1", "networks": ["192.0.2.0/25", "2001:db8::/48"], "server": None,
                                    "legacy_server": None, "login_user": None})
        self.house("site", "set", "Berlin-1", "--net", "192.0.2.128/25")
        self.assertEqual(listed()["networks"], ["192.0.2.128/25"])
        self.refused("site", "add", "Berlin-1", "--net", "203.0.113.0/24")
        self.house("site", "remove", "Berlin-1")
        self.refused("site", "remove", "Berlin-1")

    def test_the_shared_login_is_shown_once(self):
        shown = self.house.json("site", "add", "hamburg", "--net", "203.0.113.0/24", "--login")
        self.assertRegex(shown["login_password"], f"^{CROCKFORD}$")
        listed = self.house("site", "list", "--json")
        self.assertIn(shown["login_user"], listed.out)
        self.assertNotIn(shown["login_password"], listed.out + self.house("events", "--json").out)

    def test_a_new_server_name_is_put_into_the_certificate(self):
        done = self.house("site", "add", "bremen", "--net", "198.18.0.0/15", "--server", "prov-north.example.test")
        self.assertIn("prov-north.example.test", done.err)
        self.event_with("server-certificate-issued")
        self.house("check")
        done = self.house("site", "set", "bremen", "--legacy-server", "prov-old.example.test")
        self.assertIn("prov-old.example.test", done.err)
        self.assertEqual(next(s for s in self.house.json_lines("site", "list") if s["name"] == "bremen")["legacy_server"],
                         "prov-old.example.test")
        self.house("check")
        again = self.house("site", "add", "kiel", "--net", "198.51.100.0/24", "--server", "PROV-north.example.test")
        self.assertEqual(again.err, "")

    def test_a_refused_site_leaves_the_certificates_as_they_are(self):
        self.house("site", "add", "luebeck", "--net", "198.51.101.0/24")
        self.house("site", "add", "stade", "--net", "198.51.104.0/24")
        before = [c["serial"] for c in self.house.json_lines("cert", "list")]
        self.assertNotIn("dup", self.refused("site", "add", "luebeck", "--net", "198.51.102.0/24",
                                             "--server", "dup.example.test"))
        self.refused("site", "set", "luebeck", "--net", "198.51.104.0/24", "--server", "dup.example.test")
        self.assertEqual([c["serial"] for c in self.house.json_lines("cert", "list")], before)
        self.assertNotIn("dup.example.test", self.house("events").out)
        # And a name that no certificate can carry leaves no site.
        self.refused("site", "add", "wismar", "--net", "198.51.103.0/24", "--server", "not a name")
        self.assertNotIn("wismar", self.house("site", "list").out)


    def test_a_server_name_that_no_manifest_can_carry_is_refused(self):
        fits = "a" * 60 + "." + "b" * 8
        for option in ("--server", "--legacy-server"):
            self.assertIn("SERVER_IP", self.refused("site", "add", "long", "--net", "203.0.113.128/25", option, "c" + fits))
            self.refused("site", "add", "long", "--net", "203.0.113.128/25", option, "two words")
        self.house("site", "add", "long", "--net", "203.0.113.128/25", "--server", fits)
        self.refused("site", "set", "long", "--server", "c" + fits)
        self.house("check")


class Settings(WithInstallation):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.house("device", "add", MAC, "--model", "1230")
        cls.house("site", "add", "berlin", "--net", "192.0.2.0/24")

    def test_layers(self):
        for scope, value in ((["--global"], "global"), (["--site", "berlin"], "site"), (["--model", "1230"], "model"),
                             (["--device", MAC], "device")):
            shown = self.house.json("setting", "set", "BANNER", value, *scope)
            self.assertEqual((shown["name"], shown["scope"], shown["set"]), ("BANNER", scope[0][2:], True))
            self.assertEqual(self.house.json("setting", "show", "BANNER", *scope)["value"], value)
        self.assertIn("BANNER device", self.house("render", MAC).out)
        self.house("setting", "unset", "BANNER", "--device", MAC)
        self.assertIn("BANNER model", self.house("render", MAC).out)
        self.refused("setting", "unset", "BANNER", "--device", MAC)
        self.assertEqual({s["scope"] for s in self.house.json_lines("setting", "list") if s["name"] == "BANNER"},
                         {"global", "site", "model"})
        self.refused("setting", "set", "BANNER", "x", "--site", "nowhere")
        self.refused("setting", "set", "BANNER", "x", "--model", "9999")
        self.refused("setting", "set", "BANNER", "x", "--device", mac(99))

    def test_negative_and_empty_values_are_values(self):
        self.house("setting", "set", "TIMEZONE_OFFSET", "-3600", "--global")
        self.assertEqual(self.house.json("setting", "show", "TIMEZONE_OFFSET", "--global")["value"], "-3600")
        self.house("setting", "set", "VMAIL", "", "--global")
        self.assertEqual(self.house.json("setting", "show", "VMAIL", "--global")["value"], "")

    def test_unknown_names_are_refused_with_near_ones(self):
        self.assertIn("SNTP_SERVER", self.refused("setting", "set", "SNTP_SERVR", "192.0.2.1", "--global"))
        self.assertIn("SNTP_SERVER", self.refused("setting", "set", "sntp_server", "192.0.2.1", "--global"))
        self.assertIn("AUTOLOGIN_PASSWD_KEY01", self.refused("setting", "set", "PASSWD_KEY01", "x", "--global"))
        self.assertNotIn("did you mean", self.refused("setting", "set", "QQQQQQQQQQQQ", "x", "--global"))

    def test_a_secret_never_comes_as_an_argument(self):
        said = self.refused("setting", "set", "ADMIN_PASSWORD", "canary-8812", "--global", code=2)
        self.assertIn("--value-file", said)
        self.assertNotIn("canary-8812", said)

    def test_a_secret_is_masked_until_it_is_revealed_and_that_is_recorded(self):
        self.house.set("ADMIN_PASSWORD", "canary-7781\n")
        for more in ([], ["--json"]):
            for command in (["setting", "show", "ADMIN_PASSWORD", "--global"], ["setting", "list", "--global"],
                            ["setting", "list"], ["render", MAC], ["events"], ["events", "--text"]):
                self.assertNotIn("canary-7781", self.house(*command, *more).out)
        self.assertTrue(self.house.json("setting", "show", "ADMIN_PASSWORD", "--global")["masked"])
        self.assertEqual(self.house.json("setting", "show", "ADMIN_PASSWORD", "--global", "--reveal")["value"], "canary-7781")
        revealed = [e for e in self.house.events() if e["kind"] == "revealed"]
        self.assertEqual([e["outcome"] for e in revealed], ["setting-shown"])

    def test_what_a_licence_or_a_restart_needs_is_said(self):
        shown = self.house.json("setting", "set", "MAX_LOGINS", "4", "--global")
        self.assertTrue(shown["needs_licence"])
        self.assertEqual(len(shown["remarks"]), 1)
        self.assertTrue(self.house.json("setting", "set", "SSH", "YES", "--global")["needs_restart"])

    def test_values_are_checked_and_an_oversized_file_is_refused(self):
        self.refused("setting", "set", "SNTP_ENABLE", "MAYBE", "--global")
        self.refused("setting", "set", "BANNER", "--value-file", "-", "--global", input="x" * 100000)
        self.refused("setting", "set", "BANNER", "--value-file", self.work.path("nothing"), "--global")


class Files(WithInstallation):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.house("device", "add", MAC, "--model", "1230")

    def put(self, path, content, *options, code=0):
        local = self.work.write("local", content)
        return self.house("file", "put", path, "--from", local, "--json", *options, code=code)

    def record(self, path):
        return next(f for f in self.house.json_lines("file", "list") if f["path"] == path)

    def test_the_root_is_there_from_the_beginning_and_stays(self):
        self.assertEqual(self.record("trust/root.pem")["section"], "USER_KEYS")
        self.assertEqual([f["path"] for f in self.house.json_lines("file", "list") if f["path"].startswith("trust/")],
                         ["trust/root.pem"])
        self.refused("file", "remove", "trust/root.pem")
        self.assertEqual(self.put("trust/root.pem", "other", code=1).out, "")

    def test_classes_follow_the_section(self):
        for section, path, content, expected in (("LANGUAGE", "lang/a.lng", "x", "public"), ("TONES", "a.wav", "x", "public"),
                                                 ("FW", "SIP12x004.04.09.00.bin", "x", "public"),
                                                 ("DIALING_PLAN", "plan.txt", "x", "internal")):
            self.assertEqual(self.put(path, content, "--section", section).json()["class"], expected)
        self.assertEqual(self.put("loose.txt", "x").json()["class"], "internal")
        self.assertEqual(self.put("open.txt", "x", "--class", "public").json()["class"], "public")

    def test_firmware_needs_its_load_name(self):
        self.assertEqual(self.put("fw/new.bin", "x", "--section", "FW", "--version", "SIP12x004.04.09.00").json()["version"],
                         "SIP12x004.04.09.00")
        other = self.put("fw/SIP1140e04.04.09.00.bin", "x", "--section", "FW").json()
        self.assertEqual(other["announced_to"], ["1140e"])
        self.assertEqual(other["remarks"], ["announced to models 1140e"])
        self.put("fw/old.bin", "x", "--section", "FW", code=1)
        self.put("fw/SIP12x004.04.09.00.bin", "x", "--section", "FW", "--model", "1140e", code=1)
        self.put("fw/old.bin", "x", "--section", "FW", "--version", "04041300", code=1)

    def test_a_devices_own_certificate_is_announced_by_pattern(self):
        own = ["--section", "DEV_CERT", "--class", "secret", "--device", MAC]
        put = self.put(f"cert/phone-{BARE}.p12", "x", *own).json()
        self.assertEqual((put["class"], put["owner"], put["remarks"]), ("secret", MAC.lower(), []))
        self.assertIn("FILENAME cert/phone-*.p12", self.house("render", MAC, "1230SIP.cfg").out)
        self.assertIn("'*'", self.put("cert/phone-*.p12", "x", "--section", "DEV_CERT", code=1).err)
        self.assertIn(BARE, self.put("cert/phone.p12", "x", *own, code=1).err)
        self.put(f"plan-{BARE}.txt", "x", "--section", "DIALING_PLAN", "--class", "secret", "--device", MAC, code=1)
        self.house("file", "remove", f"cert/phone-{BARE}.p12")

    def test_what_is_no_longer_announced_is_said(self):
        first = self.put("banner-1.txt", "x", "--section", "LOGIN_BANNER").json()
        self.assertEqual(first["remarks"], [])
        second = self.put("banner-2.txt", "x", "--section", "LOGIN_BANNER").json()
        self.assertIn("banner-1.txt", " ".join(second["remarks"]))
        for number in range(5):
            self.put(f"tone-{number}.wav", "x", "--section", "TONES")
        self.assertEqual(len(self.put("tone-5.wav", "x", "--section", "TONES").json()["remarks"]), 1)

    def test_another_root_must_hold_our_own(self):
        own = self.house.root.read_text()
        other = Installation(self.work).root.read_text()
        refused = self.put("trust/other.pem", other, "--section", "USER_KEYS", code=1)
        self.assertIn("cannot verify this server", refused.err)
        both = self.put("trust/both.pem", own + "\n" + other, "--section", "USER_KEYS").json()
        self.assertEqual(both["warnings"], [])
        self.house("file", "remove", "trust/both.pem")

    def test_a_raw_device_file_is_secret_and_its_owners(self):
        shown = self.put("SIP00247f0102ab.cfg", "AUTOLOGIN_ID_KEY01 4711@example.net\n").json()
        self.assertEqual((shown["path"], shown["class"], shown["owner"]), ("SIP00247F0102AB.cfg", "secret", MAC.lower()))
        self.assertIn("4711@example.net", self.house("render", MAC).out)
        self.put("SIP00247F0102AB.cfg", "BANNER x\n", "--class", "internal", code=1)
        self.put("SIP00247F0102AB.cfg", "BANNER x\n", "--device", mac(1), code=1)
        self.put("SIP00247F0102FF.cfg", "BANNER x\n", code=1)  # of no device
        refused = self.put("SIP00247F0102AB.cfg", "NO_SUCH_NAME canary-1\n" + "BANNER " + "x" * 90 + "\n", code=1)
        self.assertIn("NO_SUCH_NAME", refused.err)
        self.assertNotIn("canary-1", refused.err)
        accepted = self.put("SIP00247F0102AB.cfg", "NO_SUCH_NAME canary-1\n", "--accept-warnings").json()
        self.assertEqual(len(accepted["warnings"]), 1)
        self.house("file", "remove", "sip00247f0102ab.cfg", code=1)  # no set asks for this name
        self.house("file", "remove", "SIP00247f0102ab.cfg")

    def test_bytes_that_json_cannot_carry_are_told_in_base64(self):
        self.put("lang/old.lng", b"gr\xfc\xdfe", "--class", "public")
        shown = self.house.json("render", MAC, "lang/old.lng")
        self.assertEqual(base64.b64decode(shown["base64"]), b"gr\xfc\xdfe")
        self.assertNotIn("text", shown)

    def test_a_hand_written_manifest(self):
        good = "[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL HTTPS\n"
        self.assertEqual(self.put("1230SIP.cfg", good).json()["class"], "public")
        self.assertIn("000001", self.house("render", MAC, "1230SIP.cfg").out)
        with_login = good + "SRV_USER_NAME fleet\nSRV_USER_PASS canary-2\n"
        shown = self.put("1230SIP.cfg", with_login)
        self.assertTrue(shown.json()["carries_login"])
        self.assertEqual(shown.json()["class"], "secret")
        self.assertNotIn("canary-2", shown.out + self.house("render", MAC, "1230SIP.cfg").out)
        self.put("1230SIP.cfg", with_login, "--class", "public", code=1)
        for misread in (good + "COLOUR blue\n", good + "# " + "x" * 90 + "\n", good.replace("HTTPS", "TFTP")):
            self.put("1220SIP.cfg", misread, code=1)
        self.put("1220SIP.cfg", good + "COLOUR blue\n", "--accept-warnings")
        self.house("file", "remove", "1230SIP.cfg")
        self.assertIn("USER_KEYS", self.house("render", MAC, "1230SIP.cfg").out)

    def test_a_login_in_a_line_that_phones_drop_makes_a_manifest_secret(self):
        good = "[USER_CONFIG]\nVERSION 000001\nPROTOCOL HTTPS\n"
        long_comment = "# " + "x" * 90 + "\n"
        for secret in (long_comment + "SRV_USER_PASS Canary1Login\n", "# SRV_USER_PASS Canary1Login\n",
                       "srv_user_pass=Canary1Login\n", "[NOWHERE]\nSRV_USER_PASS Canary1Login\n",
                       long_comment + "ADMIN_PASSWORD Canary1Login\n"):
            with self.subTest(secret=secret):
                done = self.put("1140eSIP.cfg", good + secret, "--accept-warnings")
                shown = done.json()
                self.assertEqual((shown["class"], shown["carries_login"]), ("secret", True))
                self.assertRegex(" ".join(shown["remarks"]), r"line \d+ carries (SRV_USER_PASS|ADMIN_PASSWORD)")
                self.assertNotIn("Canary1Login", done.out + done.err)
                refused = self.put("1140eSIP.cfg", good + secret, "--accept-warnings", "--class", "public", code=1)
                self.assertNotIn("Canary1Login", refused.err)
        self.assertNotIn("manifest", " ".join(self.house.json("device", "show", MAC)["login_by"]))  # another model's
        self.house("device", "add", mac(3), "--model", "1140e")
        self.assertEqual(self.house.json("device", "show", mac(3))["login_by"], ["typed", "manifest, inside a window"])
        self.house("file", "remove", "1140eSIP.cfg")
        server = self.house.serve()

        def fetch(wire):
            return run(["curl", "-sS", server.url(wire, "1140eSIP.cfg")]).out
        self.put("1140eSIP.cfg", good)
        for wire in ("http", "tftp"):
            self.assertIn("[USER_CONFIG]", fetch(wire))
        self.put("1140eSIP.cfg", good + long_comment + "SRV_USER_PASS Canary1Login\n", "--accept-warnings")
        for wire in ("http", "tftp"):
            self.assertNotIn("Canary1Login", fetch(wire))
        server.stop()
        self.house("file", "remove", "1140eSIP.cfg")

    def test_a_secret_in_any_line_of_a_shared_file_is_refused(self):
        long_line = "# " + "x" * 90 + "\n"
        for options in ([], ["--class", "public"], ["--section", "DEVICE_CONFIG"], ["--section", "LANGUAGE"]):
            for secret in ("ADMIN_PASSWORD canary-4", "admin_password=canary-4", "# SRV_USER_PASS canary-4"):
                with self.subTest(options=options, secret=secret):
                    refused = self.put("ns.cfg", long_line + secret + "\n", "--accept-warnings", *options, code=1)
                    self.assertRegex(refused.err, "line 2: (ADMIN_PASSWORD|SRV_USER_PASS) is a secret")
                    self.assertNotIn("canary-4", refused.err)

    def test_settings_that_no_set_is_told_of_are_noted(self):
        self.assertIn("looks like settings", " ".join(self.put("lost.cfg", "BANNER x\n").json()["remarks"]))
        self.assertEqual(self.put("plan.cfg", "something else\n").json()["remarks"], [])

    def test_a_path_means_one_content_for_all_models(self):
        self.house("site", "add", "oslo", "--net", "192.0.2.0/25")
        self.house("site", "add", "rome", "--net", "192.0.2.128/25")
        self.put("b.txt", "one", "--model", "1230")
        self.put("b.txt", "one", "--model", "1220")
        self.assertIn("use another path", self.put("b.txt", "two", "--model", "1140e", code=1).err)
        self.put("b.txt", "two", code=1)
        self.put("b.txt", "two", "--model", "1140e", "--site", "oslo", code=1)
        self.put("c.txt", "one", "--model", "1230", "--site", "oslo")
        self.put("c.txt", "two", "--model", "1220", "--site", "rome")
        self.put("c.txt", "three", "--model", "1230", "--site", "oslo")

    def test_secrets_need_an_owner_and_never_hide_in_shared_files(self):
        self.put("secret.bin", "x", "--class", "secret", code=1)
        self.assertEqual(self.put("secret.bin", "x", "--class", "secret", "--device", MAC).json()["owner"], MAC.lower())
        refused = self.put("all.cfg", "ADMIN_PASSWORD canary-3\n", "--section", "DEVICE_CONFIG", code=1)
        self.assertIn("ADMIN_PASSWORD", refused.err)
        self.assertNotIn("canary-3", refused.err)
        self.put("key.pem", "-----BEGIN PRIVATE KEY-----\n", code=1)
        self.put("root.pem", "no certificate", "--section", "USER_KEYS", code=1)

    def test_paths_that_mean_two_things_are_refused(self):
        for path in ("../x", "a/../b", "a//b", "a\\b", "", "x" * 300, "./a", "a%41"):
            with self.subTest(path=path):
                self.assertIn(self.put(path, "x", code=None).code, (1, 2))

    def test_what_is_put_is_recorded(self):
        self.put("recorded.txt", "x")
        event = self.house.wait_for_event(lambda e: e["path"] == "recorded.txt", "the put")
        self.assertEqual((event["kind"], event["outcome"]), ("changed", "file-put"))
        self.assertRegex(event["detail"], r"^\S+: ")


class Certificates(WithInstallation):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.house("device", "add", MAC, "--model", "1230")

    def certificates(self):
        return [c for c in self.house.json_lines("cert", "list", "--device", MAC)]

    def test_the_folder_is_whole(self):
        folder = self.house.issue(MAC, key="rsa2048")
        self.assertEqual(sorted(p.name for p in folder.iterdir()), ["cert.pem", "chain.pem", "device.p12", "key.pem", "p12.txt"])
        password = (folder / "p12.txt").read_text().strip()
        self.assertRegex(password, r"^\S{8,12}$")
        checked = run(["openssl", "pkcs12", "-in", folder / "device.p12", "-passin", f"file:{folder / 'p12.txt'}", "-nodes"])
        self.assertEqual(checked.code, 0, checked)
        self.assertIn("BEGIN PRIVATE KEY", checked.out)
        self.assertNotIn(password, self.house("events", "--json").out)

    def test_a_full_folder_is_left_alone_and_nothing_stays_issued(self):
        folder = self.work.path("keys")
        folder.mkdir()
        (folder / "key.pem").write_text("a key of somebody")
        before = len(self.certificates())
        self.refused("cert", "issue", MAC, "--out", folder)
        self.assertEqual((folder / "key.pem").read_text(), "a key of somebody")
        self.assertEqual(len(self.certificates()), before)

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_a_folder_that_cannot_be_written_leaves_nothing_good(self):
        self.refused("cert", "issue", MAC, "--out", "/proc/keys")

    def test_revoking_by_serial_and_by_device(self):
        self.house.issue(MAC)
        serial = [c for c in self.certificates() if c["state"] == "good"][-1]["serial"]
        spelt = ":".join(re.findall("..?", serial.upper()))
        self.assertEqual(self.house.json("cert", "revoke", "--serial", spelt)["revoked"], [serial])
        self.refused("cert", "revoke", "--serial", serial)
        self.house.issue(MAC)
        self.house("cert", "revoke", MAC)
        self.assertEqual({c["state"] for c in self.certificates()}, {"revoked"})
        self.refused("cert", "revoke", MAC)
        self.refused("cert", "revoke", "--serial", "0123456789")

    def test_root_show(self):
        shown = self.house.json("root", "show")
        self.assertRegex(shown["sha1"], r"^[0-9A-F]{40}$")
        self.assertEqual(shown["sha1_short"], shown["sha1"][:20])
        self.assertRegex(shown["sha256"], r"^[0-9A-F]{64}$")
        self.assertEqual(shown["request_path"], "trust/root.pem")
        self.assertEqual(shown["sha1"], hashlib.sha1(self.house.root.read_bytes()).hexdigest().upper())

    def test_new_server_certificates(self):
        shown = self.house.json("cert", "server", "--add", "other.example.test", "--add", "192.0.2.77")
        self.assertIn("other.example.test", shown["hosts"])
        self.assertIn("192.0.2.77", shown["addresses"])
        self.house("check")


class Windows(WithInstallation):
    def test_open_list_close(self):
        done = self.house("window", "open", "--minutes", "10", "--net", "198.51.100.0/24", "--device", mac(99))
        self.assertIn("inventory", done.err)
        opened = self.house.json("window", "open", "--minutes", "10", "--net", "192.0.2.0/24", "--count", "3", "--device", MAC)
        self.assertEqual((opened["state"], opened["count"], opened["devices"]), ("open", 3, [MAC.lower()]))
        self.assertEqual(self.house.json_lines("window", "list")[0]["id"], opened["id"])
        self.house("window", "close", opened["id"])
        self.assertEqual(self.house.json_lines("window", "list")[0]["state"], "closed")
        self.refused("window", "close", opened["id"])
        kinds = [e["kind"] for e in self.house.events()]
        self.assertIn("window_opened", [k.replace("-", "_") for k in kinds])

    def test_a_bootstrap_login_without_any_login_to_hand_out_is_remarked(self):
        done = self.house("window", "open", "--minutes", "1", "--net", "203.0.113.0/24", "--bootstrap-login")
        self.assertIn("site", done.err)


class Versions(WithInstallation):
    def test_the_floor_rises_and_never_falls(self):
        self.house("version", "floor", "2023081502")
        shown = self.house.json("version", "floor")
        self.assertEqual(shown["floor"], 2023081502)
        self.assertGreaterEqual(shown["last"], 2023081502)
        self.refused("version", "floor", "5")
        self.house("version", "floor", "2147483648", code=2)

    def test_no_single_command_uses_the_numbers_up(self):
        before = self.house.json("version", "floor")
        for version in ("2147483647", "2146483648"):
            self.refused("version", "floor", version)
            self.refused("file", "put", "t.wav", "--from", self.work.write("t.wav", b"t"), "--section", "TONES",
                         "--version", version)
        old = self.work.path("old-server")
        old.mkdir()
        (old / "1230SIP.cfg").write_text("[LANGUAGE]\nVERSION 2147483646\nFILENAME a.lng\n")
        (old / "a.lng").write_bytes(b"words")
        self.house("import", "tftpdir", old, "--model", "1230", code=1)
        self.assertEqual(self.house.json("version", "floor"), before)

    def test_check_warns_when_the_numbers_come_to_their_end(self):
        house = Installation(self.work, "near-the-end")
        house("version", "floor", "2146483647")
        found = [f for f in house("check", "--json").json_lines() if f.get("subject") == "versions"]
        self.assertEqual([f["level"] for f in found], ["warning"])


class Check(SystemTest):
    def findings(self, house, code):
        return [f for f in house("check", "--json", code=code).json_lines() if f["kind"] == "finding"]

    def wrong(self, house):
        return [f["sentence"] for f in self.findings(house, 1) if f["level"] == "wrong"]

    def test_a_sound_installation(self):
        house = Installation(self.work)
        house("device", "add", MAC, "--model", "1230")
        self.assertFalse([f for f in self.findings(house, 0) if f["level"] == "wrong"])
        devices = [d for d in house.json_lines("check") if d["kind"] == "device"]
        self.assertEqual([(d["mac"], d["login_by"], d["missing"]) for d in devices], [(MAC.lower(), ["typed"], [])])

    def test_keys_that_others_can_read(self):
        house = Installation(self.work)
        key = next((house.data / "keys").iterdir())
        key.chmod(0o640)
        self.assertTrue(any(key.name in sentence for sentence in self.wrong(house)))

    def test_contents_that_were_changed_or_lost(self):
        house = Installation(self.work)
        house.put("lang/a.lng", "bonjour", "--section", "LANGUAGE")
        house.put("lang/b.lng", "guten tag", "--section", "LANGUAGE")
        for path in (house.data / "content").rglob("*"):
            if path.is_file() and path.read_bytes() == b"bonjour":
                path.chmod(0o600)
                path.write_bytes(b"bonsoir")
            elif path.is_file() and path.read_bytes() == b"guten tag":
                path.unlink()
        said = " ".join(self.wrong(house))
        self.assertIn("lang/a.lng", said)
        self.assertIn("lang/b.lng", said)

    def test_a_missing_key(self):
        house = Installation(self.work)
        (house.data / "keys" / "issuing-rsa.key").unlink()
        self.assertTrue(self.wrong(house))

    def test_a_name_that_the_certificate_lacks(self):
        house = Installation(self.work)
        toml = house.data / "ringfence.toml"
        toml.write_text(toml.read_text().replace('address = "127.0.0.1"', 'address = "192.0.2.200"'))
        self.assertTrue(any("192.0.2.200" in sentence for sentence in self.wrong(house)))
        house("cert", "server", "--add", "192.0.2.200")
        house("check")

    def test_sets_that_cannot_know_the_time(self):
        house = Installation(self.work)

        def time():
            (found,) = [f for f in self.findings(house, 0) if f["subject"] == "time"]
            return found["level"], found["sentence"]
        level, sentence = time()
        self.assertEqual(level, "warning")
        self.assertIn("no SNTP_SERVER", sentence)
        house.set("SNTP_SERVER", "192.0.2.1")
        level, sentence = time()
        self.assertEqual(level, "warning")
        self.assertIn("unless SNTP_ENABLE is YES", sentence)
        house.set("SNTP_ENABLE", "YES")
        self.assertEqual(time()[0], "ok")
        house.add_site("berlin", "198.51.100.0/24")
        house.set("SNTP_ENABLE", "NO", "--site", "berlin")
        level, sentence = time()
        self.assertEqual(level, "warning")
        self.assertIn("sets at berlin do not ask", sentence)

    def test_no_installation(self):
        done = run([RINGFENCE, "check", "--data", self.work.path("nowhere")])
        self.assertEqual(done.code, 1)


class Events(WithInstallation):
    def test_shapes_limits_and_filters(self):
        self.house("device", "add", mac(1), "--model", "1230")
        self.house("device", "add", mac(2), "--model", "1230")
        events = self.house.events()
        self.assertEqual(set(events[0]), {"id", "time", "kind", "outcome", "mac", "site", "wire", "source", "path", "proof",
                                          "bytes", "detail"})
        self.assertEqual([e["id"] for e in events], sorted(e["id"] for e in events))
        self.assertEqual({e["mac"] for e in self.house.events("--device", mac(2))}, {mac(2)})
        self.assertEqual(self.house.events("--limit", "1"), events[-1:])

    def test_a_program_reads_json_lines_a_person_plain_ones(self):
        self.house("device", "add", mac(9), "--model", "1230")
        self.assertEqual([json.loads(line) for line in self.house("events").out.splitlines()], self.house.events())
        self.assertRegex(self.house("events", "--text").out, rf"(?m)^\S+Z  changed +device-added  device {mac(9)}")
        terminal, program = pty.openpty()
        shown = self.work.start([RINGFENCE, "events", "--data", self.house.data],
                                preexec=lambda: os.dup2(program, 1))
        os.close(program)
        self.assertEqual(shown.wait(), 0)
        self.assertIn(b"device-added  device", os.read(terminal, 65536))
        os.close(terminal)

    def test_following_shows_a_change_within_a_second_and_ends_on_a_signal(self):
        follower = self.work.start([RINGFENCE, "events", "--follow", "--json", "--data", self.house.data])
        wait_until(lambda: "installation-made" in follower.output(), "the first events")
        self.house("site", "add", "followed", "--net", "192.0.2.0/24")
        done = time.monotonic()
        wait_until(lambda: "followed" in follower.output(), "the change", 10)
        self.assertLess(time.monotonic() - done, 1.5)
        for line in follower.output().splitlines():
            json.loads(line)
        follower.signal(signal.SIGINT)
        self.assertEqual(follower.wait(), 0)


class Import(SystemTest):
    MANIFEST = ("[DEVICE_CONFIG]\nVERSION 000041\nPROTOCOL TFTP\nFILENAME all.cfg\n[USER_CONFIG]\nVERSION 000001\nPROTOCOL HTTPS\n"
                "[LANGUAGE]\nVERSION 000002\nFILENAME lang/French.lng\n")

    def setUp(self):
        self.house = Installation(self.work)
        self.old = self.work.path("tftpboot")
        (self.old / "lang" / "deep").mkdir(parents=True)
        for name, content in {"1220SIP.cfg": self.MANIFEST, "1230SIP.cfg": self.MANIFEST,
                              "all.cfg": "SNTP_ENABLE YES\nBANNER hello\nADMIN_PASSWORD canary-admin\n",
                              "SIP00247F0102AB.cfg": "AUTOLOGIN_ID_KEY01 4711@example.net\nAUTOLOGIN_PASSWD_KEY01 canary-sip\nODD_NAME x\n",
                              "lang/French.lng": "bonjour", "lang/deep/x.lng": "x"}.items():
            (self.old / name).write_text(content)
        (self.old / "link.lng").symlink_to("/etc/passwd")
        os.mkfifo(self.old / "pipe.lng")

    def test_a_dry_run_needs_no_installation(self):
        done = run([RINGFENCE, "import", "tftpdir", self.old, "--dry-run", "--json"])
        self.assertEqual(done.code, 0, done)
        lines = done.json_lines()
        files = {line["path"]: line for line in lines if line["kind"] == "file"}
        self.assertEqual(files["all.cfg"]["is"], "shared-settings")
        self.assertEqual(files["SIP00247F0102AB.cfg"]["mac"], MAC.lower())
        self.assertNotIn("link.lng", files)
        self.assertNotIn("lang/deep/x.lng", files)
        plan = lines[-1]
        self.assertEqual((plan["kind"], plan["version_floor"]), ("plan", 42))
        self.assertEqual(len(plan["passed_over"]), 3)
        self.assertEqual(len(plan["obstacles"]), 1)  # two models: which one has the set?
        self.assertNotIn("canary", done.out)
        self.assertEqual(run([RINGFENCE, "import", "tftpdir", self.old]).code, 2)

    def test_an_obstacle_stops_it_before_anything_is_changed(self):
        before = self.house("file", "list").out
        self.house("import", "tftpdir", self.old, code=1)
        self.assertEqual(self.house("file", "list").out, before)
        self.assertEqual(self.house.json_lines("device", "list"), [])

    def test_settings_are_taken_over_and_it_can_be_repeated(self):
        lines = self.house.json_lines("import", "tftpdir", self.old, "--model", "1230")
        device = next(line for line in lines if line["kind"] == "device")
        self.assertRegex(device["password"], f"^{CROCKFORD}$")
        revealed = self.house("render", MAC, "--reveal").out
        for line in ("AUTOLOGIN_PASSWD_KEY01 canary-sip", "ADMIN_PASSWORD canary-admin", "BANNER hello"):
            self.assertIn(line, revealed)
        self.assertNotIn("ODD_NAME", revealed)
        self.assertEqual(self.house.json("version", "floor")["floor"], 42)
        again = self.house.json_lines("import", "tftpdir", self.old, "--model", "1230")
        self.assertEqual(next(line for line in again if line["kind"] == "device")["result"], "known")
        self.assertEqual(self.house.json("device", "show", MAC)["user"], device["user"])
        self.assertNotIn("canary", self.house("events", "--json").out)

    def test_a_login_in_a_line_that_phones_drop_keeps_a_kept_manifest_secret(self):
        (self.old / "1140eSIP.cfg").write_text(self.MANIFEST + "# " + "x" * 90 + "\nSRV_USER_PASS Canary1Login\n")
        (self.old / "lang" / "French.lng").write_text("#admin_password = Canary2Login\n")
        done = self.house("import", "tftpdir", self.old, "--model", "1230", "--keep-manifests")
        self.assertNotIn("Canary", done.out + done.err)
        files = {f["path"]: f for f in self.house.json_lines("file", "list")}
        self.assertEqual((files["1140eSIP.cfg"]["class"], files["1140eSIP.cfg"]["carries_login"]), ("secret", True))
        self.assertEqual(files["1220SIP.cfg"]["class"], "public")
        self.assertNotIn("lang/French.lng", files)
        self.assertFalse([f for f in self.house.json_lines("check") if f.get("subject") == "secrets"])

    def test_a_path_that_another_model_has_is_an_obstacle(self):
        self.house.put("lang/French.lng", "salut", "--section", "LANGUAGE", "--model", "1140e")
        done = self.house("import", "tftpdir", self.old, "--model", "1230", code=1)
        self.assertIn("use another path", done.err)
        self.assertEqual(self.house.json_lines("device", "list"), [])

    def test_raw_files_and_kept_manifests(self):
        self.house("import", "tftpdir", self.old, "--model", "1230", "--raw", "--keep-manifests", "--login", "keypad")
        self.assertIn("ODD_NAME x", self.house("render", MAC, "--reveal").out)
        self.assertEqual(self.house("render", MAC, "1230SIP.cfg").out, self.MANIFEST)
        files = {f["path"]: f for f in self.house.json_lines("file", "list")}
        self.assertEqual(files["SIP00247F0102AB.cfg"]["class"], "secret")
        self.assertEqual(self.house.json("device", "show", MAC)["login"], "keypad")


class Backups(WithInstallation):
    def test_a_backup_is_written_once_and_comes_back(self):
        self.house("device", "add", MAC, "--model", "1230")
        archive = self.work.path("backup")
        shown = self.house.json("backup", "--to", archive)
        self.assertFalse(shown["sealed"])
        self.refused("backup", "--to", archive)
        target = self.work.path("restored")
        done = run([RINGFENCE, "restore", "--from", archive, "--data", target, "--json"])
        self.assertEqual(done.code, 0, done)
        self.assertEqual(run([RINGFENCE, "device", "show", MAC, "--data", target]).code, 0)
        self.assertEqual(run([RINGFENCE, "check", "--data", target]).code, 0)

    def test_a_passphrase(self):
        archive = self.work.path("sealed")
        self.refused("backup", "--to", archive, "--passphrase-file", "-", input="short")
        shown = self.house.json("backup", "--to", archive, "--passphrase-file", "-", input="a passphrase of some length\n")
        self.assertTrue(shown["sealed"])
        target = self.work.path("restored")
        restore = [RINGFENCE, "restore", "--from", archive, "--data", target]
        self.assertEqual(run(restore).code, 1)
        self.assertEqual(run([*restore, "--passphrase-file", "-"], input="another passphrase").code, 1)
        self.assertFalse(target.exists())
        self.assertEqual(run([*restore, "--passphrase-file", "-"], input="a passphrase of some length").code, 0)


class Serve(WithInstallation):
    def test_the_running_server_sees_changes_and_its_certificates_are_reloaded(self):
        server = self.house.serve()
        fetch = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}"]
        url = server.url("http", "lang/new.lng")
        self.assertEqual(run([*fetch, url]).out, "404")
        self.house.put("lang/new.lng", "bonjour", "--section", "LANGUAGE")
        self.assertEqual(run([*fetch, url]).out, "200")

        port = server.ports["https"]
        named = [*fetch, "--cacert", self.house.root, "--resolve", f"new.example.test:{port}:127.0.0.1",
                 f"https://new.example.test:{port}/lang/new.lng"]
        self.assertNotEqual(run(named).code, 0)
        self.house("cert", "server", "--add", "new.example.test")
        server.signal(signal.SIGHUP)
        wait_until(lambda: run(named).out == "200", "the new certificate")
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
