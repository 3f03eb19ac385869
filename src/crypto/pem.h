// For this room's source files only: the blocks of a PEM file (RFC 7468), without a look at what they hold.
#pragma once

#include <openssl/bio.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace ringfence::crypto {

struct PemBlock {
    std::string label;  // "CERTIFICATE"; empty: the file holds no further block
    std::string der;
};

// The next block; text before it is passed over. Faults: malformed.
Result<PemBlock> read_block(BIO* bio);

// The file's only block, with nothing but white space around it. Faults: malformed.
Result<PemBlock> read_only_block(std::string_view pem);

bool is_certificate_label(std::string_view label);
bool is_revocation_list_label(std::string_view label);

// Of a block that stands in a file of certificates and CRLs and is neither; wipes it, since it may be a private key.
Fault refuse_block(PemBlock& block);

}  // namespace ringfence::crypto
