// The options of `boot`, checked and read into what a boot needs.
#pragma once

#include <vector>

#include "app/phone/answerer.h"
#include "app/phone/commands.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/tls_client.h"
#include "phone/boot.h"
#include "phone/curl_fetcher.h"
#include "phone/discovery.h"

namespace ringfence::app {

// What the command line asked for, checked and read.
struct Prepared {
    phone::BootSettings settings;        // without the server: choose_server() fills it in
    std::optional<Secret> typed_server;  // checked; empty text: forget the one that was typed before
    phone::Surroundings surroundings;
    phone::FetcherSettings fetcher;
    GivenAnswers answers;
};

struct Complaint {
    Fault fault;
    int code = exit_failed;
};

template <typename T>
using Checked = tl::expected<T, Complaint>;

// How many options read standard input; more than one is a misuse, and one takes it from the person at the terminal.
unsigned readers_of_standard_input(const BootOptions& options);

// The certificate with its chain behind it, and its key, both in PEM. conflict when they do not belong together.
Result<crypto::ClientIdentity> load_identity(const std::string& certificate_path, const std::string& key_path);

// Reads the files that the options name.
Checked<Prepared> prepare(const BootOptions& options);

}  // namespace ringfence::app
