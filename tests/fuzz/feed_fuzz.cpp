// What a server tells is taken whole or not at all, within its bounds, and can be said again; so is what a cache asks.
#include <cstdint>
#include <string_view>

#include "network/feed.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ringfence::network;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto page = parse_feed_page(text)) {
        RINGFENCE_ASSERT(page->devices.size() + page->gone.size() <= max_feed_devices);
        RINGFENCE_ASSERT(parse_feed_page(format_feed_page(*page).reveal()).value() == *page);
    }
    if (const auto question = parse_feed_question(text)) {
        RINGFENCE_ASSERT(question->wait <= max_feed_wait && question->let_in_within <= max_let_in_within);
        RINGFENCE_ASSERT(parse_feed_question(format_feed_question(*question)).value() == *question);
    }
    return 0;
}
