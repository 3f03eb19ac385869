// What our agent and the server say to each other when a device asks for its login inside mutual TLS: a POST to
// device_login_path. JSON of one fixed shape, so that it is read without a JSON parser:
//
//   {"anchors":["<64 hex digits>","<64 hex digits>"]}   the phone: SHA-256 of the root certificates that it holds
//   {"user":"d0123456789","password":"0123ABC"}         the server: the login that holds from its first use
//
// Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace ringfence::protocol {

inline constexpr std::string_view device_login_path = ".well-known/ringfence/login";
inline constexpr std::string_view device_login_type = "application/json";
inline constexpr std::size_t max_login_word = 64;      // user or password
inline constexpr std::size_t max_held_anchors = 16;    // a set keeps ten roots
inline constexpr std::size_t max_device_login = 2048;  // either message

struct DeviceLogin {
    std::string user;
    Secret password;
    friend bool operator==(const DeviceLogin&, const DeviceLogin&) = default;
};

// Both words are letters and digits, 1 to max_login_word.
Secret format_device_login(const DeviceLogin& login);
// malformed for anything else.
Result<DeviceLogin> parse_device_login(std::string_view text);

// At most max_held_anchors fingerprints in lower-case hex.
std::string format_held_anchors(const std::vector<std::string>& anchors);
// malformed for anything else.
Result<std::vector<std::string>> parse_held_anchors(std::string_view text);

}  // namespace ringfence::protocol
