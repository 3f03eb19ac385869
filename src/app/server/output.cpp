#include "app/server/output.h"

#include <fmt/format.h>

#include <algorithm>
// The whole of Boost.JSON, here only.
#include <boost/json/src.hpp>
#include <cstdio>

namespace ringfence::app {

namespace {

std::string format_row(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
    std::string out;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        out += cells[i];
        if (i + 1 < cells.size()) out.append(widths[i] - cells[i].size() + 2, ' ');
    }
    out.erase(out.find_last_not_of(' ') + 1);
    return out + "\n";
}

}  // namespace

void say_ready() {
    std::fputs("ready\n", stdout);
    std::fflush(stdout);
}

void Output::answer(const json::object& object, std::string_view text) {
    if (as_json_) return raw(json::serialize(object) + "\n");
    raw(text);
    if (!text.empty() && text.back() != '\n') raw("\n");
}

void Output::raw(std::string_view bytes) { std::fwrite(bytes.data(), 1, bytes.size(), stdout); }

Status Output::finish() {
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
        return fail(FaultCode::unavailable, "standard output could not be written");
    return {};
}

void Rows::add(const json::object& object, std::vector<std::string> cells) {
    RINGFENCE_ASSERT(cells.size() == titles_.size());
    if (output_.as_json()) return output_.answer(object, {});
    for (auto& cell : cells)
        if (cell.empty()) cell = "-";
    rows_.push_back(std::move(cells));
}

void Rows::finish(std::string_view when_empty) {
    if (output_.as_json()) return;
    if (rows_.empty()) {
        output_.raw(std::string(when_empty) + "\n");
        return;
    }
    std::vector<std::size_t> widths;
    for (const auto& title : titles_) widths.push_back(title.size());
    for (const auto& row : rows_)
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    output_.raw(format_row(titles_, widths));
    for (const auto& row : rows_) output_.raw(format_row(row, widths));
}

std::string format_facts(const std::vector<std::pair<std::string, std::string>>& facts) {
    std::size_t width = 0;
    for (const auto& fact : facts) width = std::max(width, fact.first.size());
    std::string out;
    for (const auto& [name, value] : facts) out += fmt::format("{:<{}}  {}\n", name, width, value);
    return out;
}

std::string count_of(std::size_t count, std::string_view thing) {
    return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

json::value text_or_null(std::string_view text) {
    if (text.empty()) return nullptr;
    return json::value(text);
}

json::array to_array(const std::vector<std::string>& texts) {
    json::array out;
    for (const auto& text : texts) out.emplace_back(text);
    return out;
}

}  // namespace ringfence::app
