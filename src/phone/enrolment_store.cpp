#include "phone/enrolment_store.h"

#include <fmt/format.h>

#include "base/text.h"

namespace ringfence::phone {

namespace {

constexpr std::size_t file_limit = std::size_t{64} * 1024;  // a key and two certificates, each of up to 16 kB
constexpr std::string_view header = "ringfence-phone enrolment 1";
constexpr std::string_view awaited = "awaited";  // is_acknowledged
constexpr std::string_view asked = "asked";
constexpr std::size_t head_lines = 4;
constexpr std::string_view unknown_authority = "authority unknown";  // a line more

auto damaged() { return fail(FaultCode::corrupt, "what was stored of the enrolment under way is damaged"); }

}  // namespace

Secret format_pending_enrolment(const PendingEnrolment& pending) {
    return Secret(fmt::format(
        "{}\nurl {}\nname {}\ndecision {}\n{}{}{}{}", header, percent_encode(pending.url), pending.common_name,
        pending.is_acknowledged ? awaited : asked, pending.authority ? "" : fmt::format("{}\n", unknown_authority),
        pending.key.to_pem().reveal(), pending.authority ? pending.authority->to_pem() : "", pending.signer.to_pem()));
}

Result<PendingEnrolment> parse_pending_enrolment(std::string_view text) {
    const auto certificates_at = text.find(crypto::Certificate::pem_begin);
    const auto key_at = text.find("-----BEGIN");
    if (certificates_at == std::string_view::npos || key_at == certificates_at) return damaged();
    const auto head = split(text.substr(0, key_at), '\n');
    constexpr std::string_view url_word = "url ", name_word = "name ", decision_word = "decision ";
    const bool knows_authority = head.size() == head_lines + 1;
    const bool is_told_unknown = head.size() == head_lines + 2 && head[head_lines] == unknown_authority;
    if ((!knows_authority && !is_told_unknown) || head[0] != header || !head[1].starts_with(url_word) ||
        !head[2].starts_with(name_word) || !head[3].starts_with(decision_word))
        return damaged();
    const auto decision = head[3].substr(decision_word.size());
    auto url = percent_decode(head[1].substr(url_word.size()));
    auto key = crypto::PrivateKey::parse_pem(Secret(std::string(text.substr(key_at, certificates_at - key_at))));
    auto certificates = crypto::Certificate::parse_bundle(text.substr(certificates_at));
    const bool is_whole = url && key && certificates && certificates->size() == (knows_authority ? 2U : 1U);
    if (!is_whole || (decision != awaited && decision != asked)) return damaged();
    PendingEnrolment pending{std::move(*url),      std::string(head[2].substr(name_word.size())),
                             std::move(*key),      {},
                             certificates->back(), decision == awaited};
    if (knows_authority) pending.authority = certificates->front();
    return pending;
}

std::string EnrolmentStore::path() const { return fmt::format("{}/{}{}", folder_, enrolment_file_prefix, profile_); }

Result<std::optional<PendingEnrolment>> EnrolmentStore::load() const {
    auto text = disk_->read(path(), file_limit);
    if (!text && text.error().code == FaultCode::not_found) return std::optional<PendingEnrolment>();
    if (!text) return fail(std::move(text.error()));
    auto pending = parse_pending_enrolment(*text);
    wipe(*text);
    if (!pending) return fail(std::move(pending.error()));
    return std::optional(std::move(*pending));
}

Status EnrolmentStore::save(const PendingEnrolment& pending) {
    return disk_->replace(path(), format_pending_enrolment(pending).reveal(), private_file);
}

Status EnrolmentStore::remove() { return disk_->remove(path()); }

}  // namespace ringfence::phone
