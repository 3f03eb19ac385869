// The one SIP request that a phone's provisioning obeys: NOTIFY with "Event: check-sync" over UDP (RFC 3261, RFC 6665;
// reference 1.5). Datagram in, verdict and answer out; total on any bytes. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ringfence::protocol {

inline constexpr std::size_t max_sip_datagram = 4096;  // several times a NOTIFY; larger ones are passed over
inline constexpr std::size_t max_sip_headers = 64;

enum class NotifyKind {
    nothing,     // no request that can be answered: a response, an ACK, noise
    other,       // a request that is answered and asks nothing of us
    check_sync,  // look for updates
};

struct Notify {
    NotifyKind kind = NotifyKind::nothing;
    bool wants_reboot = false;  // Event: check-sync;reboot=true
    int status = 0;             // of the answer where the sender is allowed; 0: none
    std::string answer_head;    // Via, From, To with a tag, Call-ID, CSeq; for format_sip_answer
};

// `to_tag` is random: it goes into the answer.
Notify read_notify(std::string_view datagram, std::string_view to_tag);

inline constexpr int sip_forbidden = 403;

// The whole answer with this status: 200, sip_forbidden, 405, 489.
std::string format_sip_answer(const Notify& notify, int status);

}  // namespace ringfence::protocol
