#include "crypto/cmp_server.h"

#include <algorithm>

#include "crypto/bounded_map.h"
#include "crypto/cmp_openssl.h"
#include "crypto/der.h"
#include "crypto/names.h"

namespace ringfence::crypto {

namespace {

using namespace std::string_view_literals;

void release_extensions(X509_EXTENSIONS* extensions) { sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free); }

using ExtensionsOwner = Owner<X509_EXTENSIONS, release_extensions>;
using ServerOwner = Owner<OSSL_CMP_SRV_CTX, OSSL_CMP_SRV_CTX_free>;
using StatusOwner = Owner<OSSL_CMP_PKISI, OSSL_CMP_PKISI_free>;
using HashOwner = Owner<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free>;

constexpr auto crl_reason_oid = "\x55\x1d\x15"sv;  // 2.5.29.21
constexpr std::uint64_t max_crl_reason = 10;       // aACompromise
constexpr std::uint64_t max_status = 6;            // keyUpdateWarning

// --- what OpenSSL 3.0 has no getter for ----------------------------------------------------------------------------

template <typename T, typename Encode>
std::string encode(const T* object, Encode encoder) {
    unsigned char* der = nullptr;
    const int size = encoder(object, &der);
    if (size <= 0) return {};
    const BytesOwner<unsigned char> owner(der);
    return {reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)};
}

// CertReqMsg -> certReq -> certTemplate -> publicKey, RFC 4211 sections 3 to 5. Empty: none.
std::string public_key_in(const OSSL_CRMF_MSG* request) {
    const std::string der = encode(request, i2d_OSSL_CRMF_MSG);
    constexpr unsigned char public_key = der_context(6);
    DerReader outer(der);
    DerReader message(outer.take(der_sequence).content);
    DerReader wanted(message.take(der_sequence).content);
    wanted.take(der_integer);  // certReqId
    DerReader form(wanted.take(der_sequence).content);
    while (form.has_more() && !form.is_next(public_key)) form.take();
    return form.has_more() ? format_der(der_sequence, form.take().content) : std::string();
}

// RevReqContent -> RevDetails -> crlEntryDetails -> reasonCode, RFC 9810 section 5.3.9. 0, which is "unspecified":
// none.
int reason_in(std::string_view body) {
    DerReader outer(body);
    DerReader list(outer.take(der_sequence).content);
    DerReader details(list.take(der_sequence).content);
    details.take();  // certDetails
    DerReader extensions(details.has_more() ? details.take(der_sequence).content : std::string_view());
    while (extensions.has_more()) {
        DerReader extension(extensions.take(der_sequence).content);
        if (extension.take(der_oid).content != crl_reason_oid) continue;
        while (extension.has_more() && !extension.is_next(der_octet_string)) extension.take();  // critical
        DerReader value(extension.take(der_octet_string).content);
        const auto reason = parse_der_number(value.take(der_enumerated).content, max_crl_reason);
        return reason <= max_crl_reason ? static_cast<int>(reason) : 0;
    }
    return 0;
}

// PKIStatusInfo; absent means accepted (RFC 9810 section 5.3.18).
bool is_accepted(const OSSL_CMP_PKISI* status) {
    if (status == nullptr) return true;
    const std::string der = encode(status, i2d_OSSL_CMP_PKISI);
    DerReader outer(der);
    DerReader info(outer.take(der_sequence).content);
    const auto number = parse_der_number(info.take(der_integer).content, max_status);
    return number == OSSL_CMP_PKISTATUS_accepted || number == OSSL_CMP_PKISTATUS_grantedWithMods;
}

std::vector<std::string> dns_names_of(const X509_EXTENSIONS* extensions) {
    const NamesOwner names(extensions == nullptr ? nullptr
                                                 : static_cast<GENERAL_NAMES*>(X509V3_get_d2i(
                                                       extensions, NID_subject_alt_name, nullptr, nullptr)));
    ERR_clear_error();
    return dns_names_in(names.get());
}

void read_template(const OSSL_CRMF_MSG* request, CmpRequest& out) {
    const OSSL_CRMF_CERTTEMPLATE* form = OSSL_CRMF_MSG_get0_tmpl(request);
    const X509_NAME* subject = OSSL_CRMF_CERTTEMPLATE_get0_subject(form);
    out.public_key_der = public_key_in(request);
    if (subject != nullptr) out.subject = format_name(subject);
    out.dns_names = dns_names_of(OSSL_CRMF_CERTTEMPLATE_get0_extensions(form));
}

