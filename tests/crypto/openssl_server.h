// OpenSSL's own server program, as the other side of TLS clients under test.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "tests/crypto/program.h"

namespace ringfence::test {

// openssl s_server on a free loopback port, in that folder, ended with the object.
class OpensslServer {
public:
    OpensslServer(const TemporaryFolder& folder, const std::string& options) {
        const std::string log = folder / "server.log";
        const std::string command = "cd " + folder.path() + " && exec openssl s_server -accept 127.0.0.1:0 " + options +
                                    " >" + log + " 2>&1 </dev/null";
        child_ = ::fork();
        if (child_ == 0) {
            ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
            ::_exit(127);
        }
        for (int waited = 0; waited < 1000 && port_ == 0; ++waited) {
            ::usleep(10'000);
            const std::string said = folder.get("server.log");
            const auto line = said.find("ACCEPT 127.0.0.1:");
            if (line != std::string::npos && said.find('\n', line) != std::string::npos) {
                port_ = std::atoi(said.c_str() + line + 17);
            }
        }
        EXPECT_NE(port_, 0) << folder.get("server.log");
    }
    OpensslServer(const OpensslServer&) = delete;
    OpensslServer& operator=(const OpensslServer&) = delete;
    ~OpensslServer() {
        ::kill(child_, SIGTERM);
        ::waitpid(child_, nullptr, 0);
    }
    int port() const { return port_; }

private:
    pid_t child_ = -1;
    int port_ = 0;
};

}  // namespace ringfence::test
