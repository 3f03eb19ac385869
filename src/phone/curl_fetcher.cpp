#include "phone/curl_fetcher.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>

#include "base/text.h"
#include "crypto/certificate.h"

namespace ringfence::phone {

namespace {

// As the sets send it; the byte behind SIP12x0 differs from load to load (reference 1.1).
constexpr const char* user_agent = "AVAYA/SIP12x0\xFF/04.04.23.00";

using Handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using HeaderList = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

// Room made at once for a file whose length is announced; above the largest firmware of the 12x0. What is announced
// beyond it costs memory only as it comes.
constexpr curl_off_t announced_room_limit = 16 * 1024 * 1024;

constexpr long accepted = 202;
constexpr curl_off_t longest_patience = 24 * 60 * 60;  // seconds; nobody means more than a day

struct Transfer {
    CURL* curl = nullptr;
    std::string body;
    std::size_t size_limit = 0;
    bool is_too_large = false;
    bool has_excess = false;  // the server sent more than its Content-Length said
    bool has_stalled = false;
    std::chrono::seconds stall{};
    const std::atomic<bool>* stop = nullptr;
    curl_off_t seen_bytes = 0;
    std::chrono::steady_clock::time_point last_progress{};
    crypto::ClientPolicy policy;
    crypto::ClientVerdict verdict;
    std::optional<Fault> tls_fault;
    std::array<char, CURL_ERROR_SIZE> error{};
};

// A string that grows by doubling holds old and new at once: for firmware twice what a small machine has to spare.
void make_room(Transfer& transfer) {
    curl_off_t length = 0;
    if (curl_easy_getinfo(transfer.curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) != CURLE_OK || length <= 0)
        return;
    transfer.body.reserve(static_cast<std::size_t>(std::min(length, announced_room_limit)));
}

std::size_t take_body(const char* bytes, std::size_t size, std::size_t count, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    const std::size_t length = size * count;
    if (length > transfer.size_limit - transfer.body.size()) {
        transfer.is_too_large = true;
        return 0;
    }
    if (transfer.body.empty()) make_room(transfer);
    transfer.body.append(bytes, length);
    return length;
}

int watch_progress(void* user, curl_off_t, curl_off_t received, curl_off_t, curl_off_t) {
    auto& transfer = *static_cast<Transfer*>(user);
    const auto now = std::chrono::steady_clock::now();
    if (received != transfer.seen_bytes) {
        transfer.seen_bytes = received;
        transfer.last_progress = now;
    }
    transfer.has_stalled = now - transfer.last_progress > transfer.stall;
    const bool must_stop = transfer.stop != nullptr && transfer.stop->load();
    return transfer.has_stalled || must_stop ? 1 : 0;
}

// libcurl cuts what goes beyond Content-Length off and tells nobody but its debug log.
int watch_talk(CURL*, curl_infotype type, char* text, std::size_t size, void* user) {
    constexpr std::string_view mark = "Excess found";
    if (type == CURLINFO_TEXT && std::string_view(text, size).starts_with(mark))
        static_cast<Transfer*>(user)->has_excess = true;
    return 0;
}

CURLcode configure_tls(CURL*, void* ssl_ctx, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    auto configured = crypto::configure_client(ssl_ctx, transfer.policy, transfer.verdict);
    if (configured) return CURLE_OK;
    transfer.tls_fault = std::move(configured.error());
    return CURLE_ABORTED_BY_CALLBACK;
}

std::string wire_url(const FetchOrder& order, const PortMap& ports) {
    const auto mapped = ports.find(order.protocol);
    const std::uint16_t standard = mapped == ports.end() ? standard_port(order.protocol) : mapped->second;
    const bool is_v6 = order.host.find(':') != std::string::npos;
    return fmt::format("{}://{}{}{}:{}/{}{}{}", to_string(order.protocol), is_v6 ? "[" : "", order.host,
                       is_v6 ? "]" : "", order.port.value_or(standard), percent_encode(order.path, "/"),
                       order.query.empty() ? "" : "?", order.query);
}

bool is_http(Protocol protocol) { return protocol == Protocol::http || protocol == Protocol::https; }

std::string_view find_header(CURL* curl, const char* name) {
    curl_header* header = nullptr;
    constexpr int last_request = -1;
    if (curl_easy_header(curl, name, 0, CURLH_HEADER, last_request, &header) != CURLHE_OK) return {};
    return header->value;
}

void set_common(CURL* curl, const FetchOrder& order, const FetcherSettings& settings, Transfer& transfer) {
    const std::string url = wire_url(order, settings.ports);
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, std::string(to_string(order.protocol)).c_str());
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer.error.data());
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(order.size_limit));
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(settings.patience.connect.count()));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, static_cast<long>(settings.patience.total.count()));
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    // Who asks to stop does not wait for a look-up that nobody answers.
    if (settings.stop != nullptr) curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
    if (!order.login) return;
    curl_easy_setopt(curl, CURLOPT_USERNAME, order.login->user.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, std::string(order.login->password.reveal()).c_str());
}

