// A Query and its Reply as frames between the server and the process that parses. Neither side believes the other: what
// a registrar that was taken over answers must not harm the server. Pure.
#pragma once

#include <string>
#include <string_view>

#include "authority/responder.h"
#include "base/result.h"

namespace ringfence::authority {

std::string format_query(const Query& query);
// Fault malformed.
Result<Query> parse_query(std::string_view frame);

std::string format_reply(const Reply& reply);
// A reply that parses can be put into a response: its status is a final one, its content type printable. Fault
// malformed.
Result<Reply> parse_reply(std::string_view frame);

}  // namespace ringfence::authority
