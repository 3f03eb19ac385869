#include "network/feed.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"

namespace ringfence::network {

namespace {

using std::chrono::seconds;

constexpr std::string_view first_line = "feed 1";
constexpr std::string_view last_line = "end";
constexpr std::size_t epoch_size = 32;
// A name of the registry, and an attribute of RADIUS (RFC 2865 section 5).
constexpr std::size_t max_identity = 64;
constexpr std::size_t max_password = 253;
constexpr std::size_t max_serial = 64;
constexpr std::size_t device_fields = 9;
constexpr std::size_t terms_fields = 4;
constexpr std::size_t max_segment_name = 253;

// ---- Making a page

// Where devices are told from.
struct Source {
    registry::NetworkLookup& lookup;
    const Rules& rules;
    WallTime since;  // they were let in
    WallTime now;
};

// Empty: it may not come in, or was not in for too long.
Result<std::optional<FedDevice>> find_device(const Source& source, const MacAddress& mac) {
    const auto ports = source.lookup.ports_of(mac);
    if (!ports) return fail(ports.error());
    if (ports->empty() || ports->front().last < source.since) return std::optional<FedDevice>();
    auto standing = get_standing(source.lookup, source.rules, mac, source.now);
    if (!standing) return fail(std::move(standing.error()));
    if (!*standing || !(*standing)->is_in_service) return std::optional<FedDevice>();
    auto& certificates = (*standing)->certificates;
    std::sort(certificates.begin(), certificates.end(),
              [](const HeldCertificate& a, const HeldCertificate& b) { return a.not_after > b.not_after; });
    if (certificates.size() > max_fed_certificates) certificates.resize(max_fed_certificates);
    return std::optional<FedDevice>(FedDevice{std::move(**standing), ports->front().last});
}

template <typename Macs>
Status tell(FeedPage& page, const Source& source, const Macs& macs) {
    for (const MacAddress& mac : macs) {
        auto device = find_device(source, mac);
        if (!device) return fail(std::move(device.error()));
        if (*device)
            page.devices.push_back(std::move(**device));
        else if (!page.range)
            page.gone.push_back(mac);
    }
    return {};
}

Status tell_range(FeedPage& page, const Source& source, const FeedWalk& walk) {
    const auto macs = source.lookup.devices_let_in_since(source.since, walk.above, max_feed_devices);
    if (!macs) return fail(macs.error());
    page.range = FeedRange{.above = walk.above};
    if (macs->size() == max_feed_devices) page.range->up_to = macs->back();
    page.state = FeedState::behind;
    return tell(page, source, *macs);
}

// The numbers were read before the devices: what changes meanwhile is told again.
Status tell_changes(FeedPage& page, const Source& source, const registry::JournalPage& journal) {
    std::set<MacAddress> changed;
    for (const registry::JournalEntry& entry : journal.entries) {
        if (entry.device)
            changed.insert(*entry.device);
        else
            page.state = FeedState::restart;
    }
    if (page.state == FeedState::current && journal.entries.size() == max_feed_devices) page.state = FeedState::behind;
    return tell(page, source, changed);
}

// ---- Text

std::int64_t milliseconds(WallTime time) { return time.time_since_epoch().count(); }

std::string format_end(const std::optional<WallTime>& end) {
    return end ? std::to_string(milliseconds(*end)) : std::string();
}

std::string format_mac(const std::optional<MacAddress>& mac) { return mac ? mac->bare_upper() : std::string(); }

std::string_view name_of(FeedState state) {
    switch (state) {
        case FeedState::current: return "current";
        case FeedState::behind: return "behind";
        case FeedState::restart: break;
    }
    return "restart";
}

std::optional<FeedState> parse_state(std::string_view name) {
    for (const FeedState state : {FeedState::current, FeedState::behind, FeedState::restart})
        if (name == name_of(state)) return state;
    return std::nullopt;
}

tl::unexpected<Fault> malformed() { return fail(FaultCode::malformed, "this is not what the feed says"); }

// A number that a signed one of 64 bits holds.
std::optional<std::int64_t> parse_signed(std::string_view digits) {
    const auto number = parse_number(digits);
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (!number || *number > most) return std::nullopt;
    return static_cast<std::int64_t>(*number);
}

std::optional<WallTime> parse_moment(std::string_view digits) {
    const auto number = parse_signed(digits);
    if (!number) return std::nullopt;
    return WallTime(Duration(*number));
}

std::optional<MacAddress> parse_mac(std::string_view text) {
    auto mac = MacAddress::parse(text);
    if (!mac || mac->bare_upper() != text) return std::nullopt;
    return *mac;
}

// False: it is neither empty nor a time.
bool read_end(std::string_view text, std::optional<WallTime>& out) {
    out = parse_moment(text);
    return out.has_value() || text.empty();
}

// False: it is neither empty nor a MAC.
bool read_mac(std::string_view text, std::optional<MacAddress>& out) {
    out = parse_mac(text);
    return out.has_value() || text.empty();
}

bool is_epoch(std::string_view text) {
    return text.size() == epoch_size &&
           std::all_of(text.begin(), text.end(), [](char c) { return is_hex_digit(c) && c == to_lower(c); });
}

Result<std::string> decode(std::string_view text, std::size_t most) {
    if (text.size() > 3 * most) return malformed();
    auto decoded = percent_decode(text);
    if (!decoded || decoded->size() > most) return malformed();
    return decoded;
}

Result<std::vector<HeldCertificate>> parse_certificates(std::string_view text) {
    std::vector<HeldCertificate> out;
    if (text.empty()) return out;
    for (const std::string_view one : split(text, ',')) {
        const auto colon = one.find(':');
        if (colon == std::string_view::npos || colon == 0 || colon > max_serial) return malformed();
        const std::string_view serial = one.substr(0, colon);
        std::string_view digits = one.substr(colon + 1);
        const bool is_legacy = digits.ends_with('l');
        if (is_legacy) digits.remove_suffix(1);
        const auto end = parse_moment(digits);
        const bool is_hex = std::all_of(serial.begin(), serial.end(), is_hex_digit);
        if (!end || !is_hex || out.size() == max_fed_certificates) return malformed();
        out.push_back({std::string(serial), *end, is_legacy});
    }
    return out;
}

bool read_flags(std::string_view flags, Standing& standing) {
    standing.has_proved_itself = flags.find('p') != std::string_view::npos;
    standing.requires_certificate = flags.find('c') != std::string_view::npos;
    return flags.empty() || flags == "p" || flags == "c" || flags == "pc";
}

// Takes line after line, each ended by LF.
class Lines {
public:
    explicit Lines(std::string_view text) : rest_(text) {}

