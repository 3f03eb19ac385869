// Several connections and the event log at once, as the loops of a server and a command line use them. Run under TSan.
#include <atomic>
#include <thread>

#include "registry/event_log.h"
#include "registry/sqlite.h"
#include "tests/registry/installation.h"

namespace ringfence::registry {
namespace {

TEST(Threads, loops_see_what_the_office_commits_while_they_work) {
    Installation installation;
    const SystemClock clock;
    auto log = EventLog::open(installation.directory(), clock).value();
    Registry& office = *installation.registry;
    const auto content = office.put_file(file_at("shared"), std::string(100'000, 'x')).value();
    Window window;
    window.networks = {Network::parse("192.0.2.0/24").value()};
    window.closes = first_of_may + std::chrono::hours(1);
    window.count = 50;
    const auto id = office.open_window(window).value().id;

    constexpr int loops = 3;
    constexpr std::uint64_t devices = 60;
    std::atomic<bool> over{false};
    std::atomic<int> entered{0};
    std::atomic<int> faults{0};
    std::vector<std::unique_ptr<Registry>> connections;
    for (int i = 0; i < loops; ++i) connections.push_back(office.open_another().value());
    std::vector<std::thread> threads;
    for (int i = 0; i < loops; ++i) {
        threads.emplace_back([&, i] {
            Registry& lookup = *connections[static_cast<std::size_t>(i)];
            std::size_t sites = 0;
            for (int visitor = 0; !over || visitor < 100; ++visitor) {
                const auto mac = mac_number(static_cast<std::uint64_t>(visitor) % devices);
                const auto catalogue = lookup.catalogue();
                const auto device = lookup.find_device(mac);
                const auto body = lookup.open_content(content.sha256);
                if (!catalogue || !device || !body || (*catalogue)->sites.size() < sites) ++faults;
                if (catalogue) sites = (*catalogue)->sites.size();
                if (device && *device && !lookup.note_proved(mac, trust::Wire::https, first_of_may)) ++faults;
                if (visitor < 100) {
                    // A loop waits a second at most for other writers; then the phone asks again.
                    const std::string name = "visitor-" + std::to_string(visitor);
                    const WindowVisitor who{name, name};
                    auto in = lookup.enter_window(id, who);
                    while (!in && in.error().code == FaultCode::unavailable) in = lookup.enter_window(id, who);
                    if (!in) ++faults;
                    if (in && *in) ++entered;
                }
                // Few enough to fit the log's queue, however slow its writer is.
                if (visitor >= 1'000) continue;
                Event event;
                event.device = mac;
                log->record(event);
            }
        });
    }
    for (std::uint64_t i = 0; i < devices; ++i) {
        ASSERT_TRUE(office.add_device({.mac = mac_number(i), .model = "1230"},
                                      login_of(mac_number(i), "u" + std::to_string(i))));
        ASSERT_TRUE(office.add_site(site_with("site-" + std::to_string(i), {})));
    }
    over = true;
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(faults, 0);
    for (auto& connection : connections) {
        EXPECT_EQ(connection->catalogue().value()->sites.size(), devices);
        // One snapshot serves the process.
        EXPECT_EQ(connection->catalogue().value(), connections[0]->catalogue().value());
    }
    EXPECT_EQ(office.list_windows(1).value().at(0).used, 50u);
    EXPECT_EQ(entered % 50, 0);
    connections.clear();
    EXPECT_TRUE(log->flush());
    EXPECT_EQ(log->lost(), 0u);
    EXPECT_GT(EventReader::open(installation.directory()).value()->last_id().value(), 0);
}

TEST(Threads, a_proof_noted_while_another_writes_does_not_wait_and_is_written_later) {
    Installation installation;
    ASSERT_TRUE(installation.registry->add_device({.mac = mac_number(1), .model = "1230"}));
    ASSERT_TRUE(installation.registry->add_device({.mac = mac_number(2), .model = "1230"}));
    auto server = installation.open();
    auto other = Database::open(installation.directory() + "/registry.db", Database::Mode::read_write).value();
    {
        auto holding = Transaction::begin(*other).value();
        const auto began = std::chrono::steady_clock::now();
        ASSERT_TRUE(server->note_proved(mac_number(1), trust::Wire::https, first_of_may));
        EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(1));
        EXPECT_FALSE(server->find_device(mac_number(1)).value()->last_proved);
    }
    ASSERT_TRUE(server->note_proved(mac_number(2), trust::Wire::https, first_of_may));
    EXPECT_EQ(server->find_device(mac_number(1)).value()->last_proved, first_of_may);
    EXPECT_EQ(server->find_device(mac_number(2)).value()->last_proved, first_of_may);
}

TEST(Threads, a_change_waits_for_another_as_long_as_it_was_told) {
    Installation installation;
    const auto other = Database::open(installation.directory() + "/registry.db", Database::Mode::read_write).value();
    auto server = installation.open();
    ASSERT_TRUE(installation.registry->add_device({.mac = mac_number(9), .model = "1230"}));
    server->set_wait(std::chrono::milliseconds(300));
    const auto holding = Transaction::begin(*other).value();
    // The second after a write of the request path, which has a wait of its own and puts this one back.
    for (unsigned i = 1; i <= 2; ++i) {
        const auto began = std::chrono::steady_clock::now();
        EXPECT_EQ(server->add_device({.mac = mac_number(i), .model = "1230"}).error().code, FaultCode::unavailable);
        const auto waited = std::chrono::steady_clock::now() - began;
        EXPECT_GE(waited, std::chrono::milliseconds(300));
        EXPECT_LT(waited, std::chrono::seconds(5));
        ASSERT_TRUE(server->note_state(mac_number(9), DeviceState::seen));
    }
}

TEST(Threads, a_state_and_a_next_login_noted_while_another_writes_do_not_wait) {
    Installation installation;
    const auto mac = mac_number(1);
    ASSERT_TRUE(installation.registry->add_device({.mac = mac, .model = "1230"}, login_of(mac, "present")));
    ASSERT_TRUE(installation.registry->store_next_login(login_of(mac, "next")));
    auto server = installation.open();
    auto other = Database::open(installation.directory() + "/registry.db", Database::Mode::read_write).value();
    {
        auto holding = Transaction::begin(*other).value();
        const auto began = std::chrono::steady_clock::now();
        ASSERT_TRUE(server->note_state(mac, DeviceState::seen));
        ASSERT_TRUE(server->promote_login("next"));
        EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(1));
        EXPECT_EQ(server->find_device(mac).value()->state, DeviceState::expected);
        EXPECT_TRUE(server->find_login("next").value()->is_next);
    }
    ASSERT_TRUE(server->note_proved(mac, trust::Wire::https, first_of_may));
    EXPECT_EQ(server->find_device(mac).value()->state, DeviceState::seen);
    ASSERT_TRUE(server->promote_login("next"));
    EXPECT_FALSE(server->find_login("present").value());
}

}  // namespace
}  // namespace ringfence::registry