void read_pkcs10(const X509_REQ* request, CmpRequest& out) {
    // OpenSSL's getters want to be able to change it.
    auto* const asked = const_cast<X509_REQ*>(request);
    out.public_key_der = encode(X509_REQ_get_X509_PUBKEY(asked), i2d_X509_PUBKEY);
    out.subject = format_name(X509_REQ_get_subject_name(request));
    const ExtensionsOwner extensions(X509_REQ_get_extensions(asked));
    out.dns_names = dns_names_of(extensions.get());
}

struct CertificateId {
    const X509_NAME* issuer;
    const ASN1_INTEGER* serial;
};
bool names(const CertificateId& id, const Certificate& certificate) {
    return id.issuer != nullptr && id.serial != nullptr &&
           X509_NAME_cmp(id.issuer, X509_get_issuer_name(certificate.native())) == 0 &&
           ASN1_INTEGER_cmp(id.serial, X509_get0_serialNumber(certificate.native())) == 0;
}

CmpRequestKind kind_of(const OSSL_CMP_MSG* message) {
    switch (static_cast<CmpBody>(OSSL_CMP_MSG_get_bodytype(message))) {
        case CmpBody::cr: return CmpRequestKind::certificate;
        case CmpBody::p10cr: return CmpRequestKind::pkcs10;
        case CmpBody::kur: return CmpRequestKind::key_update;
        default: return CmpRequestKind::initial;
    }
}

// --- one transaction -----------------------------------------------------------------------------------------------

// Who sent a message, as far as it says, and what it is checked with.
struct Party {
    CmpSender sender;
    Secret secret;  // with a CmpReference
};

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

// OpenSSL makes an error message of it whose text is "request not accepted".
void raise_refusal() { ERR_raise(ERR_LIB_CMP, CMP_R_REQUEST_NOT_ACCEPTED); }

// Replies come under the secret, or signed if there is none.
bool set_identity(OSSL_CMP_CTX* context, const CmpServerIdentity& identity, const Party* party) {
    silence(context);
    if (OSSL_CMP_CTX_set1_cert(context, identity.registration.certificate.native()) != 1) return false;
    const auto* reference = party != nullptr ? std::get_if<CmpReference>(&party->sender) : nullptr;
    if (reference != nullptr) return use_secret(context, {reference->text, party->secret});
    // Built here from what is ours: OpenSSL would build it from what the peer sent, too.
    const X509StackOwner chain = make_stack(identity.chain);
    return OSSL_CMP_CTX_set1_pkey(context, identity.registration.key.native()) == 1 &&
           OSSL_CMP_CTX_build_cert_chain(context, nullptr, chain.get()) == 1;
}

class Transaction {
public:
    Transaction(const CmpServerIdentity& identity, Party party, std::string id, CmpDesk& desk);

    bool belongs_to(const CmpSender& sender) const { return is_same_sender(party_.sender, sender); }
    // Changes nothing, whatever comes.
    bool authenticates(const OSSL_CMP_MSG* message) const {
        return OSSL_CMP_validate_msg(OSSL_CMP_SRV_CTX_get0_cmp_ctx(server_.get()), message) == 1;
    }
    // Of an authenticated message. Empty: OpenSSL failed.
    std::string answer(const OSSL_CMP_MSG* message, std::string_view body);
    bool is_over() const { return server_ == nullptr; }

private:
    static Transaction& of(const OSSL_CMP_SRV_CTX* server) {
        return *static_cast<Transaction*>(OSSL_CMP_SRV_CTX_get0_custom_ctx(server));
    }
    static OSSL_CMP_PKISI* on_request(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* message, int id,
                                      const OSSL_CRMF_MSG* form, const X509_REQ* pkcs10, X509** certificate,
                                      STACK_OF(X509) * *chain, STACK_OF(X509) * *trusted);
    static OSSL_CMP_PKISI* on_revocation(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* message, const X509_NAME* issuer,
                                         const ASN1_INTEGER* serial);
    static int on_question(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* message, const STACK_OF(OSSL_CMP_ITAV) * in,
                           STACK_OF(OSSL_CMP_ITAV) * *out);
    static void on_error(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* message, const OSSL_CMP_PKISI* status,
                         const ASN1_INTEGER* code, const OSSL_CMP_PKIFREETEXT* details);
    static int on_confirmation(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* message, int id,
                               const ASN1_OCTET_STRING* hash, const OSSL_CMP_PKISI* status);
    static int on_poll(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* message, int id, OSSL_CMP_MSG** request,
                       std::int64_t* check_after);

