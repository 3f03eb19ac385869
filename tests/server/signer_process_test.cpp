#include "server/signer_process.h"

#include <gtest/gtest.h>

#include "authority/signer_wire.h"
#include "tests/server/child_roles.h"

namespace ringfence::server {
namespace {

TEST(SignerProcess, AnAnswerThatIsTooLongIsToldAndEndsNothing) {
    const SystemClock clock;
    SignerProcess signer(test::play("signer"), clock);
    const auto before = signer.ask("who are you");
    ASSERT_TRUE(before.has_value()) << before.error().message;
    authority::RemoteSigner remote([&](std::string_view) { return signer.ask("long"); });
    const auto done = remote.sign_revocation_list(authority::Issuer::p256);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, FaultCode::too_large);
    EXPECT_EQ(signer.ask("who are you").value(), *before) << "the same process";
}

}  // namespace
}  // namespace ringfence::server
