// What a command says on standard output: JSON lines with --json, else short plain text. Text from outside the program
// is made printable by whoever puts it here.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ringfence::app {

namespace json = boost::json;

// "ready" on standard output, at once: whoever started a server may go on.
void say_ready();

class Output {
public:
    explicit Output(bool as_json) : as_json_(as_json) {}

    bool as_json() const { return as_json_; }
    // As if --json had been given: for a command whose reader is a program unless it is told otherwise.
    void speak_json() { as_json_ = true; }
    // One JSON object on a line, or the text with a line feed put behind it if it lacks one.
    void answer(const json::object& object, std::string_view text);
    // As it is, in both modes.
    void raw(std::string_view bytes);
    // unavailable when what was said did not reach its reader.
    Status finish();

private:
    bool as_json_;
};

// Rows that are JSON objects, one a line, or an aligned table.
class Rows {
public:
    Rows(Output& output, std::vector<std::string> titles) : output_(output), titles_(std::move(titles)) {}

    // As many cells as there are titles. JSON goes out at once.
    void add(const json::object& object, std::vector<std::string> cells);
    // Prints the table; `when_empty` is the sentence that stands in an empty one's place.
    void finish(std::string_view when_empty);

private:
    Output& output_;
    std::vector<std::string> titles_;
    std::vector<std::vector<std::string>> rows_;
};

// "name: value" lines with the values aligned.
std::string format_facts(const std::vector<std::pair<std::string, std::string>>& facts);

// "1 set", "2 sets".
std::string count_of(std::size_t count, std::string_view thing);

// null where the text is empty.
json::value text_or_null(std::string_view text);
json::array to_array(const std::vector<std::string>& texts);

}  // namespace ringfence::app
