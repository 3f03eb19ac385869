#include "server/sandbox.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>

#include "base/text.h"
#include "crypto/warm_up.h"

namespace ringfence::server {

namespace {

struct FilterEnd {
    void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, FilterEnd>;

// Talking over what is open, memory, waiting, time, chance, and ending. Some are abort()'s and a sanitizer's, which
// finds out by a pipe to itself whether memory can be read.
constexpr std::string_view computing_calls =
    "read write readv writev recvfrom recvmsg sendto sendmsg shutdown close poll ppoll futex brk munmap mremap madvise "
    "getrandom clock_gettime gettimeofday time nanosleep clock_nanosleep sched_yield rt_sigaction rt_sigprocmask "
    "rt_sigreturn sigaltstack restart_syscall getpid gettid set_robust_list rseq pipe pipe2 exit exit_group";

// What SQLite and a key file ask for. A path cannot be looked at here; whose files these are is a matter of the user
// that the server runs as.
constexpr std::string_view storing_calls =
    "open openat pread64 pwrite64 lseek stat fstat lstat newfstatat statx access faccessat faccessat2 fcntl flock "
    "fsync "
    "fdatasync ftruncate fallocate unlink unlinkat rename renameat renameat2 mkdir mkdirat fchmod fchown umask getcwd "
    "readlink readlinkat getuid geteuid getdents64";

tl::unexpected<Fault> refused(std::string_view what, int error) {
    return fail(FaultCode::unavailable, fmt::format("shutting this process in: {}: {}", what, std::strerror(error)));
}

int allow(const Filter& filter, std::string_view calls) {
    for (const std::string_view name : split(calls, ' ')) {
        const int call = seccomp_syscall_resolve_name(std::string(name).c_str());
        if (const int error = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0); error != 0) return error;
    }
    return 0;
}

int allow_if(const Filter& filter, int call, const scmp_arg_cmp& condition) {
    return seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, call, 1, &condition);
}

// Memory that is no program, and signals to itself, which abort() sends.
int allow_with_limits(const Filter& filter) {
    const scmp_arg_cmp is_no_program{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0};
    const scmp_arg_cmp is_own_process{0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid()), 0};
    int error = allow_if(filter, SCMP_SYS(mmap), is_no_program);
    if (error == 0) error = allow_if(filter, SCMP_SYS(mprotect), is_no_program);
    return error == 0 ? allow_if(filter, SCMP_SYS(tgkill), is_own_process) : error;
}

// What the server has to open low ports with, and all that root has. Linux's own words, since libc has none for this.
Status give_up_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
    if (::syscall(SYS_capset, &header, none.data()) != 0) return refused("giving up capabilities", errno);
    return {};
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

Status forbid_core_files() {
    const rlimit no_core{0, 0};
    if (::setrlimit(RLIMIT_CORE, &no_core) != 0) return refused("forbidding core files", errno);
    return {};
}

Status enter_sandbox(Confinement confinement) {
    if (auto warm = crypto::warm_up(); !warm) return warm;
    ::tzset();
    if (auto forbidden = forbid_core_files(); !forbidden) return forbidden;
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return refused("forbidding others to look in", errno);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return refused("giving up new privileges", errno);
    if (auto given_up = give_up_capabilities(); !given_up) return given_up;
    return load_filter(confinement);
}

}  // namespace ringfence::server
