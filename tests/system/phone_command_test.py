"""The command line of ringfence-phone: misuse, answers, secrets, show, reset, one program per flash."""

import fcntl
import json
import os
import pty
import re
import subprocess
import unittest

from foreign import Pki, start_nginx
from harness import PHONE, Child, free_port, run, wait_until
from phone_boot import MAC, PhoneTest, fingerprint

EVENT = re.compile(r"0x[0-9A-F]{4} \[(Information|Minor)\] \[(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \w{3} \d{2} "
                   r"\d{2}:\d{2}:\d{2} \d{4}\] \[\d+\] \[\w+\.cpp : \d+\] - .+")


class Command(PhoneTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = Pki(cls.work.path("pki")).authority("root")
        cls.ports = {"http": free_port()}
        cls.www = cls.work.folder / "www"
        cls.www.mkdir()
        cls.nginx = start_nginx(cls.work, cls.www, [f"listen 127.0.0.1:{cls.ports['http']};"])
        cls.nginx.wait_for_port(cls.ports["http"])

    def setUp(self):
        super().setUp()
        self.url = "http://127.0.0.1"
        self.serve("root.pem", self.root[0].read_bytes())
        self.serve("site.cfg", "BANNER hello\nADMIN_PASSWORD canary-admin-9931\n")
        self.serve("1230SIP.cfg", "[USER_KEYS]\nPROTOCOL HTTP\nFILENAME root.pem\n"
                                  "[DEVICE_CONFIG]\nVERSION 000007\nPROTOCOL HTTP\nFILENAME site.cfg\n")

    def test_help(self):
        for command in ([], ["boot"], ["configure"], ["dhcp-request"], ["show"], ["reset"]):
            done = run([PHONE, *command, "--help"])
            self.assertEqual(done.code, 0, done)
        self.assertIn("--accept-fingerprint", run([PHONE, "boot", "--help"]).out)

    def test_misuse_is_2_and_touches_nothing(self):
        good = self.command(self.url)
        password = self.work.write("password", "x")

        def changed(option, value):
            args = list(good)
            args[args.index(option) + 1] = value
            return args
        for args in ([PHONE], [PHONE, "dance"], [PHONE, "boot"], [PHONE, "show"], [*good, "--nonsense"],
                     changed("--mac", "00:24"), changed("--model", "../../x"), changed("--url", "gopher://x"),
                     changed("--url", "prov"), changed("--ports", "tftp=x"),
                     [*good, "--accept-fingerprint", "yes"], [*good, "--device-id", "u"],
                     [*good, "--password-file", password], [*good, "--certificate", self.root[0]],
                     [*good, "--device-id", "u", "--password-file", "-", "--accept-fingerprint-file", "-"],
                     [*good, "--url-file", password], [*good, "--patience", "0"]):
            with self.subTest(args=args[1:]):
                done = run(args)
                self.assertEqual(done.code, 2, done)
                self.assertTrue(done.err.strip())
                self.assertFalse(self.state.exists())

    def test_a_password_in_the_url_is_refused(self):
        """What stands among the arguments, every user of the machine can read."""
        for url in ("http://u:canary-url-7714@127.0.0.1", "https://u:canary-url-7714@127.0.0.1/x"):
            done = run(self.command(url))
            self.assertEqual(done.code, 2, done)
            self.assertIn("--url-file", done.err)
            self.assertNotIn("canary", str(done.err + done.out))
            self.assertFalse(self.state.exists())
        self.boot("http://someone@127.0.0.1", "--accept-fingerprint", fingerprint(self.root[0]))

    def test_files_that_cannot_be_read_are_a_failure(self):
        missing = self.work.path("missing")
        for options in (["--device-id", "u", "--password-file", missing],
                        ["--accept-fingerprint-file", missing],
                        ["--certificate", missing, "--key", missing],
                        ["--certificate", self.root[0], "--key", self.root[0]]):
            done = run(self.command(self.url, *options))
            self.assertEqual(done.code, 1, done)
            self.assertFalse(self.state.exists())

    def test_the_answer_comes_from_a_flag_a_file_or_not_at_all(self):
        digits = fingerprint(self.root[0], "sha256").upper()
        pairs = ":".join(digits[i:i + 2] for i in range(0, len(digits), 2))
        right = self.work.write("right", pairs + "\n")
        wrong = self.work.write("wrong", "ab" * 20 + "\n")
        for options, action in ((["--accept-fingerprint", pairs], "fetched"),
                                (["--accept-fingerprint", fingerprint(self.root[0]).lower()], "fetched"),
                                (["--accept-fingerprint-file", right], "fetched"),
                                (["--accept-fingerprint-file", wrong], "refused"),
                                (["--accept-fingerprint", "00" * 20], "refused"),
                                ([], "refused")):
            with self.subTest(options=options):
                self.state = self.work.path("flash")
                booted = self.boot(self.url, *options, code=0 if action == "fetched" else 1)
                self.assertEqual(booted.files["root.pem"]["action"], action)
                self.assertEqual(len(self.show()["roots"]), 1 if action == "fetched" else 0)

    def test_secrets_from_standard_input(self):
        args = self.command(self.url, "--json", "--accept-fingerprint-file", "-")
        done = run(args, input=fingerprint(self.root[0]) + "\n")
        self.assertEqual(done.code, 0, done)

    def ask(self, answer):
        """Boots at a terminal and types the answer; returns exit code and all that was shown."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(PHONE, [str(a) for a in self.command(self.url)])
        shown = b""

        def prompted():
            nonlocal shown
            shown += os.read(terminal, 65536)
            return b" s): " in shown
        wait_until(prompted, "the fingerprint dialog")
        os.write(terminal, answer)
        while True:
            try:
                chunk = os.read(terminal, 65536)
            except OSError:
                break
            if not chunk:
                break
            shown += chunk
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status), shown.decode()

    def test_the_answer_comes_from_a_person(self):
        digits = fingerprint(self.root[0])
        for answer, code in ((b"yes\n", 0), (digits.encode() + b"\n", 0), (b"no\n", 1), (b"\n", 1),
                             (b"ab" * 20 + b"\n", 1), (b"\x04", 1)):
            with self.subTest(answer=answer):
                self.state = self.work.path("flash")
                got, shown = self.ask(answer)
                self.assertEqual(got, code, shown)
                self.assertIn(":".join(digits[i:i + 2] for i in range(0, 40, 2)).upper(), shown)

    def test_the_timeline_is_readable(self):
        done = run(self.command(self.url, "--accept-fingerprint", fingerprint(self.root[0])), check=True)
        self.assertIn("boot of 00:24:7f:01:02:ab, model 1230", done.out)
        self.assertRegex(done.out, r"fetched  \[USER_KEYS\] +root\.pem")
        self.assertIn("2 fetched, 0 kept, 0 refused, 0 failed", done.out)
        self.assertNotIn("canary", str(done))

    def test_output_that_nobody_takes_ends_no_boot(self):
        accept = ["--accept-fingerprint", fingerprint(self.root[0])]
        # A report longer than stdio's buffer, so that writes fail in the middle of the boot.
        self.serve("1230SIP.cfg", (self.work.folder / "www" / "1230SIP.cfg").read_text() + "".join(
            f"[TONES]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTP\nFILENAME missing-{i}.wav\n" for i in range(100)) +
            "[LOGIN_BANNER]\nVERSION 000001\nPROTOCOL HTTP\nFILENAME site.cfg\n")
        for form in ([], ["--json"]):
            for closed in ("full", "pipe", "both"):
                with self.subTest(form=form, closed=closed):
                    self.state = self.work.path("flash")
                    command = [str(word) for word in self.command(self.url, *form, *accept)]
                    if closed == "pipe":
                        reader, writer = os.pipe()
                        os.close(reader)
                    else:
                        writer = os.open("/dev/full", os.O_WRONLY)
                    try:
                        ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=writer, timeout=60,
                                               stderr=writer if closed == "both" else subprocess.PIPE)
                    finally:
                        os.close(writer)
                    self.assertEqual(ended.returncode, 1, ended)
                    if closed != "both":
                        self.assertIn(b"could be written", ended.stderr)
                    held = self.held()
                    self.assertIn(("USER_KEYS", "root.pem"), held)
                    self.assertIn(("LOGIN_BANNER", "site.cfg"), held, "the boot came to its end")
                    self.assertEqual(self.show()["stage"], "idle")

    def test_a_report_that_cannot_be_written_is_a_failure(self):
        accept = ["--accept-fingerprint", fingerprint(self.root[0])]
        with open("/dev/full", "w") as full:
            for form in ([], ["--json"]):
                for words in (self.command(self.url, *accept), [PHONE, "show", "--state", self.state],
                              [PHONE, "reset", "--state", self.state]):
                    with self.subTest(words=words[1], form=form):
                        ended = subprocess.run([str(word) for word in [*words, *form]], stdin=subprocess.DEVNULL,
                                               stdout=full, stderr=subprocess.PIPE, timeout=60)
                        self.assertEqual(ended.returncode, 1, ended)
                        self.assertIn(b"could be written", ended.stderr)

    def test_a_wrapped_password_is_not_shown_as_a_name(self):
        self.serve("site.cfg", "BANNER hello\nAUTOLOGIN_PASSWD_KEY01\nCANARY20\nAUTOLOGIN_PASSWD_KEY02\nCANARY20\n")
        accept = ["--accept-fingerprint", fingerprint(self.root[0])]
        shown = [run(self.command(self.url, *accept), check=True)]
        self.state = self.work.path("flash")
        shown += [run(self.command(self.url, "--json", *accept), check=True)]
        shown += [run([PHONE, "show", "--state", self.state, *form], check=True) for form in ([], ["--json"])]
        for done in shown:
            self.assertNotIn("CANARY20", done.out + done.err)
        self.assertIn("hello", shown[-1].out)

    def test_show_masks_and_reset_forgets(self):
        self.boot(self.url, "--accept-fingerprint", fingerprint(self.root[0]))
        for form in ([], ["--json"]):
            done = run([PHONE, "show", "--state", self.state, *form], check=True)
            self.assertNotIn("canary", str(done))
            self.assertIn("hello", done.out)
        shown = self.show()
        self.assertEqual(shown["settings"]["ADMIN_PASSWORD"]["value"], "********")
        self.assertEqual(shown["settings"]["BANNER"],
                         {"value": "hello", "section": "DEVICE_CONFIG", "file": "site.cfg", "line": 1})
        self.assertEqual(shown["versions"], {"DEVICE_CONFIG": "000007"})
        self.assertEqual(shown["roots"][0]["sha1"], fingerprint(self.root[0]))
        self.assertIn("CN=root", shown["roots"][0]["certificates"][0])
        self.assertEqual(shown["stage"], "idle")
        for line in shown["events"]:
            self.assertRegex(line, EVENT)
            self.assertNotIn("canary", line)
        self.assertTrue(any(line.startswith("0x0007 ") for line in shown["events"]))

        run([PHONE, "reset", "--state", self.state], check=True)
        self.assertEqual([p for p in self.state.rglob("*") if p.is_file()], [])
        self.assertEqual(self.boot(self.url, code=1).actions(), {"root.pem": "refused", "site.cfg": "fetched"})

    def test_the_flash_is_private(self):
        self.state.mkdir(mode=0o755)
        self.boot(self.url, "--accept-fingerprint", fingerprint(self.root[0]))
        self.assertEqual(self.state.stat().st_mode & 0o777, 0o700)
        for path in self.state.rglob("*"):
            self.assertEqual(path.stat().st_mode & 0o777, 0o700 if path.is_dir() else 0o600, path)

    def test_other_folders_are_left_alone(self):
        home = self.work.path("home")
        home.mkdir()
        (home / "letter").write_text("dear")
        mode = home.stat().st_mode
        self.state = home
        for args in (self.command(self.url), [PHONE, "show", "--state", home], [PHONE, "reset", "--state", home]):
            self.assertEqual(run(args).code, 1)
        self.assertEqual([p.name for p in home.iterdir()], ["letter"])
        self.assertEqual(home.stat().st_mode, mode)

    def test_one_program_per_flash(self):
        self.state.mkdir()
        holder = os.open(self.state, os.O_RDONLY)
        try:
            fcntl.flock(holder, fcntl.LOCK_EX)
            done = run(self.command(self.url))
            self.assertEqual(done.code, 1)
            self.assertIn("in use", done.err)
        finally:
            os.close(holder)

    def test_a_damaged_flash_says_so_and_reset_mends_it(self):
        self.boot(self.url, "--accept-fingerprint", fingerprint(self.root[0]))
        index = self.state / "index"
        index.write_bytes(index.read_bytes().replace(b"000007", b"000001"))
        done = run(self.command(self.url))
        self.assertEqual(done.code, 1)
        self.assertIn("reset", done.err)
        self.assertEqual(run([PHONE, "show", "--state", self.state]).code, 1)
        self.assertEqual(json.loads(run([PHONE, "reset", "--state", self.state, "--json"], check=True).out),
                         {"reset": True})
        self.boot(self.url, "--accept-fingerprint", fingerprint(self.root[0]))

    def test_passwords_do_not_stand_in_the_process_list(self):
        """The URL's file and standard input are the ways in; neither shows among the arguments."""
        password = self.work.write("password", "canary-list-3302", 0o600)
        child = Child(self.command(self.url, "--device-id", "u", "--password-file", password), self.work.path("log"))
        try:
            with open(f"/proc/{child.pid}/cmdline", "rb") as arguments:
                self.assertNotIn(b"canary", arguments.read())
        finally:
            child.wait()
        self.assertIn(MAC.lower(), child.output())


if __name__ == "__main__":
    unittest.main()
