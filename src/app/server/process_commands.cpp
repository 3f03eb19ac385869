// The two processes that `ringfence serve` starts beside itself.
#include <cstdlib>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "app/server/enrolment_parts.h"
#include "server/child_process.h"
#include "server/registrar_process.h"
#include "server/signer_process.h"

namespace ringfence::app {

namespace {

// Nothing is left to tidy up, and whatever runs at a program's end may ask for what the sandbox refuses.
[[noreturn]] void end_now() { std::_Exit(static_cast<int>(ExitCode::done)); }

Done run_as_signer(const Arguments&, Context& context) {
    auto channel = server::join_parent();
    if (!channel) return fail(std::move(channel).error());
    const auto ended = server::run_signer(*channel, [&context] { return make_signer(context); });
    if (!ended) return fail(ended.error());
    end_now();
}

Done run_as_registrar(const Arguments&, Context& context) {
    auto channel = server::join_parent();
    if (!channel) return fail(std::move(channel).error());
    const auto ended = server::run_registrar(
        *channel, [&context](server::Asking desk) { return make_responder(context, std::move(desk)); });
    if (!ended) return fail(ended.error());
    end_now();
}

}  // namespace

std::vector<Command> process_commands() {
    return {{.words = {"signer"},
             .purpose = "The process that holds the issuing keys; 'serve' starts it.",
             .is_hidden = true,
             .run = run_as_signer},
            {.words = {"registrar"},
             .purpose = "The process that reads requests for certificates; 'serve' starts it.",
             .is_hidden = true,
             .run = run_as_registrar}};
}

}  // namespace ringfence::app
