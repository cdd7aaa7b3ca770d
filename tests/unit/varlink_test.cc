#include "control/varlink.h"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <limits>
#include <regex>
#include <set>
#include <sstream>
#include <type_traits>

#include "control/client.h"
#include "control/fields.h"
#include "control/interface.h"
#include "control/metrics.h"
#include "control/snapshot_json.h"
#include "stub_source.h"

namespace parikshan::control {
namespace {

namespace json = boost::json;

class VarlinkTest : public ::testing::Test {
 protected:
  /// The one reply to a message; fails when there is none or more than one.
  json::object ask(std::string_view message) {
    const Outcome outcome = service.handle(message);
    EXPECT_FALSE(outcome.close) << message;
    return parse(outcome.output);
  }
  json::object parse(const std::string& output) {
    EXPECT_EQ(output.find('\0') + 1, output.size()) << output;
    if (output.empty())
      return {};
    return json::parse(std::string_view(output).substr(0, output.size() - 1)).as_object();
  }
  std::string error_of(std::string_view message) {
    const json::object reply = ask(message);
    const json::value* error = reply.if_contains("error");
    return error == nullptr ? "" : std::string(error->as_string());
  }
  json::object parameters_of(std::string_view message) {
    json::object reply = ask(message);
    EXPECT_FALSE(reply.contains("error")) << json::serialize(reply);
    EXPECT_FALSE(reply.contains("continues"));
    return reply["parameters"].as_object();
  }

  test::StubSource source;
  Service service{source};
};

TEST_F(VarlinkTest, TellsWhoItIs) {
  const auto info = parameters_of(R"({"method":"org.varlink.service.GetInfo"})");
  EXPECT_EQ(info.at("product"), boost::json::value("parikshan"));
  EXPECT_EQ(info.at("interfaces"),
            boost::json::value((json::array{"org.varlink.service", "io.parikshan"})));
  const auto description = parameters_of(
      R"({"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"io.parikshan"}})");
  EXPECT_EQ(description.at("description"), boost::json::value(parikshan_description));
  EXPECT_EQ(error_of(R"({"method":"org.varlink.service.GetInterfaceDescription",
                         "parameters":{"interface":"io.other"}})"),
            "org.varlink.service.InterfaceNotFound");
}

/// Method signatures as the description has them: "interface.Name(arguments)".
std::vector<std::string> described_methods() {
  std::vector<std::string> found;
  for (const auto& [interface, text] : {std::pair{service_interface, service_description},
                                        std::pair{parikshan_interface, parikshan_description}}) {
    const std::string all(text);
    const std::regex method(R"(\nmethod (\w+)(\([^)]*\)) ->)");
    for (std::sregex_iterator it(all.begin(), all.end(), method), end; it != end; ++it)
      found.push_back(std::string(interface) + '.' + (*it)[1].str() + (*it)[2].str());
  }
  return found;
}

TEST_F(VarlinkTest, DescriptionNamesWhatIsDispatched) {
  EXPECT_EQ(described_methods(), Service::signatures());
  EXPECT_EQ(Service::signatures().size(), 11U);
}

template <class Member>
std::string idl_type() {
  if constexpr (std::is_same_v<Member, bool>)
    return "bool";
  else if constexpr (std::is_floating_point_v<Member>)
    return "float";
  else if constexpr (std::is_integral_v<Member>)
    return "int";
  else if constexpr (std::is_same_v<Member, std::string> ||
                     std::is_same_v<Member, instance::SyncState>)
    return "string";
  else if constexpr (std::is_same_v<Member, instance::BufferSnapshot>)
    return "Buffer";
  else
    return "[]" + std::string(Fields<typename Member::value_type>::type);
}

template <class Record>
std::string idl_fields() {
  std::string text;
  const auto one = [&](const auto& field) {
    using Member = std::remove_cvref_t<decltype(Record().*field.member)>;
    text += (text.empty() ? "  " : ",\n  ") + std::string(field.name) + ": " + idl_type<Member>();
  };
  std::apply([&](const auto&... field) { (one(field), ...); }, Fields<Record>::list);
  return "(\n" + text + "\n)\n";
}

