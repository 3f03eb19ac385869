#include "base/disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace ringfence {

namespace {

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }
    int close_now() { return ::close(std::exchange(fd_, -1)); }

private:
    int fd_;
};

tl::unexpected<Fault> system_fault(const std::string& path, int error) {
    const auto code = error == ENOENT ? FaultCode::not_found : FaultCode::unavailable;
    return fail(code, path + ": " + std::generic_category().message(error));
}

// A rename or creation is on disk only when its directory is.
Status sync_directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    std::string directory = slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
    const Descriptor descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor.get() < 0 || ::fsync(descriptor.get()) != 0) return system_fault(directory, errno);
    return {};
}

}  // namespace

Status Disk::replace(const std::string& path, std::string_view bytes, mode_t mode) {
    const std::string temporary = path + std::string(temporary_suffix);
    auto written = write_new(temporary, bytes, mode);
    if (!written) {
        static_cast<void>(remove(temporary));
        return written;
    }
    return rename(temporary, path);
}

Result<std::string> SystemDisk::read(const std::string& path, std::size_t limit) {
    const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (descriptor.get() < 0) return system_fault(path, errno);
    struct stat facts {};
    if (::fstat(descriptor.get(), &facts) != 0) return system_fault(path, errno);
    if (S_ISDIR(facts.st_mode)) return system_fault(path, EISDIR);
    std::string out;
    char block[65536];
    while (true) {
        const ssize_t got = ::read(descriptor.get(), block, sizeof block);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_fault(path, errno);
        if (got == 0) return out;
        if (out.size() + static_cast<std::size_t>(got) > limit)
            return fail(FaultCode::too_large, path + ": larger than " + std::to_string(limit) + " bytes");
        out.append(block, static_cast<std::size_t>(got));
    }
}

bool SystemDisk::exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Result<std::vector<std::string>> SystemDisk::list(const std::string& directory) {
    std::error_code error;
    std::vector<std::string> names;
    for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
        names.push_back(it->path().filename().string());
    if (error) return system_fault(directory, error.value());
    std::sort(names.begin(), names.end());
    return names;
}

Status SystemDisk::write_new(const std::string& path, std::string_view bytes, mode_t mode) {
    Descriptor descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
    if (descriptor.get() < 0) return system_fault(path, errno);
    // An existing file keeps its mode on open(2), and the umask may have narrowed a new one's.
    if (::fchmod(descriptor.get(), mode) != 0) return system_fault(path, errno);
    while (!bytes.empty()) {
        const ssize_t put = ::write(descriptor.get(), bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return system_fault(path, errno);
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    if (::fsync(descriptor.get()) != 0) return system_fault(path, errno);
    if (descriptor.close_now() != 0) return system_fault(path, errno);
    return {};
}

Status SystemDisk::rename(const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) return system_fault(to, errno);
    return sync_directory_of(to);
}

Status SystemDisk::remove(const std::string& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_fault(path, errno);
    return {};
}

Status SystemDisk::make_directory(const std::string& path, mode_t mode) {
    if (path.empty() || exists(path)) return {};
    const auto slash = path.rfind('/');
    if (slash != std::string::npos && slash > 0) {
        auto parent = make_directory(path.substr(0, slash), mode);
        if (!parent) return parent;
    }
    if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return system_fault(path, errno);
    return {};
}

}  // namespace ringfence
