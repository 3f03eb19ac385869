#include "net/descriptor.h"

#include <unistd.h>

namespace ringfence::net {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    if (this == &other) return *this;
    if (valid()) ::close(number_);
    number_ = other.release();
    return *this;
}

Descriptor::~Descriptor() {
    if (valid()) ::close(number_);
}

}  // namespace ringfence::net
