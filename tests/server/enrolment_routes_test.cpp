#include "server/enrolment_routes.h"

#include <gtest/gtest.h>

namespace ringfence::server {
namespace {

using authority::Service;
using protocol::HttpRequest;
using registry::EnrolmentProfile;
using trust::Wire;

HttpRequest request(const std::string& method, const std::string& target) {
    protocol::HttpRequestReader reader;
    reader.add(method + " " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
    return **reader.next();
}

std::optional<EnrolmentRoute> find(Wire wire, const std::string& target, const EnrolmentSettings& settings = {}) {
    return find_enrolment_route(settings, {wire, WallTime{}}, request("GET", target));
}

TEST(EnrolmentRoutes, EachServiceHasItsPathsAndWires) {
    struct Case {
        const char* target;
        Service service;
        const char* methods;
        bool on_http;
    };
    for (const Case& each :
         {Case{"/scep", Service::scep, "GET, POST", true},
          Case{"/scep/pkiclient.exe?operation=GetCACaps", Service::scep, "GET, POST", true},
          Case{"/.well-known/est/cacerts", Service::est, "GET", false},
          Case{"/.well-known/est/office/csrattrs", Service::est, "GET", false},
          Case{"/.well-known/est/simpleenroll", Service::est, "POST", false},
          Case{"/.well-known/est/a/simplereenroll", Service::est, "POST", false},
          Case{"/.well-known/cmp", Service::cmp, "POST", true}, Case{"/cmp", Service::cmp, "POST", true},
          Case{"/ocsp", Service::ocsp, "POST", true}, Case{"/ocsp/MFEw", Service::ocsp, "GET", true},
          Case{"/.well-known/ringfence/login", Service::login, "POST", false}}) {
        const auto route = find(Wire::https, each.target);
        ASSERT_TRUE(route) << each.target;
        EXPECT_EQ(route->service, each.service) << each.target;
        EXPECT_EQ(route->methods, each.methods) << each.target;
        EXPECT_EQ(route->profile, EnrolmentProfile::modern) << each.target;
        EXPECT_EQ(find(Wire::http, each.target).has_value(), each.on_http) << each.target;
        EXPECT_EQ(find(Wire::https_legacy, each.target).has_value(), each.service == Service::scep) << each.target;
        EXPECT_FALSE(find(Wire::https, each.target, {false, false, false, false, false})) << each.target;
    }
}

TEST(EnrolmentRoutes, WhatLooksLikeOneIsNone) {
    for (const char* target : {"/",
                               "/scepx",
                               "/SCEP",
                               "/scep-legacy",
                               "/scep%2fx",
                               "//scep",
                               "/.well-known/est",
                               "/.well-known/est/",
                               "/.well-known/est//cacerts",
                               "/.well-known/est/a/b/cacerts",
                               "/.well-known/est/cacerts/",
                               "/cmp/",
                               "/.well-known/est/serverkeygen",
                               "/ocsp/",
                               "/ocsp/%zz",
                               "/ocspx",
                               "/x%2focsp/MFEw",
                               "/.well-known/ringfence",
                               "/.well-known/ringfence/login/",
                               "*"}) {
        EXPECT_FALSE(find(Wire::https, target)) << target;
    }
}

TEST(EnrolmentRoutes, OldPhonesHaveTheirLaneOnly) {
    EXPECT_EQ(find(Wire::https_legacy, "/scep")->profile, EnrolmentProfile::legacy);
    EXPECT_FALSE(find(Wire::http, "/scep-legacy"));
    EnrolmentSettings open;
    open.scep_legacy_closes = WallTime{} + std::chrono::hours(1);
    EXPECT_EQ(find(Wire::http, "/scep-legacy", open)->profile, EnrolmentProfile::legacy);
    EXPECT_EQ(find(Wire::http, "/scep-legacy/x", open)->profile, EnrolmentProfile::legacy);
    EXPECT_EQ(find(Wire::http, "/scep", open)->profile, EnrolmentProfile::modern);
    EXPECT_FALSE(find(Wire::https, "/scep-legacy", open));
    open.scep_legacy_closes = WallTime{};
    EXPECT_FALSE(find(Wire::http, "/scep-legacy", open)) << "it has closed";
}

TEST(EnrolmentRoutes, TheQuerySaysWhatWasAsked) {
    const auto ask = [](const std::string& target) {
        HttpRequest asked = request("GET", target);
        return make_query(*find_enrolment_route({}, {Wire::http, WallTime{}}, asked), asked);
    };
    const auto scep = ask("/scep?x&operation=PKIOperation&message=MI%2BI%0AQ/+%3D");
    EXPECT_EQ(scep.operation, "PKIOperation");
    EXPECT_EQ(scep.message, "MI+I\nQ/+=");
    EXPECT_FALSE(scep.is_post);
    EXPECT_EQ(ask("/scep?operation=%zz").operation, "");
    EXPECT_EQ(ask("/scep").operation, "");
    // Whether clients encode '/' or not, it is base64.
    EXPECT_EQ(ask("/ocsp/MFEw%2FA%3D%3D").message, "MFEw/A==");
    EXPECT_EQ(ask("/ocsp/MFEw/A+==").message, "MFEw/A+==");
    EXPECT_EQ(ask("http://a:80/ocsp/MFEw").message, "MFEw");

    HttpRequest posted = request("POST", "/scep?operation=PKIOperation&message=ignored");
    posted.body = "body";
    const auto query = make_query(*find_enrolment_route({}, {Wire::http, WallTime{}}, posted), posted);
    EXPECT_TRUE(query.is_post);
    EXPECT_EQ(query.message, "body");
    EXPECT_EQ(query.operation, "PKIOperation");
    HttpRequest est = request("GET", "/.well-known/est/lab/cacerts");
    EXPECT_EQ(make_query(*find_enrolment_route({}, {Wire::https, WallTime{}}, est), est).operation, "cacerts");
}

TEST(EnrolmentRoutes, RevocationListsHaveNames) {
    EXPECT_EQ(find_list_name(request("GET", "/crl/issuing-rsa.crl")), "issuing-rsa");
    for (const char* target : {"/crl/.crl", "/crl/", "/crl/a", "/a.crl", "/crl/a%00.crl"}) {
        EXPECT_EQ(find_list_name(request("GET", target)), "") << target;
    }
}

}  // namespace
}  // namespace ringfence::server
