// What a load is, and how it ended. Every operation is checked: a wrong status or length ends the program, since a
// server that refuses quickly would look fast.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace ringfence::bench {

struct Target {
    std::uint16_t port = 0;   // on 127.0.0.1
    std::string path;         // without the leading '/'
    std::uint64_t bytes = 0;  // of the file; every answer must have as many
};

// TLS when a root is given. Each connection is then a full handshake: no session is ever offered.
struct TlsLoad {
    std::string root_file;
    std::string version;           // "1.2" or "1.3"
    std::string signature;         // signature algorithms offered, which decide the server's certificate
    std::string certificate_file;  // PEM with its chain; empty: none
    std::string key_file;
};

struct HttpLoad {
    Target target;
    bool keep_alive = false;  // one connection for all operations of a thread
    TlsLoad tls;
    std::string login;  // "user:password" in base64; empty: none
};

struct TftpLoad {
    Target target;  // 512-byte blocks in lock-step, no options, as old phones ask
};

struct LoadFailed : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Do `operations` one after another on the calling thread. Throw LoadFailed.
void run_http(const HttpLoad& load, std::uint64_t operations);
void run_tftp(const TftpLoad& load, std::uint64_t operations);

}  // namespace ringfence::bench
