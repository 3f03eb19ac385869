#include "server/signer_process.h"

#include "server/sandbox.h"

namespace ringfence::server {

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
        if (auto sent = channel.send((*answer)(*question), std::nullopt); !sent) return {};
    }
}

}  // namespace ringfence::server
