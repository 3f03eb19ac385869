// Fetches files with libcurl: TFTP in lock-step of 512 bytes, passive FTP, HTTP/1.1 and HTTPS, as a 1200-series set
// does (reference 4.1, 7). One connection per file, closed afterwards. Follows no redirect, asks for no compression,
// uses no proxy, no .netrc and no certificate of the system. One thread per fetcher. Over TFTP nothing is proved:
// libcurl 7.88 does not even hold a transfer to one port of the server (RFC 1350 section 4).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/url.h"
#include "phone/fetch.h"

namespace ringfence::phone {

using PortMap = std::map<Protocol, std::uint16_t>;

// "tftp=6969,http=8080". malformed for anything else.
Result<PortMap> parse_port_map(std::string_view text);

struct Patience {
    std::chrono::seconds connect{10};  // as long as a set's user would watch one name on the screen
    std::chrono::seconds stall{20};    // a server that sends nothing for this long is given up
    std::chrono::seconds total{600};   // the manual cuts image transfers off after 10 minutes (reference 7)

    // In the default's proportion of a silence to a whole transfer.
    void set_stall(std::chrono::seconds seconds) {
        const auto share = total / stall;
        stall = seconds;
        total = share * seconds;
    }
};

struct FetcherSettings {
    std::string_view http_login = "asked";  // as the server asks, or "basic" or "digest" only
    bool is_ftp_active = false;             // the server opens the data connection
    PortMap ports{};                        // in place of the standard ports; a port in a URL is kept
    Patience patience{};
    const std::atomic<bool>* stop = nullptr;  // true ends a transfer within a second; outlives the fetcher
};

class CurlFetcher {
public:
    explicit CurlFetcher(FetcherSettings settings);
    FetchOutcome fetch(const FetchOrder& order) const;

private:
    FetcherSettings settings_;
};

}  // namespace ringfence::phone
