// Answers the enrolment protocols away from the event loops: a bounded queue, and threads that each have a registrar
// process. Whoever cannot be served is told to come again.
//
// A CMP transaction's messages go to one registrar, since only that one knows the transaction.
//
// Sources have their queries answered in turn, one each a round; a source is an IPv4 address or an IPv6 network of 64
// bits. None may fill more than its share of the queue, and when that is full, the source with the most gives way to
// one with fewer. So a flood from one place, however slow its queries, costs another at most one such query's time.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "authority/desk_wire.h"
#include "authority/responder.h"
#include "base/clock.h"
#include "net/event_loop.h"
#include "protocol/http_auth.h"
#include "server/fair_queue.h"
#include "server/registrar_process.h"
#include "server/token_digest.h"

namespace ringfence::server {

struct EnrolmentParts {
    const Clock& clock;            // outlives the service
    protocol::NonceTable& nonces;  // of Digest; the same
    ChildPlan registrar;
    // Called once by each thread, on it: what answers that thread's registrar when it asks back. Called again later if
    // it failed.
    std::function<Result<Answering>()> make_desk;
    // Service::login, answered on these threads and out of the registrar's sight. Thread-safe; empty: nobody gets one.
    std::function<authority::Reply(const authority::Query&)> answer_login{};
};

// What a door hands over.
struct EnrolmentRequest {
    authority::Query query;
    std::optional<TokenDigest> digest{};  // proves Query::proved_token if it holds
};

class EnrolmentService {
public:
    using Done = std::function<void(authority::Reply)>;

    // What two or three threads work off within the longest wait, at some 100 enrolments a second each.
    static constexpr std::size_t max_waiting = 1024;
    // Of one source: what a site behind one address waits a second or two for; a few floods do not fill the queue.
    static constexpr std::size_t max_of_one_source = max_waiting / 8;
    static constexpr Duration longest_wait = std::chrono::seconds(10);  // in the queue
    static constexpr Duration longest_work = std::chrono::seconds(10);  // of the registrar, with all that it asks
    static constexpr Duration come_again = std::chrono::seconds(10);    // Retry-After

    EnrolmentService(EnrolmentParts parts, unsigned workers);
    ~EnrolmentService();  // stops
    EnrolmentService(const EnrolmentService&) = delete;
    EnrolmentService& operator=(const EnrolmentService&) = delete;

    // From any thread. `done` is called once on `loop`'s thread, later, unless the loop or the service ends before.
    void submit(EnrolmentRequest request, net::EventLoop& loop, Done done);

    // Ends threads and processes; what waits or comes later is not answered any more. The loops must still be there.
    void stop();

private:
    struct Job {
        EnrolmentRequest request;
        net::EventLoop* loop = nullptr;
        Done done;
        SteadyTime until{};  // it must be begun
    };
    using Place = FairQueue<Job>::Place;

    void work(std::size_t number);
    // One thread's registrar, and what that may ask.
    struct Worker {
        RegistrarProcess registrar;
        authority::RemoteDesk desk;
    };
    std::unique_ptr<Worker> make_worker();
    authority::Reply answer(Worker& worker, Job& job);
    std::optional<Job> take(std::size_t worker);
    std::optional<std::size_t> worker_for(const authority::Query& query) const;
    static void finish(Job& job, authority::Reply reply);

    EnrolmentParts parts_;
    std::size_t worker_count_;
    std::mutex mutex_;
    std::condition_variable waiting_or_stopping_;
    FairQueue<Job> waiting_{{.all = max_waiting, .of_one_source = max_of_one_source}};
    std::vector<RegistrarProcess*> registrars_;  // those that run, to be freed when all stops
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace ringfence::server
