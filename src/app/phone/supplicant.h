// wpa_supplicant, driven over its control socket (libwpa_client): ours, which we started and which dies with us, or one
// that runs already. The socket may be in another network namespace. Not thread-safe.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "net/descriptor.h"
#include "phone/port_settings.h"

struct wpa_ctrl;

namespace ringfence::app {

// One login. The files are read by wpa_supplicant at every login and re-authentication.
struct SupplicantNetwork {
    phone::PortSettings settings;  // not Disabled
    std::string roots;             // PEM file, absolute path; PEAP and TLS
    std::string identity;          // PEM file with key and certificates, absolute path; TLS
    bool checks_time = true;       // else not-before and not-after do not count; chain and name do
    bool allows_old_tls = false;   // TLS 1.0 and 1.1
};

// The two connections to a control socket: one for commands, one for what it tells.
class Supplicant {
public:
    // `folder` takes our ends of the connections; it is ours alone. unavailable.
    static Result<Supplicant> attach(const std::string& socket, const std::string& folder);

    int descriptor() const;  // readable when next_message() finds one
    // Without waiting; empty: there is none.
    std::optional<std::string> next_message();

    // Faults of all: unavailable (it does not answer within 10 s), conflict (it refuses; the message names no value).
    Status log_in(const SupplicantNetwork& network);  // in place of whatever it had
    Status reauthenticate();
    Status leave();
    Status ping();
    Result<bool> is_logged_in();

private:
    struct Closer {
        void operator()(wpa_ctrl* connection) const;
    };
    using Connection = std::unique_ptr<wpa_ctrl, Closer>;
    Supplicant(Connection commands, Connection messages)
        : commands_(std::move(commands)), messages_(std::move(messages)) {}

    Result<std::string> ask(const std::string& command);
    Status order(const std::string& command, std::string_view what);

    Connection commands_;
    Connection messages_;
};

// A wpa_supplicant of ours for one wired interface, with its socket in a folder of ours. Ended by the destructor.
class SupplicantProcess {
public:
    // unavailable when it cannot be started. It ends with the calling thread.
    static Result<SupplicantProcess> start(const std::string& interface, const std::string& folder);
    SupplicantProcess(SupplicantProcess&& other) noexcept;
    SupplicantProcess& operator=(SupplicantProcess&&) = delete;
    ~SupplicantProcess();

    int descriptor() const { return handle_.get(); }  // readable when it has ended
    std::optional<std::string> ending();              // "ended with 1"; empty: it lives

private:
    SupplicantProcess(pid_t child, net::Descriptor handle) : child_(child), handle_(std::move(handle)) {}

    pid_t child_;  // 0: collected
    net::Descriptor handle_;
};

}  // namespace ringfence::app
