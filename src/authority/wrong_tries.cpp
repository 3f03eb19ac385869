#include "authority/wrong_tries.h"

#include <utility>

namespace ringfence::authority {

namespace {
constexpr std::string_view all_others = "";
}

std::uint64_t WrongTries::note(std::string_view reference, SteadyTime now) {
    const std::lock_guard lock(mutex_);
    std::string key(reference);
    if (counts_.size() >= max_references && counts_.count(key) == 0) key = all_others;
    const auto [entry, is_new] = counts_.try_emplace(std::move(key));
    Count& count = entry->second;
    ++count.untold;
    if (!is_new && now - count.told < quiet) return 0;
    count.told = now;
    return std::exchange(count.untold, 0);
}

}  // namespace ringfence::authority
