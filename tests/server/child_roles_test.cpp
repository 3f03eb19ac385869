#include "tests/server/child_roles.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "server/registrar_process.h"
#include "server/signer_process.h"

extern char** environ;

namespace ringfence::server {
namespace {

using authority::Query;
using authority::Reply;

// Does as the query's message says.
class ObedientResponder final : public authority::Responder {
public:
    explicit ObedientResponder(Asking desk) : desk_(std::move(desk)) {}

    Reply answer(const Query& query) override {
        const std::string& message = query.message;
        if (message == "crash") std::abort();
        if (message == "hang") ::sleep(60);
        if (message == "open") return text(::open("/etc/passwd", O_RDONLY) < 0 ? std::strerror(errno) : "opened");
        if (message == "login") return {401, "text/plain", "who are you", true};
        if (message == "wait") return {202, "text/plain", "later", false, std::chrono::seconds(7)};
        if (message == "split") return {200, "text/plain\r\nX: y", "split"};
        if (message.starts_with("ask ")) return text(desk_(message.substr(4)).value_or("nobody"));
        return text(
            fmt::format("service {} profile {} post {} secure {} operation '{}' message '{}' user '{}' "
                        "password '{}' certificate '{}' source {}",
                        static_cast<int>(query.service), registry::to_string(query.profile), query.is_post,
                        query.is_secure, query.operation, message, query.user, query.password.reveal(),
                        query.certificate_fingerprint, query.source));
    }

private:
    static Reply text(std::string body) { return {200, "text/plain", std::move(body)}; }
    Asking desk_;
};

template <typename Answer>
[[noreturn]] void answer_all(Answer answer) {
    auto channel = join_parent();
    if (!channel || !say_ready(*channel)) std::_Exit(1);
    while (const auto question = channel->receive(std::nullopt)) {
        if (!channel->send(answer(*question), std::nullopt)) break;
    }
    std::_Exit(0);
}

TEST(ChildRole, DISABLED_echo) {
    answer_all([](const std::string&) { return std::to_string(::getpid()); });
}

TEST(ChildRole, DISABLED_environment) {
    answer_all([](const std::string& question) {
        std::string out;
        if (question == "variables") {
            for (char** each = environ; *each != nullptr; ++each) out += std::string(*each) + "\n";
            return out;
        }
        for (int number = 0; number < 256; ++number) {
            if (::fcntl(number, F_GETFD) >= 0) out += std::to_string(number) + " ";
        }
        return out;
    });
}

TEST(ChildRole, DISABLED_never_ready) { std::_Exit(3); }

TEST(ChildRole, DISABLED_registrar) {
    auto channel = join_parent();
    if (!channel) std::_Exit(1);
    const auto ended = run_registrar(*channel, [](Asking desk) -> Result<std::unique_ptr<authority::Responder>> {
        return std::make_unique<ObedientResponder>(std::move(desk));
    });
    std::_Exit(ended ? 0 : 1);
}

TEST(ChildRole, DISABLED_signer) {
    auto channel = join_parent();
    if (!channel) std::_Exit(1);
    const auto ended = run_signer(*channel, []() -> Result<Answering> {
        return [](std::string_view question) {
            if (question == "long") return std::string(net::MessageChannel::max_message + 1, 'x');
            return std::to_string(::getpid());
        };
    });
    std::_Exit(ended ? 0 : 1);
}

}  // namespace
}  // namespace ringfence::server
