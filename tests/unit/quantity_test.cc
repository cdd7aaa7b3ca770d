#include "base/quantity.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>

namespace parikshan {
namespace {

using namespace std::chrono_literals;

TEST(Quantity, ReadsSizes) {
  const std::pair<const char*, std::uint64_t> cases[] = {
      {"0", 0},
      {"4096", 4096},
      {"512B", 512},
      {"64KiB", 65536},
      {"8MiB", 8388608},
      {"1.5GiB", 1610612736},
      {"2TiB", 2199023255552},
      {"3KB", 3000},
      {"1MB", 1000000},
      {"1.25GB", 1250000000},
      {"1TB", 1000000000000},
      {"0.5KiB", 512},
      {"9223372036854775807", 9223372036854775807U},
  };
  for (const auto& [text, bytes] : cases) {
    const auto size = parse_size(text);
    ASSERT_TRUE(size) << text << ": " << size.error().text();
    EXPECT_EQ(*size, bytes) << text;
  }
}

TEST(Quantity, RefusesWhatIsNoSize) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "must begin with a number"},
      {"MiB", "must begin with a number"},
      {" 8MiB", "must begin with a number"},
      {"+8MiB", "must begin with a number"},
      {".5MiB", "must begin with a number"},
      {"8MIB", "unknown unit 'MIB'"},
      {"8mb", "unknown unit 'mb'"},
      {"8 MiB", "unknown unit ' MiB'"},
      {"8MiB ", "unknown unit 'MiB '"},
      {"1.", "unknown unit '.'"},
      {"0x10", "unknown unit 'x10'"},
      {"-1", "negative"},
      {"-8MiB", "negative"},
      {"0.5", "not a whole number of bytes"},
      {"1.0001KiB", "not a whole number of bytes"},
      {"0.1GiB", "not a whole number of bytes"},
      {"9223372036854775808", "too many digits"},
      {"99999999999999999999999999999999999999999999999999", "too many digits"},
      {"1.0000000000", "too many digits"},
      {"8388608TiB", "more than 2^63-1"},
      {"9007199254740992KiB", "more than 2^63-1"},
  };
  for (const auto& [text, why] : cases) {
    const auto size = parse_size(text);
    ASSERT_FALSE(size) << text;
    EXPECT_NE(size.error().message.find(why), std::string::npos) << size.error().message;
  }
}

TEST(Quantity, ReadsDurations) {
  const std::pair<const char*, Nanoseconds> cases[] = {
      {"0s", 0s},
      {"250us", 250us},
      {"200ms", 200ms},
      {"30s", 30s},
      {"5min", 5min},
      {"2h", 2h},
      {"1d", 24h},
      {"1min 30s", 90s},
      {"1min30s", 90s},
      {"1.5s", 1500ms},
      {"1d 2h 3min 4s", 26h + 3min + 4s},
      {"0.0000001s", 100ns},
  };
  for (const auto& [text, length] : cases) {
    const auto duration = parse_duration(text);
    ASSERT_TRUE(duration) << text << ": " << duration.error().text();
    EXPECT_EQ(*duration, length) << text;
  }
}

TEST(Quantity, RefusesWhatIsNoDuration) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "numbers with units"},
      {"s", "numbers with units"},
      {"0", "lacks its unit"},
      {"30", "lacks its unit"},
      {"1min 30", "lacks its unit"},
      {"30 s", "lacks its unit"},
      {"5m", "unknown unit 'm'"},
      {"5sec", "unknown unit 'sec'"},
      {"5s ", "numbers with units"},
      {"-5s", "negative"},
      {"1min -5s", "numbers with units"},
      {"300000d", "longer than 292 years"},
      {"100000d 100000d", "longer than 292 years"},
      {"9223372036854775807d", "longer than 292 years"},
  };
  for (const auto& [text, why] : cases) {
    const auto duration = parse_duration(text);
    ASSERT_FALSE(duration) << text;
    EXPECT_NE(duration.error().message.find(why), std::string::npos) << duration.error().message;
  }
}

TEST(Quantity, ReadsRates) {
  EXPECT_DOUBLE_EQ(*parse_rate("17/s"), 17);
  EXPECT_DOUBLE_EQ(*parse_rate("3.5/ms"), 3500);
  EXPECT_DOUBLE_EQ(*parse_rate("1000/min"), 1000.0 / 60);
  EXPECT_DOUBLE_EQ(*parse_rate("0/h"), 0);
  EXPECT_DOUBLE_EQ(*parse_rate("2/us"), 2e6);
}

TEST(Quantity, RefusesWhatIsNoRate) {
  for (const char* text : {"", "17", "/s", "17/", "17/fortnight", "-1/s", "nan/s", "inf/s", "x/s",
                           "1e999/s", "1e308/us", "17 /s", "17/s "})
    EXPECT_FALSE(parse_rate(text)) << text;
}

TEST(Quantity, WritesSizes) {
  EXPECT_EQ(format_size(0), "0B");
  EXPECT_EQ(format_size(512), "512B");
  EXPECT_EQ(format_size(1023), "1023B");
  EXPECT_EQ(format_size(1024), "1KiB");
  EXPECT_EQ(format_size(1536), "1.5KiB");
  EXPECT_EQ(format_size(8388608), "8MiB");
  EXPECT_EQ(format_size(1342177280), "1.25GiB");
  EXPECT_EQ(format_size(1048575), "1MiB");  // rounds up into the next unit
  EXPECT_EQ(format_size(1024 + 51), "1.05KiB");
  EXPECT_EQ(format_size(UINT64_MAX), "16EiB");
}

TEST(Quantity, WritesDurations) {
  EXPECT_EQ(format_duration(0ns), "0s");
  EXPECT_EQ(format_duration(999ns), "999ns");
  EXPECT_EQ(format_duration(740us), "740us");
  EXPECT_EQ(format_duration(999999ns), "1ms");
  EXPECT_EQ(format_duration(12500us), "12.5ms");
  EXPECT_EQ(format_duration(1500ms), "1.5s");
  EXPECT_EQ(format_duration(59999ms), "1min");
  EXPECT_EQ(format_duration(125s), "2min 5s");
  EXPECT_EQ(format_duration(3600s), "1h");
  EXPECT_EQ(format_duration(3600s - 1ms), "1h");
  EXPECT_EQ(format_duration(2h + 5min + 20s), "2h 5min");
  EXPECT_EQ(format_duration(76h), "3d 4h");
  EXPECT_EQ(format_duration(-1500ms), "-1.5s");
  EXPECT_EQ(format_duration(Nanoseconds::min()), "-106752d");
}

TEST(Quantity, WritesWhatItReads) {
  for (const std::uint64_t bytes : {0ULL, 512ULL, 1536ULL, 8388608ULL, 1342177280ULL})
    EXPECT_EQ(*parse_size(format_size(bytes)), bytes);
  for (const Nanoseconds length : {Nanoseconds(740us), Nanoseconds(90s), Nanoseconds(76h)})
    EXPECT_EQ(*parse_duration(format_duration(length)), length);
}

}  // namespace
}  // namespace parikshan
