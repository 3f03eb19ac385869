#include <fmt/format.h>

#include <algorithm>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "base/text.h"
#include "crypto/verify.h"

namespace ringfence::app {

namespace {

using crypto::Certificate;
using crypto::ChainRefusal;
using crypto::RevocationList;

constexpr std::string_view pem_mark = "-----BEGIN ";

struct Question {
    std::vector<Certificate> anchors;
    std::vector<Certificate> chain;  // leaf first
    crypto::VerifyPolicy policy;
};

Result<std::string> read(Disk& disk, const std::string& file) { return disk.read(file, Certificate::max_bundle_size); }

// PEM with any number of certificates, or one in DER.
Result<std::vector<Certificate>> read_certificates(Disk& disk, const std::string& file) {
    const auto bytes = read(disk, file);
    if (!bytes) return fail(bytes.error());
    if (bytes->find(pem_mark) != bytes->npos) {
        auto bundle = Certificate::parse_bundle(*bytes);
        if (!bundle) return fail(std::move(bundle).error().within("reading " + file));
        return bundle;
    }
    auto one = Certificate::parse_der(*bytes);
    if (!one) return fail(std::move(one).error().within("reading " + file));
    return std::vector<Certificate>{std::move(*one)};
}

// PEM with at least one list, or one in DER.
Result<std::vector<RevocationList>> read_lists(Disk& disk, const std::string& file) {
    const auto bytes = read(disk, file);
    if (!bytes) return fail(bytes.error());
    if (bytes->find(pem_mark) != bytes->npos) {
        auto bundle = RevocationList::parse_bundle(*bytes);
        if (!bundle) return fail(std::move(bundle).error().within("reading " + file));
        if (bundle->empty()) return fail(FaultCode::malformed, file + " holds no revocation list");
        return bundle;
    }
    auto one = RevocationList::parse_der(*bytes);
    if (!one) return fail(std::move(one).error().within("reading " + file));
    return std::vector<RevocationList>{std::move(*one)};
}

Result<Question> read_question(const Arguments& arguments, Context& context) {
    Question question;
    auto anchors = read_certificates(context.disk(), arguments.text("--anchors"));
    if (!anchors) return fail(std::move(anchors).error());
    question.anchors = std::move(*anchors);
    auto chain = read_certificates(context.disk(), arguments.text("--chain"));
    if (!chain) return fail(std::move(chain).error());
    question.chain = std::move(*chain);

    crypto::VerifyPolicy& policy = question.policy;
    policy.purpose = arguments.text("--purpose") == "client" ? crypto::Purpose::client : crypto::Purpose::server;
    policy.host = arguments.text_or_empty("--host");
    policy.time.at = context.clock().wall_now();
    if (const auto time = arguments.find_text("--time")) policy.time.at = *parse_time(*time);
    for (const auto& file : arguments.all("--crl")) {
        auto lists = read_lists(context.disk(), file);
        if (!lists) return fail(std::move(lists).error());
        if (!policy.revocation_lists) policy.revocation_lists.emplace();
        policy.revocation_lists->insert(policy.revocation_lists->end(), lists->begin(), lists->end());
    }
    return question;
}

// What a certificate is in the path that was built.
std::string_view name_place(const Certificate& certificate, std::optional<std::size_t> depth,
                            const Question& question) {
    if (!depth) return "beside the path";
    if (*depth == 0) return "leaf";
    const auto& anchors = question.anchors;
    return std::find(anchors.begin(), anchors.end(), certificate) != anchors.end() ? "anchor" : "CA";
}

json::object to_json(const Certificate& certificate, std::optional<std::size_t> depth, const Question& question) {
    json::object out;
    out["place"] = name_place(certificate, depth, question);
    out["subject"] = certificate.subject();
    out["serial"] = certificate.serial();
    out["fingerprint"] = certificate.fingerprint_sha256();
    out["not_after"] = format_time(certificate.not_after());
    return out;
}

std::string describe(const Certificate& certificate) {
    return fmt::format("{}, serial {}, until {}", printable(certificate.subject()), certificate.serial(),
                       format_time(certificate.not_after()));
}

// A verdict as facts and as JSON, which grow together.
class Verdict {
public:
    Verdict(const Question& question, std::string_view verdict, const std::string& sentence)
        : question_(question), object_{{"verdict", verdict}, {"sentence", sentence}, {"at_fault", nullptr}} {
        facts_.emplace_back("verdict", verdict);
        facts_.emplace_back("because", sentence);
    }

