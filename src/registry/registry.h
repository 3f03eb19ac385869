// Registry: the installation's memory on SQLite, in one directory:
//   registry.db        devices, sites, settings, files, logins, certificates, enrolments, windows (mode 0600)
//   events.db          what happened (registry/event_log.h), apart so that recording never disturbs look-ups
//   content/ab/abcd... the bytes of files, named by their SHA-256; secret ones are sealed
//   keys/seal.key      seals logins, setting values, site passwords, tokens and files that are fetched once in
//                      registry.db, and secret content (mode 0600)
//
// One object is one connection, for one thread at a time; each event loop has its own (open_another). What one object
// or process commits, every other sees at its next call. Each change is one transaction, durable when it returns.
//
// Faults of every call: unavailable (busy, disk full), corrupt, internal. Changes also: malformed (a name or text that
// breaks a limit below), not_found, conflict; their sentences name things, never secrets.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/disk.h"
#include "base/random.h"
#include "base/result.h"
#include "registry/enrolment.h"
#include "registry/lookup.h"
#include "registry/network.h"
#include "registry/network_lookup.h"
#include "registry/records.h"

namespace ringfence::registry {

// Names of sites, models, sections, users and settings: printable ASCII without blanks at the edges.
inline constexpr std::size_t max_name_length = 64;
inline constexpr std::size_t max_path_length = 255;      // of a request path; TFTP packets of old phones hold 512 bytes
inline constexpr std::size_t max_value_length = 4096;    // of a setting; the family's own limits are tighter
inline constexpr std::size_t max_version_text = 32;      // a load name has at most 19 characters
inline constexpr std::size_t max_file_size = 64u << 20;  // the largest firmware of the family is below 16 MiB
inline constexpr std::size_t max_networks = 256;         // per site or window: looked through for every request
inline constexpr std::size_t max_window_devices = 10'000;  // per window: kept in every snapshot
inline constexpr std::size_t max_sites = 10'000;           // kept in every snapshot
inline constexpr std::size_t max_device_names = 16;        // each stands in the device's certificate
// Distinct visitors that one window remembers, so that a forged IPv6 range cannot fill the disk.
inline constexpr std::uint32_t max_window_visitors = 100'000;

struct RegistryCounts {
    std::uint64_t devices = 0;
    std::uint64_t sites = 0;
    std::uint64_t files = 0;
    std::uint64_t certificates = 0;
};

struct VersionCounter {
    std::uint32_t last = 0;   // highest number given out
    std::uint32_t floor = 0;  // the next one is at or above this
};

struct Withdrawn {
    std::uint64_t tokens = 0;      // unspent ones
    std::uint64_t enrolments = 0;  // begun and not issued: refused
    std::uint64_t files = 0;       // that nobody had fetched, or not whole: burned
};

// What the content store holds that it should not, or lacks. All empty: sound.
struct ContentReport {
    std::vector<std::string> missing;  // request paths of files whose bytes are gone
    std::vector<std::string> corrupt;  // request paths of files whose bytes are not what was put
    std::vector<std::string> orphans;  // names in the store that no file uses: harmless, left by a crash
    bool sound() const { return missing.empty() && corrupt.empty(); }
};

class Registry final : public Lookup, public NetworkLookup {
public:
    // Makes the directory, the sealing key and an empty database. conflict when the directory holds a registry.
    // `clock` and `disk` outlive the registry; `disk` carries content files and the key, SQLite its own.
    static Result<std::unique_ptr<Registry>> create(const std::string& directory, const Clock& clock, Disk& disk,
                                                    Random& random);
    // not_found when the directory holds none; conflict when a newer Ringfence wrote it. Migrates an older one.
    static Result<std::unique_ptr<Registry>> open(const std::string& directory, const Clock& clock, Disk& disk);
    // Another connection to the same directory for another thread; shares verified content and snapshots with this one.
    // May be called from the thread that owns this object only.
    Result<std::unique_ptr<Registry>> open_another() const;
    ~Registry() override;

    const std::string& directory() const;
    // How long a change waits for another writer before it is `unavailable`: at first 10 s, which is a person's time.
    void set_wait(Duration wait);

