"""NIST's Public Key Interoperability Test Suite, all 224 named tests, through `ringfence cert check`.

Nothing that NIST wants refused may be accepted. What we refuse beyond NIST must belong to one of DEVIATIONS. The whole
table stands in docs/PKITS.md, and the test holds it to what the run gives; to write it anew:

    RINGFENCE_WRITE_DOCS=1 python3 tests/system/pkits_test.py
"""

import base64
import os
import re
import textwrap
import unittest
from collections import Counter
from pathlib import Path

from harness import RINGFENCE, ROOT, SystemTest, run

DATA = Path("/usr/lib/python3/dist-packages/cryptography_vectors/x509/PKITS_data")
TABLE = ROOT / "docs" / "PKITS.md"
WRITES = os.environ.get("RINGFENCE_WRITE_DOCS") == "1"

# Within the life of the suite's certificates (2010 to 2030), so that the verdicts do not change with the years.
WHEN = "2026-01-01T00:00:00Z"

# What NIST's document expects, in the order of its sections 4.1 to 4.16: + is a valid path, - is not. The settings are
# its default ones: any policy will do, no explicit policy is asked for, mapping and anyPolicy are allowed. The names
# are those of the signed messages, each of which carries the certificates and lists of its test.
SECTIONS = {
    "Signature verification":
        "+ValidSignaturesTest1 -InvalidCASignatureTest2 -InvalidEESignatureTest3 +ValidDSASignaturesTest4 "
        "+ValidDSAParameterInheritanceTest5 -InvalidDSASignatureTest6",
    "Validity periods":
        "-InvalidCAnotBeforeDateTest1 -InvalidEEnotBeforeDateTest2 +Validpre2000UTCnotBeforeDateTest3 "
        "+ValidGeneralizedTimenotBeforeDateTest4 -InvalidCAnotAfterDateTest5 -InvalidEEnotAfterDateTest6 "
        "-Invalidpre2000UTCEEnotAfterDateTest7 +ValidGeneralizedTimenotAfterDateTest8",
    "Name chaining":
        "-InvalidNameChainingEETest1 -InvalidNameChainingOrderTest2 +ValidNameChainingWhitespaceTest3 "
        "+ValidNameChainingWhitespaceTest4 +ValidNameChainingCapitalizationTest5 +ValidNameChainingUIDsTest6 "
        "+ValidRFC3280MandatoryAttributeTypesTest7 +ValidRFC3280OptionalAttributeTypesTest8 "
        "+ValidUTF8StringEncodedNamesTest9 +ValidRolloverfromPrintableStringtoUTF8StringTest10 "
        "+ValidUTF8StringCaseInsensitiveMatchTest11",
    "Basic certificate revocation":
        "-MissingCRLTest1 -InvalidRevokedCATest2 -InvalidRevokedEETest3 -InvalidBadCRLSignatureTest4 "
        "-InvalidBadCRLIssuerNameTest5 -InvalidWrongCRLTest6 +ValidTwoCRLsTest7 -InvalidUnknownCRLEntryExtensionTest8 "
        "-InvalidUnknownCRLExtensionTest9 -InvalidUnknownCRLExtensionTest10 -InvalidOldCRLnextUpdateTest11 "
        "-Invalidpre2000CRLnextUpdateTest12 +ValidGeneralizedTimeCRLnextUpdateTest13 +ValidNegativeSerialNumberTest14 "
        "-InvalidNegativeSerialNumberTest15 +ValidLongSerialNumberTest16 +ValidLongSerialNumberTest17 "
        "-InvalidLongSerialNumberTest18 +ValidSeparateCertificateandCRLKeysTest19 "
        "-InvalidSeparateCertificateandCRLKeysTest20 -InvalidSeparateCertificateandCRLKeysTest21",
    "Self-issued certificates":
        "+ValidBasicSelfIssuedOldWithNewTest1 -InvalidBasicSelfIssuedOldWithNewTest2 "
        "+ValidBasicSelfIssuedNewWithOldTest3 +ValidBasicSelfIssuedNewWithOldTest4 "
        "-InvalidBasicSelfIssuedNewWithOldTest5 +ValidBasicSelfIssuedCRLSigningKeyTest6 "
        "-InvalidBasicSelfIssuedCRLSigningKeyTest7 -InvalidBasicSelfIssuedCRLSigningKeyTest8",
    "Basic constraints":
        "-InvalidMissingbasicConstraintsTest1 -InvalidcAFalseTest2 -InvalidcAFalseTest3 "
        "+ValidbasicConstraintsNotCriticalTest4 -InvalidpathLenConstraintTest5 -InvalidpathLenConstraintTest6 "
        "+ValidpathLenConstraintTest7 +ValidpathLenConstraintTest8 -InvalidpathLenConstraintTest9 "
        "-InvalidpathLenConstraintTest10 -InvalidpathLenConstraintTest11 -InvalidpathLenConstraintTest12 "
        "+ValidpathLenConstraintTest13 +ValidpathLenConstraintTest14 +ValidSelfIssuedpathLenConstraintTest15 "
        "-InvalidSelfIssuedpathLenConstraintTest16 +ValidSelfIssuedpathLenConstraintTest17",
    "Key usage":
        "-InvalidkeyUsageCriticalkeyCertSignFalseTest1 -InvalidkeyUsageNotCriticalkeyCertSignFalseTest2 "
        "+ValidkeyUsageNotCriticalTest3 -InvalidkeyUsageCriticalcRLSignFalseTest4 "
        "-InvalidkeyUsageNotCriticalcRLSignFalseTest5",
    "Certificate policies":
        "+AllCertificatesSamePolicyTest1 +AllCertificatesNoPoliciesTest2 +DifferentPoliciesTest3 "
        "-DifferentPoliciesTest4 -DifferentPoliciesTest5 +OverlappingPoliciesTest6 -DifferentPoliciesTest7 "
        "-DifferentPoliciesTest8 -DifferentPoliciesTest9 +AllCertificatesSamePoliciesTest10 "
        "+AllCertificatesAnyPolicyTest11 -DifferentPoliciesTest12 +AllCertificatesSamePoliciesTest13 +AnyPolicyTest14 "
        "+UserNoticeQualifierTest15 +UserNoticeQualifierTest16 +UserNoticeQualifierTest17 +UserNoticeQualifierTest18 "
        "+UserNoticeQualifierTest19 +CPSPointerQualifierTest20",
    "Require explicit policy":
        "+ValidRequireExplicitPolicyTest1 +ValidRequireExplicitPolicyTest2 -InvalidRequireExplicitPolicyTest3 "
        "+ValidRequireExplicitPolicyTest4 -InvalidRequireExplicitPolicyTest5 "
        "+ValidSelfIssuedrequireExplicitPolicyTest6 -InvalidSelfIssuedrequireExplicitPolicyTest7 "
        "-InvalidSelfIssuedrequireExplicitPolicyTest8",
    "Policy mappings":
        "+ValidPolicyMappingTest1 -InvalidPolicyMappingTest2 +ValidPolicyMappingTest3 -InvalidPolicyMappingTest4 "
        "+ValidPolicyMappingTest5 +ValidPolicyMappingTest6 -InvalidMappingFromanyPolicyTest7 "
        "-InvalidMappingToanyPolicyTest8 +ValidPolicyMappingTest9 -InvalidPolicyMappingTest10 "
        "+ValidPolicyMappingTest11 +ValidPolicyMappingTest12 +ValidPolicyMappingTest13 +ValidPolicyMappingTest14",
    "Inhibit policy mapping":
        "-InvalidinhibitPolicyMappingTest1 +ValidinhibitPolicyMappingTest2 -InvalidinhibitPolicyMappingTest3 "
        "+ValidinhibitPolicyMappingTest4 -InvalidinhibitPolicyMappingTest5 -InvalidinhibitPolicyMappingTest6 "
        "+ValidSelfIssuedinhibitPolicyMappingTest7 -InvalidSelfIssuedinhibitPolicyMappingTest8 "
        "-InvalidSelfIssuedinhibitPolicyMappingTest9 -InvalidSelfIssuedinhibitPolicyMappingTest10 "
        "-InvalidSelfIssuedinhibitPolicyMappingTest11",
    "Inhibit any policy":
        "-InvalidinhibitAnyPolicyTest1 +ValidinhibitAnyPolicyTest2 +inhibitAnyPolicyTest3 "
        "-InvalidinhibitAnyPolicyTest4 -InvalidinhibitAnyPolicyTest5 -InvalidinhibitAnyPolicyTest6 "
        "+ValidSelfIssuedinhibitAnyPolicyTest7 -InvalidSelfIssuedinhibitAnyPolicyTest8 "
        "+ValidSelfIssuedinhibitAnyPolicyTest9 -InvalidSelfIssuedinhibitAnyPolicyTest10",
    "Name constraints":
        "+ValidDNnameConstraintsTest1 -InvalidDNnameConstraintsTest2 -InvalidDNnameConstraintsTest3 "
        "+ValidDNnameConstraintsTest4 +ValidDNnameConstraintsTest5 +ValidDNnameConstraintsTest6 "
        "-InvalidDNnameConstraintsTest7 -InvalidDNnameConstraintsTest8 -InvalidDNnameConstraintsTest9 "
        "-InvalidDNnameConstraintsTest10 +ValidDNnameConstraintsTest11 -InvalidDNnameConstraintsTest12 "
        "-InvalidDNnameConstraintsTest13 +ValidDNnameConstraintsTest14 -InvalidDNnameConstraintsTest15 "
        "-InvalidDNnameConstraintsTest16 -InvalidDNnameConstraintsTest17 +ValidDNnameConstraintsTest18 "
        "+ValidSelfIssuedDNnameConstraintsTest19 -InvalidSelfIssuedDNnameConstraintsTest20 "
        "+ValidRFC822nameConstraintsTest21 -InvalidRFC822nameConstraintsTest22 +ValidRFC822nameConstraintsTest23 "
        "-InvalidRFC822nameConstraintsTest24 +ValidRFC822nameConstraintsTest25 -InvalidRFC822nameConstraintsTest26 "
        "+ValidDNandRFC822nameConstraintsTest27 -InvalidDNandRFC822nameConstraintsTest28 "
        "-InvalidDNandRFC822nameConstraintsTest29 +ValidDNSnameConstraintsTest30 -InvalidDNSnameConstraintsTest31 "
        "+ValidDNSnameConstraintsTest32 -InvalidDNSnameConstraintsTest33 +ValidURInameConstraintsTest34 "
        "-InvalidURInameConstraintsTest35 +ValidURInameConstraintsTest36 -InvalidURInameConstraintsTest37 "
        "-InvalidDNSnameConstraintsTest38",
    "Distribution points":
        "+ValiddistributionPointTest1 -InvaliddistributionPointTest2 -InvaliddistributionPointTest3 "
        "+ValiddistributionPointTest4 +ValiddistributionPointTest5 -InvaliddistributionPointTest6 "
        "+ValiddistributionPointTest7 -InvaliddistributionPointTest8 -InvaliddistributionPointTest9 "
        "+ValidNoissuingDistributionPointTest10 -InvalidonlyContainsUserCertsCRLTest11 "
        "-InvalidonlyContainsCACertsCRLTest12 +ValidonlyContainsCACertsCRLTest13 "
        "-InvalidonlyContainsAttributeCertsTest14 -InvalidonlySomeReasonsTest15 -InvalidonlySomeReasonsTest16 "
        "-InvalidonlySomeReasonsTest17 +ValidonlySomeReasonsTest18 +ValidonlySomeReasonsTest19 "
        "-InvalidonlySomeReasonsTest20 -InvalidonlySomeReasonsTest21 +ValidIDPwithindirectCRLTest22 "
        "-InvalidIDPwithindirectCRLTest23 +ValidIDPwithindirectCRLTest24 +ValidIDPwithindirectCRLTest25 "
        "-InvalidIDPwithindirectCRLTest26 -InvalidcRLIssuerTest27 +ValidcRLIssuerTest28 +ValidcRLIssuerTest29 "
        "+ValidcRLIssuerTest30 -InvalidcRLIssuerTest31 -InvalidcRLIssuerTest32 +ValidcRLIssuerTest33 "
        "-InvalidcRLIssuerTest34 -InvalidcRLIssuerTest35",
    "Delta lists":
        "-InvaliddeltaCRLIndicatorNoBaseTest1 +ValiddeltaCRLTest2 -InvaliddeltaCRLTest3 -InvaliddeltaCRLTest4 "
        "+ValiddeltaCRLTest5 -InvaliddeltaCRLTest6 +ValiddeltaCRLTest7 +ValiddeltaCRLTest8 -InvaliddeltaCRLTest9 "
        "-InvaliddeltaCRLTest10",
    "Private extensions":
        "+ValidUnknownNotCriticalCertificateExtensionTest1 -InvalidUnknownCriticalCertificateExtensionTest2",
}

