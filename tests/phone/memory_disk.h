// A Disk in memory that breaks where a test wants it to: thousands of boots with a fault at every single change take a
// second, and a crash is simply the disk that is left.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/disk.h"

namespace ringfence::phone {

enum class Breakage {
    refused,    // one change fails and has not happened
    half_done,  // one change fails; a file that was being written holds half of its bytes
    unproved,   // one change happens, but is reported as failed
    dead,       // this change and all later ones fail, a write half done: the power went
};

class MemoryDisk final : public Disk {
public:
    // The n-th change from now on, counted from 1.
    void break_at(std::size_t change, Breakage breakage) {
        changes_ = 0;
        break_at_ = change;
        breakage_ = breakage;
    }
    void heal() {
        break_at_ = 0;
        capacity_ = unlimited;
    }
    bool has_broken() const { return break_at_ > 0 && changes_ >= break_at_; }
    void fill_up_to(std::size_t free_bytes) { capacity_ = used() + free_bytes; }

    const std::map<std::string, std::string>& files() const { return files_; }
    std::map<std::string, std::string>& files() { return files_; }
    const std::map<std::string, mode_t>& modes() const { return modes_; }

    Result<std::string> read(const std::string& path, std::size_t limit) override {
        const auto found = files_.find(path);
        if (found == files_.end()) return fail(FaultCode::not_found, path + ": no such file");
        if (found->second.size() > limit) return fail(FaultCode::too_large, path + ": too large");
        return found->second;
    }
    bool exists(const std::string& path) override { return files_.count(path) > 0 || folders_.count(path) > 0; }
    Result<std::vector<std::string>> list(const std::string& directory) override {
        if (folders_.count(directory) == 0) return fail(FaultCode::not_found, directory + ": no such folder");
        std::set<std::string> names;
        const std::string prefix = directory + "/";
        for (const auto& entry : files_)
            if (entry.first.starts_with(prefix)) names.insert(first_name(entry.first.substr(prefix.size())));
        for (const auto& folder : folders_)
            if (folder.starts_with(prefix)) names.insert(first_name(folder.substr(prefix.size())));
        return std::vector<std::string>(names.begin(), names.end());
    }

    Status write_new(const std::string& path, std::string_view bytes, mode_t mode) override {
        const auto turn = next_change();
        if (turn == Turn::fails) return broken(path);
        const std::size_t others = used() - (files_.count(path) > 0 ? files_[path].size() : 0);
        const bool is_full = others + bytes.size() > capacity_;
        if (turn == Turn::fails_half_done || is_full)
            bytes = bytes.substr(0, is_full ? capacity_ - others : bytes.size() / 2);
        files_[path] = std::string(bytes);
        modes_[path] = mode;
        if (is_full) return fail(FaultCode::unavailable, path + ": no space left on device");
        return turn == Turn::works ? Status() : broken(path);
    }
    Status rename(const std::string& from, const std::string& to) override {
        const auto turn = next_change();
        if (turn == Turn::fails || turn == Turn::fails_half_done) return broken(to);
        if (files_.count(from) == 0) return fail(FaultCode::not_found, from + ": no such file");
        files_[to] = std::move(files_[from]);
        files_.erase(from);
        modes_[to] = modes_[from];
        return turn == Turn::works ? Status() : broken(to);
    }
    Status remove(const std::string& path) override {
        const auto turn = next_change();
        if (turn == Turn::fails || turn == Turn::fails_half_done) return broken(path);
        files_.erase(path);
        return turn == Turn::works ? Status() : broken(path);
    }
    Status make_directory(const std::string& path, mode_t mode) override {
        const auto turn = next_change();
        if (turn == Turn::fails || turn == Turn::fails_half_done) return broken(path);
        for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
            folders_.insert(path.substr(0, slash));
        folders_.insert(path);
        modes_[path] = mode;
        return turn == Turn::works ? Status() : broken(path);
    }

private:
    static constexpr std::size_t unlimited = std::string::npos;
    enum class Turn { works, works_unproved, fails, fails_half_done };

    Turn next_change() {
        ++changes_;
        if (break_at_ == 0 || changes_ < break_at_) return Turn::works;
        if (breakage_ == Breakage::dead) return changes_ == break_at_ ? Turn::fails_half_done : Turn::fails;
        if (changes_ > break_at_) return Turn::works;
        if (breakage_ == Breakage::unproved) return Turn::works_unproved;
        return breakage_ == Breakage::half_done ? Turn::fails_half_done : Turn::fails;
    }
    static Status broken(const std::string& path) {
        return fail(FaultCode::unavailable, path + ": input/output error");
    }
    static std::string first_name(std::string rest) { return rest.substr(0, rest.find('/')); }
    std::size_t used() const {
        std::size_t sum = 0;
        for (const auto& entry : files_) sum += entry.second.size();
        return sum;
    }

    std::map<std::string, std::string> files_;
    std::map<std::string, mode_t> modes_;
    std::set<std::string> folders_;
    std::size_t changes_ = 0;
    std::size_t break_at_ = 0;
    Breakage breakage_ = Breakage::refused;
    std::size_t capacity_ = unlimited;
};

}  // namespace ringfence::phone
