"""The processes behind enrolment: what dies takes no other with it, and nobody but the signer has the issuing keys."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import time
import unittest
from contextlib import closing

from authority import Answer, AuthorityTest
from harness import Installation, SystemTest, need_program, run, wait_until
from wire import http_get

ISSUING = ("issuing-rsa", "issuing-p256", "issuing-legacy")
SIGNER, REGISTRAR = "signer", "registrar"


def add_settings(house, line):
    with open(house.data / "ringfence.toml", "a") as settings:
        settings.write(f"\n[enrolment]\n{line}\n")


def children_of(server, kind):
    """The process numbers of the server's living children of that kind."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as stat:
                fields = stat.read().rpartition(")")[2].split()
            with open(f"/proc/{name}/cmdline", "rb") as line:
                words = line.read().split(b"\0")
        except OSError:
            continue
        if fields[0] != "Z" and int(fields[1]) == server.pid and kind.encode() in words[1:2]:
            found.append(int(name))
    return sorted(found)


def status_of(pid, field):
    with open(f"/proc/{pid}/status") as status:
        return re.search(rf"(?m)^{field}:\s*(.*)$", status.read()).group(1)


def has_ended(pid):
    """It is a zombie or gone. Its empty command line is no proof: that goes first, and its sockets close later."""
    try:
        return status_of(pid, "State").startswith("Z")
    except OSError:
        return True


def readable_memory(pid):
    """Each readable part of a process's memory; root may read it whatever the process forbids others. What is larger
    than a gigabyte is a sanitizer's bookkeeping, not content."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            area, rights = line.split()[:2]
            if not rights.startswith("r"):
                continue
            begin, end = (int(edge, 16) for edge in area.split("-"))
            if end > 1 << 63 or end - begin > 1 << 30:  # [vsyscall], and sanitizers
                continue
            try:
                memory.seek(begin)
                yield memory.read(end - begin)
            except OSError:
                continue  # a page that belongs to a device


def private_numbers(key):
    """What makes this key file a secret: the numbers in both byte orders, and the lines of its PEM."""
    shown = run([need_program("openssl"), "pkey", "-in", key, "-noout", "-text"], check=True).out
    needles = []
    for name in ("privateExponent", "prime1", "prime2", "priv"):
        block = re.search(rf"(?m)^{name}:\n((?: +[0-9a-f:]+\n)+)", shown)
        if block:
            number = bytes.fromhex(re.sub(r"[\s:]", "", block.group(1))).lstrip(b"\0")
            needles += [number, number[::-1]]
    lines = [line for line in key.read_bytes().splitlines() if line and b"-----" not in line]
    # The first line is the same in every key of a kind.
    return needles + [line for line in lines[1:] if len(line) > 40]


def holds_any(pid, needles):
    return any(needle in part for part in readable_memory(pid) for needle in needles)


class Processes(SystemTest):
    def setUp(self):
        self.house = Installation(self.work)
        add_settings(self.house, "workers = 1")
        # A sanitizer would take the signals that this test sends for faults of ours.
        quiet = {name: os.environ.get(name, "") + ":handle_segv=0:handle_abort=0"
                 for name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS")}
        self.server = self.house.serve(doors=("http", "https"), env=quiet)
        wait_until(lambda: children_of(self.server, SIGNER) and children_of(self.server, REGISTRAR), "the processes")
        self.first = self.ask()

    def tearDown(self):
        self.server.stop()

    def ask(self):
        """The status of an enrolment service's answer."""
        return http_get(self.server.ports["http"], "/scep?operation=GetCACaps").status

    def test_a_registrar_that_dies_is_replaced_and_the_server_goes_on(self):
        self.assertNotEqual(self.first, 503)
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT):
            with self.subTest(signal=number.name):
                (before,) = children_of(self.server, REGISTRAR)
                os.kill(before, number)
                wait_until(lambda: has_ended(before), "its end")
                self.assertEqual(self.ask(), self.first)
                self.assertTrue(self.server.is_running())
                self.assertIn(f"was ended by signal {int(number)}", self.server.output())

    def test_a_signer_that_dies_takes_nobody_with_it(self):
        (signer,) = children_of(self.server, SIGNER)
        os.kill(signer, signal.SIGKILL)
        wait_until(lambda: has_ended(signer), "its end")
        self.assertEqual(self.ask(), self.first)

    def test_they_end_with_the_server_however_it_ends(self):
        pids = children_of(self.server, SIGNER) + children_of(self.server, REGISTRAR)
        self.server.kill()
        wait_until(lambda: all(has_ended(pid) for pid in pids), "the end of its processes")

    def test_the_server_leaves_no_core_file(self):
        with open(f"/proc/{self.server.pid}/limits") as limits:
            self.assertRegex(limits.read(), r"(?m)^Max core file size\s+0\s+0\s")

    def test_they_are_shut_in(self):
        for pid in children_of(self.server, SIGNER) + children_of(self.server, REGISTRAR):
            with self.subTest(pid=pid):
                self.assertEqual(status_of(pid, "NoNewPrivs"), "1")
                self.assertEqual(status_of(pid, "Seccomp"), "2")
                for kind in ("CapEff", "CapPrm", "CapAmb"):
                    self.assertEqual(int(status_of(pid, kind), 16), 0, kind)
                with open(f"/proc/{pid}/limits") as limits:
                    self.assertRegex(limits.read(), r"(?m)^Max core file size\s+0\s+0\s")
                # Not dumpable: what belongs to the process is root's, so that its own user cannot look into it.
                self.assertEqual(os.stat(f"/proc/{pid}/mem").st_uid, 0)
                with open(f"/proc/{pid}/environ", "rb") as environment:
                    self.assertNotIn(b"PATH=", environment.read())
        for pid in children_of(self.server, REGISTRAR):
            self.assertEqual(sorted(os.listdir(f"/proc/{pid}/fd")), ["0", "1", "2", "3"])

    @unittest.skipUnless(os.geteuid() == 0, "only root can read other processes' memory")
    def test_nobody_but_the_signer_has_the_issuing_keys(self):
        (signer,) = children_of(self.server, SIGNER)
        others = [self.server.pid, *children_of(self.server, REGISTRAR)]
        for name in ISSUING:
            needles = private_numbers(self.house.data / "keys" / f"{name}.key")
            self.assertGreaterEqual(len(needles), 2)
            with self.subTest(key=name):
                self.assertTrue(holds_any(signer, needles), "the search finds nothing where the key is")
                for pid in others:
                    self.assertFalse(holds_any(pid, needles), f"process {pid} has {name}")
        root = private_numbers(self.house.data / "keys" / "root.key")
        for pid in (signer, *others):
            self.assertFalse(holds_any(pid, root), f"process {pid} has the root key")

    def test_nobody_can_run_them_by_hand(self):
        for command in (SIGNER, REGISTRAR):
            done = subprocess.run([self.server.args[0], command, "--data", self.house.data], capture_output=True,
                                  text=True, timeout=60)
            self.assertEqual(done.returncode, 1)
            self.assertIn("'ringfence serve', which starts it", done.stderr)
            self.assertNotIn(command, run([self.server.args[0], "--help"]).out.split())


