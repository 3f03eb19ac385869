// What this test program does when it is started again as a child of itself (child_roles_test.cpp).
#pragma once

#include <string>

#include "server/child_process.h"

namespace ringfence::server::test {

// `echo` answers with its own process number; `registrar` answers queries as their message tells it; `environment`
// answers with what it was given; `signer` answers with its process number, or at more length than a channel takes;
// `never_ready` ends at once.
inline ChildPlan play(const std::string& role) {
    return {"the " + role, {"--gtest_also_run_disabled_tests", "--gtest_filter=ChildRole.DISABLED_" + role}};
}

}  // namespace ringfence::server::test
