#include "authority/offline_root.h"

#include <fmt/format.h>

#include <algorithm>

#include "authority/generation.h"
#include "base/text.h"
#include "crypto/certificate_request.h"

namespace ringfence::authority {

namespace {

using crypto::Certificate;
using crypto::CertificateRole;
using crypto::CertificationRequest;
using crypto::KeyType;
using crypto::PrivateKey;

constexpr unsigned rsa_bits = 2048;  // what sets verify

std::string key_path(const std::string& directory) { return directory + "/root.key"; }
std::string certificate_path(const std::string& directory) { return fmt::format("{}/{}", directory, root_path); }

std::vector<PartPlan> issuing_plans() {
    std::vector<PartPlan> out;
    std::copy_if(plans.begin(), plans.end(), std::back_inserter(out),
                 [](const PartPlan& plan) { return plan.role == CertificateRole::issuing; });
    return out;
}

bool has_key_of(const CertificationRequest& request, KeyType type) {
    if (type == KeyType::p256) return request.public_key().is_p256();
    return request.key_kind() == crypto::KeyKind::rsa && request.key_bits() == rsa_bits;
}

std::string suffix_of(const CertificationRequest& request) {
    const std::string name = request.common_name();
    return name.substr(name.rfind(' ') + 1);
}

// Exactly our own subject: what else a request holds has no say.
Status check_request(const CertificationRequest& request, const PartPlan& plan, const PartSubject& subject) {
    const bool is_ours = std::all_of(subject.suffix.begin(), subject.suffix.end(), is_hex_digit) &&
                         request.common_name() == common_name_of(plan, subject.suffix) &&
                         request.organization() == subject.organization;
    if (!is_ours)
        return fail(FaultCode::forbidden, fmt::format("the request of {} is not for an issuing CA of Ringfence's, or "
                                                      "does not stand in its place",
                                                      printable(request.subject())));
    if (has_key_of(request, plan.key)) return {};
    return fail(FaultCode::forbidden, fmt::format("the request of {} has another key than such a CA has: {}",
                                                  printable(request.subject()), crypto::to_string(plan.key)));
}

}  // namespace

Result<OfflineRoot> OfflineRoot::create(const std::string& directory, const std::string& name, Disk& disk,
                                        Random& random) {
    if (disk.exists(certificate_path(directory)))
        return fail(FaultCode::conflict, certificate_path(directory) + " exists already");
    if (auto made = disk.make_directory(directory, private_directory); !made) return fail(std::move(made).error());
    auto key = PrivateKey::generate(plan_of(Part::root).key);
    if (!key) return fail(std::move(key).error());
    auto certificate = certify_root({name, make_suffix(random)}, *key, random);
    if (!certificate) return fail(std::move(certificate).error());
    auto saved = disk.replace(key_path(directory), key->to_pem().reveal(), private_file);
    // The certificate marks a finished root.
    if (saved) saved = disk.replace(certificate_path(directory), certificate->to_pem(), public_file);
    if (!saved) return fail(std::move(saved).error());
    return OfflineRoot({*certificate, *key});
}

Result<OfflineRoot> OfflineRoot::open(const std::string& directory, Disk& disk) {
    const auto pem = disk.read(certificate_path(directory), Certificate::max_bundle_size);
    if (!pem) return fail(pem.error().within("the root's folder"));
    auto certificate = Certificate::parse_pem(*pem);
    if (!certificate) return fail(std::move(certificate).error().within(certificate_path(directory)));
    auto key_pem = disk.read(key_path(directory), PrivateKey::max_pem_size);
    if (!key_pem) return fail(std::move(key_pem).error());
    auto key = PrivateKey::parse_pem(Secret(std::move(*key_pem)));
    if (!key) return fail(std::move(key).error().within(key_path(directory)));
    if (!key->matches(*certificate))
        return fail(FaultCode::corrupt,
                    fmt::format("{} does not belong to {}", key_path(directory), certificate_path(directory)));
    return OfflineRoot({*certificate, *key});
}

Result<std::vector<Certificate>> OfflineRoot::sign(std::string_view requests, Random& random, WallTime now) const {
    const auto asked = CertificationRequest::parse_bundle(requests);
    if (!asked) return fail(asked.error());
    const auto wanted = issuing_plans();
    if (asked->size() != wanted.size())
        return fail(FaultCode::forbidden, fmt::format("there must be {} requests, one for each issuing CA, and there "
                                                      "are {}",
                                                      wanted.size(), asked->size()));
    const PartSubject subject{asked->front().organization(), suffix_of(asked->front())};
    std::vector<Certificate> out;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const CertificationRequest& request = (*asked)[i];
        if (auto checked = check_request(request, wanted[i], subject); !checked) return fail(checked.error());
        auto certificate = certify(wanted[i], request.public_key(), subject, root_, random, now);
        if (!certificate) return fail(std::move(certificate).error());
        out.push_back(std::move(*certificate));
    }
    return out;
}

}  // namespace ringfence::authority
