// The ledger must be right whatever happens, and in whatever order. So a session is driven by
// random steps: both directions grow in random pieces, replicas read, stall, answer, lie, end and
// break, quotas and the pool are too small, the disk refuses, legs are cut off. Beside it stands a
// model, two plain strings, and after every step the sums are compared with it.
//
// Everything runs in one thread, with replicas over loopback; only the spill thread is real. A
// failing run is repeated by its seed, up to what the kernel's buffers and the disk do.
#include <sys/epoll.h>

#include <optional>

#include "duplicator/fed_session.h"
#include "loopback.h"
#include "stream_fixture.h"

namespace parikshan::duplicator {
namespace {

using net::Address;
using stream::End;
using stream::patience;
using stream::SessionStreams;

constexpr std::size_t block = 4096;

/// A replica as its server sees it: says what production says, with faults.
class Server {
 public:
  enum class Fault { none, lies, ends_early, breaks, refuses };

  Server(std::uint64_t seed, const std::string& input, std::string output)
      : random_(seed), input_(input), output_(std::move(output)) {
    listener_ = net::listen_on_loopback(address, 16 << 10);
    const auto kind = random_() % 10;
    if (kind < 6)
      return;
    at = output_.empty() ? 0 : random_() % output_.size();
    fault = kind < 8 ? Fault::lies : kind == 8 ? Fault::ends_early : Fault::breaks;
    if (fault == Fault::lies && output_.empty())
      fault = Fault::none;
    if (fault == Fault::lies)
      output_[at] ^= 1;
    if (fault == Fault::breaks && random_() % 4 == 0) {
      fault = Fault::refuses;
      listener_.reset();
    }
  }

  /// Reads and answers at most `most` bytes each, and says nothing from the offset `limit` on. True
  /// when anything moved.
  bool act(std::size_t most, std::size_t limit) {
    if (!socket_ && listener_ && !gone_)
      socket_.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket_)
      return false;
    int errnum = 0;
    const std::string bytes = net::receive_now(socket_.get(), most, errnum);
    EXPECT_TRUE(input_.compare(received, bytes.size(), bytes) == 0) << "at " << received;
    received += bytes.size();
    if (errnum == 0)
      heard_end = true;
    limit = std::min(limit, output_.size());
    std::size_t part = std::min(most, limit - std::min(limit, said));
    if (fault == Fault::ends_early || fault == Fault::breaks) {
      part = std::min(part, at - std::min(at, said));
      if (said == at && part == 0)
        return leave(fault == Fault::breaks);
    }
    const std::size_t sent =
        net::send_now(socket_.get(), std::string_view(output_).substr(said, part));
    said += sent;
    return sent > 0 || !bytes.empty();
  }
  bool leave(bool by_reset) {
    gone_ = true;
    if (by_reset)
      net::reset_and_close(std::move(socket_));
    else
      socket_.reset();
    return true;
  }
  /// Production has said `length` bytes and will say no more.
  void production_ended(std::size_t length) { output_.resize(length); }
  [[nodiscard]] bool all_said() const { return said == output_.size(); }
  [[nodiscard]] bool gone() const { return gone_; }

  Address address;
  Fault fault = Fault::none;
  std::size_t at = 0;        // where the fault is, in the output
  std::size_t received = 0;  // all of it compared with the model
  std::size_t said = 0;
  bool heard_end = false;

