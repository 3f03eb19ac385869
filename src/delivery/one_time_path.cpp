#include "delivery/one_time_path.h"

namespace ringfence::delivery {

namespace {

constexpr std::size_t mac_at = certificate_pattern.find('*');
constexpr std::string_view prefix = certificate_pattern.substr(0, mac_at);
constexpr std::string_view suffix = certificate_pattern.substr(mac_at + 1);
constexpr std::size_t mac_digits = 12;

}  // namespace

std::string certificate_path(const MacAddress& mac) {
    return std::string(prefix).append(mac.bare_upper()).append(suffix);
}

std::optional<MacAddress> parse_certificate_path(std::string_view path) {
    if (path.size() != prefix.size() + mac_digits + suffix.size()) return std::nullopt;
    if (!path.starts_with(prefix) || !path.ends_with(suffix)) return std::nullopt;
    auto mac = MacAddress::parse(path.substr(prefix.size(), mac_digits));
    if (!mac) return std::nullopt;
    return *mac;
}

}  // namespace ringfence::delivery
