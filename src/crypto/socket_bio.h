// For this room's source files only: OpenSSL's socket BIO, except that a peer that is gone raises no SIGPIPE.
#pragma once

#include "crypto/openssl.h"

namespace ringfence::crypto {

// Does not own `fd`.
BioOwner make_socket_bio(int fd);

}  // namespace ringfence::crypto