 private:
  std::mt19937_64 random_;
  const std::string& input_;
  std::string output_;
  Fd listener_, socket_;
  bool gone_ = false;
};

/// What the runs came across: one that never overflows would say little about overflows.
struct Seen {
  int overflows = 0, other_losses = 0, differences = 0, whole = 0, dry = 0, spilled = 0;
};

class Drive {
 public:
  Drive(std::uint64_t seed, Seen& seen)
      : random_(seed),
        seen_(seen),
        input_(stream::random_bytes(random_() % 3 == 0 ? 20'000 : 1'500'000, seed)),
        output_(stream::random_bytes(random_() % 3 == 0 ? 5'000 : 500'000, ~seed)),
        news_(std::move(make_event_fd().value())),
        port_(1, Address(), Address(), true, false, 1) {
    pool_ = stream::make_pool(random_() % 3 == 0 ? 256 << 10 : 8 << 20, random_() % 4 != 0);
    if (random_() % 3 != 0) {
      const std::string directory = random_() % 4 == 0 ? "/dev/null/refuses" : folder_.path();
      spill_ = stream::make_spill(directory, random_() % 4 * (256 << 10), *pool_);
    }
    limits_.quota = limits_.input = (1 + random_() % 8) * (32 << 10);
    limits_.output = random_() % 2 * (64 << 10);
    ahead_ = random_() % 2 * 80'000;
    epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    streams_ = new SessionStreams({7, 1, 0, "127.0.0.1:1"}, *pool_, random_() % 2 == 0, news_);
    session_.emplace(streams_, port_, spill_.get());
    for (std::uint64_t left = 1 + random_() % 3; left > 0; --left) {
      servers_.push_back(std::make_unique<Server>(random_(), input_, output_));
      replicas_.push_back(std::make_unique<Replica>(port_, servers_.back()->address));
      session_->add_leg(*replicas_.back(), masks_, epoll_.get(), 1 << 20);
    }
    lost_at_.resize(servers_.size());
  }
  ~Drive() {
    session_.reset();
    if (!closed_)
      streams_->close();
    hear_news();
  }
  Drive(const Drive&) = delete;
  Drive& operator=(const Drive&) = delete;

  void go() {
    const std::uint64_t steps = 20 + random_() % 150;
    for (std::uint64_t i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      step();
      check();
    }
    end_production();
    check();
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!session_->over() && !testing::Test::HasFailure()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the session never ends";
      bool moved = turn() > 0;
      for (const auto& server : servers_) {
        moved |= server->act(1 << 20, produced_);
        if (!server->gone() && server->heard_end && server->all_said())
          server->leave(false);
      }
      check();
      if (!moved)
        net::await_events(epoll_.get(), POLLIN, 1);
    }
    if (testing::Test::HasFailure())
      return;
    check_end();
    session_.reset();
    hear_news();
    while (spill_ && spill_->used() > 0)
      ASSERT_TRUE(stream::collect_next(*spill_));
    EXPECT_EQ(pool_->chunks_out(), 0U);
  }

 private:
  std::size_t piece() { return 1 + random_() % (random_() % 3 == 0 ? 150'000 : 3'000); }

  void step() {
    switch (random_() % 16) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const std::size_t part = std::min(piece(), input_.size() - due_);
        stream::append(streams_->client_to_production, std::string_view(input_).substr(due_, part));
        due_ += part;
        streams_->publish();
        break;
      }
      case 4:
      case 5:
      case 6: {
        const std::size_t part = std::min(piece(), output_.size() - produced_);
        stream::append(streams_->production_to_client,
                       std::string_view(output_).substr(produced_, part));
        produced_ += part;
        if (random_() % 2 == 0)
          streams_->publish();
        break;
      }
      case 7:
      case 8:
      case 9:
      case 10:
        turn();
        break;
      case 11:
      case 12:
      case 13:
        servers_[random_() % servers_.size()]->act(random_() % 4 == 0 ? 1 << 20 : piece(),
                                                   produced_ + ahead_);
        break;
      case 14:
        if (random_() % 16 == 0)
          session_->cut_slowest("a random cut");
        break;
      default:
        if (random_() % 16 == 0)
          std::next(session_->legs().begin(), static_cast<long>(random_() % servers_.size()))
              ->lose("a random detach", true);
    }
  }

  std::size_t turn() {
    pool_->tend(++now_ms_);
    epoll_event events[8];
    const int ready = ::epoll_wait(epoll_.get(), events, 8, 0);
    for (int i = 0; i < ready; ++i)
      static_cast<ReplicaLeg*>(events[i].data.ptr)->note(events[i].events);
    if (spill_)
      spill_->collect();
    hear_news();
    return session_->turn(limits_, now_ms_, scratch_);
  }

  void hear_news() {
    for (SessionStreams* streams = news_.take_all(); streams != nullptr;) {
      SessionStreams* const next = SessionStreams::News::taken(streams);
      streams->drop();
      streams = next;
    }
  }

  void end_production() {
    input_end_ = random_() % 4 == 0 ? End::reset : End::fin;
    // What replicas said first production says as well.
    std::size_t said = produced_;
    for (const auto& server : servers_)
      said = std::max(said, server->said);
    stream::append(streams_->production_to_client,
                   std::string_view(output_).substr(produced_, said - produced_));
    produced_ = said;
    streams_->client_to_production.finish(input_end_);
    streams_->production_to_client.finish(input_end_);
    for (const auto& server : servers_)
      server->production_ended(produced_);
    closed_ = true;
    streams_->close();
  }

