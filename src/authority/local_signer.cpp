#include "authority/local_signer.h"

#include <fmt/format.h>

#include <algorithm>

#include "authority/certificate_record.h"
#include "crypto/certificate_builder.h"
#include "crypto/public_key.h"
#include "crypto/revocation_list_builder.h"

namespace ringfence::authority {

LocalSigner::LocalSigner(const Authority& authority, registry::Registry& registry, Random& random, const Clock& clock,
                         ServiceUrls urls)
    : authority_(authority),
      registry_(registry),
      random_(random),
      clock_(clock),
      urls_(std::move(urls)),
      refilled_(clock.steady_now()) {
    for (const auto& own : authority_.own_certificates()) own_keys_.insert(own.public_key_der());
}

Status LocalSigner::take_token() {
    const SteadyTime now = clock_.steady_now();
    tokens_ = std::min<double>(
        burst, tokens_ + static_cast<double>((now - refilled_).count()) / static_cast<double>(refill.count()));
    refilled_ = now;
    if (tokens_ < 1) return fail(FaultCode::rate_limited, "more certificates are asked for than any fleet needs");
    tokens_ -= 1;
    return {};
}

Status LocalSigner::check_device(const Bounds& bounds) {
    const auto device = registry_.find_device(bounds.device);
    if (!device) return fail(device.error());
    if (!*device) return fail(FaultCode::forbidden, "there is no device " + bounds.device.colons());
    if (!(*device)->is_in_service())
        return fail(FaultCode::forbidden, bounds.device.colons() + " is " + (*device)->why_out());
    if (bounds.serial != (*device)->serial || bounds.names != (*device)->names)
        return fail(FaultCode::forbidden, "the certificate would not say what the inventory says");
    return {};
}

Result<crypto::Certificate> LocalSigner::sign_device(const SigningOrder& order) {
    const Bounds& bounds = order.bounds;
    auto key = crypto::PublicKey::parse_der(order.public_key);
    if (!key) return fail(std::move(key).error());
    if (auto checked = check_key(*key, bounds.issuer); !checked) return fail(std::move(checked).error());
    if (auto checked = check_device(bounds); !checked) return fail(std::move(checked).error());
    if (own_keys_.count(order.public_key) > 0) return fail(FaultCode::forbidden, "that key is this authority's own");
    if (auto taken = take_token(); !taken) return fail(std::move(taken).error());

    const crypto::Signer signer = authority_.issuing_signer(bounds.issuer);
    const CertificateLife life = authority_.device_life(bounds.issuer);
    crypto::CertificateRequest request;
    request.role = crypto::CertificateRole::device;
    request.common_name = bounds.device.bare_upper();
    request.organization = authority_.organization();
    request.serial_number = bounds.serial;
    request.dns_names = bounds.names;
    request.not_before = life.begin;
    request.not_after = std::min(life.end, bounds.not_after);
    if (!urls_.base.empty()) {
        request.revocation_list_url = fmt::format("{}/crl/{}.crl", urls_.base, to_string(bounds.issuer));
        request.ocsp_url = urls_.base + "/ocsp";
    }
    auto certificate = crypto::sign_certificate(request, *key, signer, random_);
    if (!certificate) return fail(std::move(certificate).error());

    auto record = describe_certificate(*certificate, signer.certificate, registry::CertificatePurpose::device);
    record.device = bounds.device;
    record.legacy_lane = bounds.issuer == Issuer::legacy;
    if (auto added = registry_.add_certificate(record, certificate->to_der()); !added)
        return fail(std::move(added).error());
    return certificate;
}

Status LocalSigner::sign_revocation_list(Issuer issuer) {
    const crypto::Signer signer = authority_.issuing_signer(issuer);
    const std::string name = signer.certificate.fingerprint_sha256();
    const WallTime now = std::chrono::floor<std::chrono::seconds>(clock_.wall_now());
    const auto previous = registry_.find_revocation_list(name);
    if (!previous) return fail(previous.error());

    crypto::RevocationListRequest request;
    // By the clock, so that numbers rise also over a restored backup, which has forgotten the last ones.
    request.number = static_cast<std::uint64_t>(now.time_since_epoch() / std::chrono::seconds(1));
    if (*previous) request.number = std::max(request.number, (*previous)->number + 1);
    request.this_update = now;
    request.next_update = now + list_life;
    const auto listed = registry_.list_revoked(name, now, [&](const registry::CertificateRecord& record) {
        request.revoked.push_back({record.serial, *record.revoked, record.reason});
        return true;
    });
    if (!listed) return fail(listed.error());
    auto list = crypto::sign_revocation_list(request, signer);
    if (!list) return fail(std::move(list).error());
    return registry_.store_revocation_list(
        {name, request.number, list->to_der(), request.this_update, request.next_update});
}

}  // namespace ringfence::authority
