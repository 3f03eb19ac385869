// Disk: every touch of a file system by our programs that must survive a crash. One class, so that tests inject a fault
// at the n-th change and nothing else needs to know. Paths are absolute or relative to the working directory.
// The system's disk is thread-safe as far as the file system is.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ringfence {

class Disk {
public:
    virtual ~Disk() = default;

    // not_found when absent; too_large above `limit` bytes.
    virtual Result<std::string> read(const std::string& path, std::size_t limit) = 0;
    virtual bool exists(const std::string& path) = 0;
    virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;  // names, sorted, without . and ..

    // Each of these is one change: after an error or a crash it has happened wholly, partly (write_new only) or not.
    virtual Status write_new(const std::string& path, std::string_view bytes, mode_t mode) = 0;  // truncates; synced
    virtual Status rename(const std::string& from, const std::string& to) = 0;  // within one directory; synced
    virtual Status remove(const std::string& path) = 0;                         // absent is fine
    virtual Status make_directory(const std::string& path, mode_t mode) = 0;    // existing is fine; parents are made

    // Replaces the file whole or not at all: a temporary file beside it, synced, then renamed over it.
    Status replace(const std::string& path, std::string_view bytes, mode_t mode);

    static constexpr std::string_view temporary_suffix = ".new~";
};

class SystemDisk final : public Disk {
public:
    Result<std::string> read(const std::string& path, std::size_t limit) override;
    bool exists(const std::string& path) override;
    Result<std::vector<std::string>> list(const std::string& directory) override;
    Status write_new(const std::string& path, std::string_view bytes, mode_t mode) override;
    Status rename(const std::string& from, const std::string& to) override;
    Status remove(const std::string& path) override;
    Status make_directory(const std::string& path, mode_t mode) override;
};

inline constexpr mode_t private_file = 0600;
inline constexpr mode_t public_file = 0644;
inline constexpr mode_t private_directory = 0700;

}  // namespace ringfence
