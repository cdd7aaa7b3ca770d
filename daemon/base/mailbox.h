#pragma once

#include <atomic>
#include <cstdint>

#include "base/error.h"
#include "base/fd.h"

namespace parikshan {

/// The event descriptor behind a mailbox, apart from its template.
Result<Fd> make_event_fd();
void ring_event_fd(int fd);
void drain_event_fd(int fd);

/// What a node carries for each kind of mailbox it can lie in.
template <class Node>
struct MailboxHook {
  Node* next = nullptr;
  std::atomic<bool> queued{false};
};

/// A lock-free mailbox with one taker: any thread posts nodes, the taker takes all at once. A node
/// lies in it at most once; posting it again is one load. Nothing is allocated.
///
/// The taker is woken through an event descriptor, and only if it said that it goes to sleep: a
/// busy taker costs the poster no system call.
template <class Node, MailboxHook<Node> Node::*Hook>
class Mailbox {
 public:
  explicit Mailbox(Fd event) : event_(std::move(event)) {}

  /// Posts the node unless it lies here already. `before_queued()` runs first when it does not.
  template <class Before>
  void post(Node* node, Before&& before_queued) {
    MailboxHook<Node>& hook = node->*Hook;
    if (hook.queued.load(std::memory_order_seq_cst))
      return;
    if (hook.queued.exchange(true, std::memory_order_seq_cst))
      return;
    before_queued();
    Node* head = head_.load(std::memory_order_relaxed);
    do {
      hook.next = head;
    } while (!head_.compare_exchange_weak(head, node, std::memory_order_seq_cst,
                                          std::memory_order_relaxed));
    if (asleep_.load(std::memory_order_seq_cst) &&
        asleep_.exchange(false, std::memory_order_seq_cst))
      ring();
  }

  /// All nodes, oldest first; nullptr when there are none. Before looking at what a node has to
  /// say the taker calls taken(), which also gives the next node: what is said later posts it
  /// again.
  Node* take_all() {
    Node* node = head_.exchange(nullptr, std::memory_order_seq_cst);
    Node* reversed = nullptr;
    while (node != nullptr) {
      Node* next = (node->*Hook).next;
      (node->*Hook).next = reversed;
      reversed = node;
      node = next;
    }
    return reversed;
  }
  static Node* taken(Node* node) {
    Node* next = (node->*Hook).next;
    (node->*Hook).queued.store(false, std::memory_order_seq_cst);
    return next;
  }

  /// The taker is about to wait for event_fd(). False when there are nodes already.
  bool go_to_sleep() {
    asleep_.store(true, std::memory_order_seq_cst);
    if (head_.load(std::memory_order_seq_cst) == nullptr)
      return true;
    asleep_.store(false, std::memory_order_seq_cst);
    return false;
  }
  /// Woken by whatever.
  void awake() { asleep_.store(false, std::memory_order_seq_cst); }

  /// Wakes the taker for another reason than a node; any thread.
  void ring() { ring_event_fd(event_.get()); }
  [[nodiscard]] int event_fd() const { return event_.get(); }
  /// Makes event_fd() quiet again.
  void drain() { drain_event_fd(event_.get()); }

 private:
  alignas(64) std::atomic<Node*> head_{nullptr};
  std::atomic<bool> asleep_{false};
  Fd event_;
};

}  // namespace parikshan
