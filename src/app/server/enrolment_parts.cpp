#include "app/server/enrolment_parts.h"

#include <algorithm>

#include "app/server/login_service.h"
#include "authority/cmp_responder.h"
#include "authority/desk_wire.h"
#include "authority/est_responder.h"
#include "authority/local_desk.h"
#include "authority/local_signer.h"
#include "authority/ocsp_responder.h"
#include "authority/scep_responder.h"
#include "authority/signer_wire.h"
#include "base/log.h"
#include "crypto/version.h"

namespace ringfence::app {

namespace {

using authority::Authority;
using authority::Issuer;
using authority::KeySet;
using registry::EnrolmentProfile;

constexpr std::size_t decoy_key_size = 32;
// While another process writes. Well below what a worker has for a query (EnrolmentService::longest_work) and for a
// signature in it (SignerProcess::patience): a busy registry is an answer, and ends neither registrar nor signer.
constexpr Duration registry_wait = std::chrono::seconds(3);

authority::ScepParts scep_parts(const Authority& authority, EnrolmentProfile profile) {
    if (profile == EnrolmentProfile::legacy)
        return {authority.registration(profile), authority.issuing(Issuer::legacy), authority.root(),
                authority.issuing_ever(Issuer::legacy), profile};
    return {authority.registration(profile), authority.issuing(Issuer::rsa), authority.root(),
            authority.issuing_ever(Issuer::rsa), profile};
}

authority::CmpParts cmp_parts(const Authority& authority) {
    return {{authority.registration(EnrolmentProfile::modern), {authority.issuing(Issuer::rsa), authority.root()}},
            authority.device_issuers(crypto::TlsLane::modern),
            authority.root()};
}

std::vector<authority::OcspSpeaker> ocsp_speakers(const Authority& authority) {
    std::vector<authority::OcspSpeaker> out;
    for (const Issuer issuer : {Issuer::rsa, Issuer::p256, Issuer::legacy})
        out.push_back({authority.issuing(issuer), authority.ocsp_signer(issuer)});
    return out;
}

// All services of one registrar.
class Services final : public authority::Responder {
public:
    Services(Context& context, std::unique_ptr<Authority> authority, server::Asking desk)
        : authority_(std::move(authority)),
          desk_(std::move(desk)),
          scep_(scep_parts(*authority_, EnrolmentProfile::modern), desk_, context.random()),
          scep_legacy_(scep_parts(*authority_, EnrolmentProfile::legacy), desk_, context.random()),
          est_(desk_, {authority_->root(), authority_->issuing(Issuer::p256), authority_->issuing(Issuer::rsa)}),
          cmp_(cmp_parts(*authority_), desk_, context.clock()),
          ocsp_(ocsp_speakers(*authority_), desk_, context.clock()) {}

    authority::Reply answer(const authority::Query& query) override {
        switch (query.service) {
            case authority::Service::scep:
                return query.profile == EnrolmentProfile::legacy ? scep_legacy_.answer(query) : scep_.answer(query);
            case authority::Service::est: return est_.answer(query);
            case authority::Service::cmp: return cmp_.answer(query);
            case authority::Service::ocsp: return ocsp_.answer(query);
            case authority::Service::login: break;
        }
        authority::Reply absent;
        absent.status = 404;
        return absent;
    }

private:
    std::unique_ptr<Authority> authority_;
    authority::RemoteDesk desk_;
    authority::ScepResponder scep_;
    authority::ScepResponder scep_legacy_;
    authority::EstResponder est_;
    authority::CmpResponder cmp_;
    authority::OcspResponder ocsp_;
};

// What every desk of the server shares.
struct Commons {
    Commons(Context& context, std::unique_ptr<Authority> opened, registry::EventSink& events)
        : authority(std::move(opened)),
          shared{*authority, events, wrong_tries, context.clock(), Secret(context.random().bytes(decoy_key_size))} {}

    std::unique_ptr<Authority> authority;
    authority::WrongTries wrong_tries;
    authority::DeskCommons shared;
};

// One thread's desk, with its own look into the registry.
class Desk {
public:
    Desk(std::shared_ptr<const Commons> commons, std::unique_ptr<registry::Registry> registry, server::Asking signer)
        : commons_(std::move(commons)),
          registry_(std::move(registry)),
          signer_(std::move(signer)),
          desk_(commons_->shared, *registry_, signer_) {}

