#include "crypto/openssl.h"

#include <fmt/format.h>

#include "base/text.h"

namespace ringfence::crypto {

namespace {
constexpr std::size_t max_name_text = 1024;
}

BioOwner make_memory_bio() {
    BioOwner bio(BIO_new(BIO_s_mem()));
    RINGFENCE_ASSERT(bio != nullptr);
    return bio;
}

BioOwner read_memory(std::string_view bytes) {
    // OpenSSL takes a null address for a mistake, and an empty view may have one.
    BioOwner bio(BIO_new_mem_buf(bytes.empty() ? "" : bytes.data(), static_cast<int>(bytes.size())));
    RINGFENCE_ASSERT(bio != nullptr);
    return bio;
}

std::string take_bytes(BIO* memory) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

Fault openssl_fault(std::string_view doing) {
    const unsigned long code = ERR_peek_last_error();
    const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
    Fault fault{FaultCode::internal, fmt::format("{}: {}", doing, reason != nullptr ? reason : "OpenSSL failed")};
    ERR_clear_error();
    return fault;
}

std::string format_name(const X509_NAME* name) {
    const BioOwner bio = make_memory_bio();
    constexpr unsigned long flags = XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB);
    if (X509_NAME_print_ex(bio.get(), name, 0, flags) < 0) {
        ERR_clear_error();
        return {};
    }
    std::string text = take_bytes(bio.get());
    if (text.size() > max_name_text) text.resize(max_name_text);
    return text;
}

std::string format_integer(const ASN1_INTEGER* integer) {
    std::string hex = to_hex({reinterpret_cast<const char*>(ASN1_STRING_get0_data(integer)),
                              static_cast<std::size_t>(ASN1_STRING_length(integer))});
    while (hex.size() > 2 && hex.compare(0, 2, "00") == 0) hex.erase(0, 2);
    return ASN1_STRING_type(integer) == V_ASN1_NEG_INTEGER ? "-" + hex : hex;
}

WallTime to_wall_time(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) {
        ERR_clear_error();
        return {};
    }
    const auto day = std::chrono::year{parts.tm_year + 1900} / (parts.tm_mon + 1) / parts.tm_mday;
    return std::chrono::sys_days{day} + std::chrono::hours(parts.tm_hour) + std::chrono::minutes(parts.tm_min) +
           std::chrono::seconds(parts.tm_sec);
}

std::time_t to_seconds(WallTime time) {
    return static_cast<std::time_t>(std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
}

TimeOwner make_time(WallTime time) { return TimeOwner(ASN1_TIME_set(nullptr, to_seconds(time))); }

X509StackOwner make_stack(const std::vector<Certificate>& certificates) {
    X509StackOwner stack(sk_X509_new_null());
    RINGFENCE_ASSERT(stack != nullptr);
    for (const Certificate& certificate : certificates) {
        RINGFENCE_ASSERT(sk_X509_push(stack.get(), certificate.native()) > 0);
    }
    return stack;
}

}  // namespace ringfence::crypto