template <class Record>
bool described() {
  return parikshan_description.find("\ntype " + std::string(Fields<Record>::type) + " " +
                                    idl_fields<Record>()) != std::string_view::npos;
}

TEST_F(VarlinkTest, DescriptionHasTheFieldsThatAreSent) {
  EXPECT_TRUE(described<instance::PortSnapshot>()) << idl_fields<instance::PortSnapshot>();
  EXPECT_TRUE(described<instance::ReplicaSnapshot>()) << idl_fields<instance::ReplicaSnapshot>();
  EXPECT_TRUE(described<instance::BufferSnapshot>()) << idl_fields<instance::BufferSnapshot>();
  EXPECT_TRUE(described<instance::InstanceSnapshot>()) << idl_fields<instance::InstanceSnapshot>();
  EXPECT_TRUE(described<instance::LedgerEntry>()) << idl_fields<instance::LedgerEntry>();
  EXPECT_TRUE(described<instance::WindowSnapshot>()) << idl_fields<instance::WindowSnapshot>();
  EXPECT_TRUE(described<instance::DifferenceSnapshot>())
      << idl_fields<instance::DifferenceSnapshot>();
  EXPECT_NE(
      parikshan_description.find("method Status() -> " + idl_fields<instance::InstanceSnapshot>()),
      std::string_view::npos);
}

TEST_F(VarlinkTest, EveryErrorIsDescribed) {
  const std::string all = std::string(service_description) + std::string(parikshan_description);
  for (const std::string_view error :
       {errors::interface_not_found, errors::method_not_found, errors::invalid_parameter,
        errors::expected_more, errors::service_permission_denied, errors::no_such_replica,
        errors::bad_address, errors::not_possible, errors::policy_invalid,
        errors::permission_denied}) {
    const std::string name(error.substr(error.rfind('.') + 1));
    EXPECT_NE(all.find("\nerror " + name + " ("), std::string::npos) << name;
  }
}

TEST_F(VarlinkTest, SnapshotsComeBackAsTheyWere) {
  const auto status =
      from_json<instance::InstanceSnapshot>(parameters_of(R"({"method":"io.parikshan.Status"})"));
  ASSERT_TRUE(status.ok()) << status.error().text();
  EXPECT_EQ(to_json(*status), to_json(source.snapshot));
  EXPECT_EQ(status->ports.at(0).production_to_client, 9000U);
  EXPECT_EQ(status->replicas.at(0).lost, 700U);
  EXPECT_EQ(status->state, instance::SyncState::overflowed);
  EXPECT_EQ(status->buffer.spill_quota, 4294967296U);

  const auto ledger = parameters_of(R"({"method":"io.parikshan.Ledger","parameters":{"limit":5}})");
  EXPECT_EQ(source.asked_limit, 5U);
  EXPECT_EQ(ledger.at("complete"), boost::json::value(true));
  EXPECT_EQ(ledger.at("entries").as_array().at(0),
            boost::json::value(to_json(source.entries.at(0))));
  EXPECT_EQ(ledger.at("replicas").as_array().at(0),
            boost::json::value(to_json(source.snapshot.replicas.at(0))));

  const auto differences = list_from_json<instance::DifferenceSnapshot>(
      parameters_of(R"({"method":"io.parikshan.Differences"})"), "differences");
  ASSERT_TRUE(differences.ok());
  EXPECT_EQ(differences->at(0).production, source.difference.production);
  EXPECT_EQ(differences->at(0).replica_bytes, source.difference.replica_bytes);

  const auto windows = list_from_json<instance::WindowSnapshot>(
      parameters_of(R"({"method":"io.parikshan.Window"})"), "windows");
  ASSERT_TRUE(windows.ok());
  EXPECT_DOUBLE_EQ(windows->at(0).seconds_to_overflow, 125);
}

