#include "server/token_digest.h"

#include <fmt/format.h>

#include "base/text.h"
#include "crypto/hash.h"

namespace ringfence::server {

namespace {

// RFC 7616 section 3.4.2.
Secret a1_hash(const TokenDigest& digest, const Secret& secret) {
    std::string text = fmt::format("{}:{}:{}", digest.login.user, digest.realm, secret.reveal());
    const bool is_md5 = digest.login.algorithm == protocol::DigestAlgorithm::md5;
    Secret hash(to_hex(is_md5 ? crypto::md5(text) : crypto::sha256(text)));
    wipe(text);
    return hash;
}

}  // namespace

Result<std::string> prove_token(authority::EnrolmentDesk& desk, protocol::NonceTable& nonces, const TokenDigest& digest,
                                SteadyTime now) {
    const std::string& reference = digest.login.user;
    const auto secret = desk.secret_of(reference);
    if (!secret) return fail(secret.error());
    const protocol::Hashes hashes{crypto::md5, crypto::sha256};
    const protocol::DigestedRequest request{digest.method, digest.path, digest.realm};
    if (!protocol::verify_digest(digest.login, request, a1_hash(digest, *secret), hashes)) {
        desk.note_wrong_secret(authority::EnrolmentProtocol::est, reference, digest.source);
        return fail(FaultCode::unauthenticated, "the Digest was not made with this token's secret");
    }
    const auto use = nonces.use(digest.login.nonce, digest.login.nonce_count, now);
    if (use != protocol::NonceUse::fresh) return fail(FaultCode::expired, "the Digest's nonce is not fresh");
    return reference;
}

}  // namespace ringfence::server
