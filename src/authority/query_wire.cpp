#include "authority/query_wire.h"

#include <algorithm>

#include "authority/field_codec.h"

namespace ringfence::authority {

namespace {

constexpr std::size_t max_message = std::size_t{64} * 1024;  // a body that HTTP takes
constexpr std::size_t max_header = std::size_t{16} * 1024;   // what stood in a head that HTTP takes
constexpr std::size_t max_body = std::size_t{128} * 1024;    // a message and a chain, encrypted and in base64
constexpr std::size_t max_content_type = 256;
constexpr unsigned least_status = 200;  // 1xx are not final
constexpr unsigned greatest_status = 599;
constexpr auto longest_retry_after = std::chrono::hours(24);

Status malformed(std::string_view what) { return fail(FaultCode::malformed, "a reply has " + std::string(what)); }

Status judge(const Reply& reply) {
    if (reply.status < least_status) return malformed("a status that is not final");
    const auto is_printable = [](char c) { return c >= ' ' && c <= '~'; };
    if (!std::all_of(reply.content_type.begin(), reply.content_type.end(), is_printable)) {
        return malformed("a content type that is not printable");
    }
    return {};
}

}  // namespace

std::string format_query(const Query& query) {
    FieldWriter out;
    out.number(static_cast<std::uint64_t>(query.service)).number(static_cast<std::uint64_t>(query.profile));
    out.flag(query.is_post).flag(query.is_secure);
    out.text(query.operation).text(query.message).text(query.user_agent);
    out.text(query.user).text(query.password.reveal()).text(query.proved_token);
    out.text(query.certificate_fingerprint).text(query.source);
    return out.take();
}

Result<Query> parse_query(std::string_view frame) {
    FieldReader in(frame);
    Query query;
    query.service = in.choice(Service::ocsp);
    query.profile = in.choice(registry::EnrolmentProfile::legacy);
    query.is_post = in.flag();
    query.is_secure = in.flag();
    query.operation = in.text(max_header);
    query.message = in.text(max_message);
    query.user_agent = in.text(max_header);
    query.user = in.text(max_header);
    query.password = in.secret(max_header);
    query.proved_token = in.text(max_header);
    query.certificate_fingerprint = in.text(max_header);
    query.source = in.text(max_header);
    if (auto whole = in.finish(); !whole) return fail(std::move(whole).error());
    return query;
}

std::string format_reply(const Reply& reply) {
    FieldWriter out;
    out.number(reply.status).text(reply.content_type).text(reply.body).flag(reply.wants_login);
    out.flag(reply.retry_after.has_value());
    out.number(reply.retry_after ? static_cast<std::uint64_t>(reply.retry_after->count()) : 0);
    return out.take();
}

Result<Reply> parse_reply(std::string_view frame) {
    FieldReader in(frame);
    Reply reply;
    reply.status = static_cast<unsigned>(in.number(greatest_status));
    reply.content_type = in.text(max_content_type);
    reply.body = in.text(max_body);
    reply.wants_login = in.flag();
    const bool has_retry_after = in.flag();
    const Duration retry_after(in.number(static_cast<std::uint64_t>(Duration(longest_retry_after).count())));
    if (has_retry_after) reply.retry_after = retry_after;
    if (auto whole = in.finish(); !whole) return fail(std::move(whole).error());
    if (auto sound = judge(reply); !sound) return fail(std::move(sound).error());
    return reply;
}

}  // namespace ringfence::authority
