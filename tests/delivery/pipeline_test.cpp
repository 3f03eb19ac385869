// The pipeline over a real registry in a temporary directory.
#include "delivery/pipeline.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "crypto/certificate_builder.h"
#include "crypto/hash.h"
#include "delivery/one_time_path.h"
#include "delivery/resource.h"
#include "registry/registry.h"
#include "registry/schema.h"
#include "tests/suites/counting_lookup.h"
#include "tests/suites/temporary_directory.h"

namespace ringfence::delivery {
namespace {

using registry::EventKind;
using registry::Layer;
using trust::ContentClass;
using trust::Wire;

constexpr std::initializer_list<Wire> every_wire = {Wire::tftp, Wire::ftp, Wire::http, Wire::https, Wire::https_legacy};

class CollectedEvents final : public registry::EventSink {
public:
    void record(registry::Event event) override { events.push_back(std::move(event)); }
    std::vector<registry::Event> events;
};

const family::Family& avaya() {
    static const family::Family instance = family::Family::load(RINGFENCE_SOURCE_DIR "/families/avaya-1200").value();
    return instance;
}

registry::Login login_of(const MacAddress& mac, const std::string& user, const std::string& password,
                         const std::string& realm) {
    registry::Login login;
    login.user = user;
    login.device = mac;
    const std::string a1 = user + ":" + realm + ":" + password;
    login.ha1_md5 = Secret(to_hex(crypto::md5(a1)));
    login.ha1_sha256 = Secret(to_hex(crypto::sha256(a1)));
    return login;
}

class PipelineTest : public testing::Test {
protected:
    static constexpr const char* realm = "Ringfence test";

    PipelineTest() {
        registry_ = registry::Registry::create(directory_.path(), clock_, disk_, random_).value();
        lookup_ = std::make_unique<suites::CountingLookup>(*registry_);
        add_device(one_, "phone-one");
        add_device(two_, "phone-two");
        put("fw/load.bin", "", ContentClass::public_, "firmware");
        put("licence.lic", "LICENSING", ContentClass::internal, "licence");
        EXPECT_TRUE(registry_->set_setting({Layer::device, one_.bare_upper()}, "AUTOLOGIN_PASSWD_KEY01",
                                           Secret("canary-sip-password")));
        EXPECT_TRUE(registry_->set_setting({Layer::global, ""}, "SNTP_SERVER", Secret("192.0.2.1")));
        make_pipeline();
    }

    void make_pipeline() { pipeline_ = std::make_unique<Pipeline>(shared_, *lookup_); }

    void add_device(const MacAddress& mac, const std::string& user) {
        registry::Device device{.mac = mac, .model = "1230"};
        ASSERT_TRUE(registry_->add_device(device, login_of(mac, user, "password of " + user, realm)));
    }

    void put(const std::string& path, const std::string& section, ContentClass content_class,
             const std::string& bytes) {
        registry::FileRecord file;
        file.path = path;
        file.section = section;
        file.content_class = content_class;
        const auto stored = registry_->put_file(file, bytes);
        ASSERT_TRUE(stored) << stored.error().message;
    }

    Request request(Wire wire, const std::string& path) const {
        Request out;
        out.wire = wire;
        out.path = path;
        out.source = IpAddress::parse("192.0.2.77").value();
        return out;
    }

    Request with_password(Request request, const std::string& user, const std::string& password) const {
        request.authorization = protocol::BasicLogin{user, Secret(password)};
        return request;
    }

    static protocol::Authorization digest(const std::string& user, const std::string& password,
                                          const std::string& nonce, const std::string& path) {
        const std::string ha1 = to_hex(crypto::sha256(user + ":" + realm + ":" + password));
        const std::string ha2 = to_hex(crypto::sha256("GET:/" + path));
        const std::string response = to_hex(crypto::sha256(ha1 + ":" + nonce + ":00000001:c:auth:" + ha2));
        return protocol::parse_authorization(
                   "Digest username=\"" + user + "\", realm=\"" + realm + "\", nonce=\"" + nonce + "\", uri=\"/" +
                   path + "\", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"c\", response=\"" + response + "\"")
            .value();
    }

    Answer ask(const Request& request) {
        Answer answer = pipeline_->answer(request);
        pipeline_->confirm(answer.ticket);
        pipeline_->record(answer.ticket, {.bytes = answer.body.view().size(), .complete = true});
        return answer;
    }

    Outcome outcome(const Request& request) { return ask(request).outcome; }

    // Of the answer alone: what is noted after the delivery delays nobody.
    suites::LookupCounts look_ups_for(const Request& request) {
        lookup_->reset();
        Answer answer = pipeline_->answer(request);
        const auto counts = lookup_->counts();
        pipeline_->record(std::move(answer.ticket), {});
        return counts;
    }

    registry::DeviceState state_of(const MacAddress& mac) { return registry_->find_device(mac).value()->state; }

    std::size_t count_events(EventKind kind) const {
        return static_cast<std::size_t>(std::count_if(events_.events.begin(), events_.events.end(),
                                                      [&](const auto& event) { return event.kind == kind; }));
    }

    std::string certify(const MacAddress& mac, char digit) {
        registry::CertificateRecord certificate;
        certificate.fingerprint = std::string(64, digit);
        certificate.serial = std::string(16, digit);
        certificate.subject = "CN=phone";
        certificate.device = mac;
        certificate.not_after = clock_.wall_now() + std::chrono::hours(1000);
        EXPECT_TRUE(registry_->add_certificate(certificate));
        return certificate.fingerprint;
    }

    const registry::Event& last_event() const { return events_.events.back(); }

