// Reads a family's two data files. The first complaint wins and is kept while the rest is read over, so that each
// reading function stays one line per datum.
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "base/disk.h"
#include "base/text.h"
#include "family/family.h"
#include "phonefile/settings_file.h"

namespace ringfence::family {

namespace {

constexpr std::size_t max_data_file = 1024 * 1024;  // the largest we ship is 20 kB
constexpr std::size_t max_settings = 5000;          // numbered names multiply; the largest family has 300
constexpr std::size_t max_numbered = 100;           // copies that one pair of braces may stand for
constexpr std::int64_t max_port = 65535;

constexpr std::array setting_types{SettingType::boolean, SettingType::choice,  SettingType::integer,
                                   SettingType::port,    SettingType::host,    SettingType::text,
                                   SettingType::list,    SettingType::timezone};

// One table of a data file. Complaints name the file and line.
class Data {
public:
    Data(const toml::table& table, std::string_view file, std::optional<Fault>& fault)
        : table_(table), file_(file), fault_(fault) {}

    std::string text(std::string_view key) { return find_text(key).value_or(std::string()); }

    std::string required_text(std::string_view key) {
        const std::string value = text(key);
        if (value.empty()) complain(std::string(key) + " is missing");
        return value;
    }

    std::optional<std::string> find_text(std::string_view key) { return find<std::string>(key, "text"); }
    std::optional<std::int64_t> find_integer(std::string_view key) { return find<std::int64_t>(key, "a number"); }
    bool flag(std::string_view key) { return find<bool>(key, "true or false").value_or(false); }

    // A positive number.
    std::size_t count(std::string_view key) {
        const std::int64_t value = find_integer(key).value_or(0);
        if (value <= 0) complain(std::string(key) + " must be a number above 0");
        return static_cast<std::size_t>(std::max<std::int64_t>(value, 0));
    }

    std::vector<std::string> texts(std::string_view key) {
        std::vector<std::string> values;
        const toml::node* node = take(key);
        if (node == nullptr) return values;
        const toml::array* array = node->as_array();
        if (array == nullptr) {
            complain(std::string(key) + " must be a list");
            return values;
        }
        for (const toml::node& element : *array) {
            if (const auto value = element.value_exact<std::string>())
                values.push_back(*value);
            else
                complain(std::string(key) + " must hold texts only");
        }
        return values;
    }

    std::optional<Data> table(std::string_view key) {
        const toml::node* node = take(key);
        const toml::table* table = node == nullptr ? nullptr : node->as_table();
        if (table != nullptr) return Data(*table, file_, fault_);
        complain("the table " + std::string(key) + " is missing");
        return std::nullopt;
    }

    std::vector<Data> tables(std::string_view key) {
        std::vector<Data> found;
        const toml::node* node = take(key);
        const toml::array* array = node == nullptr ? nullptr : node->as_array();
        if (array == nullptr || !array->is_array_of_tables()) {
            complain("at least one [[" + std::string(key) + "]] is needed");
            return found;
        }
        for (const toml::node& element : *array) found.emplace_back(*element.as_table(), file_, fault_);
        return found;
    }

    // Names of this table's entries; each must be a table.
    std::vector<std::string> names() const {
        std::vector<std::string> found;
        for (const auto& [key, node] : table_) found.emplace_back(key.str());
        return found;
    }

    // A key that nobody asked for is a typing mistake.
    void finish() {
        for (const auto& [key, node] : table_)
            if (taken_.count(std::string(key.str())) == 0) complain(std::string(key.str()) + " is not known here");
    }

    void complain(std::string_view what) {
        if (fault_) return;
        fault_ = Fault{FaultCode::malformed,
                       file_ + " line " + std::to_string(table_.source().begin.line) + ": " + std::string(what)};
    }

private:
    const toml::node* take(std::string_view key) {
        taken_.insert(std::string(key));
        return table_.get(key);
    }

    template <typename Value>
    std::optional<Value> find(std::string_view key, std::string_view kind) {
        const toml::node* node = take(key);
        if (node == nullptr) return std::nullopt;
        if (const auto value = node->value_exact<Value>()) return *value;
        complain(std::string(key) + " must be " + std::string(kind));
        return std::nullopt;
    }

