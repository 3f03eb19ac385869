// For tests of enrolment: an installation with a real registry and a real authority. The authority's keys are made once
// per run, since they take 1.5 seconds; the registry is each test's own.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "authority/authority.h"
#include "authority/local_desk.h"
#include "authority/local_signer.h"
#include "base/token_text.h"
#include "registry/registry.h"
#include "tests/crypto/little_ca.h"
#include "tests/crypto/program.h"

namespace ringfence::test {

// Keeps what was recorded.
class RecordedEvents final : public registry::EventSink {
public:
    void record(registry::Event event) override { all.push_back(std::move(event)); }

    std::size_t count(registry::EventKind kind, const std::string& outcome) const {
        return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](const registry::Event& event) {
            return event.kind == kind && event.outcome == outcome;
        }));
    }

    std::vector<registry::Event> all;
};

struct TokenWish {
    registry::TokenKind kind = registry::TokenKind::token;
    registry::EnrolmentProfile profile = registry::EnrolmentProfile::modern;
    bool needs_approval = false;
    bool replaces = false;
    Duration life = std::chrono::hours(24);
};

class LittleHouse {
public:
    LittleHouse() {
        clock().set_wall(test_now);
        auto made = registry::Registry::create(folder_ / "registry", clock(), disk_, random());
        EXPECT_TRUE(made.has_value());
        registry_ = std::move(*made);
        EXPECT_TRUE(authority().record_own(*registry_).has_value());
        add_device(phone, "SN-1", {"phone1.example.net"});
        add_device(other_phone, "", {});
    }

    static ManualClock& clock() { return shared().clock; }
    static Random& random() { return shared().random; }
    static authority::Authority& authority() { return *shared().authority; }
    registry::Registry& registry() { return *registry_; }
    RecordedEvents& events() { return events_; }

    void add_device(const MacAddress& mac, const std::string& serial, const std::vector<std::string>& names) {
        registry::Device device{.mac = mac};
        device.model = "1230";
        device.serial = serial;
        device.names = names;
        EXPECT_TRUE(registry_->add_device(device).has_value());
    }

    TokenText add_token(const MacAddress& device, const TokenWish& wish = {}) {
        const TokenText text =
            wish.kind == registry::TokenKind::challenge ? make_challenge(random()) : make_token(random());
        registry::EnrolmentToken token{.device = device};
        token.reference = text.reference;
        token.secret = text.secret;
        token.kind = wish.kind;
        token.profile = wish.profile;
        token.needs_approval = wish.needs_approval;
        token.replaces = wish.replaces;
        token.created = clock().wall_now();
        token.expires = token.created + wish.life;
        EXPECT_TRUE(registry_->add_token(token).has_value());
        return text;
    }

    std::vector<registry::CertificateRecord> certificates_of(const MacAddress& device) {
        std::vector<registry::CertificateRecord> out;
        EXPECT_TRUE(registry_->list_certificates_of(device, [&](const registry::CertificateRecord& record) {
            out.push_back(record);
            return true;
        }));
        return out;
    }

    registry::CertificateRecord record_of(const crypto::Certificate& certificate) {
        const auto found = registry_->find_certificate(certificate.fingerprint_sha256());
        EXPECT_TRUE(found.has_value() && found->has_value());
        return **found;
    }

    static inline const MacAddress phone = *MacAddress::parse("00247F0102AB");
    static inline const MacAddress other_phone = *MacAddress::parse("00247F0102AC");

private:
    struct Shared {
        TemporaryFolder folder;
        SystemDisk disk;
        SystemRandom random;
        ManualClock clock{test_now};
        std::unique_ptr<authority::Authority> authority = make();

        std::unique_ptr<authority::Authority> make() {
            auto made = authority::Authority::create(
                folder.path(), {{"prov.example.net"}, {*IpAddress::parse("192.0.2.1")}}, disk, random, clock);
            EXPECT_TRUE(made.has_value());
            return std::move(*made);
        }
    };
    static Shared& shared() {
        static Shared one;
        return one;
    }

    TemporaryFolder folder_;
    SystemDisk disk_;
    std::unique_ptr<registry::Registry> registry_;
    RecordedEvents events_;
};

// The real signer, out of order as often as it is told.
class FailingSigner final : public authority::CertificateSigner {
public:
    explicit FailingSigner(LittleHouse& house)
        : signer_(house.authority(), house.registry(), house.random(), house.clock(), {}) {}

    Result<crypto::Certificate> sign_device(const authority::SigningOrder& order) override {
        ++asked;
        if (failures > 0) {
            --failures;
            return fail(FaultCode::unavailable, "the signer is starting");
        }
        return signer_.sign_device(order);
    }
    Status sign_revocation_list(authority::Issuer issuer) override { return signer_.sign_revocation_list(issuer); }

    unsigned failures = 0;
    unsigned asked = 0;

private:
    authority::LocalSigner signer_;
};

// A desk of that house.
class LittleOffice {
public:
    explicit LittleOffice(LittleHouse& house)
        : signer_(house),
          commons_{house.authority(), house.events(), wrong_tries_, house.clock(), Secret("a key of this process")},
          desk_(commons_, house.registry(), signer_) {}

    FailingSigner& signer() { return signer_; }
    authority::LocalDesk& desk() { return desk_; }

private:
    FailingSigner signer_;
    authority::WrongTries wrong_tries_;
    authority::DeskCommons commons_;
    authority::LocalDesk desk_;
};

// The SubjectPublicKeyInfo of a key that a program not ours made.
inline std::string foreign_public_key(const std::string& genpkey_options) {
    const TemporaryFolder folder;
    const auto made = run("cd " + folder.path() + " && openssl genpkey " + genpkey_options +
                          " -out key && openssl pkey -in key -pubout -outform DER -out public");
    EXPECT_EQ(made.status, 0) << made.output;
    return folder.get("public");
}

inline std::string public_key_of(const crypto::PrivateKey& key) { return key.public_key()->to_der(); }

}  // namespace ringfence::test