class BusyRegistry(AuthorityTest):
    def children(self):
        return set(children_of(self.server, REGISTRAR) + children_of(self.server, SIGNER))

    def test_it_is_an_answer_and_ends_no_process(self):
        device, first = self.add_device(), self.add_device()
        token = self.add_token(device)
        self.enrol_by_est(first, self.add_token(first))
        before = self.children()
        self.assertGreaterEqual(len(before), 2)
        with closing(sqlite3.connect(self.house.data / "registry.db", isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            begun = time.monotonic()
            answer = self.est("simpleenroll", *self.LOGIN, token.login, key=self.new_key())
            self.assertEqual(answer.status, 503)
            self.assertLess(time.monotonic() - begun, 9)
            writer.execute("ROLLBACK")
        self.assertLessEqual(before, self.children())
        self.enrol_by_est(device, token)


class DeviceLogin(AuthorityTest):
    def ask(self, identity):
        return Answer(run([need_program("curl"), "--silent", "--include", "--cacert", self.house.root, "--cert",
                           identity.certificate, "--key", identity.key, "--data", "",
                           f"https://{self.door('https')}/.well-known/ringfence/login"]))

    def test_it_is_given_once_a_minute_and_kept_by_nobody(self):
        device = self.add_device()
        identity = self.enrol_by_est(device, self.add_token(device))
        answer = self.ask(identity)
        self.assertEqual((answer.status, answer.header("cache-control")), (200, "no-store"))
        self.wait_for_outcome(device, "login-handed-out")
        password = json.loads(answer.body)["password"]
        self.assertEqual(self.ask(identity).status, 503)
        if os.geteuid() == 0:  # who else may look
            self.assertFalse(holds_any(self.server.pid, [password.encode()]))


class Settings(SystemTest):
    def test_a_service_that_is_off_looks_absent(self):
        house = Installation(self.work)
        add_settings(house, "scep = false")
        server = house.serve(doors=("http",))
        absent = http_get(server.ports["http"], "/no-such-file")
        off = http_get(server.ports["http"], "/scep?operation=GetCACaps")
        self.assertEqual((off.status, off.body), (absent.status, absent.body))


if __name__ == "__main__":
    unittest.main()
