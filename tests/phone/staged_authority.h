// A SCEP server by hand, over the authority's half of the codec: tests say what it knows and how it decides.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/text.h"
#include "phone/fetch.h"
#include "tests/crypto/scep_party.h"

namespace ringfence::test {

class StagedAuthority {
public:
    std::string capabilities = "AES\nSHA-256\nPOSTPKIOperation\nRenewal\n";
    std::optional<std::string> wanted_challenge{};
    unsigned answers_before_decision = 0;       // that many times PENDING
    bool loses_replies = false;                 // takes requests, and the answer does not arrive
    std::optional<std::string> certificates{};  // in place of GetCACert's answer; empty text: nobody answers

    // What it saw.
    std::vector<crypto::ScepMessageType> types;
    std::vector<std::string> transaction_ids;
    std::vector<std::string> nonces;
    std::optional<crypto::Certificate> last_signer;
    std::string last_subject;
    unsigned gets = 0;

    ScepParty& party() { return party_; }
    std::string name = "AdminCA1";

    phone::FetchOutcome answer(const phone::FetchOrder& order) {
        const auto message = message_of(order.query);
        if (order.query.starts_with("operation=GetCACaps")) {
            if (capabilities.empty()) return gone();
            return {capabilities};
        }
        if (order.query.starts_with("operation=GetCACert")) {
            EXPECT_EQ(message, name);
            if (certificates && certificates->empty()) return gone();
            return {certificates.value_or(party_.authority())};
        }
        EXPECT_TRUE(order.query.starts_with("operation=PKIOperation")) << order.query;
        EXPECT_EQ(order.upload ? order.upload->content_type : "", order.upload ? "application/x-pki-message" : "");
        gets += order.upload ? 0 : 1;
        auto reply = decide(order.upload ? order.upload->bytes : from_base64(message).value());
        if (loses_replies) return gone();
        return {std::move(reply)};
    }

private:
    static phone::FetchOutcome gone() { return {fail(FaultCode::unavailable, "the server did not answer in time")}; }

    static std::string message_of(const std::string& query) {
        const auto at = query.find("&message=");
        return at == std::string::npos ? std::string() : percent_decode(query.substr(at + 9)).value();
    }

    std::string decide(const std::string& der) {
        const auto message = crypto::parse_scep_message(der);
        EXPECT_TRUE(message.has_value());
        types.push_back(message->attributes.type);
        transaction_ids.push_back(message->attributes.transaction_id);
        nonces.push_back(message->attributes.sender_nonce);
        last_signer = message->signer;

        crypto::ScepAttributes reply;
        reply.type = crypto::ScepMessageType::certificate_reply;
        reply.transaction_id = message->attributes.transaction_id;
        reply.sender_nonce = std::string(crypto::scep_nonce_size, 's');
        reply.recipient_nonce = message->attributes.sender_nonce;
        const auto finish = [&](const std::optional<crypto::IssuedCertificates>& issued) {
            return *crypto::format_scep_reply(reply, issued, party_.ra(),
                                              {*crypto::find_cipher(*message), message->digest});
        };
        if (message->attributes.type != crypto::ScepMessageType::certificate_poll) {
            const auto request = crypto::open_scep_request(*message, party_.ra(), crypto::SingleDes::refused);
            EXPECT_TRUE(request.has_value()) << request.error().message;
            last_subject = request->subject();
            const auto challenge = request->challenge();
            const bool is_known = wanted_challenge && message->signer.issuer() == party_.ca().issuing().subject();
            if (wanted_challenge && !is_known && challenge != Secret(*wanted_challenge)) {
                reply.status = crypto::ScepStatus::failure;
                reply.failure = crypto::ScepFailure::bad_request;
                return finish(std::nullopt);
            }
            requests_.insert_or_assign(reply.transaction_id, *request);
        }
        if (requests_.count(reply.transaction_id) == 0) {
            reply.status = crypto::ScepStatus::failure;
            reply.failure = crypto::ScepFailure::bad_certificate_id;
            return finish(std::nullopt);
        }
        if (answers_before_decision > 0) {
            --answers_before_decision;
            reply.status = crypto::ScepStatus::pending;
            return finish(std::nullopt);
        }
        reply.status = crypto::ScepStatus::success;
        return finish(crypto::IssuedCertificates{issue(requests_.at(reply.transaction_id)), message->signer});
    }

public:
    // How a certificate is made of a request; the subject's key is known by its public part only.
    std::function<std::vector<crypto::Certificate>(const crypto::CertificationRequest&)> issue =
        [this](const crypto::CertificationRequest& request) {
            return std::vector{openssl_issue(request, party_.ca().issuing_signer())};
        };

    static crypto::Certificate openssl_issue(const crypto::CertificationRequest& request, const crypto::Signer& issuer,
                                             const std::string& options = "-days 30") {
        const TemporaryFolder folder;
        folder.put("csr", request.to_der());
        folder.put("ca", issuer.certificate.to_pem());
        folder.put("cakey", issuer.key.to_pem().reveal());
        folder.put("ext",
                   "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\n"
                   "extendedKeyUsage=clientAuth\n");
        const auto made = run("cd " + folder.path() +
                              " && openssl x509 -req -inform DER -in csr -CA ca -CAkey cakey -CAcreateserial "
                              "-extfile ext -out cert " +
                              options);
        EXPECT_EQ(made.status, 0) << made.output;
        return *crypto::Certificate::parse_pem(folder.get("cert"));
    }

private:
    ScepParty party_;
    std::map<std::string, crypto::CertificationRequest> requests_;
};

}  // namespace ringfence::test
