#include "phone/fetch.h"

#include <fmt/format.h>

namespace ringfence::phone {

std::string FetchOrder::url() const {
    Url url;
    url.protocol = protocol;
    url.host = host;
    url.port = port;
    url.path = path;
    return url.without_login();
}

}  // namespace ringfence::phone