    std::string answer(std::string_view question) { return authority::answer_desk_frame(desk_, question); }

private:
    std::shared_ptr<const Commons> commons_;
    std::unique_ptr<registry::Registry> registry_;
    authority::RemoteSigner signer_;
    authority::LocalDesk desk_;
};

// The signer's keys, and its own look into the registry.
class Signer {
public:
    Signer(Context& context, std::unique_ptr<Authority> authority, std::unique_ptr<registry::Registry> registry,
           authority::ServiceUrls urls)
        : authority_(std::move(authority)),
          registry_(std::move(registry)),
          signer_(*authority_, *registry_, context.random(), context.clock(), std::move(urls)) {}

    std::string answer(std::string_view question) { return authority::answer_signing_frame(signer_, question); }

private:
    std::unique_ptr<Authority> authority_;
    std::unique_ptr<registry::Registry> registry_;
    authority::LocalSigner signer_;
};

Result<std::unique_ptr<registry::Registry>> open_registry(Context& context) {
    auto registry = registry::Registry::open(context.directory(), context.clock(), context.disk());
    if (registry) (*registry)->set_wait(registry_wait);
    return registry;
}

Result<std::shared_ptr<LoginService>> make_login_service(Context& context, registry::EventSink& events) {
    const auto settings = context.settings();
    if (!settings) return fail(settings.error());
    return std::make_shared<LoginService>(LoginService::Parts{[&context] { return open_registry(context); }, events,
                                                              context.clock(), (*settings)->installation.realm});
}

}  // namespace

authority::ServiceUrls service_urls(const server::ServerSettings& settings) {
    const bool is_on_http =
        std::any_of(settings.listeners.begin(), settings.listeners.end(), [](const server::ListenerSettings& door) {
            return door.wire == trust::Wire::http && door.endpoint.port == server::standard_port(trust::Wire::http);
        });
    return {is_on_http ? "http://" + settings.installation.host : std::string()};
}

Result<std::unique_ptr<authority::Responder>> make_responder(Context& context, server::Asking desk) {
    auto opened = context.open_authority(KeySet::registrar);
    if (!opened) return fail(std::move(opened).error());
    return std::make_unique<Services>(context, std::move(*opened), std::move(desk));
}

Result<server::Answering> make_signer(Context& context) {
    const auto settings = context.settings();
    if (!settings) return fail(settings.error());
    auto opened = context.open_authority(KeySet::signer);
    if (!opened) return fail(std::move(opened).error());
    auto registry = open_registry(context);
    if (!registry) return fail(std::move(registry).error());
    const auto signer =
        std::make_shared<Signer>(context, std::move(*opened), std::move(*registry), service_urls(**settings));
    return [signer](std::string_view question) { return signer->answer(question); };
}

Result<std::optional<server::EnrolmentParts>> make_enrolment(Context& context, server::SignerProcess& signer,
                                                             protocol::NonceTable& nonces) {
    if (const auto warning = crypto::library_warning()) {
        log::warning("nobody can enrol here: " + *warning);
        return std::optional<server::EnrolmentParts>();
    }
    auto opened = context.open_authority(KeySet::none);
    if (!opened) return fail(std::move(opened).error());
    const auto events = context.event_log();
    if (!events) return fail(events.error());
    const auto commons = std::make_shared<const Commons>(context, std::move(*opened), **events);
    signer.prepare();
    const auto make_desk = [&context, &signer, commons]() -> Result<server::Answering> {
        auto registry = open_registry(context);
        if (!registry) return fail(std::move(registry).error());
        const auto desk = std::make_shared<Desk>(commons, std::move(*registry),
                                                 [&signer](std::string_view question) { return signer.ask(question); });
        return [desk](std::string_view question) { return desk->answer(question); };
    };
    auto logins = make_login_service(context, **events);
    if (!logins) return fail(std::move(logins).error());
    return server::EnrolmentParts{.clock = context.clock(),
                                  .nonces = nonces,
                                  .registrar = {"a registrar", {"registrar", "--data", context.directory()}},
                                  .make_desk = make_desk,
                                  .answer_login = [service = std::move(*logins)](const authority::Query& query) {
                                      return service->answer(query);
                                  }};
}

server::ChildPlan plan_signer(const Context& context) {
    return {"the signer", {"signer", "--data", context.directory()}};
}

}  // namespace ringfence::app