# Why we refuse what NIST accepts: what our sentence says, a title, and the reason.
DEVIATIONS = (
    ("is a CA's, which a server must not use as its own", "A CA's certificate as the leaf",
     "The suite ends some paths at a CA. For us the end of a path is a TLS server, a TLS client or a file signer, and "
     "none of them may use a CA's key as its own: whoever takes that machine could issue certificates."),
    ("has a key of a kind that is not accepted", "DSA keys",
     "They are refused everywhere: TLS 1.3 has no place for them, and sets know RSA only."),
    ("Basic Constraints of CA cert not marked critical", "Basic constraints that are not critical",
     "RFC 5280 section 4.2.1.9 wants them critical in a CA's certificate; NIST asks verifiers to bear it. We bear it in "
     "an anchor, which is trusted as it stands, and in no CA below it."),
    ("speaks for other issuers than its own", "Indirect revocation lists",
     "Our CA issues none, and a verifier that gets them wrong takes one CA's word about another's certificates. Such a "
     "list is refused when it is read, so that no certificate is judged good by it."),
    ("holds only the changes since another one", "Delta revocation lists",
     "Our CA issues none. Such a list is refused when it is read: with the changes left out, a revoked certificate "
     "would be judged good."),
)


class NamedTest:
    def __init__(self, number, word):
        self.number, self.name, self.is_valid = number, word[1:], word[0] == "+"
        self.is_accepted, self.sentence = None, None

    @property
    def is_deviation(self):
        return self.is_accepted != self.is_valid

    @property
    def reason(self):
        """The number in DEVIATIONS, from 1, of the rule by which we refused; None when it is none of those."""
        for number, (mark, _, _) in enumerate(DEVIATIONS, 1):
            if mark in self.sentence:
                return number
        return None


