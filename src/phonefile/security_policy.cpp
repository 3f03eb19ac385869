#include "phonefile/security_policy.h"

#include <array>

#include "base/text.h"
#include "phonefile/line_reader.h"
#include "phonefile/settings_file.h"
#include "phonefile/value_reader.h"

namespace ringfence::phonefile {

namespace {

constexpr std::array parameter_names{
    Named<PolicyParameter>{"CERT_ADMIN_UI_ENABLE", PolicyParameter::certificate_admin_ui},
    Named<PolicyParameter>{"SECURITY_LOG_UI_ENABLE", PolicyParameter::security_log_ui},
    Named<PolicyParameter>{"KEY_SIZE", PolicyParameter::key_size},
    Named<PolicyParameter>{"KEY_ALGORITHM", PolicyParameter::key_algorithm},
    Named<PolicyParameter>{"TLS_CIPHER", PolicyParameter::tls_cipher},
    Named<PolicyParameter>{"CUST_CERT_ACCEPT", PolicyParameter::customer_certificates},
    Named<PolicyParameter>{"SEC_POLICY_ACCEPT", PolicyParameter::security_policy},
    Named<PolicyParameter>{"SECURITY_POLICY_PARAM_CHANGE", PolicyParameter::signed_configuration},
};

constexpr std::array key_algorithm_names{Named<KeyAlgorithm>{"KEY_ALG_RSA", KeyAlgorithm::rsa}};

constexpr std::array cipher_names{Named<TlsCipher>{"RSA_WITH_AES_256_CBC_SHA", TlsCipher::rsa_with_aes_256_cbc_sha}};

constexpr std::array acceptance_names{
    Named<Acceptance>{"VAL_MANUAL_A", Acceptance::manual_a},
    Named<Acceptance>{"VAL_MANUAL_B", Acceptance::manual_b},
    Named<Acceptance>{"VAL_NO_CHECK", Acceptance::no_check},
};

bool read_key_size(std::string_view text, unsigned& size) {
    unsigned read = 0;
    if (!read_number(text, SecurityPolicy::lowest_key_size, read) || read > SecurityPolicy::highest_key_size)
        return false;
    size = read;
    return true;
}

// A policy never reaches the phone unseen.
bool read_policy_acceptance(std::string_view text, Acceptance& acceptance) {
    return text != to_string(Acceptance::no_check) && read_named(acceptance_names, text, acceptance);
}

// False when the phone cannot read the value.
bool read_value(PolicyParameter parameter, std::string_view text, SecurityPolicy& policy) {
    switch (parameter) {
        case PolicyParameter::certificate_admin_ui: return read_yes_no(text, policy.certificate_admin_ui);
        case PolicyParameter::security_log_ui: return read_yes_no(text, policy.security_log_ui);
        case PolicyParameter::key_size: return read_key_size(text, policy.key_size);
        case PolicyParameter::key_algorithm: return read_named(key_algorithm_names, text, policy.key_algorithm);
        case PolicyParameter::tls_cipher: return read_named(cipher_names, text, policy.tls_cipher);
        case PolicyParameter::customer_certificates:
            return read_named(acceptance_names, text, policy.customer_certificates);
        case PolicyParameter::security_policy: return read_policy_acceptance(text, policy.security_policy);
        case PolicyParameter::signed_configuration: return read_yes_no(text, policy.signed_configuration);
    }
    return false;
}

std::string write_value(PolicyParameter parameter, const SecurityPolicy& policy) {
    const auto yes_no = [](bool value) { return std::string(value ? "YES" : "NO"); };
    switch (parameter) {
        case PolicyParameter::certificate_admin_ui: return yes_no(policy.certificate_admin_ui);
        case PolicyParameter::security_log_ui: return yes_no(policy.security_log_ui);
        case PolicyParameter::key_size: return std::to_string(policy.key_size);
        case PolicyParameter::key_algorithm: return std::string(find_name(key_algorithm_names, policy.key_algorithm));
        case PolicyParameter::tls_cipher: return std::string(find_name(cipher_names, policy.tls_cipher));
        case PolicyParameter::customer_certificates: return std::string(to_string(policy.customer_certificates));
        case PolicyParameter::security_policy: return std::string(to_string(policy.security_policy));
        case PolicyParameter::signed_configuration: return yes_no(policy.signed_configuration);
    }
    return {};
}

// Why the line says nothing, or nothing.
std::optional<Dropped> take_line(const SettingLine& line, SecurityPolicyReading& reading) {
    const auto parameter = find_value(parameter_names, line.name);
    // What is no parameter may be of another file, passwords and all.
    if (!parameter) {
        const std::string name = line.value.empty() ? std::string() : line.name + " ";
        return Dropped{line.line, line.line, name + std::string(masked_secret),
                       "the line does not begin with a parameter of the security policy"};
    }
    if (!read_value(*parameter, line.value.reveal(), reading.policy))
        return Dropped{line.line, line.line, line.name + " " + printable(line.value.reveal()),
                       "no phone knows this value of " + line.name};
    reading.lines[*parameter] = line.line;
    return std::nullopt;
}

}  // namespace

std::string_view to_string(PolicyParameter parameter) { return find_name(parameter_names, parameter); }

std::string_view to_string(Acceptance acceptance) { return find_name(acceptance_names, acceptance); }

Result<SecurityPolicyReading> parse_security_policy_as_phone(std::string_view text) {
    if (const auto fits = check_size(text, "the security policy"); !fits) return fail(fits.error());
    auto settings = parse_settings_as_phone(text);
    if (!settings) return fail(std::move(settings.error()));

    SecurityPolicyReading reading;
    reading.dropped = std::move(settings->dropped);
    for (const SettingLine& line : settings->file.lines)
        if (auto dropped = take_line(line, reading)) reading.dropped.push_back(std::move(*dropped));
    sort_by_line(reading.dropped);
    return reading;
}

Result<SecurityPolicy> parse_security_policy_strict(std::string_view text) {
    const auto reading = parse_security_policy_as_phone(text);
    if (!reading) return fail(reading.error());
    if (const auto clean = check_nothing_dropped(text, reading->dropped); !clean) return fail(clean.error());
    return reading->policy;
}

Result<std::string> format_security_policy(const SecurityPolicy& policy) {
    SettingsFile file;
    for (const auto& [name, parameter] : parameter_names) {
        std::string value = write_value(parameter, policy);
        SecurityPolicy ignored;
        if (!read_value(parameter, value, ignored))
            return fail(FaultCode::malformed, std::string(name) + " cannot be " + value);
        file.lines.push_back({std::string(name), Secret(std::move(value)), 0});
    }
    return format_settings(file);
}

}  // namespace ringfence::phonefile
