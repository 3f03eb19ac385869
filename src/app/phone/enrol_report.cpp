#include "app/phone/enrol_report.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/text.h"

namespace ringfence::app {

std::string enrol_text(const phone::EnrolmentReport& report) {
    std::string out = fmt::format("enrolment of {}\n", printable(report.common_name));
    if (!report.authority.empty())
        out += fmt::format("  authority  {}\n    SHA-1    {}\n    SHA-256  {}\n", printable(report.authority),
                           phone::in_pairs(report.fingerprints.sha1), phone::in_pairs(report.fingerprints.sha256));
    if (!report.accepted_by.empty()) out += fmt::format("    {}\n", printable(report.accepted_by));
    for (const auto& note : report.notes) out += fmt::format("  note       {}\n", printable(note, note.size()));
    return out + fmt::format("{}{}: {}\n", to_string(report.outcome), report.is_renewal ? " (renewal)" : "",
                             printable(report.reason, report.reason.size()));
}

std::string enrol_json(const phone::EnrolmentReport& report) {
    const auto text = [](const std::string& bytes) { return boost::json::string(printable(bytes, bytes.size())); };
    boost::json::array notes;
    for (const auto& note : report.notes) notes.push_back(text(note));
    return boost::json::serialize(boost::json::object{{"outcome", to_string(report.outcome)},
                                                      {"reason", text(report.reason)},
                                                      {"name", text(report.common_name)},
                                                      {"authority", text(report.authority)},
                                                      {"sha1", report.fingerprints.sha1},
                                                      {"sha256", report.fingerprints.sha256},
                                                      {"accepted_by", text(report.accepted_by)},
                                                      {"renewal", report.is_renewal},
                                                      {"transaction", report.transaction_id},
                                                      {"notes", std::move(notes)}});
}

}  // namespace ringfence::app