TEST_F(VarlinkTest, ReadingRefusesWrongTypesByName) {
  const auto refused =
      from_json<instance::InstanceSnapshot>(json::parse(R"({"replicas":[{"lost":-1}]})"));
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("'lost'"), std::string::npos) << refused.error().message;
  EXPECT_FALSE(from_json<instance::InstanceSnapshot>(json::parse(R"({"state":"fine"})")).ok());
  EXPECT_FALSE(from_json<instance::InstanceSnapshot>(json::parse("[]")).ok());
  EXPECT_FALSE(from_json<instance::DifferenceSnapshot>(json::parse(R"({"production":"0g"})")).ok());
  EXPECT_TRUE(from_json<instance::InstanceSnapshot>(json::parse("{}")).ok());
}

TEST_F(VarlinkTest, WhatJsonCannotSayIsMadeSayable) {
  source.snapshot.reason = "broken \xff\xc0\xaf text";
  source.snapshot.arrival_rate = std::numeric_limits<double>::infinity();
  source.snapshot.answer_rate = std::nan("");
  const auto status = parameters_of(R"({"method":"io.parikshan.Status"})");
  EXPECT_EQ(status.at("reason"),
            boost::json::value("broken \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd text"));
  EXPECT_TRUE(std::isfinite(status.at("arrival_rate").as_double()));
  EXPECT_EQ(status.at("answer_rate").as_double(), 0);
}

TEST_F(VarlinkTest, LongListsStopAndSaySo) {
  source.entries.assign(20000, source.entries.at(0));
  const Outcome outcome = service.handle(R"({"method":"io.parikshan.Ledger"})");
  EXPECT_LT(outcome.output.size(), 4U << 20);
  const json::object reply = parse(outcome.output);
  EXPECT_EQ(reply.at("parameters").at("complete"), boost::json::value(false));
  EXPECT_GT(reply.at("parameters").at("entries").as_array().size(), 1000U);
}

TEST_F(VarlinkTest, ChangesReachTheInstance) {
  parameters_of(R"({"method":"io.parikshan.Detach","parameters":{"replica":"127.0.0.1:6380"}})");
  parameters_of(R"({"method":"io.parikshan.Attach",
                    "parameters":{"replica":"127.0.0.1:9","listen":"0.0.0.0:3306"}})");
  parameters_of(R"({"method":"io.parikshan.Attach",
                    "parameters":{"replica":"127.0.0.1:9","listen":null}})");
  parameters_of(R"({"method":"io.parikshan.Reload","parameters":{}})");
  EXPECT_EQ(source.calls,
            (std::vector<std::string>{"detach 127.0.0.1:6380 ", "attach 127.0.0.1:9 0.0.0.0:3306",
                                      "attach 127.0.0.1:9 ", "reload"}));
}

TEST_F(VarlinkTest, RefusalsHaveTheirErrors) {
  EXPECT_EQ(error_of(R"({"method":"io.parikshan.Detach","parameters":{"replica":"10.0.0.1:1"}})"),
            "io.parikshan.NoSuchReplica");
  EXPECT_EQ(
      error_of(R"({"method":"io.parikshan.Attach","parameters":{"replica":"127.0.0.1:6380"}})"),
      "io.parikshan.NotPossible");
  source.calls.clear();
  EXPECT_EQ(error_of(R"({"method":"io.parikshan.Attach","parameters":{"replica":"nowhere"}})"),
            "io.parikshan.BadAddress");
  EXPECT_EQ(error_of(R"({"method":"io.parikshan.Detach",
                         "parameters":{"replica":"127.0.0.1:6380","listen":"x"}})"),
            "io.parikshan.BadAddress");
  EXPECT_TRUE(source.calls.empty());
  source.reload_error = "/etc/parikshan.d/mysql.toml:3:1: error: unknown key";
  const json::object reply = ask(R"({"method":"io.parikshan.Reload"})");
  EXPECT_EQ(reply.at("error"), boost::json::value("io.parikshan.PolicyInvalid"));
  EXPECT_EQ(reply.at("parameters").at("reason"), boost::json::value(source.reload_error));
}

