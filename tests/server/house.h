// A whole installation in a temporary folder with its server running, on free ports of loopback: real registry,
// authority, family and event log.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "authority/authority.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "delivery/address_memory.h"
#include "delivery/limits.h"
#include "family/family.h"
#include "net/socket.h"
#include "registry/event_log.h"
#include "registry/registry.h"
#include "server/door.h"
#include "server/server.h"
#include "tests/crypto/program.h"

namespace ringfence::server::test {

using ringfence::test::run;
using ringfence::test::TemporaryFolder;

// The system's clock, which a test may push on. Thread-safe.
class PushedClock final : public Clock {
public:
    WallTime wall_now() const override { return system_.wall_now() + pushed(); }
    SteadyTime steady_now() const override { return system_.steady_now() + pushed(); }
    void push(Duration by) { pushed_ += by.count(); }

private:
    Duration pushed() const { return Duration(pushed_.load()); }
    SystemClock system_;
    std::atomic<std::int64_t> pushed_{0};
};

template <typename T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(*result);
}
inline void must(const Status& status) {
    if (!status) throw std::runtime_error(status.error().message);
}

// Asks until the answer is true; false when it never was.
inline bool eventually(const std::function<bool()>& question) {
    for (int i = 0; i < 1000; ++i) {
        if (question()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
}

// Some build machines have no IPv6 at all.
inline bool has_ipv6() {
    return net::listen_tcp(net::SocketAddress(must(Endpoint::parse("[::1]:0"))), net::Sharing::alone).has_value();
}

inline const std::string own_mac = "00:24:7F:01:02:AB";
inline const std::string other_mac = "00:24:7F:01:02:CD";
inline const std::string own_path = "SIP00247F0102AB.cfg";
inline const std::string public_path = "lang/French.lng";
inline const std::string realm = "ringfence";
inline const std::string password = "correct horse";

class House {
public:
    House()
        : registry_(must(registry::Registry::create(folder_.path(), clock_, disk_, random_))),
          authority_(copy_authority()),
          family_(must(family::Family::load(RINGFENCE_SOURCE_DIR "/families/avaya-1200"))),
          events_(must(registry::EventLog::open(folder_.path(), clock_))) {
        must(authority_->record_own(*registry_));
        add_device(own_mac, "1230");
        add_device(other_mac, "1140e");
        put(public_path, "LANGUAGE", std::string(100'000, 'f'));
    }

    ~House() { stop(); }

    void add_device(const std::string& mac, const std::string& model) {
        registry::Device device{must(MacAddress::parse(mac)), model, {}, {},
                                registry::LoginKind::random,  false, {}, {}};
        registry::Login login;
        login.user = user_of(mac);
        login.device = device.mac;
        const std::string a1 = login.user + ":" + realm + ":" + password;
        login.ha1_md5 = Secret(to_hex(crypto::md5(a1)));
        login.ha1_sha256 = Secret(to_hex(crypto::sha256(a1)));
        must(registry_->add_device(device, login));
    }
    static std::string user_of(const std::string& mac) { return "u" + replace_all(mac, ":", ""); }

    void put(const std::string& path, const std::string& section, const std::string& bytes) {
        registry::FileRecord file;
        file.path = path;
        file.section = section;
        file.content_class = trust::ContentClass::public_;
        must(registry_->put_file(file, bytes));
    }

    // Writes KEY.pem and CERT.pem for curl; returns its arguments.
    std::string issue(const std::string& mac, crypto::TlsLane lane = crypto::TlsLane::modern) {
        const auto key_type = lane == crypto::TlsLane::legacy ? crypto::KeyType::rsa2048 : crypto::KeyType::p256;
        authority::DeviceRequest request{must(MacAddress::parse(mac)), key_type, lane};
        const auto issued = must(authority_->issue_device(request, *registry_));
        const std::string name = "cert" + std::to_string(++issued_);
        const std::string key = folder_.put(name + ".key", issued.key.to_pem().reveal());
        const std::string certificate = folder_.put(name + ".pem", issued.certificate.to_pem());
        return " --cert " + certificate + " --key " + key;
    }

    // For start(): who answers at the enrolment paths, and the revocation lists.
    std::optional<EnrolmentParts> enrolment;
    std::function<std::optional<std::string>(std::string_view)> find_revocation_list;

    // `listens` as --listen takes them, with port 0; those of IPv6 are left out where there is none. `tables` follows
    // [server] in the settings file.
    void start(std::vector<std::string> listens, const std::string& tables = {}) {
        const auto is_v6 = [](const std::string& listen) { return listen.find('[') != std::string::npos; };
        if (!has_ipv6()) listens.erase(std::remove_if(listens.begin(), listens.end(), is_v6), listens.end());
        listens_ = std::move(listens);
        write_settings(tables);
        server_ = std::make_unique<Server>(ServerParts{
            .shared = {.clock = clock_,
                       .family = family_,
                       .nonces = nonces_,
                       .limits = limits_,
                       .addresses = addresses_,
                       .events = *events_,
                       .installation = {}},
            .load_settings = [this] { return load_settings(); },
            .load_tls = [this](crypto::TlsLane lane) -> Result<TlsMaterial> {
                auto opened =
                    authority::Authority::open(folder_.path(), disk_, random_, clock_, authority::KeySet::server);
                if (!opened) return fail(std::move(opened).error());
                return TlsMaterial{(*opened)->server_identities(lane), (*opened)->device_issuers(lane), {}};
            },
            .open_lookup = [this]() -> Result<std::unique_ptr<registry::Lookup>> {
                auto another = registry_->open_another();
                if (!another) return fail(std::move(another).error());
                return std::unique_ptr<registry::Lookup>(std::move(*another));
            },
            .enrolment = enrolment,
            .find_revocation_list = find_revocation_list,
            .on_ready = [this] { ++ready_; }});
        must(server_->start());
        thread_ = std::thread([this] { server_->run(); });
    }

    void write_settings(const std::string& tables) {
        folder_.put("ringfence.toml",
                    "[server]\nhost = \"prov.example.test\"\naddress = \"127.0.0.1\"\nloops = 2\n" + tables);
    }

    void stop() {
        if (!thread_.joinable()) return;
        server_->drain();
        thread_.join();
        server_.reset();
    }

    std::uint16_t port(const std::string& wire, std::size_t which = 0) const {
        for (const ListenerSettings& listener : server_->listeners()) {
            if (trust::to_string(listener.wire) == wire && which-- == 0) return listener.endpoint.port;
        }
        throw std::runtime_error("no " + wire + " door");
    }
    std::string url(const std::string& wire, const std::string& path) const {
        const std::string scheme = wire == "https-legacy" ? "https" : wire;
        return scheme + "://127.0.0.1:" + std::to_string(port(wire)) + "/" + path;
    }

    std::vector<registry::Event> events() {
        must(events_->flush());
        return must(must(registry::EventReader::open(folder_.path()))->list({}));
    }
    // Waits for an event of this kind and outcome.
    std::optional<registry::Event> find_event(registry::EventKind kind, const std::string& outcome) {
        std::optional<registry::Event> found;
        eventually([&] {
            for (const registry::Event& event : events()) {
                if (event.kind == kind && event.outcome == outcome) found = event;
            }
            return found.has_value();
        });
        return found;
    }

    // Lets time pass in steps of `step` until so many deliveries were cut; the doors look around between the steps.
    bool has_cut(std::size_t count, Duration step) {
        for (int i = 0; i < 20; ++i) {
            const auto all = events();
            const auto cut = std::count_if(all.begin(), all.end(), [](const auto& e) { return e.outcome == "cut"; });
            if (static_cast<std::size_t>(cut) >= count) return true;
            std::this_thread::sleep_for(2 * full_door_look);
            clock_.push(step);
        }
        return false;
    }

    std::string root() const { return folder_ / "root.pem"; }
    const TemporaryFolder& folder() const { return folder_; }
    PushedClock& clock() { return clock_; }
    protocol::NonceTable& nonces() { return nonces_; }
    registry::Registry& registry() { return *registry_; }
    authority::Authority& authority() { return *authority_; }
    Server& server() { return *server_; }
    int ready() const { return ready_; }

private:
    // Making RSA keys takes a second, so it is done once for all houses of a test program.
    std::unique_ptr<authority::Authority> copy_authority() {
        static const TemporaryFolder original;
        static const bool is_made = [] {
            SystemClock clock;
            SystemDisk disk;
            SystemRandom random;
            const authority::ServerNames names{{"prov.example.test"},
                                               {must(IpAddress::parse("127.0.0.1")), must(IpAddress::parse("::1"))}};
            must(authority::Authority::create(original.path(), names, disk, random, clock));
            return true;
        }();
        EXPECT_TRUE(is_made);
        std::filesystem::copy(original.path(), folder_.path(),
                              std::filesystem::copy_options::recursive | std::filesystem::copy_options::skip_existing);
        return must(authority::Authority::open(folder_.path(), disk_, random_, clock_));
    }

    Result<ServerSettings> load_settings() {
        auto text = disk_.read(folder_ / "ringfence.toml", max_settings_size);
        if (!text) return fail(std::move(text).error());
        auto settings = parse_settings(*text);
        if (!settings || listens_.empty()) return settings;
        if (auto replaced = replace_listeners(*settings, listens_); !replaced) return fail(std::move(replaced).error());
        return settings;
    }

    TemporaryFolder folder_;
    PushedClock clock_;
    SystemDisk disk_;
    SystemRandom random_;
    std::unique_ptr<registry::Registry> registry_;
    std::unique_ptr<authority::Authority> authority_;
    family::Family family_;
    std::unique_ptr<registry::EventLog> events_;
    protocol::NonceTable nonces_{random_, [](std::string_view bytes) { return crypto::hmac_sha256("key", bytes); }};
    delivery::Limits limits_;
    delivery::AddressMemory addresses_;
    std::vector<std::string> listens_;
    std::unique_ptr<Server> server_;
    std::thread thread_;
    std::atomic<int> ready_{0};
    int issued_ = 0;
};

// A plain client connection that waits at most ten seconds for anything.
class Client {
public:
    explicit Client(std::uint16_t port, const std::string& address = "127.0.0.1", const std::string& from = "") {
        const net::SocketAddress peer(Endpoint{must(IpAddress::parse(address)), port});
        socket_ = net::Descriptor(::socket(peer.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const timeval patience{10, 0};
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (!from.empty()) {
            const net::SocketAddress local(Endpoint{must(IpAddress::parse(from)), 0});
            EXPECT_EQ(::bind(socket_.get(), local.get(), local.size()), 0);
        }
        connected_ = ::connect(socket_.get(), peer.get(), peer.size()) == 0;
    }

    bool is_connected() const { return connected_; }
    void send(std::string_view bytes) const { ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); }

    // At least until `end` is in it or the peer closed; what follows `end` may be in it as well.
    std::string read_until(std::string_view end) {
        std::string out;
        while (end.empty() || out.find(end) == std::string::npos) {
            const std::string more = read_some();
            if (more.empty()) break;
            out += more;
        }
        return out;
    }
    std::string read_exactly(std::size_t count) {
        std::string out;
        while (out.size() < count) {
            const std::string more = read_some(count - out.size());
            if (more.empty()) break;
            out += more;
        }
        return out;
    }
    std::string read_to_end() { return read_until({}); }
    std::string read_some(std::size_t limit = 65536) const {
        std::string buffer(limit, '\0');
        const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
        buffer.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        return buffer;
    }

    // Closes with a reset, as a phone does that cuts its power or its connection.
    void reset() {
        const linger at_once{1, 0};
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        socket_ = net::Descriptor();
    }
    void close() { socket_ = net::Descriptor(); }
    int descriptor() const { return socket_.get(); }

private:
    net::Descriptor socket_;
    bool connected_ = false;
};

// An HTTP answer without what may always differ.
inline std::string without_date(const std::string& answer) {
    const std::size_t begin = answer.find("Date: ");
    if (begin == std::string::npos) return answer;
    return answer.substr(0, begin) + answer.substr(answer.find("\r\n", begin) + 2);
}

}  // namespace ringfence::server::test
