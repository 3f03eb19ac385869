#include "app/server/server_names.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ringfence::app {

bool is_named(const authority::ServerNames& names, const std::string& host) {
    const auto address = IpAddress::parse(host);
    if (address) return std::find(names.addresses.begin(), names.addresses.end(), *address) != names.addresses.end();
    return std::any_of(names.hosts.begin(), names.hosts.end(),
                       [&](const std::string& name) { return equals_ignoring_case(name, host); });
}

void add_name(authority::ServerNames& names, const std::string& host) {
    if (is_named(names, host)) return;
    const auto address = IpAddress::parse(host);
    if (address)
        names.addresses.push_back(*address);
    else
        names.hosts.push_back(host);
}

Status issue_server_certificates(Context& context, const authority::ServerNames& names) {
    const auto authority = context.authority();
    if (!authority) return fail(authority.error());
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    auto issued = (*authority)->issue_server(names, **registry);
    if (!issued) return issued;
    std::string all = fmt::format("{}", fmt::join(names.hosts, ", "));
    for (const auto& address : names.addresses) all += ", " + address.to_string();
    context.note({.outcome = "server-certificate-issued", .detail = "it names " + all});
    remark("new server certificates name " + all + "; a running server takes them at its next reload (SIGHUP)");
    return {};
}

}  // namespace ringfence::app
