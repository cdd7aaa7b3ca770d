#pragma once

#include <cstdint>

#include "duplicator/port.h"
#include "net/relay.h"
#include "stream/session_streams.h"

namespace parikshan::duplicator {

/// One client's session on the production side: the client leg, the production leg, and the two
/// directions between them (P1 and P2 of the paper). What is copied goes into the stream logs; what
/// becomes of it there is nothing to the session.
///
/// Thread: one production thread, which owns it.
class Session {
 public:
  enum class Phase : std::uint8_t { connecting, open, over };

  Session(Port& port, PortCounters& counters, Fd client, Fd production)
      : port_(port), counters_(counters) {
    client_.fd = std::move(client);
    production_.fd = std::move(production);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  enum class Side : std::uint8_t { client, production };
  /// What epoll said of one leg. After it, phase() may be `over`, and again() may ask for a turn.
  void on_event(Side side, std::uint32_t events, net::HotBuffers& buffers);
  /// Goes on with whatever can be done now.
  void turn(net::HotBuffers& buffers);

  /// Connected: from here on the bytes are copied into `streams`, which the session owns a
  /// reference of. Never called for a session that is not to be copied.
  void copy_into(stream::SessionStreams* streams) { streams_ = streams; }

  /// Ends it where it stands; what is in the kernel's hands still goes out.
  void abandon() { phase_ = Phase::over; }

  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] bool again() const { return again_; }
  /// The connect to production has just succeeded, and no byte has moved yet.
  [[nodiscard]] bool just_connected() const { return just_connected_; }
  void begin();
  [[nodiscard]] bool connect_failed() const { return connect_failed_; }
  [[nodiscard]] Port& port() const { return port_; }
  [[nodiscard]] const Fd& client() const { return client_.fd; }
  [[nodiscard]] const Fd& production() const { return production_.fd; }

  // The production thread's lists.
  Session* previous = nullptr;
  Session* next = nullptr;
  bool listed_again = false;

 private:
  [[nodiscard]] stream::StreamLog* log_of(Side source) const;
  void pump(Side source, net::HotBuffers& buffers);
  void hear_out(Side broken, net::HotBuffers& buffers);
  void reset();
  void finish(stream::End client_to_production, stream::End production_to_client);

  Port& port_;
  PortCounters& counters_;
  net::Leg client_;
  net::Leg production_;
  net::Relay client_to_production_;
  net::Relay production_to_client_;
  stream::SessionStreams* streams_ = nullptr;
  Phase phase_ = Phase::connecting;
  bool again_ = false;
  bool just_connected_ = false;
  bool connect_failed_ = false;
};

}  // namespace parikshan::duplicator
