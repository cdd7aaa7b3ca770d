// Bytes as a client of the control socket may send them: cut at NUL into messages, each answered by
// the dispatcher over a stub instance. What comes out must be what the protocol allows: at most one
// reply a message, whole JSON objects, no reply to a oneway call.
#include <boost/json/parse.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../unit/stub_source.h"
#include "control/client.h"
#include "control/snapshot_json.h"
#include "control/varlink.h"
#include "ctl/escape.h"
#include "ctl/render.h"

namespace {

using parikshan::control::Outcome;

void require(bool holds, const char* what) {
  if (holds)
    return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

void check_output(const Outcome& outcome) {
  if (outcome.output.empty())
    return;
  require(outcome.output.find('\0') + 1 == outcome.output.size(), "one NUL, at the end");
  boost::json::error_code problem;
  const auto reply = boost::json::parse(
      std::string_view(outcome.output).substr(0, outcome.output.size() - 1), problem);
  require(!problem && reply.is_object(), "a reply is a JSON object");
  require(reply.get_object().contains("parameters"), "a reply has parameters");
}

/// The other side of the socket: a reply that anybody may have written, read and shown.
void check_client(std::string_view message) {
  const auto reply = parikshan::control::read_reply(message);
  std::string shown;
  if (!reply) {
    shown = parikshan::ctl::printable(reply.error().text());
  } else {
    const auto status =
        parikshan::control::from_json<parikshan::instance::InstanceSnapshot>(*reply);
    shown = status ? parikshan::ctl::render_status(*status)
                   : parikshan::ctl::printable(status.error().text());
    const auto differences =
        parikshan::control::list_from_json<parikshan::instance::DifferenceSnapshot>(*reply,
                                                                                    "differences");
    if (differences)
      shown += parikshan::ctl::render_differences(*differences, true);
  }
  for (const char c : shown)
    require(c == '\n' || static_cast<unsigned char>(c) >= 0x20, "no control character is shown");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static parikshan::test::StubSource source;
  source.calls.clear();
  parikshan::control::Service service(source);
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (!rest.empty()) {
    const auto end = rest.find('\0');
    const std::string_view message = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    const Outcome outcome = service.handle(message);
    check_output(outcome);
    check_client(message);
    if (outcome.close)
      require(!outcome.watch, "a broken call begins no stream");
  }
  return 0;
}
