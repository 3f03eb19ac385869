// For the tests of the phone: authorities, signers, signed files, trust lists and device certificates in memory.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "crypto/pkcs12.h"
#include "crypto/signed_data.h"
#include "phonefile/signature_label.h"
#include "staged_network.h"

namespace ringfence::phone {

inline const crypto::PrivateKey& key_named(const std::string& name, crypto::KeyType type = crypto::KeyType::p256) {
    static std::map<std::string, crypto::PrivateKey> keys;
    const auto found = keys.find(name);
    if (found != keys.end()) return found->second;
    auto made = crypto::PrivateKey::generate(type);
    EXPECT_TRUE(made.has_value());
    return keys.emplace(name, *made).first->second;
}

inline crypto::CertificateRequest certificate_request(crypto::CertificateRole role, const std::string& name) {
    crypto::CertificateRequest request;
    request.role = role;
    request.common_name = name;
    if (role == crypto::CertificateRole::server) request.dns_names = {"server.example"};
    request.not_before = test_time - std::chrono::hours(24);
    request.not_after = test_time + std::chrono::hours(24 * 300);
    return request;
}

// A root with a signer of files below it.
class Company {
public:
    explicit Company(const std::string& name)
        : root_(make_root(name)), signer_(issue(crypto::CertificateRole::file_signer, name + " signer")) {}

    const crypto::Certificate& root() const { return root_.certificate; }
    std::string root_pem() const { return root_.certificate.to_pem(); }
    const crypto::Signer& root_signer() const { return root_; }

    crypto::Signer issue(crypto::CertificateRole role, const std::string& name,
                         crypto::KeyType type = crypto::KeyType::p256) const {
        SystemRandom random;
        const auto& key = key_named(name, type);
        auto made = crypto::sign_certificate(certificate_request(role, name), key, root_, random);
        EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().message);
        return {*made, key};
    }

    std::string sign(const std::string& content, WallTime at = test_time) const {
        return sign_by(signer_, content, at);
    }
    std::string sign_as(const phonefile::SignatureLabel& label, const std::string& content) const {
        return sign_by(signer_, content, test_time, phonefile::format_signature_label(label));
    }
    static std::string sign_by(const crypto::Signer& signer, const std::string& content, WallTime at = test_time,
                               const std::string& description = "") {
        auto signature = crypto::sign_detached({content, description}, signer, {}, at);
        EXPECT_TRUE(signature.has_value()) << signature.error().message;
        return content + *signature;
    }

    // A PKCS#12 device certificate.
    std::string device_p12(const std::string& name, const std::string& password,
                           crypto::KeyType type = crypto::KeyType::rsa2048) const {
        const auto device = issue(crypto::CertificateRole::device, name, type);
        auto made = crypto::format_pkcs12({device.key, device.certificate, {}, name}, Secret(password));
        EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().message);
        return *made;
    }

private:
    static crypto::Signer make_root(const std::string& name) {
        SystemRandom random;
        const auto& key = key_named(name + " root");
        auto request = certificate_request(crypto::CertificateRole::root, name + " root");
        request.not_after = test_time + std::chrono::hours(24 * 365);
        auto made = crypto::make_root(request, key, random);
        EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().message);
        return {*made, key};
    }

    crypto::Signer root_;
    crypto::Signer signer_;
};

// Made once: keys are slow.
inline const Company& customer() {
    static const Company company("Customer");
    return company;
}
inline const Company& stranger() {
    static const Company company("Stranger");
    return company;
}
inline const Company& vendor() {
    static const Company company("Vendor");
    return company;
}

inline std::string trust_list_text(const std::string& not_before, const std::string& not_after,
                                   const std::vector<crypto::Certificate>& certificates) {
    std::string text = "NOT_VALID_BEFORE: " + not_before + "\nNOT_VALID_AFTER: " + not_after + "\n";
    for (const auto& one : certificates) text += one.to_pem();
    return text;
}

}  // namespace ringfence::phone
