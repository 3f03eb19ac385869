// What FreeRADIUS's rlm_rest says to us and what it takes as an answer: a form (HTML 5,
// application/x-www-form-urlencoded) of the names below in, JSON of attributes out. network/radius_files.h writes the
// other half. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "network/admission_terms.h"
#include "network/desk.h"

namespace ringfence::network {

inline constexpr std::size_t max_query = 8192;  // ten attributes of at most 253 bytes, each byte as %NN, fit

// A Calling-Station-Id as a MAC, in any usual form; empty: it is none.
std::optional<MacAddress> read_hardware(std::string_view text);

// Names: identity, hardware (the twelve hex digits of a MAC, grouped in any way by '-', ':', '.' and blanks; anything
// else counts as not told), certificate (serial, hex), wants
// ("certificate"), lane ("legacy"), nas (what the switch calls itself), from (where its packet came from), nas_name,
// port_id, port. Names that are not known are passed over. Faults: too_large; malformed for what is no form, a name
// that is there twice, or no identity.
Result<Query> parse_query(std::string_view form);

Secret format_credential(const Credential& credential, const AdmissionTerms& terms, WallTime now);
std::string format_admission(const Admission& admission, const AdmissionTerms& terms, WallTime now);

}  // namespace ringfence::network
