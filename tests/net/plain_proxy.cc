// A plain proxy: the production thread of parikshan with the copy compiled out of its relay, and
// nothing else running beside it. usage: plain-proxy LISTEN PRODUCTION
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>

#include "duplicator/worker.h"
#include "net/socket.h"

int main(int argc, char** argv) {
  using namespace parikshan;
  if (argc != 3) {
    fmt::print(stderr, "usage: plain-proxy LISTEN PRODUCTION\n");
    return 2;
  }
  const auto fail = [](const Error& error) {
    fmt::print(stderr, "plain-proxy: {}\n", error.text());
    return 1;
  };
  Result<net::Address> listen = net::Address::parse(argv[1]);
  if (!listen)
    return fail(listen.error());
  Result<net::Address> production = net::Address::parse(argv[2]);
  if (!production)
    return fail(production.error());

  sigset_t stop;
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTERM);
  ::sigaddset(&stop, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  duplicator::ProductionContext context;
  context.descriptor_limit = net::raise_descriptor_limit();
  duplicator::Port port(1, *listen, *production, false, false, 1);
  Result<Fd> listener = net::listen_on(*listen);
  if (!listener)
    return fail(listener.error());
  auto worker = duplicator::Worker::create(0, context);
  if (!worker)
    return fail(worker.error());
  (*worker)->set_peers({worker->get()});
  if (Result<void> started = (*worker)->start(); !started)
    return fail(started.error());
  (*worker)->listen(&port, listener->get());
  fmt::print(stderr, "plain-proxy: ready\n");
  int signal = 0;
  ::sigwait(&stop, &signal);
  (*worker)->stop();
  (*worker)->join();
  return 0;
}