TEST_F(VarlinkTest, WrongCallsAreAnsweredAndDoNothing) {
  EXPECT_EQ(error_of(R"({"method":"io.parikshan.Launch"})"), "org.varlink.service.MethodNotFound");
  EXPECT_EQ(error_of(R"({"method":"io.other.Status"})"), "org.varlink.service.InterfaceNotFound");
  EXPECT_EQ(error_of(R"({"method":"Status"})"), "org.varlink.service.InterfaceNotFound");
  EXPECT_EQ(error_of(R"({"method":""})"), "org.varlink.service.InterfaceNotFound");
  for (const std::string_view message :
       {R"({"method":"io.parikshan.Ledger","parameters":{"limit":"all"}})",
        R"({"method":"io.parikshan.Ledger","parameters":{"limit":-1}})",
        R"({"method":"io.parikshan.Ledger","parameters":{"limit":1.5}})",
        R"({"method":"io.parikshan.Ledger","parameters":{"limit":18446744073709551615}})",
        R"({"method":"io.parikshan.Status","parameters":{"surprise":1}})",
        R"({"method":"io.parikshan.Detach"})",
        R"({"method":"io.parikshan.Detach","parameters":{"replica":7}})",
        R"({"method":"io.parikshan.Watch","more":true,"parameters":{"period_ms":1}})",
        R"({"method":"io.parikshan.Reload","upgrade":true})"})
    EXPECT_EQ(error_of(message), "org.varlink.service.InvalidParameter") << message;
  EXPECT_TRUE(source.calls.empty());
  EXPECT_EQ(ask(R"({"method":"io.parikshan.Detach"})").at("parameters").at("parameter"),
            boost::json::value("replica"));
}

TEST_F(VarlinkTest, OnewayCallsAreDoneAndNeverAnswered) {
  const Outcome done = service.handle(R"({"method":"io.parikshan.Reload","oneway":true})");
  EXPECT_TRUE(done.output.empty());
  EXPECT_FALSE(done.close);
  EXPECT_EQ(source.calls, std::vector<std::string>{"reload"});
  const Outcome wrong = service.handle(R"({"method":"io.parikshan.Nothing","oneway":true})");
  EXPECT_TRUE(wrong.output.empty());
  EXPECT_FALSE(wrong.close);
}

TEST_F(VarlinkTest, StreamsNeedMore) {
  EXPECT_EQ(error_of(R"({"method":"io.parikshan.Watch"})"), "org.varlink.service.ExpectedMore");
  const Outcome outcome = service.handle(
      R"({"method":"io.parikshan.Watch","more":true,"parameters":{"period_ms":250}})");
  ASSERT_TRUE(outcome.watch.has_value());
  EXPECT_EQ(outcome.watch->count(), 250);
  json::object first = parse(outcome.output);
  EXPECT_EQ(first.at("continues"), boost::json::value(true));
  EXPECT_EQ(first.at("parameters").at("status").at("name"), boost::json::value("mysql"));
  EXPECT_EQ(first, parse(service.watch_frame()));
  // One that needs no more is answered once.
  const Outcome once = service.handle(R"({"method":"io.parikshan.Status","more":true})");
  EXPECT_FALSE(once.watch.has_value());
  EXPECT_FALSE(parse(once.output).contains("continues"));
}

