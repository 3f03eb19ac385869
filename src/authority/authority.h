// The installation's certificate authority: a root, issuing CAs below it, the server's own certificates and device
// certificates. Keys lie under DIR/keys/ (mode 0600), certificates under DIR/pki/, and the root file, which phones
// fetch, is DIR/root.pem: root, RSA issuing CA and legacy issuing CA, in this order. Its bytes change only with a
// rollover (authority/rollover.h), because a set shows the fingerprint of the file (reference 5.3) and takes no second
// root unless it is signed; and it holds every CA that either lane sends to a set, because a set refuses a chain with a
// CA that it does not hold. The root's key may be kept elsewhere (authority/offline_root.h).
//
// Signs with RSA-2048 and SHA-256, which 11xx/12xx sets verify; beside it an ECDSA P-256 issuing CA for all others.
// The root and the whole legacy lane begin in 2000 and end with 2037: a set without a battery clock wakes up in an old
// year and must verify before it can ask for the time, and a 32-bit clock ends in January 2038.
//
// One thread at a time; several programs may open the same directory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "authority/signing.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/ip_address.h"
#include "base/mac_address.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/certificate.h"
#include "crypto/certificate_builder.h"
#include "crypto/private_key.h"
#include "crypto/tls_server.h"
#include "registry/registry.h"

namespace ringfence::authority {

using crypto::TlsLane;

// What the server's certificates say it is called. Phones reach it by name or by address.
struct ServerNames {
    std::vector<std::string> hosts;    // DNS names, the main one first; at least one
    std::vector<IpAddress> addresses;  // the main one first; at least one
};

// The file that phones install as their root, and what they show of it.
struct RootFile {
    std::string path;        // on disk
    std::string bytes;       // PEM; of a later generation, or of an announced one, with a signature behind it
    std::string sha1;        // of the file: 40 upper-case hex digits
    std::string sha1_short;  // the first 20 of them, which some loads show
    std::string sha256;      // 64 upper-case hex digits
};

// Where phones learn of revocation, as in "http://prov.example.net". Empty: certificates do not say.
struct ServiceUrls {
    std::string base;
};

struct DeviceRequest {
    MacAddress mac;
    crypto::KeyType key = crypto::KeyType::rsa2048;
    TlsLane lane = TlsLane::modern;  // legacy: RSA only, and the dates of the legacy lane
    ServiceUrls urls{};              // that the certificate names
};

// Shown once and not kept: the registry remembers the certificate, never the key.
struct IssuedDevice {
    crypto::PrivateKey key;
    crypto::Certificate certificate;
    std::vector<crypto::Certificate> chain;  // the issuing CA
    std::string pkcs12;                      // key, certificate and issuing CA, DER
    Secret pkcs12_password;
};

// Another server that phones verify by our root, a SIP proxy above all. One name or address at least.
struct HostRequest {
    std::vector<std::string> hosts;
    std::vector<IpAddress> addresses;
    crypto::KeyType key = crypto::KeyType::rsa2048;
    TlsLane lane = TlsLane::modern;  // legacy: RSA only, and the dates of the legacy lane
    bool is_client = false;          // it asks our own server, and shows itself by this certificate
};

// As for a device, the key is not kept.
struct IssuedHost {
    crypto::PrivateKey key;
    crypto::Certificate certificate;
    std::vector<crypto::Certificate> chain;  // the issuing CA
};

// Days that certificates live, within their issuer's.
inline constexpr int issuing_days = 3653;  // ten years: longer than a phone stays on a desk
inline constexpr int server_days = 825;    // the most that common TLS clients take
inline constexpr int device_days = 1826;   // five years: renewing a set's certificate means walking to it
inline constexpr int back_dated_days = 1;  // for phones whose clock is somewhat behind

struct CertificateLife {
    WallTime begin{};
    WallTime end{};
};

// Whose keys an opened authority holds: a process loads what it has need of and no more.
enum class KeySet {
    all,        // the commands
    server,     // the doors
    signer,     // the issuing CAs
    registrar,  // registration and OCSP
    files,      // the file signer
    none,
};

class Authority {
public:
    // Makes everything; DIR/root.pem is written last and marks a finished authority, so that a create() that was cut
    // short is simply done again. Faults: conflict (there is one already), malformed (names), those of `disk`.
    // `disk`, `random` and `clock` outlive the authority.
    static Result<std::unique_ptr<Authority>> create(const std::string& directory, const ServerNames& names, Disk& disk,
                                                     Random& random, const Clock& clock);
    // The same in two steps, for a root whose key is elsewhere. First our own keys, and requests for the issuing CAs at
    // requests_path(); again makes new ones. Faults as of create().
    static Status prepare(const std::string& directory, const ServerNames& names, Disk& disk, Random& random);
    static std::string requests_path(const std::string& directory, Disk& disk);
    // Then all that stands below what OfflineRoot::sign() made of them. Faults: also not_found (prepare() was not
    // done), untrusted (other certificates).
    static Status complete(const std::string& directory, const ServerNames& names, std::string_view certificates,
                           Disk& disk, Random& random, const Clock& clock);
    // Whether prepare() was done and complete() was not.
    static bool waits_for_root(const std::string& directory, Disk& disk);
    // Faults: not_found, corrupt (a key or certificate is missing, damaged or does not fit the others). What needs a
    // key outside of `wanted` must not be called.
    static Result<std::unique_ptr<Authority>> open(const std::string& directory, Disk& disk, Random& random,
                                                   const Clock& clock, KeySet wanted = KeySet::all);
    ~Authority();

