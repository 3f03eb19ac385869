#include "server/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <iostream>

#include "base/log.h"
#include "crypto/certificate_builder.h"
#include "tests/server/house.h"

namespace ringfence::server {
namespace {

using test::must;

// How a child that does this ended, as waitpid() tells it.
int run_in_child(const std::function<bool()>& does) {
    const pid_t child = ::fork();
    if (child == 0) std::_Exit(does() ? 0 : 1);
    int status = -1;
    ::waitpid(child, &status, 0);
    return status;
}

struct Attempt {
    const char* what;
    std::function<long()> call;
};

// What neither process may do.
std::vector<Attempt> common_attempts() {
    return {
        {"socket", [] { return ::socket(AF_INET, SOCK_STREAM, 0); }},
        {"unix socket", [] { return ::socket(AF_UNIX, SOCK_STREAM, 0); }},
        {"execve", [] { return ::execl("/bin/true", "true", nullptr); }},
        {"fork", [] { return ::syscall(SYS_fork); }},
        {"kill", [] { return ::kill(::getppid(), 0); }},
        {"kill of itself by another door", [] { return ::syscall(SYS_tgkill, 1, 1, 0); }},
        {"ptrace", [] { return ::ptrace(PTRACE_ATTACH, 1, nullptr, nullptr); }},
        {"process_vm_readv", [] { return ::process_vm_readv(1, nullptr, 0, nullptr, 0, 0); }},
        {"mount", [] { return ::mount("none", "/mnt", "tmpfs", 0, nullptr); }},
        {"executable memory",
         [] {
             return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1
                                                                                                                   : 0;
         }},
        {"dumpable again", [] { return ::syscall(SYS_prctl, 4, 1, 0, 0, 0); }},
        {"seccomp", [] { return ::syscall(SYS_seccomp, 0, 0, nullptr); }},
    };
}

bool are_refused(const std::vector<Attempt>& attempts) {
    bool all = true;
    for (const Attempt& attempt : attempts) {
        errno = 0;
        if (attempt.call() == -1 && errno == EPERM) continue;
        std::cerr << attempt.what << " was not refused\n";
        all = false;
    }
    return all;
}

TEST(Sandbox, WhoParsesCanOpenNothing) {
    EXPECT_EQ(run_in_child([] {
                  if (!enter_sandbox(Confinement::computing)) return false;
                  auto attempts = common_attempts();
                  attempts.push_back({"open", [] { return ::open("/etc/passwd", O_RDONLY); }});
                  attempts.push_back({"creat", [] { return ::syscall(SYS_creat, "x", 0600); }});
                  attempts.push_back({"stat", [] { return ::access("/etc/passwd", F_OK); }});
                  attempts.push_back({"unlink", [] { return ::unlink("x"); }});
                  return are_refused(attempts);
              }),
              0);
}

TEST(Sandbox, WhoSignsCanOpenFilesAndNothingElse) {
    EXPECT_EQ(run_in_child([] {
                  if (!enter_sandbox(Confinement::storing)) return false;
                  return are_refused(common_attempts()) && ::open("/etc/passwd", O_RDONLY) >= 0;
              }),
              0);
}

TEST(Sandbox, CryptographyAndChanceWorkInside) {
    EXPECT_EQ(run_in_child([] {
                  if (!enter_sandbox(Confinement::computing)) return false;
                  SystemRandom random;
                  SystemClock clock;
                  const auto key = crypto::PrivateKey::generate(crypto::KeyType::rsa2048);
                  if (!key) return false;
                  crypto::CertificateRequest request;
                  request.role = crypto::CertificateRole::root;
                  request.common_name = "inside";
                  request.not_before = clock.wall_now();
                  request.not_after = request.not_before + std::chrono::hours(1);
                  const auto root = crypto::make_root(request, *key, random);
                  if (!root) return false;
                  request.role = crypto::CertificateRole::issuing;
                  request.not_after -= std::chrono::minutes(1);
                  std::string much(32 << 20, 'x');
                  log::warning("a sentence from inside the sandbox");
                  const auto one = crypto::sign_certificate(request, *key, {*root, *key}, random);
                  if (!one) std::cerr << one.error().message << "\n";
                  return one && much.back() == 'x';
              }),
              0);
}

TEST(Sandbox, TheRegistryIsReadAndWrittenInside) {
    const test::TemporaryFolder folder;
    const SystemClock clock;
    SystemDisk disk;
    SystemRandom random;
    must(registry::Registry::create(folder.path(), clock, disk, random));
    EXPECT_EQ(run_in_child([&] {
                  auto opened = registry::Registry::open(folder.path(), clock, disk);
                  if (!opened || !enter_sandbox(Confinement::storing)) return false;
                  registry::CertificateRecord record;
                  record.fingerprint = to_hex("inside");
                  record.serial = to_hex("one");
                  record.purpose = registry::CertificatePurpose::server;
                  const auto added = (*opened)->add_certificate(record);
                  if (!added) std::cerr << added.error().message << "\n";
                  const auto another = registry::Registry::open(folder.path(), clock, disk);
                  return added && another && (*another)->find_certificate(record.fingerprint)->has_value();
              }),
              0);
}

TEST(Sandbox, NobodyIsLeftOutsideIt) {
    EXPECT_EQ(run_in_child([] {
                  std::atomic<bool> is_running{false};
                  std::atomic<bool> is_in{false};
                  int error = 0;
                  std::thread early([&] {
                      is_running = true;
                      while (!is_in) std::this_thread::yield();
                      error = ::socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
                  });
                  while (!is_running) std::this_thread::yield();
                  const bool entered = enter_sandbox(Confinement::computing).has_value();
                  is_in = true;
                  early.join();
                  return entered && error == EPERM;
              }),
              0);
}

TEST(Sandbox, ACrashLeavesNoCoreAndEndsTheProcess) {
    const int status = run_in_child([] {
        rlimit much{RLIM_INFINITY, RLIM_INFINITY};
        ::setrlimit(RLIMIT_CORE, &much);
        if (!enter_sandbox(Confinement::computing)) return false;
        ::signal(SIGABRT, SIG_DFL);
        std::abort();
    });
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGABRT);
    EXPECT_FALSE(WCOREDUMP(status));
}

}  // namespace
}  // namespace ringfence::server
