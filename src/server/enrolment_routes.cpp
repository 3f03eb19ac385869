#include "server/enrolment_routes.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "protocol/device_login.h"

namespace ringfence::server {

using authority::Service;
using protocol::HttpRequest;
using registry::EnrolmentProfile;
using trust::Wire;

namespace {

constexpr std::string_view est_folder = ".well-known/est/";
constexpr std::string_view ocsp_folder = "ocsp/";
constexpr std::string_view list_folder = "crl/";
constexpr std::string_view list_ending = ".crl";

struct EstOperation {
    std::string_view name;
    std::string_view methods;
};
constexpr std::array<EstOperation, 4> est_operations{
    {{"cacerts", "GET"}, {"csrattrs", "GET"}, {"simpleenroll", "POST"}, {"simplereenroll", "POST"}}};

// "scep" and whatever follows a '/': clients are told such as "/scep/pkiclient.exe".
bool is_at_or_below(std::string_view path, std::string_view place) {
    return path.starts_with(place) && (path.size() == place.size() || path[place.size()] == '/');
}

std::optional<EnrolmentRoute> find_scep(const EnrolmentSettings& settings, const EnrolmentEntrance& entrance,
                                        std::string_view path) {
    if (!settings.scep) return std::nullopt;
    EnrolmentRoute route{.service = Service::scep, .methods = "GET, POST"};
    if (is_at_or_below(path, "scep")) {
        if (entrance.wire == Wire::https_legacy) route.profile = EnrolmentProfile::legacy;
        return route;
    }
    const bool is_open = settings.scep_legacy_closes && entrance.now < *settings.scep_legacy_closes;
    if (!is_at_or_below(path, "scep-legacy") || entrance.wire != Wire::http || !is_open) return std::nullopt;
    route.profile = EnrolmentProfile::legacy;
    return route;
}

std::optional<EnrolmentRoute> find_est(const EnrolmentSettings& settings, Wire wire, std::string_view path) {
    if (!settings.est || wire != Wire::https || !path.starts_with(est_folder)) return std::nullopt;
    path.remove_prefix(est_folder.size());
    const auto slash = path.find('/');
    if (slash == 0) return std::nullopt;
    if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
    const auto* known = std::find_if(est_operations.begin(), est_operations.end(),
                                     [&](const EstOperation& operation) { return operation.name == path; });
    if (known == est_operations.end()) return std::nullopt;
    return EnrolmentRoute{.service = Service::est, .operation = std::string(path), .methods = known->methods};
}

std::optional<EnrolmentRoute> find_cmp(const EnrolmentSettings& settings, std::string_view path) {
    if (!settings.cmp || (path != "cmp" && path != ".well-known/cmp")) return std::nullopt;
    return EnrolmentRoute{.service = Service::cmp, .methods = "POST"};
}

std::optional<EnrolmentRoute> find_login(const EnrolmentSettings& settings, Wire wire, std::string_view path) {
    if (!settings.login || wire != Wire::https || path != protocol::device_login_path) return std::nullopt;
    return EnrolmentRoute{.service = Service::login, .methods = "POST"};
}

// An encoded '/', which is malformed elsewhere, is part of base64 here (RFC 6960 appendix A.1).
std::optional<std::string> ocsp_message(const HttpRequest& request) {
    std::string_view path = request.target_path;
    if (!request.target_is_malformed) {
        if (!path.starts_with(ocsp_folder)) return std::nullopt;
        return std::string(path.substr(ocsp_folder.size()));
    }
    if (!path.starts_with('/') || !path.substr(1).starts_with(ocsp_folder)) return std::nullopt;
    auto decoded = percent_decode(path.substr(1 + ocsp_folder.size()));
    if (!decoded) return std::nullopt;
    return std::move(*decoded);
}

std::optional<EnrolmentRoute> find_ocsp(const EnrolmentSettings& settings, const HttpRequest& request) {
    if (!settings.ocsp) return std::nullopt;
    if (request.target_path == "ocsp") return EnrolmentRoute{.service = Service::ocsp, .methods = "POST"};
    auto message = ocsp_message(request);
    if (!message || message->empty()) return std::nullopt;
    return EnrolmentRoute{.service = Service::ocsp, .message = std::move(*message), .methods = "GET"};
}

// One value of the query, decoded. '+' stays what it is, since base64 has it and clients forget to encode it.
std::string value_of(std::string_view query, std::string_view name) {
    for (const std::string_view pair : split(query, '&')) {
        const auto equals = pair.find('=');
        if (pair.substr(0, equals) != name || equals == std::string_view::npos) continue;
        return percent_decode(pair.substr(equals + 1)).value_or(std::string());
    }
    return {};
}

}  // namespace

bool EnrolmentRoute::takes(std::string_view method) const {
    const auto known = split(methods, ',');
    return std::any_of(known.begin(), known.end(), [&](std::string_view each) { return trim(each) == method; });
}

std::optional<EnrolmentRoute> find_enrolment_route(const EnrolmentSettings& settings, const EnrolmentEntrance& entrance,
                                                   const HttpRequest& request) {
    const bool is_legacy = entrance.wire == Wire::https_legacy;
    if (!request.target_is_malformed) {
        const std::string_view path = request.target_path;
        if (auto route = find_scep(settings, entrance, path)) return route;
        if (is_legacy) return std::nullopt;
        if (auto route = find_est(settings, entrance.wire, path)) return route;
        if (auto route = find_cmp(settings, path)) return route;
        if (auto route = find_login(settings, entrance.wire, path)) return route;
    }
    return is_legacy ? std::nullopt : find_ocsp(settings, request);
}

authority::Query make_query(EnrolmentRoute route, HttpRequest& request) {
    authority::Query query;
    query.service = route.service;
    query.profile = route.profile;
    query.is_post = request.method == "POST";
    query.operation = std::move(route.operation);
    query.message = query.is_post ? std::move(request.body) : std::move(route.message);
    if (route.service == Service::scep) {
        query.operation = value_of(request.query, "operation");
        if (!query.is_post) query.message = value_of(request.query, "message");
    }
    query.user_agent = request.user_agent;
    return query;
}

std::string_view find_list_name(const HttpRequest& request) {
    std::string_view path = request.target_path;
    if (request.target_is_malformed || !path.starts_with(list_folder) || !path.ends_with(list_ending)) return {};
    if (path.size() <= list_folder.size() + list_ending.size()) return {};
    path.remove_prefix(list_folder.size());
    path.remove_suffix(list_ending.size());
    return path;
}

}  // namespace ringfence::server
