// The commands, by their first word; each in the file of its name.
#pragma once

#include <vector>

#include "app/server/command.h"

namespace ringfence::app {

std::vector<Command> installation_commands();  // init, check, backup, restore
std::vector<Command> serve_commands();
std::vector<Command> process_commands();  // signer, registrar
std::vector<Command> device_commands();
std::vector<Command> site_commands();
std::vector<Command> setting_commands();
std::vector<Command> render_commands();
std::vector<Command> file_commands();
Command file_sign_command();                 // one of them
std::vector<Command> trust_list_commands();  // ctl
std::vector<Command> window_commands();
std::vector<Command> certificate_commands();  // cert, root
Command pkcs12_command();                     // one of them
std::vector<Command> certificate_check_commands();
std::vector<Command> root_commands();   // root create, root sign: on the machine that keeps the root
std::vector<Command> ca_commands();     // ca install, ca renew, ca rollover
std::vector<Command> token_commands();  // token, enrolment
std::vector<Command> event_commands();  // events
std::vector<Command> version_commands();
std::vector<Command> import_commands();
std::vector<Command> dhcp_commands();
std::vector<Command> radius_commands();            // radius
Command radius_cache_command();                    // one of them
std::vector<Command> network_device_commands();    // device network-login, device disable, device enable
std::vector<Command> reauthentication_commands();  // radius reauthenticate

// All of them, each with --data, --json and --help added.
std::vector<Command> all_commands();

}  // namespace ringfence::app
