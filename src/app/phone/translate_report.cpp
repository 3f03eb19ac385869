#include "app/phone/translate_report.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/text.h"

namespace ringfence::app {

namespace {

namespace json = boost::json;

json::array texts(const std::vector<std::string>& list) {
    json::array out;
    for (const auto& text : list) out.emplace_back(printable(text, text.size()));
    return out;
}

std::string lines(std::string_view what, const std::vector<std::string>& list) {
    std::string out;
    for (const auto& text : list) out += fmt::format("{:<9}{}\n", what, printable(text, text.size()));
    return out;
}

std::string start_command(const std::string& folder) { return folder + "/start"; }

}  // namespace

std::string translation_text(const phone::BaresipConfiguration& made, const std::string& folder) {
    std::string out = lines("refused", made.refused) + lines("remark", made.remarks);
    if (!made.untranslated.empty()) out += fmt::format("no counterpart: {}\n", fmt::join(made.untranslated, ", "));
    if (made.unknown_settings > 0) out += fmt::format("{} settings unknown to the catalogue\n", made.unknown_settings);
    return out + fmt::format("{} accounts; start baresip by {}\n", made.account_count, start_command(folder));
}

std::string translation_json(const phone::BaresipConfiguration& made, const std::string& folder) {
    return json::serialize(json::object{{"accounts", made.account_count},
                                        {"refused", texts(made.refused)},
                                        {"remarks", texts(made.remarks)},
                                        {"untranslated", texts(made.untranslated)},
                                        {"unknown_settings", made.unknown_settings},
                                        {"folder", printable(folder, folder.size())},
                                        {"start", printable(start_command(folder), start_command(folder).size())}});
}

}  // namespace ringfence::app
