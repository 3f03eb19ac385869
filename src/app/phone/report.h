// What the commands print: a timeline for people, or one JSON object.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "phone/boot_report.h"
#include "phone/flash.h"
#include "phone/parameters.h"
#include "phone/port_store.h"
#include "phone/trust_store.h"
#include "protocol/dhcp_lease.h"

namespace ringfence::app {

// What `show` tells of one root file.
struct RootView {
    std::string file;
    std::string sha1;
    std::string sha256;
    std::vector<std::string> subjects;
};

// What `show` tells beside the flash's own state.
struct FlashView {
    std::vector<RootView> roots;
    phone::TrustStore trust;
    std::string trust_fault;                               // the trust files cannot be read; empty: they can
    std::vector<std::pair<unsigned, std::string>> leaves;  // subject of each profile's certificate
    std::optional<phone::PortNote> port;                   // how the 802.1X port stood last
};

enum class Detail { plain, explained };

// Text, one or more lines, each ended.
std::string boot_heading(const phone::BootReport& report);
std::string file_line(const phone::FileReport& file, Detail detail);
std::string boot_ending(const phone::BootReport& report);
std::string parameters_text(const phone::ParameterValues& values);
std::string port_text(const phone::PortSettings& port);
std::string show_text(const phone::Flash& flash, const FlashView& view);

// One object, without a line end. Secret settings are masked.
std::string run_json(std::string_view event, std::string_view text);
std::string boot_json(const phone::BootReport& report);
std::string configured_json(const phone::ParameterValues& values, const phone::PortSettings& port);
std::string dhcp_request_json(const protocol::DhcpRequest& request);
std::string show_json(const phone::Flash& flash, const FlashView& view);

}  // namespace ringfence::app
