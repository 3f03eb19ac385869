#include "app/phone/login_delivery.h"

#include <memory>
#include <utility>
#include <vector>

#include "app/phone/time_inquiry.h"
#include "phone/behaviour.h"
#include "phone/parameters.h"
#include "phone/trust_store.h"
#include "protocol/device_login.h"

namespace ringfence::app {

namespace {

std::string list_anchors(const phone::TrustStore& trust) {
    std::vector<std::string> anchors;
    for (const auto& anchor : trust.customer_anchors())
        if (anchors.size() < protocol::max_held_anchors) anchors.push_back(anchor.fingerprint_sha256());
    return protocol::format_held_anchors(anchors);
}

Result<phone::FetchOrder> order_login(const LoginServer& server, phone::Flash& flash) {
    auto identity = flash.read_identity(server.profile);
    if (!identity) return fail(std::move(identity.error()));
    const auto trust = phone::TrustStore::load(flash, {});
    if (!trust) return fail(trust.error());
    phone::FetchOrder order;
    order.protocol = Protocol::https;
    order.host = server.host;
    order.port = server.port;
    order.path = protocol::device_login_path;
    order.identity = std::make_shared<const crypto::ClientIdentity>(std::move(*identity));
    order.time = time_for_one_try(flash.state(), nullptr);
    order.trust = trust->server_trust(order.time, phone::Behaviour());
    order.size_limit = protocol::max_device_login;
    order.upload = phone::Upload{std::string(protocol::device_login_type), list_anchors(*trust)};
    return order;
}

Status store_login(const protocol::DeviceLogin& login, phone::Flash& flash) {
    auto memory = flash.state().parameters;
    memory.manual.insert_or_assign(phone::Parameter::device_id, Secret(login.user));
    memory.manual.insert_or_assign(phone::Parameter::device_password, login.password);
    return flash.remember(memory);
}

}  // namespace

Result<std::string> fetch_login(const LoginServer& server, const phone::CurlFetcher& fetcher, phone::Flash& flash) {
    const auto order = order_login(server, flash);
    if (!order) return fail(order.error());
    auto outcome = fetcher.fetch(*order);
    if (!outcome.body) return fail(std::move(outcome.body.error()));
    const auto login = protocol::parse_device_login(*outcome.body);
    wipe(*outcome.body);
    if (!login) return fail(login.error());
    if (auto stored = store_login(*login, flash); !stored) return fail(std::move(stored.error()));
    return login->user;
}

}  // namespace ringfence::app
