// The system's disk, except that its n-th change fails: before it does anything, or (a write) when half is on disk.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/disk.h"

namespace ringfence::suites {

class FailingDisk final : public Disk {
public:
    // Counts from 1; 0: never.
    void fail_at(int change) {
        fail_at_ = change;
        changes_ = 0;
    }
    int changes() const { return changes_; }

    Result<std::string> read(const std::string& path, std::size_t limit) override { return disk_.read(path, limit); }
    bool exists(const std::string& path) override { return disk_.exists(path); }
    Result<std::vector<std::string>> list(const std::string& directory) override { return disk_.list(directory); }

    Status write_new(const std::string& path, std::string_view bytes, mode_t mode) override {
        if (!fails_now()) return disk_.write_new(path, bytes, mode);
        static_cast<void>(disk_.write_new(path, bytes.substr(0, bytes.size() / 2), mode));
        return full();
    }
    Status rename(const std::string& from, const std::string& to) override {
        return fails_now() ? full() : disk_.rename(from, to);
    }
    Status remove(const std::string& path) override { return fails_now() ? full() : disk_.remove(path); }
    Status make_directory(const std::string& path, mode_t mode) override {
        return fails_now() ? full() : disk_.make_directory(path, mode);
    }

private:
    bool fails_now() { return ++changes_ == fail_at_; }
    static Status full() { return fail(FaultCode::unavailable, "No space left on device"); }

    SystemDisk disk_;
    int fail_at_ = 0;
    int changes_ = 0;
};

}  // namespace ringfence::suites
