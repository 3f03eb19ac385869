#include "enrolment_load.h"

#include <fmt/format.h>

#include "base/random.h"
#include "base/text.h"
#include "connection.h"
#include "crypto/cmp_client.h"
#include "crypto/scep_message.h"

namespace ringfence::bench {

namespace {

constexpr std::string_view subject = "NTIPP000001";  // as a set asks; it identifies nobody

template <typename T>
T must(Result<T> result) {
    if (!result) throw LoadFailed(result.error().message);
    return std::move(*result);
}

struct Post {
    std::string path;
    std::string content_type;
    std::string body;
    std::string login{};  // "user:password" in base64; empty: none
};

std::string send(const EnrolmentLoad& load, SSL_CTX* context, const std::string& request) {
    Connection connection(load.port, context);
    auto body = exchange(connection, request);
    require(body.has_value(), "no answer");
    return std::move(*body);
}

std::string send(const EnrolmentLoad& load, SSL_CTX* context, const Post& post) {
    const std::string login = post.login.empty() ? "" : fmt::format("Authorization: Basic {}\r\n", post.login);
    return send(load, context,
                fmt::format("POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}"
                            "Connection: close\r\n\r\n{}",
                            post.path, post.content_type, post.body.size(), login, post.body));
}

crypto::CertificationRequest make_request(const EnrolmentLoad& load, const Secret& challenge) {
    return must(crypto::CertificationRequest::make({std::string(subject), "", {}, {}}, challenge, load.key));
}

crypto::ScepReply ask_by_scep(const EnrolmentLoad& load, const crypto::ScepAuthority& authority,
                              const TokenText& token) {
    SystemRandom random;
    const auto request = make_request(load, format_token_text(token));
    const crypto::Signer signer{must(crypto::make_scep_signer(request, load.key, SystemClock().wall_now(), random)),
                                load.key};
    crypto::ScepAttributes attributes;
    attributes.transaction_id = token.reference;
    attributes.sender_nonce = random.bytes(crypto::scep_nonce_size);
    auto message = must(crypto::format_scep_request({attributes, request.to_der()}, signer, authority.encryption, {}));
    const auto answer =
        send(load, nullptr, Post{"/scep?operation=PKIOperation", "application/x-pki-message", std::move(message)});
    return must(crypto::open_scep_reply(
        answer, {attributes.transaction_id, attributes.sender_nonce, authority.signers, signer, {}}));
}

void enrol_by_scep(const EnrolmentLoad& load, const std::vector<TokenText>& tokens) {
    const auto authority = must(crypto::parse_scep_authority(
        send(load, nullptr, "GET /scep?operation=GetCACert HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")));
    for (const auto& token : tokens) {
        const auto reply = ask_by_scep(load, authority, token);
        require(reply.status == crypto::ScepStatus::success && load.key.matches(reply.certificates.front()),
                "SCEP granted nothing");
    }
}

void enrol_by_est(const EnrolmentLoad& load, const std::vector<TokenText>& tokens) {
    const auto context = make_context({load.root_file, "1.3", "ECDSA+SHA256", {}, {}});
    const std::string body = to_base64(make_request(load, {}).to_der());
    for (const auto& token : tokens) {
        const std::string login = to_base64(fmt::format("{}:{}", token.reference, token.secret.reveal()));
        const auto answer =
            send(load, context.get(), Post{"/.well-known/est/simpleenroll", "application/pkcs10", body, login});
        const auto certificates = must(crypto::parse_certificates(must(from_base64(answer))));
        require(load.key.matches(certificates.front()), "EST granted nothing");
    }
}

void enrol_by_cmp(const EnrolmentLoad& load, const std::vector<TokenText>& tokens) {
    for (const auto& token : tokens) {
        crypto::CmpClient client(
            {crypto::CmpToken{token.reference, token.secret}, {SystemClock().wall_now()}},
            [&load](std::string_view message) -> Result<std::string> {
                return send(load, nullptr, Post{"/.well-known/cmp", "application/pkixcmp", std::string(message)});
            });
        const auto answer = must(client.enrol({std::string(subject), load.key}));
        require(std::holds_alternative<crypto::CmpIssued>(answer), "CMP granted nothing");
    }
}

}  // namespace

std::optional<EnrolmentWay> parse_enrolment_way(std::string_view name) {
    if (name == "scep") return EnrolmentWay::scep;
    if (name == "est") return EnrolmentWay::est;
    if (name == "cmp") return EnrolmentWay::cmp;
    return std::nullopt;
}

crypto::PrivateKey make_key_for(EnrolmentWay way) {
    return must(
        crypto::PrivateKey::generate(way == EnrolmentWay::scep ? crypto::KeyType::rsa2048 : crypto::KeyType::p256));
}

void run_enrolments(const EnrolmentLoad& load, const std::vector<TokenText>& tokens) {
    switch (load.way) {
        case EnrolmentWay::scep: return enrol_by_scep(load, tokens);
        case EnrolmentWay::est: return enrol_by_est(load, tokens);
        case EnrolmentWay::cmp: return enrol_by_cmp(load, tokens);
    }
}

}  // namespace ringfence::bench
