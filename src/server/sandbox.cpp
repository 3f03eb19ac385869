#include "server/sandbox.h"

#include <fmt/format.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>

#include "crypto/warm_up.h"

namespace ringfence::server {

namespace {

struct FilterEnd {
    void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, FilterEnd>;

// Talking over what is open, memory, waiting, time, chance, and ending. rt_sigaction and sigaltstack are what a
// sanitizer and abort() use.
constexpr std::array computing_calls{
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(close),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(futex),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(sched_yield),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rseq),
};

// What SQLite and a key file ask for. A path cannot be looked at here; whose files these are is a matter of the user
// that the server runs as.
constexpr std::array storing_calls{
    SCMP_SYS(open),     SCMP_SYS(openat),     SCMP_SYS(pread64),    SCMP_SYS(pwrite64),   SCMP_SYS(lseek),
    SCMP_SYS(stat),     SCMP_SYS(fstat),      SCMP_SYS(lstat),      SCMP_SYS(newfstatat), SCMP_SYS(statx),
    SCMP_SYS(access),   SCMP_SYS(faccessat),  SCMP_SYS(faccessat2), SCMP_SYS(fcntl),      SCMP_SYS(flock),
    SCMP_SYS(fsync),    SCMP_SYS(fdatasync),  SCMP_SYS(ftruncate),  SCMP_SYS(fallocate),  SCMP_SYS(unlink),
    SCMP_SYS(unlinkat), SCMP_SYS(rename),     SCMP_SYS(renameat),   SCMP_SYS(renameat2),  SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),  SCMP_SYS(fchmod),     SCMP_SYS(fchown),     SCMP_SYS(umask),      SCMP_SYS(getcwd),
    SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getuid),     SCMP_SYS(geteuid),    SCMP_SYS(getdents64),
};

tl::unexpected<Fault> refused(std::string_view what, int error) {
    return fail(FaultCode::unavailable, fmt::format("shutting this process in: {}: {}", what, std::strerror(error)));
}

template <typename Calls>
int allow(const Filter& filter, const Calls& calls) {
    for (const int call : calls) {
        if (const int error = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0); error != 0) return error;
    }
    return 0;
}

// Memory that is no program, and signals to itself, which abort() sends.
int allow_with_limits(const Filter& filter) {
    for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
        const int error =
            seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        if (error != 0) return error;
    }
    const auto own = static_cast<scmp_datum_t>(::getpid());
    return seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, own));
}

Status load_filter(Confinement confinement) {
    const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
    if (!filter) return refused("making the filter", ENOMEM);
    // Threads that run already are held too, or nobody is.
    int error = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
    if (error == 0) error = allow(filter, computing_calls);
    if (error == 0) error = allow_with_limits(filter);
    if (error == 0 && confinement == Confinement::storing) error = allow(filter, storing_calls);
    if (error == 0) error = seccomp_load(filter.get());
    if (error != 0) return refused("setting the filter", -error);
    return {};
}

}  // namespace

Status enter_sandbox(Confinement confinement) {
    if (auto warm = crypto::warm_up(); !warm) return warm;
    ::tzset();
    const rlimit no_core{0, 0};
    if (::setrlimit(RLIMIT_CORE, &no_core) != 0) return refused("forbidding core files", errno);
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return refused("forbidding others to look in", errno);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return refused("giving up new privileges", errno);
    return load_filter(confinement);
}

}  // namespace ringfence::server
