// The registrar: the process in which strangers' messages are parsed and answered (RFC 8894, 7030, 9483, 6960). It
// holds the registration and OCSP keys and nothing else, and cannot open anything (sandbox.h). What it needs to know or
// have decided, it asks back for, one question at a time, while it works on an answer.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "authority/responder.h"
#include "base/result.h"
#include "server/child_process.h"

namespace ringfence::server {

// A question in bytes and its answer, whatever stands in it.
using Answering = std::function<std::string(std::string_view question)>;
// The same towards another process, which may be gone. Faults: unavailable, too_large.
using Asking = std::function<Result<std::string>(std::string_view question)>;

// The server's side. One thread at a time, but for shut_down(); see ChildKeeper for which threads.
class RegistrarProcess {
public:
    // `desk` answers what the registrar asks back. `clock` outlives this.
    RegistrarProcess(ChildPlan plan, Answering desk, const Clock& clock);

    // Starts it if it does not run, so that nobody has to wait for that later.
    void prepare() { static_cast<void>(keeper_.channel()); }
    // A registrar that dies over a query, or answers neither in form nor in time, is ended. Faults: unavailable,
    // malformed.
    Result<authority::Reply> answer(const authority::Query& query, Duration within);
    void shut_down() { keeper_.shut_down(); }  // any thread

private:
    Result<authority::Reply> converse(net::MessageChannel& channel, const authority::Query& query, Duration within);

    ChildKeeper keeper_;
    Answering desk_;
    const Clock& clock_;
};

// The registrar's own side.
using MakeResponder = std::function<Result<std::unique_ptr<authority::Responder>>(Asking desk)>;
// Makes the responder, shuts itself in and answers until the server is gone.
Status run_registrar(net::MessageChannel& channel, const MakeResponder& make_responder);

}  // namespace ringfence::server
