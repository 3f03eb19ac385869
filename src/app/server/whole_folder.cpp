#include "app/server/whole_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <vector>

namespace ringfence::app {

namespace {

void remove_tree(const std::string& path) {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
}

// Stands in a folder that was empty from before the first file until after the last: what a crash left is known by it.
constexpr std::string_view unfinished_mark = "unfinished~";

std::string mark_in(const std::string& path) { return path + "/" + std::string(unfinished_mark); }

// The mark goes last.
Status clear(const std::string& path, Disk& disk) {
    const auto names = disk.list(path);
    if (!names) return fail(names.error());
    for (const auto& name : *names)
        if (name != unfinished_mark) remove_tree(path + "/" + name);
    return disk.remove(mark_in(path));
}

Status fill_in_place(const std::string& path, Disk& disk, const std::function<Status(const std::string&)>& fill) {
    auto status = disk.write_new(mark_in(path), {}, private_file);
    // What is written there is for its owner only. Where that cannot be set, check tells.
    std::error_code ignored;
    if (status) std::filesystem::permissions(path, std::filesystem::perms(private_directory), ignored);
    if (status) status = fill(path);
    if (status) return disk.remove(mark_in(path));
    static_cast<void>(clear(path, disk));
    return status;
}

// To whom the former folder belongs: the files are for him, and whoever writes them anew may be root.
Status hand_over(const std::string& folder, const std::string& former) {
    struct stat owner {};
    if (::stat(former.c_str(), &owner) != 0) return fail(FaultCode::unavailable, former + " cannot be looked at");
    if (owner.st_uid == ::geteuid()) return {};
    std::error_code error;
    std::vector<std::string> all{folder};
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error))
        all.push_back(entry.path().string());
    for (const auto& each : all)
        if (error || ::lchown(each.c_str(), owner.st_uid, owner.st_gid) != 0)
            return fail(FaultCode::unavailable, each + " cannot be given to the owner of " + former);
    return {};
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

Result<net::Descriptor> hold_place(const std::string& path) {
    const std::string parent = std::filesystem::path(path).parent_path().string();
    net::Descriptor folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0) return fail(FaultCode::not_found, "there is no folder " + parent);
    if (::flock(folder.get(), LOCK_EX | LOCK_NB) != 0)
        return fail(FaultCode::conflict, "another command is writing in " + parent + " just now; nothing was changed");
    return folder;
}

Status write_whole_folder(const std::string& path, Disk& disk, const std::function<Status(const std::string&)>& fill) {
    if (!disk.exists(path)) return fill_beside(path, disk, fill);
    if (disk.exists(mark_in(path)))
        if (auto cleared = clear(path, disk); !cleared) return cleared;
    const auto names = disk.list(path);
    if (!names) return fail(names.error());
    if (!names->empty()) return fail(FaultCode::conflict, path + " is not empty; nothing was changed");
    return fill_in_place(path, disk, fill);
}

Status replace_whole_folder(const std::string& path, Disk& disk,
                            const std::function<Status(const std::string&)>& fill) {
    const std::string beside = path + std::string(Disk::temporary_suffix);
    remove_tree(beside);  // what a crash left
    auto status = disk.make_directory(beside, private_directory);
    if (status) status = fill(beside);
    if (status) status = hand_over(beside, path);
    if (status && ::renameat2(AT_FDCWD, beside.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) != 0)
        status =
            fail(FaultCode::unavailable, path + " could not be exchanged for the new one; it may be a mount point");
    remove_tree(beside);
    return status;
}

}  // namespace ringfence::app
