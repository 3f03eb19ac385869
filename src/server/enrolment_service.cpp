#include "server/enrolment_service.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ip_address.h"
#include "base/log.h"
#include "crypto/cmp_message.h"

namespace ringfence::server {

namespace {

authority::Reply busy() {
    return {.status = 503,
            .content_type = "text/plain",
            .body = "Please try again later.\n",
            .retry_after = EnrolmentService::come_again};
}

// Whoever sends what ends a registrar is worth knowing.
void tell(const authority::Query& query, const Fault& fault) {
    log::warning(fmt::format("a query from {} was not answered: {}", query.source, fault.message));
}

// Whoever has one IPv6 address of a network has the other 2^64 too (RFC 4291 section 2.5.1).
std::string whose_turn(const std::string& source) {
    constexpr std::size_t network_size = 8;
    const auto address = IpAddress::parse(source);
    if (!address) return source;
    return address->is_v4() ? address->bytes() : address->bytes().substr(0, network_size);
}

authority::Reply stale_login() {
    authority::Reply reply;
    reply.status = 401;
    reply.content_type = "text/plain";
    reply.wants_login = true;
    reply.is_login_stale = true;
    return reply;
}

}  // namespace

EnrolmentService::EnrolmentService(EnrolmentParts parts, unsigned workers)
    : parts_(std::move(parts)), worker_count_(workers) {
    for (std::size_t i = 0; i < worker_count_; ++i) threads_.emplace_back([this, i] { work(i); });
}

EnrolmentService::~EnrolmentService() { stop(); }

void EnrolmentService::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        for (RegistrarProcess* registrar : registrars_) registrar->shut_down();
    }
    waiting_or_stopping_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

void EnrolmentService::submit(EnrolmentRequest request, net::EventLoop& loop, Done done) {
    const Place place{whose_turn(request.query.source), worker_for(request.query)};
    Job job{std::move(request), &loop, std::move(done), parts_.clock.steady_now() + longest_wait};
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    auto displaced = waiting_.push(std::move(job), place);
    if (displaced) finish(*displaced, busy());
    waiting_or_stopping_.notify_all();
}

std::optional<std::size_t> EnrolmentService::worker_for(const authority::Query& query) const {
    if (query.service != authority::Service::cmp || worker_count_ == 0) return std::nullopt;
    const auto outline = crypto::outline_cmp_message(query.message);
    if (!outline) return std::nullopt;
    return std::hash<std::string_view>()(outline->transaction_id) % worker_count_;
}

void EnrolmentService::work(std::size_t number) {
    std::unique_ptr<Worker> worker;
    for (;;) {
        if (!worker) worker = make_worker();
        if (worker) worker->registrar.prepare();
        std::optional<Job> job = take(number);
        if (!job) break;
        const bool is_late = !worker || parts_.clock.steady_now() > job->until;
        finish(*job, is_late ? busy() : answer(*worker, *job));
    }
    if (!worker) return;
    const std::lock_guard lock(mutex_);
    registrars_.erase(std::remove(registrars_.begin(), registrars_.end(), &worker->registrar), registrars_.end());
}

authority::Reply EnrolmentService::answer(Worker& worker, Job& job) {
    authority::Query& query = job.request.query;
    if (query.service == authority::Service::login) return parts_.answer_login ? parts_.answer_login(query) : busy();
    if (job.request.digest) {
        auto proved = prove_token(worker.desk, parts_.nonces, *job.request.digest, parts_.clock.steady_now());
        if (!proved && proved.error().code == FaultCode::expired) return stale_login();
        // A Digest that does not hold is a query without a login.
        if (proved) query.proved_token = std::move(*proved);
    }
    auto reply = worker.registrar.answer(query, longest_work);
    if (reply) return std::move(*reply);
    tell(query, reply.error());
    return busy();
}

std::unique_ptr<EnrolmentService::Worker> EnrolmentService::make_worker() {
    auto desk = parts_.make_desk();
    if (!desk) {
        log::error("enrolment cannot be decided: " + desk.error().message);
        return nullptr;
    }
    const auto ask_desk = [answer = *desk](std::string_view question) -> Result<std::string> {
        return answer(question);
    };
    std::unique_ptr<Worker> worker(new Worker{RegistrarProcess(parts_.registrar, std::move(*desk), parts_.clock),
                                              authority::RemoteDesk(ask_desk)});
    const std::lock_guard lock(mutex_);
    if (stopping_) worker->registrar.shut_down();
    registrars_.push_back(&worker->registrar);
    return worker;
}

// Waits for the next one; empty when the service ends.
std::optional<EnrolmentService::Job> EnrolmentService::take(std::size_t worker) {
    std::unique_lock lock(mutex_);
    waiting_or_stopping_.wait(lock, [&] { return stopping_ || waiting_.has_for(worker); });
    if (stopping_) return std::nullopt;
    return waiting_.take(worker);
}

void EnrolmentService::finish(Job& job, authority::Reply reply) {
    job.loop->post([done = std::move(job.done), reply = std::move(reply)]() mutable { done(std::move(reply)); });
}

}  // namespace ringfence::server
