// A bounded queue in which every source is in its turn: each gives one item a round, however many it has here. An item
// may be for one worker alone; such items and those for any worker stand in the same order. When the queue is full, the
// source with the most gives way to one with fewer.
//
// Every call takes O(log n) of what is here, times the number of workers. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace ringfence::server {

template <typename Item>
class FairQueue {
public:
    using Lane = std::optional<std::size_t>;  // the one worker that may take it; empty: any

    struct Limits {
        std::size_t all = 0;
        std::size_t of_one_source = 0;
    };
    struct Place {
        std::string source;
        Lane lane{};
    };

    explicit FairQueue(Limits limits) : limits_(limits) {}

    // What has no place any more: nothing; the item itself; or the latest of the source that has the most.
    std::optional<Item> push(Item item, const Place& place);
    bool has_for(std::size_t worker) const { return next_lane(worker).has_value(); }
    // The oldest of the source whose turn it is. Empty: nothing is here for that worker.
    std::optional<Item> take(std::size_t worker);

private:
    using Items = std::map<std::uint64_t, Item>;  // by arrival
    struct Source {
        std::string_view name;        // its key
        std::uint64_t turn = 0;       // the lower, the sooner; each source has another
        std::size_t size = 0;         // of all lanes
        std::map<Lane, Items> lanes;  // none is empty
    };
    struct Standing {
        Lane lane;
        std::uint64_t turn;
        std::uint64_t arrival;
    };

    std::optional<Standing> standing_of(Lane lane) const;
    std::optional<Lane> next_lane(std::size_t worker) const;
    void add(Item item, const Place& place);
    Item take_latest(Source& source);
    Item remove(Source& source, Lane lane, typename Items::iterator which);
    void go_to_the_end(Source& source);
    void resize(Source& source, std::size_t size);

    Limits limits_;
    std::map<std::string, Source, std::less<>> sources_;          // that have something here
    std::map<Lane, std::map<std::uint64_t, Source*>> turns_;      // those that have something in that lane, by turn
    std::set<std::pair<std::size_t, std::string_view>> by_size_;  // all, by what they have
    std::size_t size_ = 0;
    std::uint64_t last_turn_ = 0;
    std::uint64_t last_arrival_ = 0;
};

template <typename Item>
std::optional<Item> FairQueue<Item>::push(Item item, const Place& place) {
    const auto found = sources_.find(place.source);
    const std::size_t present = found == sources_.end() ? 0 : found->second.size;
    if (present >= limits_.of_one_source) return item;
    std::optional<Item> displaced;
    if (size_ >= limits_.all) {
        const auto& [most, name] = *by_size_.rbegin();
        if (most <= present + 1) return item;
        displaced = take_latest(sources_.find(name)->second);
    }
    add(std::move(item), place);
    return displaced;
}

template <typename Item>
std::optional<Item> FairQueue<Item>::take(std::size_t worker) {
    const auto lane = next_lane(worker);
    if (!lane) return std::nullopt;
    Source& source = *turns_.at(*lane).begin()->second;
    go_to_the_end(source);
    return remove(source, *lane, source.lanes.at(*lane).begin());
}

template <typename Item>
std::optional<typename FairQueue<Item>::Standing> FairQueue<Item>::standing_of(Lane lane) const {
    const auto found = turns_.find(lane);
    if (found == turns_.end() || found->second.empty()) return std::nullopt;
    const auto& [turn, source] = *found->second.begin();
    return Standing{lane, turn, source->lanes.at(lane).begin()->first};
}

template <typename Item>
std::optional<typename FairQueue<Item>::Lane> FairQueue<Item>::next_lane(std::size_t worker) const {
    const auto own = standing_of(worker);
    const auto open = standing_of(std::nullopt);
    if (!own && !open) return std::nullopt;
    if (!own || !open) return own ? own->lane : open->lane;
    const bool is_own_first = std::pair(own->turn, own->arrival) < std::pair(open->turn, open->arrival);
    return is_own_first ? own->lane : open->lane;
}

template <typename Item>
void FairQueue<Item>::add(Item item, const Place& place) {
    const auto [entry, is_new] = sources_.try_emplace(place.source);
    Source& source = entry->second;
    if (is_new) {
        source.name = entry->first;
        source.turn = ++last_turn_;
    }
    source.lanes[place.lane].emplace(++last_arrival_, std::move(item));
    turns_[place.lane].emplace(source.turn, &source);
    resize(source, source.size + 1);
}

template <typename Item>
Item FairQueue<Item>::take_latest(Source& source) {
    const auto lane = std::max_element(source.lanes.begin(), source.lanes.end(), [](const auto& a, const auto& b) {
        return a.second.rbegin()->first < b.second.rbegin()->first;
    });
    return remove(source, lane->first, std::prev(lane->second.end()));
}

// With its last item the source goes too.
template <typename Item>
Item FairQueue<Item>::remove(Source& source, Lane lane, typename Items::iterator which) {
    Item item = std::move(which->second);
    Items& items = source.lanes.at(lane);
    items.erase(which);
    if (items.empty()) {
        source.lanes.erase(lane);
        turns_.at(lane).erase(source.turn);
    }
    resize(source, source.size - 1);
    return item;
}

template <typename Item>
void FairQueue<Item>::go_to_the_end(Source& source) {
    const std::uint64_t turn = ++last_turn_;
    for (const auto& [lane, items] : source.lanes) {
        turns_.at(lane).erase(source.turn);
        turns_.at(lane).emplace(turn, &source);
    }
    source.turn = turn;
}

template <typename Item>
void FairQueue<Item>::resize(Source& source, std::size_t size) {
    by_size_.erase({source.size, source.name});
    size_ = size_ - source.size + size;
    source.size = size;
    if (size > 0)
        by_size_.emplace(size, source.name);
    else
        sources_.erase(sources_.find(source.name));
}

}  // namespace ringfence::server
