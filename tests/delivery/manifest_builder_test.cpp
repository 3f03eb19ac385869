#include "delivery/manifest_builder.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "delivery/settings.h"

namespace ringfence::delivery {
namespace {

using phonefile::DownloadMode;
using phonefile::Manifest;
using phonefile::Section;
using phonefile::SectionKind;
using registry::Catalogue;
using registry::FileRecord;
using registry::Layer;
using registry::Setting;
using trust::ContentClass;

const family::Family& avaya() {
    static const family::Family instance = family::Family::load(RINGFENCE_SOURCE_DIR "/families/avaya-1200").value();
    return instance;
}

FileRecord file(std::string path, std::string section, ContentClass content_class, std::string version = "000101") {
    FileRecord out;
    out.path = std::move(path);
    out.section = std::move(section);
    out.content_class = content_class;
    out.version = std::move(version);
    return out;
}

const Installation installation{.host = "prov.example.net", .address = "192.0.2.1", .realm = "r", .legacy_lane = {}};

Catalogue staged() {
    Catalogue out;
    out.files = {file("fw/SIP12x004.04.09.00.bin", "FW", ContentClass::public_, "SIP12x004.04.09.00"),
                 file("lang/French.lng", "LANGUAGE", ContentClass::public_),
                 file("lang/German.lng", "LANGUAGE", ContentClass::public_),
                 file("licence.lic", "LICENSING", ContentClass::internal),
                 file("trust/root.pem", "USER_KEYS", ContentClass::public_)};
    out.settings[{Layer::global, ""}] = {{"SNTP_SERVER", Secret("192.0.2.1")}};
    out.section_versions = {{"USER_KEYS", 7}, {"LANGUAGE", 2023081502}, {"DEVICE_CONFIG", 9}};
    return out;
}

const Section* find(const Manifest& manifest, SectionKind kind) {
    const auto found = std::find_if(manifest.sections.begin(), manifest.sections.end(),
                                    [&](const Section& section) { return section.kind == kind; });
    return found == manifest.sections.end() ? nullptr : &*found;
}

TEST(manifest_builder, certificates_that_wait_are_announced_for_every_set_by_its_mac) {
    Catalogue catalogue = staged();
    auto by_hand = file("cert/phone-00247F000001.p12", "DEV_CERT", ContentClass::secret);
    by_hand.site = "berlin";
    by_hand.owner = MacAddress::parse("00247F000001").value();
    catalogue.files.insert(catalogue.files.begin(), by_hand);
    catalogue.section_versions["DEV_CERT"] = 12;
    Viewpoint viewpoint{.model = "1230", .protocol = Protocol::http};
    EXPECT_EQ(find(build_manifest(avaya(), catalogue, installation, viewpoint), SectionKind::dev_cert), nullptr);

    viewpoint.offers_certificate = true;
    const auto outside = build_manifest(avaya(), catalogue, installation, viewpoint);
    const auto* section = find(outside, SectionKind::dev_cert);
    ASSERT_NE(section, nullptr);
    EXPECT_EQ(section->filenames, std::vector<std::string>{"cert/*.p12"});
    EXPECT_EQ(section->version, "000012");
    EXPECT_EQ(section->download_mode, DownloadMode::automatic) << "also where the files put by hand differ by site";
    EXPECT_EQ(section->protocol, Protocol::https);
    EXPECT_EQ(section->server, "192.0.2.1");

    viewpoint.inside_window = true;
    const auto inside = build_manifest(avaya(), catalogue, installation, viewpoint);
    EXPECT_EQ(find(inside, SectionKind::dev_cert)->protocol, Protocol::http);
    EXPECT_EQ(find(inside, SectionKind::dev_cert)->server, "");
    EXPECT_EQ(find(inside, SectionKind::user_config)->protocol, Protocol::https);
}

TEST(manifest_builder, order_protocols_and_versions_follow_the_files) {
    const auto manifest = build_manifest(avaya(), staged(), installation, {.model = "1230"});
    std::vector<SectionKind> kinds;
    for (const auto& section : manifest.sections) kinds.push_back(section.kind);
    EXPECT_EQ(kinds,
              (std::vector<SectionKind>{SectionKind::user_keys, SectionKind::device_config, SectionKind::user_config,
                                        SectionKind::fw, SectionKind::licensing, SectionKind::language}));

    EXPECT_EQ(find(manifest, SectionKind::user_keys)->protocol, Protocol::tftp);
    EXPECT_EQ(find(manifest, SectionKind::user_keys)->version, "000007");
    EXPECT_EQ(find(manifest, SectionKind::device_config)->filenames, std::vector<std::string>{"common/1230.cfg"});
    const auto* user_config = find(manifest, SectionKind::user_config);
    EXPECT_EQ(user_config->download_mode, DownloadMode::forced);
    EXPECT_EQ(user_config->protocol, Protocol::https);
    EXPECT_EQ(user_config->server, "192.0.2.1");
    EXPECT_EQ(find(manifest, SectionKind::fw)->version, "SIP12x004.04.09.00");
    EXPECT_EQ(find(manifest, SectionKind::fw)->download_mode, DownloadMode::automatic);
    EXPECT_EQ(find(manifest, SectionKind::language)->filenames.size(), 2U);
    EXPECT_TRUE(find(manifest, SectionKind::language)->delete_files);
    EXPECT_EQ(find(manifest, SectionKind::language)->version, "2023081502");
    EXPECT_EQ(find(manifest, SectionKind::licensing)->protocol, Protocol::https);

    const auto text = phonefile::format_manifest(manifest).value();
    const auto reading = phonefile::parse_manifest_as_phone(text).value();
    EXPECT_TRUE(reading.dropped.empty());
    EXPECT_EQ(reading.manifest, manifest);
}

TEST(manifest_builder, no_section_shows_a_version_below_the_floor) {
    Catalogue catalogue = staged();
    catalogue.version_floor = 2023081501;
    const auto manifest = build_manifest(avaya(), catalogue, installation, {.model = "1230"});
    EXPECT_EQ(find(manifest, SectionKind::user_config)->version, "2023081501");
    EXPECT_EQ(find(manifest, SectionKind::language)->version, "2023081502");
    EXPECT_EQ(find(manifest, SectionKind::fw)->version, "SIP12x004.04.09.00");
}

TEST(manifest_builder, the_time_server_is_told_before_anything_by_https) {
    Catalogue catalogue = staged();
    catalogue.files.push_back(file("zz/policy.txt", "SEC_POLICY", ContentClass::internal));
    const auto manifest = build_manifest(avaya(), catalogue, installation, {.model = "1230"});
    bool https_seen = false;
    for (const auto& section : manifest.sections) {
        https_seen = https_seen || section.protocol == Protocol::https;
        if (section.kind == SectionKind::device_config) {
            EXPECT_FALSE(https_seen);
        }
    }
    EXPECT_TRUE(https_seen);
}

TEST(manifest_builder, public_files_go_the_way_the_manifest_was_asked) {
    for (const auto protocol : {Protocol::tftp, Protocol::ftp, Protocol::http, Protocol::https}) {
        const auto manifest = build_manifest(avaya(), staged(), installation, {.model = "1230", .protocol = protocol});
        EXPECT_EQ(find(manifest, SectionKind::fw)->protocol, protocol);
        EXPECT_EQ(find(manifest, SectionKind::user_config)->protocol, Protocol::https);
    }
}

TEST(manifest_builder, a_site_brings_its_server_its_files_and_its_settings) {
    Catalogue catalogue = staged();
    registry::Site site;
    site.name = "berlin";
    site.server = "prov-berlin.example.net";
    catalogue.sites = {site};
    auto local = file("lang/French.lng", "LANGUAGE", ContentClass::public_);
    local.site = "berlin";
    catalogue.files.push_back(local);
    std::sort(catalogue.files.begin(), catalogue.files.end(),
              [](const auto& a, const auto& b) { return std::tie(a.path, b.site) < std::tie(b.path, a.site); });
    catalogue.settings[{Layer::site, "berlin"}] = {{"SNTP_SERVER", Secret("198.51.100.1")}};

    const Viewpoint here{.model = "1230", .site = &catalogue.sites[0]};
    const auto manifest = build_manifest(avaya(), catalogue, installation, here);
    EXPECT_EQ(find(manifest, SectionKind::user_config)->server, "prov-berlin.example.net");
    const auto* common = find(manifest, SectionKind::device_config);
    EXPECT_EQ(common->filenames, std::vector<std::string>{"common/1230-berlin.cfg"});
    // A phone carried here from another site holds that site's version, perhaps a higher one.
    EXPECT_EQ(common->download_mode, DownloadMode::forced);
    EXPECT_EQ(find(manifest, SectionKind::language)->filenames.size(), 2U);
    EXPECT_EQ(find_file(catalogue, "lang/French.lng", "1230", "berlin")->site, "berlin");
    EXPECT_EQ(find_file(catalogue, "lang/French.lng", "1230", "")->site, "");
}

TEST(manifest_builder, files_of_another_model_are_not_announced) {
    Catalogue catalogue = staged();
    for (auto& record : catalogue.files)
        if (record.section == "FW") record.model = "1220";
    EXPECT_EQ(find(build_manifest(avaya(), catalogue, installation, {.model = "1230"}), SectionKind::fw), nullptr);
    EXPECT_EQ(find(build_manifest(avaya(), catalogue, installation, {.model = ""}), SectionKind::fw), nullptr);
    EXPECT_NE(find(build_manifest(avaya(), catalogue, installation, {.model = "1220"}), SectionKind::fw), nullptr);
}

TEST(manifest_builder, firmware_is_announced_to_the_models_that_it_suits_only) {
    Catalogue catalogue = staged();
    const auto announced = [&](const std::string& model) {
        const auto manifest = build_manifest(avaya(), catalogue, installation, {.model = model});
        const auto boot = build_boot_manifest(avaya(), catalogue, {.model = model});
        const auto conversion = build_conversion_manifest(avaya(), catalogue, {.model = model});
        const auto* section = find(manifest, SectionKind::fw);
        EXPECT_EQ(boot.sections.empty(), section == nullptr) << model;
        EXPECT_EQ(conversion.sections.empty(), section == nullptr) << model;
        return section == nullptr ? "" : section->version;
    };
    for (const auto* model : {"1210", "1220", "1230", ""}) EXPECT_EQ(announced(model), "SIP12x004.04.09.00") << model;
    for (const auto* model : {"1120e", "1140e", "1165e"}) EXPECT_EQ(announced(model), "") << model;
    EXPECT_EQ(announced_models(avaya(), catalogue.files.front()), (std::vector<std::string>{"1210", "1220", "1230"}));

    // Each its own, whichever was put last.
    auto other = file("fw/SIP1140e04.04.09.00.bin", "FW", ContentClass::public_, "SIP1140e04.04.09.00");
    other.put_at = catalogue.files.front().put_at + std::chrono::hours(1);
    catalogue.files.insert(catalogue.files.begin() + 1, other);
    for (const auto* model : {"1230", ""}) EXPECT_EQ(announced(model), "SIP12x004.04.09.00") << model;
    EXPECT_EQ(announced("1140e"), "SIP1140e04.04.09.00");
    EXPECT_EQ(announced("1165e"), "");
}

TEST(manifest_builder, a_devices_own_certificate_is_announced_by_its_pattern) {
    Catalogue catalogue = staged();
    for (const auto* mac : {"00247F0102AB", "00247F0102CD"}) {
        auto own = file("cert/phone-" + std::string(mac) + ".p12", "DEV_CERT", ContentClass::secret);
        own.owner = MacAddress::parse(mac).value();
        catalogue.files.insert(catalogue.files.begin(), own);
    }
    const auto manifest = build_manifest(avaya(), catalogue, installation, {.model = "1230"});
    const auto* certificate = find(manifest, SectionKind::dev_cert);
    ASSERT_NE(certificate, nullptr);
    EXPECT_EQ(certificate->filenames, std::vector<std::string>{"cert/phone-*.p12"});
    EXPECT_EQ(certificate->protocol, Protocol::https);
    EXPECT_EQ(certificate->user_name, "");
    EXPECT_EQ(phonefile::expand_filename(certificate->filenames[0], *catalogue.files[0].owner),
              catalogue.files[0].path);
}

TEST(manifest_builder, two_device_configs_are_both_forced) {
    Catalogue catalogue = staged();
    catalogue.files.insert(catalogue.files.begin(), file("common.cfg", "DEVICE_CONFIG", ContentClass::internal));
    const auto manifest = build_manifest(avaya(), catalogue, installation, {.model = "1230"});
    int count = 0;
    for (const auto& section : manifest.sections)
        if (section.kind == SectionKind::device_config) {
            EXPECT_EQ(section.download_mode, DownloadMode::forced);
            ++count;
        }
    EXPECT_EQ(count, 2);
}

TEST(manifest_builder, a_login_stands_only_beside_internal_files_and_only_when_asked_for) {
    Catalogue catalogue = staged();
    registry::Site site;
    site.name = "berlin";
    site.login_user = "staging";
    site.login_password = Secret("bootstrap");
    catalogue.sites = {site};
    Viewpoint here{.model = "1230", .site = &catalogue.sites[0]};
    EXPECT_FALSE(wants_site_login(build_manifest(avaya(), catalogue, installation, here)));
    here.with_site_login = true;
    const auto manifest = build_manifest(avaya(), catalogue, installation, here);
    EXPECT_TRUE(wants_site_login(manifest));
    for (const auto& section : manifest.sections)
        EXPECT_EQ(section.user_name.empty(), section.kind != SectionKind::licensing);
}

TEST(manifest_builder, boot_and_conversion_manifests_hold_firmware_alone) {
    const auto boot = build_boot_manifest(avaya(), staged(), {.model = "1230", .protocol = Protocol::http});
    ASSERT_EQ(boot.sections.size(), 1U);
    EXPECT_EQ(boot.sections[0].protocol, Protocol::http);
    EXPECT_EQ(boot.sections[0].download_mode, DownloadMode::automatic);
    const auto conversion = build_conversion_manifest(avaya(), staged(), {.model = "1230", .protocol = Protocol::http});
    ASSERT_EQ(conversion.sections.size(), 1U);
    EXPECT_EQ(conversion.sections[0].protocol, Protocol::tftp);
    EXPECT_EQ(conversion.sections[0].download_mode, DownloadMode::forced);
}

TEST(manifest_builder, the_legacy_lane_has_its_own_server_and_the_one_root_file) {
    Installation with_lane = installation;
    with_lane.legacy_lane = LanePolicy{{"1230"}, {}, {}, "192.0.2.2"};
    const auto before = build_manifest(avaya(), staged(), installation, {.model = "1230"});
    const auto manifest = build_manifest(avaya(), staged(), with_lane, {.model = "1230", .on_legacy_lane = true});
    EXPECT_EQ(find(manifest, SectionKind::user_config)->server, "192.0.2.2");
    // Another name under the same VERSION would leave phones with a root that refuses the lane.
    EXPECT_EQ(*find(manifest, SectionKind::user_keys), *find(before, SectionKind::user_keys));
}

TEST(manifest_builder, a_site_chooses_its_server_on_the_legacy_lane_too) {
    Installation with_lane = installation;
    with_lane.legacy_lane = LanePolicy{{"1230"}, {}, {}, "192.0.2.2"};
    registry::Site site;
    site.name = "berlin";
    site.server = "192.0.2.3";
    const auto server = [&](bool on_legacy_lane) {
        const auto manifest = build_manifest(avaya(), staged(), with_lane,
                                             {.model = "1230", .site = &site, .on_legacy_lane = on_legacy_lane});
        return find(manifest, SectionKind::user_config)->server;
    };
    EXPECT_EQ(server(true), "192.0.2.2");
    site.legacy_server = "192.0.2.4";
    EXPECT_EQ(server(true), "192.0.2.4");
    EXPECT_EQ(server(false), "192.0.2.3");
    site.legacy_server.clear();
    with_lane.legacy_lane->server.clear();
    EXPECT_EQ(server(true), "192.0.2.3") << "the lane has no server of its own";
}

TEST(manifest_builder, common_settings_paths_survive_a_round_trip) {
    registry::Site site;
    site.name = "berlin-2";
    for (const auto* model : {"", "1230", "1140e"})
        for (const auto* place :
             {static_cast<const registry::Site*>(nullptr), static_cast<const registry::Site*>(&site)}) {
            const auto back =
                parse_common_settings_path(avaya(), common_settings_path({.model = model, .site = place}));
            ASSERT_TRUE(back);
            EXPECT_EQ(back->model, model);
            EXPECT_EQ(back->site, place ? place->name : "");
        }
    for (const auto* bad : {"common/.cfg", "common/9999.cfg", "common/1230-.cfg", "common/1230.txt", "1230.cfg"})
        EXPECT_FALSE(parse_common_settings_path(avaya(), bad)) << bad;
}

TEST(settings, later_layers_win_and_what_was_unset_is_undone) {
    Catalogue catalogue;
    catalogue.settings[{Layer::global, ""}] = {{"BANNER", Secret("global")}, {"VMAIL", Secret("100")}};
    catalogue.settings[{Layer::site, "berlin"}] = {{"BANNER", Secret("site")}, {"MAX_RING_TIME", std::nullopt}};
    catalogue.settings[{Layer::model, "1230"}] = {{"BANNER", std::nullopt}};
    const std::vector<Setting> device = {{"AUTOLOGIN_PASSWD_KEY01", Secret("sip-password")}, {"VMAIL", std::nullopt}};
    const auto settings = effective_settings(avaya(), catalogue, "berlin", "1230", device);
    const auto value = [&](std::string_view name) -> const EffectiveSetting* {
        for (const auto& setting : settings)
            if (setting.name == name) return &setting;
        return nullptr;
    };
    EXPECT_EQ(value("BANNER")->value.reveal(), "site");
    EXPECT_EQ(value("BANNER")->scope.layer, Layer::site);
    EXPECT_EQ(value("VMAIL")->value.reveal(), "100");
    EXPECT_EQ(value("MAX_RING_TIME")->origin, Origin::undone);
    EXPECT_EQ(value("MAX_RING_TIME")->value.reveal(), *avaya().find_setting("MAX_RING_TIME")->default_value);
    EXPECT_EQ(value("ENABLE_ANSWER_MODE")->origin, Origin::licence);
    EXPECT_TRUE(value("AUTOLOGIN_PASSWD_KEY01")->is_secret);

    const auto masked = render_settings("t", settings, Reveal::masked).value();
    EXPECT_EQ(masked.find("sip-password"), std::string::npos);
    const auto clear = render_settings("t", settings, Reveal::clear).value();
    EXPECT_NE(clear.find("AUTOLOGIN_PASSWD_KEY01 sip-password\n"), std::string::npos);
    EXPECT_TRUE(phonefile::parse_settings_as_phone(clear)->dropped.empty());
}

TEST(settings, only_public_ones_that_somebody_decided_go_into_the_common_file) {
    Catalogue catalogue;
    catalogue.settings[{Layer::global, ""}] = {{"SNTP_SERVER", Secret("192.0.2.1")},
                                               {"SIP_DOMAIN1", Secret("voice.example.net")},
                                               {"SSHPWD", Secret("canary")}};
    const auto common = public_settings(effective_settings(avaya(), catalogue, "", "1230", {}));
    ASSERT_EQ(common.size(), 1U);
    EXPECT_EQ(common[0].name, "SNTP_SERVER");
}

}  // namespace
}  // namespace ringfence::delivery
