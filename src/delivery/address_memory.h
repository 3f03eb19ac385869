// What an address said of itself lately: the model whose manifest it asked for, and the device whose file. A manifest
// request carries no MAC, so this is how a later request finds its model variant or its device-bound window. A hint,
// never a proof. Thread-safe, bounded; entries fade after an hour.
#pragma once

#include <array>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/mac_address.h"

namespace ringfence::delivery {

struct AddressHint {
    std::string model;  // empty: never said
    std::optional<MacAddress> device;
};

class AddressMemory {
public:
    AddressHint find(const IpAddress& address, SteadyTime now);
    void remember_model(const IpAddress& address, const std::string& model, SteadyTime now);
    void remember_device(const IpAddress& address, const MacAddress& device, SteadyTime now);

    static constexpr std::size_t max_entries_per_shard = 4096;  // 65,536 addresses in all, about 10 MB
    static constexpr std::chrono::hours lifetime{1};  // a boot takes minutes; an address changes hands in days

private:
    static constexpr std::size_t shard_count = 16;

    struct Entry {
        std::string key;
        AddressHint hint;
        SteadyTime told{};
    };

    struct Shard {
        std::mutex mutex;
        std::list<Entry> recent;  // front: told last
        std::unordered_map<std::string, std::list<Entry>::iterator> by_key;
    };

    Shard& shard_for(const std::string& key);
    static AddressHint& hint_in(Shard& shard, const std::string& key, SteadyTime now);

    std::array<Shard, shard_count> shards_;
};

}  // namespace ringfence::delivery