  void check() {
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      const ReplicaLeg& leg = *std::next(session_->legs().begin(), static_cast<long>(i));
      const Account a = session_->account(leg);
      SCOPED_TRACE(testing::Message() << "replica " << i << " " << leg.lost_why());
      EXPECT_EQ(a.due, due_);
      EXPECT_EQ(a.due, a.delivered + a.pending + a.lost);
      EXPECT_EQ(a.produced, produced_);
      EXPECT_EQ(a.produced, a.compared + a.uncompared + a.awaited);
      EXPECT_EQ(a.delivered, leg.cursor());
      // Of a leg that was cut off, only what its replica's kernel had acknowledged counts; a little
      // more may have arrived.
      if (!leg.is_lost()) {
        EXPECT_GE(a.delivered, servers_[i]->received);
      }
      EXPECT_LE(a.answered, servers_[i]->said);
      EXPECT_LE(a.compared, a.answered);
      EXPECT_LE(leg.checker().position(), produced_);
      if (leg.phase() != ReplicaLeg::Phase::over) {
        EXPECT_EQ(a.lost, 0U);
        EXPECT_FALSE(leg.is_lost());
      } else {
        EXPECT_EQ(a.pending, 0U);
        EXPECT_EQ(a.awaited, 0U);
        if (!leg.is_lost()) {
          EXPECT_EQ(a.lost, 0U);
        }
        // What is lost once stays so.
        if (!lost_at_[i])
          lost_at_[i] = leg.cursor();
        EXPECT_EQ(*lost_at_[i], leg.cursor());
        EXPECT_EQ(session_->record(leg).first_lost, leg.cursor());
      }
    }
    if (spill_) {
      EXPECT_LE(spill_->used(), spill_->quota());
      spilled_ |= spill_->used() > 0;
    }
  }

  void check_end() {
    seen_.dry += streams().client_to_production.broken() || streams().production_to_client.broken();
    seen_.spilled += spilled_;
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      const ReplicaLeg& leg = *std::next(session_->legs().begin(), static_cast<long>(i));
      const Server& server = *servers_[i];
      const SessionRecord record = session_->record(leg);
      SCOPED_TRACE(testing::Message()
                   << "replica " << i << " " << leg.lost_why() << " " << record.divergent_why);
      if (leg.is_lost()) {
        EXPECT_FALSE(record.lost_why.empty());
        if (server.fault == Server::Fault::refuses) {
          EXPECT_FALSE(record.overflowed);
        }
      } else {
        EXPECT_EQ(record.account.delivered, due_);
        if (input_end_ == End::fin && server.fault != Server::Fault::ends_early) {
          EXPECT_EQ(server.received, due_);
        }
      }
      ++(!leg.is_lost() ? seen_.whole : leg.overflowed() ? seen_.overflows : seen_.other_losses);
      seen_.differences += record.diverged ? 1 : 0;
      const bool honest = server.fault == Server::Fault::none;
      if (honest && (!leg.is_lost() || leg.overflowed())) {
        EXPECT_FALSE(record.diverged) << record.first_divergent;
        const bool all_kept = !streams().production_to_client.broken();
        if (!leg.is_lost() && all_kept) {
          EXPECT_EQ(record.account.compared, produced_);
        }
      }
      if (server.fault == Server::Fault::lies) {
        const bool seen = leg.checker().position() > server.at;
        if (!seen) {
          EXPECT_FALSE(record.diverged && !leg.is_lost());
        }
        if (record.diverged && seen) {
          EXPECT_LE(record.first_divergent, server.at);
          EXPECT_GT(record.first_divergent + block, server.at);
        }
        if (!leg.is_lost() && seen) {
          EXPECT_TRUE(record.diverged);
        }
      }
    }
  }
  [[nodiscard]] SessionStreams& streams() { return session_->streams(); }

  std::mt19937_64 random_;
  Seen& seen_;
  const std::string input_, output_;
  stream::TemporaryFolder folder_;
  std::unique_ptr<stream::ChunkPool> pool_;
  std::unique_ptr<stream::Spill> spill_;
  SessionStreams::News news_;
  Port port_;
  divergence::Masks masks_;
  Fd epoll_;
  std::vector<std::unique_ptr<Server>> servers_;
  std::vector<std::unique_ptr<Replica>> replicas_;
  std::vector<std::optional<std::uint64_t>> lost_at_;
  SessionStreams* streams_ = nullptr;
  std::optional<FedSession> session_;
  FedSession::Limits limits_;
  std::string scratch_;
  std::size_t due_ = 0;
  std::size_t produced_ = 0;
  std::size_t ahead_ = 0;  // how far replicas may answer before production does
  End input_end_ = End::open;
  std::int64_t now_ms_ = 1;
  bool closed_ = false;
  bool spilled_ = false;
};

TEST(LedgerProperty, SumsHoldWhateverHappens) {
  Seen seen;
  for (std::uint64_t seed = 1; seed <= 200 && !HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Drive(seed, seen).go();
  }
  for (const int times :
       {seen.overflows, seen.other_losses, seen.differences, seen.whole, seen.dry, seen.spilled})
    EXPECT_GE(times, 3);
  std::cout << seen.overflows << " overflows, " << seen.other_losses << " other losses, "
            << seen.differences << " differences, " << seen.whole << " whole legs, " << seen.dry
            << " dry pools, " << seen.spilled << " spilled\n";
}

}  // namespace
}  // namespace parikshan::duplicator
