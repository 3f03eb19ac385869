// The phone's event log in the set's own line shape (reference 5.8): event number, [severity], [weekday month day time
// year], [running number], [source file : line], dash, text. Bounded; the older half is kept in a second file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace ringfence::phone {

// The events of certificates and 802.1X carry the set's own numbers. Numbers from 0x2000 on are ours: no list of the
// set's was found.
enum class EventCode : std::uint16_t {
    customer_certificate_imported = 0x0007,
    vendor_certificate_revoked = 0x0008,
    customer_certificate_revoked = 0x0009,
    vendor_certificate_expired = 0x000A,
    customer_certificate_expired = 0x000B,
    trust_list_deleted = 0x0015,
    trust_list_expired = 0x0020,
    trust_list_unreadable = 0x0021,
    eap_md5_failed = 0x1030,
    eap_device_certificate_invalid = 0x1031,
    eap_root_invalid = 0x1032,
    eap_tls_failed = 0x1033,
    eap_peap_failed = 0x1034,
    boot_started = 0x2000,
    boot_interrupted = 0x2001,
    boot_finished = 0x2002,
    manifest_read = 0x2003,
    manifest_failed = 0x2004,
    line_skipped = 0x2005,
    file_installed = 0x2010,
    file_kept = 0x2011,
    file_refused = 0x2012,
    file_failed = 0x2013,
    device_certificate_installed = 0x2014,
    device_certificate_not_renewed = 0x2015,
    weaker_wire = 0x2020,
    unchecked_root = 0x2021,
    restart = 0x2030,
};

enum class Severity { information, minor };

struct Event {
    EventCode code = EventCode::boot_started;
    Severity severity = Severity::information;
    std::string text;  // one sentence, never a secret
    // Where in our source the event was written; the defaults are right.
    std::string_view file = __builtin_FILE();
    int line = __builtin_LINE();
};

// Without a newline; times in UTC. Control bytes in the text are shown escaped.
std::string format_event(const Event& event, WallTime time, std::uint64_t running_number);

// The running number of a line that format_event made.
std::optional<std::uint64_t> parse_running_number(std::string_view line);

}  // namespace ringfence::phone
