// Lookup: all that the request path asks of the registry, and nothing more, so that another store, or a cache in front
// of one, can stand behind it. EventSink: where it reports.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "registry/enrolment.h"
#include "registry/records.h"

namespace ringfence::registry {

// Bytes that live as long as somebody holds them.
struct Body {
    std::shared_ptr<const std::string> bytes;
    std::string_view view() const { return bytes ? std::string_view(*bytes) : std::string_view(); }
};

// How long after the last byte of a one-time file its own address may ask again: TFTP loses last acknowledgements.
inline constexpr Duration one_time_grace = std::chrono::seconds(60);

// For Snapshot. Whatever writes ends it early.
class Snapshots {
public:
    virtual ~Snapshots() = default;
    virtual void begin_snapshot() = 0;
    virtual void end_snapshot() = 0;
};

// One thread at a time: each event loop has its own. Every answer reflects what was committed, by whatever process,
// before the call, or before the Snapshot it stands in. Faults: unavailable (the database cannot be read), corrupt.
class Lookup : public Snapshots {
public:
    virtual Result<std::shared_ptr<const Catalogue>> catalogue() = 0;
    virtual Result<std::optional<Device>> find_device(const MacAddress& mac) = 0;
    // Next logins too.
    virtual Result<std::optional<Login>> find_login(std::string_view user) = 0;
    virtual Result<std::optional<CertificateRecord>> find_certificate(std::string_view fingerprint) = 0;
    virtual Result<std::vector<Setting>> device_settings(const MacAddress& mac) = 0;

    // Whether enter_window() would let `visitor` in; counts nothing.
    virtual Result<bool> may_enter_window(std::int64_t window, const WindowVisitor& visitor) = 0;
    // Counts `visitor` into the window once, also when it asked before it was named; false when the window is full or
    // over.
    virtual Result<bool> enter_window(std::int64_t window, const WindowVisitor& visitor) = 0;
    // Remembers that the device proved itself over that wire, an HTTPS one; cheap when it did so within the last hour.
    virtual Status note_proved(const MacAddress& mac, trust::Wire wire, WallTime now) = 0;
    // Moves the device on to `seen` or `active`, where that is its next step; else nothing. Does not wait for other
    // writers, as note_proved() does not.
    virtual Status note_state(const MacAddress& mac, DeviceState state) = 0;
    // Remembers that the device holds a root, and how that is known; cheap when as much was known within the last day.
    // Does not wait for other writers: then it is noted the next time.
    virtual Status note_held(const DeviceAnchor& anchor) = 0;
    // A next login was used for the first time: the one before it holds no more. Does not wait for other writers: then
    // both hold until it is used again.
    virtual Status promote_login(std::string_view user) = 0;

    // A file that is fetched once, burned and expired ones too.
    virtual Result<std::optional<OneTimeFile>> find_one_time_file(std::string_view path) = 0;
    virtual Result<std::vector<OneTimeFile>> one_time_files_of(const MacAddress& mac) = 0;
    enum class Claim {
        first,   // it is `source`'s now
        again,   // its own repetition: not handed over yet, or within `one_time_grace` of that
        burned,  // nobody gets it any more; it was burned by this call. Where another address fetched it before, its
                 // certificate is revoked too, unless the device is active: nobody knows who of the two holds it
        gone,    // burned or expired before, or there is none
    };
    // Whether `source` may have it now.
    virtual Result<Claim> claim_one_time_file(std::string_view path, const IpAddress& source, WallTime now) = 0;
    virtual Status note_handed_over(std::string_view path, WallTime now) = 0;
    // For whoever claimed it. not_found when nobody gets it any more.
    virtual Result<Body> open_one_time_file(std::string_view path) = 0;

    // The stored bytes of that hash, verified against it when they were read. Fault corrupt when they differ.
    virtual Result<Body> open_content(std::string_view sha256) = 0;
};

// While it lives, all look-ups see one state of the registry, and one lock serves them all. Not for keeping: the
// database's log cannot be cut back meanwhile.
class Snapshot {
public:
    explicit Snapshot(Snapshots& lookup) : lookup_(lookup) { lookup_.begin_snapshot(); }
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;
    ~Snapshot() { lookup_.end_snapshot(); }

private:
    Snapshots& lookup_;
};

// Thread-safe and quick: a writer thread commits in batches, within half a second. What does not fit its bounded queue,
// part of which is kept for what matters more (Retention), is dropped and the number dropped is recorded.
class EventSink {
public:
    virtual ~EventSink() = default;
    virtual void record(Event event) = 0;
};

}  // namespace ringfence::registry
