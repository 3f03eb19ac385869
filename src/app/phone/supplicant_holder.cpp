#include "app/phone/supplicant_holder.h"

#include <fmt/format.h>

#include <utility>

namespace ringfence::app {

namespace {

// The socket of a wpa_supplicant that was just started is there after some milliseconds.
constexpr Duration search_spacing = std::chrono::milliseconds(50);
constexpr Duration search_patience = std::chrono::seconds(3);
// One that is not there, or ends again and again, is looked for at leisure.
constexpr Duration later_search_spacing = std::chrono::seconds(2);
// A wpa_supplicant that was killed tells nobody.
constexpr Duration ping_spacing = std::chrono::seconds(5);
constexpr std::string_view our_sockets = "wpa_ctrl_";  // as libwpa_client names them

}  // namespace

// Our ends of connections may be left behind by a program that was killed.
SupplicantHolder::SupplicantHolder(Place place, Disk& disk) : place_(std::move(place)), disk_(&disk) {
    const auto names = disk_->list(place_.folder);
    if (!names) return;
    for (const auto& name : *names)
        if (name.starts_with(our_sockets)) static_cast<void>(disk_->remove(fmt::format("{}/{}", place_.folder, name)));
}

std::array<int, 2> SupplicantHolder::descriptors() const {
    return {supplicant_ ? supplicant_->descriptor() : -1, process_ ? process_->descriptor() : -1};
}

std::string SupplicantHolder::socket() const {
    return starts_its_own() ? fmt::format("{}/{}", place_.folder, place_.interface) : place_.socket;
}

SupplicantHolder::News SupplicantHolder::follow(SteadyTime now) {
    if (process_)
        if (const auto ending = process_->ending())
            return {false, false, lose(fmt::format("wpa_supplicant {}", *ending), now)};
    if (!supplicant_) return now < next_search_ ? News{} : find(now);
    if (now < next_ping_) return {};
    next_ping_ = now + ping_spacing;
    if (const auto lives = supplicant_->ping(); !lives) return {false, false, lose(lives.error().message, now)};
    return {};
}

SupplicantHolder::News SupplicantHolder::find(SteadyTime now) {
    if (starts_its_own() && !process_)
        if (const auto started = start(); !started) {
            next_search_ = now + later_search_spacing;
            return {false, false, started.error().message};
        }
    if (!search_began_) search_began_ = now;
    auto found = attach();
    if (found) {
        search_began_.reset();
        next_ping_ = now + ping_spacing;
        supplicant_ = std::make_unique<Supplicant>(std::move(*found));
        return {true, supplicant_->is_logged_in().value_or(false), {}};
    }
    const bool is_late = now >= *search_began_ + search_patience;
    next_search_ = now + (is_late ? later_search_spacing : search_spacing);
    return is_late ? News{false, false, found.error().message} : News{};
}

Result<Supplicant> SupplicantHolder::attach() {
    if (auto made = disk_->make_directory(place_.folder, private_directory); !made)
        return fail(std::move(made.error()));
    return Supplicant::attach(socket(), place_.folder);
}

Status SupplicantHolder::start() {
    if (auto made = disk_->make_directory(place_.folder, private_directory); !made) return made;
    auto process = SupplicantProcess::start(place_.interface, place_.folder);
    if (!process) return fail(std::move(process.error()));
    process_ = std::make_unique<SupplicantProcess>(std::move(*process));
    return {};
}

std::string SupplicantHolder::lose(std::string_view why, SteadyTime now) {
    drop();
    search_began_.reset();
    next_search_ = now + later_search_spacing;
    return fmt::format("{}; {}", why, starts_its_own() ? "it is started again" : "it is looked for");
}

void SupplicantHolder::drop() {
    supplicant_.reset();
    process_.reset();
}

}  // namespace ringfence::app
