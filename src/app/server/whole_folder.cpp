#include "app/server/whole_folder.h"

#include <filesystem>
#include <system_error>

namespace ringfence::app {

namespace {

void remove_tree(const std::string& path) {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
}

Status fill_in_place(const std::string& path, Disk& disk, const std::function<Status(const std::string&)>& fill) {
    auto filled = fill(path);
    if (filled) return filled;
    if (const auto names = disk.list(path))
        for (const auto& name : *names) remove_tree(path + "/" + name);
    return filled;
}

Status fill_beside(const std::string& path, Disk& disk, const std::function<Status(const std::string&)>& fill) {
    const std::string beside = path + std::string(Disk::temporary_suffix);
    remove_tree(beside);  // what a crash left
    auto status = disk.make_directory(beside, private_directory);
    if (status) status = fill(beside);
    if (status) status = disk.rename(beside, path);
    if (!status) remove_tree(beside);
    return status;
}

}  // namespace

Status write_whole_folder(const std::string& path, Disk& disk, const std::function<Status(const std::string&)>& fill) {
    if (!disk.exists(path)) return fill_beside(path, disk, fill);
    const auto names = disk.list(path);
    if (!names) return fail(names.error());
    if (!names->empty()) return fail(FaultCode::conflict, path + " is not empty; nothing was changed");
    return fill_in_place(path, disk, fill);
}

}  // namespace ringfence::app