    const RootFile& root_file() const;

    // For a listener of that lane: P-256 first and RSA beside it, or the legacy RSA one; each with its issuing CA.
    std::vector<crypto::TlsIdentity> server_identities(TlsLane lane) const;
    // The issuing CAs whose device certificates that lane takes: TlsServerProfile::client_anchors. The legacy lane
    // takes RSA certificates of the modern one too, which no set need carry twice; the modern one takes no other's.
    // Those of former generations still vouch for what they issued.
    std::vector<crypto::Certificate> device_issuers(TlsLane lane) const;
    const crypto::Certificate& root() const;
    std::vector<crypto::Certificate> roots_ever() const;  // the present one and those of former generations
    const std::string& organization() const;              // in the subject of all that is issued
    // Of a device's certificate that this CA issues now.
    CertificateLife device_life(Issuer issuer) const;
    const crypto::Certificate& issuing(Issuer issuer) const;
    // That CA and those in whose place it came, newest first.
    std::vector<crypto::Certificate> issuing_ever(Issuer issuer) const;
    // Whether root.pem holds the CAs of a next generation too (authority/rollover.h).
    bool announces_next() const;
    crypto::Signer issuing_signer(Issuer issuer) const;
    // Decrypts requests of SCEP and signs answers of SCEP and CMP; issued by the CA that its enrolments are issued by.
    crypto::Signer registration(registry::EnrolmentProfile profile) const;
    crypto::Signer ocsp_signer(Issuer issuer) const;
    // Signs roots, policies, trust lists and settings files for sets (reference 5.6).
    crypto::Signer file_signer() const;
    std::vector<crypto::Certificate> file_signer_chain() const;  // what its signatures carry beside it
    // Every CA and server certificate, for `check` and lists.
    std::vector<crypto::Certificate> own_certificates() const;
    const ServerNames& server_names() const;

    // Notes the CAs' and the server's certificates in the registry; those it knows are passed over.
    Status record_own(registry::Registry& registry) const;

    // A new key and certificate with the subject CN=<MAC, bare, upper case>, recorded before it is handed out. Faults:
    // conflict (a P-256 key for the legacy lane), not_found (no such device), those of LocalSigner and of the registry.
    Result<IssuedDevice> issue_device(const DeviceRequest& request, registry::Registry& registry);

    // A new key and a server certificate with these names only, recorded before it is handed out, dated as our own
    // server's, or as the legacy lane's. Faults: malformed (no name, or one that is none), conflict (a P-256 key for
    // the legacy lane), those of the registry.
    Result<IssuedHost> issue_host(const HostRequest& request, registry::Registry& registry);

    // New server certificates, for the keys that are there, with these names and from now on; the old ones stay valid
    // until they end. A running server takes them when it reloads.
    Status issue_server(const ServerNames& names, registry::Registry& registry);

    // New keys and certificates of `role`: one that stands below the issuing CAs. Needs the issuing keys only
    // (KeySet::signer), so that what was lost is replaced. Who uses them takes the new ones when it starts again.
    Status renew(crypto::CertificateRole role, registry::Registry& registry);

private:
    struct Parts;
    explicit Authority(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace ringfence::authority
