#include "delivery/address_memory.h"

#include <functional>
#include <utility>

namespace ringfence::delivery {

AddressMemory::Shard& AddressMemory::shard_for(const std::string& key) {
    return shards_[std::hash<std::string>{}(key) % shard_count];
}

std::optional<MacAddress> AddressMemory::find(const IpAddress& address, SteadyTime now) {
    const std::string key = address.bytes();
    Shard& shard = shard_for(key);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.by_key.find(key);
    if (found == shard.by_key.end() || now - found->second->told > lifetime) return std::nullopt;
    return found->second->device;
}

AddressMemory::Entry& AddressMemory::touch(Shard& shard, const std::string& key, SteadyTime now) {
    if (const auto found = shard.by_key.find(key); found != shard.by_key.end()) {
        shard.recent.splice(shard.recent.begin(), shard.recent, found->second);
        // What faded says nothing about whoever has the address now.
        if (now - shard.recent.front().told > lifetime) shard.recent.front() = Entry{key};
    } else {
        if (shard.recent.size() >= max_entries_per_shard) {
            shard.by_key.erase(shard.recent.back().key);
            shard.recent.pop_back();
        }
        shard.recent.push_front(Entry{key});
        shard.by_key.emplace(key, shard.recent.begin());
    }
    shard.recent.front().told = now;
    return shard.recent.front();
}

void AddressMemory::remember(const IpAddress& address, const MacAddress& device, SteadyTime now) {
    const std::string key = address.bytes();
    Shard& shard = shard_for(key);
    const std::lock_guard lock(shard.mutex);
    touch(shard, key, now).device = device;
}

void AddressMemory::keep_root_file(const IpAddress& address, registry::Body file, SteadyTime now) {
    const std::string key = address.bytes();
    Shard& shard = shard_for(key);
    const std::lock_guard lock(shard.mutex);
    touch(shard, key, now).root_file = std::move(file);
}

registry::Body AddressMemory::take_root_file(const IpAddress& address, SteadyTime now) {
    const std::string key = address.bytes();
    Shard& shard = shard_for(key);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.by_key.find(key);
    if (found == shard.by_key.end() || now - found->second->told > lifetime) return {};
    return std::exchange(found->second->root_file, {});
}

}  // namespace ringfence::delivery
