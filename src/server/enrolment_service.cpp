#include "server/enrolment_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

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

void EnrolmentService::submit(authority::Query query, net::EventLoop& loop, Done done) {
    const std::optional<std::size_t> worker = worker_for(query);
    Job job{std::move(query), &loop, std::move(done), parts_.clock.steady_now() + longest_wait, worker};
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        if (waiting_.size() < max_waiting || make_room(job.query.source)) {
            waiting_.push_back(std::move(job));
            waiting_or_stopping_.notify_all();
            return;
        }
    }
    finish(job, busy());
}

// Sends the latest query of the address that has the most away, if `source` would not have as many; with the lock held.
bool EnrolmentService::make_room(const std::string& source) {
    std::map<std::string_view, std::size_t> counts;
    for (const Job& job : waiting_) ++counts[job.query.source];
    const auto most = std::max_element(counts.begin(), counts.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most->second <= counts[source] + 1) return false;
    const auto latest = std::find_if(waiting_.rbegin(), waiting_.rend(),
                                     [&](const Job& job) { return job.query.source == most->first; });
    finish(*latest, busy());
    waiting_.erase(std::next(latest).base());
    return true;
}

std::optional<std::size_t> EnrolmentService::worker_for(const authority::Query& query) const {
    if (query.service != authority::Service::cmp || worker_count_ == 0) return std::nullopt;
    const auto outline = crypto::outline_cmp_message(query.message);
    if (!outline) return std::nullopt;
    return std::hash<std::string_view>()(outline->transaction_id) % worker_count_;
}

void EnrolmentService::work(std::size_t number) {
    std::unique_ptr<RegistrarProcess> registrar;
    for (;;) {
        if (!registrar) registrar = make_registrar();
        if (registrar) registrar->prepare();
        std::optional<Job> job = take(number);
        if (!job) break;
        if (!registrar || parts_.clock.steady_now() > job->until) {
            finish(*job, busy());
            continue;
        }
        auto reply = registrar->answer(job->query, longest_work);
        if (!reply) tell(job->query, reply.error());
        finish(*job, reply ? std::move(*reply) : busy());
    }
    const std::lock_guard lock(mutex_);
    registrars_.erase(std::remove(registrars_.begin(), registrars_.end(), registrar.get()), registrars_.end());
}

std::unique_ptr<RegistrarProcess> EnrolmentService::make_registrar() {
    auto desk = parts_.make_desk();
    if (!desk) {
        log::error("enrolment cannot be decided: " + desk.error().message);
        return nullptr;
    }
    auto registrar = std::make_unique<RegistrarProcess>(parts_.registrar, std::move(*desk), parts_.clock);
    const std::lock_guard lock(mutex_);
    if (stopping_) registrar->shut_down();
    registrars_.push_back(registrar.get());
    return registrar;
}

// Waits for the next one; empty when the service ends.
std::optional<EnrolmentService::Job> EnrolmentService::take(std::size_t worker) {
    std::unique_lock lock(mutex_);
    auto next = waiting_.end();
    waiting_or_stopping_.wait(lock, [&] {
        next = std::find_if(waiting_.begin(), waiting_.end(),
                            [&](const Job& job) { return job.worker.value_or(worker) == worker; });
        return stopping_ || next != waiting_.end();
    });
    if (stopping_) return std::nullopt;
    Job job = std::move(*next);
    waiting_.erase(next);
    return job;
}

void EnrolmentService::finish(Job& job, authority::Reply reply) {
    job.loop->post([done = std::move(job.done), reply = std::move(reply)] { done(reply); });
}

}  // namespace ringfence::server
