// How strong keys and signatures must be.
#pragma once

namespace ringfence::crypto {

enum class Strength {
    modern,  // RSA-2048, P-256, SHA-256 or better throughout
    legacy,  // the floor of the legacy lane: RSA-1024; SHA-1 only below a pinned legacy anchor; never MD5
};

}  // namespace ringfence::crypto
