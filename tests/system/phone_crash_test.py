"""ringfence-phone is killed at every system call that writes: what stands then is the old or the new, and the next boot
comes to the same end as one that nothing disturbed.

strace kills by SIGKILL on entering the call, and the kernel then leaves the call out (a test here shows that). So a
kill at call n shows the disk just behind call n - 1, and all n together show both sides of each call.
"""

import hashlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from foreign import NEEDS_LOGIN, PHONE_LOGIN, Pki, start_nginx, start_tftpd, tls_server
from harness import PATIENCE, PHONE, Done, free_port, need_program, run
from phone_boot import OWN_FILE, PhoneTest, fingerprint

# Calls that change the disk, each taken at every n.
CHANGING = ("openat", "creat", "write", "pwrite64", "writev", "ftruncate", "truncate", "fallocate", "rename",
            "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "link", "linkat", "symlink",
            "symlinkat", "chmod", "fchmod", "fchmodat")
# Calls that leave the disk as a kill shows it, which loses nothing that the kernel was given: every few n are enough.
HARMLESS = ("fsync", "fdatasync", "sendto", "sendmsg")
HARMLESS_STRIDE = 7
AT_ONCE = 2  # kills under way at the same time
# Programs with sanitizers are slower by so much that only every few n are taken.
STRIDE = 1 if PATIENCE <= 1 else 5

CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)")
# A killed program loses nothing that the kernel was given, so it does not matter what the flash stands on, and memory
# need not be waited for.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
UNTRACED = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}  # which would trace, too


def strace(log, *options):
    calls = ",".join(CHANGING + HARMLESS)
    return [need_program("strace"), "-f", "-qq", "-o", str(log), "-e", f"trace={calls}", *options]


def may_trace(folder):
    """Whether this kernel lets us trace; containers may forbid ptrace."""
    ended = subprocess.run(strace(folder / "probe", "true"), capture_output=True)
    said = ended.stderr.decode(errors="replace")
    return ended.returncode == 0 or not re.search(r"ptrace|PTRACE|not permitted|not allowed", said)


def calls_of(log):
    """The writing calls of a boot, as (name, running number of that name) in order."""
    counts = Counter()
    calls = []
    for line in log.read_text(errors="replace").splitlines():
        found = CALL.match(line)
        if not found:
            continue
        name, arguments = found.groups()
        counts[name] += 1
        if name != "openat" or "O_CREAT" in arguments:
            calls.append((name, counts[name]))
    return calls


def every(calls, stride):
    """Every n of the changing calls, fewer of the harmless, and of all only each `stride`-th."""
    harmless = [call for call in calls if call[0] in HARMLESS][::HARMLESS_STRIDE]
    kept = [call for call in calls if call[0] not in HARMLESS or call in harmless]
    return kept[::stride]


