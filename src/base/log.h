// The program's own log, for its operator: lines on standard error. What phones did stands in the registry's events,
// not here. Callers pass finished sentences; secrets cannot be passed by mistake because Secret has no formatter.
// Thread-safe.
#pragma once

#include <string_view>

namespace ringfence::log {

enum class Level { debug, info, warning, error };

void set_level(Level level);
void write(Level level, std::string_view sentence);

inline void debug(std::string_view sentence) { write(Level::debug, sentence); }
inline void info(std::string_view sentence) { write(Level::info, sentence); }
inline void warning(std::string_view sentence) { write(Level::warning, sentence); }
inline void error(std::string_view sentence) { write(Level::error, sentence); }

}  // namespace ringfence::log
