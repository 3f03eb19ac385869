#include "server/signer_process.h"

#include "authority/field_codec.h"
#include "server/sandbox.h"

namespace ringfence::server {

namespace {

// An answer that is too long leaves the channel as it was: who asked is told so.
Status send_answer(net::MessageChannel& channel, std::string_view answer) {
    auto sent = channel.send(answer, std::nullopt);
    if (sent || sent.error().code != FaultCode::too_large) return sent;
    return channel.send(authority::format_refusal(sent.error()), std::nullopt);
}

}  // namespace

void SignerProcess::prepare() {
    const std::lock_guard lock(mutex_);
    static_cast<void>(keeper_.channel());
}

Result<std::string> SignerProcess::ask(std::string_view question) {
    const std::lock_guard lock(mutex_);
    const auto channel = keeper_.channel();
    if (!channel) return fail(channel.error());
    auto answer = converse(**channel, question);
    if (!answer) keeper_.discard();
    return answer;
}

Result<std::string> SignerProcess::converse(net::MessageChannel& channel, std::string_view question) {
    if (auto sent = channel.send(question, patience); !sent) return fail(std::move(sent).error());
    return channel.receive(patience);
}

Status run_signer(net::MessageChannel& channel, const std::function<Result<Answering>()>& make_signer) {
    const auto answer = make_signer();
    if (!answer) return fail(answer.error());
    if (auto shut_in = enter_sandbox(Confinement::storing); !shut_in) return shut_in;
    if (auto said = say_ready(channel); !said) return said;
    for (;;) {
        const auto question = channel.receive(std::nullopt);
        if (!question) return {};  // the server has ended
        if (auto sent = send_answer(channel, (*answer)(*question)); !sent) return {};
    }
}

}  // namespace ringfence::server
