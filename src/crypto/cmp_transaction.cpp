#include "crypto/cmp_transaction.h"

#include "crypto/cmp_request.h"
#include "crypto/der.h"

namespace ringfence::crypto {

namespace {

using StatusOwner = Owner<OSSL_CMP_PKISI, OSSL_CMP_PKISI_free>;
using HashOwner = Owner<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free>;

bool is_same_sender(const CmpSender& a, const CmpSender& b) {
    if (a.index() != b.index()) return false;
    if (const auto* reference = std::get_if<CmpReference>(&a)) return reference->text == std::get<CmpReference>(b).text;
    return std::get<VerifiedChain>(a).leaf() == std::get<VerifiedChain>(b).leaf();
}

StatusOwner make_status(int status, const CmpRefusal& refusal = {}) {
    const int bits = refusal.failure ? 1 << static_cast<unsigned>(*refusal.failure) : 0;
    const char* text = refusal.text.empty() ? nullptr : refusal.text.c_str();
    StatusOwner made(OSSL_CMP_STATUSINFO_new(status, bits, text));
    RINGFENCE_ASSERT(made != nullptr);
    return made;
}

StatusOwner refuse(const CmpRefusal& refusal) { return make_status(OSSL_CMP_PKISTATUS_rejection, refusal); }

}  // namespace

void raise_cmp_refusal() { ERR_raise(ERR_LIB_CMP, CMP_R_REQUEST_NOT_ACCEPTED); }

bool set_cmp_identity(OSSL_CMP_CTX* context, const CmpServerIdentity& identity, const CmpPeer* peer) {
    silence(context);
    if (OSSL_CMP_CTX_set1_cert(context, identity.registration.certificate.native()) != 1) return false;
    const auto* reference = peer != nullptr ? std::get_if<CmpReference>(&peer->sender) : nullptr;
    if (reference != nullptr) return use_secret(context, {reference->text, peer->secret});
    // Built here from what is ours: OpenSSL would build it from what the peer sent, too.
    const X509StackOwner chain = make_stack(identity.chain);
    return OSSL_CMP_CTX_set1_pkey(context, identity.registration.key.native()) == 1 &&
           OSSL_CMP_CTX_build_cert_chain(context, nullptr, chain.get()) == 1;
}

CmpTransaction::CmpTransaction(const CmpServerIdentity& identity, CmpPeer peer, std::string id, CmpDesk& desk)
    : desk_(desk), peer_(std::move(peer)), id_(std::move(id)), server_(OSSL_CMP_SRV_CTX_new(nullptr, nullptr)) {
    RINGFENCE_ASSERT(server_ != nullptr);
    RINGFENCE_ASSERT(OSSL_CMP_SRV_CTX_init(server_.get(), this, on_request, on_revocation, on_question, on_error,
                                           on_confirmation, on_poll) == 1);
    RINGFENCE_ASSERT(OSSL_CMP_SRV_CTX_set_grant_implicit_confirm(server_.get(), 1) == 1);
    OSSL_CMP_CTX* context = OSSL_CMP_SRV_CTX_get0_cmp_ctx(server_.get());
    RINGFENCE_ASSERT(set_cmp_identity(context, identity, &peer_));
    // Signatures are checked with this certificate alone: its chain is verified, and OpenSSL looks for no other.
    const auto* chain = std::get_if<VerifiedChain>(&peer_.sender);
    RINGFENCE_ASSERT(chain == nullptr || OSSL_CMP_CTX_set1_srvCert(context, chain->leaf().native()) == 1);
}

bool CmpTransaction::belongs_to(const CmpSender& sender) const { return is_same_sender(peer_.sender, sender); }

std::string CmpTransaction::answer(const OSSL_CMP_MSG* message, std::string_view body) {
    RINGFENCE_ASSERT(!is_over());
    ERR_clear_error();
    body_ = body;
    const CmpMessageOwner reply(OSSL_CMP_SRV_process_request(server_.get(), message));
    settle(reply.get());
    return format_cmp(reply.get());
}

// What OpenSSL's reply means for what was open.
void CmpTransaction::settle(const OSSL_CMP_MSG* reply) {
    const auto type = reply != nullptr ? static_cast<CmpBody>(OSSL_CMP_MSG_get_bodytype(reply)) : CmpBody::error;
    if (type == CmpBody::pkiconf && unconfirmed_)
        static_cast<void>(desk_.confirm({unconfirmed_->fingerprint_sha256(), false}));
    OSSL_CMP_CTX* context = OSSL_CMP_SRV_CTX_get0_cmp_ctx(server_.get());
    const bool is_implicit = OSSL_CMP_CTX_get_option(context, OSSL_CMP_OPT_IMPLICIT_CONFIRM) == 1;
    const bool awaits_confirmation = unconfirmed_ && !is_implicit;
    const bool is_final = type == CmpBody::error || type == CmpBody::pkiconf;
    if (is_final || (!awaits_confirmation && !waiting_)) server_.reset();
}

// A renewal is the holder's of the certificate that it replaces.
std::optional<CmpRefusal> CmpTransaction::find_wrong_holder(const OSSL_CRMF_MSG* form) const {
    const auto* chain = std::get_if<VerifiedChain>(&peer_.sender);
    if (chain == nullptr) return CmpRefusal{CmpFailure::wrong_integrity, "a certificate is renewed by its holder"};
    const OSSL_CRMF_CERTID* old = OSSL_CRMF_MSG_get0_regCtrl_oldCertID(form);
    if (old == nullptr) return std::nullopt;
    const CertificateId id{OSSL_CRMF_CERTID_get0_issuer(old), OSSL_CRMF_CERTID_get0_serialNumber(old)};
    if (names(id, chain->leaf())) return std::nullopt;
    return CmpRefusal{CmpFailure::bad_certificate_id, "a certificate is renewed by its holder"};
}

CmpAnswer CmpTransaction::decide(const OSSL_CRMF_MSG* form, const CmpRequest& request) {
    if (decision_) {
        CmpAnswer decided = std::move(*decision_);
        decision_.reset();
        return decided;
    }
    if (request.kind == CmpRequestKind::key_update)
        if (auto refusal = find_wrong_holder(form)) return *refusal;
    return desk_.certify(request);
}

// OpenSSL verified the proof of possession.
OSSL_CMP_PKISI* CmpTransaction::on_request(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* message, int /*id*/,
                                           const OSSL_CRMF_MSG* form, const X509_REQ* pkcs10, X509** certificate,
                                           STACK_OF(X509) * *chain, STACK_OF(X509) * *trusted) {
    CmpTransaction& self = of(server);
    CmpRequest request{cmp_request_kind(message), self.peer_.sender, self.id_, {}, {}, {}};
    if (form != nullptr) read_cmp_template(form, request);
    if (pkcs10 != nullptr) read_cmp_pkcs10(pkcs10, request);
    const CmpAnswer answer = self.decide(form, request);
    if (const auto* refusal = std::get_if<CmpRefusal>(&answer)) return refuse(*refusal).release();
    if (std::holds_alternative<CmpWaiting>(answer)) {
        self.waiting_message_.reset(OSSL_CMP_MSG_dup(message));
        self.waiting_ = std::move(request);
        return make_status(OSSL_CMP_PKISTATUS_waiting).release();
    }
    const auto& issued = std::get<CmpIssued>(answer);
    X509_up_ref(issued.certificate.native());
    *certificate = issued.certificate.native();
    *chain = share_stack(issued.chain);
    if (std::holds_alternative<CmpReference>(self.peer_.sender) && !issued.trusted.empty())
        *trusted = share_stack(issued.trusted);
    self.unconfirmed_ = issued.certificate;
    return make_status(OSSL_CMP_PKISTATUS_accepted).release();
}

int CmpTransaction::on_poll(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* /*message*/, int /*id*/,
                            OSSL_CMP_MSG** request, std::int64_t* check_after) {
    CmpTransaction& self = of(server);
    *request = nullptr;
    if (!self.waiting_ || self.waiting_message_ == nullptr) {
        raise_cmp_refusal();
        return 0;
    }
    CmpAnswer answer = self.desk_.certify(*self.waiting_);
    if (const auto* waiting = std::get_if<CmpWaiting>(&answer)) {
        *check_after = waiting->check_after.count();
        return 1;
    }
    self.decision_ = std::move(answer);
    self.waiting_.reset();
    *request = self.waiting_message_.release();
    return 1;
}

int CmpTransaction::on_confirmation(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* /*message*/, int /*id*/,
                                    const ASN1_OCTET_STRING* hash, const OSSL_CMP_PKISI* status) {
    CmpTransaction& self = of(server);
    const HashOwner expected(self.unconfirmed_ ? X509_digest_sig(self.unconfirmed_->native(), nullptr, nullptr)
                                               : nullptr);
    if (expected == nullptr || hash == nullptr || ASN1_OCTET_STRING_cmp(expected.get(), hash) != 0) {
        ERR_raise(ERR_LIB_CMP, CMP_R_CERTHASH_UNMATCHED);
        return 0;
    }
    const auto confirmed = self.desk_.confirm({self.unconfirmed_->fingerprint_sha256(), says_accepted(status)});
    self.unconfirmed_.reset();
    if (!confirmed) raise_cmp_refusal();
    return confirmed ? 1 : 0;
}

OSSL_CMP_PKISI* CmpTransaction::on_revocation(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* /*message*/,
                                              const X509_NAME* issuer, const ASN1_INTEGER* serial) {
    const CmpTransaction& self = of(server);
    const auto* chain = std::get_if<VerifiedChain>(&self.peer_.sender);
    constexpr auto own = "a certificate is revoked by its holder";
    if (chain == nullptr) return refuse({CmpFailure::wrong_integrity, own}).release();
    if (!names({issuer, serial}, chain->leaf())) return refuse({CmpFailure::bad_certificate_id, own}).release();
    const auto refusal = self.desk_.revoke({*chain, reason_of_revocation(self.body_)});
    return (refusal ? refuse(*refusal) : make_status(OSSL_CMP_PKISTATUS_accepted)).release();
}

// CaCertsValue: a sequence of certificates, RFC 9810 section 5.3.19.14.
int CmpTransaction::on_question(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* /*message*/,
                                const STACK_OF(OSSL_CMP_ITAV) * in, STACK_OF(OSSL_CMP_ITAV) * *out) {
    const OSSL_CMP_ITAV* asked = sk_OSSL_CMP_ITAV_num(in) == 1 ? sk_OSSL_CMP_ITAV_value(in, 0) : nullptr;
    if (asked == nullptr || OBJ_obj2nid(OSSL_CMP_ITAV_get0_type(asked)) != NID_id_it_caCerts) {
        raise_cmp_refusal();
        return 0;
    }
    std::string certificates;
    for (const Certificate& one : of(server).desk_.ca_certificates()) certificates += one.to_der();
    const std::string list = format_der(der_sequence, certificates);
    const auto* cursor = reinterpret_cast<const unsigned char*>(list.data());
    ASN1_TYPE* value = d2i_ASN1_TYPE(nullptr, &cursor, static_cast<long>(list.size()));
    RINGFENCE_ASSERT(value != nullptr);
    OSSL_CMP_ITAV* told = OSSL_CMP_ITAV_create(OBJ_nid2obj(NID_id_it_caCerts), value);
    *out = nullptr;
    return told != nullptr ? OSSL_CMP_ITAV_push0_stack_item(out, told) : 0;
}

// What the holder rejects by it, settle() tells the desk.
void CmpTransaction::on_error(OSSL_CMP_SRV_CTX* /*server*/, const OSSL_CMP_MSG* /*message*/,
                              const OSSL_CMP_PKISI* /*status*/, const ASN1_INTEGER* /*code*/,
                              const OSSL_CMP_PKIFREETEXT* /*details*/) {}

}  // namespace ringfence::crypto
