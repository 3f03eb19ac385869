// The records of a backup archive (format: registry/backup.h), written to and read from a file piece by piece, so that
// no size of an installation needs its size in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "crypto/seal.h"

namespace ringfence::registry {

// A file descriptor with our faults.
class OpenFile {
public:
    static Result<OpenFile> create(const std::string& path, mode_t mode);  // conflict when it exists
    static Result<OpenFile> open(const std::string& path);
    OpenFile(OpenFile&& other) noexcept;
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;
    OpenFile& operator=(OpenFile&&) = delete;
    ~OpenFile();

    Status write(std::string_view bytes);
    Result<std::size_t> read(char* to, std::size_t size);  // fewer than asked only at the end
    Result<std::uint64_t> size() const;
    Status sync();

private:
    OpenFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
    int fd_;
    std::string path_;
};

class ArchiveWriter {
public:
    // Writes the header. `salt` is what `key` was derived with.
    static Result<ArchiveWriter> begin(OpenFile file, const std::optional<crypto::SealingKey>& key,
                                       std::string_view salt);
    Status write(std::string_view bytes);
    Status finish();  // the last record; then the file is synced
    std::uint64_t written() const { return written_; }

private:
    ArchiveWriter(OpenFile file, std::optional<crypto::SealingKey> key, std::string chain)
        : file_(std::move(file)), key_(std::move(key)), chain_(std::move(chain)) {}
    Status emit(std::string_view payload, std::string_view role);

    OpenFile file_;
    std::optional<crypto::SealingKey> key_;
    std::string chain_;
    std::string pending_;
    std::uint64_t records_ = 0;
    std::uint64_t written_ = 0;
};

class ArchiveReader {
public:
    // Faults as restore().
    static Result<ArchiveReader> begin(OpenFile file, const std::optional<Secret>& passphrase);
    // Up to and without the next line feed; corrupt when there is none within `limit` bytes.
    Result<std::string> read_line(std::size_t limit);
    // Hands exactly `size` bytes to `sink`, in pieces.
    Status read(std::uint64_t size, const std::function<Status(std::string_view)>& sink);
    Status finish();  // corrupt unless all was read, the chain holds and nothing follows

private:
    ArchiveReader(OpenFile file, std::optional<crypto::SealingKey> key, std::string chain)
        : file_(std::move(file)), key_(std::move(key)), chain_(std::move(chain)) {}
    Status fill();
    Result<std::string> next_record(std::string_view role);

    OpenFile file_;
    std::optional<crypto::SealingKey> key_;
    std::string chain_;
    std::string pending_;
    std::size_t used_ = 0;  // of pending_
    std::uint64_t records_ = 0;
};

}  // namespace ringfence::registry
