#include "phonefile/trust_list.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "phonefile/line_reader.h"

namespace ringfence::phonefile {

namespace {

constexpr std::string_view not_before_name = "NOT_VALID_BEFORE:";
constexpr std::string_view not_after_name = "NOT_VALID_AFTER:";
constexpr std::string_view certificate_begin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view certificate_end = "-----END CERTIFICATE-----";

auto malformed(std::size_t line, std::string_view why) {
    return fail(FaultCode::malformed, "line " + std::to_string(line) + " of the trust list: " + std::string(why));
}

// "31/12/2030 23:59:59"
std::optional<WallTime> read_time(std::string_view text) {
    const auto [date, time] = split_word(text);
    const auto parts = split(date, '/');
    if (parts.size() != 3) return std::nullopt;
    std::string known(parts[2]);
    known.append("-").append(parts[1]).append("-").append(parts[0]).append("T").append(time).append("Z");
    const auto read = parse_time(known);
    return read ? std::optional(*read) : std::nullopt;
}

std::string write_time(WallTime time) {
    const std::string known = format_time(time);  // "2030-12-31T23:59:59Z"
    const std::string_view text = known;
    std::string out(text.substr(8, 2));
    return out.append("/")
        .append(text.substr(5, 2))
        .append("/")
        .append(text.substr(0, 4))
        .append(" ")
        .append(text.substr(11, 8));
}

bool is_base64_line(std::string_view line) {
    return !line.empty() && std::all_of(line.begin(), line.end(), [](char c) {
        const char lower = to_lower(c);
        return (lower >= 'a' && lower <= 'z') || is_ascii_digit(c) || c == '+' || c == '/' || c == '=';
    });
}

class TrustListReader {
public:
    Result<TrustListReading> read(std::string_view content) {
        for (const auto raw : split(content, '\n')) {
            ++number_;
            const auto line = trim(raw);
            if (auto taken = open_certificate_ ? take_in_certificate(line) : take_outside(line); !taken)
                return fail(std::move(taken.error()));
        }
        if (open_certificate_) return malformed(number_, "the last certificate has no end");
        if (!not_before_ || !not_after_)
            return fail(FaultCode::malformed, "the trust list does not say from when to when it is valid");
        if (*not_after_ < *not_before_) return fail(FaultCode::malformed, "the trust list ends before it begins");
        if (reading_.list.certificates.empty())
            return fail(FaultCode::malformed, "the trust list holds no certificate");
        reading_.list.not_before = *not_before_;
        reading_.list.not_after = *not_after_;
        return std::move(reading_);
    }

private:
    Status take_outside(std::string_view line) {
        if (line.empty()) return {};
        if (line.starts_with(not_before_name)) return take_time(line.substr(not_before_name.size()), not_before_);
        if (line.starts_with(not_after_name)) return take_time(line.substr(not_after_name.size()), not_after_);
        if (line != certificate_begin) {
            reading_.dropped.push_back({number_, number_, printable(line), "the line is no part of a trust list"});
            return {};
        }
        if (reading_.list.certificates.size() == max_trust_list_certificates)
            return fail(FaultCode::too_large, "the trust list holds more than " +
                                                  std::to_string(max_trust_list_certificates) + " certificates");
        open_certificate_ = std::string(line) + "\n";
        return {};
    }

    Status take_in_certificate(std::string_view line) {
        if (line == certificate_end && open_certificate_->size() == certificate_begin.size() + 1)
            return malformed(number_, "the certificate is empty");
        if (line != certificate_end && !is_base64_line(line))
            return malformed(number_, "the certificate is not base64");
        open_certificate_->append(line).append("\n");
        if (line != certificate_end) return {};
        reading_.list.certificates.push_back(std::move(*open_certificate_));
        open_certificate_.reset();
        return {};
    }

    Status take_time(std::string_view text, std::optional<WallTime>& time) {
        if (time) return malformed(number_, "the same date stands twice");
        time = read_time(trim(text));
        if (!time) return malformed(number_, "the date is not like 31/12/2030 23:59:59");
        return {};
    }

    TrustListReading reading_;
    std::optional<WallTime> not_before_;
    std::optional<WallTime> not_after_;
    std::optional<std::string> open_certificate_;
    std::size_t number_ = 0;
};

}  // namespace

Result<TrustListReading> parse_trust_list_as_phone(std::string_view content) {
    if (content.size() > max_trust_list_size)
        return fail(FaultCode::too_large,
                    "the trust list is larger than " + std::to_string(max_trust_list_size) + " bytes");
    return TrustListReader().read(content);
}

Result<TrustList> parse_trust_list_strict(std::string_view content) {
    auto reading = parse_trust_list_as_phone(content);
    if (!reading) return fail(std::move(reading.error()));
    if (const auto clean = check_nothing_dropped(content, reading->dropped); !clean) return fail(clean.error());
    return std::move(reading->list);
}

Result<std::string> format_trust_list(const TrustList& list) {
    std::string text;
    text.append(not_before_name).append(" ").append(write_time(list.not_before)).append("\n");
    text.append(not_after_name).append(" ").append(write_time(list.not_after)).append("\n");
    for (const std::string& certificate : list.certificates) text += certificate;
    const auto read_back = parse_trust_list_strict(text);
    if (!read_back) return fail(read_back.error());
    if (*read_back != list)
        return fail(FaultCode::malformed,
                    "the trust list holds a time that is not in whole seconds or a text that is not one certificate");
    return text;
}

}  // namespace ringfence::phonefile
