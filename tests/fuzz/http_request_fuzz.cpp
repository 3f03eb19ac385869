// Requests are the same whether their bytes come at once or one by one, and no body is longer than its limit.
#include <cstdint>
#include <string>

#include "protocol/http_request.h"
#include "protocol/http_response.h"

using namespace ringfence;
using namespace ringfence::protocol;

namespace {
// True while there may be more.
bool take(HttpRequestReader& reader, std::string& seen) {
    const auto request = reader.next();
    if (!request) seen += "fault " + std::string(to_string(request.error().code));
    if (!request || !*request) return false;
    const HttpRequest& found = **request;
    const auto part = choose_part(found, {1000, "\"e\"", WallTime{}});
    RINGFENCE_ASSERT(part.first + part.length <= 1000);
    RINGFENCE_ASSERT(found.body.size() <= max_http_body);
    RINGFENCE_ASSERT(found.body.empty() || found.body_state == HttpBody::read);
    seen += found.method + ' ' + found.target_path + ' ' + found.query + ' ' + found.user_agent + ' ' + found.range;
    seen += ' ' + std::to_string(static_cast<int>(found.body_state)) + found.body + '\n';
    return true;
}

bool wants_body(const HttpRequest& head) { return head.method == "POST"; }
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    std::string at_once;
    HttpRequestReader whole(wants_body);
    whole.add(bytes);
    while (take(whole, at_once)) {
    }
    std::string one_by_one;
    HttpRequestReader reader(wants_body);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        reader.add(bytes.substr(i, 1));
        while (take(reader, one_by_one)) {
        }
    }
    RINGFENCE_ASSERT(at_once == one_by_one);
    return 0;
}
