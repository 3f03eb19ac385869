// Which request paths are the authority's services, and what a request to one says. Pure.
//
//   /scep, /scep/...                                   GET, POST   http, https; on https-legacy for old phones
//   /scep-legacy, /scep-legacy/...                     GET, POST   http, while the settings open it
//   /.well-known/est/[label/]cacerts, csrattrs         GET         https
//   /.well-known/est/[label/]simpleenroll, simplereenroll  POST    https
//   /.well-known/cmp, /cmp                             POST        http, https
//   /.well-known/ringfence/login                       POST        https
//   /ocsp POST, /ocsp/<base64> GET                                 http, https
//   /crl/<name>.crl                                    GET, HEAD   http, https, https-legacy
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "authority/responder.h"
#include "base/clock.h"
#include "protocol/http_request.h"
#include "server/settings.h"
#include "trust/access.h"

namespace ringfence::server {

struct EnrolmentRoute {
    authority::Service service = authority::Service::scep;
    registry::EnrolmentProfile profile = registry::EnrolmentProfile::modern;
    std::string operation{};     // EST's, from the path
    std::string message{};       // OCSP's GET, decoded from the path
    std::string_view methods{};  // "GET, POST": what Allow says

    bool takes(std::string_view method) const;
};

// Where a request came in.
struct EnrolmentEntrance {
    trust::Wire wire = trust::Wire::http;
    WallTime now{};
};

// The service that this path is, if it is one that is open there.
std::optional<EnrolmentRoute> find_enrolment_route(const EnrolmentSettings& settings, const EnrolmentEntrance& entrance,
                                                   const protocol::HttpRequest& request);

// What is asked, but for who asks. Takes the body.
authority::Query make_query(EnrolmentRoute route, protocol::HttpRequest& request);

// The name in "crl/<name>.crl"; empty: the path is no such.
std::string_view find_list_name(const protocol::HttpRequest& request);

}  // namespace ringfence::server
