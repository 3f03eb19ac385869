#include "phone/port_store.h"

#include <fmt/format.h>

#include <limits>

#include "base/text.h"
#include "phone/device_profile.h"
#include "phone/flash_state.h"

namespace ringfence::phone {

namespace {

constexpr std::string_view header = "ringfence-phone port 1";
constexpr std::size_t note_limit = 4096;  // a sentence and a few numbers
constexpr std::size_t material_limit = std::size_t{1024} * 1024;

auto damaged() { return fail(FaultCode::corrupt, "what was noted of the port is damaged"); }

std::optional<std::uint32_t> parse_count(std::string_view digits) {
    const auto number = parse_number(digits);
    if (!number || *number > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    return static_cast<std::uint32_t>(*number);
}

Result<std::vector<std::string>> read_words(std::string_view line) {
    std::vector<std::string> words;
    for (const auto escaped : split(line, ' ')) {
        auto word = unescape_word(escaped);
        if (!word) return fail(std::move(word.error()));
        words.push_back(std::move(*word));
    }
    return words;
}

}  // namespace

// HEADER, then one line: STATE REASON BOOT INTERFACE INDEX LOSSES
std::string format_port_note(const PortNote& note) {
    return fmt::format("{}\n{} {} {} {} {} {}\n", header, escape_word(to_string(note.state)), escape_word(note.reason),
                       escape_word(note.link.boot_id), escape_word(note.link.interface), note.link.index,
                       note.link.losses);
}

Result<PortNote> parse_port_note(std::string_view text) {
    const auto lines = split(text, '\n');
    if (lines.size() != 3 || lines[0] != header || !lines[2].empty()) return damaged();
    const auto words = read_words(lines[1]);
    if (!words || words->size() != 6) return damaged();
    const auto state = parse_port_state((*words)[0]);
    const auto index = parse_count((*words)[4]);
    const auto losses = parse_count((*words)[5]);
    if (!state || !index || !losses) return damaged();
    return PortNote{*state, (*words)[1], {(*words)[2], (*words)[3], *index, *losses}};
}

std::string PortStore::path(std::string_view name) const {
    return fmt::format("{}/{}{}", folder_, port_file_prefix, name);
}

Result<std::optional<PortNote>> PortStore::load_note() const {
    const auto text = disk_->read(path("state"), note_limit);
    if (!text && text.error().code == FaultCode::not_found) return std::optional<PortNote>();
    if (!text) return fail(text.error());
    auto note = parse_port_note(*text);
    if (!note) return fail(std::move(note.error()));
    return std::optional(std::move(*note));
}

Status PortStore::save_note(const PortNote& note) {
    return disk_->replace(path("state"), format_port_note(note), private_file);
}

Status PortStore::forget_note() { return disk_->remove(path("state")); }

Status PortStore::save_roots(const std::vector<crypto::Certificate>& roots) {
    const std::string text = crypto::format_bundle(roots);
    const auto stored = disk_->read(roots_path(), material_limit);
    if (stored && *stored == text) return {};
    return disk_->replace(roots_path(), text, private_file);
}

Status PortStore::save_identity(const crypto::ClientIdentity& identity) {
    const Secret text = format_identity(identity);
    auto stored = disk_->read(identity_path(), material_limit);
    const bool is_same = stored && *stored == text.reveal();
    if (stored) wipe(*stored);
    if (is_same) return {};
    return disk_->replace(identity_path(), text.reveal(), private_file);
}

Status PortStore::remove_roots() { return disk_->remove(roots_path()); }

Status PortStore::remove_identity() { return disk_->remove(identity_path()); }

}  // namespace ringfence::phone
