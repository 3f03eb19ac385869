// A real registry in a temporary directory, and records to put into it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/disk.h"
#include "base/random.h"
#include "registry/registry.h"
#include "tests/suites/temporary_directory.h"

namespace ringfence::registry {

inline const WallTime first_of_may = parse_time("2026-05-01T08:00:00Z").value();

inline MacAddress mac_number(std::uint64_t number) {
    char text[13];
    std::snprintf(text, sizeof text, "00247F%06llX", static_cast<unsigned long long>(number & 0xffffff));
    return MacAddress::parse(text).value();
}

inline Login login_of(const MacAddress& mac, const std::string& user) {
    Login login;
    login.user = user;
    login.device = mac;
    login.ha1_md5 = Secret(std::string(32, 'a'));
    login.ha1_sha256 = Secret(std::string(64, 'b'));
    login.kind = LoginKind::keypad;
    return login;
}

inline Login login_of_site(const std::string& site, const std::string& user) {
    Login login;
    login.user = user;
    login.site = site;
    login.ha1_md5 = Secret(std::string(32, 'c'));
    login.ha1_sha256 = Secret(std::string(64, 'd'));
    return login;
}

inline Site site_with(const std::string& name, const std::vector<std::string>& networks) {
    Site site;
    site.name = name;
    for (const auto& network : networks) site.networks.push_back(Network::parse(network).value());
    return site;
}

inline FileRecord file_at(const std::string& path, const std::string& section = {}) {
    FileRecord file;
    file.path = path;
    file.section = section;
    return file;
}

inline CertificateRecord certificate_of(const MacAddress& mac, char digit) {
    CertificateRecord certificate;
    certificate.fingerprint = std::string(64, digit);
    certificate.serial = std::string(16, digit);
    certificate.subject = "CN=phone";
    certificate.device = mac;
    certificate.not_before = first_of_may;
    certificate.not_after = first_of_may + std::chrono::hours(24 * 365);
    return certificate;
}

inline const SettingScope global_scope{Layer::global, ""};
inline SettingScope device_scope(const MacAddress& mac) { return {Layer::device, mac.bare_upper()}; }

class Installation {
public:
    Installation() : registry(Registry::create(directory(), clock, disk, random).value()) {}
    explicit Installation(Disk& other) : registry(Registry::create(directory(), clock, other, random).value()) {}

    std::string directory() const { return root / "data"; }
    std::unique_ptr<Registry> open() { return Registry::open(directory(), clock, disk).value(); }

    suites::TemporaryDirectory root;
    ManualClock clock{first_of_may};
    SystemDisk disk;
    SystemRandom random;
    std::unique_ptr<Registry> registry;
};

class RegistryTest : public testing::Test {
protected:
    Installation installation_;
    Registry& registry_ = *installation_.registry;
};

}  // namespace ringfence::registry
