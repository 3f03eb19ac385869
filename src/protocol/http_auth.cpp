#include "protocol/http_auth.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "protocol/http_target.h"

namespace ringfence::protocol {

namespace {

// A Digest has about a dozen parameters; more is no Digest.
constexpr std::size_t max_parameters = 32;
constexpr std::size_t nonce_count_length = 8;
constexpr std::size_t stamp_length = 32;  // of a nonce: 16 hex digits of time, 16 of chance
constexpr std::size_t mac_bytes = 16;
constexpr std::size_t nonce_length = stamp_length + 2 * mac_bytes;
constexpr std::uint32_t counts_in_window = 64;

bool is_token_char(char c) {
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";  // RFC 9110 section 5.6.2
    const char lower = to_lower(c);
    return is_ascii_digit(c) || (lower >= 'a' && lower <= 'z') || marks.find(c) != std::string_view::npos;
}

std::string_view take_token(std::string_view& text) {
    const auto end = std::find_if_not(text.begin(), text.end(), is_token_char);
    const auto token = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(token.size());
    return token;
}

void skip_blanks(std::string_view& text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
}

// What stands between the quotes, with its backslashes: RFC 7616 hashes it so.
std::optional<std::string_view> take_quoted(std::string_view& text) {
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '\\') {
            ++i;
            continue;
        }
        if (text[i] != '"') continue;
        const auto inside = text.substr(1, i - 1);
        text.remove_prefix(i + 1);
        return inside;
    }
    return std::nullopt;
}

std::string without_escapes(std::string_view quoted) {
    std::string out;
    for (std::size_t i = 0; i < quoted.size(); ++i) {
        if (quoted[i] == '\\' && i + 1 < quoted.size()) ++i;
        out += quoted[i];
    }
    return out;
}

tl::unexpected<Fault> malformed(std::string_view what) {
    return fail(FaultCode::malformed, fmt::format("the Authorization header {}", what));
}

using Parameters = std::map<std::string, std::string_view>;

// name=token or name="text", parted by commas (RFC 9110 section 11.2).
Result<Parameters> parse_parameters(std::string_view text) {
    Parameters parameters;
    while (true) {
        skip_blanks(text);
        if (text.empty()) return parameters;
        if (text.front() == ',') {
            text.remove_prefix(1);
            continue;
        }
        const auto name = take_token(text);
        skip_blanks(text);
        if (name.empty() || text.empty() || text.front() != '=') return malformed("holds an ill-formed parameter");
        text.remove_prefix(1);
        skip_blanks(text);

        const bool is_quoted = !text.empty() && text.front() == '"';
        const auto value = is_quoted ? take_quoted(text) : std::optional(take_token(text));
        if (!value || (!is_quoted && value->empty())) return malformed("holds an ill-formed parameter");
        skip_blanks(text);
        if (!text.empty() && text.front() != ',') return malformed("holds an ill-formed parameter");

        if (!parameters.emplace(to_lower(name), *value).second) return malformed("names a parameter twice");
        if (parameters.size() > max_parameters) return malformed("holds too many parameters");
    }
}

Result<Authorization> parse_basic(std::string_view text) {
    auto decoded = from_base64(text);
    if (!decoded) return malformed("holds no valid base64");
    const auto colon = decoded->find(':');
    if (colon == std::string::npos) {
        wipe(*decoded);
        return malformed("holds no colon between user and password");
    }
    BasicLogin login{decoded->substr(0, colon), Secret(decoded->substr(colon + 1))};
    wipe(*decoded);
    return login;
}

std::string_view value_of(const Parameters& parameters, const std::string& name) {
    const auto found = parameters.find(name);
    return found == parameters.end() ? std::string_view() : found->second;
}

std::size_t hex_length(DigestAlgorithm algorithm) { return algorithm == DigestAlgorithm::md5 ? 32 : 64; }

// At most 16 digits, known to be hex and even in number.
std::uint64_t number_from_hex(std::string_view digits) {
    const auto bytes = from_hex(digits);
    RINGFENCE_ASSERT(bytes.has_value());
    std::uint64_t number = 0;
    for (const char byte : *bytes) number = (number << 8) | static_cast<unsigned char>(byte);
    return number;
}

bool is_hex(std::string_view text) { return std::all_of(text.begin(), text.end(), is_hex_digit); }

