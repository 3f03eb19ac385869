#include "authority/rollover.h"

#include <fmt/format.h>

#include "authority/generation.h"
#include "phonefile/signed_file.h"

namespace ringfence::authority {

namespace {

// root.pem as it was before the announcement, beside the next generation's certificates.
constexpr std::string_view former_root_file = "root-before.pem";

Fault wrong_stage(std::string_view sentence) { return {FaultCode::conflict, std::string(sentence)}; }

}  // namespace

struct Rollover::Parts {
    std::string path(std::string_view name) const { return fmt::format("{}/{}", directory, name); }
    std::string former_path() const { return path(fmt::format("pki/{}/{}", next.number(), former_root_file)); }

    std::string directory;
    Disk& disk;
    Random& random;
    const Clock& clock;
    Standing standing;
    Generation next;
    bool is_announced = false;
};

Rollover::Rollover(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Rollover::~Rollover() = default;

Result<std::unique_ptr<Rollover>> Rollover::open(const std::string& directory, Disk& disk, Random& random,
                                                 const Clock& clock) {
    // Of the present generation nothing is signed here, and what is lost must not stand in the way.
    auto standing = load_standing(disk, directory, KeySet::none);
    if (!standing) return fail(std::move(standing).error());
    Generation next(disk, directory, standing->present.number() + 1);
    const bool is_announced = standing->announced.has_value();
    if (is_announced)
        if (auto loaded = next.load_authorities(Generation::AuthorityKeys::issuing); !loaded)
            return fail(std::move(loaded).error());
    return std::unique_ptr<Rollover>(new Rollover(std::unique_ptr<Parts>(
        new Parts{directory, disk, random, clock, std::move(*standing), std::move(next), is_announced})));
}

Rollover::Stage Rollover::stage() const {
    if (parts_->is_announced) return Stage::announced;
    return parts_->next.waits_for_root() ? Stage::waits_for_root : Stage::none;
}

const crypto::Certificate& Rollover::present_root() const { return parts_->standing.present.certificate(Part::root); }

const crypto::Certificate& Rollover::next_root() const { return parts_->next.certificate(Part::root); }

Status Rollover::prepare() {
    if (stage() != Stage::none) return fail(wrong_stage("a rollover is under way"));
    const std::string organization = cut_to_subject(parts_->standing.present.server_names().hosts.front());
    return parts_->next.make_authorities(organization, parts_->random, parts_->clock.wall_now());
}

Result<std::string> Rollover::prepare_for_offline_root() {
    if (stage() == Stage::announced) return fail(wrong_stage("a rollover is under way"));
    const std::string organization = cut_to_subject(parts_->standing.present.server_names().hosts.front());
    if (stage() == Stage::none)
        if (auto made = parts_->next.make_requests(organization, parts_->random); !made)
            return fail(std::move(made).error());
    return parts_->next.requests_path();
}

Status Rollover::install(std::string_view certificates) {
    if (stage() != Stage::waits_for_root) return fail(wrong_stage("nothing waits for a root's signature"));
    if (auto taken = parts_->next.take_certificates(certificates); !taken) return taken;
    if (next_root() != present_root()) return {};
    return fail(wrong_stage("this is the root that sets hold now: make a new one with ringfence root create"));
}

std::string Rollover::announcement() const {
    auto certificates = parts_->standing.present.root_certificates();
    const auto next = parts_->next.root_certificates();
    certificates.insert(certificates.end(), next.begin(), next.end());
    return crypto::format_bundle(certificates);
}

Status Rollover::announce(std::string_view signed_announcement) {
    RINGFENCE_ASSERT(phonefile::split_signed(signed_announcement).content == announcement());
    if (auto kept = parts_->disk.replace(parts_->former_path(), parts_->standing.root_file, public_file); !kept)
        return kept;
    auto told = parts_->disk.replace(parts_->path(root_path), signed_announcement, public_file);
    if (told) parts_->is_announced = true;
    return told;
}

std::string Rollover::root_content() const { return parts_->next.root_bundle(); }

Status Rollover::switch_over(std::string_view signed_root, registry::Registry& registry) {
    RINGFENCE_ASSERT(phonefile::split_signed(signed_root).content == root_content());
    if (stage() != Stage::announced) return fail(wrong_stage("no rollover is announced"));
    Generation& next = parts_->next;
    auto done = next.make_the_rest(parts_->standing.present.server_names(), parts_->random, parts_->clock.wall_now());
    for (const PartPlan& plan : plans)
        if (done) done = record_once(registry, next.record_of(plan.part));
    if (!done) return done;
    return parts_->disk.replace(parts_->path(root_path), signed_root, public_file);
}

Status Rollover::abandon() {
    if (stage() == Stage::none) return fail(wrong_stage("no rollover is under way"));
    if (stage() == Stage::announced) {
        const auto before = parts_->disk.read(parts_->former_path(), crypto::Certificate::max_bundle_size);
        if (!before) return fail(before.error());
        auto put_back = parts_->disk.replace(parts_->path(root_path), *before, public_file);
        if (!put_back) return put_back;
        parts_->is_announced = false;
    }
    return parts_->next.discard();
}

}  // namespace ringfence::authority
