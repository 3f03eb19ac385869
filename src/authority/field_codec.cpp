#include "authority/field_codec.h"

#include <limits>

namespace ringfence::authority {

namespace {
constexpr std::size_t number_size = 8;
constexpr std::size_t max_sentence = 1024;
}  // namespace

FieldWriter& FieldWriter::number(std::uint64_t value) {
    for (std::size_t i = number_size; i-- > 0;) bytes_ += static_cast<char>((value >> (8 * i)) & 0xff);
    return *this;
}

FieldWriter& FieldWriter::text(std::string_view value) {
    number(value.size());
    bytes_ += value;
    return *this;
}

FieldWriter& FieldWriter::texts(const std::vector<std::string>& values) {
    number(values.size());
    for (const auto& value : values) text(value);
    return *this;
}

FieldWriter& FieldWriter::time(WallTime value) {
    return number(static_cast<std::uint64_t>(value.time_since_epoch().count()));
}

FieldWriter& FieldWriter::optional_time(const std::optional<WallTime>& value) {
    flag(value.has_value());
    return value ? time(*value) : *this;
}

FieldWriter& FieldWriter::fault(const Fault& fault) {
    return number(static_cast<std::uint64_t>(fault.code)).text(fault.message.substr(0, max_sentence));
}

FieldWriter& FieldWriter::certificates(const std::vector<crypto::Certificate>& values) {
    number(values.size());
    for (const auto& value : values) text(value.to_der());
    return *this;
}

std::string_view FieldReader::take(std::size_t count) {
    if (failed_ || count > rest_.size()) {
        failed_ = true;
        return {};
    }
    const std::string_view out = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return out;
}

std::uint64_t FieldReader::number(std::uint64_t most) {
    std::uint64_t value = 0;
    for (const char c : take(number_size)) value = (value << 8) | static_cast<unsigned char>(c);
    if (value <= most) return value;
    failed_ = true;
    return 0;
}

std::string FieldReader::text(std::size_t most) { return std::string(take(number(most))); }

std::vector<std::string> FieldReader::texts(std::size_t most_texts, std::size_t most) {
    std::vector<std::string> out;
    const std::uint64_t count = number(most_texts);
    for (std::uint64_t i = 0; i < count && !failed_; ++i) out.push_back(text(most));
    return out;
}

WallTime FieldReader::time() {
    return WallTime(Duration(static_cast<std::int64_t>(number(std::numeric_limits<std::uint64_t>::max()))));
}

std::optional<WallTime> FieldReader::optional_time() {
    if (!flag()) return std::nullopt;
    return time();
}

Fault FieldReader::fault() {
    const FaultCode code = choice(FaultCode::internal);
    Fault out{code, text(max_sentence)};
    if (failed_ || !rest_.empty()) return {FaultCode::internal, "a message between our processes is malformed"};
    return out;
}

std::vector<crypto::Certificate> FieldReader::certificates(std::size_t most) {
    std::vector<crypto::Certificate> out;
    const std::uint64_t count = number(most);
    for (std::uint64_t i = 0; i < count && !failed_; ++i) {
        auto certificate = crypto::Certificate::parse_der(text(crypto::Certificate::max_size));
        if (certificate)
            out.push_back(std::move(*certificate));
        else
            failed_ = true;
    }
    return out;
}

Status FieldReader::finish() const {
    if (failed_ || !rest_.empty()) return fail(FaultCode::malformed, "a message between our processes is malformed");
    return {};
}

std::string format_refusal(const Fault& fault) {
    FieldWriter frame;
    frame.flag(false).fault(fault);
    return frame.take();
}

}  // namespace ringfence::authority
