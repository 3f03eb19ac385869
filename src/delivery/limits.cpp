#include "delivery/limits.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace ringfence::delivery {

namespace {

std::string login_key(std::string_view user) { return "login " + std::string(user); }

std::string source_key(std::string_view user, std::string_view source) {
    return "try " + std::string(user) + " " + std::string(source);
}

const Budget& attempts_of(registry::LoginKind kind) {
    return kind == registry::LoginKind::keypad ? keypad_attempts : random_attempts;
}

}  // namespace

Limits::Shard& Limits::shard_for(Shards& shards, std::string_view key) {
    return shards[std::hash<std::string_view>{}(key) % shard_count];
}

void Limits::refill(Entry& entry, const Budget& budget, SteadyTime now) {
    const auto passed = now - entry.refilled;
    entry.tokens += static_cast<double>(passed.count()) / static_cast<double>(budget.refill.count());
    entry.tokens = std::min(entry.tokens, static_cast<double>(budget.burst));
    entry.refilled = now;
}

Limits::Entry& Limits::entry_in(Shard& shard, std::string key, const Budget& budget, SteadyTime now) {
    if (const auto found = shard.by_key.find(key); found != shard.by_key.end()) {
        shard.recent.splice(shard.recent.begin(), shard.recent, found->second);
        refill(shard.recent.front(), budget, now);
        return shard.recent.front();
    }
    if (shard.recent.size() >= max_entries_per_shard) {
        shard.by_key.erase(shard.recent.back().key);
        shard.recent.pop_back();
    }
    shard.recent.push_front(Entry{key, static_cast<double>(budget.burst), now, 0, {}});
    shard.by_key.emplace(std::move(key), shard.recent.begin());
    return shard.recent.front();
}

// A key that is not there has spent nothing, and asking leaves no entry.
bool Limits::has_token(std::string key, const Budget& budget, std::string_view good_source, SteadyTime now) {
    Shard& shard = shard_for(attempts_, key);
    const std::lock_guard lock(shard.mutex);
    if (!shard.by_key.contains(key)) return true;
    const Entry& entry = entry_in(shard, std::move(key), budget, now);
    if (entry.tokens >= 1.0) return true;
    return std::find(entry.good_sources.begin(), entry.good_sources.end(), good_source) != entry.good_sources.end();
}

void Limits::take_token(std::string key, const Budget& budget, SteadyTime now) {
    Shard& shard = shard_for(attempts_, key);
    const std::lock_guard lock(shard.mutex);
    Entry& entry = entry_in(shard, std::move(key), budget, now);
    entry.tokens = std::max(0.0, entry.tokens - 1.0);
}

bool Limits::may_attempt(std::string_view user, std::string_view source, registry::LoginKind kind, SteadyTime now) {
    return has_token(source_key(user, source), attempts_of(kind), {}, now) &&
           has_token(login_key(user), login_attempts, source, now);
}

void Limits::attempt_failed(std::string_view user, std::string_view source, registry::LoginKind kind, SteadyTime now) {
    take_token(source_key(user, source), attempts_of(kind), now);
    take_token(login_key(user), login_attempts, now);
}

void Limits::attempt_succeeded(std::string_view user, std::string_view source, SteadyTime now) {
    std::string key = login_key(user);
    Shard& shard = shard_for(attempts_, key);
    const std::lock_guard lock(shard.mutex);
    auto& sources = entry_in(shard, std::move(key), login_attempts, now).good_sources;
    if (std::find(sources.begin(), sources.end(), source) != sources.end()) return;
    if (sources.size() >= remembered_sources) sources.erase(sources.begin());
    sources.emplace_back(source);
}

Limits::Note Limits::note_miss(std::string_view asker, SteadyTime now) {
    return note("miss " + std::string(asker), recorded_misses, now);
}

Limits::Note Limits::note_delivery(std::string_view asker, SteadyTime now) {
    return note("delivery " + std::string(asker), recorded_deliveries, now);
}

Limits::Note Limits::note(std::string key, const Budget& budget, SteadyTime now) {
    Shard& shard = shard_for(notes_, key);
    const std::lock_guard lock(shard.mutex);
    Entry& entry = entry_in(shard, std::move(key), budget, now);
    if (entry.tokens < 1.0) {
        ++entry.suppressed;
        return {.record = false, .suppressed = 0};
    }
    entry.tokens -= 1.0;
    return {.record = true, .suppressed = std::exchange(entry.suppressed, 0)};
}

}  // namespace ringfence::delivery
