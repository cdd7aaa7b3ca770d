// Varlink is small: a call is a JSON object and a NUL, and so is a reply. Debian 12 has no library
// that serves it (sd-varlink came later), so the protocol is here, as a function from a message to
// its reply that tests and the fuzzer drive without sockets.
//
// A reply is bounded by what it lists (the ledger, the differences): lists stop at `list_bytes`
// and say that they are not complete, instead of growing with the age of the instance.
#include "control/varlink.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdint>
#include <exception>
#include <limits>

#include "control/interface.h"
#include "control/metrics.h"
#include "control/snapshot_json.h"
#include "net/address.h"

namespace parikshan::control {

namespace json = boost::json;

namespace {

constexpr std::size_t nesting_limit = 16;
constexpr std::size_t list_bytes = 3U << 20;
constexpr std::int64_t shortest_period = 50;
constexpr std::int64_t longest_period = 3'600'000;
constexpr std::int64_t usual_period = 1000;

std::string finish(const json::object& message) {
  std::string text = json::serialize(message);
  text += '\0';
  return text;
}

/// Adds records until the reply would be too large; false when some were left out.
template <class Record>
bool fill(json::array& array, const std::vector<Record>& records) {
  std::size_t bytes = 0;
  for (const Record& record : records) {
    json::object object = to_json(record);
    bytes += json::serialize(object).size();
    if (bytes > list_bytes)
      return false;
    array.emplace_back(std::move(object));
  }
  return true;
}

enum class Kind { text, optional_text, optional_number };

/// A parameter of a method. The table holds them, so that no method acts on a wrong call.
struct Parameter {
  std::string_view name;
  Kind kind;
  std::int64_t least = 0;
  std::int64_t most = std::numeric_limits<std::int64_t>::max();

