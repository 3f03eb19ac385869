// Chance is passed in: the system's for real work, a seeded one in tests and simulations.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ringfence {

class Random {
public:
    virtual ~Random() = default;
    virtual std::string bytes(std::size_t count) = 0;

    // Uniform in [0, bound), bound > 0.
    std::uint64_t below(std::uint64_t bound);
    // `length` characters, each drawn uniformly from `alphabet`.
    std::string text(std::size_t length, std::string_view alphabet);
};

// getrandom(2); thread-safe. An assertion ends the program if the kernel gives nothing.
class SystemRandom final : public Random {
public:
    std::string bytes(std::size_t count) override;
};

// Repeatable and NOT secret: for tests and simulations only. Not thread-safe.
class SeededRandom final : public Random {
public:
    explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
    std::string bytes(std::size_t count) override;

private:
    std::uint64_t state_;
};

}  // namespace ringfence
