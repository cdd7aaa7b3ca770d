#include "base/mailbox.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace parikshan {
namespace {

struct Node {
  MailboxHook<Node> hook;
  std::atomic<int> said{0};
  int heard = 0;
  int number = 0;
};
using Box = Mailbox<Node, &Node::hook>;

Box make_box() {
  auto event = make_event_fd();
  EXPECT_TRUE(event);
  return Box(std::move(event.value()));
}

bool rings(const Box& box, int timeout_ms = 0) {
  pollfd watched{box.event_fd(), POLLIN, 0};
  return ::poll(&watched, 1, timeout_ms) == 1;
}

void nothing() {}

TEST(Mailbox, GivesOldestFirst) {
  Box box = make_box();
  EXPECT_EQ(box.take_all(), nullptr);
  Node nodes[3];
  for (int i = 0; i < 3; ++i) {
    nodes[i].number = i;
    box.post(&nodes[i], nothing);
  }
  int expected = 0;
  for (Node* node = box.take_all(); node != nullptr; node = Box::taken(node))
    EXPECT_EQ(node->number, expected++);
  EXPECT_EQ(expected, 3);
  EXPECT_EQ(box.take_all(), nullptr);
}

TEST(Mailbox, HoldsANodeOnce) {
  Box box = make_box();
  Node node;
  int queued = 0;
  const auto count = [&queued] { ++queued; };
  box.post(&node, count);
  box.post(&node, count);
  EXPECT_EQ(queued, 1);
  Node* taken = box.take_all();
  ASSERT_EQ(taken, &node);
  box.post(&node, count);  // taken out, but not heard yet: no second place for it
  EXPECT_EQ(queued, 1);
  EXPECT_EQ(Box::taken(taken), nullptr);
  box.post(&node, count);
  EXPECT_EQ(queued, 2);
  EXPECT_EQ(box.take_all(), &node);
}

TEST(Mailbox, RingsOnlyForASleeper) {
  Box box = make_box();
  Node first;
  Node second;
  box.post(&first, nothing);
  EXPECT_FALSE(rings(box));
  EXPECT_FALSE(box.go_to_sleep());  // there is something already
  Box::taken(box.take_all());
  EXPECT_TRUE(box.go_to_sleep());
  box.post(&first, nothing);
  EXPECT_TRUE(rings(box));
  box.drain();
  EXPECT_FALSE(rings(box));
  box.post(&second, nothing);  // the first one has woken it
  EXPECT_FALSE(rings(box));
  box.ring();
  EXPECT_TRUE(rings(box));
}

/// Several posters that say something and post, one taker that sleeps when there is nothing: it
/// must hear all, however the two fall together.
TEST(Mailbox, LosesNothingBetweenThreads) {
  constexpr int posters = 3;
  constexpr int nodes_each = 4;
  constexpr int rounds = 20'000;
  constexpr int everything = posters * rounds;
  Box box = make_box();
  std::vector<std::unique_ptr<Node>> nodes;
  for (int i = 0; i < posters * nodes_each; ++i)
    nodes.push_back(std::make_unique<Node>());

  std::vector<std::thread> threads;
  for (int poster = 0; poster < posters; ++poster) {
    threads.emplace_back([&, poster] {
      for (int i = 0; i < rounds; ++i) {
        // Own nodes, and now and then one that another posts as well.
        const int which =
            i % 16 == 0 ? i % (posters * nodes_each) : poster * nodes_each + i % nodes_each;
        Node* node = nodes[static_cast<std::size_t>(which)].get();
        node->said.fetch_add(1, std::memory_order_seq_cst);
        box.post(node, nothing);
        if (i % 512 == 0)
          std::this_thread::yield();
      }
    });
  }

  int heard = 0;
  int sleeps = 0;
  bool woken = true;
  while (heard < everything && woken) {
    box.drain();
    for (Node* node = box.take_all(); node != nullptr;) {
      Node* next = Box::taken(node);
      const int said = node->said.load(std::memory_order_seq_cst);
      heard += said - node->heard;
      node->heard = said;
      node = next;
    }
    if (heard == everything || !box.go_to_sleep())
      continue;
    ++sleeps;
    woken = rings(box, 30'000);
    box.awake();
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(heard, everything) << "woken: " << woken << " sleeps: " << sleeps;
}

}  // namespace
}  // namespace parikshan