    void blame(const ChainRefusal& refusal) {
        object_["at_fault"] = to_json(refusal.at_fault, refusal.depth, question_);
        facts_.emplace_back("at fault", fmt::format("{}: {}", name_place(refusal.at_fault, refusal.depth, question_),
                                                    describe(refusal.at_fault)));
    }

    void show_path(const std::vector<Certificate>& path) {
        json::array places;
        for (std::size_t depth = 0; depth < path.size(); ++depth) {
            places.push_back(to_json(path[depth], depth, question_));
            facts_.emplace_back(name_place(path[depth], depth, question_), describe(path[depth]));
        }
        object_["path"] = std::move(places);
    }

    void tell(Output& output) const { output.answer(object_, format_facts(facts_)); }

private:
    const Question& question_;
    json::object object_;
    std::vector<std::pair<std::string, std::string>> facts_;
};

std::string praise(const crypto::VerifiedChain& chain) {
    const auto& path = chain.certificates();
    const auto first_to_end = std::min_element(
        path.begin(), path.end(), [](const auto& a, const auto& b) { return a.not_after() < b.not_after(); });
    return fmt::format("\"{}\" leads to \"{}\" and holds until {}", printable(chain.leaf().subject()),
                       printable(chain.anchor().subject()), format_time(first_to_end->not_after()));
}

Done check(const Arguments& arguments, Context& context) {
    const auto question = read_question(arguments, context);
    if (!question) return fail(question.error());
    const auto& chain = question->chain;
    const auto judged =
        crypto::build_chain(chain.front(), {chain.begin() + 1, chain.end()}, question->anchors, question->policy);
    if (judged) {
        Verdict verdict(*question, "good", praise(*judged));
        verdict.show_path(judged->certificates());
        verdict.tell(context.output());
        return {};
    }
    Verdict verdict(*question, "refused", judged.error().fault.message);
    verdict.blame(judged.error());
    verdict.show_path(judged.error().path);
    verdict.tell(context.output());
    return fail(FaultCode::untrusted, "the certificate is refused");
}

std::optional<std::string> need_time(const Arguments& arguments) {
    const auto time = arguments.find_text("--time");
    if (!time || parse_time(*time)) return std::nullopt;
    return "--time is a moment in UTC like 2026-11-23T06:10:00Z";
}

}  // namespace

std::vector<Command> certificate_check_commands() {
    return {
        {.words = {"cert", "check"},
         .purpose = "Judges a certificate and its chain as server and agent would, and tells what is wrong.",
         .parameters = {{.name = "--anchors",
                         .placeholder = "FILE",
                         .meaning = "the CAs that are trusted, in PEM or one in DER",
                         .required = true},
                        {.name = "--chain",
                         .placeholder = "FILE",
                         .meaning = "the certificate in question, then its intermediates as its owner sends them",
                         .required = true},
                        {.name = "--purpose",
                         .shape = Shape::choice,
                         .meaning = "whose certificate it is",
                         .required = true,
                         .choices = {"client", "server"}},
                        {.name = "--crl",
                         .placeholder = "FILE",
                         .meaning = "revocation lists; may be repeated; given one, every certificate needs one",
                         .repeated = true},
                        {.name = "--host",
                         .placeholder = "HOST",
                         .meaning = "the name or address that it must bear as an alternative name"},
                        {.name = "--time",
                         .placeholder = "TIME",
                         .meaning = "when to judge, in UTC like 2026-11-23T06:10:00Z; default: now"}},
         .notes = "Ends with 0 when the certificate is good and with 1 when it is refused or a file cannot be read.",
         .needs_installation = false,
         .find_misuse = need_time,
         .run = check}};
}

}  // namespace ringfence::app
