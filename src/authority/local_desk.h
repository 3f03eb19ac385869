// The desk where the registry is. Holds no key: what it authorises, the signer signs. One thread at a time; the
// registry and the signer are its own, what is shared is thread-safe.
#pragma once

#include <string>

#include "authority/authority.h"
#include "authority/enrolment_desk.h"
#include "authority/signing.h"
#include "authority/wrong_tries.h"
#include "base/clock.h"
#include "base/secret.h"
#include "registry/lookup.h"
#include "registry/registry.h"

namespace ringfence::authority {

// How long beyond its end a token that was spent still serves its key, for a phone that lost the answer.
inline constexpr Duration spent_token_grace = std::chrono::hours(1);

// How long CMP's holder of a new certificate may take to say that it would not have it.
inline constexpr Duration confirmation_time = std::chrono::hours(1);

// What all desks of a process share. Thread-safe.
struct DeskCommons {
    const Authority& authority;  // its certificates; no key is asked for
    registry::EventSink& events;
    WrongTries& wrong_tries;
    const Clock& clock;
    Secret decoy_key;  // random, of this process: makes the secrets that nobody has
};

class LocalDesk final : public EnrolmentDesk {
public:
    // What is referred to outlives the desk.
    LocalDesk(const DeskCommons& commons, registry::Registry& registry, CertificateSigner& signer)
        : commons_(commons), registry_(registry), signer_(signer) {}

    Result<Decision> apply(const Application& application) override;
    Result<Decision> inquire(const Inquiry& inquiry) override;
    Result<Secret> secret_of(std::string_view reference) override;
    void note_wrong_secret(EnrolmentProtocol protocol, std::string_view reference, std::string_view source) override;
    Status confirm(std::string_view fingerprint, bool is_accepted) override;
    Status revoke(const ProvedCertificate& holder, int reason) override;
    Result<CertificateStanding> standing_of(std::string_view issuer, std::string_view serial) override;

private:
    // A key that one of our CAs certifies.
    struct Key {
        std::string der;
        Issuer issuer = Issuer::rsa;
    };
    static Result<Key> read_key(const std::string& der, registry::EnrolmentProfile profile);

    Result<Decision> apply_with_token(const Application& application, const registry::EnrolmentToken& token);
    Result<Decision> apply_with_certificate(const Application& application, const std::string& fingerprint);
    Result<registry::EnrolmentToken> find_right_token(const Application& application);
    Result<registry::EnrolmentToken> find_usable_token(std::string_view reference, registry::EnrolmentProfile profile);
    Result<bool> is_right_secret(const registry::EnrolmentToken& token, const Secret& shown,
                                 const Application& application);
    Result<bool> is_right_challenge(const registry::EnrolmentToken& token, const Secret& shown,
                                    const Application& application);
    Result<registry::CertificateRecord> find_renewable(const Application& application, const std::string& fingerprint);
    Result<Decision> begin(const Application& application, registry::Enrolment enrolment);
    tl::unexpected<Fault> refuse_beginning(const registry::Enrolment& enrolment, Fault fault);
    void raise_second_enrolment(const registry::Enrolment& enrolment, std::string_view what);
    Result<Decision> proceed(const registry::Enrolment& enrolment, const Key& key);
    Result<Decision> resume(const registry::Enrolment& begun, const Key& key);
    tl::unexpected<Fault> lose_right(const registry::Enrolment& enrolment);
    Result<Decision> issue(const registry::Enrolment& enrolment, const Key& key);
    Result<Decision> hand_out(const std::string& fingerprint);
    std::vector<crypto::Certificate> chain_of(Issuer issuer) const;

    struct Revocation {
        std::string_view fingerprint;
        registry::RevocationReason reason = registry::RevocationReason::unspecified;
        std::string_view why;
    };
    Status revoke_of_device(const Revocation& revocation);

    struct Happening {
        registry::EventKind kind = registry::EventKind::enrolment;
        std::string outcome;
        std::optional<MacAddress> device{};
        std::string source{};
        std::string detail{};
    };
    void record(Happening happening);

    const DeskCommons& commons_;
    registry::Registry& registry_;
    CertificateSigner& signer_;
};

}  // namespace ringfence::authority
