// For the tests of crypto: a CA in memory. Keys are made once per run, since RSA keys cost some 100 ms each.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

#include "crypto/certificate_builder.h"

namespace ringfence::test {

inline crypto::PrivateKey key(const std::string& name, crypto::KeyType type = crypto::KeyType::p256) {
    static std::map<std::pair<std::string, crypto::KeyType>, crypto::PrivateKey> keys;
    const auto found = keys.find({name, type});
    if (found != keys.end()) return found->second;
    auto made = crypto::PrivateKey::generate(type);
    EXPECT_TRUE(made.has_value());
    return keys.emplace(std::pair{name, type}, *made).first->second;
}

inline WallTime at(int year, unsigned month, unsigned day) {
    return std::chrono::sys_days{std::chrono::year{year} / month / day};
}

inline const WallTime test_now = at(2026, 6, 1);

inline crypto::CertificateRequest request(crypto::CertificateRole role, const std::string& name) {
    crypto::CertificateRequest made;
    made.role = role;
    made.common_name = name;
    made.not_before = at(2026, 1, 1);
    made.not_after = at(2027, 1, 1);
    if (role == crypto::CertificateRole::root || role == crypto::CertificateRole::issuing) {
        made.not_before = at(2020, 1, 1);
        made.not_after = at(2035, 1, 1);
    }
    return made;
}

inline crypto::CertificateRequest server_request(const std::string& dns, const std::string& address = {}) {
    auto made = request(crypto::CertificateRole::server, dns);
    made.dns_names = {dns};
    if (!address.empty()) made.addresses = {*IpAddress::parse(address)};
    return made;
}

// A root and an issuing CA below it.
class LittleCa {
public:
    explicit LittleCa(const std::string& name, crypto::KeyType type = crypto::KeyType::p256)
        : random_(std::hash<std::string>{}(name)), root_(make_root(name, type)), issuing_(make_issuing(name, type)) {}

    const crypto::Certificate& root() const { return root_.certificate; }
    const crypto::Certificate& issuing() const { return issuing_.certificate; }
    const crypto::Signer& root_signer() const { return root_; }
    const crypto::Signer& issuing_signer() const { return issuing_; }

    crypto::Certificate issue(const crypto::CertificateRequest& wanted, const crypto::PrivateKey& subject) {
        return sign(wanted, subject, issuing_);
    }
    crypto::Certificate sign(const crypto::CertificateRequest& wanted, const crypto::PrivateKey& subject,
                             const crypto::Signer& signer) {
        auto made = crypto::sign_certificate(wanted, subject, signer, random_);
        if (!made) ADD_FAILURE() << made.error().message;
        return *made;
    }

private:
    crypto::Signer make_root(const std::string& name, crypto::KeyType type) {
        const auto root_key = key(name + " root", type);
        auto made = crypto::make_root(request(crypto::CertificateRole::root, name + " root"), root_key, random_);
        EXPECT_TRUE(made.has_value());
        return {*made, root_key};
    }
    crypto::Signer make_issuing(const std::string& name, crypto::KeyType type) {
        const auto issuing_key = key(name + " issuing", type);
        return {sign(request(crypto::CertificateRole::issuing, name + " issuing"), issuing_key, root_), issuing_key};
    }

    SeededRandom random_;
    crypto::Signer root_;
    crypto::Signer issuing_;
};

}  // namespace ringfence::test
