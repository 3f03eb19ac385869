#include "app/server/old_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/text.h"
#include "net/descriptor.h"

namespace ringfence::app {

namespace {

tl::unexpected<Fault> system_fault(const std::string& path, int error) {
    const auto code = error == ENOENT ? FaultCode::not_found : FaultCode::unavailable;
    return fail(code, printable(path) + ": " + std::generic_category().message(error));
}

// The last part is not followed if it is a link, and a pipe does not make us wait.
Result<std::string> read_plain(const std::string& path, std::uint64_t limit) {
    const net::Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (descriptor.get() < 0) return system_fault(path, errno);
    struct stat facts {};
    if (::fstat(descriptor.get(), &facts) != 0) return system_fault(path, errno);
    if (!S_ISREG(facts.st_mode)) return fail(FaultCode::malformed, printable(path) + " is no plain file");
    std::string out;
    char block[65536];
    while (true) {
        const ssize_t got = ::read(descriptor.get(), block, sizeof block);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_fault(path, errno);
        if (got == 0) return out;
        out.append(block, static_cast<std::size_t>(got));
        if (out.size() > limit) return fail(FaultCode::too_large, printable(path) + " grew while it was read");
    }
}

class Walk {
public:
    explicit Walk(std::string root) : root_(std::move(root)) {}

    Result<OldFolder> run() {
        if (auto status = visit("", true); !status) return fail(std::move(status).error());
        std::sort(out_.files.begin(), out_.files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
        return std::move(out_);
    }

private:
    Status visit(const std::string& below, bool enter_folders) {
        std::error_code error;
        const std::string folder = below.empty() ? root_ : root_ + "/" + below;
        for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
            const std::string name = it->path().filename().string();
            const std::string path = below.empty() ? name : below + "/" + name;
            if (auto status = take(path, enter_folders); !status) return status;
        }
        if (error) return system_fault(folder, error.value());
        return {};
    }

    Status take(const std::string& path, bool enter_folders) {
        struct stat facts {};
        const std::string full = root_ + "/" + path;
        if (::lstat(full.c_str(), &facts) != 0) return system_fault(full, errno);
        if (S_ISDIR(facts.st_mode)) {
            if (enter_folders) return visit(path, false);
            out_.passed_over.push_back(printable(path) + ": folders deeper than one level are not read");
            return {};
        }
        if (!S_ISREG(facts.st_mode)) {
            out_.passed_over.push_back(printable(path) +
                                       (S_ISLNK(facts.st_mode) ? ": links are not followed" : ": no plain file"));
            return {};
        }
        return add(path, full, static_cast<std::uint64_t>(facts.st_size));
    }

    Status add(const std::string& path, const std::string& full, std::uint64_t size) {
        if (out_.files.size() >= delivery::max_import_files)
            return fail(FaultCode::too_large,
                        fmt::format("the folder holds more than {} files", delivery::max_import_files));
        bytes_ += size;
        if (bytes_ > delivery::max_import_bytes)
            return fail(FaultCode::too_large,
                        fmt::format("the folder holds more than {} GiB", delivery::max_import_bytes >> 30));
        delivery::OldFile file{.path = path, .size = size};
        if (size <= delivery::max_import_text) {
            auto text = read_plain(full, delivery::max_import_text);
            if (!text) return fail(std::move(text).error());
            file.text = std::move(*text);
        }
        out_.files.push_back(std::move(file));
        return {};
    }

    std::string root_;
    OldFolder out_;
    std::uint64_t bytes_ = 0;
};

}  // namespace

Result<OldFolder> read_old_folder(const std::string& path) { return Walk(path).run(); }

Result<std::string> read_old_file(const std::string& folder, const std::string& path) {
    return read_plain(folder + "/" + path, delivery::max_import_file);
}

}  // namespace ringfence::app