    const toml::table& table_;
    std::string file_;
    std::optional<Fault>& fault_;
    std::set<std::string> taken_;
};

Result<toml::table> parse_toml(std::string_view text, std::string_view file) {
    try {
        return toml::parse(text);
    } catch (const toml::parse_error& error) {
        return fail(FaultCode::malformed, std::string(file) + " line " + std::to_string(error.source().begin.line) +
                                              ": " + std::string(error.description()));
    }
}

struct NumberRange {
    std::size_t begin = 0;  // of the opening brace
    std::size_t end = 0;    // behind the closing one
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::size_t digits = 0;
};

// The first "{1-5}" of a name; not a value when there is none, a Fault when there is a wrong one.
Result<std::optional<NumberRange>> find_range(std::string_view name) {
    const auto malformed = [&] { return fail(FaultCode::malformed, std::string(name) + " has a wrong number range"); };
    NumberRange range;
    range.begin = name.find('{');
    if (range.begin == std::string_view::npos) return std::optional<NumberRange>();
    const auto close = name.find('}', range.begin);
    if (close == std::string_view::npos) return malformed();
    range.end = close + 1;
    const auto bounds = split(name.substr(range.begin + 1, close - range.begin - 1), '-');
    if (bounds.size() != 2) return malformed();
    const auto first = parse_number(bounds[0]);
    const auto last = parse_number(bounds[1]);
    if (!first || !last || *last < *first || *last - *first >= max_numbered) return malformed();
    range.first = *first;
    range.last = *last;
    range.digits = bounds[0].size();
    return std::optional<NumberRange>(range);
}

Result<std::vector<std::string>> expand_numbers(const std::string& name) {
    std::vector<std::string> done;
    std::vector<std::string> open{name};
    while (!open.empty()) {
        const std::string next = std::move(open.back());
        open.pop_back();
        const auto range = find_range(next);
        if (!range) return fail(range.error());
        if (!*range) {
            done.push_back(next);
            continue;
        }
        if (done.size() + open.size() > max_settings)
            return fail(FaultCode::too_large, name + " stands for too many settings");
        for (std::uint64_t number = (*range)->first; number <= (*range)->last; ++number) {
            std::string digits = std::to_string(number);
            digits.insert(0, (*range)->digits - std::min((*range)->digits, digits.size()), '0');
            open.push_back(next.substr(0, (*range)->begin) + digits + next.substr((*range)->end));
        }
    }
    return done;
}

}  // namespace

class FamilyReader {
public:
    Result<Family> read(const toml::table& family, const toml::table& settings) {
        read_family(Data(family, "family.toml", fault_));
        read_settings(Data(settings, "settings.toml", fault_));
        if (fault_) return fail(std::move(*fault_));
        return std::move(family_);
    }

private:
    void read_family(Data data) {
        family_.name_ = data.required_text("name");
        read_device_settings(data);
        read_user_agents(data);
        if (auto limits = data.table("limits")) read_limits(*limits);
        if (auto generic = data.table("generic")) read_generic(*generic);
        for (Data& model : data.tables("model")) read_model(model);
        for (const std::string& model : family_.generic_models_)
            if (!family_.has_model(model)) data.complain("[generic] names " + printable(model) + ", which is no model");
        if (auto sections = data.table("sections")) read_sections(*sections);
        data.finish();
    }

    void read_device_settings(Data& data) {
        constexpr std::string_view mac = "{MAC}";
        const std::string pattern = data.required_text("device_settings");
        const auto at = pattern.find(mac);
        if (at == std::string::npos) return data.complain("device_settings must hold {MAC}");
        family_.device_settings_prefix_ = pattern.substr(0, at);
        family_.device_settings_suffix_ = pattern.substr(at + mac.size());
    }

    void read_user_agents(Data& data) {
        family_.user_agents_ = data.texts("user_agents");
        for (const std::string& pattern : family_.user_agents_) {
            const auto literal = replace_all(replace_all(pattern, "{byte}", ""), "{version}", "");
            if (literal.find_first_of("{}") != std::string::npos)
                data.complain("a user agent may hold {byte} and {version} only");
        }
    }