    // Empty after the last whole line.
    std::optional<std::string_view> next() {
        const auto end = rest_.find('\n');
        if (end == std::string_view::npos) return std::nullopt;
        const auto line = rest_.substr(0, end);
        rest_.remove_prefix(end + 1);
        return line;
    }
    // What stands behind `word` and a blank on the next line.
    std::optional<std::string_view> next_after(std::string_view word) {
        const auto line = next();
        if (!line || line->size() <= word.size() || !line->starts_with(word) || (*line)[word.size()] != ' ')
            return std::nullopt;
        return line->substr(word.size() + 1);
    }
    bool is_over() const { return rest_.empty(); }

private:
    std::string_view rest_;
};

bool read_seconds(std::string_view digits, Duration most, Duration& out) {
    const auto number = parse_number(digits);
    if (!number || *number > static_cast<std::uint64_t>(most / seconds(1))) return false;
    out = seconds(*number);
    return true;
}

bool read_head(Lines& lines, FeedPage& page) {
    if (lines.next() != first_line) return false;
    const auto epoch = lines.next_after("epoch");
    if (!epoch || !is_epoch(*epoch)) return false;
    page.epoch = *epoch;
    const auto last = parse_signed(lines.next_after("last").value_or(""));
    const auto state = parse_state(lines.next().value_or(""));
    if (!last || !state) return false;
    page.last = *last;
    page.state = *state;
    auto terms = parse_terms(lines.next().value_or(""));
    if (terms) page.terms = std::move(*terms);
    return terms.has_value();
}

bool read_range(std::string_view line, FeedPage& page) {
    const auto words = split(line, ' ');
    if (words.size() != 3 || page.range || !page.devices.empty() || !page.gone.empty()) return false;
    page.range.emplace();
    return read_mac(words[1], page.range->above) && read_mac(words[2], page.range->up_to);
}

bool read_line(std::string_view line, FeedPage& page) {
    if (page.devices.size() + page.gone.size() >= max_feed_devices) return false;
    if (line.starts_with("range ")) return read_range(line, page);
    if (line.starts_with("gone ")) {
        const auto mac = parse_mac(line.substr(5));
        if (mac) page.gone.push_back(*mac);
        return mac.has_value();
    }
    auto device = parse_fed_device(line);
    if (device) page.devices.push_back(std::move(*device));
    return device.has_value() && page.gone.empty();
}

// ---- The question

bool read_parameter(std::string_view name, std::string_view value, FeedQuestion& question) {
    if (name == "epoch") {
        question.epoch = value;
        return value.empty() || is_epoch(value);
    }
    if (name == "after") {
        const auto number = parse_signed(value);
        question.after = number.value_or(0);
        return number.has_value();
    }
    if (name == "within") return read_seconds(value, max_let_in_within, question.let_in_within);
    if (name == "wait") return read_seconds(value, max_feed_wait, question.wait);
    if ((name != "all" && name != "above") || question.walk) return false;
    question.walk.emplace();
    return read_mac(value, question.walk->above) && question.walk->above.has_value() == (name == "above");
}

}  // namespace

Result<FeedPage> make_feed_page(registry::NetworkLookup& lookup, const FeedQuestion& question,
                                const NetworkSettings& settings, WallTime now) {
    RINGFENCE_ASSERT(is_epoch(settings.epoch));
    const Source source{lookup, settings.rules, now - question.let_in_within, now};
    const auto journal = lookup.read_journal(question.after, max_feed_devices);
    if (!journal) return fail(journal.error());
    FeedPage page{.epoch = settings.epoch, .last = journal->last, .terms = settings.terms};
    if (question.epoch != settings.epoch || (!question.walk && !journal->is_complete)) {
        page.state = FeedState::restart;
        return page;
    }
    if (!question.walk) page.last = journal->entries.empty() ? question.after : journal->entries.back().id;
    auto told = question.walk ? tell_range(page, source, *question.walk) : tell_changes(page, source, *journal);
    if (!told) return fail(std::move(told.error()));
    return page;
}

std::string format_feed_question(const FeedQuestion& question) {
    std::string out = fmt::format("epoch={}&after={}&within={}&wait={}", question.epoch, question.after,
                                  question.let_in_within / seconds(1), question.wait / seconds(1));
    if (!question.walk) return out;
    return out + (question.walk->above ? "&above=" + question.walk->above->bare_upper() : "&all");
}

Result<FeedQuestion> parse_feed_question(std::string_view query) {
    FeedQuestion out;
    std::set<std::string_view> names;
    for (const std::string_view part : split(query, '&')) {
        const auto equals = std::min(part.find('='), part.size());
        const std::string_view value = equals < part.size() ? part.substr(equals + 1) : std::string_view();
        const std::string_view name = part.substr(0, equals);
        if (!names.insert(name).second || !read_parameter(name, value, out)) return malformed();
    }
    return out;
}

void append_terms(std::string& text, const AdmissionTerms& terms) {
    fmt::format_to(std::back_inserter(text), "terms {} {} {}", percent_encode(terms.onboarding),
                   percent_encode(terms.production), terms.session / seconds(1));
}

Result<AdmissionTerms> parse_terms(std::string_view line) {
    const auto words = split(line, ' ');
    if (words.size() != terms_fields || words[0] != "terms") return malformed();
    auto onboarding = decode(words[1], max_segment_name);
    auto production = decode(words[2], max_segment_name);
    AdmissionTerms out;
    if (!onboarding || !production || !read_seconds(words[3], longest_session, out.session) ||
        out.session < shortest_session)
        return malformed();
    out.onboarding = std::move(*onboarding);
    out.production = std::move(*production);
    return out;
}

void append_fed_device(std::string& text, const FedDevice& device) {
    const Standing& standing = device.standing;
    std::string password = percent_encode(standing.password.reveal());
    fmt::format_to(std::back_inserter(text), "device {} {} {}{} {} {} {} {} ", standing.device.bare_upper(),
                   milliseconds(device.let_in), standing.has_proved_itself ? "p" : "",
                   standing.requires_certificate ? "c" : "", format_end(standing.window_closes),
                   format_end(standing.legacy_closes), percent_encode(standing.identity), password);
    wipe(password);
    std::string_view comma;
    for (const HeldCertificate& held : standing.certificates) {
        fmt::format_to(std::back_inserter(text), "{}{}:{}{}", comma, held.serial, milliseconds(held.not_after),
                       held.is_legacy ? "l" : "");
        comma = ",";
    }
}

Result<FedDevice> parse_fed_device(std::string_view line) {
    const auto words = split(line, ' ');
    if (words.size() != device_fields || words[0] != "device") return malformed();
    const auto mac = parse_mac(words[1]);
    const auto let_in = parse_moment(words[2]);
    if (!mac || !let_in) return malformed();
    FedDevice out{{.device = *mac, .is_in_service = true}, *let_in};
    if (!read_flags(words[3], out.standing)) return malformed();
    if (!read_end(words[4], out.standing.window_closes) || !read_end(words[5], out.standing.legacy_closes))
        return malformed();
    auto identity = decode(words[6], max_identity);
    auto password = decode(words[7], max_password);
    auto certificates = parse_certificates(words[8]);
    if (!identity || !password || !certificates) return malformed();
    out.standing.identity = std::move(*identity);
    out.standing.password = Secret(std::move(*password));
    out.standing.certificates = std::move(*certificates);
    return out;
}

Secret format_feed_page(const FeedPage& page) {
    std::string out;
    out.reserve(max_feed_text);  // so that no part of it is left behind where it grew out of
    fmt::format_to(std::back_inserter(out), "{}\nepoch {}\nlast {}\n{}\n", first_line, page.epoch, page.last,
                   name_of(page.state));
    append_terms(out, page.terms);
    out += '\n';
    if (page.range)
        fmt::format_to(std::back_inserter(out), "range {} {}\n", format_mac(page.range->above),
                       format_mac(page.range->up_to));
    for (const FedDevice& device : page.devices) {
        append_fed_device(out, device);
        out += '\n';
    }
    for (const MacAddress& mac : page.gone) fmt::format_to(std::back_inserter(out), "gone {}\n", mac.bare_upper());
    out += last_line;
    out += '\n';
    return Secret(std::move(out));
}

Result<FeedPage> parse_feed_page(std::string_view text) {
    if (text.size() > max_feed_text) return fail(FaultCode::too_large, "the feed says more than it may");
    Lines lines(text);
    FeedPage page;
    if (!read_head(lines, page)) return malformed();
    while (true) {
        const auto line = lines.next();
        if (!line) return malformed();
        if (*line == last_line) break;
        if (!read_line(*line, page)) return malformed();
    }
    if (!lines.is_over()) return malformed();
    return page;
}

}  // namespace ringfence::network
