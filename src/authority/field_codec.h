// How values pass between our own processes: fields in a fixed order, numbers as 8 bytes, texts with their length
// before them. A reader takes no more than it is told, and after its first fault gives empty values, so that whole
// structures are read first and judged once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/certificate.h"

namespace ringfence::authority {

class FieldWriter {
public:
    FieldWriter& number(std::uint64_t value);
    FieldWriter& flag(bool value) { return number(value ? 1 : 0); }
    FieldWriter& text(std::string_view value);
    FieldWriter& texts(const std::vector<std::string>& values);
    FieldWriter& time(WallTime value);
    FieldWriter& optional_time(const std::optional<WallTime>& value);
    FieldWriter& fault(const Fault& fault);
    FieldWriter& certificates(const std::vector<crypto::Certificate>& values);

    std::string take() { return std::move(bytes_); }

private:
    std::string bytes_;
};

class FieldReader {
public:
    explicit FieldReader(std::string_view bytes) : rest_(bytes) {}

    std::uint64_t number(std::uint64_t most);
    bool flag() { return number(1) == 1; }
    // For an enumeration whose last value is `last`.
    template <typename Enum>
    Enum choice(Enum last) {
        return static_cast<Enum>(number(static_cast<std::uint64_t>(last)));
    }
    std::string text(std::size_t most);
    Secret secret(std::size_t most) { return Secret(text(most)); }
    std::vector<std::string> texts(std::size_t most_texts, std::size_t most);
    WallTime time();
    std::optional<WallTime> optional_time();
    Fault fault();
    std::vector<crypto::Certificate> certificates(std::size_t most);

    // malformed unless everything was read, and nothing more stood there.
    Status finish() const;

private:
    std::string_view take(std::size_t count);

    std::string_view rest_;
    bool failed_ = false;
};

// An answer that gives nothing: no flag, and why. One that gives something begins with a flag that is set.
std::string format_refusal(const Fault& fault);

}  // namespace ringfence::authority
