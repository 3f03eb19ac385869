#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <string>

#include "load.h"

namespace ringfence::bench {

namespace {

constexpr std::size_t block_size = 512;
constexpr std::size_t header_size = 4;
constexpr unsigned char data_code = 3;
constexpr unsigned char ack_code = 4;
constexpr int answer_seconds = 10;  // on loopback nothing is lost; a longer wait would hide a fault

class Transfer {
public:
    explicit Transfer(const Target& target) : target_(target), socket_(::socket(AF_INET, SOCK_DGRAM, 0)) {
        if (socket_ < 0) throw LoadFailed("socket");
        const timeval patience{answer_seconds, 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        peer_.sin_family = AF_INET;
        peer_.sin_port = htons(target.port);
        peer_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    ~Transfer() { ::close(socket_); }
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    void run() {
        using namespace std::string_literals;
        send("\0\1"s + target_.path + "\0octet\0"s);
        std::uint64_t received = 0;
        for (std::uint16_t expected = 1;; ++expected) {
            const auto size = receive(expected);
            received += size;
            send({'\0', static_cast<char>(ack_code), static_cast<char>(expected >> 8), static_cast<char>(expected)});
            if (size < block_size) break;
        }
        if (received != target_.bytes) throw LoadFailed("a file of another length");
    }

private:
    void send(const std::string& packet) {
        if (::sendto(socket_, packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&peer_),
                     sizeof peer_) < 0)
            throw LoadFailed("send");
    }

    // Bytes of content in the block. The server answers from a port of its own, which is then the peer.
    std::size_t receive(std::uint16_t expected) {
        unsigned char packet[header_size + block_size];
        for (;;) {
            socklen_t length = sizeof peer_;
            const auto got =
                ::recvfrom(socket_, packet, sizeof packet, 0, reinterpret_cast<sockaddr*>(&peer_), &length);
            if (got < static_cast<ssize_t>(header_size)) throw LoadFailed("no answer");
            if (packet[1] != data_code) throw LoadFailed("the server refused");
            if (((packet[2] << 8) | packet[3]) == expected) return static_cast<std::size_t>(got) - header_size;
        }
    }

    const Target& target_;
    int socket_;
    sockaddr_in peer_{};
};

}  // namespace

void run_tftp(const TftpLoad& load, std::uint64_t operations) {
    for (std::uint64_t i = 0; i < operations; ++i) Transfer(load.target).run();
}

}  // namespace ringfence::bench
