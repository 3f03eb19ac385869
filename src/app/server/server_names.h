// The names in the server's certificate: every name that a manifest tells a set must be among them.
#pragma once

#include <string>

#include "app/server/context.h"

namespace ringfence::app {

// `host` is a DNS name or an address.
bool is_named(const authority::ServerNames& names, const std::string& host);
void add_name(authority::ServerNames& names, const std::string& host);

// Issues new server certificates with these names and tells the event log and the person.
Status issue_server_certificates(Context& context, const authority::ServerNames& names);

}  // namespace ringfence::app
