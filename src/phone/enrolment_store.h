// What an enrolment keeps in the flash's folder while a request is under way: one file for each profile, 0600 since
// it holds a key, replaced whole, so that a crash leaves the old one or the new one. It goes when the request is
// decided, and with a factory reset. Not thread-safe; one program at a time.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/disk.h"
#include "base/result.h"
#include "base/secret.h"
#include "phone/enrolment.h"

namespace ringfence::phone {

// What its files are called begins with this.
inline constexpr std::string_view enrolment_file_prefix = "enrolment-";

// parse_pending_enrolment(format_pending_enrolment(v)) holds the same. Fault corrupt.
Secret format_pending_enrolment(const PendingEnrolment& pending);
Result<PendingEnrolment> parse_pending_enrolment(std::string_view text);

class EnrolmentStore {
public:
    // `disk` outlives this object; the folder exists.
    EnrolmentStore(Disk& disk, std::string folder, unsigned profile)
        : disk_(&disk), folder_(std::move(folder)), profile_(profile) {}

    Result<std::optional<PendingEnrolment>> load() const;  // empty: none is under way; corrupt
    Status save(const PendingEnrolment& pending);
    Status remove();

private:
    std::string path() const;

    Disk* disk_;
    std::string folder_;
    unsigned profile_;
};

}  // namespace ringfence::phone
