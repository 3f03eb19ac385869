#include "app/server/enrolment_parts.h"

#include "base/log.h"
#include "crypto/version.h"

namespace ringfence::app {

namespace {

// Answers as an absent path does.
class NoService final : public authority::Responder {
public:
    authority::Reply answer(const authority::Query&) override {
        return {.status = 404, .content_type = "text/plain", .body = "There is no such file.\n"};
    }
};

}  // namespace

Result<std::unique_ptr<authority::Responder>> make_responder(Context& context, server::Asking desk) {
    auto opened = authority::Authority::open(context.directory(), context.disk(), context.random(), context.clock(),
                                             authority::KeySet::registrar);
    if (!opened) return fail(std::move(opened).error());
    static_cast<void>(desk);
    return std::make_unique<NoService>();
}

Result<server::Answering> make_desk(Context&, server::Asking signer) {
    return [signer = std::move(signer)](std::string_view question) { return signer(question).value_or(std::string()); };
}

Result<server::Answering> make_signer(Context& context) {
    auto opened = authority::Authority::open(context.directory(), context.disk(), context.random(), context.clock(),
                                             authority::KeySet::signer);
    if (!opened) return fail(std::move(opened).error());
    return
        [keys = std::shared_ptr<authority::Authority>(std::move(*opened))](std::string_view) { return std::string(); };
}

std::optional<server::EnrolmentParts> make_enrolment(Context& context, server::SignerProcess& signer) {
    if (const auto warning = crypto::library_warning()) {
        log::warning("nobody can enrol here: " + *warning);
        return std::nullopt;
    }
    signer.prepare();
    return server::EnrolmentParts{
        .clock = context.clock(),
        .registrar = {"a registrar", {"registrar", "--data", context.directory()}},
        .make_desk = [&context, &signer] {
            return make_desk(context, [&signer](std::string_view question) { return signer.ask(question); });
        }};
}

server::ChildPlan plan_signer(const Context& context) {
    return {"the signer", {"signer", "--data", context.directory()}};
}

}  // namespace ringfence::app