std::optional<DigestAlgorithm> parse_algorithm(const Parameters& parameters) {
    const auto found = parameters.find("algorithm");
    if (found == parameters.end() || equals_ignoring_case(found->second, "MD5")) return DigestAlgorithm::md5;
    if (equals_ignoring_case(found->second, "SHA-256")) return DigestAlgorithm::sha256;
    return std::nullopt;
}

// qop, nc and cnonce come together or not at all.
Status read_quality(const Parameters& parameters, DigestLogin& login) {
    login.cnonce = value_of(parameters, "cnonce");
    if (parameters.count("qop") == 0) {
        if (parameters.count("nc") != 0) return malformed("counts its nonce but names no qop");
        return {};
    }
    if (!equals_ignoring_case(value_of(parameters, "qop"), "auth")) return malformed("asks for a qop other than auth");
    const auto digits = value_of(parameters, "nc");
    if (digits.size() != nonce_count_length || !is_hex(digits) || login.cnonce.empty())
        return malformed("lacks a well-formed nc or cnonce");
    const auto octets = from_hex(digits);
    std::uint32_t count = 0;
    for (const char byte : *octets) count = (count << 8) | static_cast<unsigned char>(byte);
    if (count == 0) return malformed("counts its nonce from zero");
    login.nonce_count = count;
    login.nonce_count_digits = digits;
    return {};
}

Result<Authorization> parse_digest(std::string_view text) {
    const auto parameters = parse_parameters(text);
    if (!parameters) return fail(parameters.error());
    for (const char* name : {"username", "realm", "nonce", "uri", "response"})
        if (parameters->count(name) == 0) return malformed(fmt::format("lacks {}", name));
    if (equals_ignoring_case(value_of(*parameters, "userhash"), "true")) return malformed("hides its user name");
    const auto algorithm = parse_algorithm(*parameters);
    if (!algorithm) return malformed("names an algorithm other than MD5 and SHA-256");

    DigestLogin login;
    login.algorithm = *algorithm;
    login.user = without_escapes(value_of(*parameters, "username"));
    login.realm = value_of(*parameters, "realm");
    login.nonce = value_of(*parameters, "nonce");
    login.uri = value_of(*parameters, "uri");
    login.opaque = value_of(*parameters, "opaque");
    login.response = to_lower(value_of(*parameters, "response"));
    if (login.response.size() != hex_length(login.algorithm) || !is_hex(login.response))
        return malformed("holds an ill-formed response");
    if (auto status = read_quality(*parameters, login); !status) return fail(status.error());
    return login;
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        RINGFENCE_ASSERT(c >= ' ' && c <= '~');
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

std::string expected_response(const DigestLogin& login, std::string_view method, std::string_view ha1,
                              const HashFunction& hash) {
    const std::string ha2 = to_hex(hash(fmt::format("{}:{}", method, login.uri)));
    if (!login.nonce_count) return to_hex(hash(fmt::format("{}:{}:{}", ha1, login.nonce, ha2)));
    return to_hex(
        hash(fmt::format("{}:{}:{}:{}:auth:{}", ha1, login.nonce, login.nonce_count_digits, login.cnonce, ha2)));
}

std::uint64_t milliseconds(SteadyTime time) { return static_cast<std::uint64_t>(time.time_since_epoch().count()); }

}  // namespace

Result<Authorization> parse_authorization(std::string_view text) {
    if (text.size() > max_authorization_length)
        return fail(FaultCode::too_large, "the Authorization header is too long");
    text = trim(text);
    const auto scheme = take_token(text);
    const auto rest = trim(text);
    if (equals_ignoring_case(scheme, "Basic")) return parse_basic(rest);
    if (equals_ignoring_case(scheme, "Digest")) return parse_digest(rest);
    return malformed("names a scheme other than Basic and Digest");
}

std::string format_challenge(const Challenge& challenge) {
    if (challenge.kind == ChallengeKind::basic) return "Basic realm=" + quoted(challenge.realm);
    return fmt::format("Digest realm={}, qop=\"auth\", algorithm={}, nonce={}{}", quoted(challenge.realm),
                       challenge.kind == ChallengeKind::digest_md5 ? "MD5" : "SHA-256", quoted(challenge.nonce),
                       challenge.stale ? ", stale=true" : "");
}

