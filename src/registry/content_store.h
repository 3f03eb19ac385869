// The bytes of files, each in content/ab/<sha256>: named by what they are, so a name never changes its bytes and two
// files with the same bytes are kept once. Secret ones are sealed on disk, under the name of their clear bytes; reading
// tells one from the other. Thread-safe; verified bodies are kept in memory up to a bound, and one that somebody still
// uses is shared beyond it, so that no content is in memory twice.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/disk.h"
#include "base/result.h"
#include "crypto/seal.h"
#include "registry/lookup.h"

namespace ringfence::registry {

enum class AtRest { clear, sealed };

class ContentStore {
public:
    // All languages, tones and a handful of firmware images of a family; shared by all loops of a process.
    static constexpr std::size_t usual_memory = 256u << 20;

    ContentStore(std::string directory, Disk& disk, crypto::SealingKey key, std::size_t memory = usual_memory)
        : directory_(std::move(directory)), disk_(disk), key_(std::move(key)), memory_(memory) {}

    // The name of these bytes, as everywhere: lower-case hex SHA-256.
    static std::string name_of(std::string_view bytes);

    // Stores whole or not at all; stored bytes that rotted are replaced. What one file needs sealed stays sealed for
    // all that share it.
    Status put(const std::string& sha256, std::string_view bytes, AtRest at_rest);
    // not_found; corrupt when the bytes are not those of that name.
    Result<Body> open(std::string_view sha256);
    // As open, but always from the disk.
    Result<Body> read(std::string_view sha256) const;
    // As it lies on the disk, perhaps sealed, and verified. For backups, which carry the key along.
    Result<std::string> read_stored(std::string_view sha256) const;
    Status remove(const std::string& sha256);

    struct Entry {
        std::string name;    // relative to the store
        std::string sha256;  // empty: a leftover of some other kind
    };
    Result<std::vector<Entry>> list() const;
    Status remove(const Entry& entry);

private:
    struct Stored {
        std::string bytes;                 // on disk
        std::optional<std::string> clear;  // what they hold, if they are sealed
    };
    Result<Stored> load(std::string_view sha256) const;
    std::string path_of(std::string_view sha256) const;
    Body recall(const std::string& sha256);
    // What is in memory of it from then on: `body`, or what another thread read meanwhile.
    Body remember(const std::string& sha256, Body body);
    // With the lock held.
    Body find_held(const std::string& sha256);
    void hold(const std::string& sha256, const Body& body);
    void lend(const std::string& sha256, const Body& body);
    void forget(const std::string& sha256);

    struct Held {
        std::string sha256;
        Body body;
    };

    std::string directory_;
    Disk& disk_;
    crypto::SealingKey key_;
    std::size_t memory_;
    std::mutex mutex_;        // guards what follows
    std::list<Held> recent_;  // newest use first
    std::unordered_map<std::string, std::list<Held>::iterator> by_name_;
    std::size_t held_ = 0;
    // What did not stay, while somebody uses it; entries of which nobody does go when the next one comes.
    std::unordered_map<std::string, std::weak_ptr<const std::string>> lent_;
};

}  // namespace ringfence::registry
