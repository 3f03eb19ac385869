// For tests of CMP: an authority with a registration authority beside it and a desk that says yes, unless told
// otherwise.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "crypto/cmp_client.h"
#include "crypto/cmp_server.h"
#include "tests/crypto/little_ca.h"

namespace ringfence::test {

inline const std::string cmp_reference = "7K2M9QXC";
inline const Secret cmp_secret("0123456789abcdef0123456789");
inline const std::string other_cmp_reference = "9QXC7K2M";
inline const Secret other_cmp_secret("fedcba9876543210fedcba9876");

// Certificates for the time in which the openssl command lives, too.
inline crypto::CertificateRequest present_request(crypto::CertificateRole role, const std::string& name) {
    auto made = request(role, name);
    made.not_before = SystemClock().wall_now() - std::chrono::hours(1);
    made.not_after = made.not_before + std::chrono::hours(24) * 30;
    return made;
}

class RecordingDesk final : public crypto::CmpDesk {
public:
    explicit RecordingDesk(LittleCa& ca) : ca_(ca) {}

    Result<Secret> secret_of(std::string_view reference) override {
        asked.emplace_back(reference);
        if (is_unavailable) return fail(FaultCode::unavailable, "the registry is locked");
        if (reference == cmp_reference) return cmp_secret;
        return reference == other_cmp_reference ? other_cmp_secret : Secret("nobody has this one");
    }
    void note_wrong_secret(std::string_view reference) override { wrong.emplace_back(reference); }

    crypto::CmpAnswer certify(const crypto::CmpRequest& request) override {
        requests.push_back(request);
        if (refusal) return *refusal;
        if (polls_left > 0) {
            --polls_left;
            return crypto::CmpWaiting{std::chrono::seconds(polls_left)};
        }
        return crypto::CmpIssued{issue(request.public_key_der), {ca_.issuing(), ca_.root()}, {ca_.root()}};
    }
    Status confirm(const crypto::CmpConfirmation& confirmation) override {
        confirmations.push_back(confirmation);
        return {};
    }
    std::optional<crypto::CmpRefusal> revoke(const crypto::CmpRevocation& revocation) override {
        revocations.push_back(revocation);
        return refusal;
    }
    std::vector<crypto::Certificate> ca_certificates() override { return {ca_.issuing(), ca_.root()}; }

    // For whichever key of `keys` it is.
    crypto::Certificate issue(const std::string& public_key_der) {
        for (const auto& one : keys) {
            auto wanted = present_request(crypto::CertificateRole::device, "00247F0102AB");
            if (issues_outdated) wanted.not_after = wanted.not_before + std::chrono::minutes(1);
            auto made = ca_.issue(wanted, one);
            if (made.public_key_der() == public_key_der || is_careless) return made;
        }
        ADD_FAILURE() << "nobody's key";
        return ca_.root();
    }

    std::vector<crypto::PrivateKey> keys;
    std::optional<crypto::CmpRefusal> refusal;
    int polls_left = 0;
    bool is_unavailable = false;
    bool is_careless = false;  // takes the first of its keys for anybody's
    bool issues_outdated = false;

    std::vector<std::string> asked;
    std::vector<std::string> wrong;
    std::vector<crypto::CmpRequest> requests;
    std::vector<crypto::CmpConfirmation> confirmations;
    std::vector<crypto::CmpRevocation> revocations;

private:
    LittleCa& ca_;
};

class CmpParty {
public:
    CmpParty()
        : ca("cmp"),
          registration(make_registration(key("cmp ra", crypto::KeyType::rsa2048))),
          desk(ca),
          clock(SystemClock().wall_now()),
          server({registration, {ca.issuing(), ca.root()}}, {ca.root()}, desk, clock) {
        desk.keys = {key("cmp phone"), key("cmp phone renewed")};
    }

    crypto::Certificate issue(const std::string& name, const crypto::PrivateKey& subject) {
        return ca.issue(present_request(crypto::CertificateRole::device, name), subject);
    }
    crypto::CmpHolder holder(const crypto::PrivateKey& subject) {
        return {{issue("00247F0102AB", subject), subject}, {ca.issuing()}, {ca.root()}};
    }

    // The transfer of a client: straight to the server.
    crypto::CmpTransfer wire() {
        return [this](std::string_view request) {
            sent.emplace_back(request);
            auto reply = server.answer(request);
            if (reply) replies.push_back(*reply);
            return reply;
        };
    }
    crypto::CmpClient client(crypto::CmpCredential credential,
                             crypto::CmpClient::Confirmation confirmation = crypto::CmpClient::Confirmation::told) {
        return crypto::CmpClient({std::move(credential), {clock.wall_now()}, confirmation}, wire());
    }

    LittleCa ca;
    const crypto::Signer registration;
    RecordingDesk desk;
    ManualClock clock;
    crypto::CmpServer server;
    std::vector<std::string> sent;
    std::vector<std::string> replies;

private:
    crypto::Signer make_registration(const crypto::PrivateKey& own) {
        return {ca.issue(present_request(crypto::CertificateRole::registration, "cmp ra"), own), own};
    }
};

}  // namespace ringfence::test
