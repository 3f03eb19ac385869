// A desk in memory that really issues: for tests of the enrolment protocols. Knows tokens by their text and devices by
// the certificates that it gave them.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "authority/enrolment_desk.h"
#include "base/token_text.h"
#include "crypto/certificate_builder.h"
#include "tests/crypto/little_ca.h"

namespace ringfence::test {

class LittleDesk final : public authority::EnrolmentDesk {
public:
    std::optional<Fault> refusal{};        // in place of every decision
    unsigned answers_before_decision = 0;  // that many times Waiting
    std::vector<authority::Application> applications;
    std::vector<std::pair<std::string, std::string>> wrong_secrets;  // reference, source

    LittleCa& ca() { return ca_; }

    // A token for the device of this name.
    TokenText add_token(const std::string& device) {
        auto token = make_token(random_);
        devices_[std::string(format_token_text(token).reveal())] = device;
        tokens_[token.reference] = token;
        return token;
    }

    Result<authority::Decision> apply(const authority::Application& application) override {
        applications.push_back(application);
        if (refusal) return fail(*refusal);
        const auto device = device_of(application.credential);
        if (device.empty()) return fail(FaultCode::unauthenticated, "no such token");
        if (answers_before_decision > 0) {
            --answers_before_decision;
            return authority::Waiting{};
        }
        const auto certificate = issue(device, application.public_key);
        devices_[certificate.fingerprint_sha256()] = device;
        return authority::Issued{certificate, {ca_.issuing(), ca_.root()}};
    }

    Result<authority::Decision> inquire(const authority::Inquiry&) override {
        return fail(FaultCode::not_found, "nothing was begun");
    }
    Result<Secret> secret_of(std::string_view reference) override {
        if (refusal) return fail(*refusal);
        const auto found = tokens_.find(std::string(reference));
        return found == tokens_.end() ? make_token(random_).secret : found->second.secret;
    }
    void note_wrong_secret(authority::EnrolmentProtocol, std::string_view reference, std::string_view source) override {
        wrong_secrets.emplace_back(reference, source);
    }
    Status confirm(std::string_view, bool) override { return {}; }
    Status revoke(const authority::ProvedCertificate&, int) override { return {}; }
    Result<authority::CertificateStanding> standing_of(std::string_view, std::string_view) override {
        return authority::CertificateStanding{};
    }

    crypto::Certificate issue(const std::string& device, const std::string& public_key) {
        const auto made =
            crypto::sign_certificate(request(crypto::CertificateRole::device, device),
                                     crypto::PublicKey::parse_der(public_key).value(), ca_.issuing_signer(), random_);
        EXPECT_TRUE(made.has_value());
        return *made;
    }

private:
    std::string device_of(const authority::Credential& credential) const {
        if (const auto* shown = std::get_if<authority::ShownSecret>(&credential)) {
            const auto token = parse_token_text(shown->text.reveal());
            return token ? find_device(std::string(format_token_text(*token).reveal())) : std::string();
        }
        if (const auto* proved = std::get_if<authority::ProvedToken>(&credential)) {
            const auto found = tokens_.find(proved->reference);
            return found == tokens_.end() ? std::string()
                                          : find_device(std::string(format_token_text(found->second).reveal()));
        }
        return find_device(std::get<authority::ProvedCertificate>(credential).fingerprint);
    }
    std::string find_device(const std::string& proof) const {
        const auto found = devices_.find(proof);
        return found == devices_.end() ? std::string() : found->second;
    }

    LittleCa ca_{"desk"};
    SeededRandom random_{11};
    std::map<std::string, std::string> devices_;  // by token text or fingerprint
    std::map<std::string, TokenText> tokens_;     // by reference
};

}  // namespace ringfence::test