    // ---- Lookup
    void begin_snapshot() override;
    void end_snapshot() override;
    Result<std::shared_ptr<const Catalogue>> catalogue() override;
    Result<std::optional<Device>> find_device(const MacAddress& mac) override;
    Result<std::optional<Login>> find_login(std::string_view user) override;
    Result<std::optional<CertificateRecord>> find_certificate(std::string_view fingerprint) override;
    Result<std::vector<Setting>> device_settings(const MacAddress& mac) override;  // by name
    Result<bool> may_enter_window(std::int64_t window, const WindowVisitor& visitor) override;
    Result<bool> enter_window(std::int64_t window, const WindowVisitor& visitor) override;
    // While another process writes, the notes wait in memory and are written with a later one.
    Status note_proved(const MacAddress& mac, trust::Wire wire, WallTime now) override;
    Status note_state(const MacAddress& mac, DeviceState state) override;
    Status note_held(const DeviceAnchor& anchor) override;
    Status promote_login(std::string_view user) override;
    Result<std::optional<OneTimeFile>> find_one_time_file(std::string_view path) override;
    Result<std::vector<OneTimeFile>> one_time_files_of(const MacAddress& mac) override;  // by path
    Result<Claim> claim_one_time_file(std::string_view path, const IpAddress& source, WallTime now) override;
    Status note_handed_over(std::string_view path, WallTime now) override;
    Result<Body> open_one_time_file(std::string_view path) override;
    Result<Body> open_content(std::string_view sha256) override;

    // ---- NetworkLookup, beside what it shares with Lookup
    Result<std::optional<NetworkLogin>> find_network_login(std::string_view identity) override;
    Result<std::optional<NetworkLogin>> find_network_login_of(const MacAddress& mac) override;
    Result<std::vector<CertificateRecord>> valid_certificates_of(const MacAddress& mac, WallTime now) override;
    Result<std::vector<DevicePort>> ports_of(const MacAddress& mac) override;
    Result<NotedPort> note_port(DevicePort port, WallTime now) override;
    Result<bool> is_noted(DevicePort port, WallTime now) override;
    Result<JournalPage> read_journal(std::int64_t after, std::size_t limit) override;
    Result<std::vector<MacAddress>> devices_let_in_since(WallTime since, const std::optional<MacAddress>& after,
                                                         std::size_t limit) override;

    // ---- Devices. `user`, `login_kind`, `state`, `last_proved` and `last_proved_legacy` of a Device are read-only
    // here; `names` are as base/host_name.h has them, `serial` is a name. conflict when the MAC is there already;
    // not_found when its site is not. `login`, if given, is stored with it.
    Status add_device(const Device& device, const std::optional<Login>& login = std::nullopt);
    // Changes model, site, requires_certificate, serial and names.
    Status update_device(const Device& device);
    enum class Service { enabled, disabled };
    Status set_disabled(const MacAddress& mac, Service service);  // not_found
    // Takes its login, settings and own files along and revokes its certificates.
    Status remove_device(const MacAddress& mac);
    // In order of MAC, until `each` returns false. `each` must not change this registry.
    Status list_devices(const std::function<bool(const Device&)>& each);

    // ---- Logins: at most one per device and per site; storing replaces it. conflict when another owner has that user.
    // Remembers the realm that every login's hashes are bound to. conflict, with both realms, when logins are stored
    // and bound to another: then every phone's password would be refused.
    Status bind_realm(std::string_view realm);
    // `clear_password` is kept, sealed, for a site only, because its manifests may carry it.
    Status store_login(const Login& login, const Secret& clear_password = Secret());
    Status remove_device_login(const MacAddress& mac);
    Status remove_site_login(std::string_view site);

    // ---- Sites. Networks may overlap (the longest prefix wins) but not be equal to another site's. Login fields of a
    // Site are read-only here. list: catalogue()->sites, by name.
    Status add_site(const Site& site);
    Status update_site(const Site& site);
    // conflict while devices, files or settings belong to it.
    Status remove_site(std::string_view name);

    // ---- Settings. Every value is sealed at rest, so that nobody has to say which ones are secret.
    Status set_setting(const SettingScope& scope, std::string_view name, const Secret& value);
    // Leaves a mark, so that phones are told the default. not_found when it is not set in that scope.
    Status unset_setting(const SettingScope& scope, std::string_view name);
    Result<std::vector<Setting>> list_settings(const SettingScope& scope);  // by name