class Killed(PhoneTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not may_trace(cls.work.folder):
            raise unittest.SkipTest("ptrace is forbidden here, so no program can be killed at a system call")
        cls.pki = Pki(cls.work.path("pki"))
        cls.root = cls.pki.authority("root")
        cls.rogue = cls.pki.authority("rogue")
        cls.server = cls.pki.issue("server", cls.root)
        cls.www = cls.work.folder / "www"
        cls.www.mkdir()
        cls.tftpd, tftp = start_tftpd(cls.work, cls.www)
        cls.ports = {"tftp": tftp, "http": free_port(), "https": free_port()}
        cls.nginx = start_nginx(cls.work, cls.www, [f"listen 127.0.0.1:{cls.ports['http']};",
                                                    tls_server(cls.ports["https"], *cls.server, NEEDS_LOGIN)])
        cls.nginx.wait_for_port(cls.ports["https"])
        cls.options = ["--device-id", PHONE_LOGIN[0], "--password-file",
                       cls.work.write("password", PHONE_LOGIN[1], 0o600)]
        cls.accept = ["--accept-fingerprint", fingerprint(cls.root[0])]
        cls.flashes = Path(tempfile.mkdtemp(prefix="ringfence-test-", dir=MEMORY))
        cls.addClassCleanup(shutil.rmtree, cls.flashes)
        cls.names = itertools.count()

    def setUp(self):
        super().setUp()
        for version in ("old", "new"):
            self.serve(f"{version}/site.cfg", f"BANNER {version}\nVMAIL {version}\n")
            self.serve(f"{version}/fw.bin", f"{version} firmware ".encode() * 200)
            self.serve(f"{version}/French.lng", f"{version} bonjour")
        self.serve("new/German.lng", "new guten Tag")
        self.serve("new/root.pem", self.root[0].read_bytes())
        self.serve("new/rogue.pem", self.rogue[0].read_bytes())
        self.serve(OWN_FILE, "AUTOLOGIN_ID_KEY01 4711\nAUTOLOGIN_PASSWD_KEY01 canary-sip-1127\n")

    # ---- manifests

    def offer(self, *sections):
        self.serve("1230SIP.cfg", "".join(sections))

    @staticmethod
    def section(kind, version, *filenames, protocol="HTTP", more=""):
        names = "".join(f"FILENAME {name}\n" for name in filenames)
        return f"[{kind}]\nVERSION {version:06}\nPROTOCOL {protocol}\n{more}{names}"

    def offer_old(self):
        self.offer(self.section("DEVICE_CONFIG", 1, "old/site.cfg"),
                   self.section("FW", 1, "old/fw.bin", protocol="TFTP"),
                   self.section("LANGUAGE", 1, "old/French.lng", "old/missing.lng"))

    def new_sections(self):
        return [self.section("USER_KEYS", 2, "new/root.pem", protocol="TFTP"),
                self.section("DEVICE_CONFIG", 2, "new/site.cfg"),
                self.section("USER_CONFIG", 2, protocol="HTTPS"),
                self.section("LANGUAGE", 2, "new/French.lng", "new/German.lng", more="DELETE_FILES YES\n"),
                self.section("FW", 2, "new/fw.bin", protocol="TFTP")]

    # ---- flashes

    def fresh(self, start=None):
        """A copy of the flash `start`, or the name of one that does not exist yet."""
        state = self.flashes / f"flash-{next(self.names)}"
        if start:
            shutil.copytree(start, state)
        return state

    def boot_of(self, state, *options):
        command = self.command("tftp://127.0.0.1", "--json", *self.options, *options)
        command[command.index("--state") + 1] = state
        return [str(word) for word in command]

    def boot_on(self, state, *options):
        return run(self.boot_of(state, *options), timeout=120)

    def look(self, state):
        """All that counts, as text, and the stage; `show` must work, and each file have its bytes."""
        shown = run([PHONE, "show", "--state", state, "--json"], check=True).json()
        for file in shown["files"]:
            stored = (state / "files" / file["sha256"]).read_bytes()
            self.assertEqual(hashlib.sha256(stored).hexdigest(), file["sha256"])
            del file["installed_at"]
        shown["files"].sort(key=lambda file: (file["section"], file["file"]))
        del shown["events"]
        stage = shown.pop("stage")
        return json.dumps(shown, sort_keys=True), stage

    def installed(self, state):
        return self.look(state)[0]

    @staticmethod
    def roots(held):
        return json.loads(held)["roots"]

    def old_flash(self):
        self.offer_old()
        state = self.fresh()
        done = self.boot_on(state)
        self.assertIn("old/missing.lng", done.out)
        return state

    # ---- kills

    def recorded(self, start, *options):
        """An undisturbed boot: its writing calls, and the flash that it leaves."""
        state = self.fresh(start)
        log = self.work.path("calls")
        run([*strace(log), *self.boot_of(state, *options)], timeout=120, env=UNTRACED)
        return calls_of(log), state

    def kill_at(self, start, call, *options):
        """A boot killed on entering that call; the flash that it leaves, and whether it was killed."""
        name, number = call
        state = self.fresh(start)
        killer = strace(os.devnull, "-e", f"inject={name}:signal=KILL:when={number}")
        command = [*killer, *self.boot_of(state, *options)]
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120 * PATIENCE,
                               env={**os.environ, **UNTRACED})
        done = Done(command, ended.returncode, ended.stdout, ended.stderr)
        self.assertIn(done.code, (0, 1, -signal.SIGKILL), done)
        return state, done.code == -signal.SIGKILL

    def kill_everywhere(self, start, calls, check, *options):
        """Kills one boot at each of the calls and looks at each flash; says at which call something was wrong."""
        def try_one(call):
            state, killed = self.kill_at(start, call, *options)
            try:
                check(state)
                return killed
            except AssertionError as fault:
                raise AssertionError(f"killed at {call[0]} {call[1]}: {fault}") from fault
            finally:
                shutil.rmtree(state, ignore_errors=True)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            killed = list(pool.map(try_one, calls))
        # A packet sent again moves the numbers behind it by one; then a boot may come to its end.
        self.assertGreater(sum(killed), 0.95 * len(calls) - 2, "the kills did not happen")
        return len(calls)

    def states_between(self, start, sections, *options):
        """What may stand at any moment of a boot from `start`: the state before it and one after each file."""
        states = [self.installed(start)]
        ends = []
        for count in range(1, len(sections) + 1):
            done = sections[:count]
            if "German" in done[-1]:  # the first of two files is in, and its section not done
                ends.append([*done[:-1], done[-1].replace("new/German.lng", "new/missing.lng")])
            ends.append(done)
        for end in ends:
            self.offer(*end)
            state = self.fresh(start)
            self.boot_on(state, *options)
            states.append(self.installed(state))
        return states

    # ---- tests

    def test_a_call_at_which_a_program_is_killed_is_not_done(self):
        made = self.work.path("made")
        for call, words in (("mkdir", ["mkdir", made]), ("openat", ["touch", made])):
            log = self.work.path("calls")
            undisturbed = subprocess.run([*strace(log), *words], capture_output=True)
            self.assertEqual(undisturbed.returncode, 0, undisturbed.stderr)
            number = [n for name, n in calls_of(log) if name == call][-1]
            made.rmdir() if made.is_dir() else made.unlink()
            ended = subprocess.run([*strace(os.devnull, "-e", f"inject={call}:signal=KILL:when={number}"), *words])
            self.assertEqual(ended.returncode, -signal.SIGKILL)
            self.assertFalse(made.exists(), call)

    def test_every_kill_leaves_the_old_or_the_new(self):
        start = self.old_flash()
        sections = self.new_sections()
        legal = self.states_between(start, sections, *self.accept)
        self.assertEqual(len(legal), len(set(legal)), "each file changes something")
        self.offer(*sections)
        calls, whole = self.recorded(start, *self.accept)
        self.assertEqual(self.installed(whole), legal[-1])
        self.assertGreater(len(calls), 100, "the trace sees the boot's writes")
        kept = {file["sha256"] for file in json.loads(legal[-1])["files"]}
        seen = set()

        def check(state):
            held, stage = self.look(state)
            self.assertIn(held, legal, "a mixture")
            seen.add(legal.index(held))
            again = self.boot_on(state, *self.accept)
            self.assertEqual(again.code, 0, again)
            self.assertEqual(self.look(state), (legal[-1], "idle"), "the next boot comes to the same end")
            self.assertEqual("was cut off" in again.out, stage != "idle", again)
            self.assertEqual([path.name for path in state.rglob("*~")], [])
            self.assertEqual({path.name for path in (state / "files").iterdir()}, kept)
            third = self.boot_on(state, *self.accept)
            self.assertEqual({entry["action"] for entry in third.json()["sections"]}, {"kept"}, "nothing is done twice")
        self.kill_everywhere(start, every(calls, STRIDE), check, *self.accept)
        if STRIDE == 1:
            self.assertEqual(seen, set(range(len(legal))), "the kills met every state between")

    def test_a_boot_that_mends_a_crash_may_be_killed_too(self):
        start = self.old_flash()
        self.offer(*self.new_sections())
        calls, whole = self.recorded(start, *self.accept)
        renames = [call for call in calls if call[0] == "rename"]
        wanted = self.installed(whole)

        def check(state):
            again = self.boot_on(state, *self.accept)
            self.assertEqual(again.code, 0, again)
            self.assertEqual(self.installed(state), wanted)
            self.assertEqual([path.name for path in state.rglob("*~")], [])
        # Cut in the last fifth of the boot, on the way to a rename: temporary files and unnamed contents lie about.
        for cut in renames[len(renames) * 4 // 5:][:3]:
            crashed, killed = self.kill_at(start, cut, *self.accept)
            self.assertTrue(killed)
            mending, _ = self.recorded(crashed, *self.accept)
            self.kill_everywhere(crashed, every(mending, STRIDE)[:30 // STRIDE + 1], check, *self.accept)

    def test_a_refused_root_is_at_no_moment_installed(self):
        start = self.old_flash()
        self.offer(*self.new_sections())
        calls, whole = self.recorded(start)
        wanted = self.installed(whole)
        self.assertEqual(self.roots(wanted), [], "nobody accepted the root")

        def check(state):
            self.assertEqual(self.roots(self.installed(state)), [])
            again = self.boot_on(state)
            self.assertEqual(again.code, 1, again)
            self.assertEqual({e["file"]: e["action"] for e in again.json()["sections"]}["new/root.pem"], "refused")
            self.assertEqual(self.installed(state), wanted)
        self.kill_everywhere(start, every(calls, 4 * STRIDE), check)

    def test_a_rogue_root_is_at_no_moment_installed(self):
        self.offer(*self.new_sections())
        start = self.fresh()
        self.assertEqual(self.boot_on(start, *self.accept).code, 0)
        before = self.installed(start)
        self.offer(self.section("USER_KEYS", 9, "new/rogue.pem", protocol="TFTP"),
                   self.section("LANGUAGE", 1, "new/German.lng"))
        believed = ["--accept-fingerprint", fingerprint(self.rogue[0])]  # even then
        calls, _ = self.recorded(start, *believed)

        def check(state):
            self.assertEqual(self.installed(state), before)
            again = self.boot_on(state, *believed)
            self.assertEqual({e["file"]: e["action"] for e in again.json()["sections"]}["new/rogue.pem"], "refused")
            self.assertEqual(self.installed(state), before)
        self.kill_everywhere(start, every(calls, STRIDE), check, *believed)

    def test_trust_and_firmware_are_whole_after_every_kill(self):
        """All that a set is told to trust, and the vendor's firmware, for which it restarts once."""
        signer = self.pki.issue("signer", self.root, "signer", san="")
        device = self.pki.issue("device", self.root, "client", san="", key="rsa")
        vendor = self.pki.authority("vendor")
        load = "SIP12x004.04.09.00"
        image = self.pki.sign(f"RINGFENCE TEST IMAGE 1 {load}\n" + "image" * 1000,
                              self.pki.issue("vendor-signer", vendor, "signer", san=""))
        for name, content in {"later.sig": self.pki.sign(self.pki.authority("later")[0].read_bytes(), signer),
                              "policy.sig": self.pki.sign("SECURITY_LOG_UI_ENABLE YES\n", signer),
                              "list.crl": self.pki.revocation_list(self.root), "image.bin": image,
                              "ctl.sig": self.pki.sign(self.pki.trust_list(self.server), signer),
                              "phone-00247F0102AB.p12": self.pki.pkcs12(device, "Set-2031!")}.items():
            self.serve(f"trust/{name}", content)
        self.offer(self.section("USER_KEYS", 1, "new/root.pem"))
        start = self.fresh()
        self.assertEqual(self.boot_on(start, *self.accept).code, 0)
        run([PHONE, "profile", "--state", start, "--source", "pkcs12", "--active", "yes"], check=True)
        sections = [self.section(kind, 2, f"trust/{name}") for kind, name in (
            ("USER_KEYS", "later.sig"), ("SEC_POLICY", "policy.sig"), ("CRL", "list.crl"), ("CTL", "ctl.sig"),
            ("DEV_CERT", "phone-*.p12"))]
        sections.append(f"[FW]\nDOWNLOAD_MODE FORCED\nVERSION {load}\nPROTOCOL HTTP\nFILENAME trust/image.bin\n")
        options = ["--certificate-password-file", self.work.write("p12-password", "Set-2031!\n", 0o600),
                   "--vendor-roots", vendor[0]]
        legal = self.states_between(start, sections, *options)
        self.assertEqual(len(legal), len(set(legal)), "each file changes something")
        self.offer(*sections)
        undisturbed = self.boot_on(self.fresh(start), *options)
        self.assertEqual(len(undisturbed.json_lines()), 2, "the firmware restarts the set")
        calls, whole = self.recorded(start, *options)
        self.assertEqual(self.installed(whole), legal[-1])

        def check(state):
            self.assertIn(self.installed(state), legal, "a mixture")
            again = self.boot_on(state, *options)
            self.assertEqual(again.code, 0, again)
            self.assertEqual(self.look(state), (legal[-1], "idle"))
            self.assertLessEqual(len(again.json_lines()), 2, "one restart at most")
            third = self.boot_on(state, *options)
            self.assertEqual((third.code, len(third.json_lines())), (0, 1), "FORCED makes no boot loop")
        self.kill_everywhere(start, every(calls, 3 * STRIDE), check, *options)


if __name__ == "__main__":
    unittest.main()