unsigned long login_schemes(std::string_view http_login) {
    if (http_login == "basic") return CURLAUTH_BASIC;
    if (http_login == "digest") return CURLAUTH_DIGEST;
    return CURLAUTH_BASIC | CURLAUTH_DIGEST;
}

void set_http(CURL* curl, const FetcherSettings& settings, Transfer& transfer) {
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, user_agent);
    // But for Basic, the first request goes without a login, and the server's challenge is answered.
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, static_cast<long>(login_schemes(settings.http_login)));
    curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, watch_talk);
    curl_easy_setopt(curl, CURLOPT_DEBUGDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
}

// The bytes are the order's and outlive the transfer; so must the headers.
HeaderList set_upload(CURL* curl, const Upload& upload) {
    curl_slist* headers = curl_slist_append(nullptr, ("Content-Type: " + upload.content_type).c_str());
    HeaderList owner(headers, &curl_slist_free_all);
    headers = curl_slist_append(headers, "Expect:");  // old servers know no 100 Continue
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(upload.bytes.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, upload.bytes.data());
    return owner;
}

void set_tls(CURL* curl, Transfer& transfer) {
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);  // crypto/tls_client.h judges the name, without a CN fallback
    curl_easy_setopt(curl, CURLOPT_CAINFO, nullptr);
    curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
    curl_easy_setopt(curl, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_ENABLE_ALPN, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, configure_tls);
    curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, &transfer);
}

std::string detail(CURLcode code, const Transfer& transfer) {
    const bool has_text = transfer.error[0] != '\0';
    return printable(has_text ? std::string_view(transfer.error.data()) : std::string_view(curl_easy_strerror(code)));
}

Fault fault_of_code(CURLcode code, const FetchOrder& order, const Transfer& transfer) {
    switch (code) {
        case CURLE_COULDNT_RESOLVE_HOST:
            return {FaultCode::unavailable, fmt::format("the name {} leads to no address", printable(order.host))};
        case CURLE_COULDNT_CONNECT: return {FaultCode::unavailable, "the server does not take the connection"};
        case CURLE_OPERATION_TIMEDOUT: return {FaultCode::unavailable, "the server did not answer in time"};
        case CURLE_PARTIAL_FILE:
        case CURLE_GOT_NOTHING:
        case CURLE_FTP_WEIRD_SERVER_REPLY:
            return {FaultCode::malformed, "the transfer was cut short: " + detail(code, transfer)};
        case CURLE_LOGIN_DENIED: return {FaultCode::unauthenticated, "the server refused the login"};
        case CURLE_TFTP_NOTFOUND:
        case CURLE_REMOTE_FILE_NOT_FOUND:
        case CURLE_FTP_COULDNT_RETR_FILE: return {FaultCode::not_found, "the server has no such file"};
        case CURLE_TFTP_PERM: return {FaultCode::unavailable, "the server does not hand this file out"};
        default: break;
    }
    const std::string text = detail(code, transfer);
    if (order.protocol == Protocol::https && text.find("alert") != std::string::npos)
        return {FaultCode::unauthenticated,
                "the server ended the TLS connection; it may not accept this phone's "
                "certificate, or want one: " +
                    text};
    return {FaultCode::unavailable, "the transfer failed: " + text};
}

