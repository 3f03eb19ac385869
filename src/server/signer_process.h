// The signer: the process that holds the issuing keys. It answers one kind of question, what authority/signer_wire.h
// has, and can start no program and open no socket.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "server/child_process.h"
#include "server/registrar_process.h"

namespace ringfence::server {

// The server's side. Thread-safe: one question at a time, since a signature takes a millisecond. See ChildKeeper for
// which threads.
class SignerProcess {
public:
    SignerProcess(ChildPlan plan, const Clock& clock) : keeper_(std::move(plan), clock) {}

    // Starts it if it does not run, so that nobody has to wait for that later.
    void prepare();
    // Faults: unavailable, too_large.
    Result<std::string> ask(std::string_view question);
    void shut_down() { keeper_.shut_down(); }

    // Long for a signature and its record on a slow disk, short of what a client waits for.
    static constexpr Duration patience = std::chrono::seconds(5);

private:
    static Result<std::string> converse(net::MessageChannel& channel, std::string_view question);

    std::mutex mutex_;
    ChildKeeper keeper_;
};

// The signer's own side: opens what it needs, shuts itself in and answers until the server is gone.
Status run_signer(net::MessageChannel& channel, const std::function<Result<Answering>()>& make_signer);

}  // namespace ringfence::server
