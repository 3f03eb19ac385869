// CMP: whatever a phone or a server sends is refused or answered, and nothing that is not authenticated reaches the
// desk. What a fuzzer cannot guess, the MAC, is put around its bodies here, so that they are taken for a token's.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/random.h"
#include "crypto/cmp_client.h"
#include "crypto/cmp_server.h"
#include "crypto/der.h"
#include "crypto/hash.h"

using namespace ringfence;
using namespace ringfence::crypto;

namespace {

using namespace std::string_view_literals;

const Secret secret("0123456789abcdef0123456789");
constexpr auto reference = "7K2M9QXC"sv;
const WallTime now = std::chrono::sys_days{std::chrono::year{2026} / 6 / 1};

const Signer& root() {
    static const Signer signer = [] {
        SeededRandom random(1);
        const auto key = PrivateKey::generate(KeyType::p256);
        CertificateRequest wanted;
        wanted.role = CertificateRole::root;
        wanted.common_name = "fuzz";
        wanted.not_before = now;
        wanted.not_after = now + std::chrono::hours(24);
        return Signer{*make_root(wanted, *key, random), *key};
    }();
    return signer;
}

class Desk final : public CmpDesk {
public:
    explicit Desk(bool is_authentic) : is_authentic_(is_authentic) {}
    Result<Secret> secret_of(std::string_view /*reference*/) override { return is_authentic_ ? secret : Secret("-"); }
    void note_wrong_secret(std::string_view /*reference*/) override {}
    CmpAnswer certify(const CmpRequest& request) override {
        if (!is_authentic_ || request.public_key_der.empty()) std::abort();
        if (request.dns_names.empty()) return CmpWaiting{};
        return CmpIssued{root().certificate, {}, {root().certificate}};
    }
    Status confirm(const CmpConfirmation& /*confirmation*/) override { return {}; }
    std::optional<CmpRefusal> revoke(const CmpRevocation& /*revocation*/) override { std::abort(); }  // never by token
    std::vector<Certificate> ca_certificates() override { return {root().certificate}; }

private:
    const bool is_authentic_;
};

// RFC 9810 section 5.1.3.1, with the fewest hashes.
std::string format_authentic(const CmpOutline& outline) {
    const auto algorithm = [](std::string_view oid) { return format_der(der_sequence, format_der(der_oid, oid)); };
    const auto octets = [](unsigned number, std::string_view bytes) {
        return format_der(der_context(number), format_der(der_octet_string, bytes));
    };
    constexpr auto salt = "saltsalt"sv;
    const std::string parameters = format_der(
        der_sequence, format_der(der_octet_string, salt) + algorithm("\x60\x86\x48\x01\x65\x03\x04\x02\x01"sv) +
                          format_der(der_integer, "\x64"sv) + algorithm("\x2a\x86\x48\x86\xf7\x0d\x02\x09"sv));
    const std::string protection =
        format_der(der_sequence, format_der(der_oid, "\x2a\x86\x48\x86\xf6\x7d\x07\x42\x0d"sv) + parameters);
    const std::string nobody = format_der(der_context(4), format_der(der_sequence, {}));
    const std::string header = format_der(
        der_sequence, format_der(der_integer, "\x02"sv) + nobody + nobody + format_der(der_context(1), protection) +
                          octets(2, reference) + octets(4, outline.transaction_id) + octets(5, outline.sender_nonce));
    const std::string body = format_der(der_context(static_cast<unsigned>(outline.body)), outline.body_content);
    std::string key = std::string(secret.reveal()) + std::string(salt);
    for (int i = 0; i < 100; ++i) key = sha256(key);
    const std::string mac = hmac_sha256(key, format_der(der_sequence, header + body));
    return format_der(der_sequence, header + body + format_der(der_context(0), format_der(der_bit_string, '\0' + mac)));
}

void serve(std::string_view bytes, bool is_authentic) {
    Desk desk(is_authentic);
    const ManualClock clock(now);
    CmpServer server({root(), {}}, {root().certificate}, desk, clock);
    const auto reply = server.answer(bytes);
    if (reply && outline_cmp_message(*reply)->protection == CmpProtection::other) std::abort();
    static_cast<void>(server.answer(bytes));
}

// No server of this token sent that.
void receive(std::string_view bytes) {
    CmpClient client({CmpToken{std::string(reference), Secret("another")}, {now}, {}},
                     [bytes](std::string_view) -> Result<std::string> { return std::string(bytes); });
    if (client.enrol({"fuzz", root().key})) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    serve(bytes, false);
    receive(bytes);
    const auto outline = outline_cmp_message(bytes);
    if (outline) serve(format_authentic(*outline), true);
    return 0;
}