    const MacAddress one_ = MacAddress::parse("00247F000001").value();
    const MacAddress two_ = MacAddress::parse("00247F000002").value();
    const MacAddress stranger_ = MacAddress::parse("00247F0000FF").value();
    suites::TemporaryDirectory directory_;
    SystemDisk disk_;
    SystemRandom random_;
    ManualClock clock_{parse_time("2026-11-23T08:00:00Z").value()};
    std::unique_ptr<registry::Registry> registry_;
    std::unique_ptr<suites::CountingLookup> lookup_;
    protocol::NonceTable nonces_{random_, [](std::string_view bytes) { return crypto::hmac_sha256("key", bytes); }};
    Limits limits_;
    AddressMemory addresses_;
    CollectedEvents events_;
    Shared shared_{clock_,
                   avaya(),
                   nonces_,
                   limits_,
                   addresses_,
                   events_,
                   Installation{.host = "prov.example.net", .address = "192.0.2.1", .realm = realm}};
    std::unique_ptr<Pipeline> pipeline_;
};

TEST_F(PipelineTest, a_stranger_gets_the_manifest_and_public_files_on_every_wire) {
    for (const Wire wire : every_wire) {
        EXPECT_EQ(outcome(request(wire, "1230SIP.cfg")), Outcome::content) << trust::to_string(wire);
        EXPECT_EQ(outcome(request(wire, "12xxSIP.cfg")), Outcome::content);
        EXPECT_EQ(outcome(request(wire, "common/1230.cfg")), Outcome::content);
        EXPECT_EQ(ask(request(wire, "fw/load.bin")).body.view(), "firmware");
    }
}

TEST_F(PipelineTest, without_proof_https_challenges_for_every_path_and_the_others_know_nothing) {
    for (const auto* path :
         {"SIP00247F000001.cfg", "SIP00247F0000FF.cfg", "licence.lic", "nothing", "../etc/passwd", ""}) {
        EXPECT_EQ(outcome(request(Wire::https, path)), Outcome::needs_proof) << path;
        EXPECT_EQ(outcome(request(Wire::https_legacy, path)), Outcome::needs_proof) << path;
        for (const Wire wire : {Wire::tftp, Wire::ftp, Wire::http})
            EXPECT_EQ(outcome(request(wire, path)), Outcome::not_found);
    }
}

TEST_F(PipelineTest, a_device_reads_its_own_file_and_no_other) {
    const auto as_one = [&](const std::string& path) {
        return with_password(request(Wire::https, path), "phone-one", "password of phone-one");
    };
    const auto own = ask(as_one("SIP00247F000001.cfg"));
    EXPECT_EQ(own.outcome, Outcome::content);
    EXPECT_NE(own.body.view().find("AUTOLOGIN_PASSWD_KEY01 canary-sip-password"), std::string::npos);
    EXPECT_EQ(last_event().proof, "device-password");
    EXPECT_EQ(last_event().device, one_);
    EXPECT_EQ(last_event().outcome, "delivered");
    EXPECT_EQ(outcome(as_one("SIP00247f000001.cfg")), Outcome::content);
    EXPECT_EQ(outcome(as_one("SIP00247F000002.cfg")), Outcome::not_found);
    EXPECT_EQ(outcome(as_one("SIP00247F0000FF.cfg")), Outcome::not_found);
    EXPECT_EQ(outcome(as_one("licence.lic")), Outcome::content);
}

TEST_F(PipelineTest, a_password_is_worth_nothing_outside_https) {
    for (const Wire wire : {Wire::http, Wire::ftp, Wire::tftp}) {
        lookup_->reset();
        EXPECT_EQ(outcome(with_password(request(wire, "SIP00247F000001.cfg"), "phone-one", "password of phone-one")),
                  Outcome::not_found);
        EXPECT_EQ(lookup_->counts().find_login, 0);
    }
}

TEST_F(PipelineTest, wrong_password_unknown_user_and_certificate_only_device_get_the_same_answer_for_the_same_work) {
    auto certified = registry_->find_device(two_).value().value();
    certified.requires_certificate = true;
    ASSERT_TRUE(registry_->update_device(certified));
    const auto asked = request(Wire::https, "SIP00247F000001.cfg");
    EXPECT_EQ(look_ups_for(with_password(asked, "phone-one", "wrong")),
              look_ups_for(with_password(asked, "nobody", "wrong")));
    EXPECT_EQ(outcome(with_password(asked, "phone-one", "wrong")), Outcome::needs_proof);
    EXPECT_EQ(outcome(with_password(asked, "nobody", "wrong")), Outcome::needs_proof);
    EXPECT_EQ(outcome(with_password(asked, "phone-two", "password of phone-two")), Outcome::needs_proof);
    EXPECT_EQ(last_event().kind, EventKind::login_failed);
}

TEST_F(PipelineTest, unknown_and_forbidden_cost_the_same_look_ups) {
    for (const Wire wire : every_wire) {
        EXPECT_EQ(look_ups_for(request(wire, "SIP00247F000001.cfg")),
                  look_ups_for(request(wire, "SIP00247F0000FF.cfg")))
            << trust::to_string(wire);
        EXPECT_EQ(look_ups_for(request(wire, "licence.lic")), look_ups_for(request(wire, "no-such.lic")))
            << trust::to_string(wire);
    }
    const auto as_one = [&](const std::string& path) {
        return with_password(request(Wire::https, path), "phone-one", "password of phone-one");
    };
    EXPECT_EQ(look_ups_for(as_one("SIP00247F000002.cfg")), look_ups_for(as_one("SIP00247F0000FF.cfg")));
}

TEST_F(PipelineTest, a_retired_device_is_let_in_nowhere) {
    const std::string fingerprint = certify(one_, 'a');
    const auto asked = request(Wire::https, "SIP00247F000001.cfg");
    const auto login = with_password(asked, "phone-one", "password of phone-one");
    EXPECT_EQ(outcome(login), Outcome::content);
    ASSERT_TRUE(registry_->set_device_state(one_, registry::DeviceState::retired));

    EXPECT_EQ(outcome(login), Outcome::needs_proof);
    EXPECT_EQ(last_event().detail, "right password, but this device is retired");
    auto certified = asked;
    certified.certificate_fingerprint = fingerprint;
    EXPECT_EQ(outcome(certified), Outcome::needs_proof);
    // A certificate that came back, as from a backup, opens nothing either.
    ASSERT_TRUE(
        registry::Database::open(registry::registry_path(directory_.path()), registry::Database::Mode::read_write)
            .value()
            ->script("UPDATE certificates SET revoked = NULL"));
    EXPECT_EQ(outcome(certified), Outcome::needs_proof);
    EXPECT_EQ(last_event().detail, "the client certificate's device is retired");
    // To others it is not there.
    const auto as_two = [&](const std::string& path) {
        return with_password(request(Wire::https, path), "phone-two", "password of phone-two");
    };
    EXPECT_EQ(outcome(as_two("SIP00247F000001.cfg")), Outcome::not_found);
    EXPECT_EQ(look_ups_for(as_two("SIP00247F000001.cfg")), look_ups_for(as_two("SIP00247F0000FF.cfg")));
}

TEST_F(PipelineTest, a_device_is_seen_when_somebody_first_asks_for_its_file) {
    EXPECT_EQ(outcome(request(Wire::tftp, "1230SIP.cfg")), Outcome::content);
    EXPECT_EQ(state_of(one_), registry::DeviceState::expected);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(outcome(request(Wire::tftp, "SIP00247F000001.cfg")), Outcome::not_found);
    EXPECT_EQ(state_of(one_), registry::DeviceState::seen);
    EXPECT_EQ(state_of(two_), registry::DeviceState::expected);
    ASSERT_EQ(count_events(EventKind::enrolment), 1u);
    const auto seen = std::find_if(events_.events.begin(), events_.events.end(),
                                   [](const auto& event) { return event.kind == EventKind::enrolment; });
    EXPECT_EQ(seen->outcome, "seen");
    EXPECT_EQ(seen->device, one_);
    EXPECT_EQ(seen->source, "192.0.2.77");
}

TEST_F(PipelineTest, a_device_is_active_once_it_shows_its_certificate_and_not_by_its_password) {
    auto certified = request(Wire::https, "SIP00247F000001.cfg");
    certified.certificate_fingerprint = certify(one_, 'a');
    EXPECT_EQ(state_of(one_), registry::DeviceState::enrolled);
    EXPECT_EQ(outcome(with_password(request(Wire::https, "SIP00247F000001.cfg"), "phone-one", "password of phone-one")),
              Outcome::content);
    EXPECT_EQ(state_of(one_), registry::DeviceState::enrolled);
    for (int i = 0; i < 2; ++i) EXPECT_EQ(outcome(certified), Outcome::content);
    EXPECT_EQ(state_of(one_), registry::DeviceState::active);
    EXPECT_EQ(count_events(EventKind::enrolment), 1u);
    EXPECT_EQ(events_.events.end()[-3].outcome, "active");
}

TEST_F(PipelineTest, the_login_before_holds_until_the_next_one_was_used) {
    ASSERT_TRUE(registry_->store_next_login(login_of(one_, "phone-one-next", "the next password", realm)));
    const auto asked = request(Wire::https, "SIP00247F000001.cfg");
    const auto before = with_password(asked, "phone-one", "password of phone-one");
    EXPECT_EQ(outcome(with_password(asked, "phone-one-next", "wrong")), Outcome::needs_proof);
    EXPECT_EQ(outcome(before), Outcome::content);
    EXPECT_EQ(outcome(with_password(asked, "phone-one-next", "the next password")), Outcome::content);
    EXPECT_EQ(outcome(before), Outcome::needs_proof);
    EXPECT_EQ(outcome(with_password(asked, "phone-one-next", "the next password")), Outcome::content);
    EXPECT_EQ(registry_->find_device(one_).value()->user, "phone-one-next");
}

TEST_F(PipelineTest, a_device_certificate_opens_its_device_until_it_is_revoked) {
    auto asked = request(Wire::https, "SIP00247F000001.cfg");
    asked.certificate_fingerprint = certify(one_, 'a');
    EXPECT_EQ(outcome(asked), Outcome::content);
    EXPECT_EQ(last_event().proof, "device-certificate");
    asked.path = "SIP00247F000002.cfg";
    EXPECT_EQ(outcome(asked), Outcome::not_found);
    ASSERT_TRUE(registry_->revoke_certificate(std::string(16, 'a')));
    asked.path = "SIP00247F000001.cfg";
    EXPECT_EQ(outcome(asked), Outcome::needs_proof);
    // A good password beside a bad certificate does not help.
    EXPECT_EQ(outcome(with_password(asked, "phone-one", "password of phone-one")), Outcome::needs_proof);
}

TEST_F(PipelineTest, who_took_a_root_file_and_then_proves_itself_is_thought_to_hold_its_roots) {
    const auto make_root = [&](const std::string& name) {
        crypto::CertificateRequest wanted;
        wanted.role = crypto::CertificateRole::root;
        wanted.common_name = name;
        wanted.not_before = clock_.wall_now();
        wanted.not_after = clock_.wall_now() + std::chrono::hours(24);
        const auto key = crypto::PrivateKey::generate(crypto::KeyType::p256).value();
        return crypto::make_root(wanted, key, random_).value();
    };
    const std::vector<crypto::Certificate> roots{make_root("old"), make_root("new")};
    put("trust/root.pem", "USER_KEYS", ContentClass::public_, crypto::format_bundle(roots));
    const auto held = [&] {
        std::vector<registry::DeviceAnchor> out;
        EXPECT_TRUE(registry_->list_anchors([&](const auto& anchor) {
            out.push_back(anchor);
            return true;
        }));
        return out;
    };

    const auto prove_itself = [&] {
        ask(with_password(request(Wire::https, "SIP00247F000001.cfg"), "phone-one", "password of phone-one"));
    };

    // Cut short, or by an address that proves a device only before it, or too late, it says nothing.
    auto cut = pipeline_->answer(request(Wire::tftp, "trust/root.pem"));
    pipeline_->record(std::move(cut.ticket), {.bytes = 10});
    prove_itself();
    ask(request(Wire::tftp, "trust/root.pem"));
    EXPECT_TRUE(held().empty());
    clock_.advance(AddressMemory::lifetime + std::chrono::seconds(1));
    prove_itself();
    EXPECT_TRUE(held().empty());

    ask(request(Wire::tftp, "trust/root.pem"));
    ask(request(Wire::tftp, "SIP00247F000001.cfg"));  // a name proves nothing
    ask(request(Wire::http, "SIP00247F000002.cfg"));
    EXPECT_TRUE(held().empty());
    prove_itself();
    const auto both = held();
    ASSERT_EQ(both.size(), 2u);
    for (const auto& anchor : both) {
        EXPECT_EQ(anchor.device, one_);
        EXPECT_EQ(anchor.evidence, registry::AnchorEvidence::fetched);
    }
}

TEST_F(PipelineTest, a_device_that_proves_itself_has_verified_the_servers_root) {
    shared_.installation.root = std::string(64, 'e');
    ask(with_password(request(Wire::https, "SIP00247F000001.cfg"), "phone-one", "wrong"));
    ask(with_password(request(Wire::https, "SIP00247F000001.cfg"), "phone-one", "password of phone-one"));
    std::vector<registry::DeviceAnchor> held;
    const auto collect = [&](const auto& anchor) {
        held.push_back(anchor);
        return true;
    };
    ASSERT_TRUE(registry_->list_anchors(collect));
    ASSERT_EQ(held.size(), 1u);
    EXPECT_EQ(held[0].device, one_);
    EXPECT_EQ(held[0].evidence, registry::AnchorEvidence::verified);
    EXPECT_EQ(held[0].at, clock_.wall_now());

    // Within a day it is not written again; after it, it is.
    const WallTime first = clock_.wall_now();
    for (const auto& [pause, noted] :
         {std::pair{std::chrono::hours(23), first}, std::pair{std::chrono::hours(1), first + std::chrono::hours(24)}}) {
        clock_.advance(pause);
        ask(with_password(request(Wire::https, "SIP00247F000001.cfg"), "phone-one", "password of phone-one"));
        held.clear();
        ASSERT_TRUE(registry_->list_anchors(collect));
        EXPECT_EQ(held.at(0).at, noted);
    }
}

TEST_F(PipelineTest, asking_for_ones_own_file_on_a_weaker_wire_after_https_is_an_event) {
    EXPECT_EQ(outcome(request(Wire::tftp, "SIP00247F000001.cfg")), Outcome::not_found);
    EXPECT_EQ(last_event().kind, EventKind::request);
    ask(with_password(request(Wire::https, "SIP00247F000001.cfg"), "phone-one", "password of phone-one"));
    EXPECT_EQ(outcome(request(Wire::tftp, "SIP00247F000001.cfg")), Outcome::not_found);
    EXPECT_EQ(last_event().kind, EventKind::downgrade);
    EXPECT_EQ(last_event().device, one_);
}

TEST_F(PipelineTest, an_event_tells_a_sets_user_agent_from_others) {
    Request asked = request(Wire::http, "1230SIP.cfg");
    asked.user_agent = "AVAYA/SIP12x0\xff/04.00.04.00";
    ask(asked);
    EXPECT_EQ(last_event().detail, "User-Agent AVAYA/SIP12x0\\xff/04.00.04.00");
    asked.user_agent = "curl/7.88.1";
    ask(asked);
    EXPECT_EQ(last_event().detail, "User-Agent curl/7.88.1, which no set sends");
}

registry::Window window_for(const char* network, const Clock& clock) {
    registry::Window window;
    window.closes = clock.wall_now() + std::chrono::minutes(30);
    window.networks = {Network::parse(network).value()};
    return window;
}

TEST_F(PipelineTest, a_window_opens_internal_content_on_its_networks_only_and_for_its_time_only) {
    ASSERT_TRUE(registry_->open_window(window_for("192.0.2.0/24", clock_)));
    EXPECT_EQ(outcome(request(Wire::tftp, "licence.lic")), Outcome::content);
    EXPECT_EQ(outcome(request(Wire::tftp, "SIP00247F000001.cfg")), Outcome::not_found);
    auto elsewhere = request(Wire::tftp, "licence.lic");
    elsewhere.source = IpAddress::parse("198.51.100.1").value();
    EXPECT_EQ(outcome(elsewhere), Outcome::not_found);
    clock_.advance(std::chrono::minutes(30));
    EXPECT_EQ(outcome(request(Wire::tftp, "licence.lic")), Outcome::not_found);
}

TEST_F(PipelineTest, a_window_lets_in_as_many_phones_as_it_says) {
    auto window = window_for("192.0.2.0/24", clock_);
    window.count = 2;
    ASSERT_TRUE(registry_->open_window(window));
    auto asked = request(Wire::tftp, "licence.lic");
    for (const auto* source : {"192.0.2.1", "192.0.2.2", "192.0.2.1"}) {
        asked.source = IpAddress::parse(source).value();
        EXPECT_EQ(outcome(asked), Outcome::content) << source;
    }
    asked.source = IpAddress::parse("192.0.2.3").value();
    EXPECT_EQ(outcome(asked), Outcome::not_found);
}

TEST_F(PipelineTest, made_up_macs_and_forged_senders_use_up_no_window) {
    auto window = window_for("192.0.2.0/24", clock_);
    window.count = 2;
    ASSERT_TRUE(registry_->open_window(window));
    // One address counts as one visitor, whatever it calls itself.
    for (const auto* invented : {"SIP0000000000A1.cfg", "SIP0000000000A2.cfg", "SIP0000000000A3.cfg"}) {
        ask(request(Wire::http, invented));
        EXPECT_EQ(outcome(request(Wire::http, "licence.lic")), Outcome::content) << invented;
    }
    // Who never answers a datagram counts as nobody.
    auto forged = request(Wire::tftp, "licence.lic");
    for (const auto* source : {"192.0.2.1", "192.0.2.2", "192.0.2.3"}) {
        forged.source = IpAddress::parse(source).value();
        const auto answer = pipeline_->answer(forged);
        EXPECT_EQ(answer.outcome, Outcome::content) << source;
        pipeline_->record(answer.ticket, {});
    }
    EXPECT_EQ(registry_->list_windows(1)->front().used, 1U);

    // Three ask at once for the last place: the first that answers has it.
    std::vector<Answer> answers;
    for (const auto* source : {"192.0.2.1", "192.0.2.2", "192.0.2.3"}) {
        forged.source = IpAddress::parse(source).value();
        answers.push_back(pipeline_->answer(forged));
    }
    EXPECT_TRUE(pipeline_->confirm(answers[1].ticket));
    EXPECT_TRUE(pipeline_->confirm(answers[1].ticket)) << "once is enough";
    EXPECT_FALSE(pipeline_->confirm(answers[0].ticket));
    pipeline_->record(answers[0].ticket, {});
    EXPECT_EQ(last_event().outcome, "refused");
    EXPECT_EQ(last_event().detail, "window 1 is full");
    forged.source = IpAddress::parse("192.0.2.9").value();
    EXPECT_EQ(outcome(forged), Outcome::not_found);
    EXPECT_NE(last_event().detail.find("window 1 is full"), std::string::npos);
}

TEST_F(PipelineTest, sets_of_the_inventory_behind_one_address_count_each) {
    auto window = window_for("192.0.2.0/24", clock_);
    window.count = 1;
    ASSERT_TRUE(registry_->open_window(window));
    ask(request(Wire::http, "SIP00247F000001.cfg"));
    EXPECT_EQ(outcome(request(Wire::http, "licence.lic")), Outcome::content);
    ask(request(Wire::http, "SIP00247F000002.cfg"));
    EXPECT_EQ(outcome(request(Wire::http, "licence.lic")), Outcome::not_found);
    ask(request(Wire::http, "SIP00247F000001.cfg"));
    EXPECT_EQ(outcome(request(Wire::http, "licence.lic")), Outcome::content);
}

TEST_F(PipelineTest, a_window_for_named_devices_waits_until_the_address_names_one) {
    auto window = window_for("192.0.2.0/24", clock_);
    window.devices = {one_};
    ASSERT_TRUE(registry_->open_window(window));
    EXPECT_EQ(outcome(request(Wire::tftp, "licence.lic")), Outcome::not_found);
    EXPECT_EQ(outcome(request(Wire::tftp, "SIP00247F000001.cfg")), Outcome::not_found);
    EXPECT_EQ(outcome(request(Wire::tftp, "licence.lic")), Outcome::content);
}

TEST_F(PipelineTest, the_bootstrap_login_stands_in_the_manifest_only_inside_a_window_that_hands_it_out) {
    registry::Site site;
    site.name = "berlin";
    site.networks = {Network::parse("192.0.2.0/24").value()};
    ASSERT_TRUE(registry_->add_site(site));
    registry::Login login = login_of(one_, "staging", "canary-bootstrap", realm);
    login.device.reset();
    login.site = "berlin";
    ASSERT_TRUE(registry_->store_login(login, Secret("canary-bootstrap")));
    const auto manifest = [&] { return std::string(ask(request(Wire::tftp, "1230SIP.cfg")).body.view()); };
    EXPECT_EQ(manifest().find("canary"), std::string::npos);
    auto window = window_for("192.0.2.0/24", clock_);
    ASSERT_TRUE(registry_->open_window(window));
    EXPECT_EQ(manifest().find("canary"), std::string::npos);
    window.hands_out_login = true;
    window.count = 1;
    ASSERT_TRUE(registry_->open_window(window));
    const auto inside = manifest();
    EXPECT_NE(inside.find("canary-bootstrap"), std::string::npos);
    EXPECT_EQ(inside.find("canary-sip-password"), std::string::npos);

    // That login opens internal content and no device's file.
    EXPECT_EQ(outcome(with_password(request(Wire::https, "licence.lic"), "staging", "canary-bootstrap")),
              Outcome::content);
    EXPECT_EQ(outcome(with_password(request(Wire::https, "SIP00247F000001.cfg"), "staging", "canary-bootstrap")),
              Outcome::not_found);

    // Full: the next phone gets the plain manifest, not a refusal.
    auto late = request(Wire::tftp, "1230SIP.cfg");
    late.source = IpAddress::parse("192.0.2.78").value();
    const auto plain = ask(late);
    EXPECT_EQ(plain.outcome, Outcome::content);
    EXPECT_EQ(plain.body.view().find("canary"), std::string::npos);
}

TEST_F(PipelineTest, a_raw_device_file_wins_over_the_rendered_one_and_is_as_secret) {
    registry::FileRecord file;
    file.path = "SIP00247F000001.cfg";
    file.content_class = ContentClass::secret;
    file.owner = one_;
    ASSERT_TRUE(registry_->put_file(file, "BANNER raw\n"));
    EXPECT_EQ(ask(with_password(request(Wire::https, "SIP00247f000001.cfg"), "phone-one", "password of phone-one"))
                  .body.view(),
              "BANNER raw\n");
    EXPECT_EQ(outcome(with_password(request(Wire::https, "SIP00247F000001.cfg"), "phone-two", "password of phone-two")),
              Outcome::not_found);
    EXPECT_EQ(outcome(request(Wire::tftp, "SIP00247F000001.cfg")), Outcome::not_found);
}

TEST_F(PipelineTest, the_legacy_lane_serves_its_models_until_it_closes) {
    LanePolicy lane{.models = {"1220"}};
    auto asked =
        with_password(request(Wire::https_legacy, "SIP00247F000001.cfg"), "phone-one", "password of phone-one");
    asked.lane = &lane;
    EXPECT_EQ(outcome(asked), Outcome::not_found);
    lane.models = {"1220", "1230"};
    EXPECT_EQ(outcome(asked), Outcome::content);
    lane.closes = clock_.wall_now();
    EXPECT_EQ(outcome(asked), Outcome::not_found);
}

TEST_F(PipelineTest, a_manifest_without_a_model_in_its_name_is_made_for_the_model_of_who_proved_itself) {
    ASSERT_TRUE(registry_->set_setting({Layer::model, "1230"}, "SNTP_SERVER", Secret("192.0.2.9")));
    auto asked = with_password(request(Wire::https, "12xxSIP.cfg"), "phone-one", "password of phone-one");
    EXPECT_NE(ask(asked).body.view().find("FILENAME common/1230.cfg\n"), std::string_view::npos);
    EXPECT_EQ(ask(asked).body.view(), ask(request(Wire::https, "1230SIP.cfg")).body.view());
    EXPECT_NE(ask(request(Wire::https, "12xxSIP.cfg")).body.view().find("FILENAME common/any.cfg\n"),
              std::string_view::npos);
    // Its model may stand on the legacy lane.
    shared_.installation.legacy_lane = LanePolicy{.models = {"1230"}, .server = "192.0.2.2"};
    EXPECT_NE(ask(asked).body.view().find("SERVER_IP 192.0.2.2\n"), std::string_view::npos);
}

TEST_F(PipelineTest, a_manifest_without_firmware_says_so) {
    for (const auto* name : {"12xxBoot.cfg", "1230Boot.cfg", "1230.cfg"}) {
        const auto answer = ask(request(Wire::tftp, name));
        const auto text = answer.body.view();
        EXPECT_EQ(text.front(), '#') << name;
        EXPECT_LE(text.size(), phonefile::max_line_written + 1);
        const auto reading = phonefile::parse_manifest_as_phone(text).value();
        EXPECT_TRUE(reading.dropped.empty() && reading.manifest.sections.empty()) << name;
    }
}

TEST_F(PipelineTest, a_manifest_that_cannot_be_rendered_is_found_before_a_phone_asks) {
    registry::Site site;
    site.name = "berlin";
    site.networks = {Network::parse("192.0.2.0/24").value()};
    site.server = std::string(80, 'a');
    ASSERT_TRUE(registry_->add_site(site));
    const auto catalogue = registry_->catalogue().value();
    const Delivery delivery{avaya(), shared_.installation, *catalogue, *lookup_};
    EXPECT_TRUE(check_announcements(delivery, "1230", nullptr, clock_.wall_now()));
    const auto checked = check_announcements(delivery, "1230", &catalogue->sites[0], clock_.wall_now());
    ASSERT_FALSE(checked);
    EXPECT_NE(checked.error().message.find("SERVER_IP"), std::string::npos);
    EXPECT_EQ(outcome(request(Wire::tftp, "1230SIP.cfg")), Outcome::unavailable);
}

TEST_F(PipelineTest, a_replayed_digest_is_stale_and_opens_nothing) {
    auto asked = request(Wire::https, "SIP00247F000001.cfg");
    asked.authorization = digest("phone-one", "password of phone-one", nonces_.issue(clock_.steady_now()), asked.path);
    EXPECT_EQ(outcome(asked), Outcome::content);
    const auto replayed = ask(asked);
    EXPECT_EQ(replayed.outcome, Outcome::needs_proof);
    EXPECT_TRUE(replayed.stale_nonce);
}

TEST_F(PipelineTest, three_thousand_phones_behind_one_address_are_all_served) {
    for (int i = 0; i < 3000; ++i) {
        const auto mac =
            MacAddress::parse(
                to_upper("00247fa0" + to_hex(std::string{static_cast<char>(i >> 8), static_cast<char>(i)})))
                .value();
        add_device(mac, "phone" + std::to_string(i));
    }
    for (int i = 0; i < 3000; ++i) {
        const std::string user = "phone" + std::to_string(i);
        const std::string path =
            "SIP" + to_upper("00247fa0" + to_hex(std::string{static_cast<char>(i >> 8), static_cast<char>(i)})) +
            ".cfg";
        ASSERT_EQ(outcome(request(Wire::tftp, "1230SIP.cfg")), Outcome::content);
        ASSERT_EQ(outcome(request(Wire::https, path)), Outcome::needs_proof);
        ASSERT_EQ(outcome(with_password(request(Wire::https, path), user, "password of " + user)), Outcome::content);
        clock_.advance(Duration(20));
    }
}

TEST_F(PipelineTest, a_downgrade_is_recorded_for_a_raw_file_too_and_through_any_noise) {
    registry::FileRecord file;
    file.path = "SIP00247F000001.cfg";
    file.content_class = ContentClass::secret;
    file.owner = one_;
    ASSERT_TRUE(registry_->put_file(file, "BANNER raw\n"));
    ask(with_password(request(Wire::https, "SIP00247F000001.cfg"), "phone-one", "password of phone-one"));
    for (int i = 0; i < 200; ++i) ask(request(Wire::tftp, "nothing"));
    ask(request(Wire::tftp, "SIP00247F000001.cfg"));
    EXPECT_EQ(last_event().kind, EventKind::downgrade);
    EXPECT_EQ(last_event().device, one_);
    ask(with_password(request(Wire::https, "SIP00247F000002.cfg"), "phone-two", "wrong"));
    EXPECT_EQ(last_event().kind, EventKind::login_failed);
    EXPECT_EQ(last_event().device, two_);
}

TEST_F(PipelineTest, a_site_login_that_opens_nothing_is_recorded_and_its_site_decides_on_a_lane) {
    registry::Site site;
    site.name = "berlin";
    ASSERT_TRUE(registry_->add_site(site));
    registry::Login login = login_of(one_, "staging", "bootstrap", realm);
    login.device.reset();
    login.site = "berlin";
    ASSERT_TRUE(registry_->store_login(login, Secret("bootstrap")));
    auto asked = with_password(request(Wire::https, "SIP00247F000001.cfg"), "staging", "bootstrap");
    EXPECT_EQ(outcome(asked), Outcome::not_found);
    EXPECT_EQ(last_event().proof, "site-login");
    asked.wire = Wire::https_legacy;
    asked.path = "licence.lic";
    LanePolicy lane{.models = {"1230"}, .sites = {"hamburg"}};
    asked.lane = &lane;
    EXPECT_EQ(outcome(asked), Outcome::not_found);
    lane.sites = {"berlin"};
    EXPECT_EQ(outcome(asked), Outcome::content);
}

TEST_F(PipelineTest, a_full_window_does_not_hide_another_that_is_open) {
    auto window = window_for("192.0.2.0/24", clock_);
    window.count = 1;
    window.hands_out_login = true;
    ASSERT_TRUE(registry_->open_window(window));
    ASSERT_TRUE(registry_->open_window(window_for("192.0.2.0/24", clock_)));
    auto asked = request(Wire::tftp, "licence.lic");
    for (const auto* source : {"192.0.2.1", "192.0.2.2", "192.0.2.3"}) {
        asked.source = IpAddress::parse(source).value();
        EXPECT_EQ(outcome(asked), Outcome::content) << source;
    }
}

TEST_F(PipelineTest, a_made_up_nonce_does_not_confirm_the_password_of_a_device_that_must_show_its_certificate) {
    auto certified = registry_->find_device(one_).value().value();
    certified.requires_certificate = true;
    ASSERT_TRUE(registry_->update_device(certified));
    auto asked = request(Wire::https, "SIP00247F000001.cfg");
    asked.authorization = digest("phone-one", "password of phone-one", "made-up", asked.path);
    const auto answer = ask(asked);
    EXPECT_EQ(answer.outcome, Outcome::needs_proof);
    EXPECT_FALSE(answer.stale_nonce);
}

TEST_F(PipelineTest, no_event_holds_a_secret) {
    ask(with_password(request(Wire::https, "SIP00247F000001.cfg"), "phone-one", "canary-wrong-password"));
    ask(with_password(request(Wire::https, "SIP00247F000001.cfg"), "phone-one", "password of phone-one"));
    for (const auto& event : events_.events)
        for (const auto& text : {event.path, event.outcome, event.detail, event.source, event.site})
            EXPECT_EQ(text.find("canary"), std::string::npos);
}

TEST_F(PipelineTest, a_miss_storm_is_summed_up) {
    for (int i = 0; i < 500; ++i)
        ask(request(
            Wire::tftp,
            "SIP00247F00" + to_upper(to_hex(std::string{static_cast<char>(i >> 8), static_cast<char>(i)})) + ".cfg"));
    EXPECT_EQ(count_events(EventKind::request), recorded_misses.burst);
    clock_.advance(recorded_misses.refill);
    ask(request(Wire::tftp, "SIP00247F00FFFF.cfg"));
    EXPECT_EQ(events_.events[events_.events.size() - 2].kind, EventKind::misses);
}

TEST_F(PipelineTest, public_files_that_one_address_asks_for_without_end_are_counted_in_one_event) {
    constexpr std::size_t more = 100;
    for (std::size_t i = 0; i < recorded_deliveries.burst + more; ++i) ask(request(Wire::http, "fw/load.bin"));
    EXPECT_EQ(events_.events.size(), recorded_deliveries.burst);
    ask(with_password(request(Wire::https, "fw/load.bin"), "phone-one", "password of phone-one"));
    EXPECT_EQ(events_.events.size(), recorded_deliveries.burst + 1);
    EXPECT_EQ(last_event().proof, "device-password");
    clock_.advance(recorded_deliveries.refill);
    ask(request(Wire::http, "fw/load.bin"));
    const auto& summary = events_.events[events_.events.size() - 2];
    EXPECT_EQ(summary.kind, EventKind::misses);
    EXPECT_EQ(summary.outcome, "delivered");
    EXPECT_EQ(summary.detail, std::to_string(more) +
                                  " more requests for public files were counted and not recorded "
                                  "singly");
    EXPECT_EQ(last_event().outcome, "delivered");
}

TEST_F(PipelineTest, etags_follow_the_content) {
    const auto before = ask(request(Wire::http, "common/1230.cfg")).etag;
    EXPECT_EQ(ask(request(Wire::http, "common/1230.cfg")).etag, before);
    ASSERT_TRUE(registry_->set_setting({Layer::global, ""}, "SNTP_SERVER", Secret("192.0.2.2")));
    EXPECT_NE(ask(request(Wire::http, "common/1230.cfg")).etag, before);
}

TEST_F(PipelineTest, a_preview_masks_what_a_device_gets_in_clear) {
    const auto catalogue = registry_->catalogue().value();
    const Delivery delivery{avaya(), shared_.installation, *catalogue, *lookup_};
    const auto masked = preview(delivery, one_, "", Reveal::masked).value();
    EXPECT_EQ(masked.find("canary"), std::string::npos);
    EXPECT_NE(masked.find("AUTOLOGIN_PASSWD_KEY01 ********"), std::string::npos);
    EXPECT_NE(preview(delivery, one_, "", Reveal::clear).value().find("canary-sip-password"), std::string::npos);
    EXPECT_NE(preview(delivery, one_, "1230SIP.cfg", Reveal::masked).value().find("[USER_CONFIG]"), std::string::npos);
    EXPECT_EQ(preview(delivery, one_, "SIP00247F000002.cfg", Reveal::clear).error().code, FaultCode::not_found);
    EXPECT_EQ(preview(delivery, stranger_, "", Reveal::clear).error().code, FaultCode::not_found);
}

// A certificate of one_ waits as a file that is fetched once, inside a window.
class OneTimeTest : public PipelineTest {
protected:
    OneTimeTest() {
        fingerprint_ = certify(one_, 'a');
        put_once();
        EXPECT_TRUE(registry_->open_window(window_for("192.0.2.0/24", clock_)));
    }

