#include "crypto/cmp_server.h"

#include "crypto/bounded_map.h"
#include "crypto/cmp_request.h"
#include "crypto/cmp_transaction.h"
#include "crypto/der.h"

namespace ringfence::crypto {

namespace {

using namespace std::string_view_literals;

// --- the refusal of whatever is not authenticated --------------------------------------------------------------------

int refuse_question(OSSL_CMP_SRV_CTX* /*server*/, const OSSL_CMP_MSG* /*message*/,
                    const STACK_OF(OSSL_CMP_ITAV) * /*in*/, STACK_OF(OSSL_CMP_ITAV) * * /*out*/) {
    raise_cmp_refusal();
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
Result<std::string> format_refusal(const CmpOutline& refused, const CmpServerIdentity& identity, const CmpPeer* peer) {
    const CmpMessageOwner question = parse_cmp(format_question(refused));
    if (question == nullptr) return fail(FaultCode::malformed, "this is not a CMP message");
    const CmpContextOwner server(OSSL_CMP_SRV_CTX_new(nullptr, nullptr));
    RINGFENCE_ASSERT(server != nullptr);
    const bool is_set = OSSL_CMP_SRV_CTX_init(server.get(), nullptr, nullptr, nullptr, refuse_question, nullptr,
                                              nullptr, nullptr) == 1 &&
                        OSSL_CMP_SRV_CTX_set_accept_unprotected(server.get(), 1) == 1 &&
                        set_cmp_identity(OSSL_CMP_SRV_CTX_get0_cmp_ctx(server.get()), identity, peer);
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

// What goes on beyond one reply, or must not be taken twice.
bool is_remembered(CmpBody body) { return body != CmpBody::rr && body != CmpBody::genm; }

}  // namespace

// --- the server ----------------------------------------------------------------------------------------------------

struct CmpServer::State {
    const CmpServerIdentity identity;
    const std::vector<Certificate> anchors;
    CmpDesk& desk;
    const Clock& clock;
    BoundedMap<std::shared_ptr<CmpTransaction>> transactions{max_transactions, transaction_life};

    // Whom the message names. Empty: nobody. Faults: those of the desk.
    Result<std::optional<CmpPeer>> identify(const CmpOutline& outline);
    // Null: the message has no place in any.
    std::shared_ptr<CmpTransaction> find_or_begin(const CmpOutline& outline, const CmpPeer& peer);
};

Result<std::optional<CmpPeer>> CmpServer::State::identify(const CmpOutline& outline) {
    if (outline.protection == CmpProtection::mac && !outline.reference.empty()) {
        auto secret = desk.secret_of(outline.reference);
        if (!secret) return fail(std::move(secret).error());
        RINGFENCE_ASSERT(!secret->empty());
        return CmpPeer{CmpReference{std::string(outline.reference)}, std::move(*secret)};
    }
    if (outline.protection != CmpProtection::signature) return std::nullopt;
    VerifyPolicy policy;
    policy.purpose = Purpose::client;
    policy.time.at = clock.wall_now();
    auto chain = verify_cmp_signer(outline, anchors, policy);
    if (!chain || !chain->leaf().public_key()) return std::nullopt;  // its limits hold for whoever signs, too
    return CmpPeer{std::move(*chain), Secret()};
}

std::shared_ptr<CmpTransaction> CmpServer::State::find_or_begin(const CmpOutline& outline, const CmpPeer& peer) {
    std::string id(outline.transaction_id);
    const auto known = transactions.find(id, clock.steady_now());
    if (!known) {
        if (!begins_transaction(outline.body)) return nullptr;
        return std::make_shared<CmpTransaction>(identity, peer, std::move(id), desk);
    }
    const bool goes_on = !(*known)->is_over() && !begins_transaction(outline.body) && (*known)->belongs_to(peer.sender);
    return goes_on ? *known : nullptr;
}

CmpServer::CmpServer(CmpServerIdentity identity, std::vector<Certificate> anchors, CmpDesk& desk, const Clock& clock)
    : state_(new State{std::move(identity), std::move(anchors), desk, clock}) {}
CmpServer::~CmpServer() = default;

Result<std::string> CmpServer::answer(std::string_view request) {
    const auto outline = outline_cmp_message(request);
    if (!outline) return fail(outline.error());
    const auto identified = state_->identify(*outline);
    if (!identified) return fail(identified.error());
    const CmpPeer* peer = identified->has_value() ? &**identified : nullptr;
    const auto refusal = [&] { return format_refusal(*outline, state_->identity, peer); };
    const CmpMessageOwner message = parse_cmp(request);
    if (peer == nullptr || message == nullptr) return refusal();
    const auto transaction = state_->find_or_begin(*outline, *peer);
    if (transaction == nullptr) return refusal();
    if (!transaction->authenticates(message.get())) {
        if (const auto* reference = std::get_if<CmpReference>(&peer->sender))
            state_->desk.note_wrong_secret(reference->text);
        return refusal();
    }
    if (!is_key_taken(outline->body, outline->body_content)) return refusal();
    std::string reply = transaction->answer(message.get(), outline->body_content);
    if (is_remembered(outline->body))
        state_->transactions.put(std::string(outline->transaction_id), transaction, state_->clock.steady_now());
    if (reply.empty()) return fail(openssl_fault("answering a CMP message"));
    return reply;
}

}  // namespace ringfence::crypto
