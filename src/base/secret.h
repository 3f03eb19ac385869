// Secret: text that must not be printed by accident. It has no stream operator and no formatter, is wiped when it dies,
// and is read only through reveal(), so that a search for that word finds every use.
#pragma once

#include <string>
#include <string_view>

namespace ringfence {

class Secret {
public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) {}
    Secret(const Secret&) = default;
    Secret(Secret&& other) noexcept;
    Secret& operator=(const Secret& other);
    Secret& operator=(Secret&& other) noexcept;
    ~Secret();

    // The view lives as long as this object.
    std::string_view reveal() const { return value_; }
    bool empty() const { return value_.empty(); }
    friend bool operator==(const Secret& a, const Secret& b);

private:
    std::string value_;
};

// What previews, logs and lists show in a secret's place.
inline constexpr std::string_view masked_secret = "********";

// Overwrites the bytes in a way that the compiler keeps.
void wipe(std::string& text);

}  // namespace ringfence
