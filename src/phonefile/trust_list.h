// The certificate trust list, which [CTL] names: two lines that say from when to when it holds, then certificates in
// PEM (reference 5.6). The signature behind it is parted off by signed_file.h and judged elsewhere, and so are the
// certificates: here they are texts. Pure text in, value out, and back. Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "phonefile/line.h"

namespace ringfence::phonefile {

// The manual's limit for the whole file, its signature included.
inline constexpr std::size_t max_trust_list_size = std::size_t{20} * 1024;
// The manual's limit.
inline constexpr std::size_t max_trust_list_certificates = 10;

struct TrustList {
    WallTime not_before{};                  // whole seconds; the file's times are read as UTC
    WallTime not_after{};                   // not before not_before; the list still holds then
    std::vector<std::string> certificates;  // each from its BEGIN to its END line, lines ended by LF, no blanks

    friend bool operator==(const TrustList&, const TrustList&) = default;
};

struct TrustListReading {
    TrustList list;
    std::vector<Dropped> dropped;  // lines outside certificates that are neither a date nor blank
};

// As the phone reads it. `content` is the file before its signature. Faults: malformed for a date that is absent,
// stands twice or cannot be read, for an end before the beginning, for a certificate that is cut or is not base64, and
// for a list without any; too_large above max_trust_list_size or max_trust_list_certificates.
Result<TrustListReading> parse_trust_list_as_phone(std::string_view content);

// Malformed also at the first line that a phone would skip.
Result<TrustList> parse_trust_list_strict(std::string_view content);

// Faults as above, for a value that could not be read back. parse_trust_list_strict(format_trust_list(l)) == l.
Result<std::string> format_trust_list(const TrustList& list);

}  // namespace ringfence::phonefile
