// What a process of ours may ask of the system once it reads what strangers wrote, or holds the issuing keys. From then
// on it cannot open or make what it does not have: no file, no socket, no program, no other process. It has no
// capabilities, leaves no core file, and nobody but root can look into it.
//
// The filter lists what is allowed, everything else is refused with EPERM (seccomp(2)). What sanitizers need while a
// program runs is allowed too; the report of one that found something may lack its symbols.
#pragma once

#include "base/result.h"

namespace ringfence::server {

enum class Confinement {
    computing,  // memory, time, chance, and what is open already
    storing,    // files too, for the registry: opened, written, locked, removed
};

// So that no core file of this process or its children holds a key or a password. Faults: unavailable.
Status forbid_core_files();

// For all threads of the process, and for good; capabilities only of the calling one and those that it starts.
// Libraries must have loaded what they load before; this loads the time zone and warms OpenSSL up. Faults: unavailable;
// then the process must not serve.
Status enter_sandbox(Confinement confinement);

}  // namespace ringfence::server
