// A client must not be able to tell parikshan from a direct connection. So each end of stream is
// passed on alone, in order, behind the bytes that came before it; and a reset of one leg resets
// the other, after the last bytes that the broken leg still had to say were forwarded.
//
// The client's bytes are not read before production is connected: until then they wait where they
// would wait on a direct connection, in the kernel, and if production cannot be reached the client
// gets a reset, as near to a refused connection as a proxy can come.
#include "duplicator/session.h"

#include <sys/epoll.h>

#include "net/socket.h"

namespace parikshan::duplicator {

using net::Relay;
using stream::End;

namespace {

constexpr int most_last_turns = 8;  // of a leg that broke: more than any socket's receive buffer

}  // namespace

Session::~Session() {
  finish(End::reset, End::reset);
  if (streams_ == nullptr)
    return;
  streams_->forget_context();
  streams_->close();
}

void Session::on_event(Side side, std::uint32_t events, net::HotBuffers& buffers) {
  net::Leg& leg = side == Side::client ? client_ : production_;
  leg.note(events);
  if (phase_ == Phase::over)
    return;
  if (phase_ == Phase::connecting) {
    if (side == Side::client)
      return;  // it waits in its flags
    if (!leg.writable)
      return;
    if (net::connect_error(leg.fd.get()) != 0) {
      connect_failed_ = true;
      reset();
      return;
    }
    phase_ = Phase::open;
    just_connected_ = true;
    return;
  }
  // A leg that ended in order says nothing more by being read; only its error tells a reset.
  const Relay& reading = side == Side::client ? client_to_production_ : production_to_client_;
  if (reading.finished() && (events & EPOLLERR) != 0) {
    reset();
    return;
  }
  const Side other = side == Side::client ? Side::production : Side::client;
  again_ = false;
  if (leg.readable)
    pump(side, buffers);
  const Relay& writing = side == Side::client ? production_to_client_ : client_to_production_;
  if (phase_ != Phase::over && leg.writable && writing.waiting())
    pump(other, buffers);
}

void Session::begin() {
  just_connected_ = false;
  if (streams_ == nullptr)
    PortCounters::add(counters_.sessions_not_copied, 1);
}

void Session::turn(net::HotBuffers& buffers) {
  again_ = false;
  if (phase_ == Phase::open)
    pump(Side::client, buffers);
  if (phase_ == Phase::open)
    pump(Side::production, buffers);
}

stream::StreamLog* Session::log_of(Side source) const {
  if (streams_ == nullptr)
    return nullptr;
  return source == Side::client ? &streams_->client_to_production : &streams_->production_to_client;
}

void Session::pump(Side source, net::HotBuffers& buffers) {
  const bool from_client = source == Side::client;
  Relay& relay = from_client ? client_to_production_ : production_to_client_;
  net::Leg& from = from_client ? client_ : production_;
  net::Leg& to = from_client ? production_ : client_;
  stream::StreamLog* const log = log_of(source);
  if (relay.finished())
    return;
  // Asked before the append: what was appended while somebody wanted it must still be released.
  const bool wanted = log != nullptr && !log->discarding();
  const Relay::Outcome outcome =
      relay.pump(from, to, buffers, log, from_client && port_.paced && log != nullptr);
  if (const std::uint64_t moved = relay.take_moved(); moved > 0) {
    PortCounters::add(from_client ? counters_.client_to_production : counters_.production_to_client,
                      moved);
    if (wanted)
      streams_->publish();
  }
  switch (outcome) {
    case Relay::Outcome::blocked:
      break;
    case Relay::Outcome::more:
      again_ = true;
      break;
    case Relay::Outcome::finished:
      if (log != nullptr)
        log->finish(End::fin);
      if (streams_ != nullptr)
        streams_->publish();
      if (client_to_production_.finished() && production_to_client_.finished())
        phase_ = Phase::over;
      break;
    case Relay::Outcome::receiver_broke:
      hear_out(from_client ? Side::production : Side::client, buffers);
      reset();
      break;
    case Relay::Outcome::source_broke:
      reset();
      break;
  }
}

void Session::hear_out(Side broken, net::HotBuffers& buffers) {
  const bool from_client = broken == Side::client;
  Relay& relay = from_client ? client_to_production_ : production_to_client_;
  net::Leg& from = from_client ? client_ : production_;
  net::Leg& to = from_client ? production_ : client_;
  if (relay.finished() || relay.waiting())
    return;
  stream::StreamLog* const log = log_of(broken);
  from.readable = from.hung_up = true;
  for (int turn = 0; turn < most_last_turns; ++turn) {
    if (relay.pump(from, to, buffers, log, false) != Relay::Outcome::more)
      break;
  }
  PortCounters::add(from_client ? counters_.client_to_production : counters_.production_to_client,
                    relay.take_moved());
}

void Session::reset() {
  phase_ = Phase::over;
  finish(End::reset, End::reset);
  net::reset_and_close(std::move(client_.fd));
  net::reset_and_close(std::move(production_.fd));
}

void Session::finish(End client_to_production, End production_to_client) {
  if (streams_ == nullptr)
    return;
  if (streams_->client_to_production.ended() == End::open)
    streams_->client_to_production.finish(client_to_production);
  if (streams_->production_to_client.ended() == End::open)
    streams_->production_to_client.finish(production_to_client);
}

}  // namespace parikshan::duplicator