    // ---- Files, one per path, model and site; putting again replaces. `sha256`, `size` and `put_at` are filled in
    // here, and `version` when it is empty. A given version is the load name for FW (which must have one); for other
    // sections it is a number above what the section shows (else conflict) and at most highest_chosen_version, and the
    // section then shows it. Every put or removal raises the version of the file's section; a removal succeeds also
    // when the numbers are used up.
    Result<FileRecord> put_file(FileRecord file, std::string_view bytes);
    Status remove_file(std::string_view path, std::string_view model = {}, std::string_view site = {});

    // ---- Versions: one counter for all sections: next = max(last + 1, floor), at most highest_version (else
    // conflict).
    Result<VersionCounter> versions();
    // Also gives every section below the floor a new number. A lower floor than before changes nothing; one above
    // highest_chosen_version is malformed.
    Status raise_version_floor(std::uint32_t floor);
    // For a restored backup: the counter goes to `last` at least, then every section gets a new number.
    Status renumber_sections(std::uint32_t last);

    // ---- Windows. `closes` must lie in the future; id, opened, used and closed are filled in here.
    Result<Window> open_window(Window window);
    Status close_window(std::int64_t id);
    Result<std::vector<Window>> list_windows(std::size_t newest);  // newest first, past and closed ones too

    // ---- Certificates. `der` may be empty for those that are never handed out again.
    // conflict when the fingerprint, or the issuer's serial, is known; not_found when its device is not; forbidden when
    // that is retired. A device's certificate makes it enrolled.
    Status add_certificate(const CertificateRecord& certificate, std::string_view der = {});
    Result<std::string> get_certificate_der(std::string_view fingerprint);  // not_found
    // Each answers what it revoked; not_found when there is none, conflict when all were revoked before.
    Result<std::vector<CertificateRecord>> revoke_certificate(std::string_view serial,
                                                              RevocationReason reason = RevocationReason::unspecified);
    Result<std::vector<CertificateRecord>> revoke_certificates_of(
        const MacAddress& mac, RevocationReason reason = RevocationReason::unspecified);
    // The one of that fingerprint; not_found, conflict when it was revoked before.
    Status revoke_certificate_at(std::string_view fingerprint, RevocationReason reason);
    // Revokes what the device had before `kept`, and a login that was handed out for it; how many.
    Result<std::size_t> supersede_certificates(const MacAddress& mac, std::string_view kept);
    Result<std::optional<CertificateRecord>> find_certificate_of(std::string_view issuer, std::string_view serial);
    // In order of issue, until `each` returns false. `each` must not change this registry.
    Status list_certificates(const std::function<bool(const CertificateRecord&)>& each);
    Status list_certificates_of(const MacAddress& mac, const std::function<bool(const CertificateRecord&)>& each);
    // What a revocation list of that CA holds: revoked, and not over before `now`.
    Status list_revoked(std::string_view issuer, WallTime now,
                        const std::function<bool(const CertificateRecord&)>& each);
    // Keeps `list` in place of the issuer's older one; conflict unless its number is higher.
    Status store_revocation_list(const StoredRevocationList& list);
    Result<std::optional<StoredRevocationList>> find_revocation_list(std::string_view issuer);

