// Gets or renews a device certificate: what `enrol` does once, and `run` when it is time.
#pragma once

#include <optional>
#include <string>

#include "app/phone/answerer.h"
#include "base/disk.h"
#include "base/mac_address.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/token_text.h"
#include "base/url.h"
#include "crypto/private_key.h"
#include "phone/curl_fetcher.h"
#include "phone/enrolment.h"
#include "phone/flash.h"
#include "phone/scep_enrolment.h"

namespace ringfence::app {

struct EnrolmentPlan {
    MacAddress mac;
    unsigned profile = 1;
    phone::ProfileSource protocol = phone::ProfileSource::cmp;  // scep, est or cmp
    Url server{};                                               // HTTP or HTTPS, without login
    std::string host_name{};                                    // empty: the profile's
    std::string domain{};
    std::optional<TokenText> token{};  // EST, CMP; empty: the present certificate is renewed
    std::string ca_name{};             // SCEP; empty: the profile's
    Secret challenge{};                // SCEP
    phone::Thumbprint thumbprint = phone::Thumbprint::certificate;
    crypto::SingleDes single_des = crypto::SingleDes::refused;
    std::optional<crypto::KeyType> key{};  // empty: the protocol's usual kind
    std::optional<Duration> poll_interval{};
    std::optional<unsigned> polls{};
    phone::FetcherSettings fetching{};
};

// Where the profile's certificate came from, to renew it there. not_found when it came from no authority.
Result<EnrolmentPlan> plan_renewal(const phone::Flash& flash, const MacAddress& mac, unsigned profile);

// Stores what was won, and while a request waits what must not be lost. A Fault: something could not be read or stored.
Result<phone::EnrolmentReport> enrol_phone(const EnrolmentPlan& plan, phone::Flash& flash, Disk& disk,
                                           const std::string& folder, const Answerer& answerer);

}  // namespace ringfence::app
