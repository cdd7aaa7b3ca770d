#include "divergence/masks.h"

#include <gtest/gtest.h>

namespace parikshan::divergence {
namespace {

Masks masks(const std::vector<std::string>& expressions) {
  auto compiled = Masks::compile(expressions);
  EXPECT_TRUE(compiled) << compiled.error().text();
  return std::move(compiled.value());
}

TEST(Masks, NoneComparesBytes) {
  const Masks none;
  EXPECT_TRUE(none.empty());
  EXPECT_TRUE(none.compare("abc\n", "abc\n").equal);
  const auto verdict = none.compare("abcd\n", "abXd\n");
  EXPECT_FALSE(verdict.equal);
  EXPECT_EQ(verdict.at_a, 2U);
  EXPECT_EQ(verdict.at_b, 2U);
}

TEST(Masks, OneIsLongerThanTheOther) {
  const Masks none;
  EXPECT_FALSE(none.compare("abc", "abcd").equal);
  EXPECT_FALSE(none.compare("abcd", "abc").equal);
  EXPECT_FALSE(none.compare("", "a").equal);
  EXPECT_TRUE(none.compare("", "").equal);
  EXPECT_EQ(none.compare("abc", "abcd").at_b, 3U);
}

TEST(Masks, AnchorsStandForTheLine) {
  const Masks date = masks({"^Date: .*$"});
  EXPECT_FALSE(date.empty());
  EXPECT_TRUE(date.compare("Date: Mon\n", "Date: Tuesday\n").equal);
  EXPECT_TRUE(date.compare("Date: Mon", "Date: Tue").equal);
  EXPECT_FALSE(date.compare("X-Date: Mon\n", "X-Date: Tue\n").equal);
  const Masks end = masks({"[0-9]+$"});
  EXPECT_TRUE(end.compare("id 17\n", "id 4711\n").equal);
  EXPECT_FALSE(end.compare("17 id\n", "18 id\n").equal);
}

TEST(Masks, TheLineEndIsNotPartOfTheLine) {
  const Masks date = masks({"^Date: .*$"});
  EXPECT_TRUE(date.compare("Date: Mon\r\n", "Date: Tuesday\r\n").equal);
  // How a line ends is not masked with what is in it.
  EXPECT_FALSE(date.compare("Date: Mon\r\n", "Date: Mon\n").equal);
  EXPECT_FALSE(date.compare("Date: Mon\n", "Date: Mon").equal);
}

TEST(Masks, SeveralMatchesInALine) {
  const Masks numbers = masks({"[0-9]+"});
  EXPECT_TRUE(numbers.compare("a1b22c333\n", "a111b2c33\n").equal);
  const auto verdict = numbers.compare("a1b22c333\n", "a111b2d33\n");
  EXPECT_FALSE(verdict.equal);
  EXPECT_EQ(verdict.at_a, 5U);
  EXPECT_EQ(verdict.at_b, 6U);
}

TEST(Masks, SeveralExpressionsTogether) {
  const Masks both = masks({"id=[0-9]+", "at=[a-z]+"});
  EXPECT_TRUE(both.compare("id=1 at=x ok\n", "id=22 at=yz ok\n").equal);
  EXPECT_FALSE(both.compare("id=1 at=x ok\n", "id=22 at=yz no\n").equal);
  // Masks that touch or overlap are one masked part.
  const Masks overlapping = masks({"ab+", "b+c"});
  EXPECT_TRUE(overlapping.compare("abbbc!", "abc!").equal);
}

TEST(Masks, AMaskedPartWantsAMaskedPart) {
  const Masks numbers = masks({"[0-9]+"});
  EXPECT_FALSE(numbers.compare("a1b", "ab").equal);
  EXPECT_FALSE(numbers.compare("ab", "a1b").equal);
  EXPECT_FALSE(numbers.compare("a1b", "axb").equal);
}

TEST(Masks, EmptyMatchesMaskNothing) {
  const Masks empty = masks({"x*"});
  EXPECT_TRUE(empty.compare("abc\n", "abc\n").equal);
  EXPECT_FALSE(empty.compare("abc\n", "abd\n").equal);
  EXPECT_TRUE(empty.compare("axxb\n", "axb\n").equal);
  const Masks nothing = masks({""});
  EXPECT_FALSE(nothing.compare("abc", "abd").equal);
  EXPECT_TRUE(nothing.compare("", "").equal);
}

TEST(Masks, BytesAreNotText) {
  const Masks any = masks({"k=.*;"});
  const std::string a("k=\xff\x00\x80;e", 7);
  const std::string b("k=\xfe;e", 5);
  EXPECT_TRUE(any.compare(a, b).equal);
}

TEST(Masks, SaysWhichExpressionIsBadAndWhy) {
  const auto bad = Masks::compile({"fine", "a(b"});
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().text().find("a(b"), std::string::npos) << bad.error().text();
  EXPECT_EQ(bad.error().text().find("fine"), std::string::npos) << bad.error().text();
  EXPECT_FALSE(Masks::compile({"(?=look)"}));
}

}  // namespace
}  // namespace parikshan::divergence