    std::optional<CmpRefusal> find_wrong_holder(const OSSL_CRMF_MSG* form) const;
    CmpAnswer decide(const OSSL_CRMF_MSG* form, const CmpRequest& request);
    void settle(const OSSL_CMP_MSG* reply);

    CmpDesk& desk_;
    const Party party_;
    const std::string id_;
    ServerOwner server_;               // null: it is over
    std::string_view body_;            // of the message in hand
    CmpMessageOwner waiting_message_;  // with what it asks for: a person has to decide
    std::optional<CmpRequest> waiting_;
    std::optional<CmpAnswer> decision_;       // of a poll; OpenSSL then asks once more
    std::optional<Certificate> unconfirmed_;  // issued
};

Transaction::Transaction(const CmpServerIdentity& identity, Party party, std::string id, CmpDesk& desk)
    : desk_(desk), party_(std::move(party)), id_(std::move(id)), server_(OSSL_CMP_SRV_CTX_new(nullptr, nullptr)) {
    RINGFENCE_ASSERT(server_ != nullptr);
    RINGFENCE_ASSERT(OSSL_CMP_SRV_CTX_init(server_.get(), this, on_request, on_revocation, on_question, on_error,
                                           on_confirmation, on_poll) == 1);
    RINGFENCE_ASSERT(OSSL_CMP_SRV_CTX_set_grant_implicit_confirm(server_.get(), 1) == 1);
    OSSL_CMP_CTX* context = OSSL_CMP_SRV_CTX_get0_cmp_ctx(server_.get());
    RINGFENCE_ASSERT(set_identity(context, identity, &party_));
    // Signatures are checked with this certificate alone: its chain is verified, and OpenSSL looks for no other.
    const auto* chain = std::get_if<VerifiedChain>(&party_.sender);
    RINGFENCE_ASSERT(chain == nullptr || OSSL_CMP_CTX_set1_srvCert(context, chain->leaf().native()) == 1);
}

std::string Transaction::answer(const OSSL_CMP_MSG* message, std::string_view body) {
    RINGFENCE_ASSERT(!is_over());
    ERR_clear_error();
    body_ = body;
    const CmpMessageOwner reply(OSSL_CMP_SRV_process_request(server_.get(), message));
    settle(reply.get());
    return format_cmp(reply.get());
}

