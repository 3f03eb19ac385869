#include "crypto/cmp_client.h"

#include "crypto/cmp_openssl.h"

namespace ringfence::crypto {

namespace {

void release_certificates(STACK_OF(X509) * certificates) { sk_X509_pop_free(certificates, X509_free); }

using ContextOwner = Owner<OSSL_CMP_CTX, OSSL_CMP_CTX_free>;
using CertificatesOwner = Owner<STACK_OF(X509), release_certificates>;
using NameOwner = Owner<X509_NAME, X509_NAME_free>;

std::vector<Certificate> take_certificates(STACK_OF(X509) * stack) {
    const CertificatesOwner owner(stack);
    std::vector<Certificate> certificates;
    for (int i = 0; i < sk_X509_num(stack); ++i) certificates.push_back(Certificate::share(sk_X509_value(stack, i)));
    return certificates;
}

NameOwner make_name(const std::string& common_name) {
    NameOwner name(X509_NAME_new());
    const bool is_filled =
        name != nullptr && X509_NAME_add_entry_by_txt(name.get(), "CN", MBSTRING_UTF8,
                                                      reinterpret_cast<const unsigned char*>(common_name.data()),
                                                      static_cast<int>(common_name.size()), -1, 0) == 1;
    return is_filled ? std::move(name) : NameOwner();
}

bool set_new_key(OSSL_CMP_CTX* context, const PrivateKey& key) {
    constexpr int is_private = 1;
    EVP_PKEY_up_ref(key.native());
    return OSSL_CMP_CTX_set0_newPkey(context, is_private, key.native()) == 1;
}

bool set_holder(OSSL_CMP_CTX* context, const CmpHolder& holder) {
    const X509StackOwner chain = make_stack(holder.chain);
    return OSSL_CMP_CTX_set1_cert(context, holder.present.certificate.native()) == 1 &&
           OSSL_CMP_CTX_set1_pkey(context, holder.present.key.native()) == 1 &&
           OSSL_CMP_CTX_build_cert_chain(context, nullptr, chain.get()) == 1;
}

bool set_credential(OSSL_CMP_CTX* context, const CmpCredential& credential) {
    if (const auto* token = std::get_if<CmpToken>(&credential))
        return use_secret(context, {token->reference, token->secret});
    return set_holder(context, std::get<CmpHolder>(credential));
}

}  // namespace

struct CmpClient::State {
    const Settings settings;
    const CmpTransfer transfer;
    ContextOwner context{OSSL_CMP_CTX_new(nullptr, nullptr)};
    int request = OSSL_CMP_IR;
    std::optional<Fault> fault{};      // of a callback: OpenSSL only knows that there was one
    std::vector<Certificate> chain{};  // above the new certificate

    static State& of(const OSSL_CMP_CTX* context) {
        return *static_cast<State*>(OSSL_CMP_CTX_get_transfer_cb_arg(context));
    }
    static OSSL_CMP_MSG* on_transfer(OSSL_CMP_CTX* context, const OSSL_CMP_MSG* request);
    static int on_certificate(OSSL_CMP_CTX* context, X509* certificate, int failures, const char** text);

