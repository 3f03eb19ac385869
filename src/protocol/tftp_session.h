// One TFTP read transfer, the server's side, as a session without I/O: the door gives it the peer's datagrams and the
// time, and sends what it returns to the peer, in order, from the transfer's own port. RFC 1350 (lock-step, 512 bytes),
// with blksize, timeout, tsize (RFC 2348, 2349) and windowsize (RFC 7440) when the peer asks for them.
// A datagram from any other address or port is the door's matter: answer it with error 5 and do not pass it on.
// A repeated request from the same peer while its session lives is ignored by the door: the session resends by itself.
// One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "protocol/tftp_packet.h"

namespace ringfence::protocol {

struct TftpLimits {
    // Ceiling for blksize, 8..65464. 1468 fills an Ethernet frame over IPv4 without fragments.
    std::size_t max_block_size = 1468;
    // Ceiling for windowsize, 1..64: one burst must fit a small phone's socket buffer.
    std::size_t max_window_size = 64;
    // First wait for an answer. Links of these phones answer within 75 ms; a timeout option replaces it.
    Duration first_wait = std::chrono::seconds(1);
    // The wait doubles after each silence up to this. A timeout option above it is not taken: it would let anybody hold
    // a transfer open for free.
    Duration longest_wait = std::chrono::seconds(8);
    // How often one window is sent before the peer counts as gone.
    unsigned tries_per_window = 6;
    // The same until the peer acknowledged anything: until then it may not even exist.
    unsigned tries_unheard = 3;
    // From start() to the end, however well the peer answers: one that acknowledges a few bytes now and then must not
    // hold a transfer for ever. Who knows the size of the content knows better.
    Duration longest_transfer = std::chrono::hours(1);
};

enum class TftpEnd {
    running,
    complete,     // every byte was sent and the last block acknowledged
    unconfirmed,  // every byte was sent, but the last acknowledgement never came: most phones have the file
    cut,          // the peer fell silent, or its time was over, before the last block was sent
    peer_error,   // the peer sent ERROR; also how a client ends that only asked for the size
};

struct TftpResult {
    TftpEnd end = TftpEnd::running;
    std::uint64_t bytes_acknowledged = 0;  // of the file, before netascii translation
    std::string peer_message;              // of the ERROR, made printable
};

class TftpReadSession {
public:
    // `content` must outlive the session. Fault malformed: mode mail. Options that are unknown, out of range (a timeout
    // above longest_wait too) or not numbers are left out of the OACK, as RFC 2347 asks; too large block and window
    // sizes are answered with ours. netascii: LF becomes CR LF and CR becomes CR NUL, whatever the file holds.
    static Result<TftpReadSession> open(const TftpReadRequest& request, std::string_view content,
                                        const TftpLimits& limits = {});

    // Each returns the datagrams to send now, perhaps none. start() is called once and first.
    std::vector<std::string> start(SteadyTime now);
    std::vector<std::string> on_datagram(std::string_view datagram, SteadyTime now);
    std::vector<std::string> on_deadline(SteadyTime now);  // does nothing when called early
    // Ends it as the peer's silence would, if it runs: unconfirmed or cut.
    void give_up();

    // When on_deadline() is due; empty once done.
    std::optional<SteadyTime> deadline() const;
    bool is_done() const { return end_ != TftpEnd::running; }
    // Whether the peer acknowledged anything yet; until then the sender of the request may be forged.
    bool was_heard() const { return was_heard_; }
    TftpResult result() const;

private:
    // A place in the content. In netascii, `half` says that the first byte of the pair that stands for the byte at
    // `offset` is already out.
    struct Place {
        std::uint64_t offset = 0;
        bool half = false;
    };

    TftpReadSession(std::string_view content, const TftpLimits& limits, bool netascii);
    void negotiate(const std::vector<TftpOption>& options);
    std::vector<std::string> on_ack(std::uint16_t block, SteadyTime now);
    std::vector<std::string> send_window(SteadyTime now);
    std::string take_block(std::uint16_t number, Place& place) const;
    void append_netascii(std::string& block, Place& place) const;
    std::uint64_t translated_size() const;

    std::string_view content_;
    TftpLimits limits_;
    bool netascii_;
    std::size_t block_size_;
    std::size_t window_size_ = 1;
    std::vector<TftpOption> accepted_;  // what the OACK says; empty: no OACK is sent
    bool awaits_option_ack_ = false;    // the OACK is out and ACK 0 has not come

    std::uint64_t acknowledged_ = 0;  // blocks; the number on the wire is this modulo 65536
    Place base_;                      // where the next unacknowledged block begins
    std::vector<Place> sent_;         // where each block that is out ends; the first is block acknowledged_ + 1
    bool last_is_out_ = false;        // sent_.back() belongs to the final, short block

    Duration first_wait_;
    Duration wait_;
    SteadyTime deadline_{};
    SteadyTime must_end_{};
    bool was_heard_ = false;
    unsigned tries_ = 0;
    TftpEnd end_ = TftpEnd::running;
    std::string peer_message_;
};

}  // namespace ringfence::protocol