    void read_limits(Data& data) {
        Limits& limits = family_.limits_;
        limits.line_length = data.count("line_length");
        limits.language_files = data.count("language_files");
        limits.tone_files = data.count("tone_files");
        limits.version_max = data.count("version_max");
        limits.version_digits_min = data.count("version_digits_min");
        limits.version_digits_max = data.count("version_digits_max");
        limits.firmware_version_length = data.count("firmware_version_length");
        limits.pkcs12_password_length = data.count("pkcs12_password_length");
        limits.pkcs12_password_alphabet = data.required_text("pkcs12_password_alphabet");
        limits.trust_list_bytes = data.count("trust_list_bytes");
        limits.trust_list_certificates = data.count("trust_list_certificates");
        limits.revocation_entries = data.count("revocation_entries");
        if (limits.line_length > phonefile::max_line_written)
            data.complain("line_length must be at most " + std::to_string(phonefile::max_line_written));
        if (limits.version_max > phonefile::max_version)
            data.complain("version_max must be at most " + std::to_string(phonefile::max_version));
        data.finish();
    }

    void read_generic(Data& data) {
        family_.generic_models_ = data.texts("models");
        for (const std::string& path : data.texts("manifests")) add_path(data, path, Role::manifest, {});
        read_aliases(data, {});
        data.finish();
    }

    void read_model(Data& data) {
        Model model;
        model.name = data.required_text("name");
        model.manifest_name = data.required_text("manifest");
        model.load_prefix = data.required_text("load_prefix");
        model.verifies_rsa_only = data.flag("verifies_rsa_only");
        model.needs_legacy_tls = data.flag("needs_legacy_tls");
        if (family_.has_model(model.name)) data.complain("model " + model.name + " stands twice");
        add_path(data, model.manifest_name, Role::manifest, model.name);
        read_aliases(data, model.name);
        data.finish();
        family_.models_.push_back(std::move(model));
    }

    void read_aliases(Data& data, const std::string& model) {
        for (const std::string& path : data.texts("boot_manifests")) add_path(data, path, Role::boot_manifest, model);
        for (const std::string& path : data.texts("conversion_manifests"))
            add_path(data, path, Role::conversion_manifest, model);
    }

    void add_path(Data& data, const std::string& path, Role role, const std::string& model) {
        if (path.empty() || path.find('/') != std::string::npos)
            return data.complain("'" + printable(path) + "' cannot be a manifest's name");
        if (!family_.paths_.emplace(path, Family::KnownPath{role, model}).second)
            data.complain(path + " stands for two manifests");
    }

    void read_sections(Data& data) {
        family_.section_order_ = read_section_names(data, "order");
        family_.public_sections_ = read_section_names(data, "public");
        constexpr auto count = static_cast<std::size_t>(phonefile::SectionKind::login_banner) + 1;
        if (family_.section_order_.size() != count)
            data.complain("order must hold each of the " + std::to_string(count) + " sections");
        data.finish();
    }

    static std::vector<phonefile::SectionKind> read_section_names(Data& data, std::string_view key) {
        std::vector<phonefile::SectionKind> kinds;
        for (const std::string& name : data.texts(key)) {
            const auto kind = phonefile::parse_section_kind(name);
            if (!kind)
                data.complain("'" + printable(name) + "' is no section");
            else if (std::find(kinds.begin(), kinds.end(), *kind) != kinds.end())
                data.complain("section " + name + " stands twice");
            else
                kinds.push_back(*kind);
        }
        return kinds;
    }

    void read_settings(Data data) {
        for (const std::string& group : data.names()) {
            auto settings = data.table(group);
            if (!settings) continue;
            for (const std::string& name : settings->names())
                if (auto setting = settings->table(name)) add_setting(*setting, group, name);
        }
        if (family_.settings_.size() > max_settings) data.complain("there are too many settings");
        for (const auto& [name, spec] : family_.settings_)
            if (spec.safe_value) family_.licence_defaults_.emplace_back(name, *spec.safe_value);
    }