std::optional<Fault> fault_of_status(long status, const FetchOrder& order, bool showed_certificate) {
    constexpr long ok = 200, bad_request = 400, unauthorized = 401, forbidden = 403, not_found = 404;
    if (status == ok) return std::nullopt;
    if (status == accepted) return Fault{FaultCode::unavailable, "the server has not decided on the request yet"};
    if (status / 100 == 3)
        return Fault{FaultCode::malformed,
                     fmt::format("the server answers with a redirect (status {}), which a set does "
                                 "not follow",
                                 status)};
    if (status == not_found) return Fault{FaultCode::not_found, "the server has no such file"};
    if (status == unauthorized)
        return Fault{FaultCode::unauthenticated, order.login ? "the server refused the login"
                                                             : "the server wants a login, and there is none for it"};
    const bool is_about_certificate =
        order.protocol == Protocol::https && (status == bad_request || status == forbidden);
    if (!is_about_certificate)
        return Fault{FaultCode::unavailable, fmt::format("the server answers with status {}", status)};
    return Fault{FaultCode::unauthenticated,
                 fmt::format("the server answers with status {}; it may {}", status,
                             showed_certificate ? "not accept this phone's certificate" : "want a device certificate")};
}

// libcurl reads the digits that a Content-Length begins with, and of several lines the last.
bool has_one_true_length(CURL* curl, std::size_t received) {
    curl_header* header = nullptr;
    constexpr int last_request = -1;
    if (curl_easy_header(curl, "Content-Length", 0, CURLH_HEADER, last_request, &header) != CURLHE_OK) return false;
    return header->amount == 1 && parse_number(trim(header->value)) == received;
}

// A body's end must be told by a length or by chunks: one that ends with the connection may have been cut.
std::optional<Fault> fault_of_framing(CURL* curl, const Transfer& transfer) {
    const auto encoding = find_header(curl, "Content-Encoding");
    if (!encoding.empty() && !equals_ignoring_case(encoding, "identity"))
        return Fault{FaultCode::malformed, "the server compressed the file, which a set does not understand"};
    if (equals_ignoring_case(find_header(curl, "Transfer-Encoding"), "chunked")) return std::nullopt;
    if (find_header(curl, "Content-Length").empty())
        return Fault{FaultCode::malformed, "the server does not say how long the file is, so a cut would not be seen"};
    if (transfer.has_excess) return Fault{FaultCode::malformed, "the server sent more than its Content-Length said"};
    if (!has_one_true_length(curl, transfer.body.size()))
        return Fault{FaultCode::malformed, "the server's Content-Length is not the length of the file"};
    return std::nullopt;
}

std::optional<Fault> find_fault(CURL* curl, CURLcode code, const FetchOrder& order, const Transfer& transfer) {
    if (transfer.tls_fault) return transfer.tls_fault;
    if (transfer.verdict.fault) return transfer.verdict.fault;
    if (transfer.is_too_large || code == CURLE_FILESIZE_EXCEEDED)
        return Fault{FaultCode::too_large, fmt::format("the file is larger than {} bytes", order.size_limit)};
    if (transfer.has_stalled)
        return Fault{FaultCode::unavailable,
                     fmt::format("the server sent nothing for {} seconds", transfer.stall.count())};
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    // TLS 1.3: the server judges the phone's certificate after the phone took the handshake for done, and the alert
    // that says so may be lost in the reset that follows it.
    const bool was_shown_the_door = transfer.verdict.verified && status == 0 && code != CURLE_OPERATION_TIMEDOUT;
    if (code != CURLE_OK && was_shown_the_door)
        return Fault{FaultCode::unauthenticated,
                     transfer.policy.identity
                         ? "the server ended the TLS connection; it may not accept this phone's certificate"
                         : "the server ended the TLS connection; it may want a device certificate"};
    if (code != CURLE_OK) return fault_of_code(code, order, transfer);
    if (!is_http(order.protocol)) return std::nullopt;
    if (auto fault = fault_of_status(status, order, transfer.policy.identity.has_value())) return fault;
    return fault_of_framing(curl, transfer);
}

std::optional<Duration> find_patience_asked(CURL* curl, const FetchOrder& order) {
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (!is_http(order.protocol) || status != accepted) return std::nullopt;
    curl_off_t seconds = 0;
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &seconds);
    return std::chrono::seconds(std::clamp<curl_off_t>(seconds, 0, longest_patience));
}

