// An owned file descriptor: closed when it dies.
#pragma once

#include <utility>

namespace ringfence::net {

class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept;
    ~Descriptor();

    int get() const { return number_; }
    bool valid() const { return number_ >= 0; }
    // The caller closes it from now on.
    int release() { return std::exchange(number_, -1); }

private:
    int number_ = -1;
};

}  // namespace ringfence::net
