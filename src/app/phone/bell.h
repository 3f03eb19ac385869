// A pipe by which any thread wakes one that polls.
#pragma once

#include <utility>

#include "base/result.h"
#include "net/descriptor.h"

namespace ringfence::app {

class Bell {
public:
    // unavailable when there are too many descriptors.
    static Result<Bell> make();

    int hearer() const { return hearer_.get(); }  // readable once it rang
    int ringer() const { return ringer_.get(); }
    void ring() const { ring(ringer()); }
    // Safe in a signal handler; a pipe that is full rang already.
    static void ring(int ringer);
    // As if it had not rung.
    void quiet() const { quiet(hearer()); }
    static void quiet(int hearer);

private:
    Bell(net::Descriptor hearer, net::Descriptor ringer) : hearer_(std::move(hearer)), ringer_(std::move(ringer)) {}
    net::Descriptor hearer_;
    net::Descriptor ringer_;
};

}  // namespace ringfence::app
