#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace ringfence::log {

namespace {

spdlog::logger& logger() {
    static const auto instance = [] {
        auto made = spdlog::stderr_logger_mt("ringfence");
        made->set_pattern("%Y-%m-%dT%H:%M:%SZ %l %v", spdlog::pattern_time_type::utc);
        return made;
    }();
    return *instance;
}

spdlog::level::level_enum translate(Level level) {
    switch (level) {
        case Level::debug: return spdlog::level::debug;
        case Level::info: return spdlog::level::info;
        case Level::warning: return spdlog::level::warn;
        case Level::error: return spdlog::level::err;
    }
    return spdlog::level::err;
}

}  // namespace

void set_level(Level level) { logger().set_level(translate(level)); }

void write(Level level, std::string_view sentence) {
    logger().log(translate(level), spdlog::string_view_t(sentence.data(), sentence.size()));
}

}  // namespace ringfence::log