// What OpenSSL's reply means for what was open.
void Transaction::settle(const OSSL_CMP_MSG* reply) {
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
std::optional<CmpRefusal> Transaction::find_wrong_holder(const OSSL_CRMF_MSG* form) const {
    const auto* chain = std::get_if<VerifiedChain>(&party_.sender);
    if (chain == nullptr) return CmpRefusal{CmpFailure::wrong_integrity, "a certificate is renewed by its holder"};
    const OSSL_CRMF_CERTID* old = OSSL_CRMF_MSG_get0_regCtrl_oldCertID(form);
    if (old == nullptr) return std::nullopt;
    const CertificateId id{OSSL_CRMF_CERTID_get0_issuer(old), OSSL_CRMF_CERTID_get0_serialNumber(old)};
    if (names(id, chain->leaf())) return std::nullopt;
    return CmpRefusal{CmpFailure::bad_certificate_id, "a certificate is renewed by its holder"};
}

CmpAnswer Transaction::decide(const OSSL_CRMF_MSG* form, const CmpRequest& request) {
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
OSSL_CMP_PKISI* Transaction::on_request(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* message, int /*id*/,
                                        const OSSL_CRMF_MSG* form, const X509_REQ* pkcs10, X509** certificate,
                                        STACK_OF(X509) * *chain, STACK_OF(X509) * *trusted) {
    Transaction& self = of(server);
    CmpRequest request{kind_of(message), self.party_.sender, self.id_, {}, {}, {}};
    if (form != nullptr) read_template(form, request);
    if (pkcs10 != nullptr) read_pkcs10(pkcs10, request);
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
    if (std::holds_alternative<CmpReference>(self.party_.sender) && !issued.trusted.empty())
        *trusted = share_stack(issued.trusted);
    self.unconfirmed_ = issued.certificate;
    return make_status(OSSL_CMP_PKISTATUS_accepted).release();
}

int Transaction::on_poll(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* /*message*/, int /*id*/, OSSL_CMP_MSG** request,
                         std::int64_t* check_after) {
    Transaction& self = of(server);
    *request = nullptr;
    if (!self.waiting_ || self.waiting_message_ == nullptr) {
        raise_refusal();
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

int Transaction::on_confirmation(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* /*message*/, int /*id*/,
                                 const ASN1_OCTET_STRING* hash, const OSSL_CMP_PKISI* status) {
    Transaction& self = of(server);
    const HashOwner expected(self.unconfirmed_ ? X509_digest_sig(self.unconfirmed_->native(), nullptr, nullptr)
                                               : nullptr);
    if (expected == nullptr || hash == nullptr || ASN1_OCTET_STRING_cmp(expected.get(), hash) != 0) {
        ERR_raise(ERR_LIB_CMP, CMP_R_CERTHASH_UNMATCHED);
        return 0;
    }
    const auto confirmed = self.desk_.confirm({self.unconfirmed_->fingerprint_sha256(), is_accepted(status)});
    self.unconfirmed_.reset();
    if (!confirmed) raise_refusal();
    return confirmed ? 1 : 0;
}

OSSL_CMP_PKISI* Transaction::on_revocation(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* /*message*/,
                                           const X509_NAME* issuer, const ASN1_INTEGER* serial) {
    const Transaction& self = of(server);
    const auto* chain = std::get_if<VerifiedChain>(&self.party_.sender);
    constexpr auto own = "a certificate is revoked by its holder";
    if (chain == nullptr) return refuse({CmpFailure::wrong_integrity, own}).release();
    if (!names({issuer, serial}, chain->leaf())) return refuse({CmpFailure::bad_certificate_id, own}).release();
    const auto refusal = self.desk_.revoke({*chain, reason_in(self.body_)});
    return (refusal ? refuse(*refusal) : make_status(OSSL_CMP_PKISTATUS_accepted)).release();
}

// CaCertsValue: a sequence of certificates, RFC 9810 section 5.3.19.14.
int Transaction::on_question(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* /*message*/,
                             const STACK_OF(OSSL_CMP_ITAV) * in, STACK_OF(OSSL_CMP_ITAV) * *out) {
    const OSSL_CMP_ITAV* asked = sk_OSSL_CMP_ITAV_num(in) == 1 ? sk_OSSL_CMP_ITAV_value(in, 0) : nullptr;
    if (asked == nullptr || OBJ_obj2nid(OSSL_CMP_ITAV_get0_type(asked)) != NID_id_it_caCerts) {
        raise_refusal();
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
void Transaction::on_error(OSSL_CMP_SRV_CTX* /*server*/, const OSSL_CMP_MSG* /*message*/,
                           const OSSL_CMP_PKISI* /*status*/, const ASN1_INTEGER* /*code*/,
                           const OSSL_CMP_PKIFREETEXT* /*details*/) {}

// --- the refusal of whatever is not authenticated --------------------------------------------------------------------

int refuse_question(OSSL_CMP_SRV_CTX* /*server*/, const OSSL_CMP_MSG* /*message*/,
                    const STACK_OF(OSSL_CMP_ITAV) * /*in*/, STACK_OF(OSSL_CMP_ITAV) * * /*out*/) {
    raise_refusal();
    return 0;
}

// An empty genm with the names, transaction ID and nonce of the refused message.
std::string format_question(const CmpOutline& refused) {
    const auto octets = [](unsigned number, std::string_view bytes) {
        return format_der(der_context(number), format_der(der_octet_string, bytes));
    };
    const std::string nobody = format_der(der_context(4), format_der(der_sequence, {}));
    const std::string header = format_der(der_integer, "\x02"sv) + std::string(refused.sender) + nobody +
                               octets(4, refused.transaction_id) + octets(5, refused.sender_nonce);
    const std::string body =
        format_der(der_context(static_cast<unsigned>(CmpBody::genm)), format_der(der_sequence, {}));
    return format_der(der_sequence, format_der(der_sequence, header) + body);
}

// OpenSSL makes error messages only of its own accord, in words that tell one failure from another. So that all look
// alike, it is given a question in the refused message's place, which is always refused.
// `party`: empty: the refusal is signed.
Result<std::string> format_refusal(const CmpOutline& refused, const CmpServerIdentity& identity, const Party* party) {
    const CmpMessageOwner question = parse_cmp(format_question(refused));
    if (question == nullptr) return fail(FaultCode::malformed, "this is not a CMP message");
    const ServerOwner server(OSSL_CMP_SRV_CTX_new(nullptr, nullptr));
    RINGFENCE_ASSERT(server != nullptr);
    const bool is_set = OSSL_CMP_SRV_CTX_init(server.get(), nullptr, nullptr, nullptr, refuse_question, nullptr,
                                              nullptr, nullptr) == 1 &&
                        OSSL_CMP_SRV_CTX_set_accept_unprotected(server.get(), 1) == 1 &&
                        set_identity(OSSL_CMP_SRV_CTX_get0_cmp_ctx(server.get()), identity, party);
    RINGFENCE_ASSERT(is_set);
    ERR_clear_error();
    const CmpMessageOwner reply(OSSL_CMP_SRV_process_request(server.get(), question.get()));
    std::string bytes = format_cmp(reply.get());
    if (bytes.empty()) return fail(openssl_fault("refusing a CMP message"));
    return bytes;
}

bool begins_transaction(CmpBody body) {
    switch (body) {
        case CmpBody::ir:
        case CmpBody::cr:
        case CmpBody::p10cr:
        case CmpBody::kur:
        case CmpBody::rr:
        case CmpBody::genm: return true;
        default: return false;
    }
}

// Whose replies, and replays, need remembering.
bool asks_for_certificate(CmpBody body) {
    return begins_transaction(body) && body != CmpBody::rr && body != CmpBody::genm;
}

}  // namespace

// --- the server ----------------------------------------------------------------------------------------------------

struct CmpServer::State {
    const CmpServerIdentity identity;
    const std::vector<Certificate> anchors;
    CmpDesk& desk;
    const Clock& clock;
    BoundedMap<std::shared_ptr<Transaction>> transactions{max_transactions, transaction_life};

    // Whom the message names. Null: nobody. Faults: those of the desk.
    Result<std::unique_ptr<Party>> identify(const CmpOutline& outline);
    // Null: the message has no place in any.
    std::shared_ptr<Transaction> find_or_begin(const CmpOutline& outline, const Party& party);
};

Result<std::unique_ptr<Party>> CmpServer::State::identify(const CmpOutline& outline) {
    if (outline.protection == CmpProtection::mac && !outline.reference.empty()) {
        auto secret = desk.secret_of(outline.reference);
        if (!secret) return fail(std::move(secret).error());
        return std::make_unique<Party>(Party{CmpReference{std::string(outline.reference)}, std::move(*secret)});
    }
    if (outline.protection != CmpProtection::signature) return nullptr;
    VerifyPolicy policy;
    policy.purpose = Purpose::client;
    policy.time.at = clock.wall_now();
    auto chain = verify_cmp_signer(outline, anchors, policy);
    if (!chain) return nullptr;
    return std::make_unique<Party>(Party{std::move(*chain), Secret()});
}

std::shared_ptr<Transaction> CmpServer::State::find_or_begin(const CmpOutline& outline, const Party& party) {
    std::string id(outline.transaction_id);
    const auto known = transactions.find(id, clock.steady_now());
    if (!known) {
        if (!begins_transaction(outline.body)) return nullptr;
        return std::make_shared<Transaction>(identity, party, std::move(id), desk);
    }
    const bool goes_on =
        !(*known)->is_over() && !begins_transaction(outline.body) && (*known)->belongs_to(party.sender);
    return goes_on ? *known : nullptr;
}

CmpServer::CmpServer(CmpServerIdentity identity, std::vector<Certificate> anchors, CmpDesk& desk, const Clock& clock)
    : state_(new State{std::move(identity), std::move(anchors), desk, clock}) {}
CmpServer::~CmpServer() = default;

Result<std::string> CmpServer::answer(std::string_view request) {
    const auto outline = outline_cmp_message(request);
    if (!outline) return fail(outline.error());
    const auto party = state_->identify(*outline);
    if (!party) return fail(party.error());
    const auto refusal = [&] { return format_refusal(*outline, state_->identity, party->get()); };
    const CmpMessageOwner message = parse_cmp(request);
    if (*party == nullptr || message == nullptr) return refusal();
    const auto transaction = state_->find_or_begin(*outline, **party);
    if (transaction == nullptr) return refusal();
    if (!transaction->authenticates(message.get())) {
        if (const auto* reference = std::get_if<CmpReference>(&(*party)->sender))
            state_->desk.note_wrong_secret(reference->text);
        return refusal();
    }
    std::string reply = transaction->answer(message.get(), outline->body_content);
    if (asks_for_certificate(outline->body) || !begins_transaction(outline->body))
        state_->transactions.put(std::string(outline->transaction_id), transaction, state_->clock.steady_now());
    if (reply.empty()) return fail(openssl_fault("answering a CMP message"));
    return reply;
}

}  // namespace ringfence::crypto
