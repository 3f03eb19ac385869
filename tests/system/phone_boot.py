"""How the tests of ringfence-phone boot it."""

import hashlib

from harness import PHONE, SystemTest, run

MAC = "00:24:7F:01:02:AB"
OWN_FILE = "SIP00247F0102AB.cfg"


def fingerprint(path, algorithm="sha1"):
    return hashlib.new(algorithm, path.read_bytes()).hexdigest()


class Booted:
    """A boot's report; `files` by name, `notes` as one text."""

    def __init__(self, done):
        self.done = done
        self.report = done.json()
        self.manifest = self.report["manifest"]
        self.sections = self.report["sections"]
        self.files = {entry["file"]: entry for entry in self.sections}
        self.notes = "\n".join(note["text"] for note in self.report["notes"])

    def actions(self):
        return {name: entry["action"] for name, entry in self.files.items()}


class PhoneTest(SystemTest):
    """`ports` and `www` are the class's; each test has a flash of its own."""

    ports = {}

    def setUp(self):
        self.state = self.work.path("flash")

    def serve(self, name, content):
        """Puts a file where the foreign servers find it."""
        return self.work.write(f"www/{name}", content)

    def command(self, url, *options, model="1230"):
        ports = ",".join(f"{protocol}={port}" for protocol, port in self.ports.items())
        return [PHONE, "boot", "--mac", MAC, "--model", model, "--state", self.state, "--url", url,
                *(["--ports", ports] if ports else []), *options]

    def boot(self, url="tftp://127.0.0.1", *options, code=0, **more):
        done = run(self.command(url, "--json", *options, **more), timeout=120)
        self.assertEqual(done.code, code, done)
        return Booted(done)

    def show(self):
        return run([PHONE, "show", "--state", self.state, "--json"], check=True).json()

    def held(self):
        """What the flash holds, by section and file, with the hash of the content."""
        return {(f["section"], f["file"]): f["sha256"] for f in self.show()["files"]}

    def stored_text(self):
        return b"".join(p.read_bytes() for p in self.state.rglob("*") if p.is_file()).decode("utf-8", "replace")
