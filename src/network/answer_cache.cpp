#include "network/answer_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "base/text.h"

namespace ringfence::network {

namespace {

constexpr std::string_view key_name = "/answers.key";
constexpr std::string_view file_name = "/answers.sealed";
constexpr std::string_view seal_context = "ringfence radius cache";
constexpr std::string_view first_line = "answers 1";

// Whoever else could read or write there could read the passwords, or have us keep them under a key of his.
Status check_private(const std::string& path, const net::Descriptor& opened) {
    struct stat facts {};
    if (!opened.valid() || ::fstat(opened.get(), &facts) != 0)
        return fail(FaultCode::unavailable, path + " cannot be opened");
    if (facts.st_uid != ::geteuid()) return fail(FaultCode::forbidden, path + " belongs to another user");
    if ((facts.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return fail(FaultCode::forbidden, path + " is open to others than its owner: chmod go= " + path);
    return {};
}

// Two on one file would each bring back what the other forgot.
Result<net::Descriptor> hold_folder(const std::string& path) {
    net::Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (auto closed = check_private(path, folder); !closed) return fail(std::move(closed.error()));
    if (::flock(folder.get(), LOCK_EX | LOCK_NB) != 0)
        return fail(FaultCode::conflict, "another 'radius cache' keeps its answers in " + path);
    return folder;
}

Result<crypto::SealingKey> open_key(Disk& disk, const std::string& path, Random& random) {
    if (disk.exists(path)) {
        const net::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (auto closed = check_private(path, file); !closed) return fail(std::move(closed.error()));
        auto bytes = disk.read(path, crypto::SealingKey::size + 1);
        if (!bytes) return fail(std::move(bytes.error()));
        auto key = crypto::SealingKey::load(Secret(std::move(*bytes)));
        if (!key) return fail(std::move(key.error()).within(path));
        return key;
    }
    auto key = crypto::SealingKey::generate(random);
    auto written = disk.replace(path, key.save().reveal(), private_file);
    if (!written) return fail(std::move(written.error()));
    return key;
}

bool holds(const Standing& standing, const HeldCertificate& certificate) {
    return std::find(standing.certificates.begin(), standing.certificates.end(), certificate) !=
           standing.certificates.end();
}

bool ends_sooner(const std::optional<WallTime>& before, const std::optional<WallTime>& now) {
    return before && (!now || *now < *before);
}

// Whether anything that opened the port before does not any more.
bool withdraws(const Standing& before, const Standing& now) {
    if (before.identity != now.identity || !(before.password == now.password)) return true;
    if (before.has_proved_itself && !now.has_proved_itself) return true;
    if (!before.requires_certificate && now.requires_certificate) return true;
    if (ends_sooner(before.window_closes, now.window_closes)) return true;
    if (ends_sooner(before.legacy_closes, now.legacy_closes)) return true;
    return std::any_of(before.certificates.begin(), before.certificates.end(),
                       [&](const HeldCertificate& held) { return !holds(now, held); });
}

// Without the line end; empty after the last.
std::string_view take_line(std::string_view& text) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

tl::unexpected<Fault> corrupt() { return fail(FaultCode::corrupt, "the file of answers does not hold what was kept"); }

}  // namespace

Result<std::unique_ptr<AnswerCache>> AnswerCache::open(Disk& disk, const std::string& folder, CacheLimits limits,
                                                       Random& random) {
    RINGFENCE_ASSERT(limits.max_age > Duration::zero() && limits.let_in_within > Duration::zero());
    auto made = disk.make_directory(folder, private_directory);
    if (!made) return fail(std::move(made.error()));
    auto held = hold_folder(folder);
    if (!held) return fail(std::move(held.error()));
    auto key = open_key(disk, folder + std::string(key_name), random);
    if (!key) return fail(std::move(key.error()));
    std::unique_ptr<AnswerCache> cache(
        new AnswerCache(disk, {std::move(*held), folder + std::string(file_name)}, std::move(*key), limits));
    auto loaded = cache->load();
    if (!loaded) log::warning("nothing is known until the server is heard: " + loaded.error().message);
    return cache;
}

// ---- The file

Status AnswerCache::load() {
    if (!disk_.exists(path_)) return {};
    const auto sealed = disk_.read(path_, max_cache_file);
    if (!sealed) return fail(sealed.error());
    const auto text = key_.open(*sealed, seal_context);
    if (!text) return fail(Fault(text.error()).within(path_));
    auto parsed = parse(text->reveal());
    if (parsed) return {};
    devices_.clear();
    identities_.clear();
    heard_.reset();
    epoch_.clear();
    return fail(std::move(parsed.error()).within(path_));
}

// "answers 1", when the server was heard, the epoch, the number and the terms, a line each; the rest are devices.
Status AnswerCache::parse(std::string_view text) {
    if (take_line(text) != first_line) return corrupt();
    const auto heard = parse_number(take_line(text));
    epoch_ = take_line(text);
    const auto after = parse_number(take_line(text));
    if (!heard || !after) return corrupt();
    after_ = static_cast<std::int64_t>(*after);
    auto terms = parse_terms(take_line(text));
    if (!terms) return corrupt();
    terms_ = std::move(*terms);
    while (!text.empty()) {
        auto device = parse_fed_device(take_line(text));
        if (!device || devices_.size() == max_cached_devices) return corrupt();
        hold(std::move(*device));
    }
    if (*heard > 0) heard_ = WallTime(Duration(static_cast<std::int64_t>(*heard)));
    return {};
}

// Reserved whole, since a string that grows leaves its bytes where it was. In the midst of a walk the numbers are not
// kept: whoever goes on from the file must walk anew.
Secret AnswerCache::format() const {
    constexpr std::size_t usual_line = 512;
    std::string out;
    out.reserve((devices_.size() + 1) * usual_line);
    fmt::format_to(std::back_inserter(out), "{}\n{}\n{}\n{}\n", first_line,
                   heard_.value_or(WallTime{}).time_since_epoch().count(), walk_ ? std::string() : epoch_, after_);
    append_terms(out, terms_);
    out += '\n';
    for (const auto& [mac, device] : devices_) {
        append_fed_device(out, device);
        out += '\n';
    }
    return Secret(std::move(out));
}

Status AnswerCache::save(WallTime now) {
    auto written = disk_.replace(path_, key_.seal(format(), seal_context), private_file);
    if (written) {
        due_.reset();
        return {};
    }
    be_due(now);
    return fail(std::move(written.error()));
}

Status AnswerCache::save_due(WallTime now) {
    if (!due_ || *due_ > now) return {};
    return save(now);
}

void AnswerCache::be_due(WallTime at) { due_ = std::min(due_.value_or(at), at); }

// ---- What is heard

FeedQuestion AnswerCache::next_question() const {
    return {.epoch = epoch_,
            .after = after_,
            .walk = walk_,
            .let_in_within = limits_.let_in_within,
            .wait = is_current_ ? max_feed_wait : Duration::zero()};
}

Status AnswerCache::take(FeedPage page, WallTime now) {
    bool is_withdrawn = drop_unmentioned(page);
    for (const MacAddress& mac : page.gone) is_withdrawn |= drop(mac);
    const bool is_gained = !page.devices.empty();
    for (FedDevice& device : page.devices) is_withdrawn |= hold(std::move(device));
    page.devices.clear();
    terms_ = page.terms;
    is_withdrawn |= drop_long_gone(now);
    move_on(page, now);
    if (is_gained) be_due(now + save_gains_within);
    be_due(now + std::min(save_times_within, limits_.max_age / 10));
    if (!is_withdrawn) return {};
    auto saved = save(now);
    if (saved) return {};
    // Rather no file than one that says too much; removing needs no room on the disk.
    auto removed = disk_.remove(path_);
    if (!removed) return fail(std::move(removed.error()));
    return {};
}

void AnswerCache::move_on(const FeedPage& page, WallTime now) {
    if (page.state == FeedState::restart) {
        epoch_ = page.epoch;
        after_ = page.last;
        walk_.emplace();
        is_current_ = false;
        return;
    }
    if (page.range) {
        walk_.reset();
        if (page.range->up_to) walk_ = FeedWalk{page.range->up_to};
        return;
    }
    after_ = page.last;
    is_current_ = page.state == FeedState::current;
    if (is_current_) heard_ = now;
}

bool AnswerCache::hold(FedDevice device) {
    const MacAddress mac = device.standing.device;
    const auto known = devices_.find(mac);
    if (known == devices_.end() && devices_.size() >= max_cached_devices) {
        if (!std::exchange(is_full_, true))
            log::warning(fmt::format("more than {} devices were let in: the rest is not kept", max_cached_devices));
        return false;
    }
    const bool is_withdrawn = known != devices_.end() && withdraws(known->second.standing, device.standing);
    if (known != devices_.end()) forget_identity(known->second.standing);
    if (!device.standing.identity.empty()) identities_.insert_or_assign(device.standing.identity, mac);
    devices_.insert_or_assign(mac, std::move(device));
    return is_withdrawn;
}

bool AnswerCache::drop(const MacAddress& device) {
    const auto known = devices_.find(device);
    if (known == devices_.end()) return false;
    forget_identity(known->second.standing);
    devices_.erase(known);
    return true;
}

// It may be another device's by now.
void AnswerCache::forget_identity(const Standing& standing) {
    const auto named = identities_.find(standing.identity);
    if (named != identities_.end() && named->second == standing.device) identities_.erase(named);
}

bool AnswerCache::drop_unmentioned(const FeedPage& page) {
    if (!page.range) return false;
    std::set<MacAddress> mentioned;
    for (const FedDevice& device : page.devices) mentioned.insert(device.standing.device);
    std::vector<MacAddress> unmentioned;
    auto at = page.range->above ? devices_.upper_bound(*page.range->above) : devices_.begin();
    for (; at != devices_.end() && (!page.range->up_to || at->first <= *page.range->up_to); ++at)
        if (mentioned.count(at->first) == 0) unmentioned.push_back(at->first);
    for (const MacAddress& mac : unmentioned) drop(mac);
    return !unmentioned.empty();
}

bool AnswerCache::drop_long_gone(WallTime now) {
    std::vector<MacAddress> gone;
    for (const auto& [mac, device] : devices_)
        if (device.let_in < now - limits_.let_in_within) gone.push_back(mac);
    for (const MacAddress& mac : gone) drop(mac);
    return !gone.empty();
}

// ---- What is asked

Status AnswerCache::check_time(WallTime now) const {
    if (!heard_) return fail(FaultCode::unavailable, "the server was never heard");
    if (now < *heard_)
        return fail(FaultCode::unavailable,
                    fmt::format("the clock stands before {}, when the server was heard last", format_time(*heard_)));
    if (now - *heard_ > limits_.max_age)
        return fail(FaultCode::unavailable,
                    fmt::format("the server was heard last at {}, which is longer ago than answers may be old",
                                format_time(*heard_)));
    return {};
}

Result<std::optional<Standing>> AnswerCache::find_standing(const std::string& identity, WallTime now) const {
    auto timely = check_time(now);
    if (!timely) return fail(std::move(timely.error()));
    const auto named = identities_.find(identity);
    if (named != identities_.end()) return std::optional<Standing>(devices_.at(named->second).standing);
    const auto mac = MacAddress::parse(identity);
    if (!mac) return std::optional<Standing>();
    const auto known = devices_.find(*mac);
    if (known == devices_.end()) return std::optional<Standing>();
    Standing standing = known->second.standing;
    standing.identity.clear();  // by its address it is found for its certificate only
    standing.password = Secret();
    return std::optional<Standing>(std::move(standing));
}

}  // namespace ringfence::network
