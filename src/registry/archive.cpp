#include "registry/archive.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/passphrase.h"
#include "registry/backup.h"

namespace ringfence::registry {

namespace {

constexpr std::string_view magic = "ringfence-backup ";
constexpr std::string_view plain_header = "ringfence-backup 1 plain\n";
constexpr std::string_view sealed_header = "ringfence-backup 1 sealed ";
constexpr std::size_t max_header = 128;
constexpr std::size_t length_size = 4;
// Room for what sealing adds.
constexpr std::size_t max_payload = max_backup_record - 1024;
constexpr std::string_view data_role = "data";
constexpr std::string_view last_role = "last";

Fault system_fault(const std::string& path, int error) {
    const auto code = error == ENOENT   ? FaultCode::not_found
                      : error == EEXIST ? FaultCode::conflict
                                        : FaultCode::unavailable;
    return {code, path + ": " + std::generic_category().message(error)};
}

Fault damaged() { return {FaultCode::corrupt, "The backup is cut off or damaged."}; }

std::string place_of(std::string_view role, std::uint64_t index) {
    return fmt::format("ringfence-backup {} {}", role, index);
}

}  // namespace

Result<OpenFile> OpenFile::create(const std::string& path, mode_t mode) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) return fail(system_fault(path, errno));
    OpenFile file(fd, path);
    if (::fchmod(fd, mode) != 0) return fail(system_fault(path, errno));
    return file;
}

Result<OpenFile> OpenFile::open(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(system_fault(path, errno));
    return OpenFile(fd, path);
}

OpenFile::OpenFile(OpenFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

OpenFile::~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
}