    // ---- Enrolment
    // conflict when the reference is known; not_found when the device is not; forbidden when that is retired.
    Status add_token(const EnrolmentToken& token);
    Result<std::optional<EnrolmentToken>> find_token(std::string_view reference);
    Status list_tokens(const std::function<bool(const EnrolmentToken&)>& each);  // newest first
    Status withdraw_token(std::string_view reference);                           // not_found; conflict when it is spent
    // Takes one of a challenge's tries, before its secret is compared, so that no more than max_wrong_tries are ever
    // wrong; how many are taken now. Empty: there is no such challenge, or it is locked.
    Result<std::optional<unsigned>> take_try(std::string_view reference);
    Status give_back_try(std::string_view reference);  // the secret was right
    // The beginning of an enrolment, in one step for whoever comes first with a token: what stands then. A token that
    // was used before gives back with the same key what was begun then, whatever its transaction; so does a certificate
    // that was renewed with that key, while what came of it is good. `id`, `received` are filled in here; `state` is
    // waiting or approved. Faults: conflict (the token was used with another key), forbidden (the device has a
    // certificate and the token does not replace), not_found (no such token, withdrawn, expired and locked ones too, or
    // no such certificate that is good), too_large (max_valid_certificates).
    Result<Enrolment> begin_enrolment(const Enrolment& enrolment);
    Result<std::optional<Enrolment>> find_enrolment(std::int64_t id);
    // The newest one of that protocol, transaction and key.
    Result<std::optional<Enrolment>> find_enrolment(std::string_view protocol, std::string_view transaction,
                                                    std::string_view public_key);
    Result<std::optional<Enrolment>> find_enrolment_of(std::string_view certificate);  // that ended with it
    // Before something is signed for it: whether its right still holds, since certificates are revoked and devices
    // enrolled and retired meanwhile. It is refused for good in the same step if not. not_found.
    Result<Enrolment> resume_enrolment(std::int64_t id);
    // approved or refused by a person; not_found, conflict unless it waits, or is approved and to be refused.
    Status decide_enrolment(std::int64_t id, EnrolmentState decision);
    // It ends with that certificate, and a first enrolment's device loses what it had before, handed-out login
    // included. The certificate is revoked at once if the right was lost meanwhile, or somebody else finished first:
    // what stands then is told. not_found.
    Result<FinishedEnrolment> finish_enrolment(std::int64_t id, std::string_view certificate);
    Status list_enrolments(const std::function<bool(const Enrolment&)>& each);  // newest first
    // not_found; conflict unless device_state.h has that step. Retired: its certificates are revoked, and what is
    // pending of it is withdrawn.
    Status set_device_state(const MacAddress& mac, DeviceState state);
    // For a restored backup: takes back what somebody may have used since it was made.
    Result<Withdrawn> withdraw_pending();

    // ---- Files that are fetched once. Content is sealed at rest, and goes when nobody gets it any more; putting again
    // replaces, and raises the section. not_found and forbidden as add_token; conflict when the path is another
    // device's.
    Status put_one_time_file(const OneTimeFile& file, std::string_view bytes);
    Status list_one_time_files(const std::function<bool(const OneTimeFile&)>& each);

    // ---- Roots that devices hold
    // Keeps the best evidence, and of that the newest. not_found when the device is.
    Status note_anchor(const DeviceAnchor& anchor);
    Status list_anchors(const std::function<bool(const DeviceAnchor&)>& each);  // by device

    // ---- A device's login that replaces the present one when it is first used; both hold until then. A next one that
    // was not used yet is replaced. conflict as store_login; not_found; forbidden when the device is retired.
    Status store_next_login(const Login& login);

    // ---- The network door
    // Replaces the device's. conflict when another device has that identity; not_found.
    Status store_network_login(const NetworkLogin& login);
    Status remove_network_login(const MacAddress& mac);  // not_found
    // conflict when the name or the network is known; too_large above max_switches.
    Status add_switch(const Switch& added);
    Status remove_switch(std::string_view name);                           // not_found
    Status list_switches(const std::function<bool(const Switch&)>& each);  // by name
    Result<std::optional<Switch>> find_switch(const IpAddress& address);   // the longest prefix wins
    Status forget_port(const DevicePort& port);                            // it is let in there no more
    // What a RADIUS server on this machine shows, so that nobody else on it is answered; made when first asked for.
    Result<Secret> lookup_password(Random& random);

    // ---- The whole
    // Makes all changes in `changes` one transaction: all of them, or none when it returns a Fault. For imports; keep
    // each below a second or so, since other writers wait.
    Status together(const std::function<Status()>& changes);
    Result<RegistryCounts> counts();
    // SQLite's own check of pages, indexes and references; corrupt with its first complaint.
    Status verify_database();
    // Reads and hashes every stored file: slow on purpose.
    Result<ContentReport> verify_contents();
    // Removes orphans; answers how many.
    Result<std::size_t> discard_orphans();

    struct Parts;  // registry/parts.h, for this room's own files

private:
    explicit Registry(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace ringfence::registry
