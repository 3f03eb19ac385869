#include "authority/message_text.h"

#include "base/text.h"
#include "base/token_text.h"

namespace ringfence::authority {

Result<std::string> read_message(const Query& query) {
    if (query.is_post) return query.message;
    std::string text;
    for (const char c : query.message) {
        if (c == ' ')
            text += '+';
        else if (!is_ascii_space(c))
            text += c;
    }
    return from_base64(text);
}

Secret bound_token_text(Secret shown) { return shown.reveal().size() > max_token_text ? Secret() : std::move(shown); }

}  // namespace ringfence::authority
