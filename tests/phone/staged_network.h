// Servers on a table: files by URL, and a phone that is booted against them by hand.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "crypto/certificate_builder.h"
#include "memory_disk.h"
#include "phone/boot.h"

namespace ringfence::phone {

inline const WallTime test_time = std::chrono::sys_days(std::chrono::November / 23 / 2026) + std::chrono::hours(6);

// A root as [USER_KEYS] carries it. Keys are slow to make, so each name is made once.
inline const std::string& root_pem(const std::string& name) {
    static std::map<std::string, std::string> made;
    auto& pem = made[name];
    if (!pem.empty()) return pem;
    SystemRandom random;
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::p256);
    crypto::CertificateRequest request;
    request.role = crypto::CertificateRole::root;
    request.common_name = name;
    request.not_before = test_time - std::chrono::hours(24);
    request.not_after = test_time + std::chrono::hours(24 * 365);
    const auto root = crypto::make_root(request, *key, random);
    EXPECT_TRUE(root.has_value());
    pem = root->to_pem();
    return pem;
}

inline std::string leaf_pem() {
    SystemRandom random;
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::p256);
    crypto::CertificateRequest request;
    request.role = crypto::CertificateRole::root;
    request.common_name = "signer";
    request.not_before = test_time - std::chrono::hours(24);
    request.not_after = test_time + std::chrono::hours(24 * 365);
    const auto root = crypto::make_root(request, *key, random);
    request.role = crypto::CertificateRole::device;
    request.common_name = "leaf";
    const auto leaf = crypto::sign_certificate(request, *key, crypto::Signer{*root, *key}, random);
    EXPECT_TRUE(leaf.has_value());
    return leaf->to_pem();
}

inline std::shared_ptr<const crypto::ClientIdentity> some_identity() {
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::p256);
    SystemRandom random;
    crypto::CertificateRequest request;
    request.role = crypto::CertificateRole::root;
    request.common_name = "a device";
    request.not_before = test_time;
    request.not_after = test_time + std::chrono::hours(24);
    auto made = crypto::make_root(request, *key, random);
    EXPECT_TRUE(made.has_value());
    return std::make_shared<const crypto::ClientIdentity>(crypto::ClientIdentity{*made, {}, *key});
}

inline const family::Family& family() {
    static const auto loaded = family::Family::load(RINGFENCE_SOURCE_DIR "/families/avaya-1200");
    EXPECT_TRUE(loaded.has_value());
    return *loaded;
}

class StagedNetwork : public ::testing::Test {
protected:
    static constexpr const char* folder = "/flash";
    static constexpr const char* mac = "00247F0102AB";

    BootSettings settings_for(const std::string& url) {
        BootSettings settings{*MacAddress::parse(mac), "1230", *Url::parse(url), device_login_};
        settings.identity = identity_;
        settings.vendor_anchors = vendor_anchors_;
        settings.behaviour = behaviour_;
        settings.load = load_;
        settings.image_room = image_room_;
        settings.time_servers = lease_time_servers_;
        return settings;
    }

    FetchOutcome serve(const FetchOrder& order) {
        orders_.push_back(order);
        const bool is_https = order.protocol == Protocol::https;
        if (is_https && !is_certificate_good(order.time))
            return {fail(FaultCode::expired, "the server's certificate is not good at this time")};
        const auto date = dates_.find(order.url());
        const auto told = !is_https ? std::nullopt : date == dates_.end() ? server_time_ : date->second;
        const auto proved = told && is_certificate_good({told, false}) ? told : std::nullopt;
        const auto found = served_.find(order.url());
        if (found == served_.end()) return {fail(FaultCode::not_found, "the server has no such file"), told, proved};
        if (found->second.size() > order.size_limit)
            return {fail(FaultCode::too_large, "the file is larger than the phone takes"), told, proved};
        return {found->second, told, proved};
    }

