// What a boot did, file by file, and why. Carries no secrets.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfence::phone {

enum class Action {
    fetched,  // and installed
    kept,     // AUTO and not newer, or already there
    refused,  // the phone did not want it: untrusted, too large, not accepted
    failed,   // it could not be fetched or stored
};
std::string_view to_string(Action action);

struct FileReport {
    std::string section;
    std::string file;
    Action action = Action::failed;
    std::string reason;              // one sentence
    std::string url;                 // without login; empty when no server was to be asked
    std::size_t bytes = 0;           // of the file as fetched
    std::size_t line = 0;            // of the section in the manifest; 0 for the manifest itself
    std::vector<std::string> facts;  // each a sentence: how the set came to it, for `boot --explain`
};

// Something a person should know that fails nothing: a skipped keyword, a dropped line, a weaker wire.
struct Note {
    std::string file;
    std::size_t line = 0;  // 0: the file as a whole
    std::string text;
};

struct Restart {
    std::string reason;
};

struct BootReport {
    std::string mac;  // with colons
    std::string model;
    std::string load;  // "sip", "boot-loader", "unistim"
    FileReport manifest;
    std::vector<FileReport> sections;
    std::vector<Note> notes;
    std::optional<Restart> restart;  // the set starts anew: boot again
    std::string flash_fault;         // the flash could not record what was done; empty: it could

    // Nothing was refused or failed, and the record was kept.
    bool is_clean() const;
};

}  // namespace ringfence::phone
