// The desk of the cache: answers from what is kept, for RADIUS servers whose own question to the server failed. What it
// lets in and refuses is counted for the log; nobody else is told, since the server is not there.
#pragma once

#include <cstdint>

#include "network/answer_cache.h"
#include "network/desk.h"

namespace ringfence::network {

class CacheDesk final : public Desk {
public:
    // Both outlive the desk.
    CacheDesk(const AnswerCache& cache, const Clock& clock) : cache_(cache), clock_(clock) {}

    Result<Credential> credential(const Query& query) override;
    Result<Admission> admit(const Query& query) override;
    void note_refused(const Query&) override {}  // FreeRADIUS tells that to the server alone
    AdmissionTerms terms() const override { return cache_.terms(); }
    Result<FeedPage> feed(const FeedQuestion&) override;

    struct Counts {
        std::uint64_t let_in = 0;
        std::uint64_t refused = 0;     // before anything was proved
        std::uint64_t unanswered = 0;  // too old, or never heard
        bool is_empty() const { return let_in + refused + unanswered == 0; }
    };
    // Since the last call.
    Counts take_counts() { return std::exchange(counts_, {}); }

private:
    Result<Standing> require_standing(const Query& query, WallTime now);

    const AnswerCache& cache_;
    const Clock& clock_;
    Counts counts_;
};

}  // namespace ringfence::network