std::optional<WallTime> find_server_time(CURL* curl, const Transfer& transfer) {
    if (!transfer.verdict.verified) return std::nullopt;
    const std::string date(find_header(curl, "Date"));
    const std::time_t seconds = date.empty() ? -1 : curl_getdate(date.c_str(), nullptr);
    if (seconds < 0) return std::nullopt;
    return WallTime(std::chrono::seconds(seconds));
}

// A certificate that was judged by a wrong clock proves nothing about the time, unless it is good at its Date too.
bool holds_at(WallTime time, const Transfer& transfer) {
    const auto& presented = transfer.verdict.presented;
    crypto::VerifyPolicy policy = crypto::server_policy(transfer.policy);
    policy.time = {time, false};
    const std::vector<crypto::Certificate> intermediates(presented.begin() + 1, presented.end());
    return crypto::verify_chain(presented.front(), intermediates, transfer.policy.trust.anchors, policy).has_value();
}

void prepare_policy(const FetchOrder& order, Transfer& transfer) {
    transfer.policy.trust = *order.trust;
    transfer.policy.host = order.host;
    transfer.policy.time = order.time;
    if (order.identity) transfer.policy.identity = *order.identity;
}

void start_libcurl() {
    static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
    RINGFENCE_ASSERT(started == CURLE_OK);
}

}  // namespace

Result<PortMap> parse_port_map(std::string_view text) {
    PortMap ports;
    for (const auto entry : split(text, ',')) {
        const auto equals = entry.find('=');
        const auto protocol = parse_protocol(entry.substr(0, equals));
        const auto port = parse_number(equals == std::string_view::npos ? "" : entry.substr(equals + 1));
        if (!protocol || !port || *port == 0 || *port > 65535)
            return fail(FaultCode::malformed, "ports are given like tftp=6969,http=8080");
        ports[*protocol] = static_cast<std::uint16_t>(*port);
    }
    return ports;
}

CurlFetcher::CurlFetcher(FetcherSettings settings) : settings_(std::move(settings)) { start_libcurl(); }

FetchOutcome CurlFetcher::fetch(const FetchOrder& order) const {
    Transfer transfer;
    transfer.size_limit = order.size_limit;
    transfer.stall = settings_.patience.stall;
    transfer.stop = settings_.stop;
    transfer.last_progress = std::chrono::steady_clock::now();

    const Handle handle(curl_easy_init(), &curl_easy_cleanup);
    CURL* curl = handle.get();
    if (curl == nullptr) return {fail(FaultCode::internal, "libcurl gives no handle")};
    transfer.curl = curl;
    set_common(curl, order, settings_, transfer);
    if (order.protocol == Protocol::tftp) curl_easy_setopt(curl, CURLOPT_TFTP_NO_OPTIONS, 1L);
    if (order.protocol == Protocol::ftp) {
        curl_easy_setopt(curl, CURLOPT_FTP_FILEMETHOD, static_cast<long>(CURLFTPMETHOD_NOCWD));
        if (settings_.is_ftp_active) curl_easy_setopt(curl, CURLOPT_FTPPORT, "-");
        curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, static_cast<long>(settings_.patience.stall.count()));
    }
    if (is_http(order.protocol)) set_http(curl, settings_, transfer);
    HeaderList headers(nullptr, &curl_slist_free_all);
    if (is_http(order.protocol) && order.upload) headers = set_upload(curl, *order.upload);
    if (order.protocol == Protocol::https) {
        if (order.trust == nullptr || (order.trust->anchors.empty() && !order.trust->only_leaves))
            return {fail(FaultCode::untrusted, "no root certificate is installed, so no server can be verified")};
        prepare_policy(order, transfer);
        set_tls(curl, transfer);
    }

    const CURLcode code = curl_easy_perform(curl);
    const auto server_time = order.protocol == Protocol::https ? find_server_time(curl, transfer) : std::nullopt;
    const auto proved_time = server_time && holds_at(*server_time, transfer) ? server_time : std::nullopt;
    FetchOutcome outcome{std::string(), server_time, proved_time, transfer.verdict.anchor_subject,
                         code == CURLE_OK ? find_patience_asked(curl, order) : std::nullopt};
    if (auto fault = find_fault(curl, code, order, transfer))
        outcome.body = fail(std::move(*fault));
    else
        outcome.body = std::move(transfer.body);
    return outcome;
}

}  // namespace ringfence::phone