    Result<CmpMessageOwner> exchange(const OSSL_CMP_MSG* message);
    Status check_protection(const CmpOutline& reply);
    std::vector<Certificate> named_cas() const;
    Status judge(const Certificate& certificate);
    Result<CmpAnswer> proceed();
    Fault take_fault();
    CmpRefusal take_refusal() const;
    bool is_refused() const { return OSSL_CMP_CTX_get_status(context.get()) == OSSL_CMP_PKISTATUS_rejection; }
};

// A signed reply's certificate is pinned, so that OpenSSL looks for no other.
Status CmpClient::State::check_protection(const CmpOutline& reply) {
    const auto* holder = std::get_if<CmpHolder>(&settings.credential);
    const auto wanted = holder != nullptr ? CmpProtection::signature : CmpProtection::mac;
    if (reply.protection != wanted)
        return fail(FaultCode::unauthenticated, "the CMP server's reply is not protected as the request was");
    if (holder == nullptr) return {};
    VerifyPolicy policy;
    policy.purpose = Purpose::registration;
    policy.time = settings.time;
    const auto signer = verify_cmp_signer(reply, holder->anchors, policy);
    if (!signer) return fail(signer.error());
    RINGFENCE_ASSERT(OSSL_CMP_CTX_set1_srvCert(context.get(), signer->leaf().native()) == 1);
    return {};
}

Result<CmpMessageOwner> CmpClient::State::exchange(const OSSL_CMP_MSG* message) {
    const auto reply = transfer(format_cmp(message));
    if (!reply) return fail(reply.error());
    const auto outline = outline_cmp_message(*reply);
    if (!outline) return fail(outline.error());
    if (auto checked = check_protection(*outline); !checked) return fail(std::move(checked).error());
    CmpMessageOwner parsed = parse_cmp(*reply);
    if (parsed == nullptr) return fail(FaultCode::malformed, "the server's reply is not a CMP message");
    const bool is_authentic = OSSL_CMP_validate_msg(context.get(), parsed.get()) == 1;
    ERR_clear_error();
    if (!is_authentic)
        return fail(FaultCode::unauthenticated, "the CMP server's reply does not prove who sent it: wrong token?");
    return parsed;
}

OSSL_CMP_MSG* CmpClient::State::on_transfer(OSSL_CMP_CTX* context, const OSSL_CMP_MSG* request) {
    State& self = of(context);
    auto reply = self.exchange(request);
    if (reply) return reply->release();
    self.fault = std::move(reply).error();
    return nullptr;
}

// Only a token makes them worth something (RFC 9810 section 5.3.2).
std::vector<Certificate> CmpClient::State::named_cas() const {
    if (!std::holds_alternative<CmpToken>(settings.credential)) return {};
    return take_certificates(OSSL_CMP_CTX_get1_caPubs(context.get()));
}

Status CmpClient::State::judge(const Certificate& certificate) {
    const auto* holder = std::get_if<CmpHolder>(&settings.credential);
    const auto anchors = holder != nullptr ? holder->anchors : named_cas();
    VerifyPolicy policy;
    policy.purpose = Purpose::client;
    policy.time = settings.time;
    const auto verified =
        verify_chain(certificate, take_certificates(OSSL_CMP_CTX_get1_extraCertsIn(context.get())), anchors, policy);
    if (!verified) return fail(verified.error().within("the certificate that the CMP server issued"));
    chain.assign(verified->certificates().begin() + 1, verified->certificates().end());
    return {};
}

// `failures`: what OpenSSL found: a key that is not ours.
int CmpClient::State::on_certificate(OSSL_CMP_CTX* context, X509* certificate, int failures, const char** text) {
    State& self = of(context);
    constexpr int incorrect_data = 1 << OSSL_CMP_PKIFAILUREINFO_incorrectData;
    if (failures != 0) {
        self.fault = Fault{FaultCode::untrusted, "the CMP server issued a certificate for another key"};
        return failures;
    }
    auto judged = self.judge(Certificate::share(certificate));
    if (judged) return 0;
    self.fault = std::move(judged).error();
    *text = "the certificate leads to no trusted CA";
    return incorrect_data;
}

Fault CmpClient::State::take_fault() {
    if (fault) return *fault;
    Fault made = openssl_fault("a CMP exchange");
    made.code = FaultCode::malformed;
    return made;
}

CmpRefusal CmpClient::State::take_refusal() const {
    ERR_clear_error();
    char text[OSSL_CMP_PKISI_BUFLEN] = "";
    static_cast<void>(OSSL_CMP_CTX_snprint_PKIStatus(context.get(), text, sizeof text));
    return {find_failure(static_cast<unsigned>(OSSL_CMP_CTX_get_failInfoCode(context.get()))), text};
}

Result<CmpAnswer> CmpClient::State::proceed() {
    constexpr int waiting = -1;
    int seconds = 0;
    fault.reset();
    ERR_clear_error();
    const int done = OSSL_CMP_try_certreq(context.get(), request, nullptr, &seconds);
    if (done == waiting) return CmpWaiting{std::chrono::seconds(seconds)};
    if (done != 1 || fault) {
        if (!fault && is_refused()) return take_refusal();
        return fail(take_fault());
    }
    ERR_clear_error();
    return CmpIssued{Certificate::share(OSSL_CMP_CTX_get0_newCert(context.get())), chain, named_cas()};
}

CmpClient::CmpClient(Settings settings, CmpTransfer transfer)
    : state_(new State{std::move(settings), std::move(transfer)}) {
    OSSL_CMP_CTX* context = state_->context.get();
    RINGFENCE_ASSERT(context != nullptr);
    silence(context);
    const int implicit = state_->settings.confirmation == Confirmation::implicit ? 1 : 0;
    RINGFENCE_ASSERT(OSSL_CMP_CTX_set_transfer_cb(context, State::on_transfer) == 1 &&
                     OSSL_CMP_CTX_set_transfer_cb_arg(context, state_.get()) == 1 &&
                     OSSL_CMP_CTX_set_certConf_cb(context, State::on_certificate) == 1 &&
                     OSSL_CMP_CTX_set_option(context, OSSL_CMP_OPT_IMPLICIT_CONFIRM, implicit) == 1);
}
CmpClient::~CmpClient() = default;

Result<CmpAnswer> CmpClient::enrol(const Subject& subject) {
    OSSL_CMP_CTX* context = state_->context.get();
    const NameOwner name = make_name(subject.common_name);
    ERR_clear_error();
    if (name == nullptr)
        return fail(FaultCode::malformed, "a certificate's subject needs a name of 1 to 64 plain characters");
    if (!set_credential(context, state_->settings.credential) ||
        OSSL_CMP_CTX_set1_subjectName(context, name.get()) != 1 || !set_new_key(context, subject.key))
        return fail(openssl_fault("making a CMP request"));
    state_->request = OSSL_CMP_IR;
    return state_->proceed();
}

Result<CmpAnswer> CmpClient::renew(const PrivateKey& key) {
    RINGFENCE_ASSERT(std::holds_alternative<CmpHolder>(state_->settings.credential));
    OSSL_CMP_CTX* context = state_->context.get();
    if (!set_credential(context, state_->settings.credential) || !set_new_key(context, key))
        return fail(openssl_fault("making a CMP request"));
    state_->request = OSSL_CMP_KUR;
    return state_->proceed();
}

Result<CmpAnswer> CmpClient::poll() { return state_->proceed(); }

Result<std::optional<CmpRefusal>> CmpClient::revoke() {
    const auto* holder = std::get_if<CmpHolder>(&state_->settings.credential);
    RINGFENCE_ASSERT(holder != nullptr);
    OSSL_CMP_CTX* context = state_->context.get();
    if (!set_holder(context, *holder) || OSSL_CMP_CTX_set1_oldCert(context, holder->present.certificate.native()) != 1)
        return fail(openssl_fault("making a CMP request"));
    if (OSSL_CMP_exec_RR_ses(context) == 1) return std::nullopt;
    if (!state_->fault && state_->is_refused()) return state_->take_refusal();
    return fail(state_->take_fault());
}

}  // namespace ringfence::crypto