    void add_setting(Data& data, const std::string& group, const std::string& pattern) {
        SettingSpec spec = read_setting(data);
        spec.group = group;
        const auto names = expand_numbers(pattern);
        if (!names) return data.complain(names.error().message);
        for (const std::string& name : *names) {
            spec.name = name;
            if (!phonefile::is_setting_name(name))
                data.complain("'" + printable(name) + "' cannot be a setting's name");
            if (spec.type == SettingType::text) limit_text(spec);
            check_setting(data, spec);
            if (!family_.settings_.emplace(name, spec).second) data.complain("setting " + name + " stands twice");
        }
    }

    static SettingSpec read_setting(Data& data) {
        SettingSpec spec;
        const std::string type = data.required_text("type");
        const auto known = std::find_if(setting_types.begin(), setting_types.end(),
                                        [&](SettingType candidate) { return to_string(candidate) == type; });
        if (known == setting_types.end())
            data.complain("'" + printable(type) + "' is no type");
        else
            spec.type = *known;
        spec.allowed = data.texts("allowed");
        spec.refused = data.texts("refused");
        read_bounds(data, spec);
        spec.default_value = data.find_text("default");
        spec.safe_value = data.find_text("safe");
        spec.is_secret = data.flag("secret");
        spec.needs_restart = data.flag("restart");
        spec.purpose = data.required_text("purpose");
        const auto content_class = data.find_text("class");
        spec.is_public = content_class.has_value();
        if (content_class && *content_class != "public") data.complain("class can only be public");
        data.finish();
        return spec;
    }

    static void read_bounds(Data& data, SettingSpec& spec) {
        const auto min = data.find_integer("min");
        const auto max = data.find_integer("max");
        const bool is_port = spec.type == SettingType::port;
        const bool is_bounded = is_port || spec.type == SettingType::text;
        const bool needs_bounds = spec.type == SettingType::integer || spec.type == SettingType::timezone;
        if (needs_bounds && (!min || !max)) data.complain("min and max are needed");
        if ((min || max) && !needs_bounds && !is_bounded) data.complain("this type has no min and max");
        spec.min = min.value_or(is_port ? 1 : 0);
        spec.max = max.value_or(is_port ? max_port : spec.type == SettingType::text ? unlimited : 0);
        if (spec.min > spec.max) data.complain("min is above max");
        if (is_bounded && spec.min < 0) data.complain("min is below 0");
        if (is_port && spec.max > max_port) data.complain("max is above " + std::to_string(max_port));
        const bool chooses = spec.type == SettingType::choice || spec.type == SettingType::list;
        if (chooses == spec.allowed.empty()) data.complain("allowed is for choice and list, and they need it");
    }

    // The line gives what the data does not.
    void limit_text(SettingSpec& spec) const {
        const auto taken = static_cast<std::int64_t>(spec.name.size() + 1);
        spec.max = std::min(spec.max, static_cast<std::int64_t>(family_.limits_.line_length) - taken);
    }

    static void check_setting(Data& data, const SettingSpec& spec) {
        if (spec.is_secret && spec.is_public) data.complain(spec.name + " cannot be secret and public");
        for (const auto& value : {spec.default_value, spec.safe_value}) {
            if (!value) continue;
            const auto fits = check_value(spec, *value);
            if (!fits) data.complain("'" + printable(*value) + "' does not fit: " + fits.error().message);
        }
    }

    static constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();

    Family family_;
    std::optional<Fault> fault_;
};

Result<Family> Family::parse(std::string_view family_toml, std::string_view settings_toml) {
    const auto family = parse_toml(family_toml, "family.toml");
    if (!family) return fail(family.error());
    const auto settings = parse_toml(settings_toml, "settings.toml");
    if (!settings) return fail(settings.error());
    return FamilyReader().read(*family, *settings);
}

Result<Family> Family::load(const std::string& directory) {
    SystemDisk disk;
    const auto family = disk.read(directory + "/family.toml", max_data_file);
    if (!family) return fail(family.error().within("reading the phone family"));
    const auto settings = disk.read(directory + "/settings.toml", max_data_file);
    if (!settings) return fail(settings.error().within("reading the phone family"));
    auto loaded = parse(*family, *settings);
    if (!loaded) return fail(std::move(loaded.error()).within("reading the phone family in " + directory));
    return loaded;
}

}  // namespace ringfence::family
