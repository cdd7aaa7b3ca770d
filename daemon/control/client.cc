#include "control/client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <exception>
#include <filesystem>

#include "control/interface.h"
#include "net/address.h"

namespace parikshan::control {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

// What answers may be anything at all: a reply of more than this is not read to its end.
constexpr std::size_t reply_limit = 64U << 20;

/// Waits for `events`; false when the deadline passes first.
Result<bool> wait_for(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd entry{fd, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::max<long>(left, 0)));
    if (ready > 0)
      return true;
    if (ready < 0 && errno != EINTR)
      return errno_error("wait for the instance");
    if (Clock::now() >= deadline)
      return false;
  }
}

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string())
    return {};
  return {value->get_string().data(), value->get_string().size()};
}

Error refusal(const std::string& error, const json::object& parameters) {
  std::string reason = text_in(parameters, "reason");
  for (const std::string_view name : {"parameter", "method", "interface"}) {
    const std::string detail = text_in(parameters, name);
    if (!detail.empty())
      reason += fmt::format("{}{} '{}'", reason.empty() ? "" : ", ", name, detail);
  }
  const bool denied =
      error == errors::permission_denied || error == errors::service_permission_denied;
  if (denied)
    return Error{reason.empty() ? "the instance refused" : reason, EACCES};
  if (error.starts_with("io.parikshan.") && !reason.empty())
    return Error{reason};
  return Error{reason.empty() ? error : fmt::format("{}: {}", error, reason)};
}

}  // namespace

Result<json::object> read_reply(std::string_view message) {
  json::value value;
  try {
    json::error_code problem;
    value = json::parse(message, problem);
    if (problem)
      return Error{"read the reply: it is no JSON", EPROTO};
  } catch (const std::exception&) {
    return Error{"read the reply", ENOMEM};
  }
  if (!value.is_object())
    return Error{"read the reply: it is no JSON object", EPROTO};
  json::object& reply = value.get_object();
  json::object parameters;
  if (json::value* given = reply.if_contains("parameters"); given != nullptr && given->is_object())
    parameters = std::move(given->get_object());
  if (const std::string error = text_in(reply, "error"); !error.empty())
    return refusal(error, parameters);
  return parameters;
}

Result<Client> Client::connect(const std::string& path, Milliseconds limit) {
  auto address = net::Address::parse("unix:" + std::filesystem::absolute(path).string());
  if (!address)
    return address.error();
  const auto deadline = Clock::now() + limit;
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket)
    return errno_error("make a socket");
  // A full backlog is EAGAIN, and no event tells when there is room again (unix(7)).
  while (::connect(socket.get(), address->data(), address->size()) != 0) {
    if (errno == EINTR)
      continue;
    if (errno != EAGAIN)
      return errno_error(fmt::format("connect to {}", path));
    if (Clock::now() >= deadline)
      return Error{fmt::format("connect to {}", path), ETIMEDOUT};
    ::poll(nullptr, 0, 10);
  }
  return Client(std::move(socket));
}

Result<void> Client::send(std::string_view method, const json::object& parameters, bool more,
                          Milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  std::string name(method);
  if (name.find('.') == std::string::npos)
    name = fmt::format("{}.{}", parikshan_interface, name);
  json::object call{{"method", name}, {"parameters", parameters}};
  if (more)
    call.emplace("more", true);
  std::string message = json::serialize(call);
  message += '\0';
  std::size_t sent = 0;
  while (sent < message.size()) {
    const ssize_t put =
        ::send(socket_.get(), message.data() + sent, message.size() - sent, MSG_NOSIGNAL);
    if (put > 0) {
      sent += static_cast<std::size_t>(put);
    } else if (errno == EAGAIN) {
      auto ready = wait_for(socket_.get(), POLLOUT, deadline);
      if (!ready)
        return ready.error();
      if (!*ready)
        return Error{"send the call", ETIMEDOUT};
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return {};  // whoever closes on us may have said why: the reply is read all the same
    } else if (errno != EINTR) {
      return errno_error("send the call");
    }
  }
  return {};
}

Result<std::optional<json::object>> Client::next(Milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  std::array<char, 65536> buffer;  // NOLINT: filled by recv
  for (;;) {
    const auto end = input_.find('\0', scanned_);
    if (end != std::string::npos) {
      auto reply = read_reply(std::string_view(input_).substr(0, end));
      input_.erase(0, end + 1);
      scanned_ = 0;
      if (!reply)
        return reply.error();
      return std::optional<json::object>(std::move(*reply));
    }
    scanned_ = input_.size();
    if (input_.size() > reply_limit)
      return Error{"read the reply: it is too long", EPROTO};
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got > 0) {
      input_.append(buffer.data(), static_cast<std::size_t>(got));
    } else if (got == 0 || errno == ECONNRESET) {
      return Error{"the instance closed the connection", ECONNRESET};
    } else if (errno == EAGAIN) {
      auto ready = wait_for(socket_.get(), POLLIN, deadline);
      if (!ready)
        return ready.error();
      if (!*ready)
        return std::optional<json::object>();
    } else if (errno != EINTR) {
      return errno_error("read the reply");
    }
  }
}

Result<json::object> Client::call(std::string_view method, const json::object& parameters,
                                  Milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  if (auto sent = send(method, parameters, false, limit); !sent)
    return sent.error();
  auto reply = next(std::chrono::ceil<Milliseconds>(deadline - Clock::now()));
  if (!reply)
    return reply.error();
  if (!*reply)
    return Error{"wait for the reply of the instance", ETIMEDOUT};
  return std::move(**reply);
}

Result<void> Client::watch(std::string_view method, const json::object& parameters,
                           Milliseconds limit) {
  return send(method, parameters, true, limit);
}

}  // namespace parikshan::control
