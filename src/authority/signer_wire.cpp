#include "authority/signer_wire.h"

#include "authority/field_codec.h"
#include "crypto/public_key.h"

namespace ringfence::authority {

namespace {

constexpr std::size_t max_serial = 64;
constexpr std::size_t max_names = 16;
constexpr std::size_t max_name = 255;

enum class Call { device, revocation_list };

}  // namespace

Result<crypto::Certificate> RemoteSigner::sign_device(const SigningOrder& order) {
    FieldWriter frame;
    const Bounds& bounds = order.bounds;
    frame.number(static_cast<std::uint64_t>(Call::device))
        .text(bounds.device.bare_upper())
        .text(bounds.serial)
        .texts(bounds.names)
        .number(static_cast<std::uint64_t>(bounds.issuer))
        .time(bounds.not_after)
        .text(order.public_key);
    auto answered = exchange_(frame.take());
    if (!answered) return fail(std::move(answered).error());
    FieldReader answer(*answered);
    if (!answer.flag()) return fail(answer.fault());
    const auto certificates = answer.certificates(1);
    if (auto read = answer.finish(); !read) return fail(std::move(read).error());
    if (certificates.empty()) return fail(FaultCode::internal, "the signer gave no certificate");
    return certificates.front();
}

Status RemoteSigner::sign_revocation_list(Issuer issuer) {
    FieldWriter frame;
    frame.number(static_cast<std::uint64_t>(Call::revocation_list)).number(static_cast<std::uint64_t>(issuer));
    auto answered = exchange_(frame.take());
    if (!answered) return fail(std::move(answered).error());
    FieldReader answer(*answered);
    if (!answer.flag()) return fail(answer.fault());
    return answer.finish();
}

namespace {

std::string answer_device(CertificateSigner& signer, FieldReader frame) {
    const auto mac = MacAddress::parse(frame.text(max_serial));
    std::string serial = frame.text(max_serial);
    auto names = frame.texts(max_names, max_name);
    const Issuer issuer = frame.choice(Issuer::legacy);
    const WallTime not_after = frame.time();
    std::string public_key = frame.text(crypto::PublicKey::max_size);
    if (auto read = frame.finish(); !read) return format_refusal(read.error());
    if (!mac) return format_refusal(mac.error());
    const SigningOrder order{{*mac, std::move(serial), std::move(names), issuer, not_after}, std::move(public_key)};
    const auto signed_one = signer.sign_device(order);
    if (!signed_one) return format_refusal(signed_one.error());
    FieldWriter answer;
    answer.flag(true).certificates({*signed_one});
    return answer.take();
}

std::string answer_revocation_list(CertificateSigner& signer, FieldReader frame) {
    const Issuer issuer = frame.choice(Issuer::legacy);
    if (auto read = frame.finish(); !read) return format_refusal(read.error());
    const auto stored = signer.sign_revocation_list(issuer);
    if (!stored) return format_refusal(stored.error());
    FieldWriter answer;
    answer.flag(true);
    return answer.take();
}

}  // namespace

std::string answer_signing_frame(CertificateSigner& signer, std::string_view frame) {
    FieldReader reader(frame);
    switch (reader.choice(Call::revocation_list)) {
        case Call::device: return answer_device(signer, reader);
        case Call::revocation_list: return answer_revocation_list(signer, reader);
    }
    return format_refusal({FaultCode::malformed, "the signer knows no such call"});
}

}  // namespace ringfence::authority
