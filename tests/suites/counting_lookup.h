// A Lookup that counts what is asked of the one behind it: "unknown and forbidden cost the same look-ups" is a count,
// not milliseconds.
#pragma once

#include <string_view>
#include <vector>

#include "registry/lookup.h"

namespace ringfence::suites {

struct LookupCounts {
    int catalogue = 0;
    int find_device = 0;
    int find_login = 0;
    int find_certificate = 0;
    int device_settings = 0;
    int may_enter_window = 0;
    int enter_window = 0;
    int note_proved = 0;
    int note_state = 0;
    int note_held = 0;
    int promote_login = 0;
    int find_one_time_file = 0;
    int one_time_files_of = 0;
    int claim_one_time_file = 0;
    int note_handed_over = 0;
    int open_one_time_file = 0;
    int open_content = 0;
    friend bool operator==(const LookupCounts&, const LookupCounts&) = default;
    int all() const {
        return catalogue + find_device + find_login + find_certificate + device_settings + may_enter_window +
               enter_window + note_proved + note_state + note_held + promote_login + find_one_time_file +
               one_time_files_of + claim_one_time_file + note_handed_over + open_one_time_file + open_content;
    }
};

class CountingLookup final : public registry::Lookup {
public:
    // `behind` outlives this.
    explicit CountingLookup(registry::Lookup& behind) : behind_(behind) {}

    const LookupCounts& counts() const { return counts_; }
    void reset() { counts_ = {}; }

    void begin_snapshot() override { behind_.begin_snapshot(); }
    void end_snapshot() override { behind_.end_snapshot(); }

    Result<std::shared_ptr<const registry::Catalogue>> catalogue() override {
        ++counts_.catalogue;
        return behind_.catalogue();
    }
    Result<std::optional<registry::Device>> find_device(const MacAddress& mac) override {
        ++counts_.find_device;
        return behind_.find_device(mac);
    }
    Result<std::optional<registry::Login>> find_login(std::string_view user) override {
        ++counts_.find_login;
        return behind_.find_login(user);
    }
    Result<std::optional<registry::CertificateRecord>> find_certificate(std::string_view fingerprint) override {
        ++counts_.find_certificate;
        return behind_.find_certificate(fingerprint);
    }
    Result<std::vector<registry::Setting>> device_settings(const MacAddress& mac) override {
        ++counts_.device_settings;
        return behind_.device_settings(mac);
    }
    Result<bool> may_enter_window(std::int64_t window, const registry::WindowVisitor& visitor) override {
        ++counts_.may_enter_window;
        return behind_.may_enter_window(window, visitor);
    }
    Result<bool> enter_window(std::int64_t window, const registry::WindowVisitor& visitor) override {
        ++counts_.enter_window;
        return behind_.enter_window(window, visitor);
    }
    Status note_proved(const MacAddress& mac, trust::Wire wire, WallTime now) override {
        ++counts_.note_proved;
        return behind_.note_proved(mac, wire, now);
    }
    Status note_state(const MacAddress& mac, registry::DeviceState state) override {
        ++counts_.note_state;
        return behind_.note_state(mac, state);
    }
    Status note_held(const registry::DeviceAnchor& anchor) override {
        ++counts_.note_held;
        return behind_.note_held(anchor);
    }
    Status promote_login(std::string_view user) override {
        ++counts_.promote_login;
        return behind_.promote_login(user);
    }
    Result<std::optional<registry::OneTimeFile>> find_one_time_file(std::string_view path) override {
        ++counts_.find_one_time_file;
        return behind_.find_one_time_file(path);
    }
    Result<std::vector<registry::OneTimeFile>> one_time_files_of(const MacAddress& mac) override {
        ++counts_.one_time_files_of;
        return behind_.one_time_files_of(mac);
    }
    Result<Claim> claim_one_time_file(std::string_view path, const IpAddress& source, WallTime now) override {
        ++counts_.claim_one_time_file;
        return behind_.claim_one_time_file(path, source, now);
    }
    Status note_handed_over(std::string_view path, WallTime now) override {
        ++counts_.note_handed_over;
        return behind_.note_handed_over(path, now);
    }
    Result<registry::Body> open_one_time_file(std::string_view path) override {
        ++counts_.open_one_time_file;
        return behind_.open_one_time_file(path);
    }
    Result<registry::Body> open_content(std::string_view sha256) override {
        ++counts_.open_content;
        return behind_.open_content(sha256);
    }

private:
    registry::Lookup& behind_;
    LookupCounts counts_;
};

}  // namespace ringfence::suites
