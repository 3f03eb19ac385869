// Which device an address named last, by the file that it asked for. A manifest request carries no MAC, so this is how
// a window that is bound to devices knows its phones. A hint, never a proof: it can only narrow what the window's
// networks open. Only devices of the inventory belong in here, or each made-up MAC would be a phone. And the root file
// that an address took whole, which phones fetch before they name themselves. Thread-safe, bounded; entries fade after
// an hour.
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
#include "registry/lookup.h"

namespace ringfence::delivery {

class AddressMemory {
public:
    std::optional<MacAddress> find(const IpAddress& address, SteadyTime now);
    void remember(const IpAddress& address, const MacAddress& device, SteadyTime now);
    void keep_root_file(const IpAddress& address, registry::Body file, SteadyTime now);
    // Once; empty: none.
    registry::Body take_root_file(const IpAddress& address, SteadyTime now);

    static constexpr std::size_t max_entries_per_shard = 4096;  // 65,536 addresses in all, about 10 MB
    static constexpr std::chrono::hours lifetime{1};  // a boot takes minutes; an address changes hands in days

private:
    static constexpr std::size_t shard_count = 16;

    struct Entry {
        std::string key;
        std::optional<MacAddress> device{};
        registry::Body root_file{};
        SteadyTime told{};
    };

    struct Shard {
        std::mutex mutex;
        std::list<Entry> recent;  // front: told last
        std::unordered_map<std::string, std::list<Entry>::iterator> by_key;
    };

    Shard& shard_for(const std::string& key);
    // Its entry, new or moved to the front, told now. The shard's mutex is held.
    static Entry& touch(Shard& shard, const std::string& key, SteadyTime now);

    std::array<Shard, shard_count> shards_;
};

}  // namespace ringfence::delivery
