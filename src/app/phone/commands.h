// The commands of ringfence-phone, after the command line was read. Each returns the exit code.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfence::app {

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;  // something was refused or failed
inline constexpr int exit_misused = 2;

struct BootOptions {
    std::string mac;
    std::string model;
    std::string state;
    std::string url;
    std::string url_file;  // in place of url, for one that holds a password; "-": standard input
    std::string device_id;
    std::string password_file;  // "-": standard input
    std::vector<std::string> accepted_fingerprints;
    std::string accepted_fingerprint_file;
    std::string certificate;
    std::string key;
    std::string ports;
    unsigned patience_seconds = 0;
    bool json = false;
};

struct StateOptions {
    std::string state;
    bool json = false;
};

int boot(const BootOptions& options);
int show(const StateOptions& options);
int reset(const StateOptions& options);

// One sentence on standard error; returns `code`.
int complain(std::string_view sentence, int code);

}  // namespace ringfence::app
