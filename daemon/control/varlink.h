#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/source.h"

namespace parikshan::control {

/// What a message led to.
struct Outcome {
  std::string output;  ///< the reply with its NUL, ready to be sent; empty for a oneway call
  bool close = false;  ///< the message breaks the protocol: send `output`, then close
  /// The call began a stream: send watch_frame() every so often, and read no more requests.
  std::optional<std::chrono::milliseconds> watch;
};

/// The Varlink protocol without the socket: one message in, its reply out (https://varlink.org).
/// Interfaces org.varlink.service and io.parikshan; see interface.h. Control thread only; `source`
/// outlives it.
class Service {
 public:
  explicit Service(Source& source) : source_(source) {}

  /// `message` is one message without its NUL: any bytes at all. Bad JSON, JSON nested deeper than
  /// 16 and calls that are no calls end the connection; every other mistake is an error reply.
  Outcome handle(std::string_view message);

  /// The next reply of a stream, with its NUL.
  std::string watch_frame();

  /// The signature of every method that handle() dispatches, "interface.Method(a: string, b:
  /// ?int)", in the order of the descriptions.
  static std::vector<std::string> signatures();

 private:
  struct Reply;
  struct Method;
  static const std::vector<Method>& table();

  Reply get_info(const boost::json::object& arguments);
  Reply get_interface_description(const boost::json::object& arguments);
  Reply status(const boost::json::object& arguments);
  Reply ledger(const boost::json::object& arguments);
  Reply differences(const boost::json::object& arguments);
  Reply window(const boost::json::object& arguments);
  Reply metrics(const boost::json::object& arguments);
  Reply detach(const boost::json::object& arguments);
  Reply attach(const boost::json::object& arguments);
  Reply reload(const boost::json::object& arguments);
  Reply watch(const boost::json::object& arguments);

  Reply call(std::string_view name, const boost::json::object& arguments, bool more);
  boost::json::object watch_parameters();

  Source& source_;
};

/// An error reply with its NUL, for what the socket has to say before any call was read.
std::string error_message(std::string_view error, std::string_view reason);

}  // namespace parikshan::control
