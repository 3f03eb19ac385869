#include "registry/content_store.h"

#include <algorithm>

#include "base/text.h"
#include "crypto/hash.h"
#include "registry/registry.h"  // max_file_size

namespace ringfence::registry {

namespace {

constexpr std::size_t name_length = 64;

std::string seal_context(std::string_view sha256) { return "content\n" + std::string(sha256); }

bool is_name(std::string_view text) {
    return text.size() == name_length &&
           std::all_of(text.begin(), text.end(), [](char c) { return is_ascii_digit(c) || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::string ContentStore::name_of(std::string_view bytes) { return to_hex(crypto::sha256(bytes)); }

std::string ContentStore::path_of(std::string_view sha256) const {
    return directory_ + "/" + std::string(sha256.substr(0, 2)) + "/" + std::string(sha256);
}

Status ContentStore::put(const std::string& sha256, std::string_view bytes, AtRest at_rest) {
    RINGFENCE_ASSERT(is_name(sha256));
    const bool seals = at_rest == AtRest::sealed;
    if (const auto stored = load(sha256); stored && (stored->clear || !seals)) return {};
    auto made = disk_.make_directory(directory_ + "/" + sha256.substr(0, 2), private_directory);
    if (!made) return made;
    if (!seals) return disk_.replace(path_of(sha256), bytes, private_file);
    return disk_.replace(path_of(sha256), key_.seal(bytes, seal_context(sha256)), private_file);
}

Result<Body> ContentStore::open(std::string_view sha256) {
    const std::string name(sha256);
    if (Body held = recall(name); held.bytes) return held;
    auto body = read(sha256);
    if (!body) return body;
    return remember(name, std::move(*body));
}

Result<Body> ContentStore::read(std::string_view sha256) const {
    auto stored = load(sha256);
    if (!stored) return fail(std::move(stored.error()));
    std::string& clear = stored->clear ? *stored->clear : stored->bytes;
    return Body{std::make_shared<const std::string>(std::move(clear))};
}

Result<std::string> ContentStore::read_stored(std::string_view sha256) const {
    auto stored = load(sha256);
    if (!stored) return fail(std::move(stored.error()));
    return std::move(stored->bytes);
}

Result<ContentStore::Stored> ContentStore::load(std::string_view sha256) const {
    if (!is_name(sha256)) return fail(FaultCode::not_found, "There is no stored content of that name.");
    auto bytes = disk_.read(path_of(sha256), max_file_size + crypto::SealingKey::overhead);
    if (!bytes) return fail(std::move(bytes.error()));
    if (name_of(*bytes) == sha256) return Stored{std::move(*bytes), std::nullopt};
    const auto clear = key_.open(*bytes, seal_context(sha256));
    if (!clear || name_of(clear->reveal()) != sha256)
        return fail(FaultCode::corrupt,
                    "Stored content " + std::string(sha256) + " is not what was put; put the file again.");
    return Stored{std::move(*bytes), std::string(clear->reveal())};
}

Status ContentStore::remove(const std::string& sha256) {
    RINGFENCE_ASSERT(is_name(sha256));
    forget(sha256);
    return disk_.remove(path_of(sha256));
}

Result<std::vector<ContentStore::Entry>> ContentStore::list() const {
    std::vector<Entry> out;
    if (!disk_.exists(directory_)) return out;
    auto shelves = disk_.list(directory_);
    if (!shelves) return fail(std::move(shelves.error()));
    for (const auto& shelf : *shelves) {
        if (shelf.size() != 2 || !is_hex_digit(shelf[0]) || !is_hex_digit(shelf[1])) {
            out.push_back({shelf, {}});
            continue;
        }
        auto names = disk_.list(directory_ + "/" + shelf);
        if (!names) return fail(std::move(names.error()));
        for (const auto& name : *names) {
            const bool ours = is_name(name) && name.substr(0, 2) == shelf;
            std::string place = shelf;
            place.append("/").append(name);
            out.push_back({std::move(place), ours ? name : std::string()});
        }
    }
    return out;
}

Status ContentStore::remove(const Entry& entry) {
    if (!entry.sha256.empty()) return remove(entry.sha256);
    return disk_.remove(directory_ + "/" + entry.name);
}

Body ContentStore::recall(const std::string& sha256) {
    const std::lock_guard lock(mutex_);
    return find_held(sha256);
}

Body ContentStore::remember(const std::string& sha256, Body body) {
    const std::lock_guard lock(mutex_);
    if (Body held = find_held(sha256); held.bytes) return held;
    hold(sha256, body);
    return body;
}

Body ContentStore::find_held(const std::string& sha256) {
    if (const auto found = by_name_.find(sha256); found != by_name_.end()) {
        recent_.splice(recent_.begin(), recent_, found->second);
        return found->second->body;
    }
    const auto lent = lent_.find(sha256);
    if (lent == lent_.end()) return {};
    Body body{lent->second.lock()};
    lent_.erase(lent);
    if (body.bytes) hold(sha256, body);
    return body;
}

void ContentStore::hold(const std::string& sha256, const Body& body) {
    if (body.view().size() > memory_) return lend(sha256, body);
    recent_.push_front({sha256, body});
    by_name_.emplace(sha256, recent_.begin());
    held_ += body.view().size();
    while (held_ > memory_) {
        held_ -= recent_.back().body.view().size();
        by_name_.erase(recent_.back().sha256);
        lend(recent_.back().sha256, recent_.back().body);
        recent_.pop_back();
    }
}

void ContentStore::lend(const std::string& sha256, const Body& body) {
    for (auto it = lent_.begin(); it != lent_.end();) it = it->second.expired() ? lent_.erase(it) : std::next(it);
    lent_.emplace(sha256, body.bytes);
}

void ContentStore::forget(const std::string& sha256) {
    const std::lock_guard lock(mutex_);
    lent_.erase(sha256);
    const auto found = by_name_.find(sha256);
    if (found == by_name_.end()) return;
    held_ -= found->second->body.view().size();
    recent_.erase(found->second);
    by_name_.erase(found);
}

}  // namespace ringfence::registry