def all_tests():
    return [NamedTest(f"4.{section}.{number}", word)
            for section, words in enumerate(SECTIONS.values(), 1) for number, word in enumerate(words.split(), 1)]


def shorten(sentence):
    """A sentence of the program without the suite's long names."""
    sentence = re.sub(r"^ringfence: reading \S+: ", "", sentence.strip())
    sentence = re.sub(r"the server's certificate \"[^\"]*\"", "the leaf", sentence)
    sentence = re.sub(r"the CA certificate \"[^\"]*\"", "the CA", sentence)
    return re.sub(r"\"[^\"]*?(?:CN|OU)=([^,\"]*)[^\"]*\"", r"\1", sentence)


class Pkits(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not DATA.is_dir():
            raise AssertionError("python3-cryptography-vectors is not installed; ./dev test installs it")
        cls.leaves = {path.read_bytes() for path in DATA.glob("certs/*EE.crt")}
        cls.tests = all_tests()
        for test in cls.tests:
            cls.judge(test)

    @classmethod
    def judge(cls, test):
        chain, lists = cls.unpack(test.name)
        done = run([RINGFENCE, "cert", "check", "--anchors", DATA / "certs" / "TrustAnchorRootCertificate.crt",
                    "--chain", chain, "--crl", lists, "--time", WHEN, "--purpose", "server", "--json"])
        if done.code not in (0, 1):
            raise AssertionError(str(done))
        test.is_accepted = done.code == 0
        test.sentence = "" if test.is_accepted else shorten(done.json()["sentence"] if done.out else done.err)

    @classmethod
    def unpack(cls, name):
        """The signed message's certificates, the leaf first, and its revocation lists, as two files."""
        message = DATA / "smime" / f"Signed{name}.eml"
        signed = run(["openssl", "smime", "-pk7out", "-in", message], check=True).out_bytes
        shown = run(["openssl", "pkcs7", "-print_certs"], input=signed, check=True).out
        blocks = re.findall(r"-----BEGIN ([A-Z0-9 ]+)-----\n(.*?)-----END", shown, re.S)
        certificates = [body for kind, body in blocks if kind == "CERTIFICATE"]
        certificates.sort(key=lambda body: base64.b64decode(body) not in cls.leaves)
        chain = "".join(f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n" for body in certificates)
        lists = "".join(f"-----BEGIN {kind}-----\n{body}-----END {kind}-----\n" for kind, body in blocks
                        if kind == "X509 CRL")
        return cls.work.write(f"{name}.pem", chain), cls.work.write(f"{name}.crl", lists)

    def test_it_is_the_whole_suite(self):
        messages = {path.stem.removeprefix("Signed") for path in DATA.glob("smime/*.eml")}
        self.assertEqual(len(self.tests), 224)
        self.assertEqual({test.name for test in self.tests}, messages)
        for test in self.tests:
            self.assertTrue(test.name.endswith(f"Test{test.number.rsplit('.', 1)[1]}"), test.name)

    def test_nothing_that_must_be_refused_is_accepted(self):
        self.assertEqual([test.name for test in self.tests if test.is_accepted and not test.is_valid], [])

    def test_what_is_refused_beyond_that_has_a_reason(self):
        unexplained = {test.name: test.sentence for test in self.tests if test.is_deviation and not test.reason}
        self.assertEqual(unexplained, {})

    def test_the_page_tells_what_happened(self):
        page = format_page(self.tests)
        if WRITES:
            TABLE.write_text(page)
        self.assertEqual(TABLE.read_text(), page, "docs/PKITS.md is not what the run gives; see this file's head")


def format_page(tests):
    return f"""# NIST's path validation suite

Every certificate that server or agent believes goes through one function, `crypto::build_chain`
(`src/crypto/verify.h`). This page holds it to the 224 named tests of NIST's Public Key Interoperability Test Suite
(PKITS 1.0.1, keys of 2011, as Debian's python3-cryptography-vectors carries it). Each test's signed message brings its
certificates and revocation lists; `ringfence cert check` judges them below the suite's trust anchor, as a TLS
server's, at {WHEN}. `./dev test pkits` does it again and compares this page with what came out.

{format_summary(tests)}
Settings: any certificate policy will do, none is asked for unless a CA on the path asks. NIST repeats some policy tests
under a user's other wishes, which nobody here can have; the row is that of these settings.

Purpose: the suite's leaves have no extended key usage, which a TLS server may lack and a TLS client may not
(`crypto::Purpose`). So the path is what is judged.

## Deviations

Each refuses what NIST accepts.

{format_deviations(tests)}
## All tests

A sentence is the program's own, with *the leaf* and *the CA* for their names. A number in the last column is a rule from
above. Where NIST refuses too, it says that we did so by our rule before we came to NIST's.

| test | name | NIST | ours | because | rule |
|---|---|---|---|---|---|
{"".join(map(format_row, tests))}"""


def format_summary(tests):
    counts = Counter((test.is_valid, test.is_accepted) for test in tests)
    return f"""| | accepted by us | refused by us |
|---|---|---|
| NIST accepts | {counts[True, True]} | {counts[True, False]}, explained below |
| NIST refuses | **{counts[False, True]}** | {counts[False, False]} |
"""


def format_deviations(tests):
    text = ""
    for number, (_, title, why) in enumerate(DEVIATIONS, 1):
        concerned = [test.number for test in tests if test.is_deviation and test.reason == number]
        item = f"{number}. **{title}** ({', '.join(concerned)}). {why}"
        text += textwrap.fill(item, 120, subsequent_indent="   ") + "\n"
    return text


def format_row(test):
    verdict = {True: "accept", False: "refuse"}
    return (f"| {test.number} | {test.name} | {verdict[test.is_valid]} | {verdict[test.is_accepted]} | {test.sentence} "
            f"| {test.reason or ''} |\n")


if __name__ == "__main__":
    unittest.main()
