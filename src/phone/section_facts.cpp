#include "phone/section_facts.h"

#include <string_view>

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

}  // namespace

std::vector<std::string> default_facts(const Section& section) {
    std::vector<std::string> facts;
    for (const auto& entry : default_table)
        if (!is_stated(section, entry.keyword)) facts.emplace_back(entry.sentence);
    if (section.filenames.empty()) facts.emplace_back("FILENAME is not stated, so SIP<MAC>.cfg is meant");
    if (section.version.empty()) facts.emplace_back("VERSION is not stated");
    if (section.kind == SectionKind::dev_cert && !is_stated(section, Keyword::profile))
        facts.emplace_back("PROFILE is not stated, so profile 1 is meant");
    if (section.protocol == Protocol::ftp && section.user_name.empty())
        facts.emplace_back("no login is stated, so FTP is anonymous");
    return facts;
}

}  // namespace ringfence::phone