Status OpenFile::write(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(fd_, bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return fail(system_fault(path_, errno));
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
}

Result<std::size_t> OpenFile::read(char* to, std::size_t size) {
    std::size_t done = 0;
    while (done < size) {
        const ssize_t got = ::read(fd_, to + done, size - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(system_fault(path_, errno));
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    return done;
}

Result<std::uint64_t> OpenFile::size() const {
    struct stat facts {};
    if (::fstat(fd_, &facts) != 0) return fail(system_fault(path_, errno));
    return static_cast<std::uint64_t>(facts.st_size);
}

Status OpenFile::sync() {
    if (::fsync(fd_) != 0) return fail(system_fault(path_, errno));
    return {};
}

Result<ArchiveWriter> ArchiveWriter::begin(OpenFile file, const std::optional<crypto::SealingKey>& key,
                                           std::string_view salt) {
    const std::string header = key ? std::string(sealed_header) + to_hex(salt) + "\n" : std::string(plain_header);
    auto written = file.write(header);
    if (!written) return fail(std::move(written.error()));
    ArchiveWriter out(std::move(file), key, crypto::sha256(header));
    out.written_ = header.size();
    return out;
}

Status ArchiveWriter::write(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto piece = bytes.substr(0, max_payload - pending_.size());
        pending_ += piece;
        bytes.remove_prefix(piece.size());
        if (pending_.size() < max_payload) continue;
        auto emitted = emit(pending_, data_role);
        if (!emitted) return emitted;
        pending_.clear();
    }
    return {};
}

Status ArchiveWriter::emit(std::string_view payload, std::string_view role) {
    std::string body = key_ ? key_->seal(payload, place_of(role, records_)) : std::string(payload);
    chain_ = crypto::sha256(chain_ + std::string(payload));
    ++records_;
    std::string length(length_size, '\0');
    for (std::size_t i = 0; i < length_size; ++i)
        length[i] = static_cast<char>((body.size() >> (8 * (length_size - 1 - i))) & 0xff);
    body.insert(0, length);
    written_ += body.size();
    return file_.write(body);
}

Status ArchiveWriter::finish() {
    auto emitted = pending_.empty() ? Status() : emit(pending_, data_role);
    if (!emitted) return emitted;
    emitted = emit(std::string(chain_), last_role);
    if (!emitted) return emitted;
    return file_.sync();
}

Result<ArchiveReader> ArchiveReader::begin(OpenFile file, const std::optional<Secret>& passphrase) {
    std::string header;
    while (header.empty() || header.back() != '\n') {
        char c = 0;
        auto got = file.read(&c, 1);
        if (!got) return fail(std::move(got.error()));
        if (*got == 0 || header.size() >= max_header)
            return fail(FaultCode::malformed, "That is not a backup of Ringfence.");
        header += c;
    }
    if (header == plain_header) {
        if (passphrase) return fail(FaultCode::conflict, "A passphrase was given, but that backup is not sealed.");
        return ArchiveReader(std::move(file), std::nullopt, crypto::sha256(header));
    }
    if (header.substr(0, sealed_header.size()) != sealed_header) {
        if (header.substr(0, magic.size()) == magic)
            return fail(FaultCode::conflict, "A newer Ringfence wrote that backup; use that one.");
        return fail(FaultCode::malformed, "That is not a backup of Ringfence.");
    }
    auto salt = from_hex(trim(std::string_view(header).substr(sealed_header.size())));
    if (!salt) return fail(damaged());
    if (!passphrase) return fail(FaultCode::unauthenticated, "That backup is sealed; give its passphrase.");
    auto key = crypto::derive_sealing_key(*passphrase, *salt);
    if (!key) return fail(std::move(key.error()));
    return ArchiveReader(std::move(file), std::move(*key), crypto::sha256(header));
}

Result<std::string> ArchiveReader::next_record(std::string_view role) {
    std::array<char, length_size> head{};
    auto got = file_.read(head.data(), head.size());
    if (!got) return fail(std::move(got.error()));
    if (*got != head.size()) return fail(damaged());
    std::size_t length = 0;
    for (const char c : head) length = length << 8 | static_cast<unsigned char>(c);
    if (length == 0 || length > max_backup_record) return fail(damaged());
    std::string body(length, '\0');
    got = file_.read(body.data(), body.size());
    if (!got) return fail(std::move(got.error()));
    if (*got != length) return fail(damaged());
    if (key_) {
        auto opened = key_->open(body, place_of(role, records_));
        if (!opened && records_ == 0) return fail(FaultCode::unauthenticated, "The passphrase is not that backup's.");
        if (!opened) return fail(damaged());
        body = opened->reveal();
    }
    ++records_;
    return body;
}

Status ArchiveReader::fill() {
    auto record = next_record(data_role);
    if (!record) return fail(std::move(record.error()));
    chain_ = crypto::sha256(chain_ + *record);
    pending_.erase(0, used_);
    used_ = 0;
    pending_ += *record;
    return {};
}

Result<std::string> ArchiveReader::read_line(std::size_t limit) {
    while (true) {
        const auto end = pending_.find('\n', used_);
        if (end != std::string::npos && end - used_ <= limit) {
            std::string line = pending_.substr(used_, end - used_);
            used_ = end + 1;
            return line;
        }
        if (pending_.size() - used_ > limit) return fail(damaged());
        auto filled = fill();
        if (!filled) return fail(std::move(filled.error()));
    }
}

Status ArchiveReader::read(std::uint64_t size, const std::function<Status(std::string_view)>& sink) {
    while (size > 0) {
        if (used_ == pending_.size()) {
            auto filled = fill();
            if (!filled) return filled;
        }
        const auto piece = std::string_view(pending_).substr(
            used_, static_cast<std::size_t>(std::min<std::uint64_t>(size, max_backup_record)));
        auto taken = sink(piece);
        if (!taken) return taken;
        used_ += piece.size();
        size -= piece.size();
    }
    return {};
}

Status ArchiveReader::finish() {
    if (used_ != pending_.size()) return fail(damaged());
    auto last = next_record(last_role);
    if (!last) return fail(std::move(last.error()));
    char more = 0;
    auto got = file_.read(&more, 1);
    if (!got) return fail(std::move(got.error()));
    if (*last != chain_ || *got != 0) return fail(damaged());
    return {};
}

}  // namespace ringfence::registry