    // Boots to the end, from the flash as it is on the disk.
    BootReport boot(const std::string& url = "tftp://192.0.2.1") {
        orders_.clear();
        questions_.clear();
        time_orders_.clear();
        auto flash = Flash::open(disk_, folder, clock_);
        if (!flash) return unusable(flash.error());
        auto recovered = flash->recover();
        if (!recovered) return unusable(recovered.error());
        BootSession session(settings_for(url), family(), *flash, clock_);
        Step step = session.start();
        while (!std::holds_alternative<Finished>(step)) {
            if (const auto* order = std::get_if<FetchOrder>(&step)) {
                step = session.fetched(serve(*order));
            } else if (const auto* time = std::get_if<TimeOrder>(&step)) {
                time_orders_.push_back(*time);
                step = session.told(tell_time(*time));
            } else {
                questions_.push_back(std::get<Question>(step));
                step = session.answered(answer_);
            }
        }
        time_at_end_ = session.time();
        return session.report();
    }

    // Boots, and boots again as long as the phone restarts. The reports in their order.
    std::vector<BootReport> boot_to_rest(const std::string& url = "tftp://192.0.2.1") {
        constexpr std::size_t patience = 10;
        std::vector<BootReport> reports;
        do {
            reports.push_back(boot(url));
        } while (reports.back().restart && reports.size() < patience);
        EXPECT_LT(reports.size(), patience) << "a boot loop";
        return reports;
    }

    Flash flash() {
        auto opened = Flash::open(disk_, folder, clock_);
        EXPECT_TRUE(opened.has_value()) << opened.error().message;
        return std::move(*opened);
    }

    // What the phone holds as the section's version; empty when there is none.
    std::string version(std::string_view section) {
        const Flash opened = flash();
        const auto* stored = opened.state().find_version(section);
        return stored == nullptr ? std::string() : stored->text;
    }

    // What the phone holds of a section, by name.
    std::map<std::string, std::string> held(std::string_view section) {
        Flash opened = flash();
        std::map<std::string, std::string> out;
        for (const auto* file : opened.state().files_of(section)) {
            auto bytes = opened.read(*file);
            EXPECT_TRUE(bytes.has_value()) << file->name << ": " << bytes.error().message;
            out[file->name] = bytes.value_or("unreadable");
        }
        return out;
    }

    static std::string actions(const BootReport& report) {
        std::string out;
        for (const auto& file : report.sections) out += file.file + " " + std::string(to_string(file.action)) + "\n";
        return out;
    }

    MemoryDisk disk_;
    ManualClock clock_{test_time};
    std::map<std::string, std::string> served_;
    std::vector<FetchOrder> orders_;
    std::vector<Question> questions_;
    Answer answer_{true, "yes in the test", false, {}};
    std::optional<Login> device_login_;
    std::optional<WallTime> server_time_;
    std::map<std::string, std::optional<WallTime>> dates_;  // by URL, in place of server_time_
    std::shared_ptr<const crypto::ClientIdentity> identity_;
    std::vector<crypto::Certificate> vendor_anchors_;
    std::vector<IpAddress> lease_time_servers_;
    std::map<std::string, WallTime> time_servers_;  // what each that answers says
    std::vector<TimeOrder> time_orders_;
    crypto::JudgingTime time_at_end_;
    Behaviour behaviour_;
    Load load_ = Load::sip;
    std::size_t image_room_ = firmware_limit;

private:
    // The server's begins a day before test_time and lasts a year.
    static bool is_certificate_good(const crypto::JudgingTime& time) {
        const bool has_begun = time.is_floor || *time.at >= test_time - std::chrono::hours(24);
        return has_begun && *time.at <= test_time + std::chrono::hours(24 * 365);
    }

    TimeOutcome tell_time(const TimeOrder& order) const {
        for (const auto& server : order.servers)
            if (const auto found = time_servers_.find(server); found != time_servers_.end())
                return {found->second, server};
        return {fail(FaultCode::unavailable, "nobody answers"), {}};
    }

    static BootReport unusable(const Fault& fault) {
        BootReport report;
        report.flash_fault = fault.message;
        return report;
    }
};

}  // namespace ringfence::phone
