"""The demo of the README runs to its end against the built programs, and shows each of its parts."""

import sys
import unittest

from harness import ROOT, SystemTest, run
from kamailio import PASSWORD

from lab import why_no_lab


class Demo(SystemTest):
    def test_it_tells_the_whole_walk_and_cleans_up(self):
        done = run([sys.executable, "-B", ROOT / "scripts" / "demo"], timeout=300)
        self.assertEqual(done.code, 0, str(done))
        for part in ("The provisioning server", "EAP-MD5", "Single authentication", "proof=device-password",
                     "Mutual authentication", "proof=device-certificate", "No touch", "the token proved who named it",
                     "outcome=second-enrolment", "wrong password", "which is not trusted here",
                     "belongs to another device", "the client certificate was revoked", "Cleaned up"):
            self.assertIn(part, " ".join(done.out.replace("|", " ").split()))
        self.assertNotIn("a-sip-password", done.out + done.err)
        if why_no_lab():
            return self.assertIn("This part needs a network of its own", done.out)
        for part in ("came through the port: 0", "logged in by md5", "swp1: onboarding", "logged in by tls",
                     "swp1: production", "registered 4711", "swp1: closed", "EAP Authenticate-Fail"):
            self.assertIn(part, done.out)
        self.assertNotIn(PASSWORD, done.out + done.err)


if __name__ == "__main__":
    unittest.main()
