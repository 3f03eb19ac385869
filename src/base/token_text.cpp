#include "base/token_text.h"

#include "base/text.h"

namespace ringfence {

namespace {

constexpr std::string_view digits = "0123456789";
constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
// Crockford's further symbols for the values 32 to 36 of the check.
constexpr std::string_view check_symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U";
constexpr unsigned base = 32;
constexpr unsigned check_modulus = 37;
constexpr std::size_t challenge_size = challenge_reference_size + challenge_secret_size;
constexpr std::size_t token_size = token_reference_size + token_secret_size;

char check_symbol_of(std::string_view symbols) {
    unsigned rest = 0;
    for (const char c : symbols) rest = (rest * base + static_cast<unsigned>(alphabet.find(c))) % check_modulus;
    return check_symbols[rest];
}

bool consists_of(std::string_view text, std::string_view allowed) {
    return text.find_first_not_of(allowed) == std::string_view::npos;
}

// What people write for what they read.
char plain_symbol(char c) {
    const char upper = to_upper(c);
    if (upper == 'O') return '0';
    if (upper == 'I' || upper == 'L') return '1';
    return upper;
}

TokenText part(std::string_view symbols, std::size_t reference_size) {
    return {std::string(symbols.substr(0, reference_size)), Secret(std::string(symbols.substr(reference_size)))};
}

}  // namespace

TokenText make_token(Random& random) {
    return {random.text(token_reference_size, alphabet), Secret(random.text(token_secret_size, alphabet))};
}

TokenText make_challenge(Random& random) {
    return {random.text(challenge_reference_size, digits), Secret(random.text(challenge_secret_size, digits))};
}

Secret format_token_text(const TokenText& token) {
    std::string symbols = token.reference + std::string(token.secret.reveal());
    if (symbols.size() != token_size) return Secret(std::move(symbols));
    symbols += check_symbol_of(symbols);
    symbols.insert(token_size, "-").insert(token_reference_size, "-");
    return Secret(std::move(symbols));
}

Result<TokenText> parse_token_text(std::string_view text) {
    const auto malformed = fail(FaultCode::malformed, "this is no enrolment token: a symbol is missing or mistyped");
    if (text.size() > max_token_text) return malformed;
    std::string symbols;
    for (const char c : text)
        if (!is_ascii_space(c) && c != '-') symbols += plain_symbol(c);
    const Secret wiped_later(std::move(symbols));
    const std::string_view all = wiped_later.reveal();
    if (all.size() == challenge_size && consists_of(all, digits)) return part(all, challenge_reference_size);
    if (all.size() != token_size + 1) return malformed;
    const std::string_view token = all.substr(0, token_size);
    if (!consists_of(token, alphabet) || check_symbol_of(token) != all.back()) return malformed;
    return part(token, token_reference_size);
}

}  // namespace ringfence
