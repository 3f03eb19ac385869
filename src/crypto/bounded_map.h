// For this room's source files only: a thread-safe table of bounded size in which entries end by themselves and the one
// unused for longest makes room.
#pragma once

#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"

namespace ringfence::crypto {

template <typename Value>
class BoundedMap {
public:
    BoundedMap(std::size_t capacity, Duration life) : capacity_(capacity), life_(life) {}

    void put(const std::string& key, Value value, SteadyTime now) {
        const std::lock_guard lock(mutex_);
        erase_locked(key);
        if (entries_.size() == capacity_) erase_locked(std::string(entries_.back().key));
        entries_.push_front(Entry{key, std::move(value), now + life_});
        index_[key] = entries_.begin();
    }

    std::optional<Value> find(const std::string& key, SteadyTime now) {
        const std::lock_guard lock(mutex_);
        const auto found = index_.find(key);
        if (found == index_.end()) return std::nullopt;
        if (now >= found->second->ends) {
            erase_locked(key);
            return std::nullopt;
        }
        entries_.splice(entries_.begin(), entries_, found->second);
        return found->second->value;
    }

    void erase(const std::string& key) {
        const std::lock_guard lock(mutex_);
        erase_locked(key);
    }

    std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return entries_.size();
    }

private:
    struct Entry {
        std::string key;
        Value value;
        SteadyTime ends;
    };

    void erase_locked(const std::string& key) {
        const auto found = index_.find(key);
        if (found == index_.end()) return;
        entries_.erase(found->second);
        index_.erase(found);
    }

    const std::size_t capacity_;
    const Duration life_;
    mutable std::mutex mutex_;
    std::list<Entry> entries_;  // most lately used first
    std::unordered_map<std::string, typename std::list<Entry>::iterator> index_;
};

}  // namespace ringfence::crypto
