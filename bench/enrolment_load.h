// Phones that enrol at one server on loopback, one after another on the calling thread. Each answer is judged as a
// phone judges it. All phones of a run share one key, since making keys is the phone's own work and takes longer than
// all else.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/token_text.h"
#include "crypto/private_key.h"
#include "load.h"

namespace ringfence::bench {

enum class EnrolmentWay {
    scep,  // RSA-2048, AES and SHA-256, over HTTP
    est,   // P-256, the token as login, over a full handshake of TLS 1.3 with the server's P-256 certificate
    cmp,   // P-256, ir protected by the token, and certConf, over HTTP
};
std::optional<EnrolmentWay> parse_enrolment_way(std::string_view name);  // "scep", "est", "cmp"

struct EnrolmentLoad {
    EnrolmentWay way = EnrolmentWay::scep;
    std::uint16_t port = 0;
    std::string root_file;  // of the server: EST only
    crypto::PrivateKey key;
};

crypto::PrivateKey make_key_for(EnrolmentWay way);

// With each of the tokens once. Throws LoadFailed.
void run_enrolments(const EnrolmentLoad& load, const std::vector<TokenText>& tokens);

// What the server's share of so many enrolments cannot do without: the operations with private and public keys alone,
// each with its own. CPU microseconds for each enrolment.
double measure_key_work(EnrolmentWay way, std::uint64_t enrolments);

}  // namespace ringfence::bench
