// Which login goes to which server. The most specific one wins (reference 4.2, inferred); the device's own goes over
// HTTPS only, and the URL's to the URL's server only; with a root in hand, whoever moves a section from HTTPS to a
// clear wire gets no login for it (docs/TRUST.md). Pure.
#pragma once

#include <optional>

#include "base/url.h"
#include "phone/fetch.h"
#include "phonefile/manifest.h"

namespace ringfence::phone {

struct LoginSources {
    const std::optional<Login>& device;  // Device ID and Password
    const Url& server;                   // of the provisioning server, perhaps with a login
    bool prefers_device = false;         // over HTTPS, before the section's
};

bool is_same_server(const Url& server, Protocol protocol, std::string_view host);

// `section` is null for the manifest.
std::optional<Login> choose_login(const LoginSources& sources, const FetchOrder& order,
                                  const phonefile::Section* section);

// What FTP gets where no login may go.
std::optional<Login> anonymous_login(Protocol protocol);

}  // namespace ringfence::phone
