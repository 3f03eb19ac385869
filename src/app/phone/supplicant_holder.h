// Sees to it that there is a wpa_supplicant to give orders to: starts one, or looks for one that runs already, and
// notices when it is gone. Not thread-safe; one of ours ends with the thread that called follow().
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "app/phone/supplicant.h"
#include "base/clock.h"
#include "base/disk.h"

namespace ringfence::app {

class SupplicantHolder {
public:
    struct Place {
        std::string interface;
        std::string socket;  // of one that runs already; empty: start one
        std::string folder;  // for our sockets, or all sockets; ours alone, made if absent
    };
    // What there is to know since it was asked before.
    struct News {
        bool is_found = false;
        bool holds_login = false;  // found, and logged in already
        std::string missed;        // gone, or not found for a while: why; empty otherwise
    };

    SupplicantHolder(Place place, Disk& disk);

    // Starts, looks, and asks whether it is alive; blocks for milliseconds, or 10 s where it hangs.
    News follow(SteadyTime now);
    SteadyTime deadline() const { return supplicant_ ? next_ping_ : next_search_; }  // for the next follow()
    // To wait on; -1: nothing.
    std::array<int, 2> descriptors() const;

    Supplicant* supplicant() const { return supplicant_.get(); }  // null: there is none
    bool starts_its_own() const { return place_.socket.empty(); }
    // It turned out to be gone; another one is started or looked for after a while. The reason for News::missed.
    std::string lose(std::string_view why, SteadyTime now);
    void drop();  // it is not wanted

private:
    News find(SteadyTime now);
    Result<Supplicant> attach();
    Status start();
    std::string socket() const;

    Place place_;
    Disk* disk_;
    std::unique_ptr<SupplicantProcess> process_;
    std::unique_ptr<Supplicant> supplicant_;
    std::optional<SteadyTime> search_began_;
    SteadyTime next_search_{};
    SteadyTime next_ping_{};
};

}  // namespace ringfence::app
