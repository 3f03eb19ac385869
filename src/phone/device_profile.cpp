#include "phone/device_profile.h"

#include <utility>

namespace ringfence::phone {

std::string_view to_string(ProfileSource source) {
    switch (source) {
        case ProfileSource::scep: return "scep";
        case ProfileSource::pkcs12: return "pkcs12";
        case ProfileSource::est: return "est";
        case ProfileSource::cmp: return "cmp";
    }
    return "pkcs12";
}

std::optional<ProfileSource> parse_profile_source(std::string_view name) {
    for (const auto source : {ProfileSource::scep, ProfileSource::pkcs12, ProfileSource::est, ProfileSource::cmp})
        if (name == to_string(source)) return source;
    return std::nullopt;
}

DeviceProfile factory_profile(unsigned index) {
    DeviceProfile profile;
    if (index != 1) return profile;
    profile.source = ProfileSource::scep;
    profile.is_active = false;
    return profile;
}

Secret format_identity(const crypto::ClientIdentity& identity) {
    std::string text(identity.key.to_pem().reveal());
    text += identity.leaf.to_pem();
    text += crypto::format_bundle(identity.chain);
    return Secret(std::move(text));
}

Result<crypto::ClientIdentity> parse_identity(std::string_view text) {
    const auto split_at = text.find(crypto::Certificate::pem_begin);
    if (split_at == std::string_view::npos) return fail(FaultCode::malformed, "there is no certificate");
    auto key = crypto::PrivateKey::parse_pem(Secret(std::string(text.substr(0, split_at))));
    if (!key) return fail(std::move(key.error()));
    auto certificates = crypto::Certificate::parse_bundle(text.substr(split_at));
    if (!certificates) return fail(std::move(certificates.error()));
    if (!key->matches(certificates->front()))
        return fail(FaultCode::conflict, "the key is not that of the certificate");
    std::vector<crypto::Certificate> chain(certificates->begin() + 1, certificates->end());
    return crypto::ClientIdentity{certificates->front(), std::move(chain), std::move(*key)};
}

}  // namespace ringfence::phone
