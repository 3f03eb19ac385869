#include "protocol/sip_notify.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/text.h"

namespace ringfence::protocol {

namespace {

constexpr std::string_view version = "SIP/2.0";
constexpr int ok = 200, method_not_allowed = 405, bad_event = 489;

struct Header {
    std::string name;  // long form, lower case
    std::string value;
};

// RFC 3261 section 7.3.3 and RFC 6665 section 8.4.
std::string long_name(std::string_view name) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> compact = {
        {{"v", "via"}, {"f", "from"}, {"t", "to"}, {"i", "call-id"}, {"o", "event"}, {"l", "content-length"}}};
    const std::string lower = to_lower(name);
    for (const auto& [letter, word] : compact)
        if (lower == letter) return std::string(word);
    return lower;
}

bool is_clean(std::string_view line) {
    return std::none_of(line.begin(), line.end(),
                        [](char c) { return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7f; });
}

// The lines up to the empty one, folded ones joined (section 7.3.1). Empty when this is no message.
std::vector<std::string> head_lines(std::string_view datagram) {
    std::vector<std::string> lines;
    for (auto end = datagram.find('\n'); end != std::string_view::npos; end = datagram.find('\n')) {
        std::string_view line = datagram.substr(0, end);
        datagram.remove_prefix(end + 1);
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        if (line.empty()) return lines;
        if (!is_clean(line)) return {};
        const bool is_folded = line.front() == ' ' || line.front() == '\t';
        if (is_folded && lines.size() > 1)
            lines.back() += " " + std::string(trim(line));
        else
            lines.emplace_back(line);
        if (lines.size() > max_sip_headers) return {};
    }
    return {};  // no end of the head
}

std::optional<std::vector<Header>> read_headers(const std::vector<std::string>& lines) {
    std::vector<Header> headers;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        const auto colon = lines[i].find(':');
        if (colon == std::string::npos) return std::nullopt;
        headers.push_back({long_name(trim(std::string_view(lines[i]).substr(0, colon))),
                           std::string(trim(std::string_view(lines[i]).substr(colon + 1)))});
    }
    return headers;
}

// The only one of its name; null otherwise.
const Header* find_one(const std::vector<Header>& headers, std::string_view name) {
    const Header* found = nullptr;
    for (const auto& header : headers) {
        if (header.name != name) continue;
        if (found != nullptr) return nullptr;
        found = &header;
    }
    return found;
}

bool has_tag(std::string_view to) {
    const auto end_of_address = to.rfind('>');
    const auto parameters = end_of_address == std::string_view::npos ? to : to.substr(end_of_address);
    return to_lower(parameters).find(";tag=") != std::string::npos;
}

std::optional<std::string> answer_head(const std::vector<Header>& headers, std::string_view to_tag) {
    std::string head;
    for (const auto& header : headers)
        if (header.name == "via") head += fmt::format("Via: {}\r\n", header.value);
    const auto* from = find_one(headers, "from");
    const auto* to = find_one(headers, "to");
    const auto* call = find_one(headers, "call-id");
    const auto* sequence = find_one(headers, "cseq");
    if (head.empty() || from == nullptr || to == nullptr || call == nullptr || sequence == nullptr) return std::nullopt;
    const std::string tag = has_tag(to->value) ? std::string() : fmt::format(";tag={}", to_tag);
    return head + fmt::format("From: {}\r\nTo: {}{}\r\nCall-ID: {}\r\nCSeq: {}\r\n", from->value, to->value, tag,
                              call->value, sequence->value);
}

// "check-sync;reboot=false" -> its parameters in lower case without blanks; empty optional for another event.
std::optional<std::string> check_sync_parameters(const std::vector<Header>& headers) {
    const auto* event = find_one(headers, "event");
    if (event == nullptr) return std::nullopt;
    const std::string value = replace_all(replace_all(to_lower(event->value), " ", ""), "\t", "");
    const auto semicolon = value.find(';');
    if (value.substr(0, semicolon) != "check-sync") return std::nullopt;
    return semicolon == std::string::npos ? std::string() : value.substr(semicolon) + ";";
}

std::string_view reason_of(int status) {
    switch (status) {
        case ok: return "OK";
        case sip_forbidden: return "Forbidden";
        case method_not_allowed: return "Method Not Allowed";
        default: return "Bad Event";
    }
}

}  // namespace

Notify read_notify(std::string_view datagram, std::string_view to_tag) {
    if (datagram.size() > max_sip_datagram) return {};
    const auto lines = head_lines(datagram);
    if (lines.empty()) return {};
    const auto words = split(lines.front(), ' ');
    if (words.size() != 3 || words[2] != version || words[0].empty() || words[1].empty()) return {};
    // What is no answer's business: an ACK is never answered, and a CANCEL has nothing here to cancel.
    if (words[0] == "ACK" || words[0] == "CANCEL") return {};
    const auto headers = read_headers(lines);
    auto head = headers ? answer_head(*headers, to_tag) : std::nullopt;
    if (!head) return {};

    Notify notify{NotifyKind::other, false, method_not_allowed, std::move(*head)};
    if (words[0] != "NOTIFY") return notify;
    notify.status = bad_event;
    const auto parameters = check_sync_parameters(*headers);
    if (!parameters) return notify;
    notify.kind = NotifyKind::check_sync;
    notify.wants_reboot = parameters->find(";reboot=true;") != std::string::npos;
    notify.status = ok;
    return notify;
}

std::string format_sip_answer(const Notify& notify, int status) {
    std::string more;
    if (status == method_not_allowed) more = "Allow: NOTIFY\r\n";
    if (status == bad_event) more = "Allow-Events: check-sync\r\n";
    return fmt::format("{} {} {}\r\n{}{}Content-Length: 0\r\n\r\n", version, status, reason_of(status),
                       notify.answer_head, more);
}

}  // namespace ringfence::protocol
