#include "base/secret.h"

#include <string.h>  // explicit_bzero

#include <utility>

#include "base/text.h"

namespace ringfence {

void wipe(std::string& text) {
    explicit_bzero(text.data(), text.size());
    text.clear();
}

// A moved-from std::string may keep its short-string bytes, so the source is wiped too.
Secret::Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { wipe(other.value_); }

Secret& Secret::operator=(const Secret& other) {
    if (this == &other) return *this;
    wipe(value_);
    value_ = other.value_;
    return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
    if (this == &other) return *this;
    wipe(value_);
    value_ = std::move(other.value_);
    wipe(other.value_);
    return *this;
}

Secret::~Secret() { wipe(value_); }

bool operator==(const Secret& a, const Secret& b) { return equal_in_constant_time(a.value_, b.value_); }

}  // namespace ringfence