TEST_F(VarlinkTest, WhatIsNoCallEndsTheConnection) {
  const std::string deep = R"({"method":"io.parikshan.Status","parameters":)" +
                           std::string(40, '[') + std::string(40, ']') + "}";
  const std::string shallow =
      R"({"method":"io.parikshan.Status","x":)" + std::string(10, '[') + std::string(10, ']') + "}";
  EXPECT_FALSE(service.handle(shallow).close);
  for (const std::string& message :
       {std::string(), std::string("nonsense"), std::string("[1]"), std::string("{}"),
        std::string(R"({"method":7})"), std::string(R"({"method":"io.parikshan.Status")"),
        std::string(R"({"method":"io.parikshan.Status","more":1})"),
        std::string(R"({"method":"io.parikshan.Watch","more":true,"oneway":true})"),
        std::string(R"({"method":"io.parikshan.Status","parameters":[]})"), deep,
        std::string(100000, '{'), std::string("\xff\xfe\x00", 3)}) {
    const Outcome outcome = service.handle(message);
    EXPECT_TRUE(outcome.close) << message.substr(0, 100);
    EXPECT_FALSE(parse(outcome.output).at("error").as_string().empty());
  }
}

TEST_F(VarlinkTest, RepliesAreReadByTheClient) {
  EXPECT_TRUE(read_reply(R"({"parameters":{"a":1}})").ok());
  EXPECT_TRUE(read_reply("{}").ok());
  EXPECT_EQ(read_reply("[]").error().errnum, EPROTO);
  EXPECT_EQ(read_reply("{").error().errnum, EPROTO);
  const auto denied =
      read_reply(R"({"error":"io.parikshan.PermissionDenied","parameters":{"reason":"no"}})");
  EXPECT_EQ(denied.error().errnum, EACCES);
  const auto refused = read_reply(
      R"({"error":"io.parikshan.NotPossible","parameters":{"reason":"the port is taken"}})");
  EXPECT_EQ(refused.error().text(), "the port is taken");
  const auto unknown =
      read_reply(R"({"error":"org.varlink.service.MethodNotFound","parameters":{"method":"a.B"}})");
  EXPECT_EQ(unknown.error().text(), "org.varlink.service.MethodNotFound: method 'a.B'");
}

TEST_F(VarlinkTest, MetricsAreOpenMetrics) {
  source.snapshot.ports.at(0).listen = "unix:/a\"b\\c\nd";
  const std::string text = open_metrics(source.snapshot, {source.window});
  EXPECT_TRUE(text.ends_with("\n# EOF\n"));
  EXPECT_NE(text.find("# TYPE parikshan_replica_lost_bytes counter\n"
                      "# UNIT parikshan_replica_lost_bytes bytes\n"),
            std::string::npos);
  EXPECT_NE(
      text.find("\nparikshan_replica_lost_bytes_total{instance=\"mysql\",port=\"0.0.0.0:3306\","
                "replica=\"127.0.0.1:6380\"} 700\n"),
      std::string::npos);
  EXPECT_NE(text.find("parikshan_port_sessions_open{instance=\"mysql\","
                      "port=\"unix:/a\\\"b\\\\c\\nd\"} 3\n"),
            std::string::npos);
  EXPECT_NE(text.find("parikshan_state{instance=\"mysql\",parikshan_state=\"overflowed\"} 1\n"),
            std::string::npos);
  EXPECT_NE(text.find("parikshan_state{instance=\"mysql\",parikshan_state=\"in-sync\"} 0\n"),
            std::string::npos);
  EXPECT_NE(text.find("parikshan_window_overflow_seconds{instance=\"mysql\","), std::string::npos);

  // Every line is a comment or a sample of the family that was opened last; no family twice.
  std::set<std::string> families;
  std::string family;
  std::istringstream lines(text);
  const std::regex sample(
      R"(([a-z_]+)(\{[a-z_]+="(\\.|[^"\\])*"(,[a-z_]+="(\\.|[^"\\])*")*\}) \S+)");
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(family).second) << line;
    }
    if (line.starts_with('#'))
      continue;
    EXPECT_TRUE(std::regex_match(line, sample)) << line;
    EXPECT_TRUE(line.starts_with(family)) << line;
  }
  EXPECT_GT(families.size(), 30U);
}

}  // namespace
}  // namespace parikshan::control
