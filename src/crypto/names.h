// For this room's source files only: the names in a certificate or request as plain values. Empties the error queue.
#pragma once

#include <string>
#include <vector>

#include "base/ip_address.h"
#include "crypto/openssl.h"

namespace ringfence::crypto {

// The first one as UTF-8; empty: none.
std::string common_name_in(const X509_NAME* name);
std::string organization_in(const X509_NAME* name);
// Of a subjectAltName; null: there is none.
std::vector<std::string> dns_names_in(const GENERAL_NAMES* names);  // as written
std::vector<IpAddress> addresses_in(const GENERAL_NAMES* names);

}  // namespace ringfence::crypto
