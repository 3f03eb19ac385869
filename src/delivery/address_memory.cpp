#include "delivery/address_memory.h"

#include <functional>

namespace ringfence::delivery {

AddressMemory::Shard& AddressMemory::shard_for(const std::string& key) {
    return shards_[std::hash<std::string>{}(key) % shard_count];
}

AddressHint& AddressMemory::hint_in(Shard& shard, const std::string& key, SteadyTime now) {
    if (const auto found = shard.by_key.find(key); found != shard.by_key.end()) {
        shard.recent.splice(shard.recent.begin(), shard.recent, found->second);
        Entry& entry = shard.recent.front();
        if (now - entry.told > lifetime) entry.hint = {};
        entry.told = now;
        return entry.hint;
    }
    if (shard.recent.size() >= max_entries_per_shard) {
        shard.by_key.erase(shard.recent.back().key);
        shard.recent.pop_back();
    }
    shard.recent.push_front(Entry{key, {}, now});
    shard.by_key.emplace(key, shard.recent.begin());
    return shard.recent.front().hint;
}

AddressHint AddressMemory::find(const IpAddress& address, SteadyTime now) {
    const std::string key = address.bytes();
    Shard& shard = shard_for(key);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.by_key.find(key);
    if (found == shard.by_key.end() || now - found->second->told > lifetime) return {};
    return found->second->hint;
}

void AddressMemory::remember_model(const IpAddress& address, const std::string& model, SteadyTime now) {
    const std::string key = address.bytes();
    Shard& shard = shard_for(key);
    const std::lock_guard lock(shard.mutex);
    hint_in(shard, key, now).model = model;
}

void AddressMemory::remember_device(const IpAddress& address, const MacAddress& device, SteadyTime now) {
    const std::string key = address.bytes();
    Shard& shard = shard_for(key);
    const std::lock_guard lock(shard.mutex);
    hint_in(shard, key, now).device = device;
}

}  // namespace ringfence::delivery