bool verify_basic(const BasicLogin& login, std::string_view realm, const Secret& ha1, const HashFunction& sha256) {
    std::string a1 = fmt::format("{}:{}:{}", login.user, realm, login.password.reveal());
    const std::string hash = to_hex(sha256(a1));
    wipe(a1);
    return equal_in_constant_time(hash, ha1.reveal());
}

bool verify_digest(const DigestLogin& login, const DigestedRequest& request, const Secret& ha1, const Hashes& hashes) {
    const auto& hash = login.algorithm == DigestAlgorithm::md5 ? hashes.md5 : hashes.sha256;
    const bool response_holds =
        equal_in_constant_time(expected_response(login, request.method, ha1.reveal(), hash), login.response);
    // With an empty HA1 anybody could compute the response.
    const bool has_ha1 = ha1.reveal().size() == hex_length(login.algorithm);
    return response_holds && has_ha1 && login.realm == request.realm &&
           parse_http_target(login.uri).path == request.path;
}

NonceTable::NonceTable(Random& random, HashFunction mac, NonceLimits limits)
    : random_(random), mac_(std::move(mac)), limits_(limits) {}

std::string NonceTable::mac_of(std::string_view stamp) const {
    const std::string mac = mac_(stamp);
    RINGFENCE_ASSERT(mac.size() >= mac_bytes);
    return to_hex(std::string_view(mac).substr(0, mac_bytes));
}

std::string NonceTable::issue(SteadyTime now) {
    const std::string stamp = fmt::format("{:016x}{}", milliseconds(now), to_hex(random_.bytes(8)));
    return stamp + mac_of(stamp);
}

std::optional<NonceTable::Key> NonceTable::find_key(std::string_view nonce) const {
    if (nonce.size() != nonce_length) return std::nullopt;
    const auto stamp = nonce.substr(0, stamp_length);
    if (!equal_in_constant_time(mac_of(stamp), nonce.substr(stamp_length))) return std::nullopt;
    // The MAC says that we wrote it, so it is hex.
    const auto issued = number_from_hex(stamp.substr(0, stamp_length / 2));
    return Key(issued, std::string(stamp.substr(stamp_length / 2)));
}

void NonceTable::forget_old(Shard& shard, std::uint64_t now) const {
    const auto lifetime = static_cast<std::uint64_t>(limits_.lifetime.count());
    while (!shard.used.empty() && shard.used.begin()->first.first + lifetime < now)
        shard.used.erase(shard.used.begin());
    const std::size_t capacity = std::max<std::size_t>(1, limits_.capacity / shard_count);
    while (shard.used.size() > capacity) {
        shard.forgotten_until = std::max(shard.forgotten_until, shard.used.begin()->first.first + 1);
        shard.used.erase(shard.used.begin());
    }
}

NonceUse NonceTable::use(std::string_view nonce, std::optional<std::uint32_t> nonce_count, SteadyTime now) {
    const auto key = find_key(nonce);
    if (!key) return NonceUse::unknown_or_expired;
    const auto time = milliseconds(now);
    if (key->first + static_cast<std::uint64_t>(limits_.lifetime.count()) < time) return NonceUse::unknown_or_expired;

    Shard& shard = shards_[number_from_hex(std::string_view(key->second).substr(0, 2)) % shard_count];
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.used.find(*key);
    if (found == shard.used.end()) {
        if (key->first < shard.forgotten_until) return NonceUse::unknown_or_expired;
        const auto counts = Counts{nonce_count.value_or(std::numeric_limits<std::uint32_t>::max()),
                                   nonce_count ? 1 : std::numeric_limits<std::uint64_t>::max()};
        shard.used.emplace(*key, counts);
        forget_old(shard, time);
        return NonceUse::fresh;
    }

    Counts& counts = found->second;
    if (!nonce_count) return NonceUse::replayed;
    if (*nonce_count > counts.highest) {
        const auto ahead = *nonce_count - counts.highest;
        counts.window = (ahead < counts_in_window ? counts.window << ahead : 0) | 1;
        counts.highest = *nonce_count;
        return NonceUse::fresh;
    }
    const auto behind = counts.highest - *nonce_count;
    if (behind >= counts_in_window) return NonceUse::replayed;
    const std::uint64_t bit = std::uint64_t{1} << behind;
    if ((counts.window & bit) != 0) return NonceUse::replayed;
    counts.window |= bit;
    return NonceUse::fresh;
}

}  // namespace ringfence::protocol