    void put_once() {
        registry::OneTimeFile file{.path = certificate_path(one_), .section = "DEV_CERT", .device = one_};
        file.certificate = fingerprint_;
        file.created = clock_.wall_now();
        file.expires = clock_.wall_now() + std::chrono::hours(1);
        ASSERT_TRUE(registry_->put_one_time_file(file, "pkcs12"));
    }

    Request from(const char* source, Wire wire = Wire::http) const {
        Request out = request(wire, certificate_path(one_));
        out.source = IpAddress::parse(source).value();
        return out;
    }

    bool is_revoked() { return registry_->find_certificate(fingerprint_).value()->revoked.has_value(); }

    const Request phone_ = from("192.0.2.7");
    const Request other_ = from("192.0.2.8");
    std::string fingerprint_;
};

TEST_F(OneTimeTest, its_set_fetches_it_inside_a_window_and_again_within_the_grace) {
    const auto answer = ask(phone_);
    ASSERT_EQ(answer.outcome, Outcome::content);
    EXPECT_EQ(answer.body.view(), "pkcs12");
    EXPECT_EQ(last_event().outcome, "delivered");
    EXPECT_EQ(last_event().device, one_);
    clock_.advance(registry::one_time_grace - Duration(1));
    EXPECT_EQ(outcome(phone_), Outcome::content);
    clock_.advance(Duration(1));
    EXPECT_EQ(outcome(phone_), Outcome::not_found);
    EXPECT_EQ(count_events(EventKind::alarm), 1U);
    EXPECT_NE(last_event().detail.find("still holds"), std::string::npos) << last_event().detail;
    EXPECT_FALSE(is_revoked());
    EXPECT_EQ(outcome(phone_), Outcome::not_found);
    EXPECT_EQ(last_event().kind, EventKind::request) << "told once";
}

TEST_F(OneTimeTest, outside_a_window_it_opens_to_its_own_device_over_https_only) {
    Request elsewhere = from("198.51.100.7");
    for (const Wire wire : every_wire) {
        elsewhere.wire = wire;
        EXPECT_EQ(outcome(elsewhere), trust::is_https(wire) ? Outcome::needs_proof : Outcome::not_found);
    }
    EXPECT_EQ(outcome(from("192.0.2.7", Wire::https)), Outcome::needs_proof) << "nor inside one without a proof";
    elsewhere.wire = Wire::https;
    EXPECT_EQ(outcome(with_password(elsewhere, "phone-two", "password of phone-two")), Outcome::not_found);
    EXPECT_EQ(outcome(with_password(elsewhere, "phone-one", "password of phone-one")), Outcome::content);
    EXPECT_EQ(count_events(EventKind::alarm), 0U);
}

TEST_F(OneTimeTest, a_second_asker_burns_it_and_the_certificate_and_alarms) {
    EXPECT_EQ(outcome(phone_), Outcome::content);
    EXPECT_EQ(outcome(other_), Outcome::not_found);
    EXPECT_EQ(last_event().kind, EventKind::alarm);
    EXPECT_EQ(last_event().outcome, "one-time-file");
    EXPECT_EQ(last_event().device, one_);
    EXPECT_EQ(last_event().source, "192.0.2.8");
    EXPECT_NE(last_event().detail.find("192.0.2.7 fetched it"), std::string::npos) << last_event().detail;
    EXPECT_NE(last_event().detail.find("is revoked"), std::string::npos) << last_event().detail;
    EXPECT_TRUE(is_revoked());
    EXPECT_EQ(outcome(phone_), Outcome::not_found);
    // Later tries are alarms too, but they do not fill the log.
    for (int i = 0; i < 500; ++i) EXPECT_EQ(outcome(other_), Outcome::not_found);
    EXPECT_GT(count_events(EventKind::alarm), 10U);
    EXPECT_LT(count_events(EventKind::alarm), 100U);
}

TEST_F(OneTimeTest, a_forged_datagram_claims_nothing) {
    const auto unheard = pipeline_->answer(from("192.0.2.66", Wire::tftp));
    EXPECT_EQ(unheard.outcome, Outcome::content);
    pipeline_->record(unheard.ticket, {});
    EXPECT_EQ(ask(from("192.0.2.7", Wire::tftp)).outcome, Outcome::content);

    auto second = pipeline_->answer(from("192.0.2.8", Wire::tftp));
    EXPECT_EQ(second.outcome, Outcome::content);
    EXPECT_FALSE(is_revoked());
    EXPECT_FALSE(pipeline_->confirm(second.ticket));
    pipeline_->record(second.ticket, {});
    EXPECT_EQ(last_event().kind, EventKind::alarm);
    EXPECT_TRUE(is_revoked());
    EXPECT_EQ(outcome(from("192.0.2.7", Wire::tftp)), Outcome::not_found) << "burned: not even its beginning goes out";
}

TEST_F(OneTimeTest, of_two_transfers_at_once_the_first_that_is_heard_has_it) {
    auto one = pipeline_->answer(from("192.0.2.7", Wire::tftp));
    auto two = pipeline_->answer(from("192.0.2.8", Wire::tftp));
    EXPECT_TRUE(pipeline_->confirm(two.ticket));
    EXPECT_TRUE(pipeline_->confirm(two.ticket)) << "every datagram of one transfer is one fetch";
    EXPECT_FALSE(pipeline_->confirm(one.ticket));
}

TEST_F(OneTimeTest, a_cut_transfer_may_be_repeated_and_who_only_asks_claims_nothing) {
    Request head = other_;
    head.only_asks = true;
    EXPECT_EQ(outcome(head), Outcome::content);
    EXPECT_TRUE(registry_->find_one_time_file(certificate_path(one_)).value()->fetched_by.empty());
    for (int i = 0; i < 3; ++i) {
        const auto answer = pipeline_->answer(phone_);
        EXPECT_EQ(answer.outcome, Outcome::content);
        pipeline_->record(answer.ticket, {.bytes = 3});
        clock_.advance(std::chrono::minutes(5));
    }
    EXPECT_EQ(outcome(head), Outcome::content);
    EXPECT_FALSE(registry_->find_one_time_file(certificate_path(one_)).value()->handed_over);
    EXPECT_EQ(outcome(phone_), Outcome::content);
    clock_.advance(std::chrono::hours(1));
    EXPECT_EQ(outcome(phone_), Outcome::not_found);
}

TEST_F(OneTimeTest, what_expired_unfetched_is_no_alarm) {
    clock_.advance(std::chrono::hours(1));
    ASSERT_TRUE(registry_->open_window(window_for("192.0.2.0/24", clock_)));
    EXPECT_EQ(outcome(phone_), Outcome::not_found);
    EXPECT_EQ(last_event().kind, EventKind::request);
    EXPECT_NE(last_event().detail.find("expired"), std::string::npos) << last_event().detail;
    EXPECT_FALSE(is_revoked());
}

TEST_F(OneTimeTest, a_set_that_shows_the_very_certificate_is_told_nothing_and_is_no_alarm) {
    EXPECT_EQ(outcome(phone_), Outcome::content);
    Request again = from("192.0.2.99", Wire::https);
    again.certificate_fingerprint = fingerprint_;
    EXPECT_EQ(outcome(again), Outcome::not_found);
    EXPECT_EQ(count_events(EventKind::alarm), 0U);
    EXPECT_FALSE(is_revoked());
}

TEST_F(OneTimeTest, a_window_for_named_devices_opens_theirs_only) {
    ASSERT_TRUE(registry_->close_window(1));
    auto window = window_for("192.0.2.0/24", clock_);
    window.devices = {two_};
    ASSERT_TRUE(registry_->open_window(window));
    ask(request(Wire::tftp, "SIP00247F000002.cfg"));
    Request asked = phone_;
    asked.source = request(Wire::tftp, "").source;
    EXPECT_EQ(outcome(asked), Outcome::not_found) << "whatever the address asked for before";
    window.devices = {one_};
    ASSERT_TRUE(registry_->open_window(window));
    EXPECT_EQ(outcome(asked), Outcome::content) << "it names its device itself";
}

TEST_F(OneTimeTest, the_manifest_names_it_while_it_waits) {
    Request manifest = request(Wire::http, "1230SIP.cfg");
    const auto inside = std::string(ask(manifest).body.view());
    EXPECT_NE(inside.find("PROTOCOL HTTP\nPROFILE 1\nPURPOSE -1\nFILENAME cert/*.p12\n"), std::string::npos) << inside;
    manifest.source = IpAddress::parse("198.51.100.7").value();
    const auto outside = std::string(ask(manifest).body.view());
    EXPECT_NE(outside.find("[DEV_CERT]\nDOWNLOAD_MODE AUTO\n"), std::string::npos) << outside;
    EXPECT_EQ(outside.find("PROTOCOL HTTP\nPROFILE"), std::string::npos) << outside;
    clock_.advance(std::chrono::hours(1));
    EXPECT_EQ(ask(manifest).body.view().find("[DEV_CERT]"), std::string::npos);
}

TEST_F(OneTimeTest, files_that_are_there_and_not_cost_the_same_look_ups) {
    const auto there = look_ups_for(from("198.51.100.7"));
    for (const auto& mac : {two_, stranger_}) {
        Request absent = from("198.51.100.7");
        absent.path = certificate_path(mac);
        EXPECT_EQ(look_ups_for(absent), there) << mac.colons();
    }
}

TEST_F(OneTimeTest, a_retired_device_has_none_and_a_preview_shows_none) {
    const auto catalogue = registry_->catalogue().value();
    const Delivery delivery{avaya(), shared_.installation, *catalogue, *lookup_};
    EXPECT_EQ(preview(delivery, one_, certificate_path(one_), Reveal::clear).error().code, FaultCode::not_found);
    ASSERT_TRUE(registry_->set_device_state(one_, registry::DeviceState::retired));
    EXPECT_EQ(outcome(phone_), Outcome::not_found);
}

TEST(one_time_path, is_one_devices_and_back) {
    const auto mac = MacAddress::parse("00247F0102AB").value();
    EXPECT_EQ(certificate_path(mac), "cert/00247F0102AB.p12");
    EXPECT_EQ(parse_certificate_path("cert/00247F0102AB.p12"), mac);
    EXPECT_EQ(parse_certificate_path("cert/00247f0102ab.p12"), mac);
    for (const auto* path :
         {"", "cert/.p12", "cert/*.p12", "cert/00247F0102A.p12", "cert/00247F0102ABC.p12", "cert/00247F0102AG.p12",
          "cert/00:24:7F:01.p12", "Cert/00247F0102AB.p12", "00247F0102AB.p12", "cert/00247F0102AB.P12"})
        EXPECT_FALSE(parse_certificate_path(path)) << path;
}

}  // namespace
}  // namespace ringfence::delivery
