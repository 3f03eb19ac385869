#include "delivery/address_memory.h"

#include <functional>

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

void AddressMemory::remember(const IpAddress& address, const MacAddress& device, SteadyTime now) {
    const std::string key = address.bytes();
    Shard& shard = shard_for(key);
    const std::lock_guard lock(shard.mutex);
    if (const auto found = shard.by_key.find(key); found != shard.by_key.end()) {
        shard.recent.splice(shard.recent.begin(), shard.recent, found->second);
        shard.recent.front().device = device;
        shard.recent.front().told = now;
        return;
    }
    if (shard.recent.size() >= max_entries_per_shard) {
        shard.by_key.erase(shard.recent.back().key);
        shard.recent.pop_back();
    }
    shard.recent.push_front(Entry{key, device, now});
    shard.by_key.emplace(key, shard.recent.begin());
}

}  // namespace ringfence::delivery
