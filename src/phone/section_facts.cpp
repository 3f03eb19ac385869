#include "phone/section_facts.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"

namespace ringfence::phone {

namespace {

using phonefile::Keyword;
using phonefile::Section;
using phonefile::SectionKind;

struct DefaultFact {
    Keyword keyword;
    std::string_view sentence;
};

constexpr DefaultFact default_table[] = {
    {Keyword::download_mode, "DOWNLOAD_MODE is not stated, so AUTO holds"},
    {Keyword::protocol, "PROTOCOL is not stated, so TFTP holds, whatever brought the manifest"},
    {Keyword::server_ip, "SERVER_IP is not stated, so the manifest's server is asked"},
};

bool is_stated(const Section& section, Keyword keyword) { return section.keyword_lines.count(keyword) > 0; }

bool is_usual_version(std::string_view version) {
    return version.size() >= phonefile::min_version_digits && version.size() <= phonefile::max_version_digits &&
           std::all_of(version.begin(), version.end(), is_ascii_digit);
}

}  // namespace

std::vector<std::string> default_facts(const Section& section) {
    std::vector<std::string> facts;
    for (const auto& entry : default_table)
        if (!is_stated(section, entry.keyword)) facts.emplace_back(entry.sentence);
    if (section.filenames.empty()) facts.emplace_back("FILENAME is not stated, so SIP<MAC>.cfg is meant");
    if (section.version.empty()) facts.emplace_back("VERSION is not stated");
    if (!section.version.empty() && section.kind != SectionKind::fw && !is_usual_version(section.version))
        facts.emplace_back("VERSION is not the 6 to 10 digits that the manual asks for");
    if (!section.security_mode.empty()) facts.emplace_back("what SECURITY_MODE means is not known; it changes nothing");
    if (section.kind == SectionKind::dev_cert && !is_stated(section, Keyword::profile))
        facts.emplace_back("PROFILE is not stated, so profile 1 is meant");
    if (section.protocol == Protocol::ftp && section.user_name.empty())
        facts.emplace_back("no login is stated, so FTP is anonymous");
    return facts;
}

}  // namespace ringfence::phone
