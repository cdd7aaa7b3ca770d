#include "net/address.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>
#include <utility>

namespace parikshan::net {
namespace {

TEST(Address, ReadsAndWritesEachFamily) {
  for (const char* text : {"127.0.0.1:3306", "0.0.0.0:1", "[::1]:65535", "[::]:80",
                           "[fe80::1:2]:6379", "unix:/run/x.sock"}) {
    const auto address = Address::parse(text);
    ASSERT_TRUE(address) << text << ": " << address.error().text();
    EXPECT_EQ(address->text(), text);
  }
}

TEST(Address, KnowsItsParts) {
  const auto v4 = Address::parse("127.0.0.1:3306");
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->family(), AF_INET);
  EXPECT_EQ(v4->port(), 3306);
  EXPECT_EQ(v4->size(), sizeof(sockaddr_in));
  EXPECT_FALSE(v4->is_unix());
  EXPECT_EQ(v4->unix_path(), "");

  const auto v6 = Address::parse("[::1]:80");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->family(), AF_INET6);
  EXPECT_EQ(v6->port(), 80);

  const auto local = Address::parse("unix:/run/x.sock");
  ASSERT_TRUE(local);
  EXPECT_TRUE(local->is_unix());
  EXPECT_EQ(local->unix_path(), "/run/x.sock");
  EXPECT_EQ(local->port(), 0);
}

TEST(Address, NormalizesSpelling) {
  EXPECT_EQ(Address::parse("[0:0::0:1]:80")->text(), "[::1]:80");
  EXPECT_EQ(*Address::parse("[0:0::0:1]:80"), *Address::parse("[::1]:80"));
  EXPECT_FALSE(*Address::parse("127.0.0.1:80") == *Address::parse("127.0.0.1:81"));
}

TEST(Address, RefusesWhatIsNoAddress) {
  const std::string longest(sizeof(sockaddr_un::sun_path) - 2, 'x');
  EXPECT_TRUE(Address::parse("unix:/" + longest));
  const std::pair<std::string, const char*> cases[] = {
      {"", "write \"ADDRESS:PORT\""},
      {"127.0.0.1", "write \"ADDRESS:PORT\""},
      {"127.0.0.1:", "port"},
      {"127.0.0.1:0", "port"},
      {"127.0.0.1:65536", "port"},
      {"127.0.0.1:99999999999", "port"},
      {"127.0.0.1:-1", "port"},
      {"127.0.0.1:80x", "port"},
      {"127.0.0.1: 80", "port"},
      {"localhost:80", "names are not resolved"},
      {"127.0.0.256:80", "not a numeric address"},
      {":80", "not a numeric address"},
      {"::1:80", "in brackets"},
      {"[::1:80", "in brackets"},
      {"[127.0.0.1]:80", "not a numeric IPv6 address"},
      {"[]:80", "not a numeric IPv6 address"},
      {"unix:", "must begin with '/'"},
      {"unix:run/x.sock", "must begin with '/'"},
      {"unix:/x" + longest, "at most 107 bytes"},
      {std::string("unix:/a\0b", 9), "NUL"},
  };
  for (const auto& [text, why] : cases) {
    const auto address = Address::parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_NE(address.error().message.find(why), std::string::npos) << address.error().message;
  }
}

TEST(Address, TakesWhatTheKernelFillsIn) {
  sockaddr_storage storage{};
  sockaddr_in in4{};
  in4.sin_family = AF_INET;
  in4.sin_port = htons(4711);
  in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::memcpy(&storage, &in4, sizeof in4);
  EXPECT_EQ(Address::from_sockaddr(storage, sizeof in4).text(), "127.0.0.1:4711");

  // accept(2) gives an unnamed unix peer just the family.
  storage = {};
  storage.ss_family = AF_UNIX;
  EXPECT_EQ(Address::from_sockaddr(storage, sizeof(sa_family_t)).text(), "unix:");
  EXPECT_EQ(Address().family(), AF_UNSPEC);
  EXPECT_EQ(Address().text(), "");
}

}  // namespace
}  // namespace parikshan::net
