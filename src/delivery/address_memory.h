// Which device an address named last, by the file that it asked for. A manifest request carries no MAC, so this is how
// a window that is bound to devices knows its phones. A hint, never a proof: it can only narrow what the window's
// networks open. Only devices of the inventory belong in here, or each made-up MAC would be a phone. Thread-safe,
// bounded; entries fade after an hour.
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

class AddressMemory {
public:
    std::optional<MacAddress> find(const IpAddress& address, SteadyTime now);
    void remember(const IpAddress& address, const MacAddress& device, SteadyTime now);

    static constexpr std::size_t max_entries_per_shard = 4096;  // 65,536 addresses in all, about 10 MB
    static constexpr std::chrono::hours lifetime{1};  // a boot takes minutes; an address changes hands in days

private:
    static constexpr std::size_t shard_count = 16;

    struct Entry {
        std::string key;
        MacAddress device;
        SteadyTime told{};
    };

    struct Shard {
        std::mutex mutex;
        std::list<Entry> recent;  // front: told last
        std::unordered_map<std::string, std::list<Entry>::iterator> by_key;
    };

    Shard& shard_for(const std::string& key);

    std::array<Shard, shard_count> shards_;
};

}  // namespace ringfence::delivery
