#include "crypto/names.h"

#include <algorithm>
#include <array>

namespace ringfence::crypto {

namespace {

std::string_view as_text(const ASN1_STRING* text) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
            static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::string first_in(const X509_NAME* name, int nid) {
    const int index = X509_NAME_get_index_by_NID(name, nid, -1);
    if (index < 0) return {};
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
    ERR_clear_error();
    if (size < 0) return {};
    std::string text(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
    OPENSSL_free(utf8);
    return text;
}

}  // namespace

std::string common_name_in(const X509_NAME* name) { return first_in(name, NID_commonName); }

std::string organization_in(const X509_NAME* name) { return first_in(name, NID_organizationName); }

std::vector<std::string> dns_names_in(const GENERAL_NAMES* names) {
    std::vector<std::string> found;
    for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS) found.emplace_back(as_text(name->d.dNSName));
    }
    return found;
}

std::vector<IpAddress> addresses_in(const GENERAL_NAMES* names) {
    std::vector<IpAddress> found;
    for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_IPADD) continue;
        const std::string_view bytes = as_text(name->d.iPAddress);
        std::array<std::uint8_t, 16> octets{};
        if (bytes.size() > octets.size()) continue;
        std::copy(bytes.begin(), bytes.end(), octets.begin());
        if (bytes.size() == 4) found.push_back(IpAddress::from_v4({octets[0], octets[1], octets[2], octets[3]}));
        if (bytes.size() == 16) found.push_back(IpAddress::from_v6(octets));
    }
    return found;
}

}  // namespace ringfence::crypto
