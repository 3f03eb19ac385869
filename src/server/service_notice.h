// Tells the service manager what state we are in: sd_notify(3) without its library. Does nothing when NOTIFY_SOCKET is
// not set.
#pragma once

#include <string_view>

namespace ringfence::server {

// `state` is lines as sd_notify(3) names them: "READY=1", "STOPPING=1".
void notify_service_manager(std::string_view state);

// RELOADING=1 with the time stamp that systemd asks for; READY=1 must follow.
void notify_reloading();

}  // namespace ringfence::server
