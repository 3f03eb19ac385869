// The root file as sets fetch it: trust/root.pem in section [USER_KEYS] holds what the authority's root.pem holds.
#pragma once

#include "app/server/context.h"
#include "authority/rollover.h"

namespace ringfence::app {

// Puts it where it is not what the authority has now, and notes the authority's certificates: what a command that was
// cut short left undone. True: something was done.
Result<bool> settle_root_file(Context& context);

// Over what is there.
Status put_root_file(registry::Registry& registry, const authority::RootFile& file);

// What waits for the root's signature: a line for each CA, to be compared with what `root sign` shows.
struct AskedFor {
    json::array requests;
    std::string text;
};
Result<AskedFor> read_requests(Context& context, const std::string& path);

// As `file sign --kind root` does, by the present file signer.
Result<std::string> sign_root_file(Context& context, const std::string& content);

// Announces the CAs that were just prepared or installed, to all sets.
Status announce(Context& context, authority::Rollover& rollover);

}  // namespace ringfence::app