  [[nodiscard]] bool accepts(const json::value* value) const {
    if (value == nullptr || value->is_null())
      return kind != Kind::text;
    if (kind != Kind::optional_number)
      return value->is_string();
    return value->is_int64() && value->get_int64() >= least && value->get_int64() <= most;
  }
};

/// The name of a parameter that is missing, wrong or unknown; empty when all is well.
std::string mistake_in(const json::object& arguments, const std::vector<Parameter>& parameters) {
  for (const Parameter& parameter : parameters) {
    if (!parameter.accepts(arguments.if_contains(parameter.name)))
      return std::string(parameter.name);
  }
  for (const auto& argument : arguments) {
    const auto same = [&](const Parameter& parameter) { return parameter.name == argument.key(); };
    if (std::ranges::none_of(parameters, same))
      return std::string(std::string_view(argument.key()).substr(0, 256));
  }
  return {};
}

std::string text_of(const json::object& arguments, std::string_view name) {
  const json::value* value = arguments.if_contains(name);
  if (value == nullptr || !value->is_string())
    return {};
  return {value->get_string().data(), value->get_string().size()};
}

std::int64_t number_of(const json::object& arguments, std::string_view name,
                       std::int64_t fallback) {
  const json::value* value = arguments.if_contains(name);
  return value == nullptr || !value->is_int64() ? fallback : value->get_int64();
}

}  // namespace

struct Service::Reply {
  std::string_view error;  // empty: none
  json::object parameters;
  std::chrono::milliseconds period{0};  // of a stream
};

struct Service::Method {
  std::string_view interface;
  std::string_view name;
  Reply (Service::*run)(const json::object&);
  std::vector<Parameter> parameters = {};
  bool streams = false;
};

const std::vector<Service::Method>& Service::table() {
  const Parameter replica{"replica", Kind::text};
  const Parameter listen{"listen", Kind::optional_text};
  static const std::vector<Method> methods{
      {service_interface, "GetInfo", &Service::get_info},
      {service_interface,
       "GetInterfaceDescription",
       &Service::get_interface_description,
       {{"interface", Kind::text}}},
      {parikshan_interface, "Status", &Service::status},
      {parikshan_interface, "Ledger", &Service::ledger, {{"limit", Kind::optional_number}}},
      {parikshan_interface, "Differences", &Service::differences},
      {parikshan_interface, "Window", &Service::window},
      {parikshan_interface, "Metrics", &Service::metrics},
      {parikshan_interface, "Detach", &Service::detach, {replica, listen}},
      {parikshan_interface, "Attach", &Service::attach, {replica, listen}},
      {parikshan_interface, "Reload", &Service::reload},
      {parikshan_interface,
       "Watch",
       &Service::watch,
       {{"period_ms", Kind::optional_number, shortest_period, longest_period}},
       true},
  };
  return methods;
}

std::vector<std::string> Service::signatures() {
  std::vector<std::string> signatures;
  for (const Method& method : table()) {
    std::string text = std::string(method.interface) + '.' + std::string(method.name) + '(';
    for (const Parameter& parameter : method.parameters) {
      if (text.back() != '(')
        text += ", ";
      text += std::string(parameter.name) + ": ";
      text += parameter.kind == Kind::text            ? "string"
              : parameter.kind == Kind::optional_text ? "?string"
                                                      : "?int";
    }
    signatures.push_back(text + ')');
  }
  return signatures;
}

namespace {

json::object one(std::string_view name, std::string_view value) {
  return {{name, valid_utf8(value)}};
}

std::optional<json::object> bad_addresses(const std::string& replica, const std::string& listen) {
  for (const std::string* text : {&replica, &listen}) {
    if (text == &listen && listen.empty())
      continue;
    if (auto address = net::Address::parse(*text); !address)
      return json::object{{"address", valid_utf8(*text)},
                          {"reason", valid_utf8(address.error().text())}};
  }
  return std::nullopt;
}

}  // namespace

Service::Reply Service::get_info(const json::object&) {
  return {{},
          {{"vendor", "parikshan"},
           {"product", "parikshan"},
           {"version", PARIKSHAN_VERSION},
           {"url", ""},
           {"interfaces", json::array{service_interface, parikshan_interface}}}};
}

Service::Reply Service::get_interface_description(const json::object& arguments) {
  const std::string interface = text_of(arguments, "interface");
  if (interface == service_interface)
    return {{}, one("description", service_description)};
  if (interface == parikshan_interface)
    return {{}, one("description", parikshan_description)};
  return {errors::interface_not_found, one("interface", interface)};
}

Service::Reply Service::status(const json::object&) {
  return {{}, to_json(source_.status())};
}

Service::Reply Service::ledger(const json::object& arguments) {
  const auto limit = number_of(arguments, "limit", 0);
  json::array entries;
  const bool complete = fill(entries, source_.ledger(static_cast<std::size_t>(limit)));
  json::array replicas;
  for (const auto& replica : source_.status().replicas)
    replicas.emplace_back(to_json(replica));
  return {
      {},
      {{"entries", std::move(entries)}, {"complete", complete}, {"replicas", std::move(replicas)}}};
}

Service::Reply Service::differences(const json::object&) {
  json::array differences;
  const bool complete = fill(differences, source_.differences());
  return {{}, {{"differences", std::move(differences)}, {"complete", complete}}};
}

Service::Reply Service::window(const json::object&) {
  json::array windows;
  for (const auto& window : source_.windows())
    windows.emplace_back(to_json(window));
  return {{}, {{"windows", std::move(windows)}}};
}

Service::Reply Service::metrics(const json::object&) {
  return {{}, one("text", open_metrics(source_.status(), source_.windows()))};
}

Service::Reply Service::detach(const json::object& arguments) {
  const std::string replica = text_of(arguments, "replica");
  const std::string listen = text_of(arguments, "listen");
  if (auto bad = bad_addresses(replica, listen))
    return {errors::bad_address, std::move(*bad)};
  if (auto detached = source_.detach(replica, listen); !detached)
    return {errors::no_such_replica,
            {{"replica", replica}, {"reason", valid_utf8(detached.error().text())}}};
  return {};
}

Service::Reply Service::attach(const json::object& arguments) {
  const std::string replica = text_of(arguments, "replica");
  const std::string listen = text_of(arguments, "listen");
  if (auto bad = bad_addresses(replica, listen))
    return {errors::bad_address, std::move(*bad)};
  if (auto attached = source_.attach(replica, listen); !attached)
    return {errors::not_possible, one("reason", attached.error().text())};
  return {};
}

Service::Reply Service::reload(const json::object&) {
  if (auto reloaded = source_.reload(); !reloaded)
    return {errors::policy_invalid, one("reason", reloaded.error().text())};
  return {};
}

json::object Service::watch_parameters() {
  json::array windows;
  for (const auto& window : source_.windows())
    windows.emplace_back(to_json(window));
  return {{"status", to_json(source_.status())}, {"windows", std::move(windows)}};
}

Service::Reply Service::watch(const json::object& arguments) {
  const auto period = number_of(arguments, "period_ms", usual_period);
  return {{}, watch_parameters(), std::chrono::milliseconds(period)};
}

std::string Service::watch_frame() {
  return finish({{"parameters", watch_parameters()}, {"continues", true}});
}

Service::Reply Service::call(std::string_view name, const json::object& arguments, bool more) {
  const auto dot = name.rfind('.');
  const std::string_view interface = name.substr(0, dot == std::string_view::npos ? 0 : dot);
  if (interface != service_interface && interface != parikshan_interface)
    return {errors::interface_not_found, one("interface", interface)};
  for (const Method& method : table()) {
    if (method.interface != interface || method.name != name.substr(dot + 1))
      continue;
    if (method.streams && !more)
      return {errors::expected_more, {}};
    if (const std::string mistake = mistake_in(arguments, method.parameters); !mistake.empty())
      return {errors::invalid_parameter, one("parameter", mistake)};
    return (this->*method.run)(arguments);
  }
  return {errors::method_not_found, one("method", name)};
}

Outcome Service::handle(std::string_view message) {
  const auto broken = [](std::string_view why) {
    Outcome outcome;
    outcome.output = error_message(errors::not_possible, why);
    outcome.close = true;
    return outcome;
  };
  json::parse_options options;
  options.max_depth = nesting_limit;
  json::value value;
  try {
    json::error_code problem;
    value = json::parse(message, problem, {}, options);
    if (problem)
      return broken("the message is no JSON, or is nested too deeply");
  } catch (const std::exception&) {
    return broken("the message could not be read");
  }
  if (!value.is_object())
    return broken("the message is no JSON object");
  const json::object& object = value.get_object();

  const json::value* method = object.if_contains("method");
  if (method == nullptr || !method->is_string())
    return broken("the message has no 'method': it is no call");
  bool more = false;
  bool oneway = false;
  bool upgrade = false;
  for (const auto& [name, flag] : {std::pair<std::string_view, bool*>{"more", &more},
                                   {"oneway", &oneway},
                                   {"upgrade", &upgrade}}) {
    const json::value* given = object.if_contains(name);
    if (given == nullptr || given->is_null())
      continue;
    if (!given->is_bool())
      return broken("a flag of the call is neither true nor false");
    *flag = given->get_bool();
  }
  // No reply and many replies cannot both be meant.
  if (oneway && more)
    return broken("the call asks for 'oneway' and for 'more'");

  const json::object none;
  const json::object* arguments = &none;
  if (const json::value* given = object.if_contains("parameters");
      given != nullptr && !given->is_null()) {
    if (!given->is_object())
      return broken("the parameters are no JSON object");
    arguments = &given->get_object();
  }

  Reply reply;
  // No method changes the protocol of the connection. Answering as if one did would leave the
  // caller talking something else.
  if (upgrade)
    reply = {errors::invalid_parameter, one("parameter", "upgrade")};
  else
    reply = call(method->get_string(), *arguments, more);

  Outcome outcome;
  if (oneway)
    return outcome;
  json::object answer;
  if (!reply.error.empty())
    answer.emplace("error", reply.error);
  answer.emplace("parameters", std::move(reply.parameters));
  if (reply.period.count() > 0) {
    answer.emplace("continues", true);
    outcome.watch = reply.period;
  }
  outcome.output = finish(answer);
  return outcome;
}

std::string error_message(std::string_view error, std::string_view reason) {
  return finish({{"error", error}, {"parameters", one("reason", reason)}});
}

}  // namespace parikshan::control
