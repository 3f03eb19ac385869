#include "app/phone/supplicant.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <system_error>
#include <utility>
#include <vector>

// Uses size_t without declaring it.
#include <wpa_ctrl.h>

#include "base/secret.h"
#include "base/spawn.h"
#include "base/text.h"

namespace ringfence::app {

namespace {

// A message may hold a certificate in hex, of 2 kB usually; what is longer is cut.
constexpr std::size_t message_limit = std::size_t{16} * 1024;
constexpr int end_wait_ms = 2000;  // wpa_supplicant ends in some milliseconds
constexpr int first_other_descriptor = 3;
constexpr std::string_view path_variable = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::string_view program = "wpa_supplicant";

// wpa_supplicant reads text in bare hex too: then nothing needs quotes, and nothing can end a line.
std::string hex(std::string_view text) { return to_hex(text); }

std::string_view method(phone::PortMode mode) {
    switch (mode) {
        case phone::PortMode::peap: return "PEAP";
        case phone::PortMode::tls: return "TLS";
        case phone::PortMode::md5:
        case phone::PortMode::disabled: break;
    }
    RINGFENCE_ASSERT(mode == phone::PortMode::md5);
    return "MD5";
}

struct Variable {
    std::string_view name;
    Secret value;
};

std::string tls_options(const SupplicantNetwork& network) {
    const int disables_old = network.allows_old_tls ? 0 : 1;
    std::string out = fmt::format("tls_disable_tlsv1_0={0} tls_disable_tlsv1_1={0}", disables_old);
    if (network.settings.mode == phone::PortMode::peap) out += " peapver=0";
    if (!network.checks_time) out += " tls_disable_time_checks=1";
    return out;
}

void add_tls(std::vector<Variable>& variables, const SupplicantNetwork& network) {
    variables.push_back({"ca_cert", Secret(hex(network.roots))});
    variables.push_back({"phase1", Secret(hex(tls_options(network)))});
    if (!network.settings.server_name.empty())
        variables.push_back({"domain_match", Secret(hex(network.settings.server_name))});
    // OpenSSL refuses TLS 1.0 and 1.1 above security level 0.
    if (network.allows_old_tls) variables.push_back({"openssl_ciphers", Secret(hex("DEFAULT@SECLEVEL=0"))});
}

// One method only: the supplicant must not agree to another.
std::vector<Variable> variables_of(const SupplicantNetwork& network) {
    const auto& settings = network.settings;
    std::vector<Variable> out;
    out.push_back({"key_mgmt", Secret("IEEE8021X")});
    out.push_back({"eapol_flags", Secret("0")});
    out.push_back({"eap", Secret(std::string(method(settings.mode)))});
    const bool is_peap = settings.mode == phone::PortMode::peap;
    out.push_back({"identity", Secret(hex(is_peap ? settings.tunnel_identity() : settings.id1))});
    if (is_peap) {
        out.push_back({"anonymous_identity", Secret(hex(settings.id1))});
        const bool is_md5 = settings.tunnel == phone::TunnelMethod::md5;
        out.push_back({"phase2", Secret(hex(is_md5 ? "auth=MD5" : "auth=MSCHAPV2"))});
    }
    if (settings.mode != phone::PortMode::md5) add_tls(out, network);
    if (settings.mode != phone::PortMode::tls) {
        out.push_back({"password", Secret(hex(settings.password.reveal()))});
        return out;
    }
    out.push_back({"client_cert", Secret(hex(network.identity))});
    out.push_back({"private_key", Secret(hex(network.identity))});
    return out;
}

auto unavailable(std::string sentence) { return fail(FaultCode::unavailable, std::move(sentence)); }

}  // namespace

void Supplicant::Closer::operator()(wpa_ctrl* connection) const { wpa_ctrl_close(connection); }

Result<Supplicant> Supplicant::attach(const std::string& socket, const std::string& folder) {
    const auto open = [&] { return Connection(wpa_ctrl_open2(socket.c_str(), folder.c_str())); };
    Supplicant out(open(), open());
    if (!out.commands_ || !out.messages_ || wpa_ctrl_attach(out.messages_.get()) != 0)
        return unavailable(fmt::format("no {} answers at {}", program, printable(socket)));
    return out;
}

int Supplicant::descriptor() const { return wpa_ctrl_get_fd(messages_.get()); }

std::optional<std::string> Supplicant::next_message() {
    if (wpa_ctrl_pending(messages_.get()) <= 0) return std::nullopt;
    std::string bytes(message_limit, '\0');
    std::size_t size = bytes.size();
    if (wpa_ctrl_recv(messages_.get(), bytes.data(), &size) != 0) return std::nullopt;
    bytes.resize(size);
    return bytes;
}

Result<std::string> Supplicant::ask(const std::string& command) {
    std::array<char, message_limit> answer{};
    std::size_t size = answer.size();
    if (wpa_ctrl_request(commands_.get(), command.data(), command.size(), answer.data(), &size, nullptr) != 0)
        return unavailable(fmt::format("{} does not answer", program));
    return std::string(trim(std::string_view(answer.data(), size)));
}

Status Supplicant::order(const std::string& command, std::string_view what) {
    const auto answer = ask(command);
    if (!answer) return fail(answer.error());
    if (*answer != "OK") return fail(FaultCode::conflict, fmt::format("{} does not take {}", program, what));
    return {};
}

Status Supplicant::log_in(const SupplicantNetwork& network) {
    if (auto left = leave(); !left) return left;
    if (auto done = order("AP_SCAN 0", "a wired network"); !done) return done;
    const auto number = ask("ADD_NETWORK");
    if (!number) return fail(number.error());
    if (!parse_number(*number)) return fail(FaultCode::conflict, fmt::format("{} takes no network", program));
    for (const auto& [name, value] : variables_of(network)) {
        std::string command = fmt::format("SET_NETWORK {} {} {}", *number, name, value.reveal());
        auto done = order(command, name);
        wipe(command);
        if (!done) return done;
    }
    return order("SELECT_NETWORK " + *number, "the network");
}

Status Supplicant::reauthenticate() { return order("REAUTHENTICATE", "a re-authentication"); }

Status Supplicant::leave() { return order("REMOVE_NETWORK all", "the removal of its networks"); }

Status Supplicant::ping() {
    const auto answer = ask("PING");
    if (!answer) return fail(answer.error());
    return *answer == "PONG" ? Status() : unavailable(fmt::format("{} answers wrongly", program));
}

Result<bool> Supplicant::is_logged_in() {
    const auto status = ask("STATUS");
    if (!status) return fail(status.error());
    for (const auto line : split(*status, '\n'))
        if (line == "Supplicant PAE state=AUTHENTICATED") return true;
    return false;
}

Result<SupplicantProcess> SupplicantProcess::start(const std::string& interface, const std::string& folder) {
    SpawnActions actions;
    for (const int output : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        posix_spawn_file_actions_addopen(&actions.files, output, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions.files, first_other_descriptor);
    // setpriv has it killed when we die, however we die.
    std::vector<std::string> words = {"setpriv", "--pdeathsig", "TERM", std::string(program), "-Dwired", "-i",
                                      interface, "-C",          folder};
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::string path(path_variable);
    char* environment[] = {path.data(), nullptr};
    pid_t child = 0;
    const int error =
        posix_spawnp(&child, words[0].c_str(), &actions.files, &actions.attributes, arguments.data(), environment);
    if (error != 0)
        return unavailable(fmt::format("{} cannot be started: {}", program, std::generic_category().message(error)));
    SupplicantProcess out(child, net::Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, child, 0))));
    if (!out.handle_.valid()) return unavailable(fmt::format("{} cannot be watched", program));
    return out;
}

SupplicantProcess::SupplicantProcess(SupplicantProcess&& other) noexcept
    : child_(std::exchange(other.child_, 0)), handle_(std::move(other.handle_)) {}

SupplicantProcess::~SupplicantProcess() {
    if (child_ == 0) return;
    ::kill(child_, SIGTERM);
    pollfd end{handle_.get(), POLLIN, 0};
    if (::poll(&end, 1, end_wait_ms) <= 0) ::kill(child_, SIGKILL);
    collect_child(child_);
}

std::optional<std::string> SupplicantProcess::ending() {
    pollfd end{handle_.get(), POLLIN, 0};
    if (child_ == 0 || ::poll(&end, 1, 0) <= 0) return std::nullopt;
    return describe_ending(collect_child(std::exchange(child_, 0)));
}

}  // namespace ringfence::app
