#include "phone/trust_store.h"

#include <algorithm>
#include <array>

#include "phone/flash.h"
#include "phonefile/signed_file.h"
#include "phonefile/trust_list.h"

namespace ringfence::phone {

namespace {

constexpr std::array trust_sections = {root_section,   scep_section,       token_section,
                                       policy_section, trust_list_section, revocation_section};
constexpr std::array certificate_sections = {root_section, scep_section, token_section, revocation_section};

bool is_listed(const std::vector<crypto::RevocationList>& lists, const crypto::Certificate& certificate) {
    return std::any_of(lists.begin(), lists.end(), [&](const auto& list) { return list.lists(certificate); });
}

bool holds_pem_certificate(std::string_view content) {
    return content.find(crypto::Certificate::pem_begin) != std::string_view::npos;
}

}  // namespace

bool is_trust_section(std::string_view section) {
    return std::find(trust_sections.begin(), trust_sections.end(), section) != trust_sections.end();
}

Result<TrustList> read_trust_list(std::string_view content) {
    auto reading = phonefile::parse_trust_list_as_phone(content);
    if (!reading) return fail(std::move(reading.error()));
    const auto& text = reading->list;
    TrustList list{text.not_before, text.not_after, {}};
    for (const auto& pem : text.certificates) {
        auto certificate = crypto::Certificate::parse_pem(pem);
        if (!certificate) return fail(std::move(certificate.error()).within("a certificate of the trust list"));
        list.certificates.push_back(std::move(*certificate));
    }
    RINGFENCE_ASSERT(!list.certificates.empty());  // an empty one would read as no list at all
    return list;
}

Result<RootFile> read_root_file(std::string_view content) {
    // A signed trust list that names an authority would pass for roots.
    if (content.find("NOT_VALID_BEFORE:") != std::string_view::npos)
        return fail(FaultCode::malformed, "this is a certificate trust list and no file of root certificates");
    RootFile file;
    auto lists = read_revocation_lists(content);
    if (!lists) return fail(std::move(lists.error()));
    file.revocation_lists = std::move(*lists);
    if (!file.revocation_lists.empty() && !holds_pem_certificate(content)) return file;
    auto certificates = crypto::Certificate::parse_bundle(content);
    if (!certificates) return fail(std::move(certificates.error()).within("this is no file of root certificates"));
    file.certificates = std::move(*certificates);
    return file;
}

Result<std::vector<crypto::RevocationList>> read_revocation_lists(std::string_view content) {
    constexpr std::string_view pem_mark = "-----BEGIN ";
    if (content.find(pem_mark) != std::string_view::npos)
        return crypto::RevocationList::parse_bundle(content, crypto::RevocationList::max_entries_of_a_set);
    constexpr char der_sequence = 0x30;
    if (content.empty() || content.front() != der_sequence) return std::vector<crypto::RevocationList>();
    auto list = crypto::RevocationList::parse_der(content, crypto::RevocationList::max_entries_of_a_set);
    if (!list) return fail(std::move(list.error()));
    return std::vector<crypto::RevocationList>{std::move(*list)};
}

Result<RootFile> read_roots_and_lists(std::string_view section, std::string_view content) {
    if (section != revocation_section) return read_root_file(content);
    auto lists = read_revocation_lists(content);
    if (!lists) return fail(std::move(lists.error()));
    return RootFile{{}, std::move(*lists)};
}

bool is_outdated_by(const crypto::RevocationList& list, const crypto::RevocationList& other) {
    return list.issuer() == other.issuer() && list.this_update() < other.this_update();
}

Result<TrustStore> TrustStore::load(Flash& flash, std::vector<crypto::Certificate> vendor_anchors) {
    TrustStore store(std::move(vendor_anchors));
    for (const auto section : trust_sections) {
        for (const auto* file : flash.state().files_of(section)) {
            auto bytes = flash.read(*file);
            if (!bytes) return fail(std::move(bytes.error()).within("reading the installed " + file->name));
            auto added = store.add_file(section, std::move(*bytes));
            if (!added) return fail(std::move(added.error()).within("the installed " + file->name));
        }
    }
    return store;
}

bool TrustStore::holds_file(std::string_view section, std::string_view bytes) const {
    const auto found = files_.find(section);
    return found != files_.end() && found->second.find(bytes) != found->second.end();
}

Status TrustStore::add_file(std::string_view section, std::string bytes) {
    auto added = add_content(section, phonefile::split_signed(bytes).content);
    if (added) files_[std::string(section)].insert(std::move(bytes));
    return added;
}

Status TrustStore::add_content(std::string_view section, std::string_view content) {
    const bool holds_certificates =
        std::find(certificate_sections.begin(), certificate_sections.end(), section) != certificate_sections.end();
    if (holds_certificates) {
        auto roots = read_roots_and_lists(section, content);
        if (!roots) return fail(std::move(roots.error()));
        if (section == token_section)
            token_.insert(token_.end(), roots->certificates.begin(), roots->certificates.end());
        for (auto& root : roots->certificates)
            if (!holds_root(root)) customer_.push_back(std::move(root));
        for (auto& list : roots->revocation_lists) add_revocation_list(std::move(list));
    } else if (section == policy_section) {
        auto reading = phonefile::parse_security_policy_as_phone(content);
        if (!reading) return fail(std::move(reading.error()));
        policy_ = reading->policy;
    } else if (section == trust_list_section) {
        auto list = read_trust_list(content);
        if (!list) return fail(std::move(list.error()));
        trust_list_ = std::move(*list);
    }
    return {};
}

// Of one issuer only the latest list counts: what it leaves out is revoked no more. Of several made in one second all.
void TrustStore::add_revocation_list(crypto::RevocationList list) {
    if (holds_list(list)) return;
    std::erase_if(revocation_lists_, [&](const auto& held) { return is_outdated_by(held, list); });
    revocation_lists_.push_back(std::move(list));
}

bool TrustStore::holds_root(const crypto::Certificate& certificate) const {
    return std::find(customer_.begin(), customer_.end(), certificate) != customer_.end();
}

bool TrustStore::holds_list(const crypto::RevocationList& list) const {
    return std::any_of(revocation_lists_.begin(), revocation_lists_.end(),
                       [&](const auto& held) { return held == list || is_outdated_by(list, held); });
}

bool TrustStore::is_revoked(const crypto::Certificate& certificate) const {
    return is_listed(revocation_lists_, certificate);
}

std::vector<crypto::Certificate> TrustStore::without_revoked(std::vector<crypto::Certificate> anchors) const {
    std::erase_if(anchors, [this](const auto& anchor) { return is_revoked(anchor); });
    return anchors;
}

const TrustList* TrustStore::trust_list_at(const crypto::JudgingTime& time, const Behaviour& behaviour) const {
    if (!trust_list_ || !time.at || time.is_after(trust_list_->not_after)) return nullptr;
    const bool obeys_begin = behaviour.is(Switch::trust_list_begin, "obeyed");
    if (obeys_begin && time.is_before(trust_list_->not_before)) return nullptr;
    return &*trust_list_;
}

std::shared_ptr<const crypto::ServerTrust> TrustStore::server_trust(const crypto::JudgingTime& time,
                                                                    const Behaviour& behaviour) const {
    auto trust = std::make_shared<crypto::ServerTrust>();
    trust->anchors = without_revoked(customer_);
    if (const auto* list = trust_list_at(time, behaviour)) trust->only_leaves = list->certificates;
    if (!revocation_lists_.empty())
        trust->is_revoked = [lists = revocation_lists_](const crypto::Certificate& certificate) {
            return is_listed(lists, certificate);
        };
    trust->sent_chain_must_be_held = behaviour.is(Switch::server_chain, "every-ca-installed");
    trust->min_rsa_bits = policy_.key_size;
    return trust;
}

}  // namespace ringfence::phone
