#include "server/registrar_process.h"

#include "authority/query_wire.h"
#include "server/sandbox.h"

namespace ringfence::server {

namespace {

// The first byte of every frame.
enum class FrameKind : char {
    query = 'q',     // server to registrar: answer this
    question = '?',  // registrar to server, before it answers
    answer = '!',    // server to registrar
    reply = 'r',     // registrar to server: done
};

std::string make_frame(FrameKind kind, std::string_view content) {
    return static_cast<char>(kind) + std::string(content);
}

bool is_kind(std::string_view frame, FrameKind kind) {
    return !frame.empty() && frame.front() == static_cast<char>(kind);
}

tl::unexpected<Fault> out_of_turn() {
    return fail(FaultCode::malformed, "the registrar and the server have lost each other's place");
}

Result<std::string> ask_server(net::MessageChannel& channel, std::string_view question) {
    if (auto sent = channel.send(make_frame(FrameKind::question, question), std::nullopt); !sent) {
        return fail(std::move(sent).error());
    }
    auto frame = channel.receive(std::nullopt);
    if (!frame) return frame;
    if (!is_kind(*frame, FrameKind::answer)) return out_of_turn();
    return frame->substr(1);
}

}  // namespace

RegistrarProcess::RegistrarProcess(ChildPlan plan, Answering desk, const Clock& clock)
    : keeper_(std::move(plan), clock), desk_(std::move(desk)), clock_(clock) {}

Result<authority::Reply> RegistrarProcess::answer(const authority::Query& query, Duration within) {
    const auto channel = keeper_.channel();
    if (!channel) return fail(channel.error());
    auto reply = converse(**channel, query, within);
    if (!reply) keeper_.discard();
    return reply;
}

Result<authority::Reply> RegistrarProcess::converse(net::MessageChannel& channel, const authority::Query& query,
                                                    Duration within) {
    const SteadyTime end = clock_.steady_now() + within;
    std::string content = format_query(query);
    std::string next = make_frame(FrameKind::query, content);
    wipe(content);
    for (;;) {
        if (auto sent = channel.send(next, end - clock_.steady_now()); !sent) return fail(std::move(sent).error());
        wipe(next);
        auto frame = channel.receive(end - clock_.steady_now());
        if (!frame) return fail(std::move(frame).error());
        if (is_kind(*frame, FrameKind::reply)) return authority::parse_reply(std::string_view(*frame).substr(1));
        if (!is_kind(*frame, FrameKind::question)) return out_of_turn();
        next = make_frame(FrameKind::answer, desk_(std::string_view(*frame).substr(1)));
    }
}

Status run_registrar(net::MessageChannel& channel, const MakeResponder& make_responder) {
    auto responder = make_responder([&channel](std::string_view question) { return ask_server(channel, question); });
    if (!responder) return fail(std::move(responder).error());
    if (auto shut_in = enter_sandbox(Confinement::computing); !shut_in) return shut_in;
    if (auto said = say_ready(channel); !said) return said;
    for (;;) {
        auto frame = channel.receive(std::nullopt);
        if (!frame) return {};  // the server has ended
        if (!is_kind(*frame, FrameKind::query)) return out_of_turn();
        const auto query = authority::parse_query(std::string_view(*frame).substr(1));
        wipe(*frame);
        if (!query) return fail(query.error());
        const authority::Reply reply = (*responder)->answer(*query);
        if (auto sent = channel.send(make_frame(FrameKind::reply, format_reply(reply)), std::nullopt); !sent) return {};
    }
}

}  // namespace ringfence::server
