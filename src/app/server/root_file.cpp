#include "app/server/root_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/server/file_signing.h"
#include "base/text.h"
#include "crypto/certificate_request.h"
#include "delivery/installation.h"

namespace ringfence::app {

namespace {

Result<bool> is_served(registry::Registry& registry, const authority::RootFile& file) {
    const auto catalogue = registry.catalogue();
    if (!catalogue) return fail(catalogue.error());
    const auto& files = (*catalogue)->files;
    return std::any_of(files.begin(), files.end(), [&](const registry::FileRecord& each) {
        return each.path == delivery::root_file_path && equals_ignoring_case(each.sha256, file.sha256);
    });
}

}  // namespace

Status put_root_file(registry::Registry& registry, const authority::RootFile& file) {
    registry::FileRecord record;
    record.path = delivery::root_file_path;
    record.section = phonefile::to_string(phonefile::SectionKind::user_keys);
    record.content_class = trust::ContentClass::public_;
    const auto stored = registry.put_file(record, file.bytes);
    if (!stored) return fail(stored.error());
    return {};
}

Result<AskedFor> read_requests(Context& context, const std::string& path) {
    const auto pem = context.disk().read(path, crypto::Certificate::max_bundle_size);
    if (!pem) return fail(pem.error());
    const auto requests = crypto::CertificationRequest::parse_bundle(*pem);
    if (!requests) return fail(requests.error().within(path));
    AskedFor out;
    for (const auto& request : *requests) {
        const std::string subject = printable(request.subject());
        const std::string key = request.public_key().fingerprint_sha256();
        out.requests.push_back(json::object{{"subject", subject}, {"key", key}});
        out.text += fmt::format("  {}\n    key, SHA-256: {}\n", subject, key);
    }
    return out;
}

Result<bool> settle_root_file(Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto authority = context.open_authority(authority::KeySet::none);
    if (!authority) return fail(authority.error());
    if (auto recorded = (*authority)->record_own(**registry); !recorded) return fail(std::move(recorded).error());
    const auto served = is_served(**registry, (*authority)->root_file());
    if (!served) return fail(served.error());
    if (*served) return false;
    if (auto put = put_root_file(**registry, (*authority)->root_file()); !put) return fail(std::move(put).error());
    return true;
}

Result<std::string> sign_root_file(Context& context, const std::string& content) {
    const auto family = context.family();
    if (!family) return fail(family.error());
    const auto authority = context.open_authority(authority::KeySet::files);
    if (!authority) return fail(authority.error());
    return FileSigner(**authority, (*family)->limits(), context.clock()).sign({phonefile::SignedKind::root}, content);
}

Status announce(Context& context, authority::Rollover& rollover) {
    const auto announcement = sign_root_file(context, rollover.announcement());
    if (!announcement) return fail(announcement.error());
    if (auto announced = rollover.announce(*announcement); !announced) return announced;
    if (const auto settled = settle_root_file(context); !settled) return fail(settled.error());
    context.note({.outcome = "rollover-announced",
                  .detail = "the root " + rollover.next_root().subject() + ", SHA-256 " +
                            rollover.next_root().fingerprint_sha256()});
    return {};
}

}  // namespace ringfence::app
